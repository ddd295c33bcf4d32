"""This app's own exports: a row a trace with its run, verdicts and cues, as services/exports/trace_export.py has it.

Cues are found anew on the way in, and answers graded anew: what a file says of them is not taken on trust.
"""

import re
from collections.abc import Iterator
from dataclasses import fields as fields_of
from typing import Any

from backend.domain import Context, Finish, RunInfo, Sampling, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.json_text import as_object, parse_object
from backend.exchange.traces.trace_format import Format, RowError, ScannedFile
from backend.import_plan import Row, Source

_NUMBERED = re.compile(r"rows-\d{5}")  # the files of an exported folder are pieces of one table


def _object(row: Row, key: str) -> Row:
    """An object, as JSON Lines hold it, or the JSON text of one, as a column of Parquet does."""
    value = row.get(key)
    return parse_object(value.encode()) if isinstance(value, str) else as_object({} if value is None else value)


def _known(kind: Any, row: Row, key: str) -> Any:
    try:
        return kind(fields.text(row, key))
    except ValueError:
        raise RowError(f"'{key}' should be one of {fields.listed(kind)}, but is {row[key]!r:.40}") from None


def _describe(found: ScannedFile, _: str) -> RunInfo:
    row = found.row
    metrics = {name: float(value) for name, value in _object(row, "metrics").items() if isinstance(value, int | float)}
    named: dict[str, Any] = {
        name: fields.optional_text(row, name) for name in ("parent", "variant", "tokenizer", "series")
    }
    return RunInfo(
        fields.text(row, "model"),
        fields.text(row, "dataset"),
        context=_known(Context, row, "context"),
        sampling=_sampling(_object(row, "sampling")),
        note=fields.optional_text(row, "note") or "",
        step=fields.count(row.get("step"), "step"),
        metrics=metrics,
        **named,
    )


def _sampling(given: Row) -> Sampling:
    kinds = {"temperature": float, "top_p": float, "top_k": int, "max_tokens": int, "seed": int}
    found: dict[str, Any] = {}
    for name in (each.name for each in fields_of(Sampling)):
        value, kind = given.get(name), kinds.get(name, str)
        right = isinstance(value, int | float) if kind is float else isinstance(value, kind)
        if value is not None and (isinstance(value, bool) or not right):
            raise RowError(f"'sampling.{name}' should be {kind.__name__}, but is {value!r:.40}")
        found[name] = value
    return Sampling(**found)


def _drafts(row: Row, ref: SourceRef, _: Source) -> Iterator[TraceDraft]:
    yield TraceDraft(
        fields.text(row, "question"),
        fields.text(row, "text"),
        ref,
        gold=fields.optional_text(row, "gold"),
        prompt=fields.optional_text(row, "prompt") or "",
        sample=fields.count(row.get("sample"), "sample") or 0,
        tokens=fields.count(row.get("tokens"), "tokens"),
        finish=_known(Finish, row, "finish"),
        answer=fields.optional_text(row, "file_answer"),
        verdict=fields.verdict(row.get("file_correct"), "file_correct"),
        roles_known=row.get("roles_known") is not False,
        extra=_object(row, "extra"),
    )


FORMAT = Format(
    "Second Thoughts export",
    lambda row: {"trace_id", "run_id", "problem_ordinal", "text_sha256", "cues"} <= row.keys(),
    _describe,
    _drafts,
    split=lambda row: fields.text(row, "run_id"),
    group=lambda found: str(found.path.parent if _NUMBERED.fullmatch(found.stem) else found.path),
    explicit=True,
)
