r"""The pool: order, time limits, dying workers, threads, bounded reading ahead, and real traces in full."""

from __future__ import annotations

import itertools
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.grading import paper
from backend.grading.grader_process import GraderProcess
from backend.grading.pool import DIED, GraderPool
from backend.grading.verdicts import TOO_LONG, Verdicts
from tests.patience import PATIENCE

# Adding this up takes minutes; the paper's rules give up after 3 seconds by themselves.
STUCK, STUCK_GOLD = r"\boxed{\sum_{n=1}^{10000000} \sin(n^2)}", "x+1"


@pytest.fixture(scope="module")
def pool() -> Iterator[GraderPool]:
    with GraderPool(workers=1) as shared:
        yield shared


def test_results_come_in_order(pool: GraderPool) -> None:
    fractions = [(rf"so $\boxed{{\frac{{{n}}}{{7}}}}$", rf"\frac{{{2 * n}}}{{14}}") for n in range(1, 12)]
    integers = [(rf"\boxed{{{n}}}", str(n)) for n in range(20)]
    items = [item for pair in zip(fractions, integers, strict=False) for item in pair]
    verdicts = list(pool.grade(items))
    assert [verdict.paper.answer for verdict in verdicts] == [paper.extract(text) for text, _ in items]
    assert all(verdict.paper.correct and verdict.final.correct for verdict in verdicts)


def test_graders_may_disagree(pool: GraderPool) -> None:
    (verdict,) = pool.grade([(r"\boxed{500}", "5")])
    assert (verdict.paper.correct, verdict.final.correct) == (True, False)


@pytest.mark.parametrize("gold", [None, "", "  "])
def test_without_gold_nothing_is_decided(pool: GraderPool, gold: str | None) -> None:
    (verdict,) = pool.grade([(r"so $\boxed{x+1}$", gold)])
    assert (verdict.paper.answer, verdict.paper.correct) == ("x+1", None)
    assert (verdict.final.answer, verdict.final.correct) == ("x+1", None)


def test_nothing_to_grade(pool: GraderPool) -> None:
    assert list(pool.grade([])) == []


def test_a_stuck_answer_is_unknown_and_the_others_are_graded() -> None:
    normal = (r"so $\boxed{\frac{1}{2}}$", r"\frac{2}{4}")
    with GraderPool(workers=1, seconds=2.0) as pool:
        first, stuck, last = pool.grade([normal, (STUCK, STUCK_GOLD), normal])
    assert stuck.final.correct is None
    assert stuck.final.note == "unknown: took too long"
    assert stuck.paper.correct is False
    assert "3 seconds" in stuck.paper.note
    for verdict in (first, last):
        assert verdict.paper.correct and verdict.final.correct


