"""What frames every page: its style sheet, header, foot of the sidebar and the strip of big numbers.

Owns the look around a page's content. Knows nothing of the store or of any page's subject. The strip goes into HTML
and is therefore made of numbers and of the callers' fixed labels alone; names of models, data sets and files belong
in `page_header(right=...)`, which shows them as plain text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import StreamlitPage

from backend.domain import visible
from backend.report.colours import LIGHT
from backend.report.numbers import Change, Form, change_text, number
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
    """One item of the strip: `a` alone, or `a` and `b` with the change between them; `n` is the number of pairs.

    `label` and `note` are fixed words of ours, never text from a trace or a name. None as a value means unknown.
    """

    label: str
    a: float | None
    b: float | None = None
    change: Change | None = None
    form: Form = Form.DECIMAL
    n: int | None = None
    pair: bool = True
    note: str = ""


def configure_page() -> None:
    """Title, icon, width and menu; first in the shell.

    The icon is an SVG of ours: without one Streamlit fetches the current page's from another host. The menu needs an
    entry, or the choice of theme in it is hidden.
    """
    st.set_page_config(
        page_title="Second Thoughts",
        page_icon=_ICON,
        layout="wide",
        initial_sidebar_state="locked",
        menu_items={"About": "Second Thoughts shows what self-distillation does to a reasoning model's doubts."},
    )


def load_style() -> None:
    """Puts the style sheets and the colours into the page; once in the shell, before the page runs."""
    for sheet in _STYLES:
        st.html(sheet)
    st.html(f"<style>{css_variables(':root')}</style>")


def navigation(sections: Mapping[str, Sequence[StreamlitPage]]) -> StreamlitPage:
    """The pages in the sidebar under the names of their sections; returns the one that was asked for.

    Streamlit's own sections break the list apart for screen readers and fold at a click but at no key. Here all pages
    are one list, and style puts a section's name above its first page.
    """
    pages: list[StreamlitPage] = []
    rules = []
    for name, members in sections.items():
        place = f'[data-testid="stSidebarNavItems"] > li:nth-child({len(pages) + 1})::before'
        rules.append(f"{place} {{ content: {json.dumps(name)}; }}")
        pages += members
    st.html(f"<style>{''.join(rules)}</style>")
    return st.navigation(pages, expanded=True)


def sidebar_foot(text: str) -> None:
    """Who is at work, at the foot of the sidebar."""
    with st.sidebar.container(key="sth-who"):
        st.text(visible(text))


def page_header(title: str, right: str | None = None) -> DeltaGenerator:
    """The page's title in serif, and at the right end a quiet line of text.

    Returns the container at the right, for the page's actions. `title` is ours; `right` may hold hostile names.
    """
    with st.container(horizontal=True, key="sth-header", gap="medium"):
        st.title(title, anchor=False, width="content")
        slot = st.container(horizontal=True, horizontal_alignment="right", key="sth-right", gap="small")
    if right:
        slot.text(visible(right))
    return slot


def numbers_strip(figures: Sequence[BigNumber]) -> None:
    """The strip of big numbers: A to B, the signed change with its interval in a lighter tone, and n."""
    if figures:
        st.html(numbers_html(figures))


def numbers_html(figures: Sequence[BigNumber]) -> str:
    """The strip as HTML: a description list whose every text is escaped."""
    return f'<dl class="sth-numbers">{"".join(map(_item, figures))}</dl>'


def _item(figure: BigNumber) -> str:
    values = f'<span class="sth-a">{_side("A", figure.a, figure)}</span>'
    if not figure.pair:
        values = f"<span>{escape(number(figure.a, figure.form))}</span>"
    else:
        values += '<span class="sth-arrow" aria-hidden="true">→</span>'
        values += f'<span class="sth-b">{_side("B", figure.b, figure)}</span>'
    label = f"<dt>{escape(figure.label)}</dt>"
    return f'<div>{label}<dd class="sth-values">{values}</dd><dd class="sth-change">{_small_print(figure)}</dd></div>'


def _side(side: str, value: float | None, figure: BigNumber) -> str:
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
    if figure.note:
        parts.append(f"<span>{escape(figure.note)}</span>")
    return " <span>·</span> ".join(parts) or "&nbsp;"
