"""Agreement, Adjudicate and People as scripts: what they say of a project in every state, and to whom."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from backend.annotation import DEFAULT_SCHEME, AnnotatedText, LabelKind, Project, Role, Scheme
from backend.config import Settings
from backend.job import JobState
from backend.report.files import csv_text
from backend.services import Services, build_services
from backend.services.annotation.records import LabelDraft
from pages.parts.agreement.agreement_tables import MEASURES, records
from tests.pages.test_pages import SHELL, forget, said, sound

TEXT = "Wait, maybe so. Hmm, I think 7 is right. Wait!"
WAIT, MAYBE, HMM = (0, 4, "hesitation"), (6, 11, "hedge"), (16, 19, "hesitation")
HOSTILE = "<img src=x onerror=alert(1)> **b** ![m](http://198.51.100.7/m) $x$"
Span = tuple[int, int, str]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Services]:
    """An empty store, which the pages read too."""
    forget()
    settings = Settings(store=tmp_path / "store", lab=tmp_path / "lab", graders=1)
    for name, value in {"STORE": settings.store, "LAB": settings.lab, "DEMO": "off"}.items():
        monkeypatch.setenv(f"SECOND_THOUGHTS_{name}", str(value))
    with build_services(settings) as services:
        yield services
    forget()


def project(services: Services, texts: int = 3, scheme: Scheme = DEFAULT_SCHEME, **changes: object) -> Project:
    admin = services.people.local("Ada")
    made = [AnnotatedText(f"t{n}", TEXT + " " * n) for n in range(texts)]
    found = services.projects.import_texts(admin.id, "made", scheme, made)
    return services.projects.change(admin.id, found.id, **{"annotators": 2, **changes})  # type: ignore[arg-type]


def finish(services: Services, made: Project, name: str, *items: Sequence[Span]) -> None:
    """Somebody finishes the first items with these labels."""
    person = services.people.local(name)
    for item, spans in zip(services.projects.items(made.id), items, strict=False):
        services.labelling.open(person.id, item.id)
        text = services.projects.text(item.id)
        rows = [LabelDraft(uuid.uuid4().hex, a, b, text[a:b], item.text_sha256, label) for a, b, label in spans]
        services.labelling.save(person.id, made.id, item.id, rows)
        services.labelling.mark(person.id, item.id, state="done")


def opened(services: Services, page: str, name: str = "Ada", **query: str) -> AppTest:
    """The page as somebody of that name sees it."""
    test = AppTest.from_file(str(SHELL), default_timeout=120)
    test.session_state["person"] = services.people.local(name)
    test.run()
    for key, value in query.items():
        test.query_params[key] = value
    return sound(test.switch_page(f"{page}.py").run())


def unmarked(test: AppTest) -> str:
    """Everything Streamlit would read as Markdown or HTML."""
    kinds = ("markdown", "title", "header", "subheader", "caption", "html")
    return "\n".join(str(part.value) for kind in kinds for part in test.get(kind))


# -- agreement --------------------------------------------------------------------------------------


def test_without_a_project_agreement_says_what_it_would_be_of(store: Services) -> None:
    test = opened(store, "agreement")
    assert "how far they agree" in said(test)
    assert [button.label for button in test.main.button] == ["Make a project"]


def test_before_two_people_finished_an_item_the_page_says_so(store: Services) -> None:
    made = project(store)
    assert "None of the 3 items of this project is so far; nobody has finished any." in said(opened(store, "agreement"))
    finish(store, made, "Ann", [WAIT], [])
    test = opened(store, "agreement", project=made.id)
    assert "is so far; 2 have one who has finished." in said(test)
    assert [button.label for button in test.main.button] == ["Annotate"]
    store.projects.change(store.people.local("Ada").id, made.id, annotators=1)
    assert "This project asks for one annotator an item" in said(opened(store, "agreement"))


def test_figures_are_the_services_and_what_is_missing_is_told(store: Services) -> None:
    made = project(store, annotators=3)
    finish(store, made, "Ann", [WAIT, MAYBE], [])
    finish(store, made, "Bob", [WAIT], [])
    test = opened(store, "agreement", project=made.id)
    text = said(test)
    assert "2 of 3 items have been finished by two people or more" in text
    assert "Nobody used self-correction, alternative, verification, admitted ignorance." in text
    assert "hedge (exact" not in text, "one of two is nothing in common, which is a figure"
    strip = unmarked(test)
    assert "0.67" in strip and "n = 2 items" in strip
    report = store.agreement.report(made.id)
    assert abs((report.rows[0].overlap.value or 0) - 2 / 3) < 1e-9
    headers = [header.value for header in test.header]
    assert "Blind and assisted" not in headers, "no machine cues were shown"
    assert {"By label", "Where they differ most", "Gamma"} <= set(headers) and "By pair" not in headers
    finish(store, made, "Cid", [WAIT], [])
    assert "By pair" in [header.value for header in opened(store, "agreement", project=made.id).header]


def test_where_nobody_marked_anything_there_is_a_sentence_and_no_figure(store: Services) -> None:
    made = project(store, lexicon="doubts", annotators=3)
    for name in ("Ann", "Bob", "Cid"):
        finish(store, made, name, [], [])
    text = said(opened(store, "agreement"))
    everybody = "all items (overlap, exact, place only)"
    assert f"{everybody}, assisted (overlap, exact, place only)" in text
    assert "Nobody marked anything in these items, so that there is nothing to agree on." in text
    assert "Everybody left every character unmarked" in text and "All answers are the same" in text


def test_the_file_holds_every_figure_once_and_runs_in_no_spreadsheet(store: Services) -> None:
    scheme = Scheme((LabelKind("hesitation", "=1+1"), LabelKind("hedge", HOSTILE[:60])))
    made = project(store, scheme=scheme, annotators=3)
    finish(store, made, "Ann", [WAIT, MAYBE], [HMM])
    finish(store, made, HOSTILE, [WAIT], [HMM])
    finish(store, made, "Cid", [MAYBE], [])
    report = store.agreement.report(made.id)
    rows = list(csv.DictReader(io.StringIO(csv_text(records(report)))))
    assert len({(row["items"], row["annotators"], row["label"], row["measure"]) for row in rows}) == len(rows)
    whole = {row["measure"]: float(row["value"]) for row in rows[:4]}
    assert whole == {name: getattr(report.rows[0], name).value for name in MEASURES if name != "kappa"}
    assert {row["label"] for row in rows} == {"all labels", "'=1+1", HOSTILE[:60]}
    test = opened(store, "agreement", project=made.id)
    assert "onerror" not in unmarked(test) and "198.51" not in unmarked(test)


def test_a_wrong_project_in_the_address_shows_another(store: Services) -> None:
    made = project(store)
    for asked in ("nothing", HOSTILE, "0" * 5000, "\u202e"):
        test = opened(store, "agreement", project=asked)
        assert "None of the 3 items" in said(test) and test.query_params["project"] == made.id, asked


def test_gamma_is_asked_for_by_an_admin_and_followed(store: Services) -> None:
    made = project(store)
    finish(store, made, "Ann", [WAIT])
    finish(store, made, "Bob", [WAIT])
    ada, vi = store.people.local("Ada"), store.people.local("Vi")
    store.people.set_role(ada.id, vi.id, Role.ADJUDICATOR)
    assert opened(store, "agreement", "Vi").button(key="gamma").disabled
    test = opened(store, "agreement")
    test.button(key="gamma").click().run()
    [job] = store.jobs.open()
    assert "It waits for a worker." in said(sound(test)) and test.button(key="gamma").disabled
    assert store.store.jobs.take(job.id, "w")
    store.store.jobs.finish(job.id, JobState.DONE, result={"gamma": [0.5, 0.4, 0.6], "items": 7, "left": 2, "seed": 1})
    text = said(sound(test.run()))
    assert "0.50 [0.40, 0.60] · n = 7 items; 2 items with too many spans are left out" in text
    test.button(key="gamma").click().run()
    again = store.jobs.open()[0]
    store.store.jobs.take(again.id, "w")
    store.store.jobs.finish(again.id, JobState.FAILED, f"It broke: {HOSTILE}.")
    test = sound(test.run())
    assert HOSTILE in said(test) and "onerror" not in unmarked(test)


# -- adjudicate and people --------------------------------------------------------------------------


def test_adjudicating_takes_the_role_and_begins_with_the_worst(store: Services) -> None:
    made = project(store)
    finish(store, made, "Ann", [WAIT], [WAIT, MAYBE])
    finish(store, made, "Bob", [WAIT], [HMM])
    ada, vi = store.people.local("Ada"), store.people.local("Vi")
    store.people.set_role(ada.id, vi.id, Role.ANNOTATOR)
    test = opened(store, "adjudicate", "Vi")
    assert "takes the role of an adjudicator" in said(test) and not test.main.button
    test = opened(store, "adjudicate", project=made.id)
    assert "0 of 3 items are settled." in said(test)
    next(button for button in test.button if button.label == "Begin").click().run()
    assert test.query_params["item"] == store.projects.items(made.id)[1].id
    test.button(key="merge").click().run()
    assert "1 gold labels added" in said(sound(test)).replace("1 gold label added", "1 gold labels added")
    for asked in ("nothing", HOSTILE):
        assert "There is no item" in said(opened(store, "adjudicate", project=made.id, item=asked))


def test_roles_are_given_by_admins_and_one_stays(store: Services) -> None:
    for name in ("Ada", HOSTILE):
        store.people.local(name)
    test = opened(store, "people")
    assert "names are taken on trust" in said(test) and "onerror" not in unmarked(test)
    hostile = store.people.local(HOSTILE)
    give = next(button for button in test.main.button if button.label == "Give the role")
    test.selectbox[0].set_value(hostile.id)
    test.selectbox[1].set_value("viewer")
    give.click().run()
    assert store.people.get(hostile.id).role is Role.VIEWER and f"{HOSTILE} is viewer now." in said(sound(test))
    assert "An admin gives roles." in said(opened(store, "people", HOSTILE))
    test = opened(store, "people")
    test.selectbox[0].set_value(store.people.local("Ada").id)
    next(button for button in test.main.button if button.label == "Give the role").click().run()
    assert "Ada is the only admin left" in said(sound(test))
