"""The real files: how many traces, whose, on what, and how many right, as their README says."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.domain import Finish, TraceDraft, problem_id
from backend.exchange.traces.read import preview, read
from backend.exchange.traces.scan import scan
from backend.import_plan import ImportPlan, Source, SourceKind

# (model, dataset) -> (traces, right by the file's own verdicts), counted with the standard json module.
EXPECTED = {
    ("Qwen2.5-3B-Instruct", "AIME24"): (30, 2),
    ("Qwen2.5-3B-Instruct", "AMC23"): (40, 17),
    ("Qwen-2.5-3B-rlft", "AIME24"): (30, 4),
    ("Qwen-2.5-3B-rlft", "AMC23"): (40, 15),
    ("Qwen2.5-7B", "AIME24"): (30, 4),
    ("Qwen2.5-Math-7B", "AIME24"): (30, 6),
    ("Qwen3-14B-Base", "AIME24"): (30, 4),
    ("Qwen3-14B-Base", "AMC23"): (40, 25),
    ("Qwen3-14B-Base", "MATH500"): (500, 410),
    ("Qwen3-8B-Base", "AIME24"): (30, 3),
    ("Qwen2.5-7B · LIMO", "AIME24"): (30, 8),
    ("Qwen2.5-Math-7B · LIMO", "AIME24"): (30, 0),
    ("Qwen2.5-Math-7B · LIMO", "AMC23"): (40, 11),
    ("Qwen3-14B-Base · LIMO", "AIME24"): (30, 18),
    ("Qwen3-14B-Base · LIMO", "AMC23"): (40, 36),
    ("Qwen3-4B-Base · LIMO", "AMC23"): (40, 32),
    ("Qwen3-8B-Base · LIMO", "AIME24"): (30, 14),
    ("Qwen-7B_NOTAC_GSPO", "AIME25"): (30, 0),
    ("Qwen-7B_NOTAC_GSPO", "AIME90"): (30, 2),
    ("Qwen-7B_TAC_GSPO", "AIME25"): (30, 3),
    ("Qwen-7B_TAC_GSPO", "AIME90"): (30, 3),
    ("Qwen-7B_NOTAC_RLOO", "AIME25"): (30, 0),
    ("Qwen-7B_NOTAC_RLOO", "AIME90"): (30, 2),
    ("Qwen-7B_TAC_RLOO", "AIME25"): (30, 3),
    ("Qwen-7B_TAC_RLOO", "AIME90"): (30, 3),
    ("deepseek-r1-distill-llama-8b", "MATH"): (20, 10),
}
PAPER_WORDS = (
    *("wait", "hmm", "perhaps", "maybe", "actually"),
    *("alternatively", "seems", "might", "likely", "check"),
)


@pytest.fixture(scope="module")
def plan(shared_data: Path) -> ImportPlan:
    return scan([shared_data / "traces"])


def drafts_of(source: Source) -> list[TraceDraft]:
    return [draft for draft in read(source) if isinstance(draft, TraceDraft)]


def of(plan: ImportPlan, model: str, dataset: str) -> Source:
    return next(each for each in plan.sources if (each.info.model, each.info.dataset) == (model, dataset))


def test_every_run_is_found_and_complete(plan: ImportPlan) -> None:
    counted = {}
    for source in plan.sources:
        drafts = drafts_of(source)
        counted[source.info.model, source.info.dataset] = (len(drafts), sum(draft.verdict is True for draft in drafts))
        assert len({(problem_id(draft.question), draft.sample) for draft in drafts}) == len(drafts)
        assert all(draft.text and draft.question and draft.gold for draft in drafts)
    assert counted == EXPECTED


def test_nothing_fails_and_every_skip_has_its_reason(plan: ImportPlan) -> None:
    assert plan.failed == []
    reasons = [each.reason for each in plan.skipped]
    assert {reason: reasons.count(reason) for reason in set(reasons)} == {
        "licence text": 3,
        "settings of generation.jsonl, read with it": 8,
        "sentence labels, not traces": 20,
        "problem of base_solution.json, read with it": 20,
    }


@pytest.mark.parametrize(
    ("model", "dataset", "hits"),
    [
        ("Qwen2.5-7B", "AIME24", 1.07),
        ("Qwen2.5-7B · LIMO", "AIME24", 638.4),
        ("Qwen3-14B-Base", "AMC23", 0.17),
        ("Qwen2.5-Math-7B · LIMO", "AIME24", 73.7),
    ],
)
def test_texts_are_whole_by_the_papers_own_count(plan: ImportPlan, model: str, dataset: str, hits: float) -> None:
    texts = [draft.text.lower() for draft in drafts_of(of(plan, model, dataset))]
    counted = sum(text.count(word) for text in texts for word in PAPER_WORDS) / len(texts)
    assert counted == pytest.approx(hits, abs=0.05 if hits > 10 else 0.005)


def test_lineage_sampling_and_the_prompt_trap(plan: ImportPlan) -> None:
    limo = of(plan, "Qwen3-14B-Base · LIMO", "AIME24").info
    assert (limo.parent, limo.variant, limo.sampling.template) == ("Qwen3-14B-Base", "LIMO", "qwen-instruct")
    systems = {
        name: of(plan, name, "AIME25").info.sampling.system for name in ("Qwen-7B_TAC_GSPO", "Qwen-7B_NOTAC_GSPO")
    }
    assert systems == {"Qwen-7B_TAC_GSPO": "simplerl", "Qwen-7B_NOTAC_GSPO": "r1"}
    thip = drafts_of(of(plan, "Qwen-7B_NOTAC_GSPO", "AIME90"))
    assert sum(draft.finish is Finish.LENGTH for draft in thip) == 5 and thip[0].tokens and thip[0].prompt
    assert "solution" in thip[0].extra


def test_the_same_problems_meet_across_formats(plan: ImportPlan, shared_data: Path) -> None:
    sets = {each.info.dataset: each for each in scan([shared_data / "problems"]).sources}
    aime = {problem_id(draft.question) for draft in read(sets["AIME24"])}
    for model, dataset in (("Qwen2.5-7B", "AIME24"), ("Qwen2.5-3B-Instruct", "AIME24"), ("Qwen-7B_TAC_GSPO", "AIME90")):
        met = {problem_id(draft.question) for draft in drafts_of(of(plan, model, dataset))}
        assert len(met & aime) >= 25, (model, dataset)


def test_problem_sets(shared_data: Path) -> None:
    plan = scan([shared_data / "problems"])
    assert all(each.kind is SourceKind.PROBLEMS for each in plan.sources)
    rows = {each.info.dataset: list(read(each)) for each in plan.sources}
    assert {name: len(each) for name, each in rows.items()} == {
        **{"AIME24": 30, "AIME25": 30, "AMC23": 40, "MATH500": 500},
        **{"seen_1x64": 64, "seen_8x8": 64, "seen_64": 64, "seen_128": 128, "seen_512": 512},
    }
    unique = {name: len({problem_id(draft.question) for draft in each}) for name, each in rows.items()}
    # 511 different texts, of which two differ in one space alone.
    assert (unique["seen_1x64"], unique["seen_8x8"], unique["seen_512"]) == (1, 8, 510)
    assert len({draft.question for draft in rows["seen_512"]}) == 511
    chinese = [draft for draft in rows["seen_512"] if any("\u4e00" <= letter <= "\u9fff" for letter in draft.question)]
    assert len(chinese) == 94 and all(draft.gold for each in rows.values() for draft in each)


def test_verl_rows_and_preview(shared_data: Path) -> None:
    source = scan([shared_data / "formats" / "verl" / "sdpo_rollouts_1.first3rows.jsonl"]).sources[0]
    drafts = drafts_of(source)
    assert [draft.verdict for draft in drafts] == [False, False, True] and not drafts[0].roles_known
    assert drafts[0].question.startswith("Your task is") and not drafts[0].question.endswith("assistant")
    shown = preview(source, 2)
    assert len(shown.rows) == len(shown.drafts) == 2 and "score" in shown.columns


def test_other_tools_logs_are_left_aside_with_a_reason(shared_data: Path) -> None:
    plan = scan([shared_data / "formats" / "inspect", shared_data / "annotations"])
    assert {source.format for source in plan.sources} == {"Inspect log"} and plan.failed == []
    assert all(each.reason for each in plan.skipped) and len(plan.skipped) > 5
