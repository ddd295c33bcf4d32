"""Compare in a real browser, on real traces: every figure against the store, and everything a person can do there."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from backend.config import Settings
from backend.domain import Group, Section, TraceFilter
from backend.services import Comparison, Mode, PairStatistics, Services, wire
from pages.components.palette import DARK, LETTERS, LIGHT, Palette
from tests.browser.app_pages import ROOT, App, css_rgb, same_figures, same_record

pytestmark = pytest.mark.browser
GRADER, LEXICON = "math-verify", "doubts"
TEN_WORDS = ["wait", "hmm", "perhaps", "maybe", "actually", "alternatively", "seems", "might", "likely", "check"]
CHIPS = {
    Mode.ALL: "All",
    Mode.RIGHT_TO_WRONG: "✓→✗",
    Mode.WRONG_TO_RIGHT: "✗→✓",
    Mode.BOTH_WRONG: "✗✗",
    Mode.CUE_DROP: "cues ↓",
    Mode.CUT_OFF: "cut off",
}


@pytest.fixture(scope="module")
def pair_ids(real_services: Services) -> list[str]:
    """Qwen2.5-7B and its variant trained on LIMO, on AIME24: the pair as the store found it."""
    found = [
        pair
        for pair in real_services.runs.pairs()
        if (pair.base.info.model, pair.base.info.dataset) == ("Qwen2.5-7B", "AIME24")
    ]
    assert [pair.variant.info.model for pair in found] == ["Qwen2.5-7B · LIMO"]
    return [found[0].base.id, found[0].variant.id]


@pytest.fixture(scope="module")
def compared(real_services: Services, pair_ids: list[str]) -> Comparison:
    return real_services.comparing.compare(pair_ids, LEXICON, GRADER)


@pytest.fixture(scope="module")
def pair(real_services: Services, compared: Comparison) -> PairStatistics:
    return real_services.comparing.statistics(compared)


@pytest.fixture(scope="module")
def shown(warm_context: BrowserContext, real_app: str, pair_ids: list[str]) -> Iterator[App]:
    """Compare, on the pair, opened once for the tests that only read."""
    page = warm_context.new_page()
    yield App(page, real_app).open("compare", runs=",".join(pair_ids))
    page.close()


@pytest.fixture
def opened(app: App, pair_ids: list[str]) -> App:
    """Compare, on the pair."""
    return app.open("compare", runs=",".join(pair_ids))


def strip_texts(app: App) -> list[tuple[str, str]]:
    """(values, change) of each figure above the traces."""
    items = app.page.locator(".sth-numbers > div")
    return [(items.nth(i).locator(".sth-values").inner_text(), items.nth(i).locator(".sth-change").inner_text())
            for i in range(items.count())]  # fmt: skip


def responses(shared_data: Path, side: str) -> list[str]:
    """The responses of one side, read from the file itself."""
    folder = shared_data / "traces/strategic-info" / side / "Qwen2.5-7B/aime"
    [file] = folder.glob("*.jsonl")
    return [json.loads(line)["generated_responses"][0] for line in file.read_text("utf-8").splitlines()]


def test_the_pair_is_found_by_itself_on_the_overview(app: App, pair_ids: list[str]) -> None:
    app.open()
    row = app.page.locator(f".st-key-pairs tr[data-row='{','.join(pair_ids)}']")
    expect(row).to_contain_text("Qwen2.5-7B · LIMO")
    row.get_by_text("Compare").click()
    app.page.wait_for_url("**/compare?**")
    app.settle()
    assert app.query()["runs"] == ",".join(pair_ids)
    expect(app.pane(0).locator("h3")).to_have_text("Qwen2.5-7B")
    expect(app.pane(1).locator("h3")).to_have_text("Qwen2.5-7B · LIMO")


def test_the_strip_equals_the_store_and_the_files(shown: App, pair: PairStatistics, shared_data: Path) -> None:
    figures_shown = strip_texts(shown)
    figures = [(pair.accuracy, 100), (pair.cues, 1), (pair.per_1k, 1), (pair.length, 1), (pair.cut, 100)]
    for (values, change), (figure, factor) in zip(figures_shown, figures, strict=True):
        if figure.a is None:
            assert values.count("–") == 2 and change == "not known"
            continue
        same_figures(values, [factor * figure.a.value, factor * figure.b.value])
        between = [factor * v for v in (figure.change.value, figure.change.low, figure.change.high)]
        same_figures(change, between + ([30] if figure is pair.accuracy else []))
    assert "×" in figures_shown[3][1]
    for side, text in zip(("base", "limo"), figures_shown[3][0].split("→"), strict=True):
        words = [len(response.split()) for response in responses(shared_data, side)]
        same_figures(text, [sum(words) / len(words)])


def test_another_lexicon_and_grader_change_every_figure(
    opened: App, real_services: Services, pair_ids: list[str], shared_data: Path
) -> None:
    opened.choose("lexicon", "kim2026").wait_query("lexicon", "kim2026")
    cues = strip_texts(opened)[1][0]
    counted = [
        sum(text.lower().count(word) for text in responses(shared_data, side) for word in TEN_WORDS) / 30
        for side in ("base", "limo")
    ]
    same_figures(cues, counted)
    assert (round(counted[0], 2), round(counted[1], 1)) == (1.07, 638.4)
    opened.choose("grader", "paper").wait_query("grader", "paper")
    compared = real_services.comparing.compare(pair_ids, "kim2026", "paper")
    pair = real_services.comparing.statistics(compared)
    same_figures(strip_texts(opened)[0][0], [100 * pair.accuracy.a.value, 100 * pair.accuracy.b.value])
    same_figures(strip_texts(opened)[1][1], [pair.cues.change.value, pair.cues.change.low, pair.cues.change.high])
    assert_pane(opened, real_services, pair_ids, compared, 0, "kim2026", "paper")
    opened.reload()
    assert opened.query()["lexicon"] == "kim2026" and opened.query()["grader"] == "paper"
    same_figures(strip_texts(opened)[1][0], counted)


def assert_pane(app: App, services: Services, runs: list[str], compared: Comparison, place: int, lexicon: str = LEXICON,
                grader: str = GRADER) -> None:  # fmt: skip
    """Everything above the texts of a problem's panes, against the store; marks and map against its cues."""
    problem = compared.problems[place]
    question = app.page.locator(".st-key-sth-question")
    expect(question).to_contain_text(f"Problem {problem.number}")
    expect(question).to_contain_text(problem.question)
    expect(question).to_contain_text(f"gold {problem.gold}")
    for side, run in enumerate(runs):
        [sample] = services.comparing.samples(run, problem.id)
        trace = services.reading.open(sample.trace, services.lexicons.get(lexicon).id)
        verdict = next(v for v in trace.verdicts if v.grader == grader)
        pane = app.pane(side)
        word = {True: "✓ right", False: "✕ wrong", None: "○ not judged"}[verdict.correct]
        shown = pane.locator(".verdict").text_content()
        assert shown == (f"{word} · {verdict.answer}" if verdict.answer else word)
        marked = [c for c in trace.cues if c.section is not Section.PROMPT]
        same_figures(pane.locator(".facts b").nth(0).inner_text(), [len(marked)])
        same_figures(pane.locator(".facts b").nth(1).inner_text(), [1000 * len(marked) / len(trace.text.split())])
        same_figures(pane.locator(".facts b").nth(2).inner_text(), [len(trace.text.split())])
        assert "words" in pane.locator(".facts").inner_text()
        groups = Counter(cue.group for cue in marked)
        chips = pane.locator(".chip")
        assert chips.count() == len(groups)
        for group, count in groups.items():
            chip = pane.locator(f"[data-act=group-{LETTERS[group]}]")
            same_figures(chip.locator("b").inner_text(), [count])
            same_figures(chip.locator("small").inner_text(), [1000 * count / len(trace.text.split())])
        texts = pane.locator("section[data-section] mark").evaluate_all("marks => marks.map(m => m.textContent)")
        assert texts == [trace.text[cue.start : cue.end] for cue in sorted(marked, key=lambda c: c.start)]
        expect(pane.locator(".cue-place")).to_have_text(f"–/{len(marked)}")


