"""Adjudicating in a real browser: by keys, by clicks, in bulk, through a dead server; and Agreement, which leads there."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from backend.annotation import DEFAULT_SCHEME, AnnotatedText, Item, Layer, Project
from backend.config import Settings
from backend.services import Services, build_services
from backend.services.annotation.records import LabelDraft
from tests.browser.annotation.annotate_parts import as_person
from tests.browser.annotation.test_pages_annotate import Server
from tests.browser.app_pages import App, table_rows

pytestmark = pytest.mark.browser
BEACON = "http://198.51.100.7"
HOSTILE = f"<img src='{BEACON}/i' onerror=alert(1)> **b** $x$"
TEXT = "Wait, maybe the sum is even 🤔. Hmm, let me check this. Perhaps not; 𝒙 is 7, I guess."
# Who said what where: one place all agree on, one they cut differently, one label against another, one alone.
ANN = {"Wait": "hesitation", "maybe": "hedge", "Perhaps": "hedge"}
BOB = {"Wait": "hesitation", "maybe the": "hedge", "Perhaps": "alternative", "I guess": "hedge"}
Gold = list[tuple[str, str, str, str]]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with build_services(Settings(store=tmp_path_factory.mktemp("adjudicate") / "store", graders=1)) as wired:
        yield wired


@pytest.fixture(scope="module")
def server(browser: Browser, services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(services, tmp_path_factory.mktemp("logs"))
    yield started
    started.kill()


@pytest.fixture
def app(browser: Browser, server: Server) -> Iterator[App]:
    """The application as Cleo sees it; nothing may call out, run foreign code or fail."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page, wrong = context.new_page(), list[str]()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: wrong.append(request.url) if BEACON in request.url else None)
    as_person(page, server.url, "Cleo")
    yield App(page, server.url)
    context.close()
    assert not wrong, wrong


def project(services: Services, name: str, items: int = 2, bob: str = "Bob") -> Project:
    """A project whose items two people have finished; on all but the first they agree."""
    cleo = services.people.local("Cleo")
    made = services.projects.import_texts(
        cleo.id, name, DEFAULT_SCHEME, [AnnotatedText(f"t{n}", f"{TEXT}{' ' * n}") for n in range(items)]
    )
    services.projects.change(cleo.id, made.id, annotators=2)
    for item in services.projects.items(made.id):
        for person, said in (("Ann", ANN), (bob, ANN if item.ordinal else BOB)):
            label(services, item, person, said)
    return made


def label(services: Services, item: Item, name: str, said: dict[str, str]) -> None:
    person = services.people.local(name)
    services.labelling.open(person.id, item.id)
    rows = [
        LabelDraft(uuid.uuid4().hex, at, at + len(words), words, item.text_sha256, key, comment=HOSTILE)
        for words, key in said.items()
        if (at := TEXT.index(words)) >= 0
    ]
    services.labelling.save(person.id, item.project, item.id, rows)
    services.labelling.mark(person.id, item.id, state="done")


def gold(services: Services, made: Project, ordinal: int = 0) -> Gold:
    """(quote, label, op, reason) of what stands as gold on an item, straight from the store."""
    one = services.labelling.labelled(made.id)[ordinal]
    assert all(one.text[row.start : row.end] == row.quote for row in one.gold)
    return [(row.quote, row.label, row.op.value, row.reason) for row in one.gold]


class AdjudicateView:
    """The adjudicating view in a page."""

    def __init__(self, app: App) -> None:
        self.app, self.page = app, app.page

    def open(self, made: Project, services: Services, ordinal: int = 0) -> AdjudicateView:
        """Open the page on an item and wait for its text."""
        item = services.projects.items(made.id)[ordinal].id
        self.page.goto(f"{self.app.url}/adjudicate?project={made.id}&item={item}")
        return self.ready()

    def ready(self) -> AdjudicateView:
        self.page.locator(".adj[data-painted]:not([data-painted='']) .block").first.wait_for()
        return self

    @property
    def root(self) -> Locator:
        return self.page.locator(".adj")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def places(self) -> list[tuple[str, str]]:
        """(words, what is decided) of every place."""
        return [tuple(row) for row in self.root.locator(".places .row").evaluate_all(
            "rows => rows.map(r => [r.querySelector('.quote span:last-child').textContent, r.querySelector('.what').textContent])"
        )]  # fmt: skip

    def at(self) -> str:
        """The words of the place one is at."""
        return str(self.root.locator(".places .current .quote span").last.text_content())

    def saved(self) -> None:
        """Wait until the server has everything."""
        expect(self.root.locator(".saved")).to_have_text("all saved")
        expect(self.root).to_have_attribute("data-waiting", "0")


