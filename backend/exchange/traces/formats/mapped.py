"""Any table whose columns are named: which one is the question, which one the response, and so on.

Owns the reading of mapped rows; columns.py guesses the names.
"""

from collections.abc import Iterator
from dataclasses import replace

from backend.domain import ProblemDraft, RunInfo, SourceRef
from backend.exchange.traces import fields
from backend.exchange.traces.drafting import sampling, traces_of, worded
from backend.exchange.traces.row_paths import only_one, optional_value
from backend.exchange.traces.trace_format import Format, LeftOut, RowError
from backend.import_plan import ColumnMapping, Draft, Row, Source


def model_of(row: Row, mapping: ColumnMapping) -> str:
    """The model a mapped row names; "" where no column holds one."""
    return (fields.as_text(optional_value(row, mapping.model), mapping.model) or "") if mapping.model else ""


def described(info: RunInfo, row: Row, mapping: ColumnMapping, model: str) -> RunInfo:
    """The run that the rows of the same model (or arm) become; "" where no model is named."""
    name = model or info.model
    # Token counts of a file are by its model's own tokenizer.
    tokenizer = name if mapping.tokens else None
    return replace(info, model=name, tokenizer=tokenizer, sampling=sampling(row) if mapping.rows else info.sampling)


def _drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[Draft | LeftOut]:
    mapping = source.mapping
    if mapping is None:
        raise RowError("no column is mapped")
    values = {part: optional_value(row, column) for part, column in mapping.used().items() if part != "rows"}
    extra = fields.rest(row, mapping.used().values())
    if mapping.text is None:
        yield _problem(values, mapping, ref, extra)
        return
    only_one(row, mapping.text, "responses")
    yield from traces_of(values, mapping.used(), extra, ref, source)


def _problem(values: Row, mapping: ColumnMapping, ref: SourceRef, extra: Row) -> Draft | LeftOut:
    if not mapping.question:
        raise RowError("no column is mapped to the question or to the response")
    question, _ = worded(values["question"], mapping.question)
    if not question:
        return LeftOut(f"no question in '{mapping.question}'")
    return ProblemDraft(question, fields.written(values.get("gold"), mapping.gold or ""), ref, extra)


FORMAT = Format("mapped columns", lambda row: False, lambda found, key: RunInfo("", ""), _drafts)
