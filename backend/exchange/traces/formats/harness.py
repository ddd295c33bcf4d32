"""Output of the Qwen2.5-Math evaluation harness: `code` holds the responses, `pred` the answers, `score` the verdicts.

Settings stand in the path: `<organisation>/<model>/<set>/test_<template>_-1_seed0_t0.0_s0_e-1.jsonl`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from backend.domain import RunInfo, Sampling, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.source_names import UNNAMED, dataset_label, from_file, joined, model_label
from backend.exchange.traces.trace_format import Format, Proposal, ScannedFile
from backend.import_plan import Row, Source

# -1 for all problems, `_s` and `_e` the range of a part; at most 18 digits of seed, for a column holds no more.
_FILE = re.compile(
    r"[^_]+_(?P<template>.+)_(?P<n>-?\d+)_seed(?P<seed>\d{1,18})_t(?P<t>\d+(?:\.\d+)?)(?:_s-?\d+)?(?:_e-?\d+)?"
)
# `code` is the whole response: the harness was made for answers that are programs.
_USED = ("question", "gt", "code", "pred", "score", "report")


def _matches(row: Row) -> bool:
    return "code" in row and not row.keys().isdisjoint(("pred", "score"))


def _describe(found: ScannedFile) -> Iterator[Proposal]:
    name = _FILE.fullmatch(found.stem)
    if name is None or len(found.folders) < 2:
        model, dataset = from_file(found)
        yield Proposal(RunInfo(model, dataset, format=FORMAT.name, source=found.shown, note=UNNAMED))
        return
    model, checkpoint = model_label(found.folders[:-1])
    sampling = Sampling(temperature=float(name["t"]), seed=int(name["seed"]), template=name["template"])
    # -1 means all problems of the set.
    limit = "" if name["n"] == "-1" else f"{name['n']} problems asked for"
    yield Proposal(
        RunInfo(
            " · ".join(filter(None, (model, checkpoint))),
            dataset_label(found.folders[-1]),
            sampling=sampling,
            format=FORMAT.name,
            source=found.shown,
            note=joined(limit),
        )
    )


def _drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft]:
    question, responses = fields.text(row, "question"), fields.texts(row, "code")
    answers = fields.per_sample(row, "pred", len(responses))
    verdicts = fields.per_sample(row, "score", len(responses))
    shares, shared = fields.sliced(row, ("report",), len(responses)), fields.rest(row, _USED)
    for sample, text in enumerate(responses):
        yield TraceDraft(
            question,
            text,
            ref,
            gold=fields.optional_text(row, "gt"),
            sample=sample,
            answer=fields.as_text(answers[sample], "pred"),
            verdict=fields.verdict(verdicts[sample], "score"),
            extra={**shared, **shares[sample]},
        )


FORMAT = Format("Qwen2.5-Math harness", _matches, _describe, _drafts)
