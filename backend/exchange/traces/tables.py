"""Tables of no known format: where their rows lie, what their columns are, and what isn't known about them.

Owns the choice of a place of rows inside a file, and the runs that several arms in one row become.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from backend.domain import ImportProblem, UserError, visible
from backend.exchange.traces.columns import arms_of, columns_of, guess_mapping, holds_traces, left_over, with_use
from backend.exchange.traces.detection import detect, detect_inside
from backend.exchange.traces.input_files import shown_name, stamped_file
from backend.exchange.traces.paths import WalkedFile, walk
from backend.exchange.traces.row_paths import expand, flat, optional_value, places, shortened
from backend.exchange.traces.rows import first_row, rows_in
from backend.exchange.traces.trace_format import Format, LeftOut, ScannedFile
from backend.import_plan import ColumnMapping, Row, RowPlace, Said, TableColumn, TableView

_LOOKED = 20  # rows: what a column holds shows in a few
_MOST_PLACES = 12
# A mapping with the name of its arm, "" for the only one.
Arm = tuple[ColumnMapping, str]


@dataclass(frozen=True, slots=True)
class GuessedTable:
    """What the first rows of a file say: a mapping, or one for each arm, and the columns that nobody could place."""

    arms: tuple[Arm, ...]
    columns: tuple[TableColumn, ...] = ()
    left: tuple[TableColumn, ...] = ()
    places: tuple[RowPlace, ...] = ()
    # How many rows were looked at, and the first of them, as it lies at the mapping's place.
    seen: int = 0
    first: Row | None = None
    shown: tuple[Row, ...] = ()

    @property
    def guess(self) -> ColumnMapping:
        """The mapping of the first arm, without its response where there are several."""
        return replace(self.arms[0][0], text=None) if len(self.arms) > 1 else self.arms[0][0]

    @property
    def is_traces(self) -> bool:
        """Whether it is sure enough what the responses are."""
        return len(self.arms) > 1 or holds_traces(self.guess)

    @property
    def is_enough(self) -> bool:
        """Whether it can be imported without a question: traces, or problems with no column that could be responses."""
        return self.is_traces or bool(self.guess.question and self.guess.gold and not self.guess.text and not self.left)

    def placed(self, found: ScannedFile) -> ScannedFile:
        """The file with its first row as it lies at the mapping's place."""
        return replace(found, row=self.first) if self.first is not None else found


def head(found: ScannedFile, place: str | None, most: int = _LOOKED) -> list[Row]:
    """The first rows of a file at a place inside it; those before the first that can't be read."""
    rows: list[Row] = []
    file = stamped_file(found.path, found.shown, found.shape)
    # What is wrong further on is said when the file is read, with its row.
    with suppress(ImportProblem):
        for _, row in islice(rows_in(file, place), most):
            if not isinstance(row, LeftOut):
                rows.append(row)
    return rows


def of_known_format(found: ScannedFile) -> tuple[ScannedFile, Format | None, GuessedTable | None]:
    """The file's format, looked for at every place inside a file of one object: many tools put rows in an envelope."""
    if form := detect(found.row):
        return found, form, None
    if known := detect_inside(found.row):
        form, place, row = known
        return replace(found, row=row), form, GuessedTable(((ColumnMapping(rows=place), ""),))
    inside = places([found.row])
    if not inside or len(head(found, None, 2)) > 1:
        return found, None, None
    for place in islice(inside, _MOST_PLACES):
        row = next(iter(expand(found.row, place)), {})
        # Formats that read their files in their own way know nothing of places inside them.
        if row and (form := detect(row)) and form.rows is None:
            return replace(found, row=row), form, GuessedTable(((ColumnMapping(rows=place), ""),))
    return found, None, None


def guessed(found: ScannedFile, rows: Sequence[Row] | None = None, place: str | None = None) -> GuessedTable:
    """The likeliest table in a file. `rows` are its first ones where they are known; `place` says where to look."""
    rows = head(found, None) if rows is None else rows
    inside = places(rows)
    counted = tuple(RowPlace(path, len(objects)) for path, objects in islice(inside.items(), _MOST_PLACES))
    if place is not None:
        return _table([row for each in rows for row in expand(each, place)], place or None, found, counted)
    tables = [_table(rows, None, found, counted)]
    for path in counted:
        table = _table([row for each in rows for row in expand(each, path.path)], path.path, found, counted)
        own = {key for each in inside[path.path][:_LOOKED] for key in each}
        # A response that stands around a list of steps isn't one of each step.
        left = tuple(column for column in table.left if _begins_with(column.name, own))
        if any(_begins_with(arm.text, own) for arm, _ in table.arms) or (left and not table.is_traces):
            tables.append(replace(table, left=left))
    # A file of one object is an envelope where the rows lie inside it.
    ordered = [*tables[1:], tables[0]] if len(rows) == 1 else tables
    best = max(ordered, key=lambda table: _score(table, table is tables[0] and len(rows) == 1, inside))
    return _unsure(best) if best is tables[0] and len(rows) == 1 and not best.guess.question else best


def _unsure(table: GuessedTable) -> GuessedTable:
    """The table of a lone object: responses in a list or deep inside, without a question, may be of many problems."""
    text = next((column for column in table.columns if column.name == table.guess.text), None)
    if len(table.arms) > 1 or text is None or (text.kind != "texts" and "." not in text.name):
        return table
    return replace(table, arms=((replace(table.guess, text=None), ""),), left=(text, *table.left))


def _begins_with(column: str | None, own: set[str]) -> bool:
    return column is not None and (column in own or column.split(".")[0] in own)


