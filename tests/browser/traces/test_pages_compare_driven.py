"""Compare in a real browser: filters, keyboard, panes, links, themes and samples, driven as a person would."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from backend.config import Settings
from backend.domain import TraceFilter
from backend.report.colours import DARK, LETTERS, LIGHT, Palette
from backend.services import Services, build_services
from backend.services.traces.comparison import Comparison, ProblemFilter
from backend.services.traces.pair_statistics import PairStatistics
from tests.browser.app_pages import ROOT, App, css_rgb
from tests.browser.traces.compare_parts import GRADER, LEXICON, assert_pane

pytestmark = pytest.mark.browser


def test_a_click_on_a_bar_narrows_the_list(shown: App, pair: PairStatistics) -> None:
    rows = [row for row in shown.chart_rows("spread-length") if row["side"] == "B"]
    place = max(range(len(rows)), key=lambda i: int(rows[i]["problems"]))
    low, high = (float(rows[place][name].replace(",", "")) for name in ("from", "to"))
    wanted = [p for p, value in zip(pair.lengths.problems, pair.lengths.b, strict=True) if low <= value <= high]
    bar = shown.chart("spread-length").locator(".js-plotly-plot .bars").nth(1).locator(".point").nth(place)
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    shown.page.mouse.move(x - 2, y - 1)
    shown.page.mouse.move(x, y)
    shown.page.mouse.click(x, y)
    picked = shown.page.get_by_role("button", name=f"length of B from {low:g} to {high:g}")
    expect(picked).to_be_attached()
    shown.settle()
    assert shown.listed() == wanted and 0 < len(wanted) < 30
    picked.click()
    expect(picked).not_to_be_attached()
    shown.settle()
    assert len(shown.listed()) == 30


def test_flips_and_words_lead_to_their_traces(
    opened: App, real_services: Services, pair_ids: list[str], compared: Comparison
) -> None:
    wanted = [p.id for p in compared.problems if [side.right for side in p.sides] == [False, True]]
    bar = opened.chart("flips").locator(".js-plotly-plot .bars .point").first
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    opened.page.mouse.move(box["x"] + 8, box["y"] + 8)
    opened.page.mouse.click(box["x"] + 10, box["y"] + box["height"] / 2)
    opened.wait_query("mode", ProblemFilter.WRONG_TO_RIGHT.value)
    assert opened.listed() == wanted
    files = opened.page.locator(".st-key-words-files")
    files.locator("summary").press("Enter")
    row = files.locator("tbody tr").filter(has_text="perhaps").first
    row.get_by_role("button").press("Enter")
    expect(opened.page.get_by_text("Traces with “perhaps”:")).to_be_visible()
    opened.settle()
    opened.page.locator(".st-key-hits-B").get_by_role("button", name="B", exact=True).click()
    opened.page.wait_for_url("**/browse?**")
    opened.settle()
    found = real_services.trace_list.page(TraceFilter(runs=(pair_ids[1],), lexicon=LEXICON, entry="perhaps"))
    lexicon = real_services.lexicons.get(LEXICON).id
    held = [
        f"{pair_ids[1]}-{i:05d}"
        for i in range(30)
        if any(
            cue.entry == "perhaps" for cue in real_services.traces.open(f"{pair_ids[1]}-{i:05d}", lexicon).response_cues
        )
    ]
    shown = opened.page.locator(".st-key-traces tbody tr").evaluate_all("rows => rows.map((row) => row.dataset.row)")
    assert shown == [row.id for row in found.rows] == held


def test_the_keyboard_walks_problems_cues_and_panes(opened: App, compared: Comparison) -> None:
    page, ids = opened.page, [problem.id for problem in compared.problems]
    page.locator("h1").click()
    page.keyboard.press("j")
    opened.wait_query("problem", ids[1])
    page.keyboard.press("j")
    opened.wait_query("problem", ids[2])
    page.keyboard.press("k")
    opened.wait_query("problem", ids[1])
    page.keyboard.press("]")
    expect(opened.pane(1)).to_have_class("pane active")
    page.keyboard.press("n")
    page.keyboard.press("n")
    expect(opened.pane(1).locator(".cue-place")).to_contain_text("2/")
    expect(opened.pane(1).locator("mark.current")).to_be_in_viewport()
    page.keyboard.press("p")
    expect(opened.pane(1).locator(".cue-place")).to_contain_text("1/")
    page.keyboard.press("[")
    expect(opened.pane(0)).to_have_class("pane active")
    page.keyboard.press("?")
    expect(page.locator("dialog.help")).to_be_visible()
    assert "next problem" in page.locator("dialog.help").inner_text()
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    expect(page.locator("dialog.help")).to_be_hidden()
    page.keyboard.press("m")
    expect(opened.pane(0).locator("math").first).to_be_attached()
    opened.settle()
    assert opened.query()["problem"] == ids[1]
    field = opened.rail().get_by_role("searchbox")
    field.click()
    page.keyboard.type("jknpm?")
    expect(field).to_have_value("jknpm?")
    expect(page.locator("dialog.help")).to_be_hidden()
    opened.settle()
    assert opened.query()["problem"] == ids[1]
    expect(opened.pane(1).locator(".cue-place")).to_contain_text("1/")
    expect(opened.pane(0).locator("math").first).to_be_attached()


SCROLLED = "s => s.scrollTop / (s.scrollHeight - s.clientHeight)"


def test_panes_scroll_together_and_apart(shown: App) -> None:
    page = shown.page
    left, right = (shown.pane(n).locator(".scroll") for n in (0, 1))
    right.evaluate("s => { s.scrollTop = (s.scrollHeight - s.clientHeight) / 2 }")
    page.wait_for_function(
        "() => { const found = [...document.querySelectorAll('*')].find(e => e.shadowRoot?.querySelector('.tv'));"
        " const s = found.shadowRoot.querySelectorAll('.scroll')[0];"
        " return Math.abs(s.scrollTop / (s.scrollHeight - s.clientHeight) - 0.5) < 0.06 }"
    )
    page.locator("h1").click()
    page.keyboard.press("s")
    expect(page.get_by_role("button", name="Scroll the panes together (s)")).to_have_attribute("aria-pressed", "false")
    before = left.evaluate("s => s.scrollTop")
    right.evaluate("s => { s.scrollTop = 0 }")
    shown.settle()
    assert left.evaluate("s => s.scrollTop") == before > 0
    assert right.evaluate(SCROLLED) == 0
    page.keyboard.press("s")


def test_a_third_run_joins_and_leaves(opened: App, real_services: Services, pair_ids: list[str]) -> None:
    third = next(
        r for r in real_services.runs.all() if (r.info.model, r.info.dataset) == ("Qwen3-8B-Base · LIMO", "AIME24")
    )
    opened.page.get_by_role("button", name="Runs").click()
    opened.choose("add-run", third.label)
    opened.page.get_by_role("button", name="Add", exact=True).click()
    opened.wait_query("runs", ",".join([*pair_ids, third.id]))
    expect(opened.pane(2).locator("h2")).to_have_text("Qwen3-8B-Base · LIMO")
    compared = real_services.comparison.compare([*pair_ids, third.id], LEXICON, GRADER)
    assert_pane(opened, real_services, [*pair_ids, third.id], compared, 0)
    assert opened.rail().get_by_role("option").first.locator(".v").count() == 3
    opened.page.keyboard.press("Escape")
    if not opened.page.get_by_role("button", name="Remove C").is_visible():
        opened.page.get_by_role("button", name="Runs").click()
    opened.page.get_by_role("button", name="Remove C").click()
    opened.wait_query("runs", ",".join(pair_ids))
    expect(opened.page.locator(".tv .pane")).to_have_count(2)


def test_a_link_to_a_stretch_survives_a_reload(
    opened: App, real_services: Services, pair_ids: list[str], compared: Comparison
) -> None:
    place = next(i for i, p in enumerate(compared.problems) if [s.right for s in p.sides] == [False, True])
    opened.choose("lexicon", "companion2026")
    opened.rail().get_by_role("button", name="wrong to right").click()
    opened.wait_query("mode", "wrong to right")
    opened.rail().get_by_role("option").first.click()
    opened.wait_query("problem", compared.problems[place].id)
    [sample] = real_services.comparison.samples(pair_ids[1], compared.problems[place].id)
    text = real_services.traces.open(sample.trace, real_services.lexicons.get(LEXICON).id).text
    start, end = 2_000, 2_075
    assert opened.select_text(start, end, pane=1) == f"{start}-{end}"
    opened.pane(1).locator("[data-act=copy-link]").click()
    expect(opened.page.locator(".toast")).to_have_text("Link copied")
    link = str(opened.page.evaluate("navigator.clipboard.readText()"))
    for _ in range(2):
        opened.page.goto(link)
        opened.settle()
        opened.wait_highlight()
        assert opened.highlighted() == [text[start:end]]
        assert opened.query() | {"range": f"{start}-{end}"} == opened.query()
        assert opened.query()["runs"] == ",".join(pair_ids)
        assert opened.query()["problem"] == compared.problems[place].id
        assert opened.query()["mode"] == "wrong to right" and opened.query()["lexicon"] == "companion2026"
        expect(opened.rail().locator("[aria-selected=true]")).to_have_attribute("data-id", compared.problems[place].id)
    opened.rail().get_by_role("option").last.click()
    opened.wait_query("range", None)
    assert opened.highlighted() == []


def same_colours(app: App, palette: Palette) -> None:
    """Assert that cues, sides and verdicts are drawn in a theme's colours."""
    color = "(e, name) => getComputedStyle(e)[name]"
    expect(app.page.locator("[data-testid=stApp]")).to_have_css("background-color", css_rgb(palette.background))
    seen = set()
    for group, letter in LETTERS.items():
        marks = app.pane(1).locator(f"mark.c{letter}")
        if marks.count():
            seen.add(group)
            assert marks.first.evaluate(color, "textDecorationColor") == css_rgb(palette.group[group])
    assert len(seen) >= 4
    assert app.pane(0).locator(".tag").evaluate(color, "color") == css_rgb(palette.a)
    assert app.pane(1).locator(".tag").evaluate(color, "backgroundColor") == css_rgb(palette.b)
    assert app.page.locator(".sth-values .sth-b").first.evaluate(color, "color") == css_rgb(palette.b)
    verdict = app.pane(0).locator(".verdict")
    right = verdict.inner_text().startswith("✓")
    assert verdict.evaluate(color, "color") == css_rgb(palette.right if right else palette.wrong)


