"""Versions of own lexicons in the ledger: they count up, are never changed, and hold any text."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from backend.store.database import connect
from backend.store.lexicon_versions import OwnLexicons, OwnRow

ROW = OwnRow("mine@1", "mine", "list", "Mine \u202e<b>", "a note", "ada", {"f1": 0.5})
CONTENT = {"entries": ["等等", "\u2028", "a\u0000b"]}


def test_versions_on_any_database(url: str) -> None:
    own = OwnLexicons(connect(url))
    try:
        assert own.rows() == [] and own.content("mine@1") is None
        assert own.add(ROW, CONTENT) == 1 and own.content("mine@1") == CONTENT
        assert own.add(ROW, {"other": 1}) is None, "the newest is that very lexicon already"
        assert own.add(replace(ROW, id="mine@2"), {}) == 2 and own.add(ROW, CONTENT) == 3
        (first, second, third) = own.rows()
        assert (first.title, first.note, first.figures) == (ROW.title, ROW.note, ROW.figures)
        assert [row.id for row in (first, second, third)] == ["mine@1", "mine@2", "mine@1"]
        assert own.retire("mine") == 3 and own.retire("mine") == 0 and all(row.retired for row in own.rows())
        assert own.add(ROW, CONTENT) == 4 and not own.rows()[-1].retired
        with ThreadPoolExecutor(8) as crew:
            made = list(crew.map(lambda i: own.add(replace(ROW, id=f"other@{i}", name="other"), {}), range(24)))
        assert sorted(made) == list(range(1, 25))  # type: ignore[type-var]
    finally:
        own.close()
