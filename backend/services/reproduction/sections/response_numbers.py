"""Numbers of single responses, from which an experiment's figures are made: read from a store, or shipped.

Owns their form and the Parquet file they are shipped in. It holds numbers and no texts: a few hundred kilobytes instead
of every response.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from backend.domain import GRADERS, Finish, UserError, visible
from backend.files import replacing
from backend.store import Store
from backend.store.trace_filters import VERDICTS

Vector = NDArray[np.float64]
Words = Mapping[str, Mapping[str, int]]  # entry -> problem -> how often it was found there

SHIPPED_NUMBERS: Final = Path("demo") / "experiments.parquet"
_CUES, _WORDS = "cues ", "words "
_KEPT = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class RunNumbers:
    """A run's responses, in parallel, by problem and sample. NaN: not known."""

    problems: tuple[str, ...]
    length: Vector
    right: Vector
    finished: Vector
    cues: Vector


class NumberSource(Protocol):
    """Where numbers come from."""

    def numbers(self, runs: Sequence[str], lexicon: str) -> dict[str, RunNumbers]:
        """Run -> its responses, cues counted by a lexicon (an id). A run that isn't there is left out."""

    def words(self, run: str, lexicon: str) -> Words | None:
        """How often a run's responses hold each entry; None where that isn't known."""


class StoreNumbers:
    """Reads the numbers of a store's runs, each run once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[tuple[str, str], RunNumbers] = {}
        self._words: dict[tuple[str, str], Words] = {}

    def numbers(self, runs: Sequence[str], lexicon: str) -> dict[str, RunNumbers]:
        """See NumberSource. A run's length is in tokens where it has them, else in words."""
        missing = [run for run in dict.fromkeys(runs) if (run, lexicon) not in self._kept]
        held = self._store.ledger.run_lexicons() if missing else {}
        found: dict[str, RunNumbers] = {}
        rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self._store.queries.per_trace(missing, lexicon) if missing else []:
            rows[row["run_id"]].append(row)
        for run, own in rows.items():
            found[run] = _from_rows(own)
            # Where cues are still being found, nothing is kept: they would be missing for good.
            if lexicon in held.get(run, ()):
                self._kept[run, lexicon] = found[run]
        while len(self._kept) > _KEPT:
            self._kept.pop(next(iter(self._kept)))
        return {
            run: found.get(run) or self._kept[run, lexicon]
            for run in runs
            if run in found or (run, lexicon) in self._kept
        }

    def words(self, run: str, lexicon: str) -> Words | None:
        """See NumberSource."""
        if lexicon not in self._store.ledger.run_lexicons().get(run, ()):
            return None
        if (run, lexicon) not in self._words:
            counted: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
            for row in self._store.queries.entry_counts([run], lexicon):
                counted[row["entry"]][row["problem_id"]] += row["n"]
            self._words[run, lexicon] = {entry: dict(by_problem) for entry, by_problem in counted.items()}
        return self._words[run, lexicon]


@dataclass(frozen=True)
class ShippedNumbers:
    """Reads the numbers in the shipped file, once for each lexicon."""

    path: Path
    _tables: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    @property
    def lexicons(self) -> list[str]:
        """Ids of the lexicons that cues are counted by in it; none where there is no file. Raises UserError for one
        that can't be read.
        """
        if not self.path.is_file():
            return []
        try:
            names = pq.read_schema(self.path).names
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(self.path, error) from error
        return [name.removeprefix(_CUES) for name in names if name.startswith(_CUES)]

    def numbers(self, runs: Sequence[str], lexicon: str) -> dict[str, RunNumbers]:
        """See NumberSource. Raises UserError for a file that can't be read."""
        own = self._own(lexicon)
        return {run: own[run]["numbers"] for run in runs if run in own}

    def words(self, run: str, lexicon: str) -> Words | None:
        """See NumberSource."""
        words: Words | None = self._own(lexicon).get(run, {}).get("words")
        return words

    def _own(self, lexicon: str) -> dict[str, dict[str, Any]]:
        """Run -> its numbers and words, read once for each lexicon."""
        if lexicon not in self._tables:
            self._tables[lexicon] = _read(self.path, lexicon) if lexicon in self.lexicons else {}
        return self._tables[lexicon]