def test_both_themes_draw_cues_and_sides_in_their_colours(shown: App, browser: Browser, pair_ids: list[str]) -> None:
    same_colours(shown, LIGHT)
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    same_colours(App(context.new_page(), shown.url).open("compare", runs=",".join(pair_ids)), DARK)
    context.close()


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., str]) -> Iterator[tuple[str, Services]]:
    """A store of two small runs of four samples, two of them alike: (address, services)."""
    folder = tmp_path_factory.mktemp("sampled")
    settings = Settings(store=folder / "store")
    texts = {"base": ["Wait, 1.", "Two. \\boxed{2}", "Wait, 1.", "Hmm, three."], "limo": ["\\boxed{2}"] * 4}
    with build_services(settings) as services:
        for side, samples in texts.items():
            file = folder / side / "Small-1B" / "aime" / "test_qwen-instruct_t0.7_k4_s0_e2.jsonl"
            file.parent.mkdir(parents=True)
            rows = [
                {"question": f"What is {n} + {n}?", "generated_responses": [f"{n}: {text}" for text in samples],
                 "generated_answers": ["2"] * 4, "gold_answer": "2", "is_correct": True, "answers_correctness": [True] * 4, "id": n}
                for n in (1, 2)
            ]  # fmt: skip
            file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
            assert [o.state for o in services.imports.run([file])] == ["imported"]
        yield serve(ROOT / "app.py", {"SECOND_THOUGHTS_STORE": str(settings.store)}), services


