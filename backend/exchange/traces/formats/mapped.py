"""Any table whose columns are named: which one is the question, which one the response, and so on.

Owns the guess from column names and the reading of mapped rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from backend.domain import ProblemDraft, RunInfo, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.json_text import type_name
from backend.exchange.traces.trace_format import Format, Proposal, RowError
from backend.import_plan import ColumnMapping, Draft, Row, Source

# Part -> column names, the likeliest first. The order of parts matters too: a column is taken once, so that "answer" is
# the gold answer only where no other name says so, and "prompt" the question only where there is none.
_NAMES: dict[str, tuple[str, ...]] = {
    "question": ("question", "problem", "query", "instruction", "raw_problem", "task"),
    "text": (
        *("response", "responses", "generated_response", "generated_responses", "model_response", "model_output"),
        *("generation", "generations", "generated_text", "completion", "completions", "output", "outputs"),
        *("reasoning_trace", "trace", "cot", "text"),
    ),
    "prompt": ("prompt", "full_prompt", "input"),
    "sample": ("sample", "sample_id", "sample_index", "sample_idx", "repeat", "epoch"),
    "tokens": ("response_length", "response_tokens", "completion_tokens", "output_tokens", "num_tokens", "n_tokens"),
    "finish": ("finish_reason", "finish_reasons", "stop_reason"),
    "answer": ("extracted_answer", "generated_answer", "predicted_answer", "prediction", "pred", "model_answer"),
    "verdict": ("is_correct", "correct", "correctness", "verdict", "passed", "acc"),
    "reasoning": ("reasoning_content", "reasoning", "thinking"),
    "model": ("model", "model_name", "model_id", "generator"),
    "gold": (
        *("gold_answer", "gold", "ground_truth", "gt_answer", "gt", "gts", "expected_answer", "reference_answer"),
        *("target", "answer"),
    ),
}
_MOST_COLUMNS = 200


def guess_mapping(columns: Sequence[str]) -> ColumnMapping:
    """A mapping judged by the names of `columns` alone; a dotted name counts by its last part."""
    plain = [(re.sub(r"[^a-z0-9]+", "_", column.lower().rsplit(".", 1)[-1]).strip("_"), column) for column in columns]
    # Columns at the top win over nested ones of the same name.
    plain.sort(key=lambda pair: pair[1].count("."))
    chosen: dict[str, str] = {}
    for part, names in _NAMES.items():
        free = {name: column for name, column in reversed(plain) if column not in chosen.values()}
        found = next((free[name] for name in names if name in free), None)
        if found:
            chosen[part] = found
    if "question" not in chosen and "prompt" in chosen:
        chosen["question"] = chosen.pop("prompt")
    return ColumnMapping(**chosen)


def is_enough(mapping: ColumnMapping) -> bool:
    """Whether rows can be read by it: traces (a question and a response) or problems (a question and a gold answer)."""
    return bool(mapping.question and (mapping.text or mapping.gold))


def columns_of(row: Row, prefix: str = "", depth: int = 4) -> tuple[str, ...]:
    """Names of a row's fields, those of nested objects dotted, the first 200 of them."""
    names: list[str] = []
    for name, value in row.items():
        names.append(prefix + name)
        if isinstance(value, dict) and depth > 1:
            names += columns_of(value, f"{prefix}{name}.", depth - 1)
    return tuple(names[:_MOST_COLUMNS])


def value_at(row: Any, column: str) -> Any:
    """The field of that name, or else the one a dotted name leads to. Raises RowError where there is none."""
    # A name with a dot in it may be a column's own: flattened CSV files have such.
    if isinstance(row, dict) and column in row:
        return row[column]
    here = row
    for step in column.split("."):
        if isinstance(here, dict) and step in here:
            here = here[step]
        elif isinstance(here, list) and step.isdigit() and len(step) < 9 and int(step) < len(here):
            here = here[int(step)]
        else:
            raise RowError(f"the column '{column[:60]}' is missing (it has {fields.listed(row)})")
    return here


def model_of(row: Row, mapping: ColumnMapping) -> str:
    """The model a mapped row names; "" where no column holds one."""
    return (fields.as_text(value_at(row, mapping.model), mapping.model) or "") if mapping.model else ""


def proposal(info: RunInfo, row: Row, mapping: ColumnMapping) -> Proposal:
    """The run that the rows of the same model become."""
    model = model_of(row, mapping)
    info = RunInfo(
        model or info.model,
        info.dataset,
        parent=info.parent,
        variant=info.variant,
        context=info.context,
        sampling=info.sampling,
        format=info.format or FORMAT.name,
        source=info.source,
        # Token counts of a file are by its model's own tokenizer.
        tokenizer=info.tokenizer or ((model or info.model) if mapping.tokens else None),
        note=info.note,
    )
    return Proposal(info, model)


def _drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[Draft]:
    mapping = source.mapping
    if mapping is None or not mapping.question:
        raise RowError("no column is mapped to the question")
    values = {part: value_at(row, column) for part, column in mapping.used().items()}
    question = values["question"]
    if not isinstance(question, str):
        question = fields.as_text(question, mapping.question)
    if not question:
        raise RowError(f"'{mapping.question}' is empty, so there is no question")
    extra = fields.rest(row, mapping.used().values())
    if mapping.text is None:
        yield ProblemDraft(question, fields.written(values.get("gold"), mapping.gold or ""), ref, extra)
        return
    texts = values["text"] if isinstance(values["text"], list) else [values["text"]]
    if not texts:
        raise RowError(f"'{mapping.text}' is an empty list")
    for place in range(len(texts)):
        here = {part: _share(value, place, len(texts), mapping, part) for part, value in values.items()}
        yield _trace(question, here, place, mapping, ref, extra)


def _share(value: Any, place: int, count: int, mapping: ColumnMapping, part: str) -> Any:
    if not isinstance(value, list) or part in ("gold", "question"):
        return value
    # In a known format a short list means "unknown"; here the wrong column may have been named.
    if len(value) != count:
        raise RowError(f"'{mapping.used()[part]}' has {len(value)} items for {count} responses")
    return value[place]


def _trace(question: str, here: Row, place: int, mapping: ColumnMapping, ref: SourceRef, extra: Row) -> TraceDraft:
    names, text, reasoning = mapping.used(), here["text"], here.get("reasoning")
    if not isinstance(text, str):
        raise RowError(f"'{mapping.text}' should be text, but is {type_name(text)}")
    if reasoning:
        text = f"<think>{fields.as_text(reasoning, names['reasoning'])}</think>{text}"
    sample = fields.count(here.get("sample"), names.get("sample", ""))
    return TraceDraft(
        question,
        text,
        ref,
        gold=fields.written(here.get("gold"), names.get("gold", "")) or None,
        prompt=fields.written(here.get("prompt"), names.get("prompt", "")) or "",
        sample=place if sample is None else sample,
        tokens=fields.count(here.get("tokens"), names.get("tokens", "")),
        finish=fields.finish(here.get("finish")),
        answer=fields.as_text(here.get("answer"), names.get("answer", "")) or None,
        verdict=fields.verdict(here.get("verdict"), names.get("verdict", "")),
        extra={**extra, **fields.unknown_finish(names.get("finish", ""), here.get("finish"))},
    )


FORMAT = Format("mapped columns", lambda row: False, lambda found: (), _drafts)
