"""Colours of tokens: the viewer in a real browser, the Reader's controls as a script, and the way from a token to a job."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest

from backend.config import Settings
from backend.domain import Group
from backend.engines.protocol import Alternative, Token
from backend.report.colours import DARK, LIGHT
from backend.services import Services, build_services
from backend.services.traces.run_builder import Scored, token_row
from backend.store.parts import PartWriter
from backend.store.registry import Fork
from pages.components.live.token_jobs import left_at
from tests.browser.app_pages import App, css_rgb
from tests.browser.components.trace_view_cases import View, cues_of, pane

ROOT = Path(__file__).resolve().parents[3]
browser = pytest.mark.browser
HOSTILE = "<img src=x onerror=alert(1)>\u202e"
TEXT = "🤔𝒜𝒷 " + "Wait, maybe 3 + 4 = 7 is right.\nSo the sum is 7. " * 12
SHARES = (0.95, 0.6, 0.3, 0.1, 0.02, 0.001, None)
SHADES = ("", "s1", "s2", "s3", "s4", "s5", "")
PAINTED = """() => Object.fromEntries([...CSS.highlights].filter(([name]) => /^token-/.test(name)).map(([name, ranges]) =>
  [name.slice(6), [...ranges].map((range) => {
    const live = document.createRange();
    live.setStart(range.startContainer, range.startOffset);
    live.setEnd(range.endContainer, range.endOffset);
    return live.toString();
  })]).filter(([, texts]) => texts.length))"""
PLACE = """([word, nth]) => {
  const host = [...document.querySelectorAll('*')].find((e) => e.shadowRoot?.querySelector('.tv'));
  const walker = document.createTreeWalker(host.shadowRoot.querySelector('.scroll'), NodeFilter.SHOW_TEXT);
  let left = nth;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const at = node.data.indexOf(word);
    if (at < 0 || left--) continue;
    const range = document.createRange();
    range.setStart(node, at);
    range.setEnd(node, at + word.length);
    const box = range.getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
  }
}"""


def pieces(text: str) -> list[tuple[int, int]]:
    """Words with the blank before them, as [start, end) in code points."""
    return [match.span() for match in re.finditer(r"\n| ?[^\s]+| ", text)]


def scorer(text: str, shares: Sequence[float | None] = SHARES, **more: Any) -> dict[str, Any]:
    """A model's figures for a text, the probabilities of its tokens taken from `shares` in turn."""
    spans = pieces(text)
    logprobs = [None if (share := shares[i % len(shares)]) is None else math.log(share) for i in range(len(spans))]
    return {
        "model": "m", "context": "none", "generated": True,
        "starts": [start for start, _ in spans], "ends": [end for _, end in spans],
        "logprobs": logprobs, "entropies": [0.5] * len(spans), "forced": [i == 1 for i in range(len(spans))],
        "top": [[[text[start:end], math.log(0.5)], [HOSTILE, -3.0], [" \n", -4.0]] for start, end in spans],
    } | more  # fmt: skip


def coloured(text: str, *scores: dict[str, Any], colour: str = "probability") -> dict[str, Any]:
    names = [f"written by {HOSTILE}", "read by other"][: len(scores)]
    layer = {"scores": list(scores), "names": names, "colour": colour}
    return pane(text, tokens=layer, sections=[["think", 0, len(text)]])


def expected(text: str, shades: Sequence[str] = SHADES) -> dict[str, list[str]]:
    """The stretches of each shade, neighbours of one shade joined."""
    found: list[tuple[str, str]] = []
    for i, (start, end) in enumerate(pieces(text)):
        shade = shades[i % len(shades)]
        if found and found[-1][0] == shade:
            found[-1] = (shade, found[-1][1] + text[start:end])
        else:
            found.append((shade, text[start:end]))
    return {shade: sorted(said for own, said in found if own == shade) for shade in set(shades) - {""}}


def painted(view: View) -> dict[str, list[str]]:
    view.settle()
    return {shade: sorted(texts) for shade, texts in view.page.evaluate(PAINTED).items()}


@browser
def test_every_token_has_the_shade_of_its_probability(view: View) -> None:
    view.open([coloured(TEXT, scorer(TEXT))])
    assert painted(view) == expected(TEXT)
    assert view.drawn() == TEXT and view.marks() == [TEXT[start:end] for start, end, *_ in cues_of(TEXT)]
    mark = view.pane().locator("section[data-section] mark.cC").first
    expect(mark).to_have_css("border-bottom-color", css_rgb(LIGHT.group[Group.SELF_CORRECTION]))
    view.pane().locator("[data-act=group-C]").click()
    expect(mark).to_have_css("border-bottom-color", "rgba(0, 0, 0, 0)")
    legend = view.pane().locator(".legend")
    expect(legend).to_contain_text("Probability of each token, written by <img src=x onerror=alert(1)>")
    expect(legend.locator(".step")).to_have_text(["over 90%", "50–90%", "20–50%", "5–20%", "1–5%", "under 1%"])
    expect(legend.locator(".legend-means")).to_contain_text(re.compile(r"mean surprise \d.* in cues \(n = \d+\), \d"))
    the_pointed_token_says_what_it_might_have_been(view)
    assert view.page.locator(".tv img").count() == 0