def test_the_panes_say_what_the_store_says(
    opened: App, real_services: Services, pair_ids: list[str], compared: Comparison
) -> None:
    flipped = next(i for i, p in enumerate(compared.problems) if [s.right for s in p.sides] == [False, True])
    for place in (0, flipped, 29):
        opened.rail().get_by_role("option").nth(place).click()
        opened.wait_query("problem", compared.problems[place].id)
        assert_pane(opened, real_services, pair_ids, compared, place)


def test_the_list_its_marks_and_its_modes(opened: App, compared: Comparison) -> None:
    rights = [[side.right for side in problem.sides] for problem in compared.problems]
    marks = (
        opened.rail()
        .get_by_role("option")
        .evaluate_all("items => items.map((item) => [...item.querySelectorAll('.v')].map((mark) => mark.textContent))")
    )
    assert marks == [[{True: "✓", False: "✗", None: "–"}[right] for right in pair] for pair in rights]
    numbers = opened.rail().get_by_role("option").locator(".id").all_inner_texts()
    assert [int(number) for number in numbers] == list(range(1, 31))
    ids = [problem.id for problem in compared.problems]
    drops = sorted((p for p in compared.problems if p.cue_drop > 0), key=lambda p: -p.cue_drop)
    wanted = {
        Mode.ALL: ids,
        Mode.RIGHT_TO_WRONG: [i for i, r in zip(ids, rights, strict=True) if r == [True, False]],
        Mode.WRONG_TO_RIGHT: [i for i, r in zip(ids, rights, strict=True) if r == [False, True]],
        Mode.BOTH_WRONG: [i for i, r in zip(ids, rights, strict=True) if r == [False, False]],
        Mode.CUE_DROP: [problem.id for problem in drops],
        Mode.CUT_OFF: [],
    }
    for mode, found in wanted.items():
        chip = opened.rail().get_by_role("button", name=f"{mode.value} {len(found)}", exact=True)
        assert chip.inner_text() == f"{CHIPS[mode]} {len(found)}"
    for mode in (Mode.WRONG_TO_RIGHT, Mode.CUT_OFF, Mode.BOTH_WRONG):
        opened.rail().get_by_role("button", name=f"{mode.value} {len(wanted[mode])}", exact=True).click()
        opened.wait_query("mode", mode.value)
        assert opened.listed() == wanted[mode]
        if not wanted[mode]:
            expect(opened.rail().get_by_text("No problem of this kind.")).to_be_visible()
    opened.reload()
    assert opened.listed() == wanted[Mode.BOTH_WRONG]
    expect(opened.rail().locator("[aria-selected=true]")).to_have_attribute("data-id", wanted[Mode.BOTH_WRONG][0])