def test_the_keyboard_alone_decides_an_item(app: App, services: Services) -> None:
    made = project(services, "Keys")
    view = AdjudicateView(app).open(made, services)
    assert view.places() == [
        ("Wait", "all agree"), ("maybe the", "open"), ("Perhaps", "open"), ("I guess", "open"),
    ]  # fmt: skip
    assert view.at() == "Wait", "one begins at the first that is open"
    view.press("1")
    assert view.at() == "maybe the", "and goes on to the next"
    view.press("1")  # Ann's cut of it
    view.press("Shift+A")  # neither "hedge" of hers nor other words: her place, with another label
    view.press("0")  # I guess: no label
    view.saved()
    assert gold(services, made) == [
        ("Wait", "hesitation", "put", ""), ("maybe", "hedge", "put", ""), ("Perhaps", "alternative", "put", ""),
        ("I guess", "hedge", "reject", ""),
    ]  # fmt: skip
    view.press("p", "p", "p", "n", "n", "2")  # another opinion of "Perhaps": Bob's
    view.press("g", "b")  # a guideline gap; no, ambiguous
    view.saved()
    assert ("Perhaps", "alternative", "put", "ambiguous") in gold(services, made)
    view.press("b")
    view.press("u", "u")  # the reason is there again, then the first one
    view.saved()
    assert ("Perhaps", "alternative", "put", "guideline gap") in gold(services, made)
    view.press("p", "d")  # undoing leaves the places; this is the last
    view.saved()
    assert "I guess" not in {row[0] for row in gold(services, made)}
    assert ("I guess", "open") in view.places()
    view.press("o", "s")
    expect(view.root.locator(".status")).to_contain_text("Decide first")
    view.press("2")
    first = app.query()["item"]
    view.press("e")
    app.page.wait_for_function("item => !location.search.includes(item)", arg=first)
    app.settle()
    assert view.places()[0] == ("Wait", "all agree"), "the next item that is not settled"
    assert [one.settled for one in services.labelling.labelled(made.id)] == [True, False]
    log = services.labelling.history(first)
    rows = [row for row in log if row.layer is Layer.GOLD]
    assert len(rows) > len(gold(services, made)) and len({row.id for row in rows}) == len(rows), (
        "nothing is overwritten"
    )
    view.press("k")
    app.wait_query("item", first)
    expect(view.root.locator("[data-act=settle]")).to_have_text("Settled")
    view.press("n", "0")
    view.saved()
    assert not services.labelling.labelled(made.id)[0].settled, "who decides anew has not settled it"


def test_the_mouse_does_the_same_and_names_are_hidden_until_asked_for(app: App, services: Services) -> None:
    made = project(services, "Mouse", bob=HOSTILE[:60])
    view = AdjudicateView(app).open(made, services)
    view.root.locator(".places .quote", has_text="maybe the").click()
    details = view.root.locator(".details")
    assert [lane.split("\n")[0] for lane in details.locator(".lane b").all_inner_texts()] == ["A", "B", "–"]
    lanes = view.root.locator(".lane-name").all_inner_texts()
    assert not any("Ann" in lane or "img" in lane for lane in lanes)
    view.root.locator("[data-act=names]").click()
    names = details.locator(".lane b").all_inner_texts()
    assert sorted(names[:2]) == sorted(["Ann", HOSTILE[:60]])
    second = names.index(HOSTILE[:60]) + 1
    details.locator(f"[data-act=adopt-{second}]").click()
    view.root.locator(".places .quote", has_text="Perhaps").click()
    view.root.locator("[data-act=label-verification]").click()
    view.root.locator(".places .quote", has_text="Perhaps").click()
    details.locator("[data-act='reason-slip']").click()
    view.root.locator(".places .quote", has_text="I guess").click()
    details.locator("[data-act=reject]").click()
    view.saved()
    decided = [
        ("maybe the", "hedge", "put", ""), ("Perhaps", "verification", "put", "slip"), ("I guess", "hedge", "reject", ""),
    ]  # fmt: skip
    assert gold(services, made) == decided
    # What agrees is taken in bulk; what was decided by hand stays, whatever the rule.
    app.page.reload()
    view.ready()
    for rule, more in (
        ("agreed by all", [("Wait", "hesitation", "put", "")]),
        ("any", [("Wait", "hesitation", "put", "")]),
    ):
        app.settle().page.get_by_role("button", name="Merge by rule").click()
        box = app.page.locator(".st-key-merge-rule").get_by_role("combobox")
        if rule not in (box.input_value() or box.text_content() or ""):
            app.choose("merge-rule", rule)
        app.page.locator(".st-key-merge").get_by_role("button", name="Merge", exact=True).click()
        expect(app.page.locator("[class*=st-key-sth-notice-done]")).to_contain_text("left to decisions by hand")
        app.settle()
        assert gold(services, made) == [*more, *decided], rule
        app.page.keyboard.press("Escape")
    assert len(gold(services, made, 1)) == len(ANN)


