"""The reader in a real browser, on real traces: opened by its address, walked, judged, traced back and linked to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from backend.domain import TraceFilter
from backend.services import Services
from backend.services.traces.trace_reader import OpenTrace
from tests.browser.app_pages import App, same_figures

pytestmark = pytest.mark.browser
LONG = 80_000


def opened_trace(services: Services, trace: str, lexicon: str = "doubts") -> OpenTrace:
    return services.traces.open(trace, services.lexicons.get(lexicon).id)


@pytest.fixture(scope="module")
def long(real_services: Services) -> OpenTrace:
    """The shortest stored trace of at least 80,000 characters."""
    rows = real_services.trace_list.page(TraceFilter(min_words=12_000), sort="words").rows
    traces = (opened_trace(real_services, row.id) for row in rows)
    return next(trace for trace in traces if len(trace.text) >= LONG)


@pytest.fixture(scope="module")
def disputed(real_services: Services) -> OpenTrace:
    """A trace on which the graders contradict each other."""
    return opened_trace(real_services, real_services.trace_list.page(TraceFilter(disagree=True)).rows[0].id)


def test_a_loop_is_drawn_where_it_begins_and_on_the_map(app: App, real_services: Services) -> None:
    wanted = TraceFilter(looping=True, min_words=15_000, dataset="AIME24")
    (found,) = (row for row in real_services.trace_list.page(wanted).rows if row.cues > 6_000)
    trace = opened_trace(real_services, found.id)
    assert trace.loops and trace.loop_share == pytest.approx(found.looped)
    (loop,) = trace.loops
    app.open("reader", trace=trace.id, range=f"{loop.start + 200}-{loop.start + 210}")
    pane = app.pane()
    expect(pane.locator(".loop-label")).to_have_text("Repeats itself from here: 46% of the text")
    drawn = pane.locator("section.looped .chunk").evaluate_all("chunks => chunks.map(c => c.textContent)")
    assert (
        trace.text[loop.start : loop.end].endswith("".join(drawn)) and len("".join(drawn)) > loop.end - loop.start - 80
    )
    before = pane.locator("section[data-section] .chunk").evaluate_all("chunks => chunks.map(c => c.textContent)")
    assert "".join(before) == trace.text
    expect(pane.locator(".map .loop")).to_have_count(1)
    expect(pane.locator(".facts")).to_contain_text(f"{trace.loop_free_cues} outside loops, which are 45.6% of the text")


def test_a_trace_of_80000_characters_is_all_there(app: App, real_services: Services, long: OpenTrace) -> None:
    app.open("reader", trace=long.id)
    pane, page = app.pane(), app.page
    chunks = pane.locator("section[data-section] .chunk").evaluate_all("chunks => chunks.map(c => c.textContent)")
    assert "".join(chunks) == long.text and len(long.text) >= LONG
    marks = pane.locator("section[data-section] mark").evaluate_all("marks => marks.map(m => m.textContent)")
    assert marks == [long.text[cue.start : cue.end] for cue in sorted(long.cues, key=lambda cue: cue.start)]
    same_figures(pane.locator(".facts b").nth(0).inner_text(), [len(long.response_cues)])
    expect(page.locator(".st-key-sth-question")).to_contain_text(f"Problem {long.number}")
    expect(page.locator(".st-key-sth-question")).to_contain_text(long.question.strip()[:60])
    expect(page.locator(".st-key-sth-question")).to_contain_text(f"gold {long.gold}")
    page.locator("h1").click()
    page.keyboard.press("n")
    page.keyboard.press("n")
    expect(pane.locator(".cue-place")).to_have_text(f"2/{len(long.response_cues):d}")
    page.keyboard.press("h")
    expect(pane.locator(".hit").first).to_be_visible()
    pane.locator(".hit").nth(200).click()
    expect(pane.locator("mark.current")).to_be_in_viewport()
    expect(pane.locator(".cue-place")).to_contain_text("201/")
    chip = pane.locator(".chip").first
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "false")


def test_next_and_previous_follow_the_run(app: App, real_services: Services, long: OpenTrace) -> None:
    first = f"{long.run.id}-00000"
    app.open("reader", trace=first, lexicon="kim2026")
    expect(app.page.get_by_role("button", name="Previous", exact=True)).to_be_disabled()
    app.page.get_by_role("button", name="Next", exact=True).click()
    app.wait_query("trace", f"{long.run.id}-00001").wait_query("lexicon", "kim2026")
    trace = opened_trace(real_services, f"{long.run.id}-00001", "kim2026")
    same_figures(app.pane().locator(".facts b").nth(0).inner_text(), [len(trace.response_cues)])
    app.page.go_back()
    app.wait_query("trace", first)
    app.page.go_forward()
    app.wait_query("trace", f"{long.run.id}-00001")
    app.page.get_by_role("button", name="Previous", exact=True).click()
    app.wait_query("trace", first)
    app.open("reader", trace=f"{long.run.id}-00029")
    expect(app.page.get_by_role("button", name="Next", exact=True)).to_be_disabled()


def test_verdicts_show_who_disagrees(app: App, disputed: OpenTrace) -> None:
    app.open("reader", trace=disputed.id)
    expect(app.pane().locator(".differ")).to_contain_text("The graders disagree")
    app.page.get_by_role("button", name="Verdicts", exact=True).click()
    popover = app.page.locator("[data-testid=stPopoverBody]")
    said = {True: "right", False: "wrong", None: "unknown"}
    for verdict in disputed.verdicts:
        expect(popover).to_contain_text(f"{verdict.grader}: {said[verdict.correct]}, answer {verdict.answer or '–'}")
    expect(popover).to_contain_text(disputed.disagreement)
    shown = {verdict.grader: verdict.correct for verdict in disputed.verdicts}
    app.page.keyboard.press("Escape")
    other = next(name for name, right in shown.items() if right is not None and right != shown["final answer"])
    app.choose("grader", other).wait_query("grader", other)
    expect(app.pane().locator(".verdict")).to_contain_text(said[shown[other]])


def test_the_source_leads_back_to_the_file(app: App, disputed: OpenTrace, shared_data: Path) -> None:
    app.open("reader", trace=disputed.id)
    app.page.get_by_role("button", name="Source", exact=True).click()
    popover = app.page.locator("[data-testid=stPopoverBody]")
    expect(popover).to_contain_text(f"row {disputed.source_row}")
    expect(popover).to_contain_text(disputed.source_sha256)
    expect(popover).to_contain_text(disputed.text_sha256)
    [file] = [
        p
        for p in (shared_data / "traces").rglob("*.jsonl")
        if disputed.source.endswith(str(p.relative_to(shared_data)))
    ]
    row = json.loads(file.read_text("utf-8").splitlines()[disputed.source_row - 1])
    said = [text for value in row.values() for text in (value if isinstance(value, list) else [value])]
    assert any(isinstance(text, str) and disputed.text in text for text in said)


def test_compare_with_opens_both_on_this_problem(app: App, real_services: Services, long: OpenTrace) -> None:
    app.open("reader", trace=long.id)
    app.page.get_by_role("button", name="Compare with").click()
    labels = real_services.runs.labels()
    others = [run for run in real_services.traces.runs_with(long.problem) if run != long.run.id]
    popover = app.page.locator("[data-testid=stPopoverBody]")
    expect(popover.get_by_role("button")).to_have_count(len(others))
    popover.get_by_role("button", name=labels[others[0]], exact=True).click()
    app.page.wait_for_url("**/compare?**")
    app.settle()
    assert app.query()["runs"] == f"{long.run.id},{others[0]}"
    assert app.query()["problem"] == long.problem
    expect(app.pane(0).locator("h2")).to_have_text(long.run.info.model)


def test_a_link_to_a_stretch_opens_there(app: App, long: OpenTrace) -> None:
    app.open("reader", trace=long.id)
    start, end = 60_000, 60_090
    assert app.select_text(start, end) == f"{start}-{end}"
    app.pane().locator("[data-act=copy-link]").click()
    expect(app.page.locator(".toast")).to_have_text("Link copied")
    link = str(app.page.evaluate("navigator.clipboard.readText()"))
    app.page.goto(link)
    app.settle()
    assert app.query()["trace"] == long.id and app.query()["range"] == f"{start}-{end}"
    app.wait_highlight()
    assert app.highlighted() == [long.text[start:end]]
    with app.page.expect_download() as started:
        app.pane().locator("[data-act=download]").click()
    assert Path(started.value.path()).read_bytes() == long.text.encode()
    assert started.value.suggested_filename.startswith(long.run.info.model.split(" ")[0])


def test_an_unknown_trace_gets_a_sentence(app: App) -> None:
    app.open("reader", trace="000000000000-00000")
    expect(
        app.page.get_by_text("There is no trace 000000000000-00000 in this store; its run may have been deleted.")
    ).to_be_visible()
    app.open("reader")
    app.page.get_by_role("button", name="Browse traces").click()
    app.page.wait_for_url("**/browse")
