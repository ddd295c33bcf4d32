"""What browser tests share: one Chromium, pages in it, and Streamlit servers that end with the tests.

Owns starting and stopping those processes. Knows nothing of what the application's pages hold.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from backend.config import Settings
from backend.services import Services, build_services
from backend.services.traces.comparison import Comparison
from backend.services.traces.pair_statistics import PairStatistics
from tests.browser import full_store
from tests.browser.app_pages import TIMEOUT, App
from tests.browser.components.trace_view_cases import View
from tests.browser.full_store import FullApp
from tests.browser.traces.compare_parts import GRADER, LEXICON
from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
START_SECONDS = PATIENCE

Serve = Callable[..., str]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, started once."""
    if not CHROMIUM.exists():
        pytest.skip(f"There is no Chromium at {CHROMIUM}: install the package chromium.")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        started.new_context, started.new_page = patient(started.new_context), patient(started.new_page)
        expect.set_options(timeout=TIMEOUT)
        yield started
        started.close()


def patient(make: Callable[..., Any]) -> Callable[..., Any]:
    """What `make` makes, a context or a page, waits as long as a busy machine may need."""

    def made(**options: Any) -> Any:
        new = make(**options)
        new.set_default_timeout(TIMEOUT)
        return new

    return made


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page of 1440 x 900 with a clipboard; the test fails on any uncaught error in the page."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert not errors, errors


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """`serve(script, env={}) -> url`: a Streamlit server of `script` on a free loopback port, ready to answer."""
    logs = tmp_path_factory.mktemp("servers")
    running: list[subprocess.Popen[bytes]] = []

    def start(script: Path | str, env: dict[str, str] | None = None) -> str:
        process, url = start_server(Path(script), env or {}, logs / f"{len(running)}.log")
        running.append(process)
        return url

    yield start
    for process in running:
        process.terminate()
    for process in running:
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def viewer_server(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The trace viewer's test page, and the folder it reads its cases from."""
    cases = tmp_path_factory.mktemp("cases")
    return serve(ROOT / "tests/browser/components/harness_trace_view.py", {"TRACE_VIEW_CASES": str(cases)}), cases


@pytest.fixture
def view(page: Page, viewer_server: tuple[str, Path]) -> View:
    """The trace viewer in a fresh page, showing nothing yet."""
    return View(page, *viewer_server)


def start_server(script: Path, env: dict[str, str], log: Path) -> tuple[subprocess.Popen[bytes], str]:
    """The server's process and address, once it says it is healthy; raises RuntimeError with its log otherwise."""
    port = free_port()
    options = {
        "server.port": port, "server.headless": "true", "server.address": "127.0.0.1",
        "browser.gatherUsageStats": "false", "server.fileWatcherType": "none",
    }  # fmt: skip
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(script), *flags],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **env},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_healthy(process, url)
    except RuntimeError as error:
        process.kill()
        process.wait()
        raise RuntimeError(f"{error}\n{log.read_text(errors='replace')}") from None
    return process, url


def _wait_healthy(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"The server ended with {process.returncode}.")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"The server did not answer within {START_SECONDS:.0f} s.")


def free_port() -> int:
    """A loopback TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def real_app(serve: Serve, real_store: Settings) -> str:
    """The whole application over the real traces: its address."""
    return serve(ROOT / "app.py", {"SECOND_THOUGHTS_STORE": str(real_store.store)})


@pytest.fixture(scope="session")
def real_services(real_store: Settings) -> Iterator[Services]:
    """Everything wired over the same real traces, in the tests' own process."""
    with build_services(real_store) as wired:
        yield wired


@pytest.fixture(scope="session")
def warm_context(browser: Browser) -> Iterator[BrowserContext]:
    """A context of 1440 x 900 that keeps what the application's pages have loaded once."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield context
    context.close()


@pytest.fixture
def tab(warm_context: BrowserContext) -> Iterator[Page]:
    """A new page in that context; the test fails on any uncaught error in it."""
    opened = warm_context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    opened.close()
    assert not errors, errors


@pytest.fixture
def app(tab: Page, real_app: str) -> App:
    """The application over the real traces, in a new page that shows nothing yet."""
    return App(tab, real_app)


@pytest.fixture(scope="module")
def pair_ids(real_services: Services) -> list[str]:
    """Qwen2.5-7B and its variant trained on LIMO, on AIME24: the pair as the store found it."""
    found = [
        pair
        for pair in real_services.runs.pairs()
        if (pair.base.info.model, pair.base.info.dataset) == ("Qwen2.5-7B", "AIME24")
    ]
    assert [pair.variant.info.model for pair in found] == ["Qwen2.5-7B · LIMO"]
    return [found[0].base.id, found[0].variant.id]


@pytest.fixture(scope="module")
def compared(real_services: Services, pair_ids: list[str]) -> Comparison:
    """That pair, problem by problem."""
    return real_services.comparison.compare(pair_ids, LEXICON, GRADER)


@pytest.fixture(scope="module")
def pair(real_services: Services, compared: Comparison) -> PairStatistics:
    """That pair as a whole."""
    return real_services.comparison.statistics(compared)


@pytest.fixture(scope="module")
def shown(warm_context: BrowserContext, real_app: str, pair_ids: list[str]) -> Iterator[App]:
    """Compare, on the pair, opened once for the tests that read, or leave it as they found it."""
    page = warm_context.new_page()
    yield App(page, real_app).open("compare", runs=",".join(pair_ids))
    page.close()


@pytest.fixture
def opened(app: App, pair_ids: list[str]) -> App:
    """Compare, on the pair."""
    return app.open("compare", runs=",".join(pair_ids))


@pytest.fixture(scope="session")
def full_app(browser: Browser, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullApp]:
    """The application over a store in which every page has something to show, opened by one of its people."""
    settings = Settings(store=tmp_path_factory.mktemp("full") / "store", graders=1)
    with build_services(settings) as services:
        states = full_store.fill(services)
    url = serve(ROOT / "app.py", {"SECOND_THOUGHTS_STORE": str(settings.store)})
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.add_cookies([{"name": "second-thoughts-name", "value": full_store.PEOPLE[0], "url": url}])
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield FullApp(App(page, url), states)
    context.close()
    assert not errors, errors