def write_numbers(store: Store, runs: Sequence[str], worded: Sequence[str], lexicons: Sequence[str], path: Path) -> int:
    """Write the numbers of `runs`, with the words of those in `worded`; returns the file's size in bytes.

    Raises UserError where it can't be written.
    """
    # In a fixed order: the same runs give the same file, and what changes in it can be reviewed.
    rows = sorted(store.queries.per_trace(runs, lexicons[0]), key=lambda row: (row["run_id"], row["trace_id"]))
    columns: dict[str, Any] = {
        # Ids repeat in thousands of rows; the file lies in the repository, and is to stay small.
        "run": pa.array([row["run_id"] for row in rows]).dictionary_encode(),
        "problem": pa.array([row["problem_id"] for row in rows]).dictionary_encode(),
        "length": pa.array([_length(row) for row in rows], pa.int32()),
        "right": pa.array([row[VERDICTS[GRADERS[0]]] for row in rows], pa.bool_()),
        "finished": pa.array([_finished(row) for row in rows], pa.bool_()),
    }
    for lexicon in lexicons:
        cues = {row["trace_id"]: row["cues"] for row in store.queries.per_trace(runs, lexicon)}
        columns[_CUES + lexicon] = pa.array([cues[row["trace_id"]] for row in rows], pa.int32())
        columns[_WORDS + lexicon] = _word_column(store, rows, worded, lexicon)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as half:
            pq.write_table(pa.table(columns), half, compression="zstd", compression_level=19)
        return path.stat().st_size
    except OSError as error:
        raise UserError(f"The numbers can't be written to {visible(str(path))}: {error.strerror or error}.") from error


def _word_column(store: Store, rows: Sequence[Mapping[str, Any]], worded: Sequence[str], lexicon: str) -> pa.Array:
    """Entry -> how often, a row a response; nothing at all for runs not in `worded`."""
    found: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for counted in store.queries.entry_counts(worded, lexicon):
        found[counted["run_id"], counted["problem_id"]][counted["entry"]] += counted["n"]
    wanted = set(worded)
    # Counts are of a problem, not of a response: they stand at its first response, and pop() leaves the others empty:
    # whoever adds up a problem's rows counts nothing twice.
    counts = [
        sorted(found.pop((row["run_id"], row["problem_id"]), {}).items()) if row["run_id"] in wanted else None
        for row in rows
    ]
    return pa.array(counts, pa.map_(pa.string(), pa.int32()))


def _read(path: Path, lexicon: str) -> dict[str, dict[str, Any]]:
    names = ["run", "problem", "length", "right", "finished", _CUES + lexicon, _WORDS + lexicon]
    try:
        rows = pq.read_table(path, columns=names).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
    by_run: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_run[row["run"]].append(row)
    found: dict[str, dict[str, Any]] = {}
    for run, own in by_run.items():
        columns = (_vector([row[name] for row in own]) for name in ("length", "right", "finished", _CUES + lexicon))
        numbers = RunNumbers(tuple(row["problem"] for row in own), *columns)
        found[run] = {"numbers": numbers, "words": _words(own, _WORDS + lexicon)}
    return found


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(f"{visible(str(path))} is no file of numbers: {visible(str(error))}.")


def _words(rows: Sequence[dict[str, Any]], column: str) -> Words | None:
    if any(row[column] is None for row in rows):
        return None
    counted: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        for entry, n in row[column]:
            counted[entry][row["problem"]] += n
    return {entry: dict(by_problem) for entry, by_problem in counted.items()}


def _from_rows(rows: Sequence[dict[str, Any]]) -> RunNumbers:
    column = VERDICTS[GRADERS[0]]
    lengths = [_length(row) for row in rows]
    return RunNumbers(
        tuple(row["problem_id"] for row in rows),
        _vector(lengths),
        _vector([row[column] for row in rows]),
        _vector([_finished(row) for row in rows]),
        _vector([row["cues"] for row in rows]),
    )


def _length(row: Mapping[str, Any]) -> int:
    # Imported runs may come without token counts.
    return int(row["words"] if row["tokens"] is None else row["tokens"])


def _finished(row: Mapping[str, Any]) -> bool | None:
    # Many sources don't say why a response ended: unknown isn't cut off.
    return None if row["finish"] == Finish.UNKNOWN else row["finish"] == Finish.STOP


def _vector(values: Sequence[Any]) -> Vector:
    # Floats for verdicts too: NaN is the only array value for "not known".
    return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)
