"""Rollouts of trainings: TRL's completions (`completions_00010.parquet`) and tinker-cookbook's trajectories."""

import re
from collections.abc import Iterator
from dataclasses import replace

from backend.domain import Finish, RunInfo, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.chat_prompts import question_of
from backend.exchange.traces.formats.openai_chat import asked, last_turn, response_of, turns_of
from backend.exchange.traces.row_paths import is_messages, object_at
from backend.exchange.traces.source_names import dataset_label, from_file, joined
from backend.exchange.traces.trace_format import Format, LeftOut, ScannedFile
from backend.import_plan import Row, Source

_NO_NAME = "the model is not named in the source: the folder's name stands in for it"
_GOLD = ("gold", "answer", "ground_truth", "solution", "target", "gold_answer")
_RIGHT = re.compile(r"correct|accura|exact|verif", re.IGNORECASE)
# What decoding leaves at the end of a response whose special tokens are kept.
_END = re.compile(r"<\|(?:im_end|eot_id|endoftext|end_of_text|end)\|>\s*\Z")


def _matches(row: Row) -> bool:
    rewards = "advantage" in row or any("reward" in key for key in row)
    return {"step", "prompt", "completion"} <= row.keys() and rewards


def _step(row: Row) -> str:
    step = fields.as_text(row.get("step"), "step")
    return f"step {step}" if step else ""


def _describe(found: ScannedFile, step: str) -> RunInfo:
    series, number = from_file(found)[0], step.removeprefix("step ")
    model = " · ".join(filter(None, (series, step)))
    note = joined("rollouts of a training; its rewards are kept with each trace", _NO_NAME)
    found_step = int(number) if number.isdecimal() else None
    in_series = series if found_step is not None else None
    return RunInfo(model, "training rollouts", variant=step or None, note=note, series=in_series, step=found_step)


def _drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft | LeftOut]:
    prompt, text = row["prompt"], row["completion"]
    if text is None:
        yield LeftOut("no response in 'completion'")
        return
    earlier: list[Row] = []
    if not isinstance(text, str):
        found = last_turn(turns_of(text, "completion"))
        if found is None:
            yield LeftOut("no message of the assistant in 'completion'")
            return
        text, earlier = response_of(found.turn), found.before
    gold = fields.first_named(row, _GOLD)
    if is_messages(prompt):
        question, prompt = asked([*turns_of(prompt, "prompt"), *earlier])
    else:
        prompt = fields.text(row, "prompt")
        question = question_of(prompt)
    yield TraceDraft(
        question,
        text,
        ref,
        gold=fields.written(row.get(gold), gold),
        prompt=prompt,
        verdict=_verdict(row),
        extra=fields.rest(row, ("prompt", "completion", gold)),
    )


def _verdict(values: Row) -> bool | None:
    """The reward of exactly 0 or 1 whose name says that it is for the right answer; others are for form or length."""
    named = (fields.zero_or_one(value) for name, value in values.items() if _RIGHT.search(name))
    return next((verdict for verdict in named if verdict is not None), None)


def _describe_trajectory(found: ScannedFile, _: str) -> RunInfo:
    named = fields.optional_text(found.row, "benchmark")
    # The innermost folder is the benchmark's.
    model, dataset = from_file(replace(found, names=tuple(part for part in found.names if part != named)))
    return RunInfo(model, dataset_label(named or dataset), note=_NO_NAME)


def _trajectory(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft | LeftOut]:
    found = last_turn(turns_of(row["turns"], "turns") if row["turns"] else [])
    if found is None:
        yield LeftOut("the sample failed" if row.get("error") else "no message of the assistant")
        return
    logs, metrics = object_at(row, "logs"), object_at(row, "metrics")
    question, prompt = asked(found.before)
    verdict = fields.zero_or_one(row.get("reward"))
    yield TraceDraft(
        question_of(question),
        _END.sub("", response_of(found.turn)),
        ref,
        gold=fields.written(logs.get("expected"), "logs.expected"),
        prompt=prompt,
        tokens=fields.lenient(fields.count, found.turn.get("token_count")),
        finish=Finish.LENGTH if metrics.get("truncated") == 1 else Finish.UNKNOWN,
        answer=fields.written(logs.get("extracted"), "logs.extracted") or None,
        verdict=_verdict(metrics) if verdict is None else verdict,
        extra=fields.rest(row, ("turns",)),
    )


FORMAT = Format("TRL completions", _matches, _describe, _drafts, split=_step)
TRAJECTORIES = Format(
    "tinker trajectories", lambda row: {"turns", "reward"} <= row.keys(), _describe_trajectory, _trajectory
)
