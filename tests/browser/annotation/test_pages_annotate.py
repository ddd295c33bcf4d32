"""Annotating in a real browser, by mouse and by keyboard, and that nothing acknowledged or written is ever lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from backend.annotation import Op
from backend.config import Settings
from backend.domain import TraceFilter
from backend.services import Services, build_services
from tests.browser.annotation.annotate_parts import TEXT, AnnotateView, as_person, fill, project
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
def view(tab: Page, server: Server) -> AnnotateView:
    return AnnotateView(App(tab, server.url))


def log(services: Services, project_id: str) -> list[tuple[str, str, str]]:
    """(quote, label, flag) of Ana's standing labels, straight from the store; every quote is where it says it is."""
    ana = services.people.local("Ana")
    found = []
    for one in services.labelling.labelled(project_id):
        for label in one.by_person.get(ana.id, ()):
            assert one.text[label.start : label.end] == label.quote
            found.append((label.quote, label.label, label.flag))
    return found


def test_the_mouse_chooses_words_and_a_key_labels_them(view: AnnotateView, services: Services) -> None:
    made = project(services, "Mouse")
    view.open(made.id)
    assert view.text().startswith(TEXT[:200])
    start, _ = view.where("maybe the")
    view.drag(start + 2, start + 7, release=False)  # "ybe t": parts of two words
    assert view.chosen() == "maybe the", "whole words, before the button is let go"
    view.release()
    view.press("2")
    assert view.labels() == [("maybe the", "hedge")]
    start, end = view.where("𝒙 + 𝒚 = 12 🤔")
    view.drag(start, end, shift=True)
    assert view.chosen() == "𝒙 + 𝒚 = 12 🤔"
    view.root.locator("[data-act='label-hesitation']").click()
    view.drag(*view.where("sum is even. Hmm"))
    view.press("3")  # overlaps nothing
    view.drag(*view.where("the sum"))
    view.press("1")  # overlaps two
    view.saved()
    assert log(services, made.id) == [
        ("maybe the", "hedge", ""), ("the sum", "hesitation", ""), ("sum is even. Hmm", "self-correction", ""),
        ("𝒙 + 𝒚 = 12 🤔", "hesitation", ""),
    ]  # fmt: skip
    both = view.root.locator(".on", has_text="the").filter(has_not_text="maybe").first
    assert len((both.get_attribute("data-keys") or "").split()) >= 2, "labels that overlap are both drawn"
    view.press("u", "u")
    view.saved()
    assert [quote for quote, _, _ in log(services, made.id)] == ["maybe the", "𝒙 + 𝒚 = 12 🤔"]
    # An armed label labels every selection until Esc.
    view.press("Escape", "5")
    view.drag(*view.where("let me check"))
    view.drag(*view.where("isn't"))
    view.press("Escape")
    view.saved()
    assert [row[:2] for row in log(services, made.id)][1:] == [
        ("let me check", "verification"), ("𝒙 + 𝒚 = 12 🤔", "hesitation"), ("isn't", "verification"),
    ]  # fmt: skip


def test_the_keyboard_alone_does_all_of_it(view: AnnotateView, services: Services) -> None:
    made = project(services, "Keys")
    view.open(made.id)
    before = view.cues()
    assert before[:3] == ["Wait", "maybe", "Hmm"]
    view.press("n")
    expect(view.root.locator(".status")).to_contain_text("Machine cue 1 of")
    view.press("Enter", "x")  # accept the first; the second is none
    expect(view.root.locator(".labels .row")).to_have_count(2)
    view.press("p", "d")  # back to it, and the answer is taken back
    view.press("Enter", "Escape")
    view.press("ArrowRight", "ArrowRight", "Shift+ArrowRight")
    assert view.chosen() == "maybe the"
    view.press("6", "t", "t")
    view.press("c")
    view.page.keyboard.type("n or p do nothing here")
    view.press("Escape")
    view.saved()
    rows = log(services, made.id)
    assert ("maybe the", "admitted-ignorance", "filler") in rows and ("Wait", "hesitation", "") in [
        (quote, "hesitation", flag) for quote, _, flag in rows
    ]
    ana = services.people.local("Ana")
    (item,) = {label.item for one in services.labelling.labelled(made.id) for label in one.by_person.get(ana.id, ())}
    commented = [label for label in services.labelling.history(item) if label.comment]
    assert commented and commented[-1].comment == "n or p do nothing here"
    # Every place like this one, with a veto.
    view.press("Escape", "n")
    for _ in range(30):
        if "maybe" in (view.root.locator(".status").text_content() or ""):
            break
        view.press("n")
    view.press("a")
    dialog = view.root.locator("dialog.ask")
    boxes = dialog.locator("input[type=checkbox]")
    count = boxes.count()
    assert count >= 2
    boxes.last.focus()
    view.press("Space")
    expect(dialog.locator("[data-act=every-yes]")).to_have_text(f"Label {count - 1} place{'s' if count > 2 else ''}")
    dialog.locator("[data-act=every-yes]").focus()
    view.press("Enter")
    view.saved()
    with_bulk = len(log(services, made.id))
    view.press("u")
    view.saved()
    assert len(log(services, made.id)) == with_bulk - (count - 1), "one step takes all of it back"
    # Another key for "not a cue".
    view.press("?")
    dialog.locator("[data-act=key-no]").focus()
    view.press("Enter", "z", "Escape")
    view.press("n", "z")
    view.saved()
    assert any(label == "not-a-cue" for _, label, _ in log(services, made.id))