def _score(table: GuessedTable, envelope: bool, inside: Mapping[str, Sequence[Row]]) -> tuple[int, int, int, int]:
    guess = table.arms[0][0]
    through = envelope and "." in str(guess.text) and bool(inside)
    return (
        int(table.is_traces and not through),
        int(bool(guess.question)),
        int(bool(guess.model and guess.rows and guess.model in inside.get(guess.rows, [{}])[0])),
        int(bool(table.left)),
    )


def _table(rows: Sequence[Row], place: str | None, found: ScannedFile, counted: tuple[RowPlace, ...]) -> GuessedTable:
    rows = rows[:_LOOKED]
    columns = columns_of(rows)
    names = arms_of(columns)
    outside = [column for column in columns if not names or not _of_arms(column.name, names)]
    guess = replace(guess_mapping(outside, found.folders), rows=place)
    guess = _agreeing(guess, rows)
    several = names and not guess.text
    arms = tuple(arms_from({**guess.used(), "text": names})) if several else ((guess, ""),)
    left = () if names else left_over(columns, guess)
    return GuessedTable(
        arms, with_use(columns, guess), left, counted, len(rows), rows[0] if rows else None, tuple(rows[:5])
    )


def _agreeing(guess: ColumnMapping, rows: Sequence[Row]) -> ColumnMapping:
    """The guess without columns whose lists have another length than the responses: they are of something else."""
    for row in rows:
        responses = len(flat(found)) if guess.text and (found := optional_value(row, guess.text)) is not None else 1
        for part in ("verdict", "tokens", "finish", "answer", "reasoning", "sample"):
            column = getattr(guess, part)
            value = optional_value(row, column) if column else None
            if isinstance(value, list) and len(flat(value)) != responses:
                guess = replace(guess, **{part: None})
    return guess


def _of_arms(column: str, names: Sequence[str]) -> bool:
    owners = {name.rpartition(".")[0] for name in names}
    return column in names or any(owner and column.startswith(f"{owner}.") for owner in owners)


def view(path: Path, place: str | None = None, scratch: Path | None = None) -> TableView:
    """Columns and first rows of any table, whatever its format, with a guess. Raises ImportProblem."""
    path = next((each.path for each in walk([path], None, scratch) if isinstance(each, WalkedFile)), path)
    looked = first_row(path, shown_name(path))
    if looked is None:
        raise ImportProblem(shown_name(path), "it is no table of rows: JSON Lines, JSON, CSV or Parquet are")
    found = ScannedFile(path, shown_name(path), path.absolute().parts[1:], *looked)
    table = guessed(found, None, place)
    arms = tuple(str(arm.text) for arm, _ in table.arms) if len(table.arms) > 1 else ()
    return TableView(table.columns, list(map(shortened, table.shown)), table.guess, arms, table.places)


def arms_in(paths: Sequence[Path], said: Said, scratch: Path | None = None) -> list[Arm]:
    """The mappings that a person's words mean, one an arm; `*` is looked up in the first rows. Raises UserError."""
    starred = {part: name for part, name in said.items() if part != "rows" and isinstance(name, str) and "*" in name}
    if not starred:
        return list(arms_from(said))
    files = [each.path for each in walk(paths, None, scratch) if isinstance(each, WalkedFile)]
    keys = _keys(files, said, starred.get("text") or next(iter(starred.values())))
    each = {part: [name.replace("*", key, 1) for key in keys] for part, name in starred.items()}
    return list(arms_from({**said, **each}, keys))


def _keys(paths: Sequence[Path], said: Said, column: str) -> list[str]:
    """The keys of the object that the `*` in a column stands for, over the first rows of the first table."""
    owner = column.split("*")[0].rstrip(".")
    place = said.get("rows")
    for path in paths:
        looked = first_row(path, shown_name(path))
        found = looked and ScannedFile(path, shown_name(path), (path.name,), *looked)
        rows = head(found, place if isinstance(place, str) else None, 200) if found else []
        objects = [value for row in rows if isinstance(value := optional_value(row, owner) if owner else row, dict)]
        if keys := list(dict.fromkeys(key for each in objects for key in each)):
            return keys
    raise UserError(f"There is no object at {visible(owner, 60)!r} whose keys {visible(column, 60)!r} could mean.")


def arms_from(said: Said, names: Sequence[str] = ()) -> Iterator[Arm]:
    """A mapping for each of several columns of responses. Raises UserError where other parts name fewer or more."""
    text = said.get("text")
    texts = [text] if isinstance(text, str) or text is None else list(text)
    names = names or _names(texts)
    for place, column in enumerate(texts):
        parts = {part: name if isinstance(name, str) else list(name) for part, name in said.items()}
        for part, name in parts.items():
            if not isinstance(name, str) and part != "text":
                if len(name) != len(texts):
                    raise UserError(f"{part!r} names {len(name)} columns for {len(texts)} of responses.")
                parts[part] = name[place]
        parts.pop("text", None)
        yield ColumnMapping(text=column, **parts), names[place]  # type: ignore[arg-type]


def _names(texts: Sequence[str | None]) -> list[str]:
    """What tells columns apart: "base" and "tuned" of `base_response` and `tuned_response`."""
    if len(texts) < 2:
        return [""] * len(texts)
    words = [re.split(r"[._]", column or "") for column in texts]
    common = set(words[0]).intersection(*words[1:])
    found = ["_".join(word for word in each if word not in common) for each in words]
    # Of a model's name the dots stay: `answers.qwen2.5` is "qwen2.5".
    owners = {(column or "").rpartition(".")[0] for column in texts}
    if all(isinstance(column, str) for column in texts) and len(owners) == 1 and (owner := owners.pop()):
        found = [str(column).removeprefix(f"{owner}.") for column in texts]
    return found if all(found) and len(set(found)) == len(found) else [str(column) for column in texts]
