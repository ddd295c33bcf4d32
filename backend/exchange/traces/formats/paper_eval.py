"""The paper's evaluation dump (eval.py): a line a problem, `generated_responses` with their lengths and verdicts.

Settings stand in the path: `<up to three parts of the model>/<data>/<problem set>_t0.6_think_k16_s0_e30.jsonl`.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from backend.domain import RunInfo, Sampling, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.response_lists import drafts_of
from backend.exchange.traces.source_names import UNNAMED, dataset_label, from_file, model_label
from backend.exchange.traces.trace_format import Format, ScannedFile
from backend.import_plan import ColumnMapping, Row, Source

_FILE = re.compile(
    r"(?P<data>.+)_t(?P<t>\d+(?:\.\d+)?)_(?P<think>think|nothink)_k(?P<k>\d+)_s(?P<s>-?\d+)_e(?P<e>-?\d+)"
)
_LISTS = ("thinking_token_lengths",)
_COPIES = ("answer_responses", "thinking_contents")  # parts of the response, word for word as a rule
_COLUMNS = ColumnMapping(
    question="question",
    text="generated_responses",
    gold="gold_answer",
    tokens="response_token_lengths",
    answer="generated_answers",
    verdict="answers_correctness",
)
_USED = (*_COLUMNS.used().values(), *_LISTS, *_COPIES)


def _matches(row: Row) -> bool:
    return "generated_responses" in row and not row.keys().isdisjoint(
        ("response_token_lengths", "answer_responses", "thinking_contents")
    )


def _describe(found: ScannedFile, _: str) -> RunInfo:
    name = _FILE.fullmatch(found.stem)
    source = found.row.get("data_source")
    if name is None or len(found.folders) < 2:
        model, dataset = from_file(found)
        return RunInfo(model, dataset_label(source) if isinstance(source, str) else dataset, note=UNNAMED)
    # The checkpoint is a part of the name: the paper's curves are runs of one model at many steps.
    model = " · ".join(filter(None, model_label(found.folders[:-1])))
    note = f"k={name['k']}, problems {name['s']} to {name['e']}"
    sampling = Sampling(temperature=float(name["t"]), template=name["think"])
    return RunInfo(model, dataset_label(name["data"]), sampling=sampling, tokenizer=model, note=note)


def drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft]:
    """A draft a response; companion.py reads its rows with it too."""
    responses = row.get("generated_responses")
    # `is_correct` is "any of them": only of a single response is it that response's verdict.
    if isinstance(responses, list) and len(responses) == 1 and "answers_correctness" not in row:
        row = {**row, "answers_correctness": [row.get("is_correct")]}
    for draft in drafts_of(row, ref, _COLUMNS, fields.rest(row, _USED), (*_LISTS, *_COPIES)):
        # Thinking and answer repeat the response word for word, which would double the store; what differs is kept.
        parts = {key: draft.extra[key] for key in _COPIES if key in draft.extra}
        copies = [key for key, part in parts.items() if isinstance(part, str) and part in draft.text]
        yield replace(draft, extra=fields.rest(draft.extra, copies))


FORMAT = Format("paper evaluation", _matches, _describe, drafts)
