"""The overview in a real browser, the empty store, and what the web server answers with."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from backend.measure.bootstrap import Estimate
from backend.services import Services
from pages.parts.app.server import HEADERS
from tests.browser.app_pages import ROOT, App, same_figures, table_rows
from tests.patience import PATIENCE

pytestmark = pytest.mark.browser
# Cues a trace by the paper's ten words and accuracy, as the data's own notes give them.
KNOWN = {
    ("Qwen2.5-7B", "AIME24"): (1.07, 13), ("Qwen2.5-7B · LIMO", "AIME24"): (638.4, 27),
    ("Qwen3-8B-Base", "AIME24"): (17.57, 10), ("Qwen3-8B-Base · LIMO", "AIME24"): (329.9, 47),
    ("Qwen3-14B-Base", "AIME24"): (13.53, 13), ("Qwen3-14B-Base · LIMO", "AIME24"): (364.8, 60),
    ("Qwen2.5-Math-7B", "AIME24"): (1.40, 20), ("Qwen2.5-Math-7B · LIMO", "AIME24"): (73.7, 0),
    ("Qwen3-14B-Base", "AMC23"): (0.17, 62.5), ("Qwen3-14B-Base · LIMO", "AMC23"): (132.0, 90),
}  # fmt: skip


def test_every_run_stands_with_its_figures(app: App, real_services: Services) -> None:
    app.open(lexicon="kim2026", grader="file")
    rows = {row["id"]: row for row in table_rows(app.page.locator(".st-key-runs_table table"))}
    summaries = real_services.runs.summaries("kim2026")
    assert list(rows) == [summary.run.id for summary in summaries]
    for summary in summaries:
        run, row = summary.run, rows[summary.run.id]
        assert row["Model"].split("\n")[0] == run.info.model
        assert row["Data set"].split("\n")[0] == run.info.dataset
        same_figures(row["Data set"].split("\n")[1].split(" · ")[0], [run.traces, run.problems])
        accuracy, density = summary.accuracy["file"], summary.per_1k
        same_figures(row["Accuracy by file"], [100 * v for v in (accuracy.value, accuracy.low, accuracy.high)])
        cues, below = row["Cues per trace"].strip().split("\n")
        same_figures(cues, known(summary.cues))
        assert ("in loops" in below) == (summary.in_loops > 0.1) and below.startswith("median")
        assert ("in one trace" in below) == (summary.largest is not None and summary.largest > 0.1)
        unit, other = run.length_unit, "words" if run.length_unit == "tokens" else "tokens"
        assert row.get(f"Length, {other}", "–").strip() == "–", "no column mixes units"
        same_figures(row[f"per 1,000 {unit}"], known(density))
        same_figures(row[f"Length, {unit}"].strip().split("\n")[0], known(summary.length))
        assert row["Disputed"].strip() == (str(summary.disagree) if summary.disagree else "–")
        if told := KNOWN.get((run.info.model, run.info.dataset)):
            assert summary.cues.value == pytest.approx(told[0], abs=0.051) and 100 * accuracy.value == pytest.approx(
                told[1], abs=0.5
            )


def test_every_figure_says_what_it_means(app: App) -> None:
    app.open()
    heads = app.page.locator(".st-key-runs_table th[title], .st-key-pairs th[title]")
    said = {head.inner_text().strip(): head.get_attribute("title") for head in heads.all()}
    assert {"Cues per trace", "Disputed", "Problems", "Accuracy A", "Cues per trace B"} <= set(said)
    for chooser, words in (("Grader", "Whose verdicts count"), ("Lexicon", "Which expressions count as doubt")):
        box = app.page.locator(".st-key-sth-right [data-testid=stSelectbox]").filter(has_text=chooser)
        box.locator("[data-testid=stTooltipIcon]").first.hover()
        expect(app.page.locator("[data-testid=stTooltipContent]").first).to_contain_text(words)
        app.page.mouse.move(0, 0)
        expect(app.page.locator("[data-testid=stTooltipContent]")).to_have_count(0)


def known(estimate: Estimate) -> list[float]:
    """The number and the ends of its interval, where it has one."""
    return [v for v in (estimate.value, estimate.low, estimate.high) if v is not None]


def test_the_tables_leave_loops_out_when_asked(app: App, real_services: Services) -> None:
    app.open(lexicon="kim2026", in_loops="left out")
    rows = {row["id"]: row for row in table_rows(app.page.locator(".st-key-runs_table table"))}
    for summary in real_services.runs.summaries("kim2026"):
        cues, below = rows[summary.run.id]["Cues per trace"].strip().split("\n")
        same_figures(cues, known(summary.free.cues))
        same_figures(below, [summary.median_free_cues])
        length = rows[summary.run.id][f"Length, {summary.run.length_unit}"].strip()
        same_figures(length.split("\n")[0], known(summary.free.length))


def test_pairs_stand_by_themselves_with_both_sides(app: App, real_services: Services) -> None:
    app.open()
    table = app.page.locator(".st-key-pairs table")
    pairs, figures = real_services.runs.pairs(), {s.run.id: s for s in real_services.runs.summaries()}
    assert len(table_rows(table)) == 6 < len(pairs)
    app.page.get_by_role("button", name=f"Show all {len(pairs)} pairs").click()
    expect(table.locator("tbody tr")).to_have_count(len(pairs))
    app.settle()
    for row, pair in zip(table_rows(table), pairs, strict=True):
        assert row["id"] == f"{pair.base.id},{pair.variant.id}"
        assert (row["A"].split("\n")[0], row["B"].split("\n")[0]) == (pair.base.info.model, pair.variant.info.model)
        same_figures(row["Problems"], [pair.problems])
        for tag, run in (("A", pair.base), ("B", pair.variant)):
            right, cues = figures[run.id].accuracy["final answer"], figures[run.id].cues
            same_figures(row[f"Accuracy {tag}"], [100 * right.value, 100 * right.low, 100 * right.high])
            same_figures(row[f"Cues per trace {tag}"].strip().split("\n")[0], known(cues))


def test_the_first_screen_shows_a_telling_pair(app: App, real_services: Services) -> None:
    """Without a click: one problem, one side that doubts and is right, one that is sure and wrong, in the window."""
    app.open()
    verdicts = [app.pane(n).locator(".verdict").inner_text() for n in (0, 1)]
    assert sorted(text[0] for text in verdicts) == sorted("✓✕")
    counts = [int(app.pane(n).locator(".facts b").nth(0).inner_text().replace(",", "")) for n in (0, 1)]
    right = 0 if verdicts[0].startswith("✓") else 1
    assert counts[right] > counts[1 - right]
    # Sure is what holds no doubt.
    assert ("confidently wrong" in verdicts[1 - right]) == (counts[1 - right] == 0)
    for n in (0, 1):
        box = app.pane(n).bounding_box()
        assert box["y"] + box["height"] <= 900
    expect(app.pane(right).locator("mark").first).to_be_in_viewport()
    titles = [app.pane(n).locator("h2").inner_text() for n in (0, 1)]
    app.page.get_by_role("button", name="compare the runs").click()
    app.page.wait_for_url("**/compare?**")
    app.settle()
    assert [app.pane(n).locator("h2").inner_text() for n in (0, 1)] == titles
    assert [app.pane(n).locator(".verdict").inner_text()[0] for n in (0, 1)] == [text[0] for text in verdicts]


def test_a_run_opens_its_traces(app: App, real_services: Services) -> None:
    app.open()
    run = real_services.runs.all()[0]
    app.page.locator(f".st-key-runs_table tr[data-row='{run.id}']").click()
    app.page.wait_for_url("**/browse?**")
    app.settle()
    expect(app.page.locator(".st-key-sth-header")).to_contain_text(f"{run.traces} traces")
    rows = app.page.locator(".st-key-traces tbody tr").evaluate_all("rows => rows.map((row) => row.dataset.row)")
    assert all(row.startswith(run.id) for row in rows)


@pytest.fixture(scope="module")
def bare_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The application over an empty store, started as `make app` starts it: with a port and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    env = {**os.environ, "SECOND_THOUGHTS_STORE": str(folder / "store")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health", process, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"The server did not answer.\n{log.read_text(errors='replace')}")


def test_an_empty_store_says_what_to_do(tab: Page, bare_server: str) -> None:
    app = App(tab, bare_server).open()
    expect(
        app.page.get_by_text("The store is empty. Bring reasoning traces, and pairs form by themselves.")
    ).to_be_visible()
    expect(app.page.get_by_text("python -m backend import PATH...")).to_be_visible()
    app.page.get_by_role("button", name="Import traces").click()
    app.page.wait_for_url("**/import")
    for path, words in (("browse", "There is nothing to browse yet."), ("compare", "Two runs of the same problems are needed"),
                        ("reader", "Choose a trace in Browse")):  # fmt: skip
        app.open(path)
        expect(app.page.get_by_text(words)).to_be_visible()
        expect(app.page.locator("[data-testid=stBaseButton-primary]")).to_have_count(1)


def test_the_server_listens_on_loopback_alone(bare_server: str) -> None:
    """Bound to all addresses, it would answer on 127.0.0.2 as well."""
    port = urlsplit(bare_server).port
    socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", port), timeout=PATIENCE)


def test_every_answer_carries_the_security_headers(tab: Page, bare_server: str) -> None:
    answers: list[tuple[str, dict[str, str]]] = []
    remote: list[str] = []
    tab.on("response", lambda r: answers.append((r.url, r.headers)) if r.url.startswith("http") else None)
    tab.on("request", lambda r: None if r.url.startswith((bare_server, "data:", "blob:")) else remote.append(r.url))
    app = App(tab, bare_server)
    for path in ("", "browse", "compare", "reader", "import"):
        app.open(path)
    assert len(answers) > 20 and remote == []
    for address, headers in answers:
        for name, value in HEADERS.items():
            assert headers.get(name.lower()) == value, (address, name)
    for path in ("/no/such/page", "/_stcore/health", "/media/none", "/../../etc/passwd", "/static/../app.py"):
        try:
            answer = urllib.request.urlopen(bare_server + path, timeout=PATIENCE)
        except urllib.error.HTTPError as error:
            answer = error
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS, path
        assert not re.search(rb"root:|import streamlit", answer.read())
    policy = HEADERS["Content-Security-Policy"]
    assert "script-src 'self' blob:;" in policy and "unsafe-eval" not in policy and "object-src 'none'" in policy
