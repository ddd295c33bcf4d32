"""Annotating in a real browser, by mouse and by keyboard, and that nothing acknowledged or written is ever lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from backend.annotation import Op
from backend.config import Settings
from backend.services import Services, build_services
from tests.browser.annotation.annotate_parts import TEXT, Desk, as_person, fill, project
from tests.browser.app_pages import ROOT, App
from tests.browser.conftest import start_server

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("annotate")
    with build_services(Settings(store=folder / "store", graders=1)) as wired:
        fill(wired, folder)
        yield wired


class Server:
    """The application over that store, which a test may kill and start again at the same address."""

    def __init__(self, services: Services, logs: Path) -> None:
        self._env = {"SECOND_THOUGHTS_STORE": str(services.store.folder), "SECOND_THOUGHTS_WORKER": "off"}
        self._logs, self._starts = logs, 0
        self.start()

    def start(self, monkeypatch: pytest.MonkeyPatch | None = None) -> None:
        if monkeypatch:
            monkeypatch.setattr("tests.browser.conftest.free_port", lambda: int(self.url.rpartition(":")[2]))
        self._starts += 1
        self.process, self.url = start_server(ROOT / "app.py", self._env, self._logs / f"{self._starts}.log")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def server(browser: Browser, services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(services, tmp_path_factory.mktemp("logs"))
    yield started
    started.kill()


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield context
    context.close()


@pytest.fixture
def tab(context: BrowserContext, server: Server) -> Iterator[Page]:
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    as_person(opened, server.url, "Ana")
    yield opened
    opened.close()
    assert not errors, errors


@pytest.fixture
def desk(tab: Page, server: Server) -> Desk:
    return Desk(App(tab, server.url))


def log(services: Services, project_id: str) -> list[tuple[str, str, str]]:
    """(quote, label, flag) of Ana's standing labels, straight from the store; every quote is where it says it is."""
    ana = services.people.local("Ana")
    found = []
    for one in services.labelling.labelled(project_id):
        for label in one.by_person.get(ana.id, ()):
            assert one.text[label.start : label.end] == label.quote
            found.append((label.quote, label.label, label.flag))
    return found


def test_the_mouse_chooses_words_and_a_key_labels_them(desk: Desk, services: Services) -> None:
    made = project(services, "Mouse")
    desk.open(made.id)
    assert desk.text().startswith(TEXT[:200])
    start, _ = desk.where("maybe the")
    desk.drag(start + 2, start + 7, release=False)  # "ybe t": parts of two words
    assert desk.chosen() == "maybe the", "whole words, before the button is let go"
    desk.release()
    desk.press("2")
    assert desk.labels() == [("maybe the", "hedge")]
    start, end = desk.where("𝒙 + 𝒚 = 12 🤔")
    desk.drag(start, end, shift=True)
    assert desk.chosen() == "𝒙 + 𝒚 = 12 🤔"
    desk.root.locator("[data-act='label-hesitation']").click()
    desk.drag(*desk.where("sum is even. Hmm"))
    desk.press("3")  # overlaps nothing
    desk.drag(*desk.where("the sum"))
    desk.press("1")  # overlaps two
    desk.saved()
    assert log(services, made.id) == [
        ("maybe the", "hedge", ""), ("the sum", "hesitation", ""), ("sum is even. Hmm", "self-correction", ""),
        ("𝒙 + 𝒚 = 12 🤔", "hesitation", ""),
    ]  # fmt: skip
    both = desk.root.locator(".on", has_text="the").filter(has_not_text="maybe").first
    assert len((both.get_attribute("data-keys") or "").split()) >= 2, "labels that overlap are both drawn"
    desk.press("u", "u")
    desk.saved()
    assert [quote for quote, _, _ in log(services, made.id)] == ["maybe the", "𝒙 + 𝒚 = 12 🤔"]
    # An armed label labels every selection until Esc.
    desk.press("Escape", "5")
    desk.drag(*desk.where("let me check"))
    desk.drag(*desk.where("isn't"))
    desk.press("Escape")
    desk.saved()
    assert [row[:2] for row in log(services, made.id)][1:] == [
        ("let me check", "verification"), ("𝒙 + 𝒚 = 12 🤔", "hesitation"), ("isn't", "verification"),
    ]  # fmt: skip


