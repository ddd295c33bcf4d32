"""The shipped demo: small, whole, under today's lexicons, and showing what data/lab/README.md says it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.config import ROOT, Settings
from backend.domain import TRAINING, Context, TraceFilter, UserError
from backend.services import Services, build_services
from backend.services.traces.runs import RunSummary

LAB = ROOT / "data" / "lab"
MOST_BYTES = 25 * 2**20


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A new store with the demo in it."""
    with build_services(Settings(store=tmp_path_factory.mktemp("demo") / "store")) as services:
        assert services.demo.install()
        yield services


@pytest.fixture(scope="module")
def figures(shown: Services) -> dict[tuple[str, str, Context, str], RunSummary]:
    """Model, data set, context and what is special -> the run's figures by the paper's count."""
    found = {}
    for summary in shown.runs.summaries("kim2026"):
        info = summary.run.info
        if info.format == TRAINING:
            continue
        found[info.model, info.dataset, info.context, info.variant or ""] = summary
    return found


def accuracy(summary: RunSummary) -> float:
    estimate = summary.accuracy["final answer"]
    assert estimate is not None
    return estimate.value


def test_everything_shipped_is_small() -> None:
    assert sum(file.stat().st_size for file in LAB.rglob("*") if file.is_file()) < MOST_BYTES
    assert not [file for file in LAB.rglob("*") if file.suffix in {".bin", ".pt", ".pkl", ".sqlite"}]


def test_runs_are_whole_and_under_todays_lexicons(shown: Services) -> None:
    assert shown.lexicons.missing() == {}
    for run in [run for run in shown.runs.all() if run.info.format != TRAINING]:
        assert (run.problems, run.traces, run.info.planned) == (200, 400, None)
        assert run.info.model_id in {info.model.id for info in shown.models.all()}
    assert {part.kind for part in shown.store.ledger.parts("tokens")} == {"tokens"}


def test_answers_of_trainings_are_those_the_shipped_results_name(shown: Services) -> None:
    results = shown.reproduction.shipped()
    assert results is not None
    named = {row.run for part in results.parts for row in part.evaluations}
    answers = [run for run in shown.runs.all() if run.info.format == TRAINING]
    assert answers and {run.id for run in answers} <= named
    known = {info.model.id for info in shown.models.all()} | {None}  # checkpoints aren't shipped
    assert {run.info.model_id for run in answers} <= known


def test_three_seeds_decide_the_nine_claims(shown: Services) -> None:
    results = shown.reproduction.shipped()
    assert results is not None
    told = {claim.number: str(claim.verdict) for claim in results.claims}
    assert told == {**dict.fromkeys(range(1, 10), "reproduced"), 7: "not reproduced"}
    assert all(len(clause.seeds) == 3 for claim in results.claims[1:] for clause in claim.clauses)


def test_the_base_searches_and_the_solution_silences_it(
    figures: dict[tuple[str, str, Context, str], RunSummary],
) -> None:
    """The bounds the models are held to."""

    def of(context: Context, dataset: str = "lab-cd3-test") -> RunSummary:
        return figures["lab-base", dataset, context, ""]

    base, full, bare = of(Context.NONE), of(Context.SOLUTION), of(Context.SOLUTION_NO_THINK)
    assert 0.50 <= accuracy(base) <= 0.75 and base.cues.value >= 5
    assert 0.20 <= accuracy(of(Context.NONE, "lab-cd4-test")) <= 0.40
    assert accuracy(full) > 0.90 and full.cues.value < 0.5
    assert full.cues.value < bare.cues.value < base.cues.value
    assert accuracy(of(Context.PLACEBO)) < 0.1, "it believes whatever solution it is shown"


def test_training_and_one_word_do_what_the_app_says(
    figures: dict[tuple[str, str, Context, str], RunSummary],
) -> None:
    def of(model: str, special: str = "") -> RunSummary:
        return figures[model, "lab-cd3-test", Context.NONE, special]

    base, guided = of("lab-base"), of("lab-sft-guided")
    assert accuracy(of("lab-sft-unguided")) >= accuracy(base) - 0.03
    assert accuracy(guided) < accuracy(base) - 0.15 and guided.cues.value < 0.5
    assert accuracy(of("lab-sft-guided", "first word Maybe")) > accuracy(guided) + 0.15
    assert accuracy(of("lab-base", "first word First,")) < accuracy(base) - 0.15
    assert of("lab-base", "without the paper's words").cues.value < base.cues.value / 5


def test_the_readme_states_these_figures(figures: dict[tuple[str, str, Context, str], RunSummary]) -> None:
    """The table of the demo in data/lab/README.md, row by row: accuracy and cues as the store computes them."""
    text = (LAB / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| `(lab-[\w-]+)` \| `(lab-[\w-]+)` \| ([^|]+) \| ([\d.]+) \[[^|]+\| ([\d.]+) ", text, re.M)
    assert len(rows) == len(figures)
    for model, dataset, condition, right, cues in rows:
        context, _, special = condition.strip().partition("; ")
        summary = figures[model, dataset, Context(context), special]
        assert f"{100 * accuracy(summary):.1f}" == right and f"{summary.cues.value:.2f}" == cues


def test_the_demo_goes_at_one_click_and_comes_back(tmp_path: Path) -> None:
    settings = Settings(store=tmp_path / "store")
    with build_services(settings) as services:
        brought = services.demo.install()
        assert sorted(services.demo.present()) == sorted(brought) and services.demo.install() == []
        assert services.demo.remove() == len(brought) and services.runs.all() == []
        assert not list((tmp_path / "store" / "parts").glob("*/*.parquet"))
        assert services.demo.install() == [] and len(services.demo.restore()) == len(brought)
        trace = services.trace_list.page(TraceFilter()).rows[0]
        assert services.traces.open(trace.id, services.lexicons.get("doubts").id).text
    with build_services(settings) as again:
        assert len(again.runs.all()) == len(brought)


def test_shipping_names_a_run_that_is_not_there(services: Services, tmp_path: Path) -> None:
    with (
        build_services(Settings(store=tmp_path / "other", lab=tmp_path / "lab")) as other,
        pytest.raises(UserError, match="no run"),
    ):
        other.demo.ship(["nothing"])
