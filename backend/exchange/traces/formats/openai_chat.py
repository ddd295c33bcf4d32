"""Chats as JSON Lines: OpenAI's `messages` and ShareGPT's `conversations`; the last assistant turn is the trace.

Owns turning messages into question, prompt and text; openai_batch.py and problem_sets.py hold such messages too.
"""

from collections.abc import Iterator

from backend.domain import RunInfo, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.chat_prompts import asked, last_turn, reply_of, turns_of
from backend.exchange.traces.source_names import UNNAMED, dataset_label, from_file
from backend.exchange.traces.trace_format import Format, RowError, ScannedFile
from backend.import_plan import Row, Source

_READ = ("role", "content", "reasoning_content", "reasoning", "thinking", "refusal", "from", "value")
_VERDICT = ("is_correct", "correct", "correctness", "verdict", "passed")
_GOLD = ("gold_answer", "gold", "ground_truth", "expected_answer", "answer")


def _matches(row: Row) -> bool:
    return "messages" in row or "conversations" in row


def model_of(row: Row) -> str:
    """The model a row names, "" where it names none. Each model's rows become a run."""
    return fields.optional_text(row, "model") or ""


def _describe(found: ScannedFile, model: str) -> RunInfo:
    stem, dataset = from_file(found)
    named = fields.optional_text(found.row, "dataset") or fields.optional_text(found.row, "data_source")
    return RunInfo(model or stem, dataset_label(named or dataset), note="" if model else UNNAMED)


def _drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft]:
    key = "messages" if "messages" in row else "conversations"
    found = last_turn(turns_of(row.get(key), key))
    if found is None:
        raise RowError(f"'{key}' holds no message of the assistant")
    question, prompt = asked(found.before)
    gold = fields.first_named(row, _GOLD)
    reply = reply_of(found.turn, row.get("finish_reason"))
    # Ids and signatures of calls and thoughts stay with the trace, beside the words that were read out of them.
    kept = fields.rest(found.turn, _READ)
    yield TraceDraft(
        question,
        reply.text,
        ref,
        gold=fields.optional_text(row, gold) if gold else None,
        prompt=prompt,
        finish=reply.finish,
        verdict=fields.lenient(fields.verdict, row.get(fields.first_named(row, _VERDICT))),
        extra={
            **fields.rest(row, (key, "model", "finish_reason", gold)),
            **fields.unknown_finish("finish_reason", row.get("finish_reason")),
            **({"message": kept} if kept else {}),
            **({"later_messages": found.after} if found.after else {}),
        },
    )


FORMAT = Format("OpenAI chat", _matches, _describe, _drafts, split=model_of)
