"""The Experiments page as a script: every section, its numbers in every format, choices in the address, running."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from backend.config import Settings
from backend.job import Job, JobKind, Lane
from backend.report.files import csv_files, escape_latex, latex_files
from backend.report.html import html
from backend.report.model import Figure, Report, Table
from backend.report.numbers import number
from backend.services import Services, build_services
from backend.services.reproduction.reports import SECTIONS, From, View
from pages.parts.experiments.report_view import page_table, row_links
from tests.pages.test_pages import HOSTILE, fill, forget, opened, said, sound
from tests.report.test_report import Reader


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A small store without experiments; the shipped results lie beside it."""
    folder = tmp_path_factory.mktemp("experiments")
    with build_services(Settings(store=folder / "store", graders=1)) as services:
        fill(services, folder)
        yield services


@pytest.fixture
def small(filled: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    forget()
    monkeypatch.setenv("SECOND_THOUGHTS_STORE", str(filled.store.folder))
    yield filled
    forget()


@pytest.fixture(scope="module")
def report(filled: Services) -> Report:
    return filled.reports.report(View(From.SHIPPED))


def tables(test: AppTest) -> dict[str, dict]:
    """Table's id -> what the browser is given of it."""
    found = {}
    for element in test.get("bidi_component"):
        name = element.proto.id.rpartition("experiment-table-")[2]
        if element.proto.component_name == "second_thoughts_table" and name != element.proto.id:
            found[name] = json.loads(element.proto.json)
    return found


# -- the same numbers everywhere --------------------------------------------------------------------


@pytest.mark.parametrize("name", list(SECTIONS))
def test_page_html_csv_and_latex_hold_the_same_numbers(name: str, small: Services, report: Report) -> None:
    test = sound(opened("experiments", section=name))
    shown, page = tables(test), Reader(html(report))
    in_csv, in_latex = csv_files(report), latex_files(report)
    section = next(found for found in report.sections if found.id == name)
    assert section.sentence in said(test)
    assert len(test.get("plotly_chart")) == len(section.pictures)
    compared = 0
    for table in (found for found in section.tables if found.id in shown):
        html_rows = _html_rows(page, table)
        csv_rows = list(csv.DictReader(io.StringIO(in_csv[f"{table.id}.csv"])))
        for at, row in enumerate(table.rows):
            figures = {column.id: row.cells.get(column.id) for column in table.columns}
            for place, column in enumerate(table.columns):
                figure = figures[column.id]
                if not isinstance(figure, Figure) or figure.value is None:
                    continue
                told = f"{figure.text} {figure.ends}".strip()
                assert html_rows[at][place] == told
                assert escape_latex(figure.text) in in_latex[f"{table.id}.tex"]
                heading = next(iter(name for name in csv_rows[at] if name.removesuffix(" (paper)") == column.label))
                heading = f"{column.label} (paper)" if column.paper and not table.paper else heading
                if sum(c.label == column.label for c in table.columns) == 1:
                    assert number(float(csv_rows[at][heading]), figure.form, signed=figure.signed) in told
                assert told in _page_row(shown[table.id], table, at)
                compared += 1
    assert compared > 8


def _html_rows(page: Reader, table: Table) -> list[list[str]]:
    """The rows of a table in the HTML: those after a head with its columns."""
    heads = [f"{c.label} (paper)" if c.paper and not table.paper else c.label for c in table.columns]
    found = [at for at, row in enumerate(page.rows) if row == heads]
    names = [str(next(iter(row.cells.values()))) for row in table.rows]
    for at in found:
        rows = page.rows[at + 1 : at + 1 + len(names)]
        if [row[0] for row in rows] == names and _same(rows, table):
            return rows
    raise AssertionError(f"{table.id} is not in the report")


def _same(rows: list[list[str]], table: Table) -> bool:
    figures = [row.cells.get(column.id) for row in table.rows for column in table.columns]
    texts = [text for row in rows for text in row]
    return all(t.startswith(f.text) for f, t in zip(figures, texts, strict=True) if isinstance(f, Figure))


def _page_row(shown: dict, table: Table, at: int) -> str:
    """All that stands in a row of the page's table, small type included."""
    row = shown["rows"][at]
    return " | ".join(f"{cell.get('text', '')} {cell.get('ends', '')}{cell.get('small', '')}" for cell in row["cells"])


# -- the page ---------------------------------------------------------------------------------------


def test_the_first_look_is_at_the_shipped_verdicts(small: Services) -> None:
    test = sound(opened("experiments"))
    claims = tables(test)["claims"]
    assert len(claims["rows"]) == 9
    columns = [column["id"] for column in claims["columns"]]
    words = [row["cells"][columns.index("verdict")]["text"] for row in claims["rows"]]
    marks = [row["cells"][columns.index("mark")]["value"] for row in claims["rows"]]
    assert marks == [{"reproduced": True, "not reproduced": False}.get(word) for word in words]
    first = claims["rows"][0]["cells"][columns.index("claim")]
    assert "built in by the corpus" in first["text"] and first["small"].startswith("Section 3: cues fall")
    assert "What this can’t show" in said(test)


def test_seeds_choose_what_figures_are_of(small: Services) -> None:
    whole, one = (
        tables(sound(opened("experiments", section="measures", **query)))["tries"] for query in ({}, {"seeds": "1"})
    )
    count = [column["id"] for column in whole["columns"]].index("traces")
    assert whole["rows"][1]["cells"][count]["value"] == 3 * one["rows"][1]["cells"][count]["value"]


def test_runs_of_the_store_and_their_ways(small: Services) -> None:
    [pair] = small.runs.pairs()
    test = sound(opened("experiments", source="runs", runs=f"{pair.base.id},{pair.variant.id},gone"))
    shown = tables(test)
    assert len(shown["runs"]["rows"]) == 2
    links = shown["runs-change"]["rows"][0]["cells"][-1]["links"]
    assert [link["label"] for link in links] == ["Traces", "Compare"]
    assert links[1]["href"].startswith("/compare?runs=") and pair.base.id in links[1]["href"]
    assert "Choose runs of the store" in said(sound(opened("experiments", source="runs")))


def test_links_lead_to_what_is_in_the_store_alone(small: Services, report: Report) -> None:
    for table in report.tables:
        columns, rows = page_table(table, {})
        assert "links" not in [column.id for column in columns] and not any("links" in row.cells for row in rows)
    table = next(found for found in report.tables if found.id == "endings")
    run, base = table.rows[1].runs[0], table.rows[1].against[0]
    assert [link.label for link in row_links(table.rows[1], {run: "a", base: "b"})] == ["Traces", "Compare"]


@pytest.mark.parametrize("wrong", ["", "nothing", "-1", "9" * 20, HOSTILE, "a,b,c", "²"])
def test_values_the_page_does_not_know_are_passed_over(wrong: str, small: Services) -> None:
    names = ("section", "source", "scale", "seeds", "counted", "runs")
    assert "claims" in tables(sound(opened("experiments", **dict.fromkeys(names, wrong))))


def test_paper_scale_has_nothing_yet_and_says_what_it_takes(small: Services) -> None:
    test = sound(opened("experiments", scale="paper", section="coverage"))
    text = said(test)
    assert "No part of this experiment is finished here yet." in text
    assert "GPU-hours" in text and "parts are still to be trained" in text
    assert "reproduce --scale paper --seeds 3" in test.code[0].value
    test.button(key="experiments-go").click().run()
    assert "need what this store lacks" in said(sound(test))
    assert not small.jobs.open()


def test_run_it_asks_for_the_job_once(small: Services) -> None:
    test = opened("experiments", section="contexts")
    test.session_state["experiments-run"] = True
    test.session_state["experiments-only"] = ["contexts"]
    test.session_state["experiments-seeds"] = 1
    sound(test.run())
    assert "1 of 1 parts are still to be trained" in said(test) and "CPU-minutes" in said(test)
    assert test.code[0].value == "python -m backend reproduce --scale lab --only contexts --seeds 1 --processes 1"
    test.button(key="experiments-go").click().run()
    [job] = small.jobs.open()
    assert job.kind is JobKind.REPRODUCE and job.spec["only"] == ["contexts"]
    assert "Under way" in said(sound(test)) and test.button(key="experiments-go").disabled
    small.jobs.cancel(job.id)


def test_a_job_under_way_is_named_in_plain_text(small: Services) -> None:
    job = small.store.jobs.add(Job("x" * 8, JobKind.REPRODUCE, HOSTILE, Lane.BATCH, {}, message=HOSTILE))
    assert "Under way" in said(sound(opened("experiments")))
    small.jobs.cancel(job.id)


def test_without_anything_shipped_the_store_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget()
    monkeypatch.setenv("SECOND_THOUGHTS_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("SECOND_THOUGHTS_LAB", str(tmp_path / "lab"))
    test = sound(opened("experiments"))
    assert {row["cells"][0]["text"] for row in tables(test)["claims"]["rows"]} == set("123456789")
    assert "9 undecided" in said(test)
    assert "No results of lab scale are shipped" in said(sound(opened("experiments", source="shipped")))
    forget()
