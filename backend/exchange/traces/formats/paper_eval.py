"""The paper's evaluation dump (eval.py): a line a problem, `generated_responses` with their lengths and verdicts.

Settings stand in the path: `<up to three parts of the model>/<data>/<problem set>_t0.6_think_k16_s0_e30.jsonl`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from backend.domain import RunInfo, Sampling, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.source_names import UNNAMED, dataset_label, from_file, model_label
from backend.exchange.traces.trace_format import Format, Proposal, ScannedFile
from backend.import_plan import Row, Source

_FILE = re.compile(
    r"(?P<data>.+)_t(?P<t>\d+(?:\.\d+)?)_(?P<think>think|nothink)_k(?P<k>\d+)_s(?P<s>-?\d+)_e(?P<e>-?\d+)"
)
_LISTS = ("thinking_token_lengths",)
_COPIES = ("answer_responses", "thinking_contents")  # parts of the response, word for word as a rule
_USED = (
    *("question", "gold_answer", "generated_responses", "generated_answers"),
    *("answers_correctness", "response_token_lengths", *_LISTS, *_COPIES),
)


def _matches(row: Row) -> bool:
    return "generated_responses" in row and not row.keys().isdisjoint(
        ("response_token_lengths", "answer_responses", "thinking_contents")
    )


def _describe(found: ScannedFile) -> Iterator[Proposal]:
    name = _FILE.fullmatch(found.stem)
    source = found.row.get("data_source")
    if name is None or len(found.folders) < 2:
        model, dataset = from_file(found)
        dataset = dataset_label(source) if isinstance(source, str) else dataset
        yield Proposal(RunInfo(model, dataset, format=FORMAT.name, source=found.shown, note=UNNAMED))
        return
    model, checkpoint = model_label(found.folders[:-1])
    # The checkpoint is a part of the name: the paper's curves are runs of one model at many steps.
    model = " · ".join(filter(None, (model, checkpoint)))
    sampling = Sampling(temperature=float(name["t"]), template=name["think"])
    yield Proposal(
        RunInfo(
            model,
            dataset_label(name["data"]),
            sampling=sampling,
            format=FORMAT.name,
            source=found.shown,
            tokenizer=model,
            note=f"k={name['k']}, problems {name['s']} to {name['e']}",
        )
    )


def drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft]:
    """A draft a response; companion.py reads its rows with it too."""
    question, responses = fields.text(row, "question"), fields.texts(row, "generated_responses")
    count = len(responses)
    answers = fields.per_sample(row, "generated_answers", count)
    verdicts = fields.per_sample(row, "answers_correctness", count)
    # `is_correct` is "any of them": only of a single response is it that response's verdict.
    if count == 1 and "answers_correctness" not in row:
        verdicts = [row.get("is_correct")]
    tokens = fields.per_sample(row, "response_token_lengths", count)
    gold, shared = fields.optional_text(row, "gold_answer"), fields.rest(row, _USED)
    shares, copies = fields.sliced(row, _LISTS, count), fields.sliced(row, _COPIES, count)
    for sample, text in enumerate(responses):
        # Thinking and answer repeat the response word for word, which would double the store; what differs is kept.
        kept = {key: part for key, part in copies[sample].items() if not (isinstance(part, str) and part in text)}
        yield TraceDraft(
            question,
            text,
            ref,
            gold=gold,
            sample=sample,
            tokens=fields.count(tokens[sample], "response_token_lengths"),
            answer=fields.as_text(answers[sample], "generated_answers"),
            verdict=fields.verdict(verdicts[sample], "answers_correctness"),
            extra={**shared, **shares[sample], **kept},
        )


FORMAT = Format("paper evaluation", _matches, _describe, drafts)
