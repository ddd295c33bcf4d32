"""Experiments as reports: figures against the shipped responses by hand, any runs, the store's own, shipping, the verb."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from backend.cli.main import main
from backend.config import Settings
from backend.domain import Context, UserError
from backend.measure.bootstrap import mean_estimate
from backend.measure.paired import density_difference, mean_ratio
from backend.measure.shares import mean_share, share_difference
from backend.report.model import Figure, ReportRow, Table
from backend.report.numbers import Form
from backend.services import Services, build_services
from backend.services.jobs import JobProgress
from backend.services.reproduction.recipes import lab_recipes
from backend.services.reproduction.recipes.recipe import GRPO, SD_FULL, SFT_GUIDED, ReproductionScale
from backend.services.reproduction.reports import SECTIONS, From, View
from backend.services.reproduction.reproducer import ReproductionSpec
from backend.services.reproduction.results import PartResult, Results
from backend.services.reproduction.sections.response_numbers import (
    SHIPPED_NUMBERS,
    ShippedNumbers,
    StoreNumbers,
    write_numbers,
)
from tests.pages.test_pages import fill

LAB = Settings().lab
HELD = lab_recipes.HELD_OUT
SHIPPED = View(From.SHIPPED)
STAND_IN = Path(__file__).resolve().parents[1] / "training" / "training_stand_in.py"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """An empty store, beside what is shipped."""
    with build_services(Settings(store=tmp_path_factory.mktemp("shipped") / "store", graders=1)) as services:
        yield services


@pytest.fixture(scope="module")
def results(shipped: Services) -> Results:
    return shipped.reports.results(From.SHIPPED, ReproductionScale.LAB)


@pytest.fixture(scope="module")
def responses() -> dict[str, list[dict]]:
    """Run -> its responses as they are shipped, read without any code of ours."""
    found = defaultdict(list)
    for row in pq.read_table(LAB / SHIPPED_NUMBERS).to_pylist():
        found[row["run"]].append(row)
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A base and its variant over three problems, and other problems."""
    folder = tmp_path_factory.mktemp("runs")
    with build_services(Settings(store=folder / "store", graders=1)) as services:
        fill(services, folder)
        yield services


def table(services: Services, section: str, key: str, view: View = SHIPPED) -> Table:
    return next(found for found in services.reports.section(view, section).tables if found.id == key)


def row_of(found: Table, name: str) -> ReportRow:
    return next(row for row in found.rows if next(iter(row.cells.values())) == name)


def cell(row: ReportRow, column: str) -> Figure:
    found = row.cells[column]
    assert isinstance(found, Figure), (column, found)
    return found


def ends(results: Results, key: str, name: str = HELD) -> list[str]:
    """The run of each seed at a part's last step."""
    return [
        row.run
        for part in results.parts
        if part.key == key
        for row in part.evaluations
        if (row.name, row.step, row.context) == (name, part.spec.settings.steps, Context.NONE)
    ]


def by_problem(rows: list[dict], value: str) -> dict[str, float]:
    found = defaultdict(list)
    for row in rows:
        found[row["problem"]].append(float(row[value]))
    return {problem: sum(values) / len(values) for problem, values in found.items()}


def over_seeds(responses: dict[str, list[dict]], seeds: list[str], value: str) -> dict[str, float]:
    means = [by_problem(responses[run], value) for run in seeds]
    return {problem: sum(mean[problem] for mean in means) / len(means) for problem in means[0]}


# -- what is shipped --------------------------------------------------------------------------------


def test_a_fresh_store_shows_what_is_shipped(shipped: Services, results: Results) -> None:
    assert shipped.reports.usual(ReproductionScale.LAB) is From.SHIPPED
    assert len(results.claims) == 9 and all(part.finished for part in results.parts)
    for name in SECTIONS:
        section = shipped.reports.section(SHIPPED, name, results)
        assert section.tables and all(found.rows for found in section.tables), name
        assert section.pictures or name == "verdicts"
    [verdicts] = [
        found for found in shipped.reports.section(SHIPPED, "verdicts", results).tables if found.id == "claims"
    ]
    for claim, row in zip(results.claims, verdicts.rows, strict=True):
        effect = cell(row, "effect")
        assert (effect.value, effect.low, effect.high, effect.n) == (claim.effect, claim.low, claim.high, claim.n)
        assert row.cells["verdict"] == str(claim.verdict)


