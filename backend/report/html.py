"""HTML of a report: one file that opens anywhere, offline, without a script, with its figures as SVG inside.

Owns what a template may call; the markup is in html.jinja, the look in html.css. Text of people, models and files is
hostile: all of it is escaped, and the page's own policy forbids whatever the file doesn't hold itself.
"""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from backend.domain import Cue, Group, Section, visible
from backend.report.colours import DARK, LETTERS, LIGHT
from backend.report.model import Figure, Report, head
from backend.report.svg import style, svg

_HERE = Path(__file__)


def html(report: Report) -> str:
    """The whole file. Text over its place's limit (300 to 2,000 characters) ends in an ellipsis."""
    return _TEMPLATE.render(report=report)


def pieces(text: str, cues: Sequence[Cue]) -> Iterator[tuple[str, str, str]]:
    """`text` cut at its cues: each piece with name and letter of its cue, "" between cues. Overlaps are one piece."""
    at = 0
    # A prompt's cues have their places in the prompt; here they would mark something else.
    for start, end, name, letter in _merged([cue for cue in cues if cue.section is not Section.PROMPT], len(text)):
        yield text[at:start], "", ""
        yield text[start:end], name, letter
        at = end
    yield text[at:], "", ""


def _merged(cues: Sequence[Cue], length: int) -> list[tuple[int, int, str, str]]:
    found: list[tuple[int, int, str, str]] = []
    # Overlaps become one mark: nested or crossing ones can't be closed in the order in which they were opened.
    for cue in sorted(cues, key=lambda cue: (cue.start, cue.end)):
        start, end, name = max(0, cue.start), min(length, cue.end), f"{cue.entry}, {cue.group}"
        letter = LETTERS[cue.group]
        if found and start < found[-1][1]:
            start, before, name, letter = found[-1][0], found[-1][1], f"{found[-1][2]}; {name}", found.pop()[3]
            end = max(end, before)
        if start < end:
            found.append((start, end, name, letter))
    return found


def _marks() -> str:
    """The groups' colours and letters. A letter is the style sheet's, so that copied text is the trace's alone."""
    light, dark = ("".join(f"--{LETTERS[g]}:{theme.group[g]};" for g in Group) for theme in (LIGHT, DARK))
    rules = "".join(f'.c{one}{{--mark:var(--{one})}}.c{one}::after{{content:"{one}"}}' for one in LETTERS.values())
    return f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}{rules}"


def _line(text: str, limit: int = 300) -> str:
    """Any text on one line of at most `limit` characters, control and bidi characters written out."""
    return visible(" ".join(text.split()), limit)


def _lines(text: str) -> str:
    """Any text with its line breaks, other control and bidi characters written out."""
    return "\n".join(visible(line, len(line)) for line in text.split("\n"))


def _escaped(value: object) -> Markup:
    """`value` as markup. Jinja2 would write quotes as &#34; and &#39;, a report has always had html.escape's."""
    return value if isinstance(value, Markup) else Markup(escape(str(value)))


# StrictUndefined: a name misspelt in the template is an error, where Jinja2 would leave out what it stands for.
_ENVIRONMENT = Environment(autoescape=True, finalize=_escaped, undefined=StrictUndefined, keep_trailing_newline=True)
_ENVIRONMENT.filters |= {"line": _line, "lines": _lines}
_ENVIRONMENT.tests["figure"] = lambda cell: isinstance(cell, Figure)
_ENVIRONMENT.globals |= {
    "head": head,
    "pieces": pieces,
    "svg": svg,
    "style": style() + _marks() + _HERE.with_suffix(".css").read_text("utf-8"),
}
_TEMPLATE = _ENVIRONMENT.from_string(_HERE.with_suffix(".jinja").read_text("utf-8"))