def the_pointed_token_says_what_it_might_have_been(view: View) -> None:
    view.page.mouse.move(*view.page.evaluate(PLACE, ["right", 0]))
    tip = view.pane().locator(".token-card[aria-hidden]")
    expect(tip).to_be_visible()
    place = [TEXT[start:end] for start, end in pieces(TEXT)].index(" right.")
    expect(tip.locator("b")).to_have_text("␣right.")
    expect(tip.locator("p").first).to_contain_text(f"probability {100 * (SHARES[place % 7] or 0):.1f}%")
    expect(tip.locator("li")).to_have_text(["␣right.50.0%", re.compile(r"^<img␣src=x␣onerror=alert\(1\)>"), "␣⏎1.8%"])
    assert tip.locator("li .ctl").get_attribute("data-name") == "RLO"
    view.page.mouse.move(5, 5)
    expect(tip).to_be_hidden()
    ink_and_underlines_are_legible(view, 5)


@browser
def test_tokens_are_walked_by_key_and_gone_on_from(view: View) -> None:
    view.open([coloured(TEXT, scorer(TEXT))], options={"go_on": True})
    card = view.pane().locator(".token-card.chosen")
    view.pane().locator(".scroll").focus()
    for _ in range(4):
        view.page.keyboard.press("ArrowRight")
    expect(card.locator("b")).to_have_text("␣3")
    view.page.keyboard.press("ArrowLeft")
    view.page.keyboard.press("ArrowLeft")
    expect(card).to_contain_text("put there, not said by the model")
    expect(view.page.locator(".status")).to_contain_text(
        "“ Wait,”, put there, not said by the model, probability 60.0%"
    )
    view.page.keyboard.press("Enter")
    expect(view.page.get_by_text("go_on=Place(pane='A', at=3)")).to_be_visible()
    view.page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    view.page.mouse.click(*view.page.evaluate(PLACE, ["right", 1]))
    card.get_by_role("button", name="Write the rest anew").click()
    at = [start for start, end in pieces(TEXT) if TEXT[start:end] == " right."][1]
    expect(view.page.get_by_text(f"go_on=Place(pane='A', at={at})")).to_be_visible()


@browser
def test_a_selection_is_gone_on_from_without_colours(view: View) -> None:
    view.open([pane(TEXT)], options={"go_on": True})
    assert view.select(10, 15) == "10-15" and painted(view) == {}
    view.pane().locator("[data-act=go-on]").click()
    expect(view.page.get_by_text("go_on=Place(pane='A', at=10)")).to_be_visible()
    view.open([pane(TEXT)])
    assert view.select(10, 15) == "10-15"
    expect(view.pane().locator("[data-act=go-on]")).to_be_hidden()


@browser
def test_a_difference_diverges_and_names_both(view: View) -> None:
    """Tokens the other cut elsewhere have no shade."""
    other = scorer(TEXT, (0.2,), generated=False, context="full solution")
    other["ends"][2] -= 1
    shares = (0.9, 0.35, 0.2, 0.1, 0.03, 0.005)
    shades = ("m2", "m1", "", "l1", "l2", "l3")
    view.open([coloured(TEXT, scorer(TEXT, shares), other, colour="difference")])
    assert painted(view) == expected(TEXT, shades)
    view.page.mouse.move(*view.page.evaluate(PLACE, ["🤔", 0]))
    tip = view.pane().locator(".token-card[aria-hidden]")
    expect(tip.locator("p").nth(1)).to_have_text("20.0% read by other")
    expect(tip).to_contain_text("difference +1.50 nats")
    expect(view.pane().locator(".legend .step").first).to_have_text("over 20× less likely")
    ink_and_underlines_are_legible(view, 6)


@browser
def test_a_long_trace_is_coloured_where_it_is_read(view: View) -> None:
    text = "a b c d e.\n" * 6_000
    assert len(pieces(text)) > 32_000
    view.open([coloured(text, scorer(text))])
    top = painted(view)
    assert 50 < sum(map(len, top.values())) < 12_000
    view.pane().locator(".scroll").evaluate("s => s.scrollTop = s.scrollHeight")
    view.settle()
    end = painted(view)
    assert 50 < sum(map(len, end.values())) < 12_000
    tail = expected(text)
    assert all(set(texts) <= set(tail[shade]) for shade, texts in end.items())
    last = next(SHADES[i % 7] for i in range(len(pieces(text)) - 1, 0, -1) if SHADES[i % 7])
    shown = view.page.evaluate(
        "name => [...CSS.highlights.get(name)].some((range) =>"
        " range.endContainer.parentElement.closest('.chunk').matches(':last-child'))", f"token-{last}"
    )  # fmt: skip
    assert shown