def test_an_arm_is_its_problems_averaged_over_seeds(
    shipped: Services, results: Results, responses: dict[str, list[dict]]
) -> None:
    """The table's row against the responses, problem by problem."""
    found = table(shipped, "self-distillation", "endings")
    title = next(part.title for part in results.parts if part.key == SD_FULL)
    row, seeds = row_of(found, title), ends(results, SD_FULL)
    assert list(row.runs) == seeds and len(seeds) == 3
    lexicon = next(name for name in responses[seeds[0]][0] if name.startswith("cues kim2026@"))
    columns = {name: over_seeds(responses, seeds, value) for name, value in
               (("accuracy", "right"), ("length", "length"), ("cues", lexicon))}  # fmt: skip
    for name, values in columns.items():
        known = sum(row["right"] is not None for run in seeds for row in responses[run])
        every = list(values.values())
        expected = mean_share(every, known) if name == "accuracy" else mean_estimate(every)
        assert expected is not None
        shown = cell(row, name)
        assert (shown.value, shown.low, shown.high) == pytest.approx((expected.value, expected.low, expected.high))
        assert shown.n == len(values) == 200
    problems = sorted(columns["cues"])
    density = mean_ratio([1000 * columns["cues"][p] for p in problems], [columns["length"][p] for p in problems])
    assert density is not None and cell(row, "density").value == pytest.approx(density.value)
    assert cell(row, "density").low == pytest.approx(density.low)


def test_the_change_from_the_base_is_paired(
    shipped: Services, results: Results, responses: dict[str, list[dict]]
) -> None:
    found = table(shipped, "fine-tuning", "fine-tuning-changes")
    title = next(part.title for part in results.parts if part.key == SFT_GUIDED)
    part = next(part for part in results.parts if part.key == SFT_GUIDED)
    [base] = {row.run for row in part.evaluations if (row.name, row.step) == (HELD, 0)}
    after, before = over_seeds(responses, ends(results, SFT_GUIDED), "right"), by_problem(responses[base], "right")
    expected = share_difference([after[p] for p in sorted(after)], [before[p] for p in sorted(after)], len(after))
    assert expected is not None
    shown = cell(row_of(found, title), HELD)
    assert (shown.value, shown.low, shown.high) == pytest.approx((expected.value, expected.low, expected.high))
    assert shown.signed and shown.form is Form.PERCENT


def test_right_if_finished_counts_the_finished_alone(
    shipped: Services, results: Results, responses: dict[str, list[dict]]
) -> None:
    """GRPO's responses don't all end: what is right among those that do is more than its accuracy."""
    row = row_of(table(shipped, "measures", "tries"), next(p.title for p in results.parts if p.key == GRPO))
    rows = [row for run in ends(results, GRPO) for row in responses[run]]
    done = [row for row in rows if row["finished"]]
    assert 0 < len(done) < len(rows)
    assert cell(row, "finished").value == pytest.approx(len(done) / len(rows))
    assert cell(row, "given").value == pytest.approx(sum(row["right"] for row in done) / len(done))
    assert cell(row, "traces").value == len(rows)
    twice = [any(r["right"] for r in responses[run] if r["problem"] == p)
             for run in ends(results, GRPO) for p in {r["problem"] for r in responses[run]}]  # fmt: skip
    assert cell(row, "pass 2").value == pytest.approx(sum(twice) / len(twice))


def test_figures_are_those_that_were_recorded_when_the_answers_came(shipped: Services, results: Results) -> None:
    """Every last evaluation of one seed: the recorded figures, made by other code, and ours."""
    one = View(From.SHIPPED, seeds=(1,))
    found = table(shipped, "measures", "tries", one)
    parts = {part.title: part for part in results.parts if part.seed == 1}
    checked = 0
    for row in found.rows:
        part = parts.get(str(row.cells["arm"]))
        if part is None:
            continue
        values = recorded(part)
        for name, key in (("accuracy", "accuracy"), ("finished", "finished_estimate")):
            shown = cell(row, name)
            # Recorded by percentiles, which are all but Wilson's interval at 200 problems, away from the edges.
            assert [shown.value, shown.n] == pytest.approx([values[key][0], values[key][3]], rel=1e-4)
            assert [shown.low, shown.high] == pytest.approx(values[key][1:3], abs=0.03)
        checked += 1
    assert checked == len(parts)


def recorded(part: PartResult) -> dict:
    last = part.spec.settings.steps
    return next(row.values for row in part.evaluations if (row.name, row.step) == (HELD, last))


