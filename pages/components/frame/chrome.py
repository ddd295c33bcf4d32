"""The frame of every page: style sheets, header, navigation, foot of the sidebar, and the strip of big numbers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import NoReturn

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import StreamlitPage

from backend.domain import GRADERS, SPELLINGS, visible
from backend.report.colours import LIGHT
from backend.report.glossary import meaning
from backend.report.numbers import Change, Form, change_text, number
from pages.components.frame.address import absent, asked_for
from pages.components.frame.session import services
from pages.components.palette import css_variables

_STYLES = [Path(__file__).with_name(name) for name in ("style.css", "focus.css")]
# A outlined, B filled: the two sides as everywhere else.
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    f'<rect x="3" y="3" width="17" height="17" rx="5" fill="{LIGHT.card}" stroke="{LIGHT.a}" stroke-width="3"/>'
    f'<rect x="12" y="12" width="18" height="18" rx="5" fill="{LIGHT.b}"/></svg>'
)


@dataclass(frozen=True, slots=True)
class BigNumber:
    """One figure of the strip: `a` alone, or `a` and `b` with the change between them; `n` is the number of pairs.

    None as a value means unknown.
    """

    # The strip is HTML: `label` and `note` are the app's own words, never a name or text of a trace. What may be
    # hostile goes into page_header(right=...), which shows plain text.
    label: str
    a: float | None
    b: float | None = None
    change: Change | None = None
    form: Form = Form.DECIMAL
    n: int | None = None
    pair: bool = True
    note: str = ""


def configure_page() -> None:
    """Sets the title, icon, width and menu of every page; the first call of the shell."""
    st.set_page_config(
        page_title="Second Thoughts",
        # Without an icon here Streamlit takes the current page's, and fetches its picture from another host.
        page_icon=_ICON,
        layout="wide",
        initial_sidebar_state="locked",
        # Without an entry the menu is hidden, and the choice between light and dark in it.
        menu_items={"About": "Second Thoughts shows what self-distillation does to a reasoning model's doubts."},
    )


def load_style() -> None:
    """Puts the style sheets and the colours into the page; once in the shell, before the page runs."""
    for sheet in _STYLES:
        st.html(sheet)
    # The root and not the app's element: menus, dialogs and popovers are drawn outside of it.
    st.html(f"<style>{css_variables(':root')}</style>")


def navigation(sections: Mapping[str, Sequence[StreamlitPage]]) -> StreamlitPage:
    """Lists the pages in the sidebar under the names of their sections; returns the page the address names."""
    # Streamlit's own sections break the list apart for screen readers, and fold at a click but at no key. So all pages
    # are one list, and a rule of style puts a section's name above its first page.
    pages: list[StreamlitPage] = []
    rules = []
    for name, members in sections.items():
        place = f'[data-testid="stSidebarNavItems"] > li:nth-child({len(pages) + 1})::before'
        # A JSON string is a CSS string too, for names without escapes in them.
        rules.append(f"{place} {{ content: {json.dumps(name)}; }}")
        pages += members
    st.html(f"<style>{''.join(rules)}</style>")
    return st.navigation(pages, expanded=True)


def sidebar_foot(text: str) -> None:
    """Writes who is at work at the foot of the sidebar."""
    with st.sidebar.container(key="sth-who"):
        st.text(visible(text))


def page_header(title: str, right: str | None = None) -> DeltaGenerator:
    """Draws the page's title, and a quiet line of text at the right end; returns the container there, for actions.

    `title` is the app's own, because it is read as Markdown; `right` may hold names from files.
    """
    with st.container(horizontal=True, key="sth-header", gap="medium"):
        st.title(title, anchor=False, width="content")
        # Drawn now and filled later: a page's title stands there before its data is read.
        actions = st.container(horizontal=True, horizontal_alignment="right", key="sth-right", gap="small")
    if right:
        actions.text(visible(right))
    # Before the choices are drawn: those take a value they don't know out of the address, without a word.
    if lexicon := asked_for("lexicon"):
        absent("lexicon", lexicon, services().lexicons.by_name, "Another one counts.")
    absent("grader", st.query_params.get_all("grader"), {*GRADERS, *SPELLINGS}, f"{GRADERS[0]} counts.")
    return actions


def empty_page(text: str, button: str, icon: str, page: str) -> NoReturn:
    """Says why there is nothing to show, draws the button that leads to the `page` where it comes from, and stops."""
    st.text(text)
    if st.button(button, type="primary", icon=f":material/{icon}:"):
        st.switch_page(page)
    st.stop()


def numbers_strip(figures: Sequence[BigNumber]) -> None:
    """Draws the strip of big numbers: A to B, the signed change with its interval in a lighter tone, and n."""
    if figures:
        st.html(numbers_html(figures))


def numbers_html(figures: Sequence[BigNumber]) -> str:
    """The strip as HTML: a description list whose every text is escaped."""
    return f'<dl class="sth-numbers">{"".join(map(_item, figures))}</dl>'


def _item(figure: BigNumber) -> str:
    if figure.pair:
        values = f'<span class="sth-a">{_side("A", figure.a, figure)}</span>'
        values += '<span class="sth-arrow" aria-hidden="true">→</span>'
        values += f'<span class="sth-b">{_side("B", figure.b, figure)}</span>'
    else:
        values = f"<span>{escape(number(figure.a, figure.form))}</span>"
    label = f'<dt title="{escape(meaning(figure.label))}">{escape(figure.label)}</dt>'
    return f'<div>{label}<dd class="sth-values">{values}</dd><dd class="sth-change">{_small_print(figure)}</dd></div>'


def _side(side: str, value: float | None, figure: BigNumber) -> str:
    # Sighted readers tell the sides by colour; a screen reader hears the letter.
    return f'<span class="sth-unseen">{side} </span>{escape(number(value, figure.form))}'


def _small_print(figure: BigNumber) -> str:
    parts = []
    if figure.change is not None:
        value, ends = change_text(figure.change, figure.form)
        against = "B over A" if figure.change.ratio else "B minus A"
        unseen = f'<span class="sth-unseen">{against} </span>'
        parts.append(f"{unseen}<b>{escape(value)}</b> <span>{escape(ends)}</span>")
    if figure.n is not None:
        parts.append(f"<span>n = {figure.n:,}</span>")
    # A span each: a strip of five figures is narrow, and a line may end between them alone.
    parts += [f"<span>{escape(note)}</span>" for note in figure.note.split(" · ") if note]
    return " <span>·</span> ".join(parts) or "&nbsp;"  # an empty line keeps its height: all items are as high
