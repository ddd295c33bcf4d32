"""The interface of a trace format: how its rows are recognised, which runs a file becomes, how a row becomes drafts.

Every module of formats/ makes a `Format`; scan.py and read.py know nothing else of it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.domain import RunInfo, SourceRef
from backend.import_plan import Draft, Row, Shape, Source, SourceKind

Advance = Callable[[int], None]  # called with the bytes read since the last call


class RowError(ValueError):
    """A row that can't be imported. Its message is a clause; the reader adds the file and, where missing, the row."""

    def __init__(self, reason: str, row: int | None = None) -> None:
        """`row` is 1-based; None means the row being read."""
        super().__init__(reason)
        self.row = row


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row, or one response of a row, that becomes no trace, and why, as a clause. The reader counts them by reason.

    For what is no trace by its nature (a failed request, another filter of the same response); what can't be read is a
    RowError, which refuses the file.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class StepMetrics:
    """What a training reported at the run's step, by name, where a row holds that and no trace."""

    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A file with its first row. `names` are the parts of its path, from which models and data sets are guessed."""

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
class Format:
    """A way of writing traces down."""

    name: str
    # Does a first row look so? By its keys alone: a value of a wrong type is an error of this format, not another
    # format.
    matches: Callable[[Row], bool]
    # The run that a file becomes, or the part of it named by a key; the scan adds the format's name and the file's.
    describe: Callable[[ScannedFile, str], RunInfo]
    # The drafts of one row, and what of it is left out. Raises RowError.
    drafts: Callable[[Row, SourceRef, Source], Iterable[Draft | LeftOut | StepMetrics]]
    kind: SourceKind = SourceKind.RUN
    # The part of the file a row belongs to, where parts are runs of their own: a step, a model. `describe` is then
    # called once for each part, with that part's first row. A row of None belongs to every part.
    split: Callable[[Row], str | None] | None = None
    # The keys of the runs that every row of a file has a share in.
    several: Callable[[ScannedFile], Sequence[str]] | None = None
    # Files with the same text become one source.
    group: Callable[[ScannedFile], str] | None = None
    # Why a file next to a source of this format isn't imported by itself (it is read with it, or left); None: it is.
    beside: Callable[[ScannedFile, Sequence[ScannedFile]], str | None] | None = None
    # Reads a source whose rows span several files.
    rows: Callable[[Source, Advance], Iterator[tuple[Row, SourceRef]]] | None = None
    # Where its rows may lie inside a file's own, as ColumnMapping.rows says it; "" is the file's own.
    places: tuple[str, ...] = ("",)
    # Rows number their own samples.
    explicit: bool = False