def test_what_a_busy_machine_takes_away_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process stands still until its time is over by the clock, as if others had the processor."""
    ask, late = GraderProcess.ask, GraderProcess.late

    def stopped(worker: GraderProcess, request: dict[str, Any], seconds: float) -> None:
        os.kill(worker.pid, signal.SIGSTOP)
        ask(worker, request, seconds)

    def then_goes_on(worker: GraderProcess) -> bool:
        over, told = worker.deadline < time.monotonic(), late(worker)
        if over:
            os.kill(worker.pid, signal.SIGCONT)
        return told

    monkeypatch.setattr(GraderProcess, "ask", stopped)
    monkeypatch.setattr(GraderProcess, "late", then_goes_on)
    monkeypatch.setattr("backend.grading.grader_process._LONGEST", 1_000)
    with GraderPool(workers=1, seconds=1.0) as pool:
        (verdict,) = pool.grade([(r"so $\boxed{\frac{1}{2}}$", r"\frac{2}{4}")])
    assert verdict.final.correct and verdict.paper.correct


def test_survives_a_worker_that_is_killed() -> None:
    item = (r"so $\boxed{\frac{1}{2}}$", r"\frac{2}{4}")
    with GraderPool(workers=1) as pool:
        next(pool.grade([item]))
        for worker in pool._idle:
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait(PATIENCE)
        after = list(pool.grade([item] * 4))
    assert all(verdict.final.correct and verdict.paper.correct for verdict in after)


def test_an_answer_that_ends_the_process_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The worker is a real one whose interpreter ends when the paper's grader sees a certain answer."""
    hook = "import os, backend.grading.paper as p; f = p.grade_answer\n"
    hook += "p.grade_answer = lambda pred, gold: os._exit(9) if 'fatal' in pred else f(pred, gold)\n"
    (tmp_path / "sitecustomize.py").write_text(hook, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    normal = (r"so $\boxed{\frac{1}{2}}$", r"\frac{2}{4}")
    with GraderPool(workers=1) as pool:
        first, fatal, last = pool.grade([normal, (r"so \boxed{fatal^2}", "y^2"), normal])
    assert (fatal.paper.answer, fatal.paper.correct, fatal.paper.note) == ("fatal^2", None, DIED)
    assert first.paper.correct and last.paper.correct
    assert fatal.final.correct is False


def test_works_from_another_thread_and_with_any_text(pool: GraderPool) -> None:
    hostile = ["\x00\ud800", "a\nb\r\n\u2028", '"}\n{"grader": 1}', "𝔘\u0301" * 50, "x" * 300_000, ""]
    outcome: list[Verdicts] = []
    thread = threading.Thread(target=lambda: outcome.extend(pool.grade((text, "5") for text in hostile)))
    thread.start()
    thread.join()
    assert len(outcome) == len(hostile)
    assert not any(verdict.final.correct or verdict.paper.correct for verdict in outcome)


def test_reads_ahead_within_bounds(pool: GraderPool) -> None:
    taken = itertools.count()
    endless = ((rf"so $\boxed{{{next(taken)}}}$ or", "1/2") for _ in itertools.count())
    verdicts = pool.grade(endless)
    next(verdicts)
    assert next(taken) <= 260
    verdicts.close()
    (again,) = pool.grade([(r"\boxed{5} ok", "5")])
    assert again.final.correct, "a reader that stops early leaves the pool usable"


def test_more_workers_than_work_and_reuse_after_close() -> None:
    pool = GraderPool(workers=2)
    for _ in range(2):
        with pool:
            (verdict,) = pool.grade([(r"so $\boxed{1/2}$", "0.5")])
            assert verdict.final.correct


def test_a_pool_whose_processes_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.grading.grader_process.sys.executable", "/bin/false")
    with GraderPool(workers=1) as pool, pytest.raises(RuntimeError, match="can't be started"):
        list(pool.grade([(r"so $\boxed{1/2}$", "0.5")]))


def _rows(folder: Path, pattern: str) -> Iterator[tuple[str, str, bool]]:
    for path in sorted(folder.glob(pattern)):
        for line in path.open(encoding="utf-8"):
            row = json.loads(line)
            responses = row.get("generated_responses") or row.get("code")
            verdicts = row.get("answers_correctness") or row.get("score")
            gold = row.get("gold_answer", row.get("gt"))
            for response, verdict in zip(responses, verdicts, strict=True):
                yield response, str(gold), verdict


@pytest.mark.parametrize("pattern", ["strategic-info/**/*.jsonl", "qwen25-math-harness/**/*.jsonl"])
def test_agrees_with_the_verdicts_published_with_the_traces(shared_data: Path, pattern: str) -> None:
    """The `paper` grader against its authors' verdicts; the harness is the family their rules come from."""
    rows = list(_rows(shared_data / "traces", pattern))
    with GraderPool() as pool:
        verdicts = list(pool.grade((text, gold) for text, gold, _ in rows))
    assert len(rows) > 100
    assert [verdict.paper.correct for verdict in verdicts] == [published for _, _, published in rows]
    decided = [verdict for verdict in verdicts if verdict.final.correct is not None]
    assert len(decided) >= len(rows) - 2
    assert all(verdict.final.note == TOO_LONG for verdict in verdicts if verdict not in decided)


def test_countdown_answers_are_checked_exactly() -> None:
    """Equal in value to the gold decides nothing: the given numbers have to be used, each once."""
    question, gold = "Use 8, 4, 5 to make 9.", "(8 - 4) + 5"
    answers = {"5 + (8 - 4)": True, "9": False, "(8 - 4) + 4 + 1": False, "8 + 5 - 4": True, "8 + 4 - 5": False}
    with GraderPool(1) as pool:
        items = [(f"<think>\nHmm.\n</think>\n\n\\boxed{{{answer}}}", gold, question) for answer in answers]
        for verdicts, (answer, right) in zip(pool.grade(items), answers.items(), strict=True):
            assert (verdicts.final.answer, verdicts.final.correct) == (answer, right)
            assert verdicts.final.note.startswith("checked exactly") and verdicts.paper.correct is None