def ink_and_underlines_are_legible(view: View, shades: int) -> None:
    """On every shade of the legend, in both themes: text 4.5:1, lines 3:1 (WCAG AA)."""
    for scheme, colours in (("light", LIGHT), ("dark", DARK)):
        view.page.emulate_media(color_scheme=scheme)
        ink = f"rgb({', '.join(str(int(colours.ink[i : i + 2], 16)) for i in (1, 3, 5))})"
        expect(view.pane()).to_have_css("color", ink)  # the theme comes a moment later
        found = view.pane().locator(".swatch").evaluate_all("all => all.map(e => getComputedStyle(e).backgroundColor)")
        grounds = [light(*map(int, re.findall(r"\d+", each)[:3])) for each in found if "0, 0, 0, 0" not in each]
        assert len(grounds) == shades
        for ground in grounds:
            assert contrast(ground, hexed(colours.ink)) >= 4.5
            assert min(contrast(ground, hexed(colours.group[group])) for group in Group) >= 3


def light(*parts: int) -> float:
    """WCAG 2 relative luminance."""
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in (part / 255 for part in parts)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def hexed(colour: str) -> float:
    return light(*(int(colour[i : i + 2], 16) for i in (1, 3, 5)))


def contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


# -- the Reader ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A run of the shipped base model with tokens of its first trace, written and read with a solution; and a strange run."""
    folder = tmp_path_factory.mktemp("colours")
    files = [folder / name / "aime" / "test_qwen-instruct_t0.0_k1_s0_e3.jsonl" for name in ("lab-base", "stranger")]
    texts = [TEXT + "\\boxed{7}", "Maybe \\boxed{3}"]
    rows = [
        {"question": f"What is {n}?", "generated_responses": [text], "generated_answers": ["1"], "gold_answer": "7",
         "is_correct": True, "answers_correctness": [True], "id": n} for n, text in enumerate(texts)
    ]  # fmt: skip
    for file, responses in zip(files, (rows, rows[:1]), strict=True):
        file.parent.mkdir(parents=True)
        file.write_text("\n".join(map(json.dumps, responses)), encoding="utf-8")
    with build_services(Settings(store=folder / "store", graders=1)) as services:
        first, second = services.imports.run(files)
        assert first.run and second.run, (first, second)
        store_tokens(services, first.run, texts[0])
        yield services


def store_tokens(services: Services, run: str, text: str) -> None:
    trace = f"{run}-00000"
    spans = pieces(text)
    tokens = [
        Token(start, end, i, math.log(SHARES[i % 6] or 1), 0.3 * (i % 6), False, (Alternative(HOSTILE, -1.0),))
        for i, (start, end) in enumerate(spans)
    ]
    scored = [Scored("lab-base", "none", True, tokens), Scored("lab-base", "full solution", False, tokens[:-1])]
    with PartWriter(services.store.folder, run) as writer:
        writer.write("tokens", [token_row(trace, run, each) for each in scored])
        assert writer.register(lambda parts: services.store.ledger.add_matches(run, parts, {}))
    services.store.registry.add_forks([Fork(f"{run}-00001", trace, 4, " Maybe")])


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch, small: Services) -> Iterator[Services]:
    """Pages read that store."""
    st.cache_resource.clear()
    st.cache_data.clear()
    monkeypatch.setenv("SECOND_THOUGHTS_STORE", str(small.store.folder))
    yield small
    st.cache_resource.clear()
    st.cache_data.clear()


def opened(trace: str, **query: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "pages" / "shell.py"), default_timeout=120)
    test.run()
    for name, value in {"trace": trace, **query}.items():
        test.query_params[name] = value
    return sound(test.switch_page("reader.py").run())


def sound(test: AppTest) -> AppTest:
    assert not test.exception, [exception.value for exception in test.exception]
    return test


def said(test: AppTest) -> str:
    return "\n".join(str(text.value) for text in test.text)


def pressed(test: AppTest, label: str) -> AppTest:
    return sound(next(button for button in test.button if button.label == label).click().run())


def trace_of(services: Services, number: int = 0) -> str:
    return f"{services.runs.all()[0].id}-{number:05}"


