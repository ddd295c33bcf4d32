"""What several trainings of one base would each make anew, made once.

Owns how it is kept in files. Knows nothing of what it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from backend.files import write_file

T = TypeVar("T")


def kept(file: Path | None, make: Callable[[], T]) -> T:
    """What `file` holds; else what `make` gives, plain JSON, which is put there whole. None keeps nothing."""
    if file and file.is_file():
        found: T = json.loads(file.read_text(encoding="utf-8"))
        return found
    made = make()
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_file(file, json.dumps(made, ensure_ascii=False))
    return made
