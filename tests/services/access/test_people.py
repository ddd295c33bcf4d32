"""Who may do what: names on trust, people an issuer vouches for, and the gate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from backend.annotation import Role
from backend.config import Settings, load
from backend.domain import UserError
from backend.services import Services, build_services

ISSUER = "https://accounts.example"


@pytest.fixture
def team(settings: Settings) -> Iterator[Services]:
    with build_services(replace(settings, local_role="viewer", admins=("Boss@Example.org",))) as wired:
        yield wired


def test_a_typed_in_name_is_one_person(services: Services) -> None:
    ann = services.people.local("  Ann  Lee ")
    assert (ann.name, ann.role, ann.local, ann.source) == ("Ann  Lee", Role.ADMIN, True, "local")
    assert services.people.local("ann lee") == ann == services.people.local("Ａnn Lee")
    assert services.people.local("Anna") != ann
    assert [person.name for person in services.people.all()] == ["Ann  Lee", "Anna"]
    assert services.people.get(ann.id) == ann


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("x" * 81, "81 characters"),
        ("a\u202eb", "U+202E"),
        ("a\nb", "U+000A"),
        ("a\0b", "U+0000"),
        ("a\u200bb", "U+200B"),
        ("\ud800", "U+D800"),
        ("a\u2028b", "U+2028"),
    ],
)
def test_names_that_cannot_be_seen_are_refused(services: Services, name: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason.replace("+", r"\+")):
        services.people.local(name)
    assert services.people.all() == []


@pytest.mark.parametrize(
    "name", ["<b>Ann</b>", "'; DROP TABLE people;--", "**Ann** [x](javascript:1)", "میلاد", "👩🏽‍🔬", "$x$"]
)
def test_other_names_are_data(services: Services, name: str) -> None:
    assert services.people.local(name).name == name == services.people.all()[0].name


def test_people_an_issuer_vouches_for(team: Services) -> None:
    eve = team.people.signed_in(ISSUER, "17", "Eve", "eve@example.org")
    assert (eve.role, eve.local, eve.source, eve.email) == (Role.VIEWER, False, ISSUER, "eve@example.org")
    boss = team.people.signed_in(ISSUER, "18", "", "boss@example.ORG")
    assert (boss.role, boss.name) == (Role.ADMIN, "boss@example.ORG")
    assert team.people.signed_in(ISSUER, "17", "Eve N.", "eve@example.org") == replace(eve, name="Eve N.")
    assert team.people.signed_in("https://other", "17", "Eve").id != eve.id
    assert team.people.local("Eve").id != eve.id, "a typed-in name never becomes somebody who signed in"
    promoted = team.people.set_role(boss.id, eve.id, Role.ANNOTATOR)
    assert team.people.signed_in(ISSUER, "17", "Eve", "eve@example.org").role is promoted.role is Role.ANNOTATOR
    assert team.people.signed_in(ISSUER, "17", "Eve", "boss@example.org").role is Role.ADMIN
    assert team.people.signed_in(ISSUER, "19", "\u202e", "").name == "19"


@pytest.mark.parametrize(("issuer", "subject"), [("", "1"), (ISSUER, " "), ("local", "ann"), ("imported", "x")])
def test_a_sign_in_that_names_nobody_is_refused(team: Services, issuer: str, subject: str) -> None:
    with pytest.raises(UserError, match="sign-in"):
        team.people.signed_in(issuer, subject, "Mallory")


def test_the_gate(team: Services) -> None:
    ann = team.people.local("Ann")
    assert team.people.require(ann.id, Role.VIEWER) == ann
    with pytest.raises(UserError, match="Ann is a viewer and may not label: that takes an annotator"):
        team.people.require(ann.id, Role.ANNOTATOR)
    for nobody in ("", "abc", "\ud800", "x' OR 1=1"):
        with pytest.raises(UserError, match="nobody here"):
            team.people.require(nobody, Role.VIEWER)
    assert [role for role in Role if Role.ADJUDICATOR.covers(role)] == [Role.VIEWER, Role.ANNOTATOR, Role.ADJUDICATOR]


def test_only_admins_give_roles_and_one_stays(services: Services) -> None:
    ada, bob = services.people.local("Ada"), services.people.local("Bob")
    assert services.people.set_role(ada.id, bob.id, Role.VIEWER).role is Role.VIEWER
    with pytest.raises(UserError, match="Bob is a viewer"):
        services.people.set_role(bob.id, bob.id, Role.ADMIN)
    with pytest.raises(UserError, match="Ada is the only admin left"):
        services.people.set_role(ada.id, ada.id, Role.ANNOTATOR)
    assert services.people.get(ada.id).role is Role.ADMIN
    assert services.people.local("ADA").role is Role.ADMIN and services.people.local("bob").role is Role.VIEWER


def test_settings_say_what_a_new_name_may_do() -> None:
    read = load({"SECOND_THOUGHTS_LOCAL_ROLE": "annotator", "SECOND_THOUGHTS_ADMINS": "a@x.org, ,B@y.org,"})
    assert (read.local_role, read.admins) == ("annotator", ("a@x.org", "B@y.org"))
    assert load({}).admins == () and load({}).local_role == "admin"


def test_a_role_that_does_not_exist_is_told_at_the_start(settings: Settings) -> None:
    with (
        pytest.raises(UserError, match="SECOND_THOUGHTS_LOCAL_ROLE is 'root'"),
        build_services(replace(settings, local_role="root")),
    ):
        pass