def test_a_decision_outlives_a_dead_server_and_a_closed_project_takes_none(
    app: App, services: Services, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = project(services, "Safe")
    view = AdjudicateView(app).open(made, services)
    server.kill()
    view.press("1", "2", "0")
    expect(view.root.locator(".saved")).to_contain_text("not saved yet")
    assert gold(services, made) == []
    server.start(monkeypatch)
    app.page.reload()
    view.ready()
    view.saved()
    assert [row[:3] for row in gold(services, made)] == [
        ("Wait", "hesitation", "put"), ("maybe the", "hedge", "put"), ("Perhaps", "hedge", "reject"),
    ]  # fmt: skip
    services.projects.close(services.people.local("Cleo").id, made.id)
    view.press("o", "1")  # this page doesn't know yet
    expect(view.root.locator(".refused")).to_contain_text("closed")
    view.root.locator("[data-act=refused-forget]").click()
    app.page.reload()
    view.ready()
    expect(view.root.locator(".palette")).to_contain_text("This project is closed")
    assert len(gold(services, made)) == 3


@pytest.mark.parametrize("width", [1440, 1024])
def test_agreement_leads_to_the_items_people_differ_on(width: int, app: App, services: Services) -> None:
    made = project(services, f"Differ {width}", items=3, bob=HOSTILE[:60])
    app.page.set_viewport_size({"width": width, "height": 900})
    app.open("agreement", project=made.id)
    assert app.page.locator("[data-testid=stMain]").evaluate("e => e.scrollWidth <= e.clientWidth")
    worst = table_rows(app.page.locator(".st-key-agreement-worst table"))
    queue = [row for row in services.agreement.worst_first(made.id) if row.f1 is not None]
    assert [row["id"] for row in worst] == [row.item for row in queue]
    report = services.agreement.report(made.id)
    shown = {row["Label"].split("\n")[0]: row for row in table_rows(app.page.locator(".st-key-agreement-label table"))}
    for row in report.rows:
        if row.label and row.spans:
            assert shown[row.label]["Overlap"].startswith(f"{row.overlap.value:.2f}"), row.label
    with app.page.expect_download() as downloading:
        app.page.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(downloading.value.path()).read_text("utf-8"))))
    assert float(rows[0]["value"]) == report.rows[0].overlap.value and rows[0]["measure"] == "overlap"
    app.page.locator(f".st-key-agreement-worst tr[data-row='{queue[0].item}']").get_by_role("link").click()
    app.page.wait_for_url("**/adjudicate?*")
    view = AdjudicateView(app).ready()
    assert app.query() == {"project": made.id, "item": queue[0].item} and ("maybe the", "open") in view.places()
    assert app.page.locator("[data-testid=stMain]").evaluate("e => e.scrollWidth <= e.clientWidth")


def test_the_queue_begins_with_the_worst_and_any_row_opens(app: App, services: Services) -> None:
    made = project(services, "Queue", items=3)
    page: Page = app.open("adjudicate", project=made.id).page
    queue = table_rows(page.locator(f".st-key-queue-{made.id} table"))
    assert queue[0]["id"] == services.agreement.worst_first(made.id)[0].item and queue[0]["Agreement"] == "0.57"
    page.get_by_role("button", name="Begin").click()
    app.wait_query("item", queue[0]["id"])
    page.get_by_role("button", name="Queue", exact=True).click()
    app.wait_query("item", None)
    page.locator("tbody tr").nth(1).click()
    app.wait_query("item", queue[1]["id"])