def test_what_was_written_survives_a_reload_a_dead_server_and_a_second_tab(
    view: AnnotateView, services: Services, server: Server, context: BrowserContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = project(services, "Safe")
    view.open(made.id)
    view.drag(*view.where("perhaps"))
    view.press("2")
    view.saved()
    item = view.app.query()["item"]
    other = AnnotateView(App(context.new_page(), server.url)).open(made.id, item=item)
    assert other.labels() == [("perhaps", "hedge")]
    other.drag(*other.where("Alternatively"))
    other.press("4")
    other.saved()
    view.page.bring_to_front()
    view.page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(view.root.locator(".labels .row")).to_have_count(2)
    server.kill()
    view.drag(*view.where("café"))
    view.press("1")
    view.drag(*view.where("closed"))
    view.press("1", "u")
    expect(view.root.locator(".saved")).to_contain_text("not saved yet")
    assert ("café", "hesitation") in view.labels()
    assert ("café", "hesitation", "") not in log(services, made.id)
    server.start(monkeypatch)
    view.page.reload()  # what is not acknowledged is in the browser, and is sent by the new page
    view.ready()
    view.saved()
    assert [row[:2] for row in log(services, made.id)] == [
        ("perhaps", "hedge"), ("Alternatively", "alternative"), ("café", "hesitation"),
    ]  # fmt: skip
    view.press("u")
    view.saved()
    assert len(log(services, made.id)) == 2, "undo goes on where it was before the reload"
    other.page.close()


def test_an_item_is_finished_and_the_next_one_comes(view: AnnotateView, services: Services) -> None:
    made = project(services, "Onward", blind_share=0.5, annotators=1)
    view.open(made.id)
    first = view.app.query()["item"]
    for _ in range(2):
        view.press("e")
        dialog = view.root.locator("dialog.ask")
        if dialog.is_visible():  # a blind item asks nothing
            dialog.locator("[data-act=finish-refuse]").click()
        view.page.wait_for_function("item => !location.search.includes(item)", arg=first)
        first = view.app.settle().query()["item"]
        view.ready()
    expect(view.root.locator(".top")).to_contain_text("2 of 6 finished")
    ana = services.people.local("Ana")
    states = services.labelling.mine(ana.id, made.id)
    assert [state.state for state in states] == ["done", "done", "open"]
    blind = [state.item for state in states if state.item.blind]
    assert all(not services.labelling.open(ana.id, item.id).cues for item in blind)
    rows = services.store.annotations.of_project(made.id)
    assert {row.label for row in rows} <= {"not-a-cue"} and all(row.op is Op.PUT for row in rows)
    view.press("k")
    view.page.wait_for_function("item => !location.search.includes(item)", arg=first)
    view.app.settle()
    view.press("f")
    view.saved()
    services.projects.close(services.people.local("Cleo").id, made.id)
    view.page.reload()
    view.ready()
    expect(view.root.locator(".palette")).to_contain_text("This project is closed")
    view.press("2")
    expect(view.root.locator(".status")).to_contain_text("This project is closed")


def test_a_drag_over_a_word_written_from_right_to_left_chooses_that_word(
    view: AnnotateView, services: Services, tmp_path: Path
) -> None:
    lines = (
        "maybe مرحبا انتظر wait 41, (שלום רגע) then.",
        "אולי wait שלום maybe עולם 42 end.",
        "ربما maybe انتظرت 41 wait قال.",
    )
    (tmp_path / "model-b").mkdir()
    file = tmp_path / "model-b" / "directions.jsonl"
    row = {"question": "Which way?", "generated_responses": ["\n".join(lines)], "gold_answer": "42"}
    file.write_text(json.dumps(row) + "\n", encoding="utf-8")
    [outcome] = services.imports.run([file])
    made = project(services, "Directions", wanted=TraceFilter(runs=(outcome.run or "",)))
    view.open(made.id)
    words = [word.strip("().,") for line in lines for word in line.split()]
    for nth, word in enumerate(words):
        start, end = view.where(word, words[:nth].count(word))
        for reach in (2, -1):  # from within the word's edges, and from beside them
            view.drag(start, end, reach=reach)
            assert view.chosen() == word
            view.press("Escape")
