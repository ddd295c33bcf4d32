"""What pages share, without a browser: colours, written numbers, and the check of what a browser sends back."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from backend.domain import Group
from backend.report.colours import DARK, LETTERS, LIGHT, Palette
from backend.report.numbers import Change, Form, Interval, change_text, interval_text, number
from pages.components.frame import chrome
from pages.components.palette import css_variables, series
from pages.components.table.table import TableEvent, table_event
from pages.components.table.table_model import Column, Kind, Lines, Link, Row, column_data, in_app, one_line, row_data
from pages.components.viewer.problem_list import ListEvent, ListFilter, ProblemItem, list_event

ROOT = Path(__file__).resolve().parents[3]
THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two `#rrggbb` colours."""

    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("name", "palette"), [("light", LIGHT), ("dark", DARK)])
def test_the_theme_has_the_palette_colours(name: str, palette: Palette) -> None:
    theme: dict[str, Any] = THEME[name]
    assert tuple(theme["chartCategoricalColors"]) == series(palette)
    for section in (theme, theme["sidebar"]):
        assert section["backgroundColor"] == palette.background
        assert section["secondaryBackgroundColor"] == palette.soft
        assert section["textColor"] == palette.ink
        assert section["borderColor"] == palette.line
        assert section["primaryColor"] == section["linkColor"] == palette.b


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_meets_wcag_aa_on_every_surface(palette: Palette) -> None:
    texts = [palette.ink, palette.mute, palette.a, palette.b, palette.c, palette.d, palette.right, palette.wrong]
    for surface in (palette.background, palette.card, palette.soft):
        for text in (*texts, *palette.group.values()):
            assert contrast(text, surface) >= 4.5, (text, surface)
        assert contrast(palette.control, surface) >= 3, (palette.control, surface)


def test_groups_have_a_colour_and_a_letter_each() -> None:
    assert set(LETTERS) == set(LIGHT.group) == set(DARK.group) == set(Group)
    assert len(set(LETTERS.values())) == len(Group)
    assert list(LIGHT.group) == list(DARK.group)


def test_no_font_or_style_comes_from_elsewhere() -> None:
    config = (ROOT / ".streamlit" / "config.toml").read_text("utf-8")
    styles = [path.read_text("utf-8") for path in (ROOT / "pages" / "components").glob("*.css")]
    assert not [text for text in (config, *styles) if re.search(r"https?:|@import|url\(", text)]


def test_every_variable_a_style_uses_exists() -> None:
    known = set(re.findall(r"--sth-[a-z-]+", css_variables(":root")))
    for path in (ROOT / "pages" / "components").glob("*.css"):
        text = path.read_text("utf-8")
        own = set(re.findall(r"(--sth-[a-z-]+):", text))
        assert set(re.findall(r"var\((--sth-[a-z-]+)", text)) <= known | own, path.name


@pytest.mark.parametrize(
    ("value", "form", "signed", "text"),
    [
        (0.1333, Form.PERCENT, False, "13.3%"),
        (0.4667, Form.PERCENT, True, "+46.7 pt"),
        (-0.03, Form.PERCENT, True, "−3.0 pt"),
        (2402.4, Form.COUNT, False, "2,402"),
        (0.04, Form.DECIMAL, False, "0.04"),
        (364.8, Form.DECIMAL, False, "364.8"),
        (-0.001, Form.DECIMAL, True, "0.00"),
        (0.0, Form.DECIMAL, True, "0.0"),
        (None, Form.COUNT, False, "–"),
        (float("nan"), Form.DECIMAL, False, "–"),
        (float("inf"), Form.PERCENT, True, "–"),
    ],
)
def test_numbers_are_written_as_people_read_them(value: float | None, form: Form, signed: bool, text: str) -> None:
    assert number(value, form, signed=signed) == text


def test_changes_carry_their_interval() -> None:
    assert change_text(Change(0.467, 0.267, 0.633), Form.PERCENT) == ("+46.7 pt", "[+26.7, +63.3]")
    assert change_text(Change(3.0, 2.0, 4.6, ratio=True), Form.COUNT) == ("×3.0", "[2.0, 4.6]")
    assert change_text(Change(1.0), Form.DECIMAL) == ("+1.0", "")
    assert interval_text(0.525, 0.63, Form.PERCENT) == "[52.5, 63.0]"


def test_the_strip_escapes_what_it_is_given() -> None:
    html = chrome.numbers_html([chrome.BigNumber("<script>x</script>", 1.0, 2.0, Change(1.0), note="<img src=x>")])
    assert "<script" not in html and "<img" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize("href", ["/", "/browse?run=a&sort=-n", "?problem=3", "/reader?trace=%2F%2Fx"])
def test_addresses_of_this_app_are_links(href: str) -> None:
    assert in_app(href) == href


