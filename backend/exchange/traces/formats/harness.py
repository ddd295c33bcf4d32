"""Output of the Qwen2.5-Math evaluation harness: `code` holds the responses, `pred` the answers, `score` the verdicts.

Settings stand in the path: `<organisation>/<model>/<set>/test_<template>_-1_seed0_t0.0_s0_e-1.jsonl`.
"""

import re

from backend.domain import RunInfo, Sampling
from backend.exchange.traces import fields
from backend.exchange.traces.response_lists import drafts_of
from backend.exchange.traces.source_names import UNNAMED, dataset_label, from_file, model_label
from backend.exchange.traces.trace_format import Format, ScannedFile
from backend.import_plan import ColumnMapping

# -1 for all problems, `_s` and `_e` the range of a part; at most 18 digits of seed, for a column holds no more.
_FILE = re.compile(
    r"[^_]+_(?P<template>.+)_(?P<n>-?\d+)_seed(?P<seed>\d{1,18})_t(?P<t>\d+(?:\.\d+)?)(?:_s-?\d+)?(?:_e-?\d+)?"
)
# `code` is the whole response: the harness was made for answers that are programs.
_COLUMNS = ColumnMapping(question="question", text="code", gold="gt", answer="pred", verdict="score")
_USED = (*_COLUMNS.used().values(), "report")


def _describe(found: ScannedFile, _: str) -> RunInfo:
    name = _FILE.fullmatch(found.stem)
    if name is None or len(found.folders) < 2:
        return RunInfo(*from_file(found), note=UNNAMED)
    model = " · ".join(filter(None, model_label(found.folders[:-1])))
    sampling = Sampling(temperature=float(name["t"]), seed=int(name["seed"]), template=name["template"])
    # -1 means all problems of the set.
    limit = "" if name["n"] == "-1" else f"{name['n']} problems asked for"
    return RunInfo(model, dataset_label(found.folders[-1]), sampling=sampling, note=limit)


FORMAT = Format(
    "Qwen2.5-Math harness",
    lambda row: "code" in row and not row.keys().isdisjoint(("pred", "score")),
    _describe,
    lambda row, ref, source: drafts_of(row, ref, _COLUMNS, fields.rest(row, _USED), ("report",)),
)
