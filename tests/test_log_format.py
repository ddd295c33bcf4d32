"""Log lines of app and worker: one a message, with the job or the request they are about."""

import json
import logging
import re

import pytest

from backend.log_format import LineFormat, log_about


def line(message: str, *, as_json: bool = False, error: Exception | None = None) -> str:
    facts = (type(error), error, None) if error else None
    record = logging.LogRecord("backend.worker.main", logging.WARNING, "", 0, message, (), facts)
    return LineFormat(as_json).format(record)


def test_a_line_says_when_how_bad_where_about_what_and_what() -> None:
    with log_about(job="j1"):
        with log_about(request="r1"):
            shown = line("It is there.")
        assert "request=" not in line("Later.")
    assert re.fullmatch(r"20\S+\+00:00 warning worker.main job=j1 request=r1 It is there\.", shown)


def test_no_message_begins_a_line_of_its_own() -> None:
    with log_about(request="a\nb"):
        shown = line("one\n2026-11-30 error worker.main forged\x1b[2J")
    assert "\n" not in shown and "\x1b" not in shown


@pytest.mark.parametrize("text", ["one\ntwo", "“ü”", "\ud800"])
def test_json_is_an_object_a_line(text: str) -> None:
    with log_about(job="j1"):
        shown = line(text, as_json=True, error=ValueError("no"))
    found = json.loads(shown)
    assert (
        "\n" not in shown and found["message"] == text and found["job"] == "j1" and "ValueError: no" in found["error"]
    )
    assert (found["level"], found["component"]) == ("warning", "worker.main")