def test_a_report_names_its_runs_lexicon_commits_and_seeds(shipped: Services, results: Results) -> None:
    report = shipped.reports.report(View(From.SHIPPED, seeds=(0, 2)), results)
    said = dict(report.provenance)
    lexicon = shipped.lexicons.get("kim2026")
    assert lexicon.id in said["Lexicon"] and f"version {lexicon.version}" in said["Lexicon"]
    assert results.commit in said["Results made by"] and said["Seeds"].startswith("0, 2")
    assert "2603.24472" in said["The paper’s values"] and said["Grader"].startswith("final answer")
    assert report.sources is not None
    named = {run for found in report.tables for row in found.rows for run in (*row.runs, *row.against)}
    assert named == {row.cells["id"] for row in report.sources.rows}
    seeds = {row.cells["seed"] for row in report.sources.rows if row.cells["step"] != "0"}
    assert {"0", "2"} <= seeds


def test_other_lexicons_count_otherwise_and_verdicts_stay(shipped: Services, results: Results) -> None:
    # The shipped experiments were counted by the first version of our list.
    assert shipped.reports.lexicons(From.SHIPPED) == ["kim2026", "doubts-1"]
    one, other = (
        table(shipped, "contexts", "contexts", dataclasses.replace(SHIPPED, lexicon=name))
        for name in ("kim2026", "doubts-1")
    )
    assert cell(one.rows[0], "accuracy") == cell(other.rows[0], "accuracy")
    assert cell(one.rows[0], "cues").value < cell(other.rows[0], "cues").value  # type: ignore[operator]


# -- any runs ---------------------------------------------------------------------------------------


def test_any_runs_side_by_side(runs: Services) -> None:
    [pair] = runs.runs.pairs()
    view = View(From.RUNS, runs=(pair.base.id, pair.variant.id))
    section = runs.reports.section(view, "")
    conditions = {found.id: found for found in section.tables}["runs"]
    assert [cell(row, "accuracy").value for row in conditions.rows] == pytest.approx([2 / 3, 1 / 3])
    assert cell(conditions.rows[0], "cues").value == pytest.approx(1.0)  # wait, maybe, hmm over three responses
    assert "words" in conditions.note
    change = {found.id: found for found in section.tables}["runs-change"].rows[0]
    assert (cell(change, "change").value, cell(change, "n").value) == (pytest.approx(-1 / 3), 3)
    assert (change.runs, change.against) == ((pair.variant.id,), (pair.base.id,))
    words = next(picture for picture in section.pictures if picture.id == "runs-words")
    assert set(words.names) == {"wait", "maybe", "hmm"}  # type: ignore[union-attr]
    equal = {found.id: found for found in section.tables}["runs-matched"].rows
    assert all(cell(row, "share").value is not None for row in equal)


def test_density_at_equal_length_of_runs(runs: Services) -> None:
    """One response a problem, all of few lengths: matched where lengths are equal."""
    [pair] = runs.runs.pairs()
    ids = [pair.base.id, pair.variant.id]
    lexicon = runs.lexicons.get("kim2026").id
    one, other = (StoreNumbers(runs.store).numbers(ids, lexicon)[run] for run in ids)
    same = [i for i in range(3) if one.length[i] == other.length[i]]
    row = table(runs, "", "runs-matched", View(From.RUNS, runs=tuple(ids))).rows[0]
    expected = density_difference(other.cues[same], other.length[same], one.cues[same], one.length[same])
    assert expected is not None and cell(row, "difference").value == pytest.approx(expected.value)
    assert cell(row, "share").value == pytest.approx(len(same) / 3)


def test_what_does_not_exist_is_refused(runs: Services, tmp_path: Path) -> None:
    known = tuple(run.id for run in runs.runs.all())
    for view, words in (
        (View(From.RUNS), "Choose one to 8"),
        (View(From.RUNS, runs=(known[0], known[0])), "different runs"),
        (View(From.RUNS, runs=("<b>\u202e",)), r"no run <b>\\u202e"),
        (View(lexicon="none"), "no lexicon"),
        (View(From.SHIPPED, ReproductionScale.PAPER), "No results of paper scale are shipped"),
    ):
        with pytest.raises(UserError, match=words):
            runs.reports.section(view, "contexts")
    with pytest.raises(UserError, match="no section"):
        runs.reports.section(SHIPPED, "nothing")
    with pytest.raises(UserError, match="nothing to ship"):
        runs.reports.ship_numbers(tmp_path / "x.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1nothing")
    with pytest.raises(UserError, match="no file of numbers"):
        ShippedNumbers(tmp_path / "bad.parquet").numbers(["x"], "kim2026@0")
    assert not (tmp_path / "x.parquet").exists()


