"""Lexicons that change: stored runs keep the old cues under the old identity and get the new ones beside them."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from backend.config import ROOT, Settings
from backend.domain import TraceFilter, UserError
from backend.services import Services, build_services
from tests.services.made_files import row, state, take_one, write

TEXTS = ("wait, so perhaps", "<think>wait wait</think>check", "nothing", "等等 maybe")


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """Settings with a copy of the shipped lexicons."""
    folder = tmp_path / "lexicons"
    shutil.copytree(ROOT / "data" / "lexicons", folder)
    return Settings(store=tmp_path / "store", lexicons=folder)


def imported(services: Services, tmp_path: Path) -> str:
    return take_one(
        services, write(tmp_path / "a.jsonl", [row(f"{i}?", text, gold="1") for i, text in enumerate(TEXTS)])
    )


def change(settings: Settings) -> None:
    """Take "wait" out of the ten words and put "nothing" in."""
    path = settings.lexicons / "kim2026.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("{name: wait,", "{name: nothing,"), encoding="utf-8")


def entries(services: Services, run: str, lexicon: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for counted in services.store.queries.entry_counts([run], lexicon):
        found[counted["entry"]] = found.get(counted["entry"], 0) + counted["n"]
    return found


def test_a_changed_lexicon_is_matched_anew_and_mixed_with_nothing(own: Settings, tmp_path: Path) -> None:
    with build_services(own) as services:
        run = imported(services, tmp_path)
        old = services.lexicons.get("kim2026").id
        assert services.lexicons.missing() == {} and list(services.lexicons.match_missing()) == []
        before = entries(services, run, old)
        assert before == {"wait": 3, "perhaps": 1, "check": 1, "maybe": 1}
    change(own)
    with build_services(own) as services:
        new = services.lexicons.get("kim2026").id
        assert new != old and services.lexicons.missing() == {run: [new]}
        assert "kim2026" not in services.runs.densities()[run], "no figure from cues that aren't there"
        assert {r.name: r.runs for r in services.lexicons.overview()}["kim2026"] == 0
        assert list(services.lexicons.match_missing()) == [("a · " + tmp_path.name, ["kim2026"])]
        assert entries(services, run, old) == before
        assert entries(services, run, new) == {"nothing": 1, "perhaps": 1, "check": 1, "maybe": 1}
        assert services.lexicons.missing() == {} and list(services.lexicons.match_missing()) == []
        assert services.runs.densities()[run]["kim2026"][0] == 1.0
        rows = services.trace_list.page(TraceFilter(lexicon="kim2026"), sort="problem").rows
        assert [item.cues for item in rows] == [1, 1, 1, 1]
        kept = services.store.ledger.lexicons()
        assert {kept[old]["entries"][0]["name"], kept[new]["entries"][0]["name"]} == {"wait", "nothing"}


def test_cues_matched_later_equal_those_matched_on_arrival(own: Settings, tmp_path: Path) -> None:
    change(own)
    with build_services(own) as services:
        arrived = imported(services, tmp_path)
        expected = all_cues(services, arrived)
        services.runs.delete(arrived)
    shutil.move(own.lexicons / "kim2026.yaml", tmp_path / "aside.yaml")
    with build_services(own) as services:
        imported(services, tmp_path)
    shutil.move(tmp_path / "aside.yaml", own.lexicons / "kim2026.yaml")
    with build_services(own) as services:
        assert [names for _, names in services.lexicons.match_missing()] == [["kim2026"]]
        assert all_cues(services, arrived) == expected


def all_cues(services: Services, run: str) -> dict[tuple[str, str], list[tuple[object, ...]]]:
    found = {}
    for name, lexicon in services.lexicons.by_name.items():
        for number in range(len(TEXTS)):
            opened = services.traces.open(f"{run}-{number:05d}", lexicon.id)
            found[name, opened.id] = [dataclasses.astuple(cue) for cue in opened.cues]
            listed = services.trace_list.page(TraceFilter(lexicon=name), sort="problem").rows
            assert listed[number].cues == len(opened.response_cues)
    return found


def test_a_lexicon_that_finds_nothing_is_held_all_the_same(own: Settings, tmp_path: Path) -> None:
    with build_services(own) as services:
        run = imported(services, tmp_path)
    (own.lexicons / "none.yaml").write_text(
        "name: none\nversion: 1\ntitle: None\nmode: word\noverlap: longest\nentries:\n  - {name: zzzz, group: hedge}\n"
    )
    with build_services(own) as services:
        assert [names for _, names in services.lexicons.match_missing()] == [["none"]]
        assert services.lexicons.missing() == {}
        assert services.runs.densities()[run]["none"] == (0.0, 0.0)


def test_matching_a_run_that_goes_meanwhile_leaves_nothing(own: Settings, tmp_path: Path) -> None:
    with build_services(own) as services:
        run = imported(services, tmp_path)
    empty = own.store
    change(own)
    with build_services(own) as services, build_services(own) as other:
        texts = services.store.queries.texts

        def gone_half_way(run_id: str) -> object:
            yield from texts(run_id)
            other.runs.delete(run_id)

        services.store.queries.texts = gone_half_way  # type: ignore[method-assign,assignment]
        list(services.lexicons.match_missing())
        assert services.runs.all() == [] and services.store.ledger.part_paths() == set()
        assert [name for name in state(empty)[0] if run in name] == []


@pytest.mark.parametrize("what", ["empty folder", "bad file", "missing folder"])
def test_bad_lexicons_are_a_sentence(own: Settings, what: str) -> None:
    if what == "bad file":
        (own.lexicons / "kim2026.yaml").write_text("name: [")
    else:
        shutil.rmtree(own.lexicons)
        if what == "empty folder":
            own.lexicons.mkdir()
    with build_services(own) as services, pytest.raises(UserError, match=r"lexicon|YAML"):
        services.runs.summaries()


def test_an_unknown_lexicon_is_a_sentence(services: Services) -> None:
    with pytest.raises(UserError, match="no lexicon called"):
        services.lexicons.get("nosuch")
