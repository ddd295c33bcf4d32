"""Words one by one: how often each is used by two sides, and what changes from the base.

Owns these bars and tables. Knows nothing of sections.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from backend.report.model import MINUS, Bars, Cell, Figure, ReportColumn, ReportRow, Role, Table
from backend.services.reproduction.sections.arm_figures import WordFigure
from backend.services.reproduction.sections.workspace import ReportWorkspace, counted, figure

MOST_WORDS = 16
LEVEL = 0.05
_NOTE = "Intervals and hollow bars are adjusted for the number of words (Holm); filled: p < 0.05."
Runs = tuple[str, ...]
Words = Mapping[str, WordFigure]


def word_bars(desk: ReportWorkspace, key: str, title: str, sides: Sequence[Runs], names: Sequence[str]) -> list[Bars]:
    """Uses a response on two sides, a word a row, the most frequent first; [] where words aren't known."""
    found = [desk.figures.words(side) for side in sides]
    if found[0] is None or found[1] is None:
        return []
    shown = _frequent(found[0], found[1])
    series = tuple(
        (name, role, tuple(figure(side[w].count) if w in side else Figure(0.0) for w in shown))
        for name, role, side in zip(names, (Role.BASE, Role.FIRST), (found[0], found[1]), strict=True)
    )
    beside = tuple(_change_text(*(values[at].value for _, _, values in series)) for at in range(len(shown)))
    return [Bars(key, title, "uses a response", tuple(shown), series, beside)] if shown else []


def word_table(
    desk: ReportWorkspace,
    key: str,
    sides: Sequence[Runs],
    names: Sequence[str],
    paper: Mapping[str, tuple[float, float]],
) -> list[Table]:
    """The same as a table, with uses per 1,000 tokens beside, and the paper's where it has the word."""
    found = [desk.figures.words(side) for side in sides]
    if found[0] is None or found[1] is None:
        return []
    one, other = found[0], found[1]
    rows = [_word_row(word, one.get(word), other.get(word), paper.get(word)) for word in _frequent(one, other, paper)]
    columns = (
        ReportColumn("word", "Word"),
        *(ReportColumn(f"count {side}", name) for side, name in enumerate(names)),
        ReportColumn("change", "Change"),
        *(ReportColumn(f"density {side}", f"{name}, per 1,000") for side, name in enumerate(names)),
        *(ReportColumn(f"paper {side}", name, paper=True) for side, name in enumerate(names)),
        ReportColumn("paper change", "Change", paper=True),
    )
    note = "Uses a response; per 1,000 tokens beside, because shorter responses hold fewer of everything."
    note = f"{note} {counted(columns[1:3], rows)}"
    return [Table(key, "Word by word", columns, tuple(rows), note)] if rows else []


def change_bars(
    desk: ReportWorkspace, key: str, title: str, arms: Sequence[tuple[str, Role, Runs, Runs]]
) -> list[Bars]:
    """What each arm (name, role, runs, base's runs) changes of every word; the largest changes first."""
    found = [(name, role, desk.figures.word_changes(runs, base)) for name, role, runs, base in arms if runs and base]
    known = [(name, role, changes) for name, role, changes in found if changes]
    if not known:
        return []
    sizes: dict[str, float] = {}
    for _, _, changes in known:
        for word, change in changes.items():
            sizes[word] = max(sizes.get(word, 0.0), abs(change.value))
    shown = sorted(sizes, key=lambda word: (-sizes[word], word))[:MOST_WORDS]
    series = tuple(
        (name, role, tuple(figure(c[w], signed=True) if w in c else Figure(0.0, signed=True) for w in shown))
        for name, role, c in known
    )
    clear = tuple(tuple(_clear(c[w].p_holm) if w in c else False for w in shown) for _, _, c in known)
    return [Bars(key, title, "uses a response, minus the base’s", tuple(shown), series, (), clear, _NOTE)]


def change_table(key: str, bars: Sequence[Bars], paper: Mapping[str, float]) -> list[Table]:
    """The bars of `change_bars` as a table, the paper's changes beside."""
    if not bars:
        return []
    names = [name for name, _, _ in bars[0].series]
    columns = (
        ReportColumn("word", "Word"),
        *(ReportColumn(f"change {at}", name) for at, name in enumerate(names)),
        ReportColumn("paper", "SDPO on AIME24", paper=True),
    )
    rows = []
    for at, word in enumerate(bars[0].names):
        cells: dict[str, Cell] = {f"change {s}": values[at] for s, (_, _, values) in enumerate(bars[0].series)}
        if word in paper:
            cells["paper"] = Figure(paper[word], signed=True)
        rows.append(ReportRow({"word": word} | cells))
    note = f"{_NOTE} The paper’s are read off its published figure, but for “wait”. {counted(columns[1:-1], rows)}"
    return [Table(key, "Change of each word from the base, uses a response", columns, tuple(rows), note)]


def _frequent(one: Words, other: Words, more: Iterable[str] = ()) -> list[str]:
    """Words by how often either side uses them, at most so many; those of `more` come with them."""
    sizes = {word: max(_size(one.get(word)), _size(other.get(word))) for word in {*one, *other, *more}}
    return sorted(sizes, key=lambda word: (-sizes[word], word))[:MOST_WORDS]


def _size(found: WordFigure | None) -> float:
    return found.count.value if found else 0.0


def _word_row(
    word: str, one: WordFigure | None, other: WordFigure | None, paper: tuple[float, float] | None
) -> ReportRow:
    cells: dict[str, Cell] = {"word": word}
    for side, found in enumerate((one, other)):
        cells[f"count {side}"] = figure(found.count) if found else Figure(0.0)
        cells[f"density {side}"] = Figure(found.density if found else 0.0)
    cells["change"] = _change_text(_size(one), _size(other))
    if paper:
        cells |= {f"paper {side}": Figure(value) for side, value in enumerate(paper)}
        cells["paper change"] = _change_text(*paper)
    return ReportRow(cells)


def _change_text(before: float | None, after: float | None) -> str:
    """The relative change in percent; "" where there was nothing before."""
    if not before or after is None:
        return ""
    return f"{100 * (after / before - 1):+.0f}%".replace("-", MINUS)


def _clear(p: float | None) -> bool:
    return p is not None and p < LEVEL
