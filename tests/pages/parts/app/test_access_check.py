"""Who may speak to the app: Host, Origin, the address it listens on, sign-in, and the start that is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket
from streamlit.runtime.secrets import secrets_singleton
from streamlit.testing.v1.util import patch_config_options
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from backend.config import is_loopback
from pages.components.frame.sign_in import signs_in
from pages.parts.app.access_check import start_fault
from pages.parts.app.server import HEADERS, middleware
from tests.pages.test_gate import user, visit
from tests.pages.test_pages import said

HERE = "http://localhost:8501"
METHODS = ("GET", "PUT", "POST", "OPTIONS", "DELETE")
SECRETS = '[auth]\nredirect_uri = "http://localhost:8501/oauth2callback"\ncookie_secret = "of-a-test"\n'
CLOSED = ("/_stcore/upload_file/s/f", "/_stcore/metrics", "/media/x.png", "/live/stream", "/annotate/save",
          "/annotate/decide", "/_stcore/agent/interact", "/_stcore/whatever-comes", "/component/a/b")  # fmt: skip
OPEN = ("/", "/import", "/static/js/x.js", "/_stcore/health", "/_stcore/host-config", "/_stcore/bidi-components/a/b",
        "/healthz", "/readyz", "/auth/login", "/oauth2callback")  # fmt: skip


class Reply(NamedTuple):
    """What an app behind the app's own middleware says: "in" where a request or a WebSocket gets that far."""

    status: int
    headers: dict[str, str]
    text: str


Named = Sequence[tuple[str, str]]
LOCAL: Named = (("host", "localhost:8501"),)


