"""The section Verdicts: the paper's nine claims, the tests fixed for them beforehand, and the outcome of each.

Owns these tables; what is tested and how is in claims.py.
"""

from collections import Counter
from collections.abc import Sequence

from backend.measure.claim_tests import SEEDS_NEEDED
from backend.report.model import Figure, ReportColumn, ReportRow, ReportSection, Table
from backend.report.numbers import MINUS, Form
from backend.services.reproduction.claims import ClaimResult, ClauseResult
from backend.services.reproduction.recipes.recipe import ReproductionScale
from backend.services.reproduction.results import Results
from backend.services.reproduction.sections.published_values import CLAIMS

LAB_LIMITS = (
    "What this can’t show: both registers, searching aloud and answering surely, were put into the base by its "
    "training corpus, so claim 1 holds by construction, and no effect size carries over to real models."
)
_MOST_RUNS = 4  # a seed: what is tested, what it is held against, and the same on training problems
_COLUMNS = (
    ReportColumn("number", "", help="The claim’s number"),
    ReportColumn("claim", "Claim"),
    ReportColumn("test", "Test of its primary outcome"),
    ReportColumn("section", "Section"),
    ReportColumn("effect", "Effect", help="Of the claim’s primary outcome, with its 95% interval"),
    ReportColumn("seeds", "Each seed"),
    ReportColumn("n", "n", help="Problems"),
    ReportColumn("verdict", "Verdict"),
    ReportColumn("paper", "Reported", paper=True),
)


def verdicts(results: Results) -> ReportSection:
    """Nine claims, then every clause with its test."""
    verdicts = Counter(str(claim.verdict) for claim in results.claims)
    tally = "; ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    # In the first sentence and not in a note: nobody is to read the tally without it.
    limits = f" {LAB_LIMITS}" if results.scale is ReproductionScale.LAB else ""
    sentence = f"Nine claims of the paper, each with a test fixed before the runs: {tally}.{limits}"
    return ReportSection("verdicts", "Verdicts", sentence, (claim_table(results.claims), clause_table(results.claims)))


def claim_table(claims: Sequence[ClaimResult]) -> Table:
    """A row a claim: its primary outcome's figures, and the verdict on all its clauses."""
    rows = []
    for claim in claims:
        first, more = claim.clauses[0], len(claim.clauses) - 1
        others = f"; and {more} more clause{'' if more == 1 else 's'}" if more else ""
        cells = {
            "number": str(claim.number),
            "claim": claim.claim + (" (built in by the corpus)" if claim.built_in else ""),
            "test": f"{first.clause}: {first.test}{others}",
            "section": claim.section,
            "paper": CLAIMS.get(claim.number, ""),
        }
        rows.append(ReportRow(cells | _figures(claim), *_sides(first)))
    note = (
        "Effect: the claim’s primary outcome, averaged over seeds and then over problems, with a 95% interval "
        f"over problems. A verdict needs {SEEDS_NEEDED} seeds where anything is trained. The "
        "paper’s values are of other models and problems; they stand here for orientation."
    )
    return Table("claims", "The nine claims", _COLUMNS, tuple(rows), note)


def clause_table(claims: Sequence[ClaimResult]) -> Table:
    """A row a clause, with the test it had to pass."""
    columns = (
        ReportColumn("number", "", help="The claim’s number"),
        ReportColumn("clause", "Clause"),
        ReportColumn("test", "Test, fixed beforehand"),
        *_COLUMNS[4:8],
    )
    rows = tuple(
        ReportRow(
            {"number": str(claim.number), "clause": clause.clause, "test": clause.test, **_figures(clause)},
            *_sides(clause),
        )
        for claim in claims
        for clause in claim.clauses
    )
    note = (
        "An effect is reproduced when its whole interval lies beyond zero, it has at least the size the test names, "
        "and every seed agrees in sign; not reproduced when the interval excludes that size. A claim "
        "needs all its clauses."
    )
    return Table("clauses", "Every clause and its test", columns, rows, note)


def _sides(clause: ClauseResult) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The first seed's run and the one it is held against; none where averages over many steps are compared."""
    # A claim on the area under a curve has a run at each step: no pair of them shows what was tested.
    few = 0 < len(clause.runs) <= _MOST_RUNS * len(clause.seeds)
    return (clause.runs[:1], clause.runs[1:2]) if few else ((), ())


def _figures(result: ClaimResult | ClauseResult) -> dict[str, Figure | str | None]:
    # The unit is the test's, points or percent of the base: a form's "pt" would hide which.
    effect = Figure(result.effect, result.low, result.high, result.n, signed=True, unit=result.unit)
    seeds = ", ".join(f"{seed:+.1f}".replace("-", MINUS) for seed in result.seeds)
    return {
        "effect": effect,
        "seeds": seeds,
        "n": Figure(result.n or None, form=Form.COUNT),
        "verdict": str(result.verdict),
    }
