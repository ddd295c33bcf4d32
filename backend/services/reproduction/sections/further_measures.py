"""Measures that the paper doesn't have, for every arm against its base: pass@k, right if finished, density matched.

`tries_table` and `matched_table` serve any runs as well.
"""

from collections.abc import Sequence

from backend.measure.matched import Matched
from backend.report.model import (
    Cell,
    Curves,
    Figure,
    Line,
    Point,
    ReportColumn,
    ReportRow,
    ReportSection,
    SeriesRole,
    Table,
)
from backend.report.numbers import Form
from backend.services.reproduction.sections.arm_figures import PooledFigures, Runs
from backend.services.reproduction.sections.arms import Arm
from backend.services.reproduction.sections.section_parts import (
    DASHES,
    DENSITY,
    FINISHED,
    GIVEN,
    NOTHING,
    PROBLEMS,
    SectionInputs,
    count,
    figure,
    measured,
)

Side = tuple[str, Runs, Runs]  # a name, its runs, and those they are held against
_MATCHED = (
    "At equal length: responses to the same problem are sorted by length into ten bins, with equal numbers of all "
    "responses in each; a problem’s bin in which both sides have responses weighs as many as the smaller side has "
    "there, and densities are pooled over those bins. Matched: the share of all responses that lie in such bins."
)


def measures(inputs: SectionInputs) -> ReportSection:
    """pass@k, right among finished, and density at equal length, for every arm against its base."""
    arms = [arm for arm in inputs.arms.by_key.values() if arm.last and inputs.held_out in arm.sets]
    asks = (
        "What the paper’s tables leave open: whether one of several tries is right, what not finishing costs, and "
        "whether responses of equal length hold fewer doubts."
    )
    if not arms:
        return ReportSection("measures", "Beyond the paper", f"{asks} {NOTHING}")
    sides: list[Side] = [("base", inputs.runs(arms[0], 0), ())]
    sides += [(arm.title, inputs.runs(arm), inputs.runs(arm, 0)) for arm in arms]
    tables = (
        tries_table(inputs, "tries", f"Tries and endings on {inputs.held_out}", sides),
        matched_table(inputs, "matched", sides[1:]),
    )
    return ReportSection("measures", "Beyond the paper", asks, tables, tuple(_passes(inputs, arms)))


def tries_table(inputs: SectionInputs, key: str, title: str, sides: Sequence[Side]) -> Table:
    """acc@k, pass@k for the numbers of samples there are, finished, and right among finished."""
    pooled = [(name, runs, inputs.figures.pooled(runs)) for name, runs, _ in sides if runs]
    ks = sorted({k for _, _, found in pooled if found for k in found.passes})
    columns = (
        ReportColumn("arm", "Model"),
        ReportColumn("accuracy", "acc@k", help="Share of right samples, averaged over problems"),
        *(ReportColumn(f"pass {k}", f"pass@{k}", help=f"At least one of {k} samples is right") for k in ks),
        FINISHED,
        GIVEN,
        PROBLEMS,
        ReportColumn("traces", "Responses"),
    )
    rows = tuple(ReportRow({"arm": name, **_tries(found)}, runs) for name, runs, found in pooled)
    # The paper's own code counts problems with a right one among exactly 16 samples; this needs no exact number.
    return Table(key, title, columns, rows, "pass@k by the unbiased estimate of Chen et al. 2021.")


def _tries(found: PooledFigures | None) -> dict[str, Cell]:
    if found is None:
        return {}
    passes: dict[str, Cell] = {f"pass {k}": figure(value, Form.PERCENT) for k, value in found.passes.items()}
    return measured(found) | passes | {"traces": count(found.traces)}


def matched_table(inputs: SectionInputs, key: str, sides: Sequence[Side]) -> Table:
    """Density of each against its base, raw and at equal length."""
    columns = (
        ReportColumn("arm", "Model"),
        DENSITY,
        ReportColumn("base", "Its base"),
        ReportColumn("equal", "At equal length"),
        ReportColumn("equal base", "Its base, at equal length"),
        ReportColumn("difference", "Difference at equal length"),
        ReportColumn("share", "Matched"),
        PROBLEMS,
    )
    rows = []
    for name, runs, base in sides:
        if runs and base:
            pooled = inputs.figures.pooled(base)
            cells: dict[str, Cell] = {"arm": name, **measured(inputs.figures.pooled(runs))}
            cells |= {"base": figure(pooled.density if pooled else None)}
            # Last: its n, problems with a match, takes the place of all problems'.
            rows.append(ReportRow(cells | _equal(inputs.figures.matched(runs, base)), runs[:1], base[:1]))
    return Table(key, "Cues per 1,000 tokens, at equal length", columns, tuple(rows), _MATCHED)


def _equal(found: Matched | None) -> dict[str, Cell]:
    if found is None:
        return {"share": Figure(0.0, form=Form.PERCENT), "n": None}
    return {
        "equal": Figure(found.values),
        "equal base": Figure(found.baseline),
        "difference": figure(found.difference, signed=True),
        "share": Figure(found.share, form=Form.PERCENT),
        "n": count(found.difference.n),
    }


def _passes(inputs: SectionInputs, arms: Sequence[Arm]) -> list[Curves]:
    """acc@k and pass@k over steps, for the arms answered more than once on the way."""
    found = []
    for arm in arms:
        pooled = [(step, inputs.pooled(arm, step)) for step in arm.steps(inputs.held_out)]
        # Early evaluations may have fewer samples than the last: a line needs the same k all the way.
        ks = sorted(set.intersection(*(set(one.passes) for _, one in pooled if one))) if pooled else []
        if not ks or len(pooled) < 3:
            continue
        accuracies = tuple(Point(step, figure(one.accuracy, Form.PERCENT)) for step, one in pooled if one)
        lines = [Line("acc@k", SeriesRole.FIRST, accuracies)]
        for k, dash in zip(ks, DASHES[1:], strict=False):
            points = tuple(Point(step, figure(one.passes[k], Form.PERCENT)) for step, one in pooled if one)
            lines.append(Line(f"pass@{k}", SeriesRole.SECOND, points, dash=dash))
        title = f"{arm.title}: acc@k and pass@k"
        found.append(Curves(f"pass-{arm.key}", title, "step", "share", Form.PERCENT, tuple(lines)))
    return found
