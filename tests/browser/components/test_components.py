"""The shared components in a real browser: what is shown, what the server hears, and that hostile text stays text."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from backend.report.colours import DARK, LIGHT, Palette
from tests.browser.app_pages import App
from tests.browser.components.harness_components import ACCURACY, HOSTILE, NAMES, chart_set

pytestmark = pytest.mark.browser
HARNESS = Path(__file__).with_name("harness_components.py")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def url(serve) -> str:
    return serve(HARNESS)


def open_view(page: Page, url: str, view: str) -> None:
    App(page, url).open(view)


def heard(page: Page, name: str, text: str) -> None:
    """Waits until the harness reports that the server got `text`."""
    expect(page.locator(f".st-key-said-{name}")).to_contain_text(text)


def table(page: Page, key: str) -> Locator:
    return page.locator(f".st-key-{key} table")


def test_the_frame_is_the_drawn_one(page: Page, url: str) -> None:
    open_view(page, url, "")
    sidebar = page.locator("[data-testid=stSidebar]")
    assert sidebar.bounding_box()["width"] == 184
    expect(page.locator("[data-testid=stSidebarNavLink]")).to_have_count(4)
    content = "e => getComputedStyle(e, '::before').content"
    assert "Second" in page.locator("[data-testid=stSidebarHeader]").evaluate(content)
    foot = page.get_by_text("Local · not signed in")
    assert foot.bounding_box()["y"] > 840
    heading = page.get_by_role("heading", name="Overview")
    assert heading.bounding_box()["y"] < 60
    assert "serif" in heading.evaluate("e => getComputedStyle(e).fontFamily")
    assert heading.evaluate("e => getComputedStyle(e).fontSize") == "23px"


def test_the_strip_shows_both_sides_the_change_and_n(page: Page, url: str) -> None:
    open_view(page, url, "")
    first = page.locator(".sth-numbers > div").first
    expect(first).to_contain_text("Accuracy")
    assert re.sub(r"\s+", " ", first.inner_text()).endswith("+46.7 pt [+26.7, +63.3] · n = 30")
    expect(page.locator(".sth-numbers > div").nth(3)).to_contain_text("×3.0 [2.0, 4.6]")


def test_a_reader_changes_the_theme_and_everything_follows(browser: Browser, url: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    page = context.new_page()
    open_view(page, url, "charts")
    assert shown_colours(page) == expected_colours(LIGHT)
    page.locator("[data-testid=stMainMenu] button").click()
    page.get_by_test_id("stMainMenuItem-theme-Dark").click()
    page.keyboard.press("Escape")
    expect(page.locator("[data-testid=stApp]")).to_have_css("color-scheme", "dark")
    page.wait_for_function(f"""() => getComputedStyle([...document.querySelectorAll('.js-plotly-plot')][0]
        .querySelectorAll('.bars')[1].querySelector('.point path')).fill === '{rgb(DARK.b)}'""")
    assert shown_colours(page) == expected_colours(DARK)
    context.close()


def rgb(color: str) -> str:
    return f"rgb({', '.join(str(int(color[i : i + 2], 16)) for i in (1, 3, 5))})"


def expected_colours(palette: Palette) -> list[str]:
    return [rgb(palette.background), rgb(palette.a), rgb(palette.b), rgb(palette.b)]


def shown_colours(page: Page) -> list[str]:
    """Surface, outline of A's first bar, fill of B's first bar, colour of a link inside a component."""
    page.locator(".js-plotly-plot .bars .point path").first.wait_for()
    return page.evaluate("""() => {
        const bars = document.querySelector('.js-plotly-plot').querySelectorAll('.bars');
        const path = (at) => getComputedStyle(bars[at].querySelector('.point path'));
        const files = document.querySelector('.st-key-cues-files').querySelectorAll('*');
        const host = [...files].find((e) => e.shadowRoot);
        return [getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor, path(0).stroke,
            path(1).fill, getComputedStyle(host.shadowRoot.querySelector('button')).color];
    }""")


def test_the_table_shows_typed_cells(page: Page, url: str) -> None:
    open_view(page, url, "")
    runs = table(page, "runs")
    expect(runs.locator("tbody tr")).to_have_count(len(NAMES))
    expect(runs).to_have_attribute("aria-label", "Runs")
    first = runs.locator("tbody tr").first
    expect(first).to_contain_text("57.8% [52.5, 63.0]")
    expect(first.get_by_role("img", name="right")).to_have_text("✓")
    track, fill = first.locator("span.bar"), first.locator("span.bar .fill")
    assert fill.bounding_box()["width"] == pytest.approx(ACCURACY[0][0] * track.bounding_box()["width"], abs=1)
    expect(runs.locator("tbody tr").nth(1).locator("small").first).to_have_text("AIME 2024 · greedy")
    expect(table(page, "empty").locator("tbody tr")).to_have_count(0)
    expect(page.get_by_text("No run yet. Import evaluation files to begin.")).to_be_visible()


def test_a_row_opens_by_click_and_by_keyboard(page: Page, url: str) -> None:
    open_view(page, url, "")
    runs = table(page, "runs")
    runs.locator("tbody tr").nth(2).locator("td").first.click()
    heard(page, "runs", "row='r2'")
    runs.locator("tbody tr").nth(2).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    heard(page, "runs", "row='r4'")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    heard(page, "runs", "row='r0'")
    expect(runs.locator("tbody tr").first).to_be_focused()
    runs.get_by_role("link", name="GRPO").click()
    heard(page, "runs", "row='r4'")
    assert page.evaluate("performance.getEntriesByType('navigation').length") == 1
    runs.locator("tbody tr").nth(1).get_by_role("button", name="Delete").click()
    heard(page, "runs", "row='r1', action='delete'")
    runs.locator("tbody tr").nth(3).get_by_role("link", name="Compare").click()
    heard(page, "runs", "row='r3', action='compare'")


def test_the_server_sorts_when_it_is_asked(page: Page, url: str) -> None:
    open_view(page, url, "")
    traces = table(page, "traces")
    expect(traces.locator("tbody tr").first).to_contain_text("trace 50")
    traces.get_by_role("button", name="length").click()
    expect(traces.locator("tbody tr").first).to_contain_text("trace 1")
    expect(traces.locator("th[aria-sort=ascending]")).to_contain_text("length")
    scroller = page.locator(".st-key-traces .scroll")
    scroller.evaluate("e => e.scrollTo(0, 400)")
    header, box = traces.locator("thead th").first.bounding_box(), scroller.bounding_box()
    assert header["y"] == pytest.approx(box["y"], abs=1)
    assert box["height"] <= 240


def test_check_boxes_choose_rows(page: Page, url: str) -> None:
    open_view(page, url, "")
    boxes = table(page, "many").get_by_role("checkbox")
    boxes.nth(0).focus()
    page.keyboard.press("Space")
    heard(page, "many", "checked=('r0',)")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    heard(page, "many", "checked=('r0', 'r2')")
    boxes.nth(0).click()
    heard(page, "many", "checked=('r2',)")


def rail(page: Page) -> Locator:
    return page.locator(".st-key-list .rail")


def test_the_list_shows_problems_and_fills_the_window(page: Page, url: str) -> None:
    open_view(page, url, "compare")
    items = rail(page).get_by_role("option")
    expect(items).to_have_count(30)
    expect(items.nth(4)).to_have_attribute("aria-selected", "true")
    expect(items.first.get_by_role("img")).to_have_count(2)
    box = rail(page).bounding_box()
    assert 860 <= box["y"] + box["height"] <= 900
    assert page.locator("[data-testid=stMain]").evaluate("e => e.scrollHeight - e.clientHeight") <= 1
    page.set_viewport_size({"width": 1024, "height": 768})
    page.wait_for_function("""() => {
        const r = [...document.querySelectorAll('.st-key-list *')].find(e => e.shadowRoot)
            .shadowRoot.querySelector('.rail').getBoundingClientRect();
        return r.bottom >= 728 && r.bottom <= 768;
    }""")


def test_keys_walk_through_the_list_from_anywhere_but_a_field(page: Page, url: str) -> None:
    open_view(page, url, "compare")
    rail(page).get_by_role("option").first.wait_for()
    page.locator("body").press("j")
    expect(page.get_by_text("Problem p6, mode all, events 1")).to_be_visible()
    page.keyboard.press("k")
    page.keyboard.press("k")
    expect(page.get_by_text("Problem p4, mode all")).to_be_visible()
    notes = page.get_by_label("Notes")
    notes.click()
    page.keyboard.type("jkjj")
    expect(notes).to_have_value("jkjj")
    notes.press("Escape")
    page.get_by_role("heading", name="Compare").click()
    page.keyboard.press("Control+j")
    page.keyboard.press("Alt+j")
    page.keyboard.press("j")
    expect(page.get_by_text("Problem p5, mode all")).to_be_visible()
    rail(page).get_by_role("listbox").focus()
    page.keyboard.press("End")
    expect(page.get_by_text("Problem p30, mode all")).to_be_visible()
    last = rail(page).get_by_role("option").last
    box, view = last.bounding_box(), rail(page).bounding_box()
    assert box["y"] + box["height"] <= view["y"] + view["height"] + 1


def test_holding_a_key_asks_for_the_last_problem_only(page: Page, url: str) -> None:
    open_view(page, url, "compare")
    rail(page).get_by_role("option").first.wait_for()
    page.evaluate("""() => { for (let times = 0; times < 12; times++)
        document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'j', repeat: times > 0, bubbles: true})) }""")
    expect(page.get_by_text("Problem p17, mode all, events 1")).to_be_visible()
    expect(rail(page).locator("[aria-selected=true]")).to_have_attribute("data-id", "p17")


def test_modes_and_the_search_field_narrow_the_list(page: Page, url: str) -> None:
    open_view(page, url, "compare")
    options = rail(page).get_by_role("option")
    field = rail(page).get_by_role("searchbox")
    field.fill("triangle")
    expect(options.filter(visible=True)).to_have_count(10)
    field.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_text("Problem p1, mode all")).to_be_visible()
    field.fill("no such words")
    expect(rail(page).get_by_text("No question here holds these words.")).to_be_visible()
    field.fill("")
    chip = rail(page).get_by_role("button", name="both wrong 12")
    expect(chip).to_have_text("✗✗ 12")
    chip.click()
    expect(page.get_by_text("mode wrong")).to_be_visible()
    expect(rail(page).get_by_role("button", name="both wrong 12")).to_have_attribute("aria-pressed", "true")
    assert 0 < options.count() < 30


def test_a_thousand_problems_stay_quick(page: Page, url: str) -> None:
    """Rows out of sight aren't laid out: their question takes no layout until they come near the window."""
    open_view(page, url, "compare?n=1000")
    options = rail(page).get_by_role("option")
    expect(options).to_have_count(1000)
    page.locator("body").press("j")
    expect(page.get_by_text("Problem p6, mode all, events 1")).to_be_visible()
    skipped = options.nth(900).locator("p").evaluate("e => !e.checkVisibility({contentVisibilityAuto: true})")
    assert skipped
    options.nth(900).scroll_into_view_if_needed()
    options.nth(900).click()
    expect(page.get_by_text("Problem p901, mode all")).to_be_visible()


