"""The companion paper's evaluation dump (arXiv 2603.15500): rows of `paper_eval` without lengths.

Model, training, template and temperature stand in the path:
`base|limo/<model>/<set>/test_<template>_t0.0_k1_s0_e30.jsonl`.
"""

import re

from backend.domain import RunInfo, Sampling
from backend.exchange.traces.formats.paper_eval import drafts
from backend.exchange.traces.source_names import UNNAMED, dataset_label, from_file
from backend.exchange.traces.trace_format import Format, ScannedFile
from backend.import_plan import Row

_FILE = re.compile(r"[^_]+_(?P<template>.+)_t(?P<t>\d+(?:\.\d+)?)_k(?P<k>\d+)_s(?P<s>-?\d+)_e(?P<e>-?\d+)")
_SETS = {"aime": "AIME24", "amc": "AMC23", "math": "MATH500"}  # this repository's own short names
_TRAININGS = {"limo": "LIMO"}


def _matches(row: Row) -> bool:
    return "generated_responses" in row


def _describe(found: ScannedFile, _: str) -> RunInfo:
    name = _FILE.fullmatch(found.stem)
    placed = len(found.folders) >= 3 and found.folders[-3].lower() in ("base", *_TRAININGS)
    if not (placed or (name and len(found.folders) >= 2 and found.folders[-1] in _SETS)):
        return RunInfo(*from_file(found), note=UNNAMED)
    base, folder = found.folders[-2:]
    # Under base/ and limo/ the same model's name stands for two models, so that the training is made a part of the
    # name.
    variant = _TRAININGS.get(found.folders[-3].lower()) if placed else None
    return RunInfo(
        f"{base} · {variant}" if variant else base,
        _SETS.get(folder.lower()) or dataset_label(folder),
        parent=base if variant else None,
        variant=variant,
        sampling=Sampling(temperature=float(name["t"]), template=name["template"]) if name else Sampling(),
        note=f"k={name['k']}, problems {name['s']} to {name['e']}" if name else "",
    )


FORMAT = Format("companion evaluation", _matches, _describe, drafts)