def exchanged(scope: dict[str, Any], asked: Sequence[str]) -> list[Message]:
    """What such an app answers to these messages of a server."""
    waiting, said = iter(asked), list[Message]()

    async def greet(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close(reason="in")

    async def receive() -> Message:
        return {"type": next(waiting)}

    async def send(message: Message) -> None:
        said.append(message)

    everything = Route("/{path:path}", lambda _: PlainTextResponse("in"), methods=METHODS)
    app = Starlette(routes=[WebSocketRoute("/_stcore/stream", greet), everything], middleware=middleware)
    whole = {"headers": [], "extensions": {"websocket.http.response": {}}, **scope}
    with ThreadPoolExecutor(1) as thread:  # a browser's tests leave a loop of their own in this one
        thread.submit(anyio.run, app, whole, receive, send).result()
    return said


def ask(
    path: str = "/", headers: Named = LOCAL, method: str = "GET", server: Any = ("127.0.0.1", 8501), kind: str = "http"
) -> Reply:
    """The answer to a request that reached the app at the address `server`."""
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    scope = {"type": kind, "path": path, "method": method, "headers": raw, "server": server, "query_string": b""}
    said = exchanged(scope, ["http.request" if kind == "http" else "websocket.connect"])
    if said[0]["type"] == "websocket.accept":
        return Reply(200, {}, said[1]["reason"])
    names = {name.decode(): value.decode() for name, value in said[0]["headers"]}
    return Reply(said[0]["status"], names, b"".join(part["body"] for part in said[1:]).decode())


def started() -> list[Message]:
    """What such an app says to the server that starts it and ends it."""
    return exchanged({"type": "lifespan"}, ("lifespan.startup", "lifespan.shutdown"))


@pytest.fixture
def secrets(tmp_path: Path) -> Iterator[Path]:
    """Where Streamlit looks for its secrets: there are none yet."""
    file = tmp_path / "secrets.toml"
    with patch_config_options({"secrets.files": [str(file)]}):
        secrets_singleton._reset()
        yield file
    secrets_singleton._reset()


# -- Host and Origin --------------------------------------------------------------------------------

GOOD = ("localhost", "localhost:8501", "LocalHost:1", "localhost.", "127.0.0.1", "127.9.8.7:80", "[::1]:8501", "[::1]")
BAD = (
    "", "evil.example", "evil.example:8501", "127.0.0.1.evil.example", "localhost.evil.example", "localhost..", "a.localhost",
    "x@localhost", "x:y@localhost:8501", "localhost/x", "localhost?x", "localhost#x", "localhost\\x", "localhost, evil.example",
    "localhost:x", "localhost:99999", "localhost:1:2", "127.1", "2130706433", "0x7f000001", "127.0.0.01", "0.0.0.0", "[::]",
    "::1", "[::1", "[::1].evil.example", "[fd00::1]", "10.0.0.1", "thoughts.lab.example.", "local\thost",
)  # fmt: skip


def refused(headers: Named, path: str = "/") -> str:
    """The sentence of a refusal that HTTP and WebSocket share; "" where both are let in."""
    replies = ask(path, headers), ask("/_stcore/stream", headers, kind="websocket")
    assert replies[0].text == replies[1].text
    if replies[0].text == "in":
        return ""
    for reply in replies:
        assert reply.status == 400 and reply.headers.items() >= {k.lower(): v for k, v in HEADERS.items()}.items()
        assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    return replies[0].text


@pytest.mark.parametrize("host", GOOD)
def test_loopback_names_are_answered(host: str) -> None:
    assert refused([("host", host)]) == ""


@pytest.mark.parametrize("host", BAD)
def test_other_names_get_a_sentence_and_nothing_else(host: str) -> None:
    assert "isn't known by this name" in refused([("host", host)])


@pytest.mark.parametrize("path", [*CLOSED, *OPEN])
def test_no_path_is_left_out(path: str) -> None:
    for method in METHODS:
        assert ask(path, [("host", "evil.example:8501")], method).status == 400
        assert ask(path, [*LOCAL, ("origin", "http://evil.example:8501")], method).status == 400
        assert ask(path, method=method).status in (200, 403)  # an upload takes a token too


def test_a_host_twice_is_none() -> None:
    twice = [("host", "localhost:8501"), ("host", "evil.example")]
    for hosts in (twice, twice[::-1], [twice[0]] * 2):
        assert "isn't known by this name" in refused(hosts)


def test_what_a_proxy_forwards_is_not_believed() -> None:
    said = [("host", "evil.example"), ("x-forwarded-host", "localhost"), ("forwarded", "host=localhost")]
    assert "isn't known by this name" in refused(said)


def test_a_setting_names_further_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECOND_THOUGHTS_HOSTS", "Thoughts.lab.example, 10.0.0.7:8501, [fd00::1]")
    for host in ("thoughts.lab.example", "THOUGHTS.LAB.EXAMPLE.:443", "10.0.0.7", "[FD00::1]:1", "localhost"):
        assert refused([("host", host)]) == ""
    for host in ("lab.example", "x.thoughts.lab.example", "thoughts.lab.example.evil.example", "10.0.0.8"):
        assert "isn't known by this name" in refused([("host", host)])
    for origin in ("https://thoughts.lab.example", "http://thoughts.lab.example", "https://thoughts.lab.example:443"):
        assert refused([("host", "thoughts.lab.example"), ("origin", origin)]) == ""
    for origin in ("https://thoughts.lab.example:8443", "https://localhost", "https://evil.example"):
        assert "page of another address" in refused([("host", "thoughts.lab.example"), ("origin", origin)])


@pytest.mark.parametrize(
    "origin",
    ["null", "", "http://evil.example:8501", "http://localhost:8502", "http://localhost", "http://127.0.0.1:8501", "localhost:8501",
     "file://", "chrome-extension://localhost:8501", "http://localhost:8501/", "http://x@localhost:8501",
     "http://localhost:8501.evil.example", "http://[::1", "http://localhost:8501 http://evil.example"],
)  # fmt: skip
def test_a_page_of_another_origin_is_refused(origin: str) -> None:
    assert "page of another address" in refused([("host", "localhost:8501"), ("origin", origin)])


def test_its_own_pages_are_answered_and_two_origins_are_not() -> None:
    own = [("host", "LOCALHOST:8501"), ("origin", "http://localhost:8501")]
    assert refused(own) == ""
    assert "page of another address" in refused([*own, ("origin", "http://evil.example")])


@pytest.mark.parametrize(
    ("site", "mode", "status"),
    [("cross-site", "no-cors", 400), ("same-site", "no-cors", 400), ("cross-site", "cors", 400), ("same-origin", "cors", 200),
     ("cross-site", "navigate", 200), ("none", "navigate", 200)],
)  # fmt: skip
def test_a_link_may_lead_here_and_no_other_site_embeds_us(site: str, mode: str, status: int) -> None:
    assert ask("/static/x.js", [*LOCAL, ("sec-fetch-site", site), ("sec-fetch-mode", mode)]).status == status


# -- beyond loopback --------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", "localhost"])
def test_loopback_needs_no_sign_in(address: str, secrets: Path) -> None:
    with patch_config_options({"server.address": address}):
        assert start_fault() == "" and is_loopback(address)


@pytest.mark.parametrize(
    "address", [None, "", "0.0.0.0", "::", "10.0.0.7", "fd00::1", "::ffff:10.0.0.7", "lab.example", "unix:///run/x"]
)
def test_without_sign_in_the_app_does_not_start_beyond_loopback(
    address: str | None, secrets: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with patch_config_options({"server.address": address}):
        assert f"The app would listen on {address or 'all addresses'}." in start_fault()
        assert "gets the role admin" in start_fault() and "SECOND_THOUGHTS_OPEN=on" in start_fault()
        assert started() == [{"type": "lifespan.startup.failed", "message": start_fault()}] and not caplog.records
        monkeypatch.setenv("SECOND_THOUGHTS_OPEN", "on")
        monkeypatch.setenv("SECOND_THOUGHTS_LOCAL_ROLE", "viewer")
        assert [message["type"] for message in started()] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        assert "everyone who reaches the app gets the role viewer" in caplog.text
        monkeypatch.delenv("SECOND_THOUGHTS_OPEN")
        secrets.write_text(SECRETS, encoding="utf-8")
        assert start_fault() == ""


def test_the_address_a_request_came_in_by_counts_too(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may be started around Streamlit's configuration: `uvicorn app:app --host 0.0.0.0`."""
    beyond = ask(server=("10.0.0.7", 8501))
    assert beyond.status == 403 and "loopback alone" in beyond.text
    for address in (
        ("127.0.0.1", 8501),
        ("::1", 8501),
        ("::ffff:127.0.0.1", 8501),
        ("/run/app.sock", None),
        None,
    ):
        assert ask(server=address).text == "in"
    monkeypatch.setenv("SECOND_THOUGHTS_OPEN", "on")
    assert ask(server=("10.0.0.7", 8501)).text == "in"


@pytest.mark.parametrize("hosts", ["https://thoughts.lab.example", "*", "*.lab.example", "fd00::1", "a/b"])
def test_a_host_that_is_no_name_is_refused_at_the_start(
    hosts: str, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECOND_THOUGHTS_HOSTS", f"localhost,{hosts}")
    assert start_fault() == f"The setting SECOND_THOUGHTS_HOSTS has names such as thoughts.lab.example, not {hosts!r}."


def test_a_setting_that_is_none_is_a_sentence_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECOND_THOUGHTS_THREADS", "many")
    assert "SECOND_THOUGHTS_THREADS is 'many'" in start_fault()


# -- signing in -------------------------------------------------------------------------------------


def cookie(secret: str = "of-a-test", **claims: object) -> str:
    held = {"origin": HERE, "is_logged_in": True, "sub": "17"} | claims
    return create_signed_value(secret, "_streamlit_user", json.dumps(held)).decode()


@pytest.mark.parametrize("path", CLOSED)
def test_with_sign_in_uploads_metrics_media_and_streams_are_closed(path: str, secrets: Path) -> None:
    secrets.write_text(SECRETS, encoding="utf-8")
    for base in ("", "/lab"):
        with patch_config_options({"server.baseUrlPath": base}):
            answer = ask(f"{base}{path}", method="PUT", server=("10.0.0.7", 8501))
            assert (answer.status, answer.text) == (401, "Sign in first: open the app's page in this browser.")


@pytest.mark.parametrize("path", OPEN)
def test_with_sign_in_the_way_to_it_stays_open(path: str, secrets: Path) -> None:
    secrets.write_text(SECRETS, encoding="utf-8")
    assert refused(LOCAL, path) == ""


@pytest.mark.parametrize(
    ("held", "status"),
    [(cookie(), 200), (cookie(name="é" * 900), 200), (cookie("another-secret"), 401), (cookie(is_logged_in=False), 401),
     (cookie(origin="https://evil.example"), 401), ("", 401), ("é", 401), ("chunks-9999999999", 401), ("a.b.c", 401)],
)  # fmt: skip
def test_who_is_signed_in_is_what_streamlit_takes(held: str, status: int, secrets: Path) -> None:
    secrets.write_text(SECRETS, encoding="utf-8")
    assert ask("/_stcore/metrics", [*LOCAL, ("cookie", f"_streamlit_user={held}")]).status == status


@pytest.mark.parametrize(
    "written", ["[auth", "[auth]", "auth = 3", '[auth]\nclient_id = "x"', '[auth]\ncookie_secret = ""', "\0"]
)
def test_secrets_that_cannot_be_used_let_nobody_in_on_trust(written: str, secrets: Path) -> None:
    """A slip in secrets.toml must not make everybody an admin."""
    secrets.write_text(written, encoding="utf-8")
    assert signs_in() and start_fault().startswith("Nobody could sign in: ")
    assert ask("/_stcore/metrics", [*LOCAL, ("cookie", f"_streamlit_user={cookie('')}")]).status == 401
    assert said(visit({**user(), "is_logged_in": True})).startswith("Nobody can sign in: ")


def test_secrets_without_auth_are_nobodys_sign_in(secrets: Path) -> None:
    secrets.write_text('key = "x"\n', encoding="utf-8")
    assert not signs_in() and start_fault() == ""
