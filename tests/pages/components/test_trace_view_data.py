"""What the trace viewer's Python side makes of an address and of a name."""

from __future__ import annotations

from pages.components.viewer.trace_view import ActiveRange, Pane, file_name, read_range


def test_a_link_that_names_nothing_is_no_range() -> None:
    panes = [Pane("A", "a", "0123456789"), Pane("B", "b", "0123")]
    assert read_range({"range": "2-5"}, panes) == ActiveRange("A", 2, 5)
    assert read_range({"range": "2-99", "pane": "B"}, panes) == ActiveRange("B", 2, 4)
    for query in (
        {},
        {"range": "5-2"},
        {"range": "-1-4"},
        {"range": "7-9", "pane": "B"},
        {"range": "1-2", "pane": "Z"},
    ):
        assert read_range(query, panes) is None
    assert file_name("..") == "trace.txt" and file_name("a/b\\c\x00\u202e.txt") == "a-b-c-.txt"