def test_the_largest_cue_drop_lists_it(app: App, real_services: Services, pair_ids: list[str]) -> None:
    """Swapped, the trained variant is A, and most problems lose cues on the way to B."""
    swapped = real_services.comparing.compare(pair_ids[::-1], LEXICON, GRADER)
    drops = sorted((p for p in swapped.problems if p.cue_drop > 0), key=lambda p: -p.cue_drop)
    app.open("compare", runs=",".join(pair_ids))
    app.page.get_by_role("button", name="Swap").click()
    app.wait_query("runs", ",".join(pair_ids[::-1]))
    expect(app.pane(0).locator("h3")).to_have_text("Qwen2.5-7B · LIMO")
    app.rail().get_by_role("button", name=f"{Mode.CUE_DROP.value} {len(drops)}", exact=True).click()
    app.wait_query("mode", Mode.CUE_DROP.value)
    assert app.listed() == [problem.id for problem in drops]
    for shown, problem in zip(app.rail().locator(".item .figure").all_inner_texts(), drops, strict=True):
        same_figures(shown, [-problem.cue_drop])
    same_figures(
        strip_texts(app)[0][0],
        [
            100 * sum(s.right for s in side) / 30
            for side in zip(*([x.sides[0], x.sides[1]] for x in swapped.problems), strict=True)
        ],
    )


