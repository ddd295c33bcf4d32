"""Hugging Face rows with a list of `generations` a problem, as OpenR1-Math has them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from backend.domain import RunInfo, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.response_lists import drafts_of
from backend.exchange.traces.source_names import UNNAMED, dataset_label, from_file, joined
from backend.exchange.traces.trace_format import Format, ScannedFile
from backend.import_plan import ColumnMapping, Row, Source

_COLUMNS = ColumnMapping(text="generations", gold="answer", finish="finish_reasons")
_LISTS = ("correctness_math_verify", "correctness_llama", "is_reasoning_complete")
_GRADES = ("correctness_math_verify", "correctness_llama")
_USED = ("problem", "question", "answer", "generations", "finish_reasons", "messages", *_LISTS)


def _matches(row: Row) -> bool:
    return "generations" in row and not row.keys().isdisjoint(("problem", "question"))


def _describe(found: ScannedFile, _: str) -> RunInfo:
    model = next((fields.optional_text(found.row, key) for key in ("model", "generator") if found.row.get(key)), None)
    stem, dataset = from_file(found)
    note = joined("" if model else UNNAMED, "verdicts: correctness_math_verify, or else correctness_llama")
    return RunInfo(model or stem, dataset_label(dataset), note=note)


def _drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft]:
    columns = replace(_COLUMNS, question="problem" if "problem" in row else "question")
    extra = fields.rest(row, _USED)
    # The lists may be null or shorter than `generations`: what is missing is unknown, never false.
    drafts = list(drafts_of(row, ref, columns, extra, _LISTS, shorter=True))
    # OpenR1's rows repeat question and response as a chat; kept, it would double the store.
    known = {drafts[0].question, *(draft.text for draft in drafts)}
    kept = {"messages": row["messages"]} if "messages" in row and not _repeats(row["messages"], known) else {}
    for draft in drafts:
        # The second grader, a model, was asked about a part of the rows alone.
        grades = (fields.verdict(draft.extra.get(key), key) for key in _GRADES)
        verdict = next((grade for grade in grades if grade is not None), None)
        yield replace(draft, verdict=verdict, extra={**draft.extra, **kept})


def _repeats(messages: Any, known: set[str]) -> bool:
    """Whether the messages hold the question and a response over again, and nothing else."""
    if not isinstance(messages, list):
        return messages is None
    return all(isinstance(turn, dict) and turn.get("content") in known for turn in messages)


FORMAT = Format("Hugging Face generations", _matches, _describe, _drafts)
