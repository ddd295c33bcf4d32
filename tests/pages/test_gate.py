"""The gate: who comes in, what a role may do, and that the use cases refuse what pages merely hide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.runtime.secrets import secrets_singleton
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.util import patch_config_options

from backend.annotation import DEFAULT_SCHEME, AnnotatedText, Person, Role
from backend.config import Settings
from backend.distill.settings import TrainingSettings as Teaching
from backend.domain import UserError
from backend.job import Job, JobKind, JobState, Lane
from backend.services import Services, build_services
from backend.services.access.authorization import may, watch
from backend.services.generation.specs import GenerationSpec, Question, RunArm
from backend.services.training.training_specs import TrainingSpec
from tests.pages.test_pages import SHELL, forget, said, sound

ISSUER = "https://accounts.example"
HOSTILE = "<img src=x onerror=alert(1)> **b** :material/bug: $x$"
SECRETS = """[auth]
redirect_uri = "http://localhost:8501/oauth2callback"
cookie_secret = "of-a-test"
client_id = "second-thoughts"
client_secret = "of-a-test"
server_metadata_url = "https://accounts.example/.well-known/openid-configuration"
"""


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Services]:
    """An empty store, which the pages read too; people of boss@example.org are admins."""
    forget()
    settings = Settings(store=tmp_path / "store", lab=tmp_path / "lab", graders=1, admins=("boss@example.org",))
    values = {"STORE": settings.store, "LAB": settings.lab, "DEMO": "off", "ADMINS": "boss@example.org"}
    for name, value in values.items():
        monkeypatch.setenv(f"SECOND_THOUGHTS_{name}", str(value))
    with build_services(settings) as services:
        yield services
    watch(lambda: None)
    forget()


@pytest.fixture
def oidc(tmp_path: Path) -> Iterator[None]:
    """Streamlit's secrets configure signing in."""
    file = tmp_path / "secrets.toml"
    file.write_text(SECRETS, encoding="utf-8")
    with patch_config_options({"secrets.files": [str(file)]}):
        secrets_singleton._reset()
        yield
    secrets_singleton._reset()


def user(sub: str = "17", **claims: Any) -> dict[str, Any]:
    """Somebody signed in, as the issuer's token tells."""
    return {"is_logged_in": True, "iss": ISSUER, "sub": sub, "name": "Eve", "email_verified": True, **claims}


def visit(who: dict[str, Any] | None = None, page: str = "", script: Path = SHELL) -> AppTest:
    test = AppTest.from_file(str(script), default_timeout=120)
    if who is not None:
        test.user = who
    test.run()
    return test.switch_page(f"{page}.py").run() if page else test


def running(services: Services) -> Job:
    job = services.jobs.submit(JobKind.EVALUATE, "at work", {}, Lane.BATCH)
    assert services.store.jobs.take(job.id, "w")
    return services.jobs.get(job.id)


def foot(test: AppTest) -> str:
    return "\n".join(str(text.value) for text in test.sidebar.text)


# -- signing in -------------------------------------------------------------------------------------


def test_whoever_is_not_signed_in_sees_the_way_to_do_so_and_nothing_else(store: Services, oidc: None) -> None:
    for script in sorted(SHELL.parent.glob("*.py")):  # the shell, and each page reached around it
        test = sound(visit({"is_logged_in": False}, script=script))
        assert [title.value for title in test.title] == ["Second Thoughts"], script
        assert said(test) == "People sign in here." and [button.label for button in test.button] == ["Sign in"], script
        assert not test.sidebar.children, script
    assert store.people.all() == []


def test_the_first_sign_in_enters_a_viewer_who_may_read(store: Services, oidc: None) -> None:
    test = sound(visit(user(name=HOSTILE, email="eve@example.org"), "people"))
    [eve] = store.people.all()
    assert (eve.name, eve.role, eve.source, eve.email) == (HOSTILE, Role.VIEWER, ISSUER, "eve@example.org")
    assert f"{HOSTILE} · viewer" in foot(test) and "1 known here" in said(test)
    assert not any("onerror" in str(part.value) for part in (*test.markdown, *test.caption, *test.title))
    assert "An admin gives roles." in said(test)
    test.button(key="sign-out").click().run()
    assert said(sound(test.run())) == "People sign in here."


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"email": "Boss@Example.org"}, Role.ADMIN),
        ({"email": "boss@example.org", "email_verified": False}, Role.VIEWER),
        ({"email": "boss@example.org", "email_verified": "false"}, Role.VIEWER),
        ({"email": "boss@example.org.evil"}, Role.VIEWER),
        ({}, Role.VIEWER),
    ],
)
def test_only_a_verified_address_makes_an_admin(
    claims: dict[str, Any], role: Role, store: Services, oidc: None
) -> None:
    sound(visit(user(**claims)))
    assert [person.role for person in store.people.all()] == [role]