def test_the_reader_offers_colours_and_scorers(reader: Services) -> None:
    test = opened(trace_of(reader))
    [control] = [each for each in test.get("segmented_control") or test.get("button_group") if each.key == "colour"]
    assert control.options == ["cues", "probability", "entropy", "difference"] and control.value == "cues"
    assert not [box for box in test.selectbox if box.key in ("scorer", "with", "over")]
    test = opened(trace_of(reader), colour="difference")
    boxes = {box.key: box for box in test.selectbox}
    names = ["written by lab-base", "read by lab-base, shown the full solution"]
    assert (boxes["with"].options, boxes["with"].value, boxes["over"].options) == (names, names[1], names[:1])
    assert [box.value for box in opened(trace_of(reader), colour="entropy").selectbox if box.key == "scorer"] == names[
        :1
    ]
    for colour in ("probability", "difference", "nonsense"):
        opened(trace_of(reader), colour=colour, **dict.fromkeys(("scorer", "with", "over"), "nobody"))
    assert "colour" not in [each.key for each in opened(trace_of(reader, 1), colour="entropy").get("button_group")]


def test_parent_and_children_lead_to_each_other(reader: Services) -> None:
    test = opened(trace_of(reader))
    assert "1 trace goes on from here" in said(test)
    assert "lab-base, sample 1, left at character 4 with “Maybe”: ✕ wrong, answer 3" in said(test)
    test = pressed(test, "Open")
    assert "This trace goes on from another: lab-base, sample 1, left at character 4" in said(test)
    test = pressed(test, "Parent")
    assert "1 trace goes on from here" in said(test)


def test_a_run_is_read_by_a_model_that_is_chosen(reader: Services) -> None:
    test = pressed(opened(trace_of(reader)), "Score")
    assert "Queued: lab-base · AIME24 read by lab-base" in said(test)
    job = reader.jobs.open()[0]
    assert (job.kind, job.spec["run"], job.spec["top"]) == ("score", reader.runs.all()[0].id, 5)


def test_a_problem_is_answered_anew_on_the_live_page(reader: Services) -> None:
    run = reader.runs.all()[0]
    trace = reader.traces.open(trace_of(reader), reader.lexicons.get("doubts").id)
    test = pressed(opened(trace.id), "Regenerate this")
    assert test.query_params["problem"] == trace.problem
    assert test.query_params["models"] == reader.models.get("lab-base").id and run.info.model == "lab-base"


def test_a_model_that_is_not_here_is_named(reader: Services) -> None:
    """Compare offers to go on without it."""
    first, second = reader.runs.all()
    test = opened(trace_of(reader), runs=f"{first.id},{second.id}")
    test.query_params["runs"] = f"{first.id},{second.id}"
    test = pressed(sound(test.switch_page("compare.py").run()), "Regenerate this")
    assert "stranger is not among the models here: add it on the page Models." in said(test)
    assert {"Models", "Go on without"} <= {button.label for button in test.button}


@pytest.mark.parametrize(
    ("text", "at", "word", "expected_place"),
    [
        ("so the", 2, "Wait", (2, " Wait")),
        ("so the", 3, " Wait ", (3, "Wait")),
        ("sothe", 2, "Wait", (2, " Wait")),
        ("so\n\nthe", 2, "Wait", (2, "\n\nWait")),
        ("so  the", 4, " ", (2, "")),
        ("so\nthe", 3, "", (3, "")),
        ("so", 0, "Wait", (0, "Wait")),
        ("so", 2, "Wait", (2, " Wait")),
    ],
)
def test_a_word_keeps_the_blank_of_its_place(text: str, at: int, word: str, expected_place: tuple[int, str]) -> None:
    assert left_at(text, at, word) == expected_place


@browser
def test_from_a_token_to_a_job(page: Page, reader: Services, serve: Any) -> None:
    app = App(page, serve(ROOT / "app.py", {"SECOND_THOUGHTS_STORE": str(reader.store.folder)}))
    app.open("reader", trace=trace_of(reader), colour="probability")
    assert page.evaluate(PAINTED)["s5"]
    page.get_by_role("radio", name="cues").click()
    app.wait_query("colour", None)
    assert page.evaluate(PAINTED) == {}
    page.get_by_role("radio", name="entropy").click()
    app.wait_query("colour", "entropy")
    expect(app.pane().locator(".legend")).to_contain_text("Entropy of each token, written by lab-base")
    app.pane().locator(".scroll").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("🤔𝒜𝒷 ▮  Wait, maybe")
    dialog.get_by_text("Maybe", exact=True).click()
    dialog.get_by_role("button", name="Go on").click()
    page.wait_for_url("**/live?job=*")
    [job] = [job for job in reader.jobs.open() if job.kind == "generate"]
    assert job.spec["fork"] == {"trace": trace_of(reader), "at": 3, "insert": " Maybe"}
    assert job.spec["live"] and job.spec["logprobs"] and job.spec["decoding"]["top"] == 5
    assert job.spec["decoding"]["temperature"] == 0 and job.spec["questions"][0]["gold"] == "7"