def histogram_of(values: list[float], rows: list[dict[str, str]]) -> list[int]:
    """How many values lie in each row's bin, counted here."""
    edges = [(float(r["from"].replace(",", "")), float(r["to"].replace(",", ""))) for r in rows]
    return [sum(low <= value < high for value in values) for low, high in edges]


def test_the_distributions_count_every_problem(shown: App, pair: PairStatistics) -> None:
    for key, spread in (("spread-length", pair.lengths), ("spread-density", pair.densities)):
        rows = shown.chart_rows(key)
        change = [b - a for a, b in zip(spread.a, spread.b, strict=True)]
        drawn = shown.drawn(key)
        for place, (side, values) in enumerate((("A", spread.a), ("B", spread.b), ("B − A", change))):
            of_side = [row for row in rows if row["side"] == side]
            counts = [int(row["problems"]) for row in of_side]
            assert counts == histogram_of(values, of_side) == drawn[place]["y"]
            assert sum(counts) == 30
        assert shown.chart(key).get_by_label("30 problems").count() > 0


def test_words_groups_and_flips_equal_the_store(shown: App, pair: PairStatistics) -> None:
    for row, word in zip(shown.chart_rows("words"), pair.words[:18], strict=True):
        change = word.change
        same_record(row, {"word": word.entry, "group": word.group, "change": change.value, "low": change.low,
                          "high": change.high, "p_holm": change.p_holm,
                          "significant": "yes" if change.p_holm < 0.05 else "no"})  # fmt: skip
    bars = [x for trace in shown.drawn("words") for x in trace["x"] if x is not None]
    assert sorted(bars) == pytest.approx(sorted(word.change.value for word in pair.words[:18]))
    caption = f"The 18 largest changes of {len(pair.words)} entries"
    expect(shown.page.get_by_text(caption)).to_be_attached()
    wanted = [
        {"group": group.value, "side": side, "value": e.value, "low": e.low, "high": e.high}
        for at, side in enumerate("AB")
        for group, (_, density) in zip(Group, pair.groups.values(), strict=True)
        for e in [(density.a, density.b)[at]]
    ]
    for row, record in zip(shown.chart_rows("groups"), wanted, strict=True):
        same_record(row, record)


def test_flips_mcnemar_and_what_one_flip_is_worth(shown: App, compared: Comparison) -> None:
    kinds = Counter(tuple(side.right for side in problem.sides) for problem in compared.problems)
    up, down = kinds[False, True], kinds[True, False]
    counts = [(row["mode"], int(row["problems"])) for row in shown.chart_rows("flips")]
    assert counts == [
        ("wrong_right", up),
        ("right_wrong", down),
        ("both_right", kinds[True, True]),
        ("both_wrong", kinds[False, False]),
    ]
    n, least = up + down, min(up, down)
    p = min(1.0, 2 * sum(math.comb(n, k) for k in range(least + 1)) / 2**n)
    title = shown.chart("flips").locator(".gtitle").text_content()
    assert title == f"Flips, A to B, McNemar p = {p:.3f}"
    expect(shown.page.get_by_text("30 problems: one flip is 3.3 points")).to_be_attached()


