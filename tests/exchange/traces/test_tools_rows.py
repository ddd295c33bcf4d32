"""Files that the field's own tools wrote, row by row: thinking, answer, gold and verdict are those of `expected.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from backend.domain import ProblemDraft, TraceDraft, problem_id
from backend.exchange.traces.read import RowTally, read
from backend.exchange.traces.scan import scan
from backend.import_plan import Source

Read = tuple[Source, list[TraceDraft]]
THOUGHT = re.compile(r"\s*<think>\n?(.*?)(?:\n?</think>\s*|\Z)(.*)", re.DOTALL)


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "formats"


def expected(folder: Path, tool: str) -> Any:
    return json.loads((folder / tool / "expected.json").read_text())


def runs(*paths: Path) -> list[Read]:
    """The runs that files become, with their traces; every row is accounted for."""
    plan = scan(paths)
    assert not plan.failed and not plan.questions
    found = []
    for source in plan.sources:
        tally = RowTally()
        drafts = list(read(source, tally=tally))
        assert tally.made == len(drafts) and tally.counts.rows
        found.append((source, [draft for draft in drafts if isinstance(draft, TraceDraft)]))
    return found


def one(*paths: Path) -> Read:
    (found,) = runs(*paths)
    return found


def apart(text: str, thinking: str | None = None) -> tuple[str, str]:
    """(thinking, answer) of a response that may hold its thinking, without the blanks around them."""
    found = THOUGHT.fullmatch(text) if not thinking else None
    return (found[1].strip(), found[2].strip()) if found else ((thinking or "").strip(), text.strip())


def verdicts(drafts: Sequence[TraceDraft]) -> list[bool | None]:
    return [draft.verdict for draft in drafts]


def problems(drafts: Sequence[TraceDraft | ProblemDraft]) -> int:
    return len({problem_id(draft.question) for draft in drafts})


def test_lm_eval(folder: Path) -> None:
    for run in expected(folder, "lm_eval")["runs"]:
        source, drafts = one(folder / "lm_eval" / run["file"])
        assert (source.info.model, source.info.dataset) == (run["model"], run["dataset"])
        assert (len(drafts), len({draft.question for draft in drafts})) == (
            run["traces"],
            run["problems"] if drafts else 0,
        )
        for row in run["rows"] if drafts else ():
            mine = [draft for draft in drafts if draft.text in row["responses"] and draft.gold == row["gold"]]
            assert [text for text in row["responses"] if text not in {draft.text for draft in mine}] == []
            graded = [draft for draft in mine if draft.sample == 0 and draft.text == row["responses"][0]]
            said = row["verdict_by_filter"].get("flexible-extract", next(iter(row["verdict_by_filter"].values())))
            assert bool(said) in verdicts(graded) or said not in (0, 1)
            assert all(draft.verdict is None for draft in drafts if draft.sample), "a filter judges the first repeat"


def test_inspect(folder: Path) -> None:
    right = {"C": True, "I": False, "N": False}
    for run in expected(folder, "inspect_ai")["runs"]:
        for name in re.findall(r"(?:eval|json)/\w+\.(?:eval|json)", run["file"]):
            _, drafts = one(folder / "inspect_ai" / name)
            rows = [row for row in run.get("rows", ()) if not row.get("error")]
            assert len(drafts) == run["samples"] - len(run.get("errored", ()))
            told = {
                (row["gold"], *apart(row["response_text"], row["thinking"]), right[next(iter(row["scores"].values()))])
                for row in rows
            }
            read_ = {(draft.gold, *apart(draft.text), draft.verdict) for draft in drafts}
            assert len(told & read_) == len(told), name


def test_lighteval(folder: Path) -> None:
    for run in expected(folder, "lighteval")["runs"]:
        source, drafts = one(folder / "lighteval" / run["file"])
        assert source.info.model == "lab-base" and source.info.dataset == run["dataset"]
        assert len(drafts) == run["traces"]
        for row in run.get("rows", ()):
            texts = [(draft.sample, draft.text, draft.gold, draft.verdict) for draft in drafts]
            first, second = row["responses"]
            assert (0, first, row["gold"], bool(row["metric"]["boxed_match"])) in texts
            assert (1, second, row["gold"], None) in texts


@pytest.mark.parametrize("run", range(6))
def test_trl(folder: Path, run: int) -> None:
    told = expected(folder, "trl")["runs"][run]
    source, drafts = one(folder / "trl" / told["file"])
    assert source.info.step == told["step"] and source.info.series == told["file"].partition("/")[0]
    assert verdicts(drafts) == [bool(value) for value in told["correct"]]
    assert [draft.gold for draft in drafts] == told["gold"]
    assert (len(drafts), problems(drafts)) == (told["rows"], told["problems"])


@pytest.mark.parametrize("run", range(11))
def test_verl(folder: Path, run: int) -> None:
    told = expected(folder, "verl")["runs"][run]
    source, drafts = one(folder / "verl" / told["file"])
    assert source.info.step == told["step"]
    assert (len(drafts), problems(drafts)) == (told["rows"], told["problems"])
    for key, found in (("correct", verdicts(drafts)), ("gold", [draft.gold for draft in drafts])):
        assert found == told.get(key, found) or not told[key]
    assert [draft.text for draft in drafts][: len(told.get("responses", ()))] == told.get("responses", [])


def test_trackio(folder: Path) -> None:
    told = expected(folder, "trackio")
    found = runs(folder / "trackio" / "lab-traces.db")
    rows = told["lab-traces.db"]["rows"]
    assert sum(len(drafts) for _, drafts in found) == told["lab-traces.db"]["traces"] == len(rows)
    for source, drafts in found:
        mine = [row for row in rows if (row["run"], row["step"]) == (source.info.series, source.info.step)]
        said = sorted((*apart(row["response"], row["thinking"]), row["gold"] or "") for row in mine)
        assert said == sorted((*apart(draft.text), draft.gold or "") for draft in drafts)
        ok = sorted(str({1.0: True, 0.0: False}.get(row["reward"])) for row in mine)
        assert ok == sorted(map(str, verdicts(drafts))) and "lab-base" in source.info.model
    tables = told["huggingface_trl_grpo.db"]["completions"]
    steps = {step: table["rows"] for table in tables for step in table["step_in_table_rows"]}
    grpo = runs(folder / "trackio" / "huggingface_trl_grpo.db")
    assert {source.info.step: len(drafts) for source, drafts in grpo} == steps, "the last table stands there twice"


def test_evalscope(folder: Path) -> None:
    told = expected(folder, "evalscope")
    _, drafts = one(folder / "evalscope" / "20261129_165900")
    rows = sorted(
        (*row["gold"], *apart(row["response"] or "", row["thinking"]), row["prediction"] or "", bool(row["verdict"]))
        for row in told["expected"]
    )
    assert sorted((d.gold, *apart(d.text), d.answer or "", d.verdict) for d in drafts) == rows  # fmt: skip
    assert problems(drafts) == told["problems"]


def test_promptfoo(folder: Path) -> None:
    told = [row for row in expected(folder, "promptfoo")["rows_expected"] if row["failureReason"] != 2]
    for name in ("out.json", "out.jsonl"):
        found = runs(folder / "promptfoo" / name)
        assert len(found) == 4, "two prompts of a model are two conditions"
        rows = sorted((source.info.model, draft.text, draft.verdict) for source, drafts in found for draft in drafts)
        assert rows == sorted((row["model"], row["response"], row["success"]) for row in told)


def test_opentelemetry(folder: Path) -> None:
    told = expected(folder, "opentelemetry")
    for name in ("otlp_genai.json", "otlp_genai.jsonl", "console_genai.jsonl", "otlp_openinference.json"):
        _, drafts = one(folder / "opentelemetry" / name)
        rows = sorted((row["question"], *apart(row["response"] or "", row["thinking"])) for row in told["rows"])
        assert sorted((draft.question, *apart(draft.text)) for draft in drafts) == rows
        if "openinference" not in name:
            assert sorted(map(bool, verdicts(drafts))) == sorted(row["correct"] for row in told["rows"])


def test_tinker(folder: Path) -> None:
    told = expected(folder, "tinker_cookbook")
    source, drafts = one(folder / "tinker_cookbook" / told["trajectories"]["file"])
    correct = told["trajectories"]["correct"]
    assert verdicts(drafts) == [ok for ok in correct if ok is not None][: len(drafts)] and source.info.step == 10
    assert len(drafts) == told["trajectories"]["rows"] - 1 and not any("<|im_end|>" in d.text for d in drafts)
    rollouts = runs(folder / "tinker_cookbook" / "rl")
    assert {source.info.step: len(drafts) for source, drafts in rollouts} == dict.fromkeys(range(3), 16)


def test_verifiers(folder: Path) -> None:
    told = expected(folder, "verifiers")
    source, drafts = one(folder / "verifiers" / told["file"])
    kept = [ok for place, ok in enumerate(told["correct"]) if place != 5]
    assert verdicts(drafts) == kept and (source.info.model, problems(drafts)) == ("lab-base", told["problems"])
    for older in runs(folder / "verifiers" / "outputs"):
        assert len(older[1]) == told["older results.jsonl"]["rows"] and older[0].info.model == "lab-base"


def test_skythought(folder: Path) -> None:
    told = expected(folder, "skythought")
    source, drafts = one(folder / "skythought" / "lab-base_fx12_a1b2c3")
    assert verdicts(drafts) == [ok for row in told["correct"].values() for ok in row]
    assert (source.info.model, source.info.dataset) == ("lab-base", "fx12")


def test_open_instruct(folder: Path) -> None:
    told = expected(folder, "open_instruct")
    found = runs(*(folder / "open_instruct").glob("*run1*"), folder / "open_instruct" / "tokenizer.json")
    assert sum(len(drafts) for _, drafts in found) == told["rows"] and [s.info.step for s, _ in found] == [1, 2, 3]
    assert apart(found[0][1][0].text)[0] == THOUGHT.fullmatch(told["first_response_text"])[1].strip()  # type: ignore[index]


# Folder -> traces, problems and model of its runs, as their `expected.json` says or follows from its words.
COUNTS: Mapping[str, Sequence[tuple[int, int, str | None]]] = {
    "openai_batch/chat": [(24, 12, "lab-base")],
    "openai_batch/responses": [(24, 12, "lab-base")],
    "vllm/run_batch_output.jsonl": [(23, 12, "lab-base")],
    "sharegpt/sharegpt.json": [(24, 12, None)],
    "sharegpt/sharegpt.jsonl": [(24, 12, None)],
    "hf_datasets/saved_dataset": [(24, 12, None)],
    "hf_datasets/saved_dict": [(12, 6, None), (12, 6, None)],
    "hf_datasets/saved_two_shards": [(12, 6, None)],
    "hf_datasets/messages.parquet": [(24, 12, None)],
    "prime_rl": [(8, 2, None)] * 3,
}


@pytest.mark.parametrize("place", COUNTS)
def test_counts(folder: Path, place: str) -> None:
    found = runs(folder / place, *([folder / "vllm" / "run_batch_input.jsonl"] if "run_batch" in place else []))
    assert [(len(drafts), problems(drafts)) for _, drafts in found] == [told[:2] for told in COUNTS[place]]
    for (source, _), (_, _, model) in zip(found, COUNTS[place], strict=True):
        assert model in (None, source.info.model)


def test_problems_and_pickles(folder: Path) -> None:
    told = expected(folder, "math_lighteval")
    (source,) = scan([folder / "math_lighteval" / "test.jsonl"]).sources
    drafts = list(read(source))
    assert [draft.gold for draft in drafts] == told["gold"] and problems(drafts) == told["problems"]
    plan = scan([folder / "slime" / "rollout_0.pt"])
    assert not plan.sources and "pickled" in str(plan.failed[0])
