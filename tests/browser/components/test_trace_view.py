"""The trace viewer in a real browser: what it shows, how it is driven, what it gives back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from backend.domain import Group
from backend.report.colours import DARK, LETTERS, LIGHT
from tests.browser.components.trace_view_cases import View, cues_of, long_text, pane

pytestmark = pytest.mark.browser
TEXT = long_text(6_000)


def test_cues_are_marked_where_they_are(view: View) -> None:
    view.open([pane(TEXT, prompt="Maybe use 1, 8, 11.", subtitle="greedy")])
    assert view.drawn() == TEXT
    assert view.marks() == [TEXT[start:end] for start, end, *_ in cues_of(TEXT)]
    first = view.pane().locator("section[data-section] mark").first
    assert first.evaluate("m => getComputedStyle(m, '::after').content").startswith('"C"')
    assert first.get_attribute("title") == "self-correction: wait"
    prompt = view.pane().locator("details.prompt")
    assert prompt.get_attribute("open") is None
    assert [view.pane().locator(".sec").nth(n).text_content() for n in range(3)] == ["prompt", "Thinking", "Answer"]


def test_reasoning_without_a_mark_is_headed_response(view: View) -> None:
    view.open([pane(TEXT, sections=[["response", 0, len(TEXT)]])])
    assert view.pane().locator(".sec").all_text_contents() == ["Response"]


def test_legend_counts_and_toggles_groups_in_all_panes(view: View) -> None:
    view.open([pane(TEXT), pane(TEXT[:900], "B")])
    hedges = [cue for cue in cues_of(TEXT) if cue[3] == "hedge"]
    chip = view.pane().locator("[data-act=group-M]")
    assert chip.locator("b").text_content() == str(len(hedges))
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "false")
    for number in (0, 1):
        style = view.pane(number).locator("mark.cM").first.evaluate("m => getComputedStyle(m).textDecorationLine")
        assert style == "none"
    total = len(cues_of(TEXT))
    assert view.pane().locator(".cue-place").text_content() == f"–/{total - len(hedges)}"
    view.page.keyboard.press("n")
    view.page.keyboard.press("n")
    view.page.keyboard.press("n")
    assert view.pane().locator("mark.current").text_content() == "let me check"
    chip.focus()
    view.page.keyboard.press("Enter")
    expect(chip).to_have_attribute("aria-pressed", "true")
    expect(chip).to_be_focused()


def test_next_and_previous_cue_by_key_are_shown_and_announced(view: View) -> None:
    view.open([pane(TEXT)], input=True)
    cues = cues_of(TEXT)
    for number in range(12):
        view.page.keyboard.press("n")
        start, end = cues[number][:2]
        current = view.pane().locator("mark.current")
        assert current.text_content() == TEXT[start:end]
        assert f"Cue {number + 1} of {len(cues)}: “{TEXT[start:end]}”" in (
            view.page.locator(".status").text_content() or ""
        )
    expect(view.pane().locator("mark.current")).to_be_in_viewport()
    view.page.keyboard.press("p")
    assert view.pane().locator(".cue-place").text_content() == f"11/{len(cues)}"
    view.page.keyboard.press("Control+n")
    assert view.pane().locator(".cue-place").text_content() == f"11/{len(cues)}"
    view.page.get_by_label("Search").fill("")
    view.page.get_by_label("Search").press("n")
    assert view.pane().locator(".cue-place").text_content() == f"11/{len(cues)}"


def test_next_cue_starts_from_what_is_in_view(view: View) -> None:
    text = long_text(40_000)
    view.open([pane(text)])
    view.page.keyboard.press("n")
    view.pane().locator(".scroll").evaluate("s => s.scrollTop = s.scrollHeight / 2")
    view.settle()
    view.page.keyboard.press("n")
    number = int((view.pane().locator(".cue-place").text_content() or "").split("/")[0])
    assert 0.4 < number / len(cues_of(text)) < 0.6


def test_list_of_hits_shows_context_and_goes_there(view: View) -> None:
    text = long_text(30_000)
    view.open([pane(text)])
    view.page.keyboard.press("h")
    rows = view.pane().locator(".hit")
    cues = cues_of(text)
    assert rows.count() == min(400, len(cues))
    start, end = cues[70][:2]
    left, hit, right = (
        re.sub(r"\s+", " ", part) for part in (text[start - 45 : start], text[start:end], text[end : end + 45])
    )
    row = rows.nth(70)
    assert row.locator("strong").text_content() == hit
    assert (row.locator(".left").text_content() or "").endswith(left)
    assert (row.locator(".right").text_content() or "").startswith(right)
    row.click()
    view.settle()
    expect(view.pane().locator("mark.current")).to_be_in_viewport()
    assert view.pane().locator("mark.current").get_attribute("data-cue") == "70"
    expect(row).to_have_attribute("aria-current", "true")
    view.page.keyboard.press("Escape")
    expect(view.pane().locator(".hits")).to_be_hidden()


def test_map_and_density_lead_to_places(view: View) -> None:
    text = long_text(40_000)
    quiet = "Nothing here.\n" * 1_000
    view.open([pane(quiet + text)])
    expect(view.pane().locator(".spark")).to_have_attribute(
        "aria-label", re.compile(r"^\d+ cues along the trace, densest at")
    )
    box = view.pane().locator(".map").bounding_box()
    assert box is not None
    view.page.mouse.click(box["x"] + 5, box["y"] + box["height"] * 0.75)
    view.settle()
    offset = int(0.75 * len(quiet + text))
    shown = view.pane().locator(".map .view").evaluate("v => [parseFloat(v.style.top), parseFloat(v.style.height)]")
    assert shown[0] <= offset / len(quiet + text) * 100 <= shown[0] + shown[1]


def test_permalink_to_a_range_survives_a_reload(view: View) -> None:
    text = "𝒜" * 40 + long_text(20_000)
    view.open([pane(TEXT), pane(text, "B")])
    start, end = 15_000, 15_120
    assert view.select(start, end, 1) == f"{start}-{end}"
    view.pane(1).locator("[data-act=copy-link]").click()
    expect(view.page.locator(".toast")).to_have_text("Link copied")
    link = view.clipboard()
    assert f"range={start}-{end}" in link and "pane=B" in link and "case=" in link
    for _ in range(2):
        view.page.goto(link)
        view.painted()
        view.settle()
        assert view.highlighted() == [text[start:end]]
        place = view.page.evaluate(
            "(() => { const box = [...CSS.highlights.get('trace-view-linked')][0].getBoundingClientRect();"
            " return [box.top, innerHeight] })()"
        )
        assert 0 < place[0] < place[1]
    expect(view.pane(1).locator(".linked-range")).to_contain_text(f"characters {start}–{end}")
    view.pane(1).locator("[data-act=range-clear]").click()
    assert view.highlighted() == []


def test_panes_scroll_together_by_share_of_the_section(view: View) -> None:
    short, long = long_text(12_000), long_text(40_000)
    b = pane(long, "B", sections=[["think", 0, 36_000], ["answer", 36_000, 40_000]])
    view.open([pane(short), b])
    view.pane(0).locator(".scroll").evaluate("s => s.scrollTop = s.scrollHeight")
    view.settle()
    assert view.scroll(1)["share"] > 0.99
    view.pane(0).locator(".scroll").evaluate(TO_ANSWER)
    view.settle()
    assert abs(view.pane(1).locator(".scroll").evaluate(PAST_ANSWER)) < 0.03 * view.scroll(1)["most"]
    view.page.keyboard.press("s")
    before = view.scroll(1)["top"]
    view.pane(0).locator(".scroll").evaluate("s => s.scrollTop = 0")
    view.settle()
    assert view.scroll(1)["top"] == before


# The line that is compared slides from the view's top to its bottom as the text goes from its first to its last.
TO_ANSWER = """s => {
  const answer = s.querySelector('[data-section=answer]');
  s.scrollTop = answer.offsetTop / s.scrollHeight * (s.scrollHeight - s.clientHeight);
}"""
PAST_ANSWER = """s => {
  const line = s.scrollTop / (s.scrollHeight - s.clientHeight) * s.scrollHeight;
  return line - s.querySelector('[data-section=answer]').offsetTop;
}"""


def test_keys_move_between_panes_and_help_lists_them(view: View) -> None:
    view.open([pane(TEXT), pane(TEXT, "B"), pane(TEXT, "C")], options={"list_keys": True})
    view.page.keyboard.press("]")
    expect(view.pane(1).locator(".scroll")).to_be_focused()
    view.page.keyboard.press("n")
    assert [view.pane(n).locator("mark.current").count() for n in range(3)] == [0, 1, 0]
    view.page.keyboard.press("[")
    expect(view.pane(0).locator(".scroll")).to_be_focused()
    view.page.keyboard.press("?")
    listed = view.page.locator("dialog kbd").all_text_contents()
    assert {"n", "p", "j", "k", "[", "]", "s", "m", "?"} <= set(listed)
    view.page.keyboard.press("n")
    assert view.pane(0).locator("mark.current").count() == 0
    view.page.keyboard.press("Escape")
    expect(view.page.locator("dialog")).to_be_hidden()


def test_sample_arrows_ask_for_a_sample(view: View) -> None:
    view.open([pane(TEXT, sample=[1, 3]), pane(TEXT, "B", sample=[3, 3])])
    expect(view.pane(0).locator("[data-act=sample-back]")).to_be_disabled()
    expect(view.pane(1).locator("[data-act=sample-on]")).to_be_disabled()
    view.pane(0).locator("[data-act=sample-on]").click()
    expect(view.page.get_by_text("step=SampleStep(pane='A', step=1)")).to_be_visible()


def test_a_run_that_changes_figures_alone_leaves_the_text_alone(view: View) -> None:
    view.open([pane(long_text(30_000))], changing_facts=True)
    expect(view.pane().locator(".facts b").first).to_have_text("1")
    view.pane().locator(".scroll").evaluate("s => { s.scrollTop = 2000; s.querySelector('.chunk').kept = true }")
    view.page.keyboard.press("h")
    view.settle()
    view.page.get_by_role("button", name="Run again").click()
    expect(view.pane().locator(".facts b").first).to_have_text("2")
    assert view.pane().locator(".chunk").first.evaluate("c => c.kept") is True
    assert view.scroll()["top"] == 2000
    expect(view.pane().locator(".hits")).to_be_visible()


def test_colours_follow_the_theme_without_a_rebuild(view: View) -> None:
    view.open([pane(TEXT, subtitle="greedy", verdict={"right": True, "answer": "33"})])
    for scheme, colours in (("light", LIGHT), ("dark", DARK)):
        view.page.emulate_media(color_scheme=scheme)
        expect(view.page.locator(".pane")).to_have_css("background-color", rgb(colours.card))
        for group in Group:
            letter = LETTERS[group]
            mark = view.pane().locator(f"section[data-section] mark.c{letter}").first
            expect(mark).to_have_css("text-decoration-color", rgb(colours.group[group]))
            assert mark.evaluate("m => getComputedStyle(m, '::after').color") == rgb(colours.group[group])
        for selector in (
            ".scroll .chunk",
            ".sec",
            ".names small",
            ".facts span",
            ".chip",
            ".verdict",
            ".tools button",
            ".keys",
        ):
            styles = view.page.locator(selector).first.evaluate("e => getComputedStyle(e).color")
            assert contrast(styles, rgb(colours.card)) >= 4.5, (scheme, selector)


def test_the_viewer_fills_the_window_and_keeps_lines_short(view: View) -> None:
    for width, height in ((1440, 900), (1024, 768), (820, 900)):
        view.page.set_viewport_size({"width": width, "height": height})
        view.open([pane(TEXT, prompt="Use 1, 8, 11."), pane(TEXT, "B")])
        frame = view.page.locator(".frame").bounding_box()
        assert frame is not None
        assert frame["y"] + frame["height"] == pytest.approx(height - 16, abs=2)
        boxes = [view.pane(number).bounding_box() for number in (0, 1)]
        assert all(box is not None and box["width"] >= 280 for box in boxes)
        sideways = view.page.locator(".scroll").evaluate_all("all => all.map(s => s.scrollWidth - s.clientWidth)")
        assert max(sideways) <= 0
    view.page.set_viewport_size({"width": 720, "height": 900})
    view.settle()
    tops = [view.pane(number).evaluate("p => p.getBoundingClientRect().top") for number in (0, 1)]
    assert tops[1] - tops[0] > 380
    view.page.set_viewport_size({"width": 1440, "height": 900})
    view.open([pane(TEXT)])
    assert max(line_lengths(view)) <= 76
    style = (
        view.pane()
        .locator(".chunk")
        .first.evaluate("c => [getComputedStyle(c).fontSize, getComputedStyle(c).lineHeight]")
    )
    assert style == ["16px", "25.6px"]


def test_content_fit_is_quiet_and_as_high_as_its_text(view: View) -> None:
    words = {"right": False, "words": "wrong, and sure"}
    view.open([pane("Maybe 3.\n\nWait, 4."), pane("It is 3.", "B", verdict=words)], options={"fit": "content"})
    expect(view.pane(1).locator(".verdict")).to_have_text("✕ wrong, and sure")
    for selector in (".tools", ".map", "footer", ".chips"):
        assert view.page.locator(selector).locator("visible=true").count() == 0
    assert view.scroll()["most"] == 0


def line_lengths(view: View) -> list[int]:
    """Characters in each visual line of the first chunk."""
    return list(
        view.pane()
        .locator(".chunk")
        .first.evaluate(
            """chunk => {
              const range = document.createRange(), lines = new Map();
              const walker = document.createTreeWalker(chunk, NodeFilter.SHOW_TEXT);
              for (let node = walker.nextNode(); node; node = walker.nextNode()) {
                for (let k = 0; k < node.length; k++) {
                  range.setStart(node, k); range.setEnd(node, k + 1);
                  const line = Math.round(range.getBoundingClientRect().bottom / 12);
                  lines.set(line, (lines.get(line) ?? 0) + 1);
                }
              }
              return [...lines.values()];
            }"""
        )
    )


def rgb(colour: str) -> str:
    return f"rgb({int(colour[1:3], 16)}, {int(colour[3:5], 16)}, {int(colour[5:7], 16)})"


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two `rgb()` colours."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
