"""What a trace format is: how its rows are recognised, which runs a file becomes, how a row becomes drafts.

Owns `Format`, which every module of formats/ makes one of, and the values a format is asked with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.domain import RunInfo, SourceRef
from backend.import_plan import Draft, Row, Shape, Source, SourceKind

Advance = Callable[[int], None]  # called with the bytes read since the last call


class RowError(ValueError):
    """A row that can't be taken: the reason as a clause; the reader adds the file and, where absent, the row."""

    def __init__(self, reason: str, row: int | None = None) -> None:
        """`row` is 1-based; None means the row being read."""
        super().__init__(reason)
        self.row = row


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A file whose first row has been looked at. `names` are the parts of its path, labels are read from them."""

    path: Path
    shown: str
    names: tuple[str, ...]
    shape: Shape
    row: Row

    @property
    def folders(self) -> tuple[str, ...]:
        """Names of the folders above the file, outermost first."""
        return self.names[:-1]

    @property
    def stem(self) -> str:
        """The file's name without its last suffix."""
        return Path(self.names[-1]).stem


@dataclass(frozen=True, slots=True)
class Proposal:
    """A run that a file (or a part of it, named by `key`) would become."""

    info: RunInfo
    key: str = ""


@dataclass(frozen=True, slots=True)
class Format:
    """One way of writing traces down. The formats' modules make one each; scan and read know nothing else of them.

    matches: does the first row look so, judged by its keys alone (wrong types are errors, not other formats)?
    describe: the runs a file becomes. drafts: the drafts of one row; raises RowError.
    split: the part of the file a row belongs to, where parts are runs of their own (then `describe`
    is asked once for each part, with that part's first row).
    group: files with the same text become one source. beside: why a file next to a source of this
    format is read with it, or left, instead of being imported; None: it stands for itself.
    rows: reads a source whose rows span several files. explicit: rows number their own samples.
    """

    name: str
    matches: Callable[[Row], bool]
    describe: Callable[[ScannedFile], Iterable[Proposal]]
    drafts: Callable[[Row, SourceRef, Source], Iterable[Draft]]
    kind: SourceKind = SourceKind.RUN
    split: Callable[[Row], str] | None = None
    group: Callable[[ScannedFile], str] | None = None
    beside: Callable[[ScannedFile, Sequence[ScannedFile]], str | None] | None = None
    rows: Callable[[Source, Advance], Iterator[tuple[Row, SourceRef]]] | None = None
    explicit: bool = False