def test_the_keyboard_alone_does_all_of_it(desk: Desk, services: Services) -> None:
    made = project(services, "Keys")
    desk.open(made.id)
    before = desk.cues()
    assert before[:3] == ["Wait", "maybe", "Hmm"]
    desk.press("n")
    expect(desk.root.locator(".status")).to_contain_text("Machine cue 1 of")
    desk.press("Enter", "x")  # accept the first; the second is none
    expect(desk.root.locator(".labels .row")).to_have_count(2)
    desk.press("p", "d")  # back to it, and the answer is taken back
    desk.press("Enter", "Escape")
    desk.press("ArrowRight", "ArrowRight", "Shift+ArrowRight")
    assert desk.chosen() == "maybe the"
    desk.press("6", "t", "t")
    desk.press("c")
    desk.page.keyboard.type("n or p do nothing here")
    desk.press("Escape")
    desk.saved()
    rows = log(services, made.id)
    assert ("maybe the", "admitted-ignorance", "filler") in rows and ("Wait", "hesitation", "") in [
        (quote, "hesitation", flag) for quote, _, flag in rows
    ]
    ana = services.people.local("Ana")
    (item,) = {label.item for one in services.labelling.labelled(made.id) for label in one.by_person.get(ana.id, ())}
    commented = [label for label in services.labelling.history(item) if label.comment]
    assert commented and commented[-1].comment == "n or p do nothing here"
    # Every place like this one, with a veto.
    desk.press("Escape", "n")
    for _ in range(30):
        if "maybe" in (desk.root.locator(".status").text_content() or ""):
            break
        desk.press("n")
    desk.press("a")
    dialog = desk.root.locator("dialog.ask")
    boxes = dialog.locator("input[type=checkbox]")
    count = boxes.count()
    assert count >= 2
    boxes.last.focus()
    desk.press("Space")
    expect(dialog.locator("[data-act=every-yes]")).to_have_text(f"Label {count - 1} place{'s' if count > 2 else ''}")
    dialog.locator("[data-act=every-yes]").focus()
    desk.press("Enter")
    desk.saved()
    with_bulk = len(log(services, made.id))
    desk.press("u")
    desk.saved()
    assert len(log(services, made.id)) == with_bulk - (count - 1), "one step takes all of it back"
    # Another key for "not a cue".
    desk.press("?")
    dialog.locator("[data-act=key-no]").focus()
    desk.press("Enter", "z", "Escape")
    desk.press("n", "z")
    desk.saved()
    assert any(label == "not-a-cue" for _, label, _ in log(services, made.id))


def test_what_was_written_survives_a_reload_a_dead_server_and_a_second_tab(
    desk: Desk, services: Services, server: Server, context: BrowserContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = project(services, "Safe")
    desk.open(made.id)
    desk.drag(*desk.where("perhaps"))
    desk.press("2")
    desk.saved()
    item = desk.app.query()["item"]
    other = Desk(App(context.new_page(), server.url)).open(made.id, item=item)
    assert other.labels() == [("perhaps", "hedge")]
    other.drag(*other.where("Alternatively"))
    other.press("4")
    other.saved()
    desk.page.bring_to_front()
    desk.page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(desk.root.locator(".labels .row")).to_have_count(2)
    server.kill()
    desk.drag(*desk.where("café"))
    desk.press("1")
    desk.drag(*desk.where("closed"))
    desk.press("1", "u")
    expect(desk.root.locator(".saved")).to_contain_text("not saved yet")
    assert ("café", "hesitation") in desk.labels()
    assert ("café", "hesitation", "") not in log(services, made.id)
    server.start(monkeypatch)
    desk.page.reload()  # what is not acknowledged is in the browser, and is sent by the new page
    desk.ready()
    desk.saved()
    assert [row[:2] for row in log(services, made.id)] == [
        ("perhaps", "hedge"), ("Alternatively", "alternative"), ("café", "hesitation"),
    ]  # fmt: skip
    desk.press("u")
    desk.saved()
    assert len(log(services, made.id)) == 2, "undo goes on where it was before the reload"
    other.page.close()


def test_an_item_is_finished_and_the_next_one_comes(desk: Desk, services: Services) -> None:
    made = project(services, "Onward", blind_share=0.5, annotators=1)
    desk.open(made.id)
    first = desk.app.query()["item"]
    for _ in range(2):
        desk.press("e")
        dialog = desk.root.locator("dialog.ask")
        if dialog.is_visible():  # a blind item asks nothing
            dialog.locator("[data-act=finish-refuse]").click()
        desk.page.wait_for_function("item => !location.search.includes(item)", arg=first)
        first = desk.app.settle().query()["item"]
        desk.ready()
    expect(desk.root.locator(".top")).to_contain_text("2 of 6 finished")
    ana = services.people.local("Ana")
    states = services.labelling.mine(ana.id, made.id)
    assert [state.state for state in states] == ["done", "done", "open"]
    blind = [state.item for state in states if state.item.blind]
    assert all(not services.labelling.open(ana.id, item.id).cues for item in blind)
    rows = services.store.annotations.of_project(made.id)
    assert {row.label for row in rows} <= {"not-a-cue"} and all(row.op is Op.PUT for row in rows)
    desk.press("k")
    desk.page.wait_for_function("item => !location.search.includes(item)", arg=first)
    desk.app.settle()
    desk.press("f")
    desk.saved()
    services.projects.close(services.people.local("Cleo").id, made.id)
    desk.page.reload()
    desk.ready()
    expect(desk.root.locator(".palette")).to_contain_text("This project is closed")
    desk.press("2")
    expect(desk.root.locator(".status")).to_contain_text("This project is closed")
