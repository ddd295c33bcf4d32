"""The trace viewer and text as it really comes: any Unicode, formulas, hostile content, hundreds of kilobytes."""

from __future__ import annotations

import random
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from pages.components.viewer.mathematics import ELEMENTS
from tests.browser.components.trace_view_cases import View, cues_of, long_text, pane

browser_test = pytest.mark.browser
PIECES = (
    "wait", "maybe", " ", "\n", "\r\n", "\r", "\t", "a", "ß", "İ", "é", "e\u0301", "\u0301", "\u0301\u0302", "𝒳", "🤔",
    "👩‍🔬", "🇨🇭",
    "等等", "עברית", "مرحبا", "\u202e", "\u2066", "\u200b", "\ufeff", "\x1b[31m", "\x00",
    "\u2028", "\U000e0041", "\ufffd", "ﬁ", "x²",
)  # fmt: skip
HOSTILE = "\n".join(
    (
        "<script>window.hacked = 1; alert(1)</script>",
        "<img src=x onerror=\"window.hacked = 1\"> <img src='https://evil.example/pixel.png'>",
        "</script></div></section><style>* { display: none !important }</style>",
        '<a href="javascript:window.hacked=1">click</a> javascript:alert(1) ![x](https://evil.example/a.png)',
        "<form action=https://evil.example><input name=q></form><iframe src=https://evil.example></iframe>",
        "<math><maction actiontype=statusline xlink:href=javascript:alert(1)>x</maction></math> <svg onload=alert(1)>",
        "wait \u202etxet desrever\u202c maybe \u2067iso\u2069 \x1b[31mred\x1b[0m \x00 \u200b end "
        "{{7*7}} ${7*7} &lt;b&gt; &#60;b&#62;",
        r"$\href{javascript:alert(1)}{y}$ $\text{<script>alert(1)</script>}$ $\style{position:fixed}{z}$ "
        r"\(\class{pane}{w}\)",
    )
)


def battery(seed: int, length: int = 120) -> str:
    """`length` random pieces: every kind of character that counts differently in some unit."""
    return "".join(random.Random(seed).choices(PIECES, k=length))


def plain(text: str) -> str:
    """`text` as a system clipboard may hand it on: it ends at a NUL and knows one kind of line end."""
    return text.partition("\x00")[0].replace("\r\n", "\n")


@browser_test
def test_selection_maps_back_to_code_points_in_any_text(view: View) -> None:
    text = battery(seed := 1)
    view.open([pane(text, sections=[["answer", 0, len(text)]])])
    assert view.drawn() == text
    assert view.marks() == [text[start:end] for start, end, *_ in cues_of(text)]
    numbers = random.Random(seed)
    for _ in range(12):
        start = numbers.randrange(len(text) - 1)
        end = numbers.randrange(start + 1, len(text))
        assert view.select(start, end) == f"{start}-{end}", text[start:end]
    view.pane().locator("[data-act=copy-selection]").click()
    expect(view.page.locator(".toast")).to_have_text("Text copied")
    copied = text[start:end]
    assert plain(view.clipboard()) == plain(copied)


@browser_test
def test_copy_and_download_give_the_text_itself(view: View) -> None:
    text = long_text(3_000)
    view.open([pane(text, download="../a\u202eb<run>.txt")])
    view.select(100, 900)
    view.page.keyboard.press("Control+c")
    assert view.clipboard().replace("\r\n", "\n") == text[100:900].replace("\r\n", "\n")
    with view.page.expect_download() as started:
        view.pane().locator("[data-act=download]").click()
    assert started.value.path().read_bytes().decode("utf-8") == text
    assert started.value.suggested_filename == "a-b-run-.txt"


@browser_test
def test_mathematics_is_drawn_on_request_and_keeps_offsets(view: View) -> None:
    text = (
        "Let $x^2$ be 𝒳 and \\(\\frac{a}{b}\\) so that\n\\[\n\\sqrt{maybe}\n\\]\nwait $$\\sum_{i=1}^n i$$ "
        "but $\\begin{nothing$ stays and costs $5 or $6.\n"
    ) * 3
    view.open([pane(text, prompt="Find $y_1$.", sections=[["think", 0, len(text)]])])
    assert view.page.locator("math").count() == 0
    view.page.keyboard.press("m")
    expect(view.page.locator("section[data-section] math")).to_have_count(9)
    expect(view.page.get_by_text("mathematics=True")).to_be_visible()
    tags = view.page.locator("math, math *").evaluate_all("all => all.map(e => [e.localName, e.namespaceURI])")
    assert {tag for tag, _ in tags} <= ELEMENTS | {"math"}
    assert {namespace for _, namespace in tags} == {"http://www.w3.org/1998/Math/MathML"}
    assert view.page.locator("section[data-section] .fx").first.bounding_box()["height"] > 8  # type: ignore[index]
    assert view.marks() == [text[start:end] for start, end, *_ in cues_of(text)]
    expect(view.pane().locator("section[data-section] .chunk").first).to_contain_text("\\sqrt{maybe}")
    expect(view.pane().locator(".notices")).to_contain_text("3 formulas can’t be drawn and stay as source")
    formula = text.index("$x^2$", 100)
    assert view.select(formula - 4, formula + 12) == f"{formula - 4}-{formula + 12}"
    assert view.select(formula + 5, formula + 40) == f"{formula + 5}-{formula + 40}"
    view.page.keyboard.press("Control+c")
    assert view.clipboard() == text[formula + 5 : formula + 40]
    view.page.keyboard.press("m")
    expect(view.page.locator("math")).to_have_count(0)
    assert view.drawn() == text


