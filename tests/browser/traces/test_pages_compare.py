"""Compare in a real browser, on real traces: every figure against the store and the files themselves."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import expect

from backend.domain import Group
from backend.services import Services
from backend.services.traces.comparison import Comparison, ProblemFilter
from backend.services.traces.pair_statistics import PairStatistics
from tests.browser.app_pages import App, same_figures, same_record
from tests.browser.traces.compare_parts import GRADER, LEXICON, assert_pane, small_print, strip_texts

pytestmark = pytest.mark.browser
TEN_WORDS = ["wait", "hmm", "perhaps", "maybe", "actually", "alternatively", "seems", "might", "likely", "check"]
CHIPS = {
    ProblemFilter.ALL: "All",
    ProblemFilter.RIGHT_TO_WRONG: "✓→✗",
    ProblemFilter.WRONG_TO_RIGHT: "✗→✓",
    ProblemFilter.BOTH_WRONG: "✗✗",
    ProblemFilter.CUE_DROP: "cues ↓",
    ProblemFilter.CUT_OFF: "cut off",
}


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
    expect(app.pane(0).locator("h2")).to_have_text("Qwen2.5-7B")
    expect(app.pane(1).locator("h2")).to_have_text("Qwen2.5-7B · LIMO")


def test_the_strip_equals_the_store_and_the_files(shown: App, pair: PairStatistics, shared_data: Path) -> None:
    figures_shown = strip_texts(shown)
    figures = [
        (pair.accuracy, 100, None), (pair.cues, 1, pair.counts), (pair.per_1k, 1, None),
        (pair.length, 1, pair.lengths), (pair.cut, 100, None),
    ]  # fmt: skip
    for (values, change), (figure, factor, spread) in zip(figures_shown, figures, strict=True):
        if figure.a is None:
            assert values.count("–") == 2 and change == "not known"
            continue
        same_figures(values, [factor * figure.a.value, factor * figure.b.value])
        same_figures(change, small_print(figure, factor, spread) + ([30] if figure is pair.accuracy else []))
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
    compared = real_services.comparison.compare(pair_ids, "kim2026", "paper")
    pair = real_services.comparison.statistics(compared)
    same_figures(strip_texts(opened)[0][0], [100 * pair.accuracy.a.value, 100 * pair.accuracy.b.value])
    same_figures(strip_texts(opened)[1][1], small_print(pair.cues, spread=pair.counts))
    assert_pane(opened, real_services, pair_ids, compared, 0, "kim2026", "paper")
    opened.reload()
    assert opened.query()["lexicon"] == "kim2026" and opened.query()["grader"] == "paper"
    same_figures(strip_texts(opened)[1][0], counted)


def test_loops_are_left_out_of_every_figure(opened: App, real_services: Services, pair_ids: list[str]) -> None:
    assert "in loops" in strip_texts(opened)[1][1]
    opened.choose("in_loops", "left out").wait_query("in_loops", "left out")
    pair = real_services.comparison.statistics(
        real_services.comparison.compare(pair_ids, "doubts", "final answer", loops=False)
    )
    same_figures(strip_texts(opened)[1][0], [pair.cues.a.value, pair.cues.b.value])
    same_figures(strip_texts(opened)[1][1], small_print(pair.cues, spread=pair.counts))
    assert pair.cues.change.low is not None and "in loops" not in strip_texts(opened)[1][1]
    expect(opened.page.get_by_text("loops left out; intervals")).to_be_visible()


def test_the_panes_say_what_the_store_says(
    shown: App, real_services: Services, pair_ids: list[str], compared: Comparison
) -> None:
    flipped = next(i for i, p in enumerate(compared.problems) if [s.right for s in p.sides] == [False, True])
    for place in (0, flipped, 29):
        shown.rail().get_by_role("option").nth(place).click()
        shown.wait_query("problem", compared.problems[place].id)
        assert_pane(shown, real_services, pair_ids, compared, place)


def test_the_list_its_marks_and_its_modes(shown: App, compared: Comparison) -> None:
    rights = [[side.right for side in problem.sides] for problem in compared.problems]
    marks = (
        shown.rail()
        .get_by_role("option")
        .evaluate_all("items => items.map((item) => [...item.querySelectorAll('.v')].map((mark) => mark.textContent))")
    )
    assert marks == [[{True: "✓", False: "✗", None: "–"}[right] for right in pair] for pair in rights]
    numbers = shown.rail().get_by_role("option").locator(".id").all_inner_texts()
    assert [int(number) for number in numbers] == list(range(1, 31))
    ids = [problem.id for problem in compared.problems]
    drops = sorted((p for p in compared.problems if p.cue_drop > 0), key=lambda p: -p.cue_drop)
    wanted = {
        ProblemFilter.ALL: ids,
        ProblemFilter.RIGHT_TO_WRONG: [i for i, r in zip(ids, rights, strict=True) if r == [True, False]],
        ProblemFilter.WRONG_TO_RIGHT: [i for i, r in zip(ids, rights, strict=True) if r == [False, True]],
        ProblemFilter.BOTH_WRONG: [i for i, r in zip(ids, rights, strict=True) if r == [False, False]],
        ProblemFilter.CUE_DROP: [problem.id for problem in drops],
    }
    for mode, found in wanted.items():
        chip = shown.rail().get_by_role("button", name=f"{mode.value} {len(found)}", exact=True)
        assert chip.inner_text() == f"{CHIPS[mode]} {len(found)}"
    # These files don't say how a response ended: there is nothing to list by it.
    expect(shown.rail().get_by_role("button", name=ProblemFilter.CUT_OFF.value)).to_have_count(0)
    for mode in (ProblemFilter.WRONG_TO_RIGHT, ProblemFilter.RIGHT_TO_WRONG, ProblemFilter.BOTH_WRONG):
        shown.rail().get_by_role("button", name=f"{mode.value} {len(wanted[mode])}", exact=True).click()
        shown.wait_query("mode", mode.value)
        assert shown.listed() == wanted[mode]
        if not wanted[mode]:
            expect(shown.rail().get_by_text("No problem of this kind.")).to_be_visible()
    expect(shown.rail().locator("[aria-selected=true]")).to_have_attribute(
        "data-id", wanted[ProblemFilter.BOTH_WRONG][0]
    )
    shown.rail().get_by_role("button", name="all 30", exact=True).click()
    shown.wait_query("mode", ProblemFilter.ALL.value)
    assert shown.listed() == ids


def test_the_largest_cue_drop_lists_it(app: App, real_services: Services, pair_ids: list[str]) -> None:
    """Swapped, the trained variant is A, and most problems lose cues on the way to B."""
    swapped = real_services.comparison.compare(pair_ids[::-1], LEXICON, GRADER)
    drops = sorted((p for p in swapped.problems if p.cue_drop > 0), key=lambda p: -p.cue_drop)
    app.open("compare", runs=",".join(pair_ids))
    app.page.get_by_role("button", name="Swap").click()
    app.wait_query("runs", ",".join(pair_ids[::-1]))
    expect(app.pane(0).locator("h2")).to_have_text("Qwen2.5-7B · LIMO")
    app.rail().get_by_role("button", name=f"{ProblemFilter.CUE_DROP.value} {len(drops)}", exact=True).click()
    app.wait_query("mode", ProblemFilter.CUE_DROP.value)
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