def download(page: Page, key: str, kind: str) -> tuple[str, bytes]:
    with page.expect_download() as started:
        page.locator(f".st-key-{key}-files").get_by_role("button", name=re.compile("^Download")).get_by_text(
            kind, exact=True
        ).click()
    return started.value.suggested_filename, Path(started.value.path()).read_bytes()


def test_a_chart_downloads_as_picture_and_as_its_data(page: Page, url: str) -> None:
    remote: list[str] = []
    page.on("request", lambda r: remote.append(r.url) if not r.url.startswith((url, "blob:", "data:")) else None)
    open_view(page, url, "charts")
    page.locator(".st-key-words .js-plotly-plot .bars path").first.wait_for()
    name, png = download(page, "cues", "PNG")
    assert name == "cues-A-B.png"
    assert png.startswith(PNG) and len(png) > 5_000
    name, svg = download(page, "words", "SVG")
    assert name == "words.svg"
    text = svg.decode()
    assert "let me check" in text and "Words, B minus A" in text and text.count("<path") > 20
    assert rgb(LIGHT.background) in text or LIGHT.background in text
    charts = dict(chart_set())
    for key, chart in charts.items():
        name, raw = download(page, key, "CSV")
        rows = list(csv.DictReader(raw.decode().splitlines()))
        assert [list(row.values()) for row in rows] == [
            ["" if value is None else str(value) for value in record.values()] for record in chart.data
        ]
    assert remote == []