@pytest.mark.parametrize("claims", [{"iss": ""}, {"sub": " "}, {"iss": "local"}, {"iss": None}])
def test_a_token_that_names_nobody_lets_nobody_in(claims: dict[str, Any], store: Services, oidc: None) -> None:
    test = sound(visit({**user(), **claims}))
    assert "The sign-in names no issuer or no subject" in said(test)
    assert not test.title and store.people.all() == []


def test_a_viewer_is_told_why_and_an_admin_no_longer_one_can_press_in_vain(store: Services, oidc: None) -> None:
    job = running(store)
    test = sound(visit(user(), "jobs"))
    stop = test.button(key=f"job-stop-{job.id}")
    assert stop.disabled and stop.help == "This takes the role of an admin: ask an admin for it."
    test = sound(test.switch_page("import.py").run())
    assert "Only admins bring traces in." in said(test) and not test.text_input
    assert sound(test.switch_page("models.py").run()).button(key="open-add").disabled
    [eve] = store.people.all()
    boss = store.people.signed_in(ISSUER, "1", "Boss", "boss@example.org")
    store.people.set_role(boss.id, eve.id, Role.ADMIN)
    test = sound(test.switch_page("jobs.py").run())
    store.people.set_role(boss.id, eve.id, Role.VIEWER)  # what is on her screen still offers it
    test.button(key=f"job-stop-{job.id}").click().run()
    assert store.jobs.get(job.id).state is JobState.RUNNING and sound(test).button(key=f"job-stop-{job.id}").disabled
    store.people.set_role(boss.id, eve.id, Role.ADMIN)
    test.run().button(key=f"job-stop-{job.id}").click().run()
    assert store.jobs.get(job.id).state is JobState.CANCELLING


def test_a_role_taken_away_is_gone_at_once_though_the_gate_was_passed(store: Services, oidc: None) -> None:
    """What fragments and callbacks rely on: they run without the gate before them."""

    def script() -> None:
        import streamlit as st

        from backend.annotation import Role
        from backend.domain import UserError
        from backend.job import JobKind, Lane
        from pages.components.frame.gate import require_person
        from pages.components.frame.session import services

        person = require_person()
        services().jobs.submit(JobKind.EVALUATE, "before", {}, Lane.BATCH)
        services().store.people.set_role(services().people.signed_in("x", "1", "", "boss@example.org").id, Role.ADMIN)
        services().store.people.set_role(person.id, Role.ANNOTATOR)
        try:
            services().jobs.submit(JobKind.EVALUATE, "after", {}, Lane.BATCH)
        except UserError as error:
            st.text(str(error))

    test = AppTest.from_function(script, default_timeout=120)
    test.user = user("2", email="boss@example.org")
    assert "Eve has the role annotator, and this takes admin. Ask an admin for it." in said(sound(test.run()))
    assert [job.title for job in store.jobs.all()] == ["before"]


