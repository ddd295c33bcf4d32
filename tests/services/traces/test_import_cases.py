"""Files people really have: each case of the shared data gives its right value, and so do others of its kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.domain import TraceDraft, UserError
from backend.exchange.traces.read import RowTally, read
from backend.exchange.traces.scan import scan
from backend.import_plan import Source, SourceKind
from backend.services import Services
from tests.services.made_files import take, take_one, write

LONG = "Let me think about this for a while. Wait, maybe it is {}. No: it is \\boxed{{{}}}, as a check shows."


def long(number: int, model: str = "") -> str:
    return f"{model} {LONG.format(number + 1, number)}".strip()


def drafts_of(source: Source) -> list[TraceDraft]:
    return [draft for draft in read(source) if isinstance(draft, TraceDraft)]


def runs_in(path: Path) -> dict[tuple[str, str], list[TraceDraft]]:
    plan = scan([path])
    assert plan.failed == [] and plan.questions == []
    assert all(source.kind is SourceKind.RUN for source in plan.sources)
    return {(source.info.model, source.info.dataset): drafts_of(source) for source in plan.sources}


# (folder, model, dataset) -> (traces, right by the file's own verdicts, gold answers known)
CASES: dict[str, dict[tuple[str, str], tuple[int, int, int]]] = {
    "completions_csv": {("aime_2024_deepseek_r1", "completions_csv"): (3, 0, 3)},
    "envelope": {("Qwen/Qwen3-8B", "envelope"): (2, 2, 0)},
    "evalscope": {
        ("deepseek-reasoner-v3.2", "math_500_Level 1"): (3, 0, 0),
        ("qwen3-max", "math_500_Level 1"): (3, 0, 0),
    },
    "harness_mcq": {("Qwen2.5-3B-Instruct", "aqua"): (5, 3, 5), ("Qwen-2.5-3B-rlft", "aqua"): (5, 4, 5)},
    "lm_eval": {("Qwen/Qwen3-8B", "gsm8k"): (2, 1, 2)},
    "mip": {
        ("DSQ", "gsm8k/normal"): (3, 0, 3),
        ("Qwen32", "gsm8k/normal"): (3, 0, 3),
        ("deepseekR1", "gsm8k/normal"): (3, 0, 3),
        ("s1.1", "math/MiP"): (3, 0, 3),
        ("DSQ", "math/normal"): (3, 0, 3),
    },
    "promptfoo": {("gpt-4o-mini", "Prompt eval smoke tests"): (3, 2, 0)},
    "sky": {("Qwen2.5-14B-Instruct", "AMC23"): (2, 2, 2), ("Sky-T1-math-correct-5K-14B", "AMC23"): (2, 2, 2)},
    "tinker": {("tinker", "gsm8k"): (2, 1, 2)},
    "trl": {("trl · step 10", "training rollouts"): (4, 3, 0), ("trl · step 20", "training rollouts"): (4, 3, 0)},
    "verl_sdpo": {("verl_sdpo · step 1", "training rollouts"): (1, 1, 1)},
}


@pytest.mark.parametrize("case", CASES)
def test_a_case_gives_its_right_value(shared_data: Path, case: str) -> None:
    found = runs_in(shared_data / "cases" / "imports" / case)
    counted = {
        run: (len(drafts), sum(d.verdict is True for d in drafts), sum(d.gold is not None for d in drafts))
        for run, drafts in found.items()
    }
    assert counted == CASES[case]


def test_what_a_case_holds_inside(shared_data: Path) -> None:
    cases = shared_data / "cases" / "imports"
    (envelope,) = scan([cases / "envelope"]).sources
    assert (envelope.info.sampling.temperature, envelope.info.sampling.max_tokens) == (0.9, 32768)
    assert [draft.question for draft in drafts_of(envelope)] == ["id 2314 of envelope", "id 2317 of envelope"]
    mip = runs_in(cases / "mip")
    assert mip["DSQ", "gsm8k/normal"][0].gold.endswith("#### 540")  # type: ignore[union-attr]
    assert mip["DSQ", "math/normal"][1].question == "row 2 of response.json (math/normal)"
    assert mip["deepseekR1", "gsm8k/normal"][0].text.startswith("Okay, let's see.")
    assert {d.question for d in mip["DSQ", "gsm8k/normal"]} == {d.question for d in mip["Qwen32", "gsm8k/normal"]}
    thought = runs_in(cases / "evalscope")["deepseek-reasoner-v3.2", "math_500_Level 1"][0]
    assert thought.text.startswith("<think>We are given") and "</think>The snack tin" in thought.text
    rollouts = runs_in(cases / "trl")
    assert rollouts["trl · step 10", "training rollouts"][0].question == "What is 2+2?"
    assert rollouts["trl · step 20", "training rollouts"][0].extra["format_reward"] == 1.0
    assert runs_in(cases / "verl_sdpo")["verl_sdpo · step 1", "training rollouts"][0].gold.startswith("[{")  # type: ignore[union-attr]


def test_the_faults_give_their_right_values(shared_data: Path) -> None:
    faults = shared_data / "cases" / "faults"
    ((_, (one,)),) = runs_in(faults / "lm-eval").items()
    assert (one.question, one.verdict, one.answer) == ("What is 6*7?", True, "42")
    (text,) = drafts_of(scan([faults / "parquet" / "binary_text.parquet"]).sources[0])
    assert text.question == "What is 6*7?" and text.text.endswith("\\boxed{42}.")
    pair = drafts_of(scan([faults / "parquet" / "trl_completions.parquet"]).sources[0])
    assert [(each.question, each.verdict) for each in pair] == [("What is 6*7?", True), ("What is 6*7?", False)]
    (problem,) = scan([faults / "json" / "dup-keys.jsonl"]).failed
    assert "'answer' stands twice" in str(problem)
    assert len(drafts_of(scan([faults / "json" / "nan-second-line.jsonl"]).sources[0])) == 2


# -- others of each kind -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "column", ["model_completion", "llm_response", "Qwen3-8B", "answer_by_gpt-4o", "raw_generation", "final_output"]
)
def test_a_response_column_of_another_name(tmp_path: Path, column: str) -> None:
    rows = [{"question": f"{n}+{n}?", column: long(n), "answer": str(2 * n)} for n in range(3)]
    (source,) = scan([write(tmp_path / "rows.jsonl", rows)]).sources
    assert source.kind is SourceKind.RUN and [draft.text for draft in drafts_of(source)] == [long(n) for n in range(3)]


@pytest.mark.parametrize("column", ["zz", "attempt", "reasoning", "notes_of_model", "steps"])
def test_a_column_that_could_be_responses_is_asked_about(services: Services, tmp_path: Path, column: str) -> None:
    rows = [{"question": f"{n}+{n}?", column: long(n), "answer": str(2 * n)} for n in range(3)]
    path = write(tmp_path / "rows.jsonl", rows)
    (question,) = scan([path]).questions
    assert [each.name for each in question.long] == [column] and question.guess.gold == "answer"
    (asked,) = take(services, path)
    assert asked.state == "asked" and f"text={column}" in asked.sentence and services.runs.problem_sets() == []
    assert take_one(services, path, mapping={**question.guess.used(), "text": column})


def test_a_number_is_no_response(tmp_path: Path) -> None:
    rows = [{"question": f"{n}?", "outputs": [n, 2], "output_tokens": 40 + n, "response": long(n)} for n in range(3)]
    (source,) = scan([write(tmp_path / "rows.jsonl", rows)]).sources
    assert source.mapping and (source.mapping.text, source.mapping.tokens) == ("response", "output_tokens")
    short = [{"question": f"{n}?", "output": str(n), "full_text_x": long(n), "gold": "1"} for n in range(3)]
    plan = scan([write(tmp_path / "short.jsonl", short)])
    assert plan.sources == [] and [each.name for each in plan.questions[0].long] == ["full_text_x"]


def test_envelopes(tmp_path: Path) -> None:
    def laid(name: str, value: Any) -> Source:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(value, indent=1))
        (source,) = scan([path]).sources
        return source

    rows = [{"question": f"{n}?", "response": long(n), "correct": n == 0} for n in range(3)]
    head = {"config": {"model": "m"}, "model": "org/m", "temperature": 0.5}
    source = laid("results", {**head, "results": rows})
    assert (source.info.model, source.info.sampling.temperature, len(drafts_of(source))) == ("org/m", 0.5, 3)
    inner = [{"problem": f"{n}?", "completions": [{"text": long(n), "ok": 1}, {"text": long(n + 1)}]} for n in range(3)]
    nested = laid("nested", {**head, "results": inner})
    assert [(draft.question, draft.sample) for draft in drafts_of(nested)][:3] == [("0?", 0), ("0?", 1), ("1?", 0)]
    assert len(drafts_of(laid("lists", [[rows[0]], [rows[1], rows[2]]]))) == 3
    assert len(drafts_of(laid("keyed", {"0": rows[0], "1": rows[1], "2": rows[2]}))) == 3


def test_several_arms_in_a_row_become_runs(services: Services, tmp_path: Path) -> None:
    tasks = [{"question": f"{n}?", "model_answers": {m: long(n, m) for m in ("a", "b", "c")}} for n in range(3)]
    path = tmp_path / "arms.json"
    path.write_text(json.dumps({"settings": {}, "tasks": tasks}, indent=1))
    assert {model: len(drafts) for (model, _), drafts in runs_in(path).items()} == {"a": 3, "b": 3, "c": 3}
    pair = [{"question": f"{n}?", "base_response": long(n), "tuned_response": long(n + 1)} for n in range(3)]
    path = write(tmp_path / "pair.jsonl", pair)
    assert [model for model, _ in runs_in(path)] == ["base", "tuned"]
    odd = [{"question": f"{n}?", "zz": {"x": long(n), "y": long(n)}} for n in range(2)]
    path = write(tmp_path / "odd.jsonl", odd)
    plan = services.imports.plan([path], {"question": "question", "text": "zz.*"})
    assert [source.info.model for source in plan.sources] == ["x", "y"]
    plan = services.imports.plan([path], {"question": "question", "text": ["zz.x", "zz.y"]})
    assert [source.info.model for source in plan.sources] == ["x", "y"]


def test_a_path_that_takes_one_of_many_is_refused(services: Services, tmp_path: Path) -> None:
    rows = [{"q": f"{n}?", "x": [{"y": long(n)}, {"y": long(n + 1)}], "r": [[long(n)]]} for n in range(2)]
    path = write(tmp_path / "rows.jsonl", rows)
    effect = services.imports.effect([path], {"question": "q", "text": "x.0.y"})
    assert "takes one of 2 responses; 'x.y' takes them all" in effect.problem
    (outcome,) = take(services, path, mapping={"question": "q", "text": "x.1.y"})
    assert outcome.state == "failed" and "one of 2" in outcome.sentence
    assert len(services.imports.effect([path], {"question": "q", "text": "x.y"}).previews[0].drafts) == 4
    assert len(services.imports.effect([path], {"question": "q", "text": "r.0.0"}).previews[0].drafts) == 2
    assert len(services.imports.effect([path], {"question": "q", "text": "y", "rows": "x"}).previews[0].drafts) == 4
    whole = tmp_path / "whole.json"
    whole.write_text(json.dumps({"all": {"x": rows}}, indent=1))
    mapping = {"question": "q", "text": "y", "rows": "all.x.0.x"}
    assert "takes one of 2" in services.imports.effect([whole], mapping).problem
    mapping["rows"] = "all.x.x"
    assert len(services.imports.effect([whole], mapping).previews[0].drafts) == 4


def test_a_folder_is_mapped(services: Services, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / "in" / f"{name}.jsonl", [{"q": f"{n}?", "zz": long(n, name)} for n in range(2)])
    (tmp_path / "in" / "metrics.json").write_text('{"accuracy": 0.5}')
    outcomes = take(services, tmp_path / "in", mapping={"question": "q", "text": "zz"})
    assert sorted(outcome.state for outcome in outcomes) == ["imported", "imported", "skipped"]


def test_one_file_a_trace_is_one_run(tmp_path: Path) -> None:
    for n in range(5):
        one = {"question": f"{n}?", "response": long(n), "model": "m"}
        for path in (tmp_path / "flat" / f"problem_{n}.json", tmp_path / "deep" / f"problem_{n}" / "chain.json"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(one, indent=1))
        chat = {"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": long(n)}]}
        sample = {"id": n, "epoch": 1, "target": str(n), "scores": {"s": {"value": "C"}}, **chat}
        for path, value in (
            (tmp_path / "chats" / "Qwen3-8B" / f"{n}.json", chat),
            (tmp_path / "log" / "samples" / f"{n}_epoch_1.json", sample),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(value))
    (tmp_path / "log" / "header.json").write_text('{"version": 2, "eval": {"model": "org/m", "task": "t"}, "plan": {}}')
    for folder, run in (
        ("flat", ("m", "flat")),
        ("deep", ("m", "deep")),
        ("chats", ("Qwen3-8B", "chats")),
        ("log", ("org/m", "t")),
    ):
        found = runs_in(tmp_path / folder)
        assert {key: len(drafts) for key, drafts in found.items()} == {run: 5}
    assert all(draft.verdict for draft in found["org/m", "t"])


@pytest.mark.parametrize(
    ("place", "model"),
    [
        ("outputs/ORG/Model-7B/math_eval/aime24", "Model-7B"),
        ("runs/Model-7B/2026-11-29/eval_results/aime24", "Model-7B"),
        ("Org__Model-7B/aime_eval/aime24", "Org/Model-7B"),
        ("models--Org--Model-7B/results/seed_1/aime24", "Org/Model-7B"),
        ("Model-7B/global_step_40/predictions/aime24", "Model-7B · global_step_40"),
    ],
)
def test_a_folder_of_an_evaluation_is_no_model(tmp_path: Path, place: str, model: str) -> None:
    path = tmp_path / place / "test_qwen-cot_-1_seed0_t0.0_s0_e-1.jsonl"
    write(path, [{"question": "q", "gt": "1", "code": [long(1)], "pred": ["1"], "score": [True]}])
    ((found, dataset),) = runs_in(path)
    assert (found, dataset) == (model, "AIME24")


def test_a_base_and_its_trained_model_are_told_apart(tmp_path: Path) -> None:
    for training in ("base", "sft"):
        path = tmp_path / training / "Qwen2.5-7B" / "gsm8k" / "responses.jsonl"
        write(path, [{"question": f"{n}?", "response": long(n, training), "answer": str(n)} for n in range(2)])
    base, trained = (source.info for source in scan([tmp_path]).sources)
    assert (base.model, trained.model, trained.parent) == ("Qwen2.5-7B", "Qwen2.5-7B · sft", "Qwen2.5-7B")
    assert base.dataset == trained.dataset == "gsm8k"


@pytest.mark.parametrize("gold", ["gold", "expected", "reference", "correct_option"])
def test_rows_without_a_question_are_told_apart(services: Services, tmp_path: Path, gold: str) -> None:
    path = write(tmp_path / "x" / "r.jsonl", [{"response": long(n), gold: str(n)} for n in range(3)])
    [outcome] = services.imports.run([path])
    assert outcome.run and "no question is known" in outcome.sentence
    found = services.runs.get(outcome.run)
    assert found.problems == 3 and "no question is known" in found.info.note
    assert {each.gold for each in services.store.ledger.problems(outcome.run)} == {"0", "1", "2"}


def test_counts_are_told(services: Services, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"question": f"{n}?", "response": long(n) if n else None} for n in range(3)]
    (outcome,) = take(services, write(tmp_path / "r.jsonl", rows))
    assert outcome.counts and (outcome.counts.rows, outcome.counts.made) == (3, 2)
    assert "3 rows read, 1 left out: no response in 'response'" in outcome.sentence
    assert "left out" in services.runs.get(str(outcome.run)).info.note


def test_files_without_text_are_a_line_together(services: Services, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for n in range(5):
        (tmp_path / "in" / f"m{n}.json").write_text(json.dumps({"accuracy": n / 7, "settings": {"temperature": 1}}))
    (tmp_path / "in" / "log.csv").write_text("step,loss\n1,0.5\n2,0.4\n")
    (outcome,) = take(services, tmp_path / "in")
    assert outcome.state == "skipped" and "and 3 more" in outcome.sentence


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({"resourceSpans": []}, "OpenTelemetry"),
        ({"context.span_id": "1", "name": "x", "span_kind": "LLM"}, "Phoenix"),
        ({"version": 2, "eval": {}, "plan": {}, "results": {}, "stats": {}}, "Inspect"),
        ({"prompts": ["a long prompt"], "providers": [], "tests": []}, "promptfoo"),
    ],
)
def test_logs_of_other_tools_are_named(tmp_path: Path, row: dict[str, Any], word: str) -> None:
    (problem,) = scan([write(tmp_path / "x.jsonl", [row])]).failed
    assert word in str(problem)


def test_json_that_python_writes(tmp_path: Path) -> None:
    path = tmp_path / "nan.jsonl"
    path.write_text('{"question": "q", "response": "r \\\\NaN x", "score": NaN, "x": [-Infinity]}\n')
    (draft,) = drafts_of(scan([path]).sources[0])
    assert draft.extra == {"score": None, "x": [None]}
    path.write_text('{"question": "q", "response": "r \\": x", "a": 1, "a": 1}\n')
    assert len(drafts_of(scan([path]).sources[0])) == 1
    path.write_text('{"question": "q", "response": "r", "meta": {"a": 1, "a": 2}}\n')
    assert "'a' stands twice" in str(scan([path]).failed[0])


def test_binary_columns(tmp_path: Path) -> None:
    table = pa.table(
        {"question": ["q"], "response": pa.array(["Zürich".encode()], pa.binary()), "image": [b"\xff\xfe\x00"]}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    (draft,) = drafts_of(scan([tmp_path / "t.parquet"]).sources[0])
    assert draft.text == "Zürich" and draft.extra["image"] == {"base64": "//4A"}


def test_tables_as_spreadsheets_write_them(tmp_path: Path) -> None:
    for name, raw in (
        ("semicolon", b'"a, b, question";response\nq;r\n'),
        ("pipe", b"question|response\nq|r\n"),
        ("bom", b"\xef\xbb\xbfquestion,response\nq,r\n"),
        ("wide", "question\tresponse\nq\tr\n".encode("utf-16")),
    ):
        (tmp_path / f"{name}.csv").write_bytes(raw)
        (source,) = scan([tmp_path / f"{name}.csv"]).sources
        assert [draft.text for draft in drafts_of(source)] == ["r"], name


def test_a_filter_is_no_sample(tmp_path: Path) -> None:
    def line(doc: int, name: str, score: float, texts: list[str]) -> dict[str, Any]:
        return {"doc_id": doc, "doc": {"question": f"{doc}?"}, "target": "1", "arguments": [["p", {"do_sample": False}]],
                "resps": [texts], "filtered_resps": [texts[0]], "filter": name, "metrics": ["em"], "em": score}  # fmt: skip

    rows = [line(doc, name, float(name == "flexible-extract"), [long(doc), "x"]) for name in ("strict-match", "flexible-extract") for doc in (0, 1)]  # fmt: skip
    path = write(tmp_path / "M" / "samples_gsm8k_2026-01-01T00-00-00.jsonl", rows)
    (source,), tally = scan([path]).sources, RowTally()
    drafts = [draft for draft in read(source, tally=tally) if isinstance(draft, TraceDraft)]
    assert [draft.verdict for draft in drafts] == [True, None, True, None] and tally.counts.left[0][1] == 2
    assert (source.info.model, source.info.dataset, source.info.sampling.temperature) == ("M", "gsm8k", 0.0)


def test_unknown_parts_of_a_mapping_are_named(services: Services, tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", [{"q": "q", "t": {"words": long(1), "n": 3}}])
    with pytest.raises(UserError, match="no field 'txt' to map"):
        services.imports.plan([path], {"txt": "t"})
    assert "an object with words, n" in services.imports.effect([path], {"question": "q", "text": "t"}).problem
