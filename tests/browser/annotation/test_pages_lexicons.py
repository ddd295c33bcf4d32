"""Lexicons, Projects and People in a real browser: a list made better by what people marked, guidelines, roles."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from backend.annotation import NOT_A_CUE, Project, Role, key_of
from backend.config import Settings
from backend.services import Services, build_services
from backend.services.annotation.records import LabelDraft
from tests.browser.annotation.annotate_parts import as_person, fill, project
from tests.browser.app_pages import ROOT, App, table_rows
from tests.browser.conftest import Serve

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("lexicons")
    with build_services(Settings(store=folder / "store", graders=1)) as wired:
        fill(wired, folder)
        yield wired


@pytest.fixture(scope="module")
def marked(services: Services) -> Project:
    """One annotator finished everything: "maybe" is never a cue, "café" always is, the rest is as the list has it."""
    made = project(services, "Gold", annotators=1, blind_share=1.0, lexicon="doubts")
    ana = services.people.local("Ana")
    matcher = services.lexicons.matchers()[services.lexicons.get("doubts").id]
    while item := services.labelling.next_item(ana.id, made.id):
        text = services.labelling.open(ana.id, item.id).text
        rows = []
        for form, start, end in matcher.find(text):
            entry = matcher.entry_of[form]
            rows.append((start, end, NOT_A_CUE if text[start:end].lower() == "maybe" else key_of(entry.group)))
        at = text.index("café")
        rows.append((at, at + 4, "hedge"))
        drafts = [
            LabelDraft(uuid.uuid4().hex, start, end, text[start:end], item.text_sha256, label)
            for start, end, label in rows
        ]
        services.labelling.save(ana.id, made.id, item.id, drafts)
        services.labelling.mark(ana.id, item.id, state="done")
    return made


@pytest.fixture(scope="module")
def url(services: Services, marked: Project, serve: Serve) -> str:
    return serve(ROOT / "app.py", {"SECOND_THOUGHTS_STORE": str(services.store.folder)})


@pytest.fixture
def app(browser: Browser, url: str) -> Iterator[App]:
    """The application as Cleo sees it."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    as_person(page, url, "Cleo")
    yield App(page, url)
    context.close()
    assert not errors, errors


def test_gold_makes_a_better_list(app: App, services: Services, marked: Project) -> None:
    page = app.open("lexicons", project=marked.id).page
    main = page.locator("[data-testid=stMain]")
    gold = services.gold.evaluation(marked.id)
    expect(main).to_contain_text(f"Against {gold.spans:,} expressions that people marked in {gold.items:,} items")
    rows = {row["id"]: row for row in table_rows(page.locator(".st-key-lexicons table"))}
    before = next(score for score in gold.scores if score.name == "doubts").overlap.whole
    assert before.precision and before.recall and before.precision.value < 1 and before.recall.value < 1
    assert (
        f"{before.precision.value:.2f}" in rows["doubts"]["Precision"]
        and f"{before.recall.value:.2f}" in rows["doubts"]["Recall"]
    )

    page.locator(".st-key-lexicons tbody tr", has_text="Doubts: expressions").first.click()
    app.wait_query("lexicon", "doubts")
    page.get_by_role("tab", name="Suggested changes").click()
    suggested = page.locator(".st-key-suggested-doubts table")
    suggested.locator("tbody tr").first.wait_for()
    assert {row["Form"] for row in table_rows(suggested)} >= {"maybe", "café"}
    for form in ("maybe", "café"):
        suggested.locator("tbody tr", has=page.get_by_text(form, exact=True)).locator(
            "input[type=checkbox]"
        ).first.check()
        app.settle()
    page.get_by_role("button", name="Make a new version of doubts-own with 2 changes").click()
    app.wait_query("lexicon", "doubts-own")
    expect(main).to_contain_text("doubts-own, version 1, is kept")
    after = next(s for s in services.gold.evaluation(marked.id).scores if s.name == "doubts-own").overlap.whole
    assert after.precision and after.recall and after.precision.value == after.recall.value == 1
    rows = {row["id"]: row for row in table_rows(page.locator(".st-key-lexicons table"))}
    assert "1.00" in rows["doubts-own"]["Precision"] and rows["doubts"]["Precision"].startswith(
        f"{before.precision.value:.2f}"
    )
    page.get_by_role("tab", name="Corrected counts").click()
    expect(main).to_contain_text("holds no cues of doubts-own yet")
    page.get_by_role("tab", name="Versions").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="YAML").click()
    assert "café" in download.value.path().read_text(encoding="utf-8")


def test_a_project_gets_new_guidelines_and_is_closed(app: App, services: Services, marked: Project) -> None:
    page = app.open("projects", project=marked.id).page
    page.get_by_role("tab", name="Guidelines").click()
    page.get_by_role("textbox", name="Guidelines").fill("Only what is said of the answer counts.")
    page.keyboard.press("Control+Enter")
    app.settle()
    page.get_by_role("button", name="Save as a new version").click()
    app.settle()
    changed = services.projects.get(marked.id)
    assert (changed.guidelines_version, changed.guidelines) == (2, "Only what is said of the answer counts.")
    page.get_by_role("button", name="Close", exact=True).click()
    app.settle()
    assert services.projects.get(marked.id).state == "closed"
    page.get_by_role("button", name="Reopen").click()
    app.settle()
    assert services.projects.get(marked.id).state == "open"


def test_an_admin_gives_a_role(app: App, services: Services) -> None:
    ana = services.people.local("Ana")
    page = app.open("people").page
    expect(page.locator(".st-key-people table")).to_contain_text("Ana")
    page.get_by_role("combobox", name="Who").click()
    page.get_by_role("option", name="Ana", exact=True).click()
    page.get_by_role("combobox", name="becomes").click()
    page.get_by_role("option", name="viewer", exact=True).click()
    page.get_by_role("button", name="Give the role").click()
    app.settle()
    expect(page.locator("[data-testid=stMain]")).to_contain_text("Ana is viewer now.")
    assert services.people.get(ana.id).role is Role.VIEWER
