"""The whole of annotating on real traces, in a real browser: a project, two annotators, an adjudicator, what comes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from backend.annotation import Labelled, Layer, Op
from backend.config import Settings
from backend.services import Services, build_services
from tests.browser.annotation.annotate_parts import AnnotateView, as_person
from tests.browser.app_pages import ROOT, App, numbers
from tests.browser.conftest import Serve

pytestmark = pytest.mark.browser
SPANS, A_PIECE = 20, 12  # so that everybody has two items at least


@pytest.fixture(scope="module")
def services(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A store with chains of reasoning of R1-Distill-Llama-8B."""
    with build_services(Settings(store=tmp_path_factory.mktemp("whole") / "store")) as wired:
        outcomes = list(wired.imports.run([shared_data / "traces" / "thought-anchors"]))
        assert any(outcome.state == "imported" for outcome in outcomes)
        yield wired


@pytest.fixture(scope="module")
def url(services: Services, serve: Serve) -> str:
    return serve(ROOT / "app.py", {"SECOND_THOUGHTS_STORE": str(services.store.folder)})


@pytest.fixture
def people(browser: Browser, url: str) -> Iterator[dict[str, App]]:
    """Everybody in a browser of their own."""
    contexts, found = [], {}
    errors: list[str] = []
    for name in ("Ana", "Ben", "Cleo"):
        context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        as_person(page, url, name)
        contexts.append(context)
        found[name] = App(page, url)
    yield found
    for context in contexts:
        context.close()
    assert not errors, errors


def words_of(view: AnnotateView) -> list[tuple[int, int]]:
    """Places of words of letters in the item, each at some distance from the last."""
    found = [(m.start(), m.end()) for m in re.finditer(r"(?<!\S)[A-Za-z]{3,}(?=[\s,.])", view.text())]
    return found[3::6]


def by_mouse(view: AnnotateView, count: int) -> int:
    """Label `count` words by dragging over them, or as many as there are; returns how many."""
    places = words_of(view)[: min(count, A_PIECE)]
    for number, (start, end) in enumerate(places):
        view.press("Escape")
        view.drag(start, end)
        view.press(str(1 + number % 3))
    view.saved()
    return len(places)


def by_keyboard(view: AnnotateView, count: int) -> int:
    """Walk to the machine's cues and answer them, then choose words with the arrows; no mouse."""
    made = 0
    view.press("n")
    while made < min(count, A_PIECE) and view.root.locator(".status", has_text="not answered").count():
        view.press("x" if made % 4 == 3 else "Enter")
        made += 1
        view.page.wait_for_timeout(30)
    view.press("Escape")
    while made < min(count, A_PIECE):
        view.press("ArrowRight", "ArrowRight", "ArrowRight", "Shift+ArrowRight", "2", "Escape")
        made += 1
    view.saved()
    return made


def annotate(app: App, project: str, label_words, least: int) -> tuple[int, int]:
    """Take items and label until `least` spans are made, finishing each item; returns (labels, items)."""
    view, made, items = AnnotateView(app).open(project), 0, 0
    while made < least:
        made += label_words(view, least - made)
        item = app.query()["item"]
        view.press("e")
        dialog = view.root.locator("dialog.ask")
        if dialog.is_visible():
            dialog.locator("[data-act=finish-leave]").click()
        app.page.wait_for_function("item => !location.search.includes(item)", arg=item)
        app.settle()
        items += 1
        if made < least:
            view.ready()
    return made, items


def decide(cleo: App) -> None:
    """Adopt, refuse and give a reason by keys until every place is decided, then settle the item."""
    page = cleo.page
    undecided = page.locator(".adj .places .what", has_text=re.compile("^(open|all agree)$"))
    page.keyboard.press("1")
    page.keyboard.press("p")
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.keyboard.press("0")
    for _ in range(80):
        if not undecided.count():
            break
        page.keyboard.press("2")
    expect(undecided).to_have_count(0)
    item = cleo.query()["item"]
    page.keyboard.press("e")
    page.wait_for_function("item => !location.search.includes(item)", arg=item)


def standing(services: Services, project: str) -> list[Labelled]:
    return services.labelling.labelled(project)