def test_the_export_holds_every_problem(shown: App, compared: Comparison) -> None:
    with shown.page.expect_download() as started:
        shown.page.get_by_role("button", name="Export every problem as CSV").click()
    assert started.value.suggested_filename == "comparison.csv"
    rows = list(csv.DictReader(io.StringIO(Path(started.value.path()).read_text("utf-8"))))
    assert [row["problem"] for row in rows] == [problem.id for problem in compared.problems]
    for row, problem in zip(rows, compared.problems, strict=True):
        for tag, side in zip("AB", problem.sides, strict=True):
            assert float(row[f"cues {tag}"]) == side.cues and float(row[f"length {tag}"]) == side.length
            assert int(row[f"right {tag}"]) == side.correct and int(row[f"judged {tag}"]) == side.known


def test_a_click_on_a_bar_narrows_the_list(opened: App, pair: PairStatistics) -> None:
    rows = [row for row in opened.chart_rows("spread-length") if row["side"] == "B"]
    place = max(range(len(rows)), key=lambda i: int(rows[i]["problems"]))
    low, high = (float(rows[place][name].replace(",", "")) for name in ("from", "to"))
    wanted = [p for p, value in zip(pair.lengths.problems, pair.lengths.b, strict=True) if low <= value <= high]
    bar = opened.chart("spread-length").locator(".js-plotly-plot .bars").nth(1).locator(".point").nth(place)
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    opened.page.mouse.move(x - 2, y - 1)
    opened.page.mouse.move(x, y)
    opened.page.mouse.click(x, y)
    picked = opened.page.get_by_role("button", name=f"length of B from {low:g} to {high:g}")
    expect(picked).to_be_attached()
    opened.settle()
    assert opened.listed() == wanted and 0 < len(wanted) < 30
    picked.click()
    expect(picked).not_to_be_attached()
    opened.settle()
    assert len(opened.listed()) == 30


