"""verl's rollout and validation dumps: `{step}.jsonl` with decoded `input` and `output`.

Every step is a run of its own, for every step is another checkpoint.
"""

from collections.abc import Iterator

from backend.domain import RunInfo, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.chat_prompts import question_of
from backend.exchange.traces.source_names import UNNAMED, dataset_label, joined, model_label
from backend.exchange.traces.trace_format import Format, RowError, ScannedFile
from backend.import_plan import Row, Source

_USED = ("input", "output", "gts", "acc", "score", "step", "pred")


def _matches(row: Row) -> bool:
    return {"input", "output"} <= row.keys() and not row.keys().isdisjoint(("gts", "score"))


def _step(row: Row) -> str:
    step = row.get("step")
    if isinstance(step, bool) or not isinstance(step, int | None):
        raise RowError(f"'step' should be a whole number, but is {step!r:.40}")
    return "" if step is None else f"step {step}"


def _describe(found: ScannedFile, step: str) -> RunInfo:
    # The folder is the only name that a training has here: files are called by their step.
    numbered = found.stem.isdigit() and found.folders
    names = [name for name in (model_label(found.folders) if numbered else (found.stem,)) if name]
    source = found.row.get("data_source")
    return RunInfo(
        " · ".join((*names, *filter(None, (step,)))),
        dataset_label(source) if isinstance(source, str) and source else "training rollouts",
        variant=step or None,
        note=joined("roles unknown", UNNAMED.replace("file", "folder") if numbered else UNNAMED),
        series=" · ".join(names) if step else None,
        step=int(step.removeprefix("step ")) if step else None,
    )


def _drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft]:
    prompt = fields.text(row, "input")
    # verl decodes with the special tokens left out: roles are gone, and `<think>` survives only where it is no special
    # token. Such traces are marked as of unknown roles.
    yield TraceDraft(
        question_of(prompt),
        fields.text(row, "output"),
        ref,
        gold=fields.written(row.get("gts"), "gts"),
        prompt=prompt,
        answer=fields.written(row.get("pred"), "pred"),
        verdict=_verdict(row),
        roles_known=False,
        extra={**fields.rest(row, _USED), **fields.only(row, ("score", "acc", "step"))},
    )


def _verdict(row: Row) -> bool | None:
    """`acc`, or else a `score` of exactly 0 or 1."""
    # Any other reward says nothing about right and wrong: format rewards and penalties are added to it.
    for key in ("acc", "score"):
        value = row.get(key)
        if value is None:
            continue
        if not isinstance(value, int | float):
            raise RowError(f"'{key}' should be a number, but is {value!r:.40}")
        if value in (0, 1):
            return bool(value)
    return None


# A step's file may hold a single row, but is a run all the same.
FORMAT = Format("verl rollouts", _matches, _describe, _drafts, split=_step, group=lambda found: str(found.path))
