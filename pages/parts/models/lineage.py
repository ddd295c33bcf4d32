"""The models as a family tree: each under the one it was trained from, with what can serve it and what it made.

Owns the tree's order and the check of what the browser sends back. Names and reasons are hostile text and become text
nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from pages.components.browser.component import browser_component
from pages.components.table.table_model import one_line

_HERE = Path(__file__)
_TREE = browser_component(
    "lineage", _HERE.with_suffix(".js"), styles=[_HERE.with_suffix(".css")], html='<div class="tree" id="box"></div>\n'
)


@dataclass(frozen=True, slots=True)
class Tick:
    """Whether an engine can serve a model, and why."""

    engine: str
    ok: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Node:
    """A model in the tree: `small` says what it is, `via` how it came from its parent, `runs` what it made here."""

    id: str
    name: str
    parent: str | None
    small: str
    ticks: tuple[Tick, ...]
    runs: int
    via: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    """A node with those that descend from it."""

    node: Node
    children: tuple[Branch, ...]


def tree(nodes: Sequence[Node]) -> list[Branch]:
    """The family trees of `nodes`, in their order; a model whose parent isn't among them is a root."""
    known = {node.id: node for node in nodes}
    # A parent may be none of them: models can be removed from the list.
    below: dict[str | None, list[Node]] = {}
    for node in nodes:
        below.setdefault(node.parent if node.parent in known else None, []).append(node)
    placed: set[str] = set()

    def branch(node: Node) -> Branch:
        placed.add(node.id)
        return Branch(node, tuple(branch(child) for child in below.get(node.id, []) if child.id not in placed))

    roots = [branch(node) for node in below.get(None, [])]
    # Parents are set one by one, and two processes may make a circle between them: its members hang on no root, and
    # are shown all the same.
    return roots + [branch(node) for node in nodes if node.id not in placed]


def lineage(
    nodes: Sequence[Node], *, key: str, selected: str | None, on_choice: Callable[[str], None] | None = None
) -> None:
    """Draws the tree; `on_choice` is called with the id of the model a person chose, before the page runs again."""

    # A callback and not a result: the page then runs once, with the choice already in its address.
    def report() -> None:
        chosen = choice(st.session_state[key].get("event"), nodes)
        if on_choice and chosen:
            on_choice(chosen)

    data = {"branches": [_branch(branch) for branch in tree(nodes)], "selected": selected}
    _TREE(key=key, data=data, on={"event": report})


def choice(sent: object, nodes: Sequence[Node]) -> str | None:
    """The model the browser names, if it is one of those it was sent; None for nothing and for nonsense."""
    wanted = sent.get("model") if isinstance(sent, Mapping) else None
    return next((node.id for node in nodes if node.id == wanted), None)


def _branch(branch: Branch) -> dict[str, Any]:
    node = branch.node
    return {
        "id": node.id,
        "name": one_line(node.name),
        "small": one_line(node.small),
        "via": one_line(node.via),
        "ticks": [{"engine": tick.engine, "ok": tick.ok, "reason": one_line(tick.reason)} for tick in node.ticks],
        "runs": node.runs,
        "children": [_branch(child) for child in branch.children],
    }
