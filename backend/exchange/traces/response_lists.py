"""Rows with a list of responses a problem, and lists of as many verdicts, answers and token counts beside it."""

from collections.abc import Iterator, Sequence

from backend.domain import SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.import_plan import ColumnMapping, Row


def drafts_of(
    row: Row, ref: SourceRef, columns: ColumnMapping, extra: Row, lists: Sequence[str] = (), *, shorter: bool = False
) -> Iterator[TraceDraft]:
    """A draft for each response of a row, which keeps the `extra` of all and its share of `lists`.

    With `shorter` a list may end before that of the responses. Raises RowError for values of other types.
    """
    names = columns.used()
    question, responses = fields.text(row, names["question"]), fields.texts(row, names["text"])
    gold, prompt = (fields.optional_text(row, names.get(part, "")) for part in ("gold", "prompt"))
    tokens, finishes, answers, verdicts = (
        fields.per_sample(row, names.get(part, ""), len(responses), shorter=shorter)
        for part in ("tokens", "finish", "answer", "verdict")
    )
    shares = fields.sliced(row, lists, len(responses), shorter=shorter)
    for sample, text in enumerate(responses):
        yield TraceDraft(
            question,
            text,
            ref,
            gold=gold,
            prompt=prompt or "",
            sample=sample,
            tokens=fields.count(tokens[sample], names.get("tokens", "")),
            finish=fields.finish(finishes[sample]),
            answer=fields.as_text(answers[sample], names.get("answer", "")),
            verdict=fields.verdict(verdicts[sample], names.get("verdict", "")),
            extra={**extra, **shares[sample], **fields.unknown_finish("finish_reason", finishes[sample])},
        )
