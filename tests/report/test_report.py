"""Reports as values and as files: numbers written one way everywhere, hostile text as text, nothing fetched."""

from __future__ import annotations

import csv
import io
import itertools
import math
import re
import xml.etree.ElementTree as ET
import zipfile
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain import Cue, Group
from backend.domain import Section as Part
from backend.report import model
from backend.report.files import csv_files, escape_latex, latex_files, svg_files, zipped
from backend.report.html import html
from backend.report.model import (
    Bars,
    Curves,
    Figure,
    Line,
    Point,
    Report,
    ReportColumn,
    ReportRow,
    ReportSection,
    SeriesRole,
    ShownTrace,
    Table,
)
from backend.report.numbers import MINUS, UNKNOWN, Form, answer_text, interval_text, number
from backend.report.svg import WIDTH, svg, ticks
from pages.components.charts.picture_charts import picture_chart

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202e\x00 & \"'`=cmd|'/c calc'!A1 %_${x}^~\\input{/etc/passwd}"
NUMBERS = st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([0.0, -0.0, 0.949, 0.95, -0.004, float("nan")]))


def figure(value: float, form: Form = Form.DECIMAL, **more: object) -> Figure:
    return Figure(value, value - 0.1, value + 0.1, 30, form, **more)  # type: ignore[arg-type]


def made(text: str = "plain") -> Report:
    """One of everything, with `text` wherever a text may stand."""
    table = Table(
        "t1",
        f"Table {text}",
        (
            ReportColumn("name", "Name"),
            ReportColumn("a", f"A {text}"),
            ReportColumn("p", "B", paper=True),
            ReportColumn("verdict", "Verdict"),
        ),
        (
            ReportRow(
                {
                    "name": text,
                    "a": figure(0.613, Form.PERCENT),
                    "p": Figure(0.3, form=Form.PERCENT),
                    "verdict": "reproduced",
                }
            ),
            ReportRow({"name": "=1+1", "a": figure(-12.5, signed=True, unit="points"), "verdict": text}, (text,)),
        ),
        f"Note {text}",
    )
    line = Line(f"line {text}", SeriesRole.FIRST, tuple(Point(x, figure(0.1 * x, Form.PERCENT)) for x in range(5)),
                ((Point(0, Figure(0.1)), Point(4, Figure(0.9))),), "dash", 0.5)  # fmt: skip
    curves = Curves("c1", f"Curves {text}", text, text, Form.PERCENT, (line,), 0.5, note=text)
    places = Curves("c2", "Places", "size", "tokens", Form.DECIMAL, (line,), ticks=("1", "8", "64", "512", text))
    bars = Bars("b1", f"Bars {text}", text, (text, "wait"),
                ((text, SeriesRole.BASE, (figure(3), figure(1))), ("B", SeriesRole.SECOND, (figure(-2), Figure(None)))),
                (text, "−3%"), ((True, False), (False, True)))  # fmt: skip
    trace = ShownTrace(text, text, text, f"wait {text}", (Cue(0, 4, text, Group.HEDGE, Part.THINK),))
    section = ReportSection("s1", f"Section {text}", text, (table,), (curves, places, bars))
    return Report(
        f"Report {text}",
        (section,),
        (trace,),
        ((text, text),),
        Table("sources", "Runs", (ReportColumn("id", "Run"),), ()),
    )


def marked(text: str, cues: list[Cue]) -> str:
    """A trace's text as the report has it."""
    page = html(Report("", (), (ShownTrace("", "", "", text, tuple(cues)),)))
    return page.partition("<pre>")[2].partition("</pre>")[0]