def test_flips_and_words_lead_to_their_traces(
    opened: App, real_services: Services, pair_ids: list[str], compared: Comparison
) -> None:
    wanted = [p.id for p in compared.problems if [side.right for side in p.sides] == [False, True]]
    bar = opened.chart("flips").locator(".js-plotly-plot .bars .point").first
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    opened.page.mouse.move(box["x"] + 8, box["y"] + 8)
    opened.page.mouse.click(box["x"] + 10, box["y"] + box["height"] / 2)
    opened.wait_query("mode", Mode.WRONG_TO_RIGHT.value)
    assert opened.listed() == wanted
    files = opened.page.locator(".st-key-words-files")
    files.locator("summary").press("Enter")
    row = files.locator("tbody tr").filter(has_text="perhaps").first
    row.get_by_role("button").press("Enter")
    expect(opened.page.get_by_text("Traces with “perhaps”:")).to_be_visible()
    opened.settle()
    opened.page.locator(".st-key-hits-B button").click()
    opened.page.wait_for_url("**/browse?**")
    opened.settle()
    found = real_services.browsing.page(TraceFilter(runs=(pair_ids[1],), lexicon=LEXICON, entry="perhaps"))
    lexicon = real_services.lexicons.get(LEXICON).id
    held = [
        f"{pair_ids[1]}-{i:05d}"
        for i in range(30)
        if any(
            cue.entry == "perhaps"
            for cue in real_services.reading.open(f"{pair_ids[1]}-{i:05d}", lexicon).response_cues
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


def test_panes_scroll_together_and_apart(opened: App) -> None:
    page = opened.page
    left, right = (opened.pane(n).locator(".scroll") for n in (0, 1))
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
    opened.settle()
    assert left.evaluate("s => s.scrollTop") == before > 0
    assert right.evaluate(SCROLLED) == 0


def test_a_third_run_joins_and_leaves(opened: App, real_services: Services, pair_ids: list[str]) -> None:
    third = next(
        r for r in real_services.runs.all() if (r.info.model, r.info.dataset) == ("Qwen3-8B-Base · LIMO", "AIME24")
    )
    opened.page.get_by_role("button", name="Runs").click()
    opened.choose("add-run", third.label)
    opened.page.get_by_role("button", name="Add", exact=True).click()
    opened.wait_query("runs", ",".join([*pair_ids, third.id]))
    expect(opened.pane(2).locator("h3")).to_have_text("Qwen3-8B-Base · LIMO")
    compared = real_services.comparing.compare([*pair_ids, third.id], LEXICON, GRADER)
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
    [sample] = real_services.comparing.samples(pair_ids[1], compared.problems[place].id)
    text = real_services.reading.open(sample.trace, real_services.lexicons.get(LEXICON).id).text
    start, end = 2_000, 2_075
    assert opened.select_text(start, end, pane=1) == f"{start}-{end}"
    opened.pane(1).locator("[data-act=copy-link]").click()
    link = str(opened.page.evaluate("navigator.clipboard.readText()"))
    for _ in range(2):
        opened.page.goto(link)
        opened.settle()
        assert opened.highlighted() == [text[start:end]]
        assert opened.query() | {"range": f"{start}-{end}"} == opened.query()
        assert opened.query()["runs"] == ",".join(pair_ids)
        assert opened.query()["problem"] == compared.problems[place].id
        assert opened.query()["mode"] == "wrong to right" and opened.query()["lexicon"] == "companion2026"
        expect(opened.rail().locator("[aria-selected=true]")).to_have_attribute("data-id", compared.problems[place].id)
    opened.rail().get_by_role("option").last.click()
    opened.wait_query("range", None)
    assert opened.highlighted() == []


@pytest.mark.parametrize(("scheme", "palette"), [("light", LIGHT), ("dark", DARK)])
def test_both_themes_draw_cues_and_sides_in_their_colours(
    browser: Browser, real_app: str, pair_ids: list[str], scheme: str, palette: Palette
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=scheme)
    app = App(context.new_page(), real_app).open("compare", runs=",".join(pair_ids))
    color = "(e, name) => getComputedStyle(e)[name]"
    expect(app.page.locator("[data-testid=stApp]")).to_have_css("background-color", css_rgb(palette.background))
    seen = set()
    for group, letter in LETTERS.items():
        marks = app.pane(1).locator(f"mark.c{letter}")
        if marks.count():
            seen.add(group)
            assert marks.first.evaluate(color, "textDecorationColor") == css_rgb(palette.group[group])
    assert len(seen) >= 4
    tag_a, tag_b = app.pane(0).locator(".tag"), app.pane(1).locator(".tag")
    assert tag_a.evaluate(color, "color") == css_rgb(palette.a)
    assert tag_b.evaluate(color, "backgroundColor") == css_rgb(palette.b)
    assert app.page.locator(".sth-values .sth-b").first.evaluate(color, "color") == css_rgb(palette.b)
    assert app.pane(0).locator(".verdict").evaluate(color, "color") == css_rgb(palette.right)
    context.close()


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., str]) -> Iterator[tuple[str, Services]]:
    """A store of two small runs of four samples, two of them alike: (address, services)."""
    folder = tmp_path_factory.mktemp("sampled")
    settings = Settings(store=folder / "store")
    texts = {"base": ["Wait, 1.", "Two. \\boxed{2}", "Wait, 1.", "Hmm, three."], "limo": ["\\boxed{2}"] * 4}
    with wire(settings) as services:
        for side, samples in texts.items():
            file = folder / side / "Small-1B" / "aime" / "test_qwen-instruct_t0.7_k4_s0_e2.jsonl"
            file.parent.mkdir(parents=True)
            rows = [
                {"question": f"What is {n} + {n}?", "generated_responses": [f"{n}: {text}" for text in samples],
                 "generated_answers": ["2"] * 4, "gold_answer": "2", "is_correct": True, "answers_correctness": [True] * 4, "id": n}
                for n in (1, 2)
            ]  # fmt: skip
            file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
            assert [o.state for o in services.importing.run([file])] == ["imported"]
        yield serve(ROOT / "app.py", {"SECOND_THOUGHTS_STORE": str(settings.store)}), services


def test_samples_turn_by_the_arrows_and_duplicates_stand_once(tab, sampled: tuple[str, Services]) -> None:
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