def test_the_demo_comes_in_though_a_viewer_is_the_first_to_look(
    store: Services, oidc: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECOND_THOUGHTS_LAB", str(Settings().lab))
    monkeypatch.setenv("SECOND_THOUGHTS_DEMO", "auto")
    sound(visit(user(), script=SHELL.with_name("people.py")))
    assert store.runs.all() and store.people.all()[0].role is Role.VIEWER


# -- a name on trust --------------------------------------------------------------------------------


def test_without_a_name_one_reads_and_is_asked_for_one_to_label(store: Services) -> None:
    test = sound(visit())
    assert foot(test) == "Local · not signed in"
    admin = store.people.local("Ada")
    store.projects.import_texts(admin.id, "made", DEFAULT_SCHEME, [AnnotatedText("t", "Wait, maybe.")])
    test = sound(test.switch_page("annotate.py").run())
    assert "Labels carry the name of who made them." in said(test)
    test.text_input(key="first-name").input("a\u202eb")
    test.button(key="FormSubmitter:who-Go on").click().run()
    assert "U+202E" in said(sound(test)) and [one.name for one in store.people.all()] == ["Ada"]
    test.text_input(key="first-name").input(HOSTILE)
    test.button(key="FormSubmitter:who-Go on").click().run()
    assert f"{HOSTILE} · on trust" in foot(sound(test))
    assert "Labels carry the name" not in said(test)
    assert {one.name: one.role for one in store.people.all()} == {"Ada": Role.ADMIN, HOSTILE: Role.ADMIN}
    test.text_input(key="own-name").input("  ada ").run()
    assert "Ada · on trust" in foot(sound(test)) and len(store.people.all()) == 2


def test_what_a_name_on_trust_may_do_is_a_setting(store: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECOND_THOUGHTS_LOCAL_ROLE", "viewer")
    forget()
    job = running(store)
    test = sound(visit(page="jobs"))
    assert test.button(key=f"job-stop-{job.id}").disabled
    assert "Only admins bring traces in." in said(sound(test.switch_page("import.py").run()))
    assert running(store).state is JobState.RUNNING, "outside a session nobody is asked: worker and command line"


# -- the use cases ----------------------------------------------------------------------------------

SPEC = TrainingSpec("m", Teaching(steps=1, prompts=1), "set", size=2, name="q")
ASKED = GenerationSpec((RunArm("m"),), questions=(Question("1 + 1?", "2"),))
WRITES: dict[str, Callable[[Services, Path], object]] = {
    "import: plan": lambda s, path: s.imports.plan([path]),
    "import: peek": lambda s, path: s.imports.peek(path),
    "import: run": lambda s, path: s.imports.run([path]),
    "import: take": lambda s, path: s.imports.take([]),
    "import: later": lambda s, path: s.jobs.submit_import([path]),
    "run: delete": lambda s, _: s.runs.delete("r"),
    "set: delete": lambda s, _: s.runs.delete_problem_set("p"),
    "job: submit": lambda s, _: s.jobs.submit(JobKind.SCORE, "t", {}, Lane.BATCH),
    "job: cancel": lambda s, _: s.jobs.cancel("j"),
    "job: retry": lambda s, _: s.jobs.retry("j"),
    "job: forget": lambda s, _: s.jobs.forget(["j"]),
    "job: worker": lambda s, _: s.jobs.start_worker(),
    "training: start": lambda s, _: s.trainings.start(SPEC),
    "training: submit": lambda s, _: s.trainings.submit(SPEC),
    "training: pause": lambda s, _: s.trainings.pause("t"),
    "training: resume": lambda s, _: s.trainings.resume("t"),
    "training: remove": lambda s, _: s.trainings.remove("t"),
    "model: folder": lambda s, path: s.models.add_folder(path),
    "model: hub": lambda s, _: s.models.add_hub("a/b"),
    "model: endpoint": lambda s, _: s.models.add_endpoint("http://127.0.0.1:9", "m"),
    "model: rename": lambda s, _: s.models.rename("m", "n"),
    "model: annotate": lambda s, _: s.models.annotate("m", "note"),
    "model: parent": lambda s, _: s.models.set_parent("m", None),
    "model: remove": lambda s, _: s.models.remove("m"),
    "demo: remove": lambda s, _: s.demo.remove(),
    "demo: restore": lambda s, _: s.demo.restore(),
    "lexicon: match": lambda s, _: s.lexicons.match_missing(),
}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADJUDICATOR])
def test_use_cases_that_delete_cost_or_change_take_an_admin(role: Role, services: Services, tmp_path: Path) -> None:
    file = tmp_path / "private.jsonl"
    file.write_text('{"question": "q", "password": "hunter2"}\n', encoding="utf-8")
    before = services.runs.version()
    watch(lambda: Person("p", "Vi", role))
    try:
        assert may(role) and not may(Role.ADMIN)
        for name, write in WRITES.items():
            with pytest.raises(UserError) as refused:
                write(services, file)
            said = f"Vi has the role {role}, and this takes admin. Ask an admin for it."
            assert str(refused.value) == said, name
    finally:
        watch(lambda: None)
    assert services.runs.version() == before and not services.jobs.all() and not services.store.trainings.all()


def test_what_becomes_a_job_is_refused_as_a_job(services: Services) -> None:
    base = services.models.add_endpoint("http://127.0.0.1:9", "m")
    watch(lambda: Person("p", "Vi", Role.VIEWER))
    try:
        with pytest.raises(UserError, match="this takes admin"):
            services.generation.submit(GenerationSpec((RunArm(base.id),), questions=ASKED.questions))
    finally:
        watch(lambda: None)
    assert not services.jobs.all() and may(Role.ADMIN)
