"""Tables and bars of single words: how often two sides use each, and how each arm changes it from the base."""

from collections.abc import Iterable, Mapping, Sequence

from backend.report.model import Bars, Cell, Figure, ReportColumn, ReportRow, SeriesRole, Table
from backend.report.numbers import MINUS
from backend.services.reproduction.sections.arm_figures import Runs, WordFigure
from backend.services.reproduction.sections.section_parts import SectionInputs, counted, figure

MOST_WORDS = 16
LEVEL = 0.05
_NOTE = "Intervals and hollow bars are adjusted for the number of words (Holm); filled: p < 0.05."
Words = Mapping[str, WordFigure]


def word_bars(inputs: SectionInputs, key: str, title: str, sides: Sequence[Runs], names: Sequence[str]) -> list[Bars]:
    """Bars of uses a response on two sides, the most frequent word first; [] where words aren't known."""
    found = [inputs.figures.words(side) for side in sides]
    if found[0] is None or found[1] is None:
        return []
    shown = _frequent(found[0], found[1])
    series = tuple(
        (name, role, tuple(figure(side[w].count) if w in side else Figure(0.0) for w in shown))
        for name, role, side in zip(names, (SeriesRole.BASE, SeriesRole.FIRST), (found[0], found[1]), strict=True)
    )
    # The relative change stands in words: bars show how many uses are gone, not what share of them.
    beside = tuple(_change_text(*(values[at].value for _, _, values in series)) for at in range(len(shown)))
    return [Bars(key, title, "uses a response", tuple(shown), series, beside)] if shown else []


def word_table(
    inputs: SectionInputs,
    key: str,
    sides: Sequence[Runs],
    names: Sequence[str],
    paper: Mapping[str, tuple[float, float]],
) -> list[Table]:
    """`word_bars` as a table, with uses per 1,000 tokens beside, and the paper's where it has the word."""
    found = [inputs.figures.words(side) for side in sides]
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
    inputs: SectionInputs, key: str, title: str, arms: Sequence[tuple[str, SeriesRole, Runs, Runs]]
) -> list[Bars]:
    """Bars of the change of every word in each arm (name, role, runs, base's runs); the largest changes first."""
    found = [(name, role, inputs.figures.word_changes(runs, base)) for name, role, runs, base in arms if runs and base]
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
    # A word that neither an arm nor its base uses has no change there, and certainly none beyond chance.
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
    """The words that either side uses most, at most MOST_WORDS; those of `more` compete with them even where unused."""
    sizes = {word: max(_size(one.get(word)), _size(other.get(word))) for word in {*one, *other, *more}}
    # By name where equal: the same runs must give the same table, byte for byte.
    return sorted(sizes, key=lambda word: (-sizes[word], word))[:MOST_WORDS]


def _size(found: WordFigure | None) -> float:
    return found.count.value if found else 0.0


def _word_row(
    word: str, one: WordFigure | None, other: WordFigure | None, paper: tuple[float, float] | None
) -> ReportRow:
    cells: dict[str, Cell] = {"word": word}
    for side, found in enumerate((one, other)):
        # Words are known here, so that one without a count was counted, 0 times.
        cells[f"count {side}"] = figure(found.count) if found else Figure(0.0)
        cells[f"density {side}"] = Figure(found.density if found else 0.0)
    cells["change"] = _change_text(_size(one), _size(other))
    if paper:
        cells |= {f"paper {side}": Figure(value) for side, value in enumerate(paper)}
        cells["paper change"] = _change_text(*paper)
    return ReportRow(cells)


def _change_text(before: float | None, after: float | None) -> str:
    """The relative change in percent; "" where there was nothing before."""
    if not before or after is None:  # from nothing every rise is infinitely large
        return ""
    return f"{100 * (after / before - 1):+.0f}%".replace("-", MINUS)


def _clear(p: float | None) -> bool:
    return p is not None and p < LEVEL
