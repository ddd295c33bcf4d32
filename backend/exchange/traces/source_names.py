"""Names of models and data sets, guessed from paths, file names and settings.

Owns the canonical labels of known data sets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from backend.exchange.traces.trace_format import ScannedFile

_PLAIN = re.compile(r"[^a-z0-9]+")
# One label a set, or runs on the same problems would stand apart in every list.
_ALIASES = (
    (re.compile(r"aime(?:20)?24"), "AIME24"),
    (re.compile(r"aime(?:20)?25"), "AIME25"),
    (re.compile(r"amc(?:20)?23"), "AMC23"),
    (re.compile(r"math500"), "MATH500"),
    (re.compile(r"aime90"), "AIME90"),
)
# Folders that trainers make inside a model's folder; alone they don't name a model.
_INNER = re.compile(r"(?:checkpoint|global_step|step|epoch)[-_]?\d+|output_hf_model|hf_model|actor|merged|final", re.I)
_SHARD = re.compile(r"(?P<name>.+)-\d{5}-of-\d{5}")
UNNAMED = "the model is not named in the source: the file's name stands in for it"


def dataset_label(name: str) -> str:
    """AIME24, AIME25, AMC23, MATH500, AIME90 for their known spellings (with or without an owner); else as given."""
    plain = _PLAIN.sub("", name.rsplit("/", 1)[-1].lower())
    return next((label for pattern, label in _ALIASES if pattern.fullmatch(plain)), name)


def model_label(parts: Sequence[str]) -> tuple[str, str]:
    """Model and checkpoint of path parts, outermost first: ("run", "checkpoint-240"); "" where there is none."""
    names = [part for part in parts if part not in ("", ".", "..", "/")]
    inner: list[str] = []
    while len(names) > 1 and _INNER.fullmatch(names[-1]):
        inner.insert(0, names.pop())
    return (names[-1] if names else ""), "/".join(inner)


def shard_name(stem: str) -> str | None:
    """`train` for `train-00003-of-00010`: the name that the pieces of one table share; None for other names."""
    found = _SHARD.fullmatch(stem)
    return found["name"] if found else None


def from_file(found: ScannedFile) -> tuple[str, str]:
    """(model, dataset) for sources that name neither: the file's own name and its folder's."""
    folder = found.folders[-1] if found.folders else ""
    stem = shard_name(found.stem) or found.stem
    # "math500.jsonl" names the set by itself; otherwise the folder is the best guess.
    known = dataset_label(stem) if dataset_label(stem) != stem else dataset_label(folder)
    return stem, known or "unnamed"


def joined(*notes: str) -> str:
    """Notes as one line."""
    return "; ".join(note for note in notes if note)
