"""Section 6 of the paper from our own runs: self-distillation on 1 to all problems, seen and held out."""

from collections.abc import Sequence
from dataclasses import replace

from backend.report.model import (
    Curves,
    Figure,
    Line,
    Picture,
    Point,
    ReportColumn,
    ReportRow,
    ReportSection,
    SeriesRole,
    Table,
)
from backend.report.numbers import Form
from backend.services.reproduction.recipes.catalogue import COVERAGE as PARTS
from backend.services.reproduction.sections.arms import LAST, Arm, set_title
from backend.services.reproduction.sections.published_values import COVERAGE
from backend.services.reproduction.sections.section_parts import (
    DENSITY,
    NOTHING,
    PROBLEMS,
    SectionInputs,
    base_level,
    evaluation_line,
    figure,
    measured,
)
from backend.services.training.training_specs import SEEN

_Sizes = Sequence[
    tuple[str, Arm]
]  # the number of training problems as the paper writes it, and the arm trained on them


def coverage(inputs: SectionInputs) -> ReportSection:
    """Section 6: how many problems it takes before the loss outweighs what is learned of the problems themselves."""
    sizes = [(size, inputs.arms.by_key[key]) for size, key in PARTS[inputs.scale].items() if key in inputs.arms.by_key]
    asks = "How many problems does it take before the loss outweighs what is learned of the problems themselves?"
    if not sizes:
        return ReportSection("coverage", "Coverage", f"{asks} {NOTHING}")
    pictures = (_sweep(inputs, sizes), *(_sweep_curves(inputs, sizes, where) for where in (inputs.held_out, SEEN)))
    return ReportSection("coverage", "Coverage", asks, (_table(inputs, sizes),), pictures)


def _table(inputs: SectionInputs, sizes: _Sizes) -> Table:
    columns = (
        ReportColumn("size", "|D|"),
        ReportColumn("seen base", "Training problems, base"),
        ReportColumn("seen", "after"),
        ReportColumn("held base", f"{inputs.held_out}, base"),
        ReportColumn("held", "after"),
        ReportColumn("length", "Length there"),
        DENSITY,
        PROBLEMS,
        ReportColumn("paper before", "AIME24, base", paper=True),
        ReportColumn("paper after", "after", paper=True),
    )
    note = (
        "|D| is the number of training problems; n counts held-out problems. The interval of |D| = 1 would be over one "
        "problem a seed. The paper: Qwen3-8B without thinking, read off the authors’ published curves, 50 steps."
    )
    rows = tuple(_row(inputs, size, arm) for size, arm in sizes)
    return Table("coverage", "Accuracy by number of training problems", columns, rows, note)


def _row(inputs: SectionInputs, size: str, arm: Arm) -> ReportRow:
    cells = {name: value for name, value in measured(inputs.pooled(arm)).items() if name in ("length", "density", "n")}
    # Each size has a base of its own on training problems: they are other ones.
    for name, where, step in (
        ("seen base", SEEN, 0),
        ("seen", SEEN, LAST),
        ("held base", inputs.held_out, 0),
        ("held", inputs.held_out, LAST),
    ):
        found = inputs.figures.pooled(arm.runs(where, step))
        cells[name] = figure(found.accuracy if found else None, Form.PERCENT)
    if size in COVERAGE:
        before, after = COVERAGE[size]
        cells["paper before"], cells["paper after"] = (Figure(value, form=Form.PERCENT) for value in (before, after))
    return ReportRow({"size": size} | cells, inputs.runs(arm), inputs.runs(arm, 0)[:1])


def _sweep(inputs: SectionInputs, sizes: _Sizes) -> Curves:
    """Seen and held-out accuracy against |D|."""

    def line(name: str, role: SeriesRole, where: str, step: int, dash: str) -> Line:
        pooled = [(place, inputs.figures.pooled(arm.runs(where, step))) for place, (_, arm) in enumerate(sizes)]
        points = tuple(Point(at, figure(one.accuracy, Form.PERCENT)) for at, one in pooled if one)
        return Line(name, role, points, dash=dash)

    lines = (
        line("training problems, after", SeriesRole.FIRST, SEEN, LAST, "solid"),
        line("training problems, base", SeriesRole.FIRST, SEEN, 0, "dot"),
        line(f"{inputs.held_out}, after", SeriesRole.SECOND, inputs.held_out, LAST, "solid"),
        line(f"{inputs.held_out}, base", SeriesRole.SECOND, inputs.held_out, 0, "dot"),
    )
    title = "Accuracy by number of training problems"
    # Places and not numbers: between 1 and 512 a linear axis would lay the small sizes on each other.
    ticks = tuple(size for size, _ in sizes)
    return Curves("coverage-sweep", title, "|D|", "accuracy", Form.PERCENT, lines, ticks=ticks)


def _sweep_curves(inputs: SectionInputs, sizes: _Sizes, where: str) -> Picture:
    """Accuracy over steps, a line for each |D|: the more problems, the darker."""
    drawn = [
        evaluation_line(
            inputs, arm, where, "accuracy", SeriesRole.FIRST, name=f"|D| = {size}", shade=(at + 1) / len(sizes)
        )
        for at, (size, arm) in enumerate(sizes)
    ]
    lines = tuple(replace(line, seeds=()) for line in drawn)  # so many thin lines can't be told apart
    held = where == inputs.held_out
    # Training problems differ from size to size, and with them the base's level on them: there is no single one.
    base = base_level(inputs, [arm for _, arm in sizes], where, "accuracy") if held else None
    key, title = "coverage-held" if held else "coverage-seen", f"Accuracy on {set_title(where)}"
    return Curves(key, title, "step", "accuracy", Form.PERCENT, lines, base)
