"""Importing real files: whole or not at all, once, and nothing lost on the way."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from backend.config import Settings
from backend.domain import Context, Section, TraceFilter, UserError, problem_id
from backend.import_plan import Overrides
from backend.lexicon.entries import MatchMode
from backend.services import Services, build_services
from backend.services.traces.importer import import_here
from backend.store.trace_filters import VERDICTS
from tests.services.made_files import BOXED, row, state, take, take_one, write

KIM = ("wait", "hmm", "perhaps", "maybe", "actually", "alternatively", "seems", "might", "likely", "check")
GOOD = [row(f"Problem {i}?", f"Wait, maybe \\boxed{{{i}}}", gold=str(i)) for i in range(20)]
BAD_ROWS: dict[str, Any] = {
    "no responses": {"question": "x", "generated_responses": []},
    "a number for the response": row("x", gold="1") | {"generated_responses": [5]},
    "a missing question": {"generated_responses": ["x"]},
    "a verdict of another kind": row("x", "y", answers_correctness=["perhaps"]),
    "too many verdicts": row("x", "y", answers_correctness=[True, False]),
    "a huge token count": row("x", "y", response_token_lengths=[2**40]),
    "a negative token count": row("x", "y", response_token_lengths=[-1]),
    "a list": ["x"],
}


def test_a_run_is_imported_with_its_figures(services: Services, tmp_path: Path) -> None:
    (outcome,) = take(services, write(tmp_path / "base" / "M" / "aime" / "test_qwen_t0.5_k1_s0_e30.jsonl", GOOD))
    assert outcome.state == "imported" and "20 traces of 20 problems" in outcome.sentence
    (run,) = services.runs.all()
    assert (run.info.model, run.info.dataset, run.info.sampling.temperature) == ("M", "AIME24", 0.5)
    assert (run.id, run.problems, run.traces, run.length_unit) == (outcome.run, 20, 20, "words")
    (summary,) = services.runs.summaries("kim2026")
    assert (
        summary.cues.value == 2.0 and summary.accuracy["paper"].value == summary.accuracy["final answer"].value == 1.0
    )
    assert summary.accuracy["file"] is None


@pytest.mark.parametrize("what", BAD_ROWS)
def test_a_bad_row_at_the_end_changes_nothing(
    services: Services, settings: Settings, tmp_path: Path, what: str
) -> None:
    take_one(services, write(tmp_path / "kept.jsonl", GOOD[:2]))
    before = state(settings.store)
    (outcome,) = take(services, write(tmp_path / "bad.jsonl", [*GOOD, BAD_ROWS[what]]))
    assert outcome.state == "failed" and outcome.run is None
    assert "bad.jsonl, row 21: " in outcome.sentence and outcome.sentence.endswith(".")
    assert state(settings.store) == before
    take_one(services, write(tmp_path / "bad.jsonl", GOOD))


def test_one_bad_file_does_not_stop_the_others(services: Services, tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.jsonl", GOOD[:1])
    write(tmp_path / "in" / "b.jsonl", [*GOOD[:1], {"question": "x"}])
    write(tmp_path / "in" / "c.jsonl", GOOD[1:2])
    (tmp_path / "in" / "LICENSE").write_text("MIT")
    states = [outcome.state for outcome in take(services, tmp_path / "in")]
    assert sorted(states) == ["failed", "imported", "imported", "skipped"]


def test_the_same_content_is_recognised_under_any_name(services: Services, settings: Settings, tmp_path: Path) -> None:
    first = write(tmp_path / "one" / "a.jsonl", GOOD)
    run = take_one(services, first)
    before = state(settings.store)
    other = tmp_path / "two" / "b.jsonl"
    other.parent.mkdir()
    shutil.copy(first, other)
    for path in (first, other):
        (outcome,) = take(services, path, overrides=Overrides(model="another name"))
        assert (outcome.state, outcome.run) == ("present", run)
        assert "already in the store as a · one, by its content" in outcome.sentence
    assert state(settings.store) == before
    write(other, [*GOOD, row("One more?", "2")])
    assert take(services, other)[0].state == "imported"


def test_a_dry_run_changes_nothing(services: Services, settings: Settings, tmp_path: Path) -> None:
    before = state(settings.store)
    (outcome,) = take(services, write(tmp_path / "a.jsonl", GOOD), dry_run=True)
    assert outcome.state == "planned" and "would become" in outcome.sentence
    assert state(settings.store) == before


def test_two_that_import_the_same_file_at_once(settings: Settings, services: Services, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", GOOD)
    with build_services(settings) as other:
        inside = other.imports.plan([path]).sources
        report = iter([True])

        def meanwhile(done: int, size: int, what: str) -> None:
            if next(report, False):
                take_one(services, path)

        (outcome,) = other.imports.take(inside, on_progress=meanwhile)
        assert outcome.state == "present" and "another process" in outcome.sentence
        assert len(other.runs.all()) == 1
        assert {part.path for part in other.store.ledger.parts("traces")} <= set(state(settings.store)[0])
    registered = services.store.ledger.part_paths()
    assert {name for name, content in state(settings.store)[0].items() if content is not None} == registered


TRICKY = {
    "CRLF": "line\r\nwait\r\nmaybe\rno",
    "astral": "𝔸𝔹 wait 🤔 check 𝟙",
    "combining": "e\u0301 wait\u0301 wait n\u0303 a\u0300maybe",
    "NUL": "wait\0 check\0",
    "lengthening lower case": "İSTANBUL wait İİ MAYBE ẞ ŉ check",
    "bidi": "\u202ewait\u202c \u2066check\u2069",
    "think": "<think>\nWait</think>\n\nmaybe check",
    "unopened think": "hmm wait</think>likely",
    "blank": " \n\t",
    "empty": "",
    "CJK": "等等wait，也许maybe吧",
    "separators": "a\u2028wait\u2029b\x85check\x0b\x0cmight",
}


@pytest.mark.parametrize("what", TRICKY)
def test_text_comes_back_code_point_for_code_point(services: Services, tmp_path: Path, what: str) -> None:
    text = TRICKY[what]
    run = take_one(services, write(tmp_path / "a.jsonl", [row(f"{text}?", text, extra_field=text)]))
    opened = services.traces.open(f"{run}-00000", services.lexicons.get("kim2026").id)
    assert opened.text == text and opened.extra["extra_field"] == text
    assert opened.question == f"{text}?"
    assert "".join(text[s.start : s.end] for s in opened.sections) == text
    assert opened.words == len(text.split())
    assert len(opened.cues) == sum(text.lower().count(word) for word in KIM)


texts = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    | st.sampled_from(
        [*KIM, *TRICKY.values(), "Double-check", "I’m not sure", "hold\non", "等等", "<think>", "</think>"]
    ),
    max_size=8,
).map("".join)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(texts, min_size=1, max_size=15), st.booleans())
def test_every_stored_cue_cuts_out_what_was_matched(settings_: Settings, responses: list[str], escaped: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, build_services(settings_) as services:
        rows = [row(f"{responses[0]} {i}", text, gold=None) for i, text in enumerate(responses)]
        path = write(Path(folder) / "a.jsonl", rows, ascii_only=escaped)
        run = take_one(services, path)
        try:
            for lexicon in services.lexicons.by_name.values():
                forms = {entry.name: entry.forms for entry in lexicon.entries}
                listed = services.trace_list.page(TraceFilter(runs=(run,), lexicon=lexicon.name), sort="problem").rows
                assert len(listed) == len(responses)
                for item in listed:
                    opened = services.traces.open(item.id, lexicon.id)
                    assert opened.text == responses[item.number - 1]
                    for cue in opened.cues:
                        found = _plain(opened.text[cue.start : cue.end], lexicon.mode)
                        assert any(found == form or _ends_of_dotted(found, form) for form in forms[cue.entry])
                        assert any(s.start <= cue.start < s.end and s.section is cue.section for s in opened.sections)
                    assert item.cues == len(opened.response_cues)
                    if lexicon.name == "kim2026":
                        assert item.cues == sum(opened.text.lower().count(word) for word in KIM)
        finally:
            services.runs.delete(run)


def _plain(text: str, mode: MatchMode) -> str:
    lowered = text.lower()
    return "".join(" " if c.isspace() else c for c in lowered.replace("’", "'")) if mode is MatchMode.WORD else lowered


def _ends_of_dotted(found: str, form: str) -> bool:
    """The lower case of "İ" is two characters; a match of one of them takes in both."""
    return "i\u0307" in found and form in found


@pytest.fixture(scope="module")
def settings_(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(store=tmp_path_factory.mktemp("unicode") / "store")


def test_problems_are_the_same_across_files_and_wordings(services: Services, tmp_path: Path) -> None:
    question = "Find $x$ with\n  $x + 1 = 3$."
    wordings = [question, f"{question}\n\n{BOXED}", f"  {question}  ", f"Find $x$ with $x + 1 = 3$. {BOXED}"]
    runs = [take_one(services, write(tmp_path / f"{i}.jsonl", [row(text, f"{i}")])) for i, text in enumerate(wordings)]
    (problem,) = {item.id for run in runs for item in services.store.ledger.problems(run)}
    assert problem == problem_id(question)
    assert sorted(services.traces.runs_with(problem)) == sorted(runs)
    other = take_one(services, write(tmp_path / "other.jsonl", [row("Find $x$ with $x + 1 = 4$.", "3")]))
    assert services.store.ledger.problems(other)[0].id != problem
    compared = services.comparison.compare(runs, "kim2026", "paper")
    assert [item.id for item in compared.problems] == [problem] and compared.problems[0].question == question


def test_samples_are_kept_apart_and_counted(services: Services, tmp_path: Path) -> None:
    one = row("1+1?", "wait \\boxed{2}", "\\boxed{3}", "wait \\boxed{2}", answers_correctness=[True, False, True])
    two = row("1+2?", "\\boxed{2}", gold="3", answers_correctness=[False])
    run = take_one(services, write(tmp_path / "a.jsonl", [one, two, row("1+1?", "\\boxed{2}")]))
    (stored,) = services.runs.all()
    assert (stored.problems, stored.traces) == (2, 5)
    problem = problem_id("1+1?")
    refs = services.comparison.samples(run, problem)
    assert [(ref.sample, ref.copies) for ref in refs] == [(0, 2), (1, 1), (3, 1)]
    (summary,) = services.runs.summaries("kim2026")
    assert summary.accuracy["final answer"].value == pytest.approx((3 / 4 + 0) / 2)
    assert summary.accuracy["file"].value == pytest.approx((2 / 3 + 0) / 2)
    assert summary.cues.value == pytest.approx((2 / 4 + 0) / 2)


def test_lengths_are_tokens_only_where_every_trace_has_them(services: Services, tmp_path: Path) -> None:
    counted = [row(f"{i}?", "wait so", response_token_lengths=[10]) for i in range(3)]
    words = take_one(services, write(tmp_path / "some.jsonl", [*counted, row("3?", "wait so")]))
    tokens = take_one(services, write(tmp_path / "all.jsonl", counted))
    units = {run.id: run.length_unit for run in services.runs.all()}
    assert units == {words: "words", tokens: "tokens"}
    densities = services.runs.densities()
    assert densities[words]["kim2026"][1] == pytest.approx(500.0)
    assert densities[tokens]["kim2026"][1] == pytest.approx(100.0)
    compared = services.comparison.compare([words, tokens], "kim2026", "paper")
    assert compared.unit == "words" and any("token counts" in warning for warning in compared.warnings)


def test_tokens_are_counted_with_a_tokenizer_file(services: Services, tmp_path: Path) -> None:
    file = tmp_path / "tiny" / "tokenizer.json"
    file.parent.mkdir()
    tokenizer = Tokenizer(models.WordLevel({"wait": 0, "?": 1}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("a", "isolated")
    tokenizer.save(str(file))
    text = "<think>wait</think>a a"
    path = write(tmp_path / "a.jsonl", [row("q?", text, response_token_lengths=[99])])
    run = take_one(services, path, tokenizer=file)
    expected = len(tokenizer.encode(text).tokens)
    opened = services.traces.open(f"{run}-00000", services.lexicons.get("kim2026").id)
    assert opened.tokens == expected and opened.run.length_unit == "tokens"
    assert opened.run.info.tokenizer == "tiny/tokenizer.json"
    (stored,) = services.store.queries.per_trace([run], "")
    assert stored["think_tokens"] == len(tokenizer.encode("<think>wait</think>").tokens)


@pytest.mark.parametrize("content", [None, "", "{}", "not json", '{"model": {"type": "WordLevel"}}'])
def test_a_tokenizer_file_that_is_none_is_a_sentence(services: Services, tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "tokenizer.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UserError, match="can't be read as a tokenizer"):
        take(services, write(tmp_path / "a.jsonl", GOOD), tokenizer=file)
    assert services.runs.all() == []


def test_permalinks_hold_after_a_run_was_deleted_and_imported_again(services: Services, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [row(f"{i % 7}?", f"wait {i}", f"maybe {i}") for i in range(20)])
    run = take_one(services, path)
    lexicon = services.lexicons.get("doubts").id
    before = {f"{run}-{i:05d}": services.traces.open(f"{run}-{i:05d}", lexicon).text for i in range(40)}
    services.runs.delete(run)
    with pytest.raises(UserError, match="no trace"):
        services.traces.open(f"{run}-00000", lexicon)
    assert take_one(services, path) == run
    assert {key: services.traces.open(key, lexicon).text for key in before} == before


def test_where_a_trace_came_from_is_kept(services: Services, tmp_path: Path) -> None:
    extra = {"note": {"deep": [1, 2.5, None, "ü"]}, "flag": True}
    path = write(tmp_path / "a.jsonl", [row("a?", "x"), row("b?", "y", "z", **extra)])
    run = take_one(services, path)
    opened = services.traces.open(f"{run}-00002", services.lexicons.get("doubts").id)
    assert (opened.source, opened.source_row, opened.sample) == (str(path), 2, 1)
    (source,) = services.store.ledger.sources(run)
    assert (source.sha256, source.bytes) == (opened.source_sha256, path.stat().st_size)
    assert opened.extra == extra


def test_overrides_win_over_what_the_source_says(services: Services, tmp_path: Path) -> None:
    given_ = Overrides(model="m", dataset="d", parent="p", context=Context.SOLUTION, temperature=0.6, seed=3, note="n")
    take_one(services, write(tmp_path / "a.jsonl", GOOD), overrides=given_)
    (run,) = services.runs.all()
    info = run.info
    assert (info.model, info.dataset, info.parent, info.context, info.note) == ("m", "d", "p", Context.SOLUTION, "n")
    assert (info.sampling.temperature, info.sampling.seed) == (0.6, 3)


def test_any_table_by_its_columns(services: Services, tmp_path: Path) -> None:
    mapping = {"question": "q", "text": "out", "gold": "truth", "verdict": "ok"}
    table = pa.table(
        {"q": ["1+1?", "1+2?"], "out": ["wait 2", "4"], "truth": ["2", "3"], "ok": [1, 0], "more": ["m", None]}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    (outcome,) = take(services, tmp_path / "a.parquet", mapping=mapping)
    assert outcome.state == "imported", outcome
    rows = services.trace_list.page(TraceFilter(grader="file", lexicon="kim2026"), sort="problem").rows
    assert [(item.correct, item.cues) for item in rows] == [(True, 1), (False, 0)]
    with pytest.raises(UserError, match="the column 'nosuch' is missing"):
        take(services, tmp_path / "a.parquet", mapping={"question": "q", "text": "nosuch"})
    with pytest.raises(UserError, match="no field 'nosuch' to map"):
        take(services, tmp_path / "a.parquet", mapping={"nosuch": "q"})


def test_problem_sets_are_stored_once_and_share_their_problems(services: Services, tmp_path: Path) -> None:
    problems = [{"problem": f"{i % 2}+1?", "answer": str(i % 2 + 1)} for i in range(3)]
    path = tmp_path / "set.json"
    path.write_text(json.dumps(problems))
    mapping = {"question": "problem", "gold": "answer"}
    (outcome,) = take(services, path, mapping=mapping)
    assert outcome.state == "imported" and "2 problems in 3 rows" in outcome.sentence
    assert take(services, path, mapping=mapping)[0].state == "present"
    run = take_one(services, write(tmp_path / "run.jsonl", [row("0+1?", "1", gold=None)]))
    assert services.store.ledger.problems(run)[0].gold == "1"
    services.runs.delete(run)
    assert len(services.store.ledger.all_problems()) == 2
    (stored,) = services.runs.problem_sets()
    services.runs.delete_problem_set(stored.id)
    assert services.store.ledger.all_problems() == []


def test_graders_stand_beside_the_files_verdict(services: Services, tmp_path: Path) -> None:
    rows = [
        row("a?", "so \\boxed{2}", gold="2", answers_correctness=[False]),
        row("b?", "so \\boxed{\\frac{1}{2}}", gold="0.5", answers_correctness=[True]),
        row("c?", "no answer at all", gold="7", answers_correctness=[None]),
        row("d?", "\\boxed{1}", gold=None),
    ]
    run = take_one(services, write(tmp_path / "a.jsonl", rows))
    listed = {
        item.number: item for item in services.trace_list.page(TraceFilter(lexicon="doubts"), sort="problem").rows
    }
    assert [listed[i].correct for i in (1, 2, 3, 4)] == [True, True, False, None]
    assert [listed[i].disagree for i in (1, 2, 3, 4)] == [True, False, False, False]
    opened = services.traces.open(f"{run}-00000", services.lexicons.get("doubts").id)
    assert {v.grader: v.correct for v in opened.verdicts} == {"file": False, "paper": True, "final answer": True}
    assert opened.disagreement.startswith("The graders disagree")
    (summary,) = services.runs.summaries()
    assert summary.disagree == 1 and set(summary.accuracy) == set(VERDICTS)
    assert summary.accuracy["final answer"].n == 3


def test_prompt_cues_are_kept_and_not_counted(services: Services, tmp_path: Path) -> None:
    line = {"input": "user\nwait, maybe 1+1?\nassistant\n", "output": "check", "gts": "2", "score": 1.0, "step": 3}
    path = tmp_path / "3.jsonl"
    path.write_text(json.dumps(line) + "\n")
    run = take_one(services, path)
    opened = services.traces.open(f"{run}-00000", services.lexicons.get("kim2026").id)
    assert [cue.entry for cue in opened.cues if cue.section is Section.PROMPT] == ["wait", "maybe"]
    assert [opened.prompt[c.start : c.end] for c in opened.cues if c.section is Section.PROMPT] == ["wait", "maybe"]
    assert [cue.entry for cue in opened.response_cues] == ["check"] and opened.roles_known is False
    assert services.runs.densities()[run]["kim2026"][0] == 1.0


def test_a_run_of_many_parts_is_one_run(
    services: Services, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.services.traces.run_builder.PART_BYTES", 2_000)
    rows = [row(f"{i % 5}?", f"wait {i} " + "x" * 300, gold=None) for i in range(40)]
    plan, told = services.imports.plan([write(tmp_path / "a.jsonl", rows)]), list[Any]()
    import_here(settings, plan.sources, None, False, told.append)  # in this process, where parts are small
    run = told[-1].run
    assert len(services.store.ledger.parts("traces", [run])) > 3
    listed = services.trace_list.page(TraceFilter(lexicon="kim2026"), sort="problem").rows
    assert len(listed) == 40 and all(item.cues == 1 for item in listed)
    assert [(item.number, item.sample) for item in listed] == sorted((i % 5 + 1, i // 5) for i in range(40))
    assert services.traces.open(f"{run}-00039", services.lexicons.get("doubts").id).text.startswith("wait 39")
    chain, here = [], f"{run}-00000"
    while here:
        chain.append(here)
        here = services.traces.neighbours(here)[1]
    assert len(set(chain)) == 40


def test_progress_ends_at_the_files_size(services: Services, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [row(f"{i}?", "x" * 20_000, gold=None) for i in range(60)])
    told: list[tuple[int, int, str]] = []
    sources = services.imports.plan([path]).sources
    list(services.imports.take(sources, on_progress=lambda *step: told.append(step)))
    assert [step[0] for step in told] == sorted(step[0] for step in told) and len(told) > 2
    assert told[-1] == (path.stat().st_size, path.stat().st_size, str(path))


def test_names_from_outside_stay_names(services: Services, settings: Settings, tmp_path: Path) -> None:
    hostile = "../../../outside <img onerror=x> \x1b[31m '; DROP TABLE runs; --"
    before = sorted(path.name for path in tmp_path.rglob("*") if settings.store not in path.parents)
    rows = [{"problem": "1?", "generations": ["2"], "model": hostile, "answer": "2"}]
    run = take_one(services, write(tmp_path / "a.jsonl", rows))
    assert services.runs.get(run).info.model == hostile
    after = sorted(path.name for path in tmp_path.rglob("*") if settings.store not in path.parents)
    assert after == sorted([*before, "a.jsonl"])
    assert "\x1b" not in take(services, tmp_path / "a.jsonl")[0].sentence