def said(services: Services, project: str) -> list[object]:
    """All that stands in a project, people by name, so that two projects can be compared."""
    names = {person.id: person.name for person in services.people.all()}

    def row(label):
        return (label.start, label.end, label.quote, label.label, label.flag, label.comment, label.op, label.reason)

    return [
        (
            one.text,
            one.item.start,
            one.item.end,
            sorted((names[who], sorted(map(row, labels))) for who, labels in one.by_person.items() if labels),
            sorted(names[who] for who in one.done),
            sorted(map(row, one.gold)),
            one.settled,
        )
        for one in standing(services, project)
    ]


def test_from_a_project_to_a_better_lexicon(people: dict[str, App], services: Services, tmp_path: Path) -> None:
    cleo = people["Cleo"].open("projects", new="1")
    page = cleo.page
    page.get_by_label("Name", exact=True).fill("Doubts of R1")
    page.get_by_role("spinbutton", name="Traces").fill("4")
    page.keyboard.press("Enter")
    cleo.settle()
    cleo.choose("new-window", "2,000 characters")
    page.get_by_label("Guidelines").fill("Mark what says that the model isn't sure.")
    page.keyboard.press("Tab")
    cleo.settle()
    expect(page.locator(".st-key-project-preview")).to_contain_text("4 traces make")
    page.get_by_role("button", name="Make the project").click()
    cleo.settle()
    (info,) = services.projects.all()
    project = info.project.id
    assert info.project.annotators == 2 and info.items > 4 and "isn't sure" in info.project.guidelines

    by_hand, seen = annotate(people["Ana"], project, by_mouse, SPANS)
    by_keys, _ = annotate(people["Ben"], project, by_keyboard, SPANS)
    assert by_hand >= SPANS and by_keys >= SPANS
    ways = [row.how for row in services.store.annotations.of_project(project)]
    assert ways.count("mouse") >= SPANS and ways.count("mouse") + SPANS <= len(ways)
    assert seen >= 1

    cleo.open("lexicons")
    expect(page.locator("[data-testid=stMain]")).to_contain_text("There is no gold yet")
    cleo.open("agreement", project=project)
    report = services.agreement.report(project)
    assert report.items >= 1 and report.rows[0].overlap.value is not None and report.rows[0].overlap.value < 1, (
        "they differ"
    )
    shown = [value for value, _ in numbers(page.locator(".sth-numbers").inner_text())]
    assert any(abs(value - report.rows[0].overlap.value) < 0.006 for value in shown)

    table = page.locator(".st-key-lexicons table")
    told = []
    for settled in (1, 2):
        cleo.open("adjudicate", project=project)
        page.get_by_role("button", name="Begin").click()
        page.locator(".adj[data-painted]:not([data-painted='']) .block").first.wait_for()
        decide(cleo)
        cleo.settle()
        assert sum(one.settled for one in standing(services, project)) == settled
        cleo.open("lexicons", project=project)
        table.locator("tbody tr").first.wait_for()
        told.append(table.inner_text())
        gold = services.gold.evaluation(project)
        assert gold.items == settled and gold.spans > 0
        precision = next(score for score in gold.scores if score.name == "doubts").overlap.whole.precision
        assert precision and any(abs(value - precision.value) < 0.006 for value, _ in numbers(told[-1]))
    assert told[0] != told[1], "what is decided changes the figures"
    rows = [row for row in services.store.annotations.of_project(project) if row.layer is Layer.GOLD]
    assert {row.reason for row in rows} >= {"guideline gap"} and {row.op for row in rows} >= {Op.PUT, Op.REJECT}
    cleo.open("projects", project=project)
    page.get_by_role("tab", name="Files").click()
    page.locator(".st-key-export-jsonl button").click()
    with page.expect_download() as download:
        page.locator(".st-key-save-jsonl button").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    page.locator(".st-key-project-import input[type=file]").set_input_files(file)
    cleo.settle()
    page.get_by_role("button", name="Import as a project").click()
    cleo.settle()
    again = next(one for one in services.projects.all() if one.project.id != project)
    assert said(services, again.project.id) == said(services, project)