@browser_test
def test_a_linked_range_that_begins_inside_a_formula_shows_its_source(view: View) -> None:
    text = "Let $a+b$ and $c+d$ be.\n"
    view.open([pane(text)], query="&range=6-9&pane=A")
    view.page.keyboard.press("m")
    expect(view.page.locator("section[data-section] math")).to_have_count(1)
    assert view.highlighted() == [text[6:9]]


@browser_test
def test_hostile_text_is_shown_as_it_is_and_does_nothing(view: View) -> None:
    asked: list[str] = []
    dialogs: list[str] = []
    view.page.on("request", lambda request: asked.append(request.url))
    view.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    name = "<img src=x onerror=alert(1)>\u202egnp.exe"
    verdict = {"right": False, "answer": "<b>1</b>", "disagreement": "<script>alert(1)</script>"}
    hostile = pane(
        HOSTILE, title=name, subtitle=HOSTILE[:300], prompt=HOSTILE, verdict=verdict, link="javascript:alert(1)"
    )
    hostile |= {"cues": [*cues_of(HOSTILE), [0, 8, "<script>", "hedge", "prompt"]], "download": HOSTILE[:200]}
    view.open([hostile, pane("fine", "B", link="https://evil.example/", title="</style><script>alert(2)</script>")])
    view.pane().locator("summary").click()
    view.page.keyboard.press("h")
    view.page.keyboard.press("m")
    expect(view.page.get_by_text("mathematics=True")).to_be_visible()
    view.page.keyboard.press("n")
    view.settle()
    foreign = (
        "script, img, iframe, form, input, svg, object, embed, link, a, maction, [href], [onerror], [style*=fixed]"
    )
    assert view.page.locator(".tv").locator(foreign).count() == 0
    assert view.page.evaluate("window.hacked") is None and dialogs == []
    origin = urlsplit(view.url).netloc
    assert {urlsplit(url).netloc for url in asked if url.startswith("http")} == {origin}
    source = (
        view.pane()
        .locator("section[data-section] .chunk")
        .evaluate_all(
            "all => all.map(c => c.cloneNode(true)).map(c => {"
            " c.querySelectorAll('math').forEach(m => m.remove()); return c.textContent }).join('')"
        )
    )
    assert source == HOSTILE
    assert view.pane().locator("h2").text_content() == name
    badges = view.pane().locator("section[data-section] .ctl").evaluate_all("all => all.map(c => c.dataset.name)")
    assert badges == ["RLO", "PDF", "RLI", "PDI", "ESC", "ESC", "NUL", "ZWSP"]
    assert (
        view.pane().locator("section[data-section] .ctl").first.evaluate("c => getComputedStyle(c).unicodeBidi")
        == "isolate"
    )
    order = (
        view.pane().locator("section[data-section] .chunk", has_text="desrever").evaluate(LEFT_EDGES, "txet desrever")
    )
    assert order == sorted(order)


# Left edges of a phrase's characters: ascending means they are drawn in the order they are stored.
LEFT_EDGES = """(chunk, phrase) => {
  const walker = document.createTreeWalker(chunk, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const at = node.data.indexOf(phrase);
    if (at < 0) continue;
    const range = document.createRange();
    return [...phrase].map((_, k) => {
      range.setStart(node, at + k);
      range.setEnd(node, at + k + 1);
      return range.getBoundingClientRect().left;
    });
  }
}"""


@browser_test
@pytest.mark.parametrize("lines", [True, False])
def test_very_long_traces_are_drawn_in_windows(view: View, lines: bool) -> None:
    text = long_text(300_000)
    if not lines:
        text = text.replace("\r\n", " ").replace("\n", " ")
    cues = cues_of(text)
    start, end = 150_000, 150_200
    view.open([pane(text), pane(text[:50_000], "B")], query=f"&range={start}-{end}&pane=A")
    view.settle()
    filled = "all => [all.filter(c => c.childNodes.length).length, all.length]"
    drawn, total = view.pane().locator("section[data-section] .chunk").evaluate_all(filled)
    assert 0 < drawn < total / 2
    expect(view.pane(0).locator(".notices")).to_contain_text("only the part in view is drawn")
    assert view.pane(1).locator(".notices p").count() == 0
    assert view.highlighted() == [text[start:end]]
    top = view.page.evaluate("[...CSS.highlights.get('trace-view-linked')][0].getBoundingClientRect().top")
    assert 0 < top < 900
    view.page.keyboard.press("h")
    list_ = view.pane().locator(".hit-list")
    while view.pane().locator(".hit").count() < len(cues):
        list_.evaluate("l => l.scrollTop = l.scrollHeight")
        view.settle()
    view.pane().locator(".hit").last.click()
    view.settle()
    current = view.pane().locator("mark.current")
    assert current.text_content() == text[cues[-1][0] : cues[-1][1]]
    expect(current).to_be_in_viewport()
    view.page.keyboard.press("p")
    view.settle()
    expect(current).to_be_in_viewport()
    assert current.text_content() == text[cues[-2][0] : cues[-2][1]]
    with view.page.expect_download() as started:
        view.pane().locator("[data-act=download]").click()
    assert started.value.path().read_bytes().decode("utf-8") == text
