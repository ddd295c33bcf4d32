"""The form in which a person says which column of a table holds what, with the effect on the first rows at once.

Owns the words for the parts of a mapping, and what the selects of columns offer.
"""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from backend.domain import UserError, digest, visible
from backend.import_plan import ColumnMapping, MappingEffect, Said, TableColumn, TableView
from pages.components.frame.notice import notice
from pages.components.frame.session import services
from pages.parts.imports.preview import draft_table, row_table
from pages.parts.imports.reading import Paths, mapped

# Part -> label and help. The first four are what nearly every file has.
_PARTS = {
    "question": ("Question", "Without one, problems are told apart by their id or place."),
    "gold": ("Correct answer", "The reference answer that responses are graded against."),
    "reasoning": ("Thinking", "Where thinking stands apart from the response."),
    "id": ("Problem id", "Names the problem where no column holds the question."),
    "model": ("Model", "Divides the rows into runs, one per model."),
    "sample": ("Sample number", "Where a problem has several responses."),
    "prompt": ("Prompt", "What the model was shown, as it was shown it."),
    "answer": ("Extracted answer", "The answer as the file reads it out of the response."),
    "verdict": ("Right or wrong", "The file's own verdict."),
    "tokens": ("Tokens", "The file's own count of tokens in the response."),
    "finish": ("Finish reason", "Why the response ended: stop, length, ..."),
}
_SHOWN = 4
_TEXTS, _LONG = ("text", "texts", "messages"), 60
_OWN = "The file's own rows"


def mapping_form(paths: Paths, now: ColumnMapping | None, base: Path | None, *, first: bool) -> None:
    """Draws the selects, what they would make of the first rows, and the button that has the files read so.

    `now` is the mapping that reads the files at present; `first`: without an answer they aren't read at all.
    """
    key, imports = digest(*map(str, paths), size=6), services().imports
    said = mapped().get(paths) or (now.used() if now else {})
    try:
        # The place of rows comes first: columns are those of the rows there.
        place = _rows_select(imports.peek(paths[0]), str(said.get("rows", "")), key)
        view = imports.peek(paths[0], place)
    except UserError as error:
        notice(str(error), "error")
        return
    chosen = _columns(view, said, f"{key}-{place}")
    if place:
        chosen["rows"] = place
    effect = imports.effect(paths, chosen, base) if len(chosen) > bool(place) else None
    if effect:
        _show(effect)
    with st.container(horizontal=True, gap="small"):
        ready = bool(effect and effect.sources and not effect.problem)
        if st.button("Use this mapping", type="primary" if first else "secondary", disabled=not ready,
                     icon=":material/check:", key=f"use-{key}"):  # fmt: skip
            mapped()[paths] = chosen
            st.rerun()
        if paths in mapped() and st.button("Undo this mapping", icon=":material/undo:", key=f"undo-{key}"):
            mapped().pop(paths)
            st.rerun()
        with st.popover("First rows of the file", icon=":material/table:"):
            row_table(view.rows)


def _rows_select(view: TableView, start: str, key: str) -> str:
    """Draws the choice of where rows lie, for files that have lists inside; returns the place, "" for its own rows."""
    counts = {place.path: place.rows for place in view.places}
    options = list(dict.fromkeys(["", *filter(None, [view.guess.rows, start]), *counts]))
    if len(options) == 1:
        return ""

    def label(path: str) -> str:
        return f"{visible(path, 60)} ({counts[path]:,} in the first rows)" if path in counts else visible(path) or _OWN

    return (
        st.selectbox(
            "Rows are at", options, options.index(start or view.guess.rows or ""), key=f"rows-{key}",
            format_func=label, accept_new_options=True,
            help="A list of rows inside the file: each item becomes a row and keeps what stands around the list.",
        )
        or ""
    )  # fmt: skip


def _columns(view: TableView, said: Said, key: str) -> dict[str, str | Sequence[str]]:
    by_name = {column.name: column for column in view.columns}
    # What a person said, or what reads the file now, and for the rest a guess from the columns' names and values.
    fits = {part: name for part, name in said.items() if part != "rows" and set(_listed(name)) <= set(by_name)}
    guess = {**view.guess.used(), **({"text": view.arms} if view.arms else {}), **fits}
    if "text" not in guess:
        # The likeliest is only proposed: nothing is read by it before the button is pressed.
        free = [c for c in view.columns if c.name not in guess.values() and c.kind in _TEXTS and c.length > _LONG]
        guess["text"] = [max(free, key=lambda column: column.length).name] if free else ()

    def label(name: str) -> str:
        return _words(by_name[name]) if name in by_name else visible(name, 80)

    texts = st.multiselect(
        "Response", list(by_name), [name for name in _listed(guess.get("text", ())) if name in by_name],
        key=f"map-text-{key}", format_func=label, accept_new_options=True, placeholder="Choose the column of responses",
        help="Several columns become several runs, one per column. Without one, the rows become a problem set.",
    )  # fmt: skip
    chosen: dict[str, str | Sequence[str]] = {}
    if texts:
        chosen["text"] = texts[0] if len(texts) == 1 else texts
    grids = [st.columns(_SHOWN)]
    with st.expander("More columns", expanded=any(part in guess for part in list(_PARTS)[_SHOWN:])):
        grids += [st.columns(_SHOWN), st.columns(_SHOWN)]
    for i, (part, (title, help_)) in enumerate(_PARTS.items()):
        name = next(iter(_listed(guess.get(part, ()))), None)
        options = list(dict.fromkeys([*by_name, *filter(None, [name])]))
        found = grids[i // _SHOWN][i % _SHOWN].selectbox(
            title, options, options.index(name) if name else None, key=f"map-{part}-{key}", placeholder="None",
            format_func=label, accept_new_options=True, help=help_,
        )  # fmt: skip
        if found:
            chosen[part] = found
    return chosen


def _listed(name: str | Sequence[str]) -> list[str]:
    return [name] if isinstance(name, str) else list(name)


def _words(column: TableColumn) -> str:
    sample = " ".join(visible(column.sample, 60).split())
    length = f", ~{column.length:,} characters" if column.kind in _TEXTS and column.length > _LONG else ""
    return f"{visible(column.name, 80)} ({column.kind}{length})" + (f": {sample}" if sample else "")


def _show(effect: MappingEffect) -> None:
    """What a mapping would make of the first rows: how many traces in which runs, what is left out, and the drafts."""
    for source, found in zip(effect.sources, effect.previews, strict=False):
        name = " · ".join(filter(None, (source.info.model, source.info.dataset)))
        what = "traces" if source.info.model else "problems"
        told = f"{visible(name)}: {found.counts.made:,} {what} from the first rows; {found.counts.words}."
        notice(told, key=f"effect-{source.key}")
        draft_table(found.drafts)
    if effect.problem:
        notice(effect.problem, "error")
