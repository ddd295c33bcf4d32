"""Foreign pages and strangers against the running app: what Chromium, a raw socket and an anonymous session get."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from itsdangerous import URLSafeTimedSerializer
from playwright.sync_api import Browser
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from backend.config import Settings
from backend.services import build_services
from tests.browser.app_pages import App
from tests.browser.conftest import CHROMIUM, FLAGS, ROOT, Serve

# What a page of another site may try: each resolves to what it got.
TRIES = """async (port) => {
    const origin = `http://localhost:${port}`, named = `http://evil.example:${port}`;
    const socket = (url) => new Promise((done) => {
        const one = new WebSocket(url, ['streamlit']);
        one.onopen = () => done('open');
        one.onerror = () => done('refused');
    });
    const element = (name, fields) => new Promise((done) => {
        const one = Object.assign(document.createElement(name), fields);
        one.onload = () => done('loaded');
        one.onerror = () => done('refused');
        document.head.append(one);
    });
    const read = (url) => fetch(url).then((answer) => answer.text(), () => 'refused');
    return {
        sockets: [await socket(`ws://localhost:${port}/_stcore/stream`), await socket(`ws://evil.example:${port}/_stcore/stream`)],
        reads: [await read(origin), await read(`${origin}/_stcore/metrics`), await read(`${named}/_stcore/health`)],
        script: await element('script', {src: `${origin}/_stcore/health`}),
        style: await element('link', {rel: 'stylesheet', href: `${origin}/`}),
    };
}"""


@pytest.fixture(scope="module")
def app_port(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> int:
    """The port of an app that nobody signs in to."""
    return _port(serve, tmp_path_factory.getbasetemp() / "trusting", "")


def _port(serve: Serve, home: Path, secrets: str) -> int:
    (home / ".streamlit").mkdir(parents=True, exist_ok=True)
    if secrets:
        (home / ".streamlit" / "secrets.toml").write_text(secrets, encoding="utf-8")
    names = {"STORE": home / "store", "LAB": home / "lab", "DEMO": "off", "WORKER": "off", "ADMINS": "eve@lab.example"}
    settings = {f"SECOND_THOUGHTS_{name}": str(value) for name, value in names.items()}
    return int(serve(ROOT / "app.py", {"HOME": str(home), **settings}).rpartition(":")[2])


@pytest.fixture
def foreign_page() -> Iterator[int]:
    """The port of a site that isn't ours."""

    class Empty(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>foreign</title>")

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


def test_a_page_of_another_name_mapped_to_loopback_gets_nothing(
    browser: Browser, app_port: int, foreign_page: int
) -> None:
    rules = "--host-resolver-rules=MAP evil.example 127.0.0.1"
    chromium = browser.browser_type.launch(executable_path=str(CHROMIUM), args=[*FLAGS, rules])
    page = chromium.new_page()
    answer = page.goto(f"http://evil.example:{app_port}/import")
    assert answer is not None and answer.status == 400
    assert page.inner_text("body").startswith("The app isn't known by this name: open it as localhost")
    page.goto(f"http://evil.example:{foreign_page}/")
    got = page.evaluate(TRIES, app_port)
    assert got["sockets"] == ["refused"] * 2 and got["reads"][:2] == ["refused"] * 2
    assert {got["script"], got["style"]} == {"refused"} and "ok" not in got["reads"]
    page.goto(f"http://127.0.0.1:{foreign_page}/")  # another port of the same machine is another site too
    assert page.evaluate(TRIES, app_port)["sockets"] == ["refused"] * 2
    assert App(chromium.new_page(), f"http://localhost:{app_port}").open().page.title()
    chromium.close()


def raw(port: int, request: str) -> str:
    """What the server answers to these very bytes."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(request.replace("\n", "\r\n").encode("latin-1"))
        connection.settimeout(20)
        return connection.recv(65_536).decode("latin-1")


UPGRADE = (
    "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
)


@pytest.mark.parametrize(
    "named",
    ["Host: evil.example:8620\nOrigin: http://evil.example:8620\n", "Host: localhost\nOrigin: http://evil.example\n", "",
     "Host: localhost\nHost: evil.example\n", "Host: 127.0.0.1.evil.example\n", "Host: localhost\nOrigin: null\n"],
)  # fmt: skip
def test_a_raw_request_by_another_name_is_refused(named: str, app_port: int) -> None:
    for line in ("GET /_stcore/metrics", "PUT /_stcore/upload_file/a/b", "GET http://localhost/", "GET /nothing-here"):
        assert " 400 " in raw(app_port, f"{line} HTTP/1.1\n{named}Connection: close\n\n").partition("\n")[0], line
    assert " 400 " in raw(app_port, f"GET /_stcore/stream HTTP/1.1\n{named}{UPGRADE}\n").partition("\n")[0]
    assert " 101 " in raw(app_port, f"GET /_stcore/stream HTTP/1.1\nHost: localhost\n{UPGRADE}\n").partition("\n")[0]


def test_two_apps_of_one_store_take_each_others_tokens(
    serve: Serve, app_port: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.getbasetemp() / "trusting"
    with build_services(Settings(store=home / "store", lab=home / "lab")) as services:
        signer = URLSafeTimedSerializer(services.store.ledger.secret(), salt="live stream")
        stranger = URLSafeTimedSerializer("another", salt="live stream")
    for port in (app_port, _port(serve, home, "")):
        for token, status in ((signer.dumps("gone"), 404), (stranger.dumps("gone"), 403)):
            with pytest.raises(urllib.error.HTTPError) as answer:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/live/stream?job=gone&token={token}")
            assert answer.value.code == status and answer.value.headers["X-Request-ID"]
        # The streams' answers have opened the store.
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as ready:
            assert json.load(ready) == {"ok": True, "schema": True, "store": True}


AUTH = """[auth]
redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
cookie_secret = "of-a-test-and-long-enough"
client_id = "second-thoughts"
client_secret = "of-a-test"
server_metadata_url = "http://127.0.0.1:9/.well-known/openid-configuration"
"""


def test_without_signing_in_nothing_is_uploaded_and_with_it_everything(
    browser: Browser, serve: Serve, tmp_path: Path
) -> None:
    port = _port(serve, tmp_path, AUTH)
    url = f"http://127.0.0.1:{port}"
    context = browser.new_context()
    app = App(context.new_page(), url)
    app.page.goto(url)
    app.page.get_by_text("People sign in here.").wait_for()
    asked = [
        ("PUT", "/_stcore/upload_file/x/y"),
        ("GET", "/_stcore/metrics"),
        ("GET", "/live/stream"),
        ("POST", "/annotate/save"),
    ]
    for method, path in asked:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(f"{url}{path}", b"x" * 1_000, method=method))
        assert refused.value.code == 401 and refused.value.read().startswith(b"Sign in first")
        assert "default-src 'self'" in refused.value.headers["Content-Security-Policy"]
    who = {"origin": url, "is_logged_in": True, "iss": "https://accounts.example", "sub": "1", "name": "Eve"}
    who |= {"email": "eve@lab.example", "email_verified": True}
    cookie = create_signed_value("of-a-test-and-long-enough", "_streamlit_user", json.dumps(who)).decode()
    context.add_cookies([{"name": "_streamlit_user", "value": cookie, "url": url}])
    app.open("import").page.locator("input[type=file]").set_input_files(
        {"name": "own.jsonl", "mimeType": "application/json", "buffer": b'{"question": "1+1?", "text": "2"}\n'}
    )
    app.page.get_by_text("own.jsonl").first.wait_for()
    assert context.request.get(f"{url}/_stcore/metrics").status == 200
    context.close()