def test_samples_turn_by_the_arrows_and_duplicates_stand_once(tab: Page, sampled: tuple[str, Services]) -> None:
    app = App(tab, sampled[0]).open("compare")
    left, right = app.pane(0), app.pane(1)
    expect(left.locator(".smp")).to_contain_text("1 of 3")
    expect(right.locator(".smp")).to_contain_text("1 of 1")
    expect(left.locator(".names small")).to_contain_text("2 identical samples")
    expect(right.locator(".names small")).to_contain_text("4 identical samples")
    expect(left.locator("[data-act=sample-back]")).to_be_disabled()
    expect(left.locator(".scroll")).to_contain_text("1: Wait, 1.")
    for number, text, others in ((2, "1: Two.", False), (3, "1: Hmm, three.", False)):
        left.locator("[data-act=sample-on]").click()
        expect(left.locator(".smp")).to_contain_text(f"{number} of 3")
        expect(left.locator(".scroll")).to_contain_text(text)
        assert ("identical" in left.locator(".names small").inner_text()) is others
    app.wait_query("samples", "2.0").reload()
    expect(left.locator(".scroll")).to_contain_text("1: Hmm, three.")
    expect(left.locator("[data-act=sample-on]")).to_be_disabled()
    app.page.locator("h1").click()
    app.page.keyboard.press("j")
    app.wait_query("samples", None)
    expect(left.locator(".scroll")).to_contain_text("2: Wait, 1.")
