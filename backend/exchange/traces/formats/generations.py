"""Hugging Face rows with a list of `generations` a problem, as OpenR1-Math has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backend.domain import RunInfo, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.source_names import UNNAMED, dataset_label, from_file, joined
from backend.exchange.traces.trace_format import Format, Proposal, ScannedFile
from backend.import_plan import Row, Source

_LISTS = ("correctness_math_verify", "correctness_llama", "is_reasoning_complete")
_GRADES = ("correctness_math_verify", "correctness_llama")
_USED = ("problem", "question", "answer", "generations", "finish_reasons", "messages", *_LISTS)


def _matches(row: Row) -> bool:
    return "generations" in row and not row.keys().isdisjoint(("problem", "question"))


def _describe(found: ScannedFile) -> Iterator[Proposal]:
    model = next((fields.optional_text(found.row, key) for key in ("model", "generator") if found.row.get(key)), None)
    stem, dataset = from_file(found)
    note = joined("" if model else UNNAMED, "verdicts: correctness_math_verify, or else correctness_llama")
    yield Proposal(RunInfo(model or stem, dataset_label(dataset), format=FORMAT.name, source=found.shown, note=note))


def _drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft]:
    question = fields.text(row, "problem" if "problem" in row else "question")
    responses = fields.texts(row, "generations")
    # The lists may be null or shorter than `generations`: what is missing is unknown, never false.
    finishes = fields.per_sample(row, "finish_reasons", len(responses), shorter=True)
    shares = fields.sliced(row, _LISTS, len(responses), shorter=True)
    shared = fields.rest(row, _USED)
    # OpenR1's rows repeat question and response as a chat; kept, it would double the store.
    if "messages" in row and not _repeats(row["messages"], {question, *responses}):
        shared["messages"] = row["messages"]
    for sample, text in enumerate(responses):
        # The second grader, a model, was asked about a part of the rows alone.
        grades = (fields.verdict(shares[sample].get(key), key) for key in _GRADES)
        yield TraceDraft(
            question,
            text,
            ref,
            gold=fields.optional_text(row, "answer"),
            sample=sample,
            finish=fields.finish(finishes[sample]),
            verdict=next((grade for grade in grades if grade is not None), None),
            extra={**shared, **shares[sample], **fields.unknown_finish("finish_reason", finishes[sample])},
        )


def _repeats(messages: Any, known: set[str]) -> bool:
    """Whether the messages hold the question and a response over again, and nothing else."""
    if not isinstance(messages, list):
        return messages is None
    return all(isinstance(turn, dict) and turn.get("content") in known for turn in messages)


FORMAT = Format("Hugging Face generations", _matches, _describe, _drafts)