def test_shipped_numbers_are_the_stores(runs: Services, tmp_path: Path) -> None:
    ids = [run.id for run in runs.runs.all()]
    lexicons = [runs.lexicons.get(name).id for name in ("kim2026", "doubts")]
    write_numbers(runs.store, ids, ids[:2], lexicons, tmp_path / "n.parquet")
    own, read = StoreNumbers(runs.store), ShippedNumbers(tmp_path / "n.parquet")
    assert read.lexicons == lexicons and list(tmp_path.iterdir()) == [tmp_path / "n.parquet"]
    for lexicon in lexicons:
        here, there = own.numbers(ids, lexicon), read.numbers([*ids, "gone"], lexicon)
        assert list(here) == list(there) == ids
        for run in ids:
            one, other = here[run], there[run]
            assert one.problems == other.problems
            for name in ("length", "right", "finished", "cues"):
                assert getattr(one, name).tolist() == pytest.approx(getattr(other, name).tolist(), nan_ok=True)
        assert [read.words(run, lexicon) for run in ids[:2]] == [own.words(run, lexicon) for run in ids[:2]]
        assert read.words(ids[2], lexicon) is None
    assert read.numbers(ids, "none@0") == {}


# -- the store's own --------------------------------------------------------------------------------


def test_finished_parts_of_the_store_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part trained by a stand-in, another failed: the finished one makes the figures, and is shipped."""
    monkeypatch.setattr(lab_recipes, "ALL", 3)
    monkeypatch.setattr(lab_recipes, "EVERY", 1)
    monkeypatch.setattr(lab_recipes, "FULL", dataclasses.replace(lab_recipes.FULL, steps=2, prompts=2, max_tokens=48))
    monkeypatch.setattr(lab_recipes, "OTHERS", ())
    monkeypatch.setattr(lab_recipes, "TRAINED_ON", "lab-cd4-test")
    spec = ReproductionSpec(ReproductionScale.LAB, (0, 4), (SD_FULL,), 2)
    with build_services(Settings(store=tmp_path / "store", graders=1)) as services:
        before = services.reports.ended()
        services.training_runner.launch = lambda folder, _processes: [sys.executable, str(STAND_IN), str(folder)]
        job = services.reproduction.submit(spec)
        assert services.reproduction.carry_out(job, JobProgress(services.store.jobs, job))["finished"] == 1
        assert services.reports.ended() != before
        assert services.reports.usual(ReproductionScale.LAB) is From.STORE
        endings = table(services, "self-distillation", "endings", View())
        assert [cell(row, "accuracy").value for row in endings.rows] == [
            1,
            0,
        ]  # the stand-in doubts and is right, then isn't
        assert cell(endings.rows[1], "trained").value == 1
        sweep = services.reports.section(View(), "coverage")
        assert [row.cells["size"] for row in sweep.tables[0].rows] == ["all"]
        assert "No part of this experiment is finished" in services.reports.section(View(), "fine-tuning").sentence
        [shown, *_] = services.reports.report(View()).traces
        assert "Maybe" in shown.text and [shown.text[cue.start : cue.end].lower() for cue in shown.cues] == [
            "maybe",
            "hmm",
            "wait",
        ]
        services.reproduction.ship(tmp_path / "lab" / "demo" / "experiments.json")
        services.reports.ship_numbers(tmp_path / "lab" / SHIPPED_NUMBERS)
    with build_services(Settings(store=tmp_path / "new", lab=tmp_path / "lab", graders=1)) as fresh:
        again = table(fresh, "self-distillation", "endings")
        assert [row.cells for row in again.rows] == [row.cells for row in endings.rows]


# -- the verb ---------------------------------------------------------------------------------------


def test_the_verb_writes_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = {kind: tmp_path / kind for kind in ("csv", "latex", "svg")}
    options = [part for kind, folder in folders.items() for part in (f"--{kind}", str(folder))]
    store, out = ["--store", str(tmp_path / "store")], tmp_path / "r.html"
    assert main(["report", "--shipped", *store, "--out", str(out), *options]) == 0
    assert capsys.readouterr().out.count("written") == 4
    page = out.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and "<script" not in page and "http" not in page.replace("http-equiv", "")
    assert {path.suffix for path in folders["latex"].iterdir()} == {".tex"}
    assert (folders["csv"] / "claims.csv").is_file() and (folders["svg"] / "coverage-sweep.svg").is_file()
    told = json.loads((LAB / "demo" / "experiments.json").read_text(encoding="utf-8"))
    assert told["commit"] in (folders["csv"] / "origin.csv").read_text(encoding="utf-8")
    assert main(["report", "--shipped", "--runs", "x", *store]) == 2
    assert main(["report", "--runs", "x", *store, "--out", str(tmp_path / "none.html")]) == 2
    assert main(["report", "--shipped", *store, "--out", str(tmp_path / "no" / "folder.html")]) == 2
    assert not list(tmp_path.glob("*none*")) and not (tmp_path / "no").exists()
