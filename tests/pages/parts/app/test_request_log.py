"""Ids and log lines of requests, and the answer where something fails that nobody foresaw."""

from __future__ import annotations

import logging

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from backend.log_format import LineFormat
from pages.parts.app.server import HEADERS, middleware


async def _answer(request: Request) -> Response:
    if request.url.path == "/fails":
        raise RuntimeError("of a test")
    return PlainTextResponse("in")


CLIENT = TestClient(
    Starlette(routes=[Route("/{path:path}", _answer)], middleware=middleware), base_url="http://127.0.0.1"
)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.handler.setFormatter(LineFormat(as_json=False))
    return caplog


def test_a_request_has_an_id_in_its_answer_and_its_line(lines: pytest.LogCaptureFixture) -> None:
    given = CLIENT.get("/import?token=hidden", headers={"x-request-id": "Proxy-17"})
    own = CLIENT.get("/import")
    assert given.headers["x-request-id"] == "Proxy-17" != own.headers["x-request-id"]
    first, second = lines.text.splitlines()
    assert " info app request=Proxy-17 GET /import 200 in " in first and "hidden" not in lines.text
    assert f"request={own.headers['x-request-id']} " in second


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a=b", '"', "-" * 3])
def test_an_id_that_is_none_is_not_taken_over(given: str) -> None:
    assert CLIENT.get("/", headers={"x-request-id": given}).headers["x-request-id"] not in ("", given)


def test_what_every_page_loads_is_logged_only_where_it_fails(lines: pytest.LogCaptureFixture) -> None:
    CLIENT.get("/static/x.js")
    assert not lines.text
    CLIENT.get("/static/x.js%0a2026 info app forged", headers={"host": "evil.example"})
    assert len(lines.text.splitlines()) == 1 and " warning app request=" in lines.text and " 400 in " in lines.text


def test_a_fault_of_ours_is_a_sentence_with_the_id_and_a_traceback_in_the_log(lines: pytest.LogCaptureFixture) -> None:
    answer = CLIENT.get("/fails", headers={"x-request-id": "seventeen"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "seventeen")
    assert answer.text == "Something went wrong here. The log tells more, under the request seventeen."
    assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]
    assert "request=seventeen The request failed." in lines.text and "RuntimeError: of a test" in lines.text
    assert lines.records[-1].levelno == logging.WARNING