class Reader(HTMLParser):
    """Tags, attributes, plain text, and tables cell by cell."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text, self.rows, self._cell = "", [], False
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._cell = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._cell:
            self.rows[-1][-1] += data


# -- numbers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "form", "signed", "text"),
    [
        (0.133, Form.PERCENT, False, "13.3%"),
        (0.133, Form.PERCENT, True, "+13.3 pt"),
        (2401.6, Form.COUNT, False, "2,402"),
        (13.46, Form.DECIMAL, False, "13.5"),
        (0.949, Form.DECIMAL, False, "0.95"),
        (0.95, Form.DECIMAL, False, "0.9"),
        (-0.004, Form.DECIMAL, True, "0.00"),
        (-12.5, Form.DECIMAL, True, "−12.5"),
        (0.97, Form.SCORE, False, "0.97"),
        (None, Form.COUNT, True, "–"),
        (float("nan"), Form.PERCENT, False, "–"),
    ],
)
def test_numbers_are_written_by_their_form(value: float | None, form: Form, signed: bool, text: str) -> None:
    assert number(value, form, signed=signed) == text


@given(NUMBERS, st.sampled_from(list(Form)), st.booleans())
def test_a_number_is_read_back_within_its_places(value: float | None, form: Form, signed: bool) -> None:
    text = number(value, form, signed=signed)
    assert "-" not in text and text == Figure(value, form=form, signed=signed).text
    if text == UNKNOWN:
        assert value is None or not math.isfinite(value)
        return
    read = float(text.replace(MINUS, "-").replace(",", "").removesuffix("%").removesuffix(" pt"))
    assert read == pytest.approx(
        100 * value if form is Form.PERCENT else value, abs=0.5 if form is Form.COUNT else 0.051
    )
    assert text.startswith("+") == (signed and read > 0)
    assert interval_text(value, value, form, signed=signed) == "[{0}, {0}]".format(
        text.removesuffix("%").removesuffix(" pt")
    )


def test_every_format_holds_the_same_numbers() -> None:
    report = made()
    shown = Reader(html(report)).rows[1:3]
    rows = list(csv.DictReader(io.StringIO(csv_files(report)["t1.csv"])))
    latex = latex_files(report)["t1.tex"]
    for found, row, text in zip(report.sections[0].tables[0].rows, rows, shown, strict=True):
        cell = found.cells["a"]
        assert isinstance(cell, Figure)
        assert text[1] == f"{cell.text} {cell.ends}"
        assert float(row["A plain"]) == cell.value
        assert (float(row["A plain low"]), float(row["A plain high"]), int(row["A plain n"])) == (
            cell.low,
            cell.high,
            30,
        )
        assert escape_latex(cell.text) in latex and escape_latex(cell.ends) in latex
    assert rows[1]["A plain unit"] == "points" and rows[0]["A plain unit"] == ""
    assert "61.3% [51.3, 71.3]" in Reader(html(report)).text


def test_what_is_the_papers_says_so_everywhere() -> None:
    report = made()
    assert "B (paper)" in Reader(html(report)).rows[0]
    assert "B (paper)" in csv_files(report)["t1.csv"].splitlines()[0]
    assert "B (paper)" in latex_files(report)["t1.tex"]
    whole = Table("p", "Table 2", (ReportColumn("a", "A"),), (ReportRow({"a": Figure(1)}),), paper=True)
    assert model.head(whole.columns[0], whole) == "A"


# -- safety -----------------------------------------------------------------------------------------


def test_hostile_text_stays_text() -> None:
    page = html(made(HOSTILE))
    read = Reader(page)
    assert set(read.tags) <= {
        *(
            "html",
            "head",
            "meta",
            "title",
            "style",
            "body",
            "h1",
            "h2",
            "h3",
            "nav",
            "a",
            "section",
            "p",
            "div",
            "table",
        ),
        *(
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "small",
            "figure",
            "figcaption",
            "b",
            "svg",
            "line",
            "polyline",
            "circle",
        ),
        *("rect", "text", "g", "article", "pre", "mark", "dl", "dt", "dd"),
    }
    assert not [name for name, _ in read.attributes if name.startswith("on") or name in ("src", "srcset", "action")]
    assert "alert(1)" in read.text and "\u202e" not in page and "\x00" not in page and "\\u202e" in page


def test_a_report_fetches_nothing() -> None:
    page = html(made("plain"))
    assert not re.search(r"https?:|//[a-z]|@import|url\(|<script|<link|<iframe|\bsrc=|data:", page)
    assert {value for name, value in Reader(page).attributes if name == "href"} == set(), "one section needs no list"
    assert "default-src 'none'" in page
    for text in svg_files(made(HOSTILE)).values():
        assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]


def test_latex_and_csv_escape_what_they_would_run() -> None:
    files = latex_files(made(HOSTILE))
    body = "".join(line for line in files["t1.tex"].splitlines(keepends=True) if not line.startswith("%"))
    assert "\\input{" not in body and r"\textbackslash{}input\{" in body
    assert not re.search(r"(?<!\\)[%&#_](?!\s)|(?<!\\)\$(?!-\$|\\|\$)", body.replace("$-$", "").replace(" & ", " "))
    before = files["t1.tex"].partition(r"\begin{table}")[0]
    assert before and all(line.startswith("% ") for line in before.splitlines())
    rows = list(csv.DictReader(io.StringIO(csv_files(made())["t1.csv"])))
    assert rows[1]["Name"] == "'=1+1"


@given(st.text(max_size=60))
def test_any_text_survives_latex_and_marks(text: str) -> None:
    escaped = escape_latex(text)
    bare = re.sub(r"\\[a-z]+\{\}|\\.|\$[^$]*\$", "", escaped)
    assert not set(bare) & set("{}$&#^_~%\\")
    shown = marked(f"wait{text}", [Cue(0, 4, "wait", Group.HESITATION, Part.THINK)])
    assert shown.startswith('<mark class="cH" title="wait, hesitation">wait</mark>')
    assert "<" not in shown.removeprefix('<mark class="cH" title="wait, hesitation">wait</mark>')


def test_cues_are_marked_where_they_are() -> None:
    text = "😀 wait, maybe & maybe"
    cues = [
        Cue(15, 20, "maybe", Group.HEDGE, Part.THINK),
        Cue(2, 6, "wait", Group.HESITATION, Part.THINK),
        Cue(4, 13, "it, maybe", Group.HEDGE, Part.ANSWER),
        Cue(0, 3, "prompt", Group.HEDGE, Part.PROMPT),
        Cue(19, 99, "end", Group.HEDGE, Part.ANSWER),
    ]
    shown = marked(text, cues)
    assert [unescape(found) for found in re.findall(r"<mark[^>]*>(.*?)</mark>", shown)] == [
        "wait, maybe",
        text[15:],
    ]
    assert unescape(re.sub(r"<[^>]+>", "", shown)) == text


# -- figures ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("picture", list(made().pictures), ids=lambda picture: picture.id)
def test_figures_are_drawn_inside_their_frame(picture: model.Picture) -> None:
    root = ET.fromstring(svg(picture, alone=True))
    low, height = float(root.get("viewBox").split()[1]), float(root.get("viewBox").split()[3])  # type: ignore[union-attr]
    name = "{http://www.w3.org/2000/svg}"
    marks = [(float(c.get("cx")), float(c.get("cy"))) for c in root.iter(f"{name}circle")]  # type: ignore[arg-type]
    marks += [
        (float(x), float(y))
        for p in root.iter(f"{name}polyline")
        for x, y in (q.split(",") for q in p.get("points").split())
    ]  # type: ignore[union-attr]
    marks += [(float(r.get("x")), float(r.get("y"))) for r in root.iter(f"{name}rect") if r.get("class")]  # type: ignore[arg-type]
    assert marks and all(0 <= x <= WIDTH and low <= y <= low + height for x, y in marks)


@pytest.mark.parametrize("picture", list(made().pictures), ids=lambda picture: picture.id)
def test_the_pages_chart_draws_the_same_values(picture: model.Picture) -> None:
    drawn = picture_chart(picture)
    data = list(model.picture_records(picture).rows)
    assert list(drawn.data) == data
    seen = set()
    for trace in drawn.figure.data:
        values = trace.x if trace.type == "bar" else trace.y
        for at, record in enumerate(trace.customdata):
            assert data[record]["value"] == values[at]
            seen.add(record)
    assert seen == set(range(len(data)))


@given(st.floats(-1e4, 1e4), st.floats(0.001, 1e5))
def test_ticks_are_round_and_hold_all(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert found[0] <= low + 1e-6 * span and found[-1] >= low + span - 1e-6 * span
    assert 2 <= len(found) <= 8
    steps = [b - a for a, b in itertools.pairwise(found)]
    assert max(steps) == pytest.approx(min(steps))


def test_files_have_safe_names_and_zip_the_same_twice() -> None:
    files = csv_files(made()) | latex_files(made()) | svg_files(made())
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in files)
    archive = zipfile.ZipFile(io.BytesIO(zipped(files)))
    assert archive.namelist() == list(files)
    assert zipped(files) == zipped(files)


def test_a_reference_answer_is_written_as_people_do() -> None:
    shown = ["21.0", "-3.00", "21", "2.5", "0.0", "v1.0", "", None, "1.0.0"]
    assert [answer_text(one) for one in shown] == ["21", "-3", "21", "2.5", "0", "v1.0", "", None, "1.0.0"]