@pytest.mark.parametrize(
    "href",
    [
        *(
            "",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil",
            "https://evil.example",
            "javascript:alert(1)",
            " /x",
            "/x y",
        ),
        *("/x\n", "data:text/html,x", "browse", "?a\x00", "/\t/evil.example", "#x"),
    ],
)
def test_other_addresses_are_refused(href: str) -> None:
    with pytest.raises(ValueError, match="within this app"):
        in_app(href)


COLUMNS = [
    Column("name", "run"),
    Column("n", "n", Kind.NUMBER),
    Column("do", "", Kind.LINKS),
    Column("x", "x", sortable=False),
]
ROWS = [
    Row("r1", {"name": "one", "n": 1, "do": [Link("Go", "/go", "go"), Link("See", "/see")]}),
    Row("r2", {"name": "two", "n": Interval(2.0, 1.0, 3.0), "do": Link("Drop", action="drop")}),
]


@pytest.mark.parametrize(
    ("sent", "event"),
    [
        ({"kind": "row", "row": "r2"}, TableEvent("row", row="r2")),
        ({"kind": "action", "row": "r1", "action": "go"}, TableEvent("action", row="r1", action="go")),
        ({"kind": "sort", "column": "n", "descending": True}, TableEvent("sort", column="n", descending=True)),
        ({"kind": "check", "checked": ["r2", "r9", 3, ["r1"]]}, TableEvent("check", checked=("r2",))),
        ({"kind": "check", "checked": []}, TableEvent("check")),
    ],
)
def test_what_a_person_did_becomes_an_event(sent: object, event: TableEvent) -> None:
    assert table_event(sent, COLUMNS, ROWS) == event


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "row",
        [],
        {},
        {"kind": "row"},
        {"kind": "row", "row": "r9"},
        {"kind": "row", "row": ["r1"]},
        {"kind": "action", "row": "r1", "action": "drop"},
        {"kind": "action", "row": "r1"},
        {"kind": "sort", "column": "x"},
        {"kind": "sort", "column": "; drop table"},
        {"kind": "check", "checked": "r1"},
        {"kind": "else", "row": "r1"},
    ],
)
def test_nonsense_from_a_browser_is_no_event(sent: object) -> None:
    assert table_event(sent, COLUMNS, ROWS) is None


def test_cells_reach_the_browser_as_data_of_their_kind() -> None:
    column = Column("acc", "accuracy", Kind.BAR, Form.PERCENT)
    rows = [Row("a", {"acc": Interval(0.5, 0.4, 0.6)}), Row("b", {"acc": float("nan")}), Row("c", {})]
    assert column_data(column, rows)["most"] == 0.6
    cells = [row_data(row, [column])["cells"][0] for row in rows]
    shown = {"value": 0.5, "low": 0.4, "high": 0.6, "text": "50.0%", "ends": "[40.0, 60.0]"}
    assert cells[0] == {**shown, "small": "", "why": ""}
    qualified = Row("e", {"acc": Interval(0.5, note="31% in\nloops", why="no interval covers")})
    cell = row_data(qualified, [column])["cells"][0]
    assert (cell["ends"], cell["small"], cell["why"]) == ("", "31% in loops", "no interval covers")
    assert [cell["value"] for cell in cells[1:]] == [None, None]
    assert [cell["text"] for cell in cells[1:]] == ["–", "–"]
    with pytest.raises(ValueError, match="within this app"):
        row_data(Row("d", {"t": Lines("x", href="javascript:alert(1)")}), [Column("t", "t")])


def test_one_line_folds_white_space_and_writes_controls_out() -> None:
    assert one_line("a\n\n b\tc") == "a b c"
    assert one_line("right\u202egnorw\x1b[0m") == "right\\u202egnorw\\x1b[0m"


def test_the_list_takes_known_problems_and_modes_only() -> None:
    items = [ProblemItem("p1", 1, "?", (True, False))]
    modes = [ListFilter("all", "All", "all problems", 1)]
    assert list_event({"problem": "p1"}, items, modes) == ListEvent(problem="p1")
    assert list_event({"mode": "all"}, items, modes) == ListEvent(mode="all")
    for sent in (None, 3, {}, {"problem": "p2"}, {"mode": "none"}, {"problem": ["p1"]}, "p1"):
        assert list_event(sent, items, modes) is None


def test_what_two_parts_of_a_page_say_alike_stands_there_once() -> None:
    def script() -> None:
        from backend.domain import UserError
        from pages.components.frame.notice import error_notice, notice

        for _ in range(2):
            with error_notice():
                raise UserError("The disk is full.")
        notice("The disk is full.", "warning")

    test = AppTest.from_function(script, default_timeout=60).run()
    assert not test.exception and [text.value for text in test.text] == ["The disk is full."] * 2
