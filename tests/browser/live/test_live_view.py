"""The live view in a real browser over a real store: words as they are written, lost connections, going on from a token."""

from __future__ import annotations

import signal
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from backend.config import Settings
from backend.job import JobState
from backend.services import Services, build_services
from tests.browser.conftest import ROOT, start_server
from tests.browser.live.live_cases import WORDS, Story, Watch, arm
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.browser
HARNESS = ROOT / "tests/browser/live/harness_live.py"
HOSTILE = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>\u202e & <b>wait</b>'


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with build_services(Settings(store=tmp_path_factory.mktemp("live") / "store", graders=1)) as services:
        yield services


class Server:
    """The harness's server, which a test may restart at the same address."""

    def __init__(self, store: Services, logs: Path) -> None:
        self._env, self._logs = (
            {"SECOND_THOUGHTS_STORE": str(store.store.folder), "SECOND_THOUGHTS_WORKER": "off"},
            logs,
        )
        self._process, self.url = start_server(HARNESS, self._env, logs / "first.log")

    def stop(self) -> None:
        """Ask it to end, as Ctrl-C does; raises where it doesn't."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(PATIENCE)

    def start(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tests.browser.conftest.free_port", lambda: int(self.url.rpartition(":")[2]))
        self._process, _ = start_server(HARNESS, self._env, self._logs / "second.log")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def server(store: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(store, tmp_path_factory.mktemp("logs"))
    yield started
    started.kill()


@pytest.fixture
def url(server: Server) -> str:
    return server.url


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    opened.close()
    assert not errors, errors


@pytest.fixture
def watch(page: Page, url: str) -> Watch:
    return Watch(page, url)


def finished(store: Services, words: tuple[str, ...] = WORDS) -> Story:
    """A job of two arms that is over."""
    story = Story(store).begin()
    for i in (0, 1):
        story.open(i)
        story.piece(i, *words)
        story.done(i, correct=i == 0, cues=5, tokens=len(words))
    story.end()
    return story


def test_words_come_in_order_and_doubts_light_up(store: Services, watch: Watch) -> None:
    story = Story(store)
    watch.open(story.job.id)
    expect(watch.page.locator(".stand")).to_have_text("queued, next")
    story.begin()
    expect(watch.pane(0).locator(".verdict")).to_have_text("waiting")
    story.open(0, prompt="Use 1, 8, 11 to make 2.")
    story.piece(0, *WORDS[:9])
    watch.wait_drawn("".join(WORDS[:9]))
    assert watch.marks() == ["Maybe"]
    story.piece(0, " Hold")
    watch.wait_drawn("".join(WORDS[:9]) + " Hold")
    assert watch.marks() == ["Maybe"]
    story.piece(0, " on", ",")  # what was plain text becomes part of a mark
    watch.wait_drawn("".join(WORDS[:9]) + " Hold on,")
    assert watch.marks() == ["Maybe", "Hold on"]
    expect(watch.pane(0).locator(".facts")).to_contain_text("2 doubts")
    expect(watch.pane(0).locator(".facts")).to_contain_text("12 tokens")
    expect(watch.pane(0).locator(".verdict")).to_have_text("writing")
    assert watch.pane(0).locator("details.prompt .chunk").text_content() == "Use 1, 8, 11 to make 2."
    story.done(0, correct=True, cues=2, tokens=12, finish="length")
    expect(watch.pane(0).locator(".verdict")).to_have_text("✓ right · 2")
    expect(watch.page.locator(".status")).to_have_text("A is done: right, 2 doubts, 12 tokens")
    expect(watch.pane(0).locator(".ending")).to_have_text("Cut off at the token limit")
    expect(watch.pane(0).locator(".spent")).to_have_text("6 tokens/s · 8 words · 2.0 s")
    story.say({"k": "failed", "i": 1, "reason": "The prompt is too long."})
    story.end()
    expect(watch.pane(1).locator(".ending")).to_have_text("The prompt is too long.")
    expect(watch.page.locator(".stand")).to_have_text("done")
    expect(watch.page.get_by_text("ended=True")).to_be_visible()
    assert watch.pane(0).locator(".names a").get_attribute("href") == f"{watch.url}/reader?trace=trace-0"


def test_a_trace_begun_anew_forgets_what_was_shown(store: Services, watch: Watch) -> None:
    story = Story(store).begin()
    story.open(0)
    story.piece(0, " Wait", ",", " what")
    watch.open(story.job.id).wait_drawn(" Wait, what")
    story.open(0)
    story.piece(0, " Hmm", ".")
    watch.wait_drawn(" Hmm.")
    assert watch.marks() == ["Hmm"]
    expect(watch.pane(0).locator(".facts")).to_contain_text("2 tokens")


def test_reload_second_tab_and_second_browser_show_the_same_from_the_start(
    store: Services, watch: Watch, context: BrowserContext, browser: Browser
) -> None:
    story = Story(store, [arm(), arm(prefix="Maybe")]).begin()
    story.open(0)
    story.piece(0, *WORDS[:20])
    story.open(1)
    story.piece(1, "<think>", "\n", "Maybe", forced=3)
    story.piece(1, " 11")
    watch.open(story.job.id).wait_drawn("".join(WORDS[:20]))
    others = [Watch(context.new_page(), watch.url), Watch(browser.new_page(), watch.url)]
    for other in others:
        other.open(story.job.id)
    story.piece(0, *WORDS[20:30])
    watch.page.reload()
    for each in (watch, *others):
        each.wait_drawn("".join(WORDS[:30]))
        each.wait_drawn("<think>\nMaybe 11", 1)
        assert each.marks() == ["Maybe", "Wait", "that is wrong", "Hmm", "Alternatively"]
        assert (
            each.pane(1).locator(".put").evaluate_all("nodes => nodes.map(n => n.textContent).join('')")
            == "<think>\nMaybe"
        )
        assert each.pane(1).locator(".names small").text_content() == "starts with “Maybe”"
    for other in others:
        other.page.close()


def test_hostile_text_stays_text_everywhere(store: Services, watch: Watch) -> None:
    story = Story(store, [arm(HOSTILE, label=HOSTILE, banned=[[7, HOSTILE, "wait"]])], number=2)
    story.begin()
    story.open(0, prompt=HOSTILE)
    story.piece(0, HOSTILE, "\ud800", " 𝒙", " wait")
    watch.open(story.job.id).wait_drawn(HOSTILE + "\ufffd 𝒙 wait")
    assert watch.marks() == ["wait", "wait"]
    story.done(0, correct=None, answer=HOSTILE)
    story.say({"k": "failed", "i": 1, "reason": HOSTILE})
    story.end(JobState.FAILED, HOSTILE)
    expect(watch.page.locator(".banner")).to_contain_text("<script>")
    expect(watch.pane(0).locator(".verdict")).to_contain_text("not judged · <img src=x")
    assert watch.pane(0).locator("mark").nth(1).evaluate("m => m.getBoundingClientRect().width") > 0
    found = watch.page.evaluate("""() => {
        const root = [...document.querySelectorAll('*')].find(e => e.shadowRoot?.querySelector('.lv')).shadowRoot;
        return [window.hit ?? null, root.querySelectorAll('img, script, iframe').length];
    }""")
    assert found == [None, 0]


def test_the_reader_keeps_the_place_and_following_is_taken_up_again(store: Services, watch: Watch) -> None:
    story = Story(store, [arm()]).begin()
    story.open(0)
    for n in range(60):
        story.piece(0, f"Line {n}", ".\n\n")
    watch.open(story.job.id)
    scroller = watch.pane(0).locator(".scroll")
    at_end = "s => s.scrollHeight - s.scrollTop - s.clientHeight"
    expect(watch.pane(0).locator(".grown")).to_contain_text("Line 59")
    until(lambda: scroller.evaluate(at_end) <= 2)
    scroller.evaluate("s => { s.scrollTop = 100 }")
    expect(watch.pane(0).locator(".jump")).to_be_visible()
    story.piece(0, "More", ".\n\n", "And more", ".\n\n")
    expect(watch.pane(0).locator(".grown")).to_contain_text("And more")
    assert scroller.evaluate("s => s.scrollTop") == 100
    watch.pane(0).locator(".jump").click()
    until(lambda: scroller.evaluate(at_end) <= 2)
    story.piece(0, "The last", ".\n\n")
    expect(watch.pane(0).locator(".grown")).to_contain_text("The last")
    until(lambda: scroller.evaluate(at_end) <= 2)


def test_going_on_from_a_token_by_mouse_and_by_keyboard(store: Services, watch: Watch) -> None:
    story = finished(store)
    watch.open(story.job.id).wait_drawn("".join(WORDS))
    pane = watch.pane(0)
    pane.locator("mark", has_text="Hmm").click()
    expect(pane.locator(".inspector .word")).to_have_text("“ Hmm”")
    expect(pane.locator(".inspector .odds")).to_have_text("probability 78% · entropy 1.50 nats")
    pane.get_by_role("button", name="Go on with “Maybe”").click()
    at = "".join(WORDS).index(" Hmm")
    expect(watch.page.get_by_text("runs=")).to_contain_text(
        f"ForkRequest(index=0, trace='trace-0', at={at}, insert=' Maybe')"
    )

    other = watch.pane(1)
    other.locator(".scroll").focus()
    for _ in range(4):
        watch.page.keyboard.press("ArrowRight")
    expect(other.locator(".inspector .word")).to_have_text("“ the”")
    watch.page.keyboard.press("ArrowLeft")
    expect(other.locator(".inspector .word")).to_have_text("“So”")
    watch.page.keyboard.press("Enter")
    watch.page.keyboard.type("First,")
    watch.page.keyboard.press("Enter")
    at = "".join(WORDS).index("So")
    expect(watch.page.get_by_text("runs=")).to_contain_text(
        f"ForkRequest(index=1, trace='trace-1', at={at}, insert='First,')"
    )
    expect(other.locator(".inspector")).to_be_hidden()
    expect(other.locator(".scroll")).to_be_focused()


def test_tokens_show_their_odds_but_nothing_goes_on_from_an_unfinished_job(store: Services, watch: Watch) -> None:
    story = Story(store, [arm()]).begin()
    story.open(0)
    story.piece(0, " 𝒙", " is", " 4")
    watch.open(story.job.id).wait_drawn(" 𝒙 is 4")
    scroll = watch.pane(0).locator(".scroll")
    scroll.focus()
    watch.page.keyboard.press("ArrowRight")
    watch.page.keyboard.press("ArrowRight")
    expect(watch.pane(0).locator(".inspector .word")).to_have_text("“ is”")
    expect(watch.pane(0).locator(".go-on")).to_be_hidden()
    expect(watch.pane(0).locator(".later")).to_contain_text("Once this job has ended")
    story.done(0)
    story.end()
    expect(watch.pane(0).locator(".go-on")).to_be_visible()
    watch.pane(0).get_by_role("button", name="Go on with “Wait”").click()
    expect(watch.page.get_by_text("runs=")).to_contain_text("at=2, insert=' Wait'")  # 𝒙 is one code point


def test_scoreboard_counts_and_leads_to_problems(store: Services, watch: Watch) -> None:
    story = Story(store, [arm(), arm("lab-sft-guided")], number=4).begin()
    verdicts = {0: True, 1: False, 2: None, 4: False, 5: False, 6: False}
    for i, right in verdicts.items():
        story.open(i)
        story.piece(i, f" trace {i}", " wait")
        story.done(i, correct=right, cues=i, tokens=10 + i)
    watch.open(story.job.id).wait_drawn(" trace 0 wait")
    scores = watch.page.locator(".scores")
    expect(scores.locator(".share").nth(0)).to_have_text("50% [9, 91] n = 2 + 1 open of 4")
    expect(scores.locator(".share").nth(1)).to_have_text("0% [0, 56] n = 3 of 4")
    assert scores.locator(".num:not(.top)").all_inner_texts() == ["1.0", "11", "5.0", "15"]
    assert scores.locator(".bar").nth(0).get_attribute("aria-label") == "1 right, 1 wrong, 1 not judged, of 4"
    assert [dot.get_attribute("class") for dot in scores.locator(".dots").nth(0).locator(".dot").all()] == [
        "dot right", "dot wrong", "dot open", "dot waiting",
    ]  # fmt: skip
    scores.get_by_role("button", name="Problem 2, A: wrong").click()
    watch.wait_drawn(" trace 1 wait")
    watch.wait_drawn(" trace 5 wait", 1)
    expect(watch.page.locator(".problem b")).to_have_text("Problem 2 of 4")
    expect(watch.page.get_by_text("runs=")).to_contain_text("last=(1, 0)")
    watch.page.keyboard.press("j")
    watch.wait_drawn(" trace 2 wait")
    scores.locator(".dot[aria-current]").first.focus()
    watch.page.keyboard.press("ArrowRight")
    watch.page.keyboard.press("Enter")
    expect(watch.page.locator(".problem b")).to_have_text("Problem 4 of 4")
    story.open(3)
    story.piece(3, " trace 3")
    watch.wait_drawn(" trace 3")
    story.done(3, correct=True, cues=3, tokens=20)
    # B hasn't finished the fourth problem: A's answer to it doesn't count yet.
    expect(scores.locator(".dots").nth(0).locator(".dot").nth(3)).to_have_class("dot right")
    expect(scores.locator(".share").nth(0)).to_have_text("50% [9, 91] n = 2 + 1 open of 4")
    story.open(7)
    story.piece(7, " trace 7")
    story.done(7, correct=False, cues=7, tokens=17)
    expect(scores.locator(".share").nth(0)).to_have_text("67% [21, 94] n = 3 + 1 open")
    expect(scores.locator(".share").nth(1)).to_have_text("0% [0, 49] n = 4")


class Wire:
    """A TCP relay in front of the server whose streams can be cut, as a bad network would."""

    def __init__(self, port: int) -> None:
        self._behind = port
        self._streams: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.opened = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                front, _ = self._listening.accept()
            except OSError:
                return
            back = socket.create_connection(("127.0.0.1", self._behind))
            for one, other, asks in ((front, back, True), (back, front, False)):
                threading.Thread(target=self._carry, args=(one, other, asks), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, asks: bool) -> None:
        try:
            while data := source.recv(65_536):
                if asks and b"GET /live/stream" in data:
                    self.opened += 1
                    self._streams += [source, target]
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            end.close()

    def cut(self) -> None:
        """Every open stream breaks."""
        streams, self._streams = self._streams, []
        for end in streams:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listening.close()


def test_a_dropped_connection_goes_on_where_it_was(store: Services, url: str, page: Page) -> None:
    story = Story(store, [arm()]).begin()
    story.open(0)
    story.piece(0, *WORDS[:12])
    relay = Wire(int(url.rpartition(":")[2]))
    try:
        watch = Watch(page, relay.url).open(story.job.id)
        watch.wait_drawn("".join(WORDS[:12]))
        for cut in range(12, 36, 6):
            relay.cut()
            story.piece(0, *WORDS[cut : cut + 6])
            watch.wait_drawn("".join(WORDS[: cut + 6]))
        assert relay.opened >= 5
        assert watch.marks() == ["Maybe", "Wait", "that is wrong", "Hmm", "Alternatively"]
        expect(page.locator(".banner")).to_be_hidden()
    finally:
        relay.close()


def test_two_panes_of_two_thousand_tokens_cost_less_than_half_a_megabyte(store: Services, watch: Watch) -> None:
    story = Story(store).begin()
    sizes = {"socket": 0, "stream": 0}
    devtools = watch.page.context.new_cdp_session(watch.page)
    devtools.send("Network.enable")
    devtools.on(
        "Network.webSocketFrameReceived",
        lambda e: sizes.__setitem__("socket", sizes["socket"] + len(e["response"]["payloadData"])),
    )
    devtools.on(
        "Network.eventSourceMessageReceived",
        lambda e: sizes.__setitem__("stream", sizes["stream"] + len(e["data"].encode()) + 30),
    )
    watch.open(story.job.id)
    words = (WORDS * (2_000 // len(WORDS) + 1))[:2_000]
    for i in (0, 1):
        story.open(i)
    for at in range(0, 2_000, 25):
        for i in (0, 1):
            story.piece(i, *words[at : at + 25])
    for i in (0, 1):
        watch.wait_drawn("".join(words), i)
    expect(watch.pane(1).locator(".facts")).to_contain_text("2,000 tokens")
    assert 16_000 < sizes["stream"] < 300_000, sizes
    assert sizes["socket"] + sizes["stream"] < 500_000, sizes


def test_the_stream_is_closed_to_strangers(store: Services, url: str) -> None:
    story = finished(store)

    def status(query: str) -> int:
        try:
            return int(urllib.request.urlopen(f"{url}/live/stream?{query}", timeout=PATIENCE).status)
        except urllib.error.HTTPError as error:
            return error.code

    assert status(f"job={story.job.id}") == 403
    assert status(f"job={story.job.id}&token=nonsense.for.you") == 403
    assert status("job=&token=") == 403


def test_a_restarted_server_is_found_again_and_an_open_stream_does_not_hold_it_up(
    store: Services, watch: Watch, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(store, [arm()]).begin()
    story.open(0)
    story.piece(0, *WORDS[:12])
    watch.open(story.job.id).wait_drawn("".join(WORDS[:12]))
    server.stop()  # raises where the open stream keeps the server
    expect(watch.page.locator(".banner")).to_contain_text("Connection lost, trying again")
    story.piece(0, *WORDS[12:20])
    server.start(monkeypatch)
    watch.wait_drawn("".join(WORDS[:20]))  # with a new token: the old one was signed by a process that is gone
    expect(watch.page.locator(".banner")).to_be_hidden()