def test_bars_are_picked_by_click_and_from_the_data(page: Page, url: str) -> None:
    open_view(page, url, "charts")
    data = dict(chart_set())["cues"].data
    bars = page.locator(".st-key-cues .js-plotly-plot .bars")
    bars.nth(1).locator(".point").first.wait_for()
    of_b = [record for record in data if record["side"] == "B"]
    box = bars.nth(1).locator(".point").nth(4).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 4, y)
    page.mouse.move(x, y)
    page.mouse.click(x, y)
    heard(page, "picked", f"('B', {of_b[4]['from']}, {of_b[4]['to']})")
    files = page.locator(".st-key-cues-files")
    files.locator("summary").press("Enter")
    files.locator("tbody tr").first.get_by_role("button").press("Enter")
    heard(page, "picked", f"('A', {data[0]['from']}, {data[0]['to']})")


def test_every_chart_has_a_name(page: Page, url: str) -> None:
    open_view(page, url, "charts")
    page.locator(".js-plotly-plot").nth(4).wait_for()
    for _, chart in chart_set():
        expect(page.get_by_label(chart.alt).first).to_be_attached()


def test_hostile_text_is_shown_and_nothing_more(page: Page, url: str) -> None:
    remote: list[str] = []
    page.on("request", lambda r: remote.append(r.url) if not r.url.startswith((url, "blob:", "data:")) else None)
    open_view(page, url, "hostile")
    page.locator(".st-key-words .js-plotly-plot .bars path").first.wait_for()
    shown = [
        text.replace("\u202e", "\\u202e").replace("\u202c", "\\u202c").replace("\x1b", "\\x1b") for text in HOSTILE
    ]
    assert table(page, "hostile").locator("tbody th > bdi").all_text_contents() == shown
    assert table(page, "hostile").locator("tbody td button").all_text_contents() == shown
    assert rail(page).locator(".item[role=option] p").all_text_contents() == shown
    ticks = page.locator(".st-key-dots .js-plotly-plot .ytick text").all_text_contents()
    assert [tick.rstrip("…") for tick in ticks] == [
        text[: len(tick.rstrip("…"))] for tick, text in zip(ticks, shown, strict=True)
    ]
    assert page.evaluate("window.hacked") is None
    inside = page.evaluate("""() => [...document.querySelectorAll('.stApp *')].filter((e) => e.shadowRoot)
        .reduce((n, e) => n + e.shadowRoot.querySelectorAll('img, script, iframe, a[href^=javascript]').length, 0)""")
    assert inside == 0
    assert page.locator(".js-plotly-plot a, .js-plotly-plot img, .js-plotly-plot script").count() == 0
    assert remote == []


@pytest.mark.parametrize("view", ["", "compare", "charts"])
def test_focus_is_visible_everywhere(page: Page, url: str, view: str) -> None:
    open_view(page, url, view)
    bare = []
    for _ in range(30):
        page.keyboard.press("Tab")
        found = page.evaluate("""() => {
            let e = document.activeElement;
            while (e && e.shadowRoot && e.shadowRoot.activeElement) e = e.shadowRoot.activeElement;
            if (!e || e === document.body) return null;
            const style = getComputedStyle(e);
            const near = getComputedStyle(e.parentElement ?? e),
                far = getComputedStyle(e.parentElement?.parentElement ?? e);
            const marked = [style, near, far].some((s) => (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0)
                || s.boxShadow !== 'none');
            return [marked, e.outerHTML.slice(0, 160)];
        }""")
        if found and not found[0]:
            bare.append(found[1])
    assert bare == []
