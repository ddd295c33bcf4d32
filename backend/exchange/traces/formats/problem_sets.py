"""Problem sets in verl's schema: `prompt`, `reward_model`, `extra_info`, as nested columns or as JSON strings.

Owns the gold answers of MATH too, which stand in the box of a solution.
"""

from collections.abc import Iterator
from typing import Any

from backend.domain import ProblemDraft, RunInfo, SourceRef, bare_question
from backend.exchange.traces import fields
from backend.exchange.traces.chat_prompts import asked, turns_of
from backend.exchange.traces.json_text import parse, type_name
from backend.exchange.traces.source_names import dataset_label, from_file, shard_name
from backend.exchange.traces.trace_format import Format, RowError, ScannedFile
from backend.grading.countdown import boxed
from backend.import_plan import Row, Source, SourceKind


def _matches(row: Row) -> bool:
    return {"prompt", "reward_model"} <= row.keys()


def _describe(found: ScannedFile, _: str) -> RunInfo:
    label = dataset_label(shard_name(found.stem) or found.stem)
    # train.parquet and its like are named by their folder.
    if label in ("train", "test", "validation", "data"):
        label = from_file(found)[1]
    return RunInfo("", label)


def _drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[ProblemDraft]:
    prompt, reward, info = (_unpacked(row, key) for key in ("prompt", "reward_model", "extra_info"))
    if not isinstance(reward, dict) or not isinstance(info, dict | None):
        raise RowError(f"'reward_model' should be an object, but is {type_name(reward)}")
    # The prompt ends in an instruction that isn't part of the problem; some sets bring the bare problem too.
    raw = (info or {}).get("raw_problem")
    question = asked(turns_of(prompt, "prompt"))[0]
    extra = fields.rest(row, ("reward_model",)) | {"prompt": prompt, "extra_info": info}
    extra["reward_style"] = reward.get("style")
    gold = fields.written(reward.get("ground_truth"), "reward_model.ground_truth")
    yield ProblemDraft(raw if isinstance(raw, str) and raw else bare_question(question), gold, ref, extra)


def _unpacked(row: Row, key: str) -> Any:
    """The value of a column that may be written as JSON text."""
    # In the paper's own repository aime24 is nested, and aime25, amc23 and math500 are JSON strings.
    value = row.get(key)
    if not isinstance(value, str):
        return value
    try:
        return parse(value.encode())
    except RowError as error:
        raise RowError(f"'{key}' should be an object or a list as JSON text: {error}") from None


FORMAT = Format("problem set", _matches, _describe, _drafts, kind=SourceKind.PROBLEMS)
HOOKS: dict[str, dict[str, Any]] = {
    "MATH problems": {"prepare": lambda row: [{**row, "boxed": boxed(str(row.get("solution") or ""))[0]}]}
}
