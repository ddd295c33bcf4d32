"""A cache in files for results that several trainings of one base have in common."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from backend.files import write_file

T = TypeVar("T")


def cached(file: Path | None, make: Callable[[], T]) -> T:
    """The JSON in `file`; where there is none, the result of `make`, which is written there. None: no cache."""
    if file and file.is_file():
        found: T = json.loads(file.read_text(encoding="utf-8"))
        return found
    made = make()
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_file(file, json.dumps(made, ensure_ascii=False))
    return made
