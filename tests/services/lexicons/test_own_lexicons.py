"""Lexicons made here: their names and versions, who sees them, what runs hold of them, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from backend.annotation import Item, Role
from backend.config import Settings
from backend.domain import Group, TraceFilter, UserError
from backend.lexicon.entries import Entry, Lexicon
from backend.services import Services, build_services
from backend.services.annotation.machine_cues import LexiconCueFinder
from tests.services.made_files import row, take_one, write

TEXTS = ("wait, zounds so perhaps", "<think>zounds zounds</think>check", "nothing")


@pytest.fixture
def ada(services: Services) -> str:
    return services.people.local("Ada").id


def mine(services: Services, *words: str, name: str = "doubts-own") -> Lexicon:
    """A list of these words under an own name."""
    base = services.lexicons.get("kim2026-words")
    entries = tuple(Entry(word, Group.HESITATION, (word,)) for word in words)
    return dataclasses.replace(base, name=name, title="Mine", entries=entries)


def imported(services: Services, tmp_path: Path) -> str:
    return take_one(services, write(tmp_path / "a.jsonl", [row(f"{i}?", text) for i, text in enumerate(TEXTS)]))


def test_versions_count_up_and_the_newest_is_what_the_name_means(services: Services, ada: str) -> None:
    shelf = services.lexicons
    first = shelf.add_version(ada, mine(services, "zounds"), "a start")
    assert (first.name, first.version, first.current, first.note, first.person) == (
        "doubts-own",
        1,
        True,
        "a start",
        ada,
    )
    second = shelf.add_version(ada, mine(services, "zounds", "egad"))
    assert second.version == 2 and second.id != first.id
    assert shelf.get("doubts-own").id == second.id and shelf.get("doubts-own").version == "2"
    assert next(iter(shelf.by_name)) == "doubts" and list(shelf.by_name)[-1] == "doubts-own"
    assert [(one.version, one.current) for one in shelf.own()] == [(1, False), (2, True)]
    old = shelf.finder(first.id)
    assert old is not None and old.find("zounds egad") == [(0, 0, 6)] and old.lexicon.version == "1"
    assert first.id not in shelf.matchers(), "older versions are found by id, and looked for in no new run"
    with pytest.raises(UserError, match="Nothing is new"):
        shelf.add_version(ada, mine(services, "egad", "zounds"))
    assert shelf.add_version(ada, mine(services, "zounds")).version == 3, "back to an older one is a new version"
    assert shelf.get("doubts-own").id == first.id


def test_another_process_sees_a_new_version_at_once(settings: Settings) -> None:
    with build_services(settings) as one, build_services(settings) as two:
        ada = one.people.local("Ada").id
        before = two.lexicons.by_name
        made = one.lexicons.add_version(ada, mine(one, "zounds"))
        assert "doubts-own" not in before and two.lexicons.get("doubts-own").id == made.id
        one.lexicons.retire(ada, "doubts-own")
        assert "doubts-own" not in two.lexicons.by_name


def test_a_shipped_name_never_changes_its_meaning(services: Services, ada: str) -> None:
    shipped = {name: lexicon.id for name, lexicon in services.lexicons.by_name.items()}
    with pytest.raises(UserError, match=r"is a shipped lexicon.*such as doubts-own"):
        services.lexicons.add_version(ada, mine(services, "zounds", name="doubts"))
    with pytest.raises(UserError, match="only what was made here"):
        services.lexicons.retire(ada, "doubts")
    assert {name: lexicon.id for name, lexicon in services.lexicons.by_name.items()} == shipped
    assert services.lexicons.own_name("doubts") == "doubts-own" and services.lexicons.own_name("mine") == "mine"


def test_one_that_is_shipped_later_hides_ours_and_mixes_nothing(settings: Settings, tmp_path: Path) -> None:
    with build_services(settings) as services:
        ada = services.people.local("Ada").id
        made = services.lexicons.add_version(ada, mine(services, "zounds", name="late"))
        folder = tmp_path / "lexicons"
        folder.mkdir()
        (folder / "late.yaml").write_text(services.lexicons.to_yaml("late").replace("zounds", "egad"), encoding="utf-8")
    with build_services(dataclasses.replace(settings, lexicons=folder)) as services:
        assert services.lexicons.get("late").entries[0].name == "egad"
        assert [one.current for one in services.lexicons.own()] == [False]
        old = services.lexicons.finder(made.id)
        assert old is not None and old.find("egad zounds") == [(0, 5, 11)]


def test_runs_get_the_cues_of_a_new_version_beside_the_old(services: Services, ada: str, tmp_path: Path) -> None:
    run = imported(services, tmp_path)
    first = services.lexicons.add_version(ada, mine(services, "zounds"))
    assert services.lexicons.missing() == {run: [first.id]} and "doubts-own" not in services.runs.densities()[run]
    assert [names for _, names in services.lexicons.match_missing()] == [["doubts-own"]]
    assert services.runs.densities()[run]["doubts-own"][0] == 1.0
    second = services.lexicons.add_version(ada, mine(services, "nothing"))
    assert services.lexicons.missing() == {run: [second.id]}
    list(services.lexicons.match_missing())
    listed = services.trace_list.page(TraceFilter(lexicon="doubts-own"), sort="problem").rows
    assert [item.cues for item in listed] == [0, 0, 1]
    opened = services.traces.open(f"{run}-00001", first.id)
    assert [cue.entry for cue in opened.cues] == ["zounds", "zounds"]
    assert {x.name: (x.runs, x.learned) for x in services.lexicons.overview()}["doubts-own"] == (1, False)
    services.lexicons.retire(ada, "doubts-own")
    assert services.lexicons.missing() == {} and {first.id, second.id} <= services.store.ledger.run_lexicons()[run]
    later = take_one(services, write(tmp_path / "b.jsonl", [row("b?", "nothing")]))
    assert not {first.id, second.id} & services.store.ledger.run_lexicons()[later]


def test_putting_away_and_coming_back(services: Services, ada: str) -> None:
    made = services.lexicons.add_version(ada, mine(services, "zounds"))
    services.lexicons.retire(ada, "doubts-own")
    with pytest.raises(UserError, match="no lexicon called"):
        services.lexicons.get("doubts-own")
    with pytest.raises(UserError, match="no lexicon of your own"):
        services.lexicons.retire(ada, "doubts-own")
    assert services.lexicons.finder(made.id) is not None and services.lexicons.own()[0].retired
    assert services.lexicons.add_version(ada, mine(services, "zounds")).version == 2


def test_yaml_out_and_in_is_the_same_lexicon(services: Services, ada: str, tmp_path: Path) -> None:
    made = services.lexicons.add_version(ada, mine(services, "zounds", "等等", "it's: #1"))
    path = tmp_path / "mine.yaml"
    path.write_text(services.lexicons.to_yaml(made.id), encoding="utf-8")
    services.lexicons.add_version(ada, mine(services, "egad"))
    assert services.lexicons.add_file(ada, path).id == made.id
    assert services.lexicons.to_yaml("doubts-own") == services.lexicons.to_yaml(made.id).replace(
        "version: '1'", "version: '3'"
    )
    again = services.lexicons.add_yaml(ada, path.read_bytes().replace(b"zounds", b"gosh"), "upload")
    assert again.version == 4


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("Mine!", ("zounds",), "can't be called"),
        ("m" * 60, ("zounds",), "can't be called"),
        ("mine", (), "at least one entry"),
        ("mine", ("zounds", "zounds"), "two entries"),
        ("mine", ("   ",), "name must be text"),
    ],
)
def test_what_is_no_lexicon_is_refused(
    services: Services, ada: str, name: str, words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        services.lexicons.add_version(ada, mine(services, *words, name=name))
    assert services.lexicons.own() == []


def test_roles(services: Services, ada: str) -> None:
    bob = services.people.local("Bob").id
    services.people.set_role(ada, bob, Role.ANNOTATOR)
    with pytest.raises(UserError, match="may not adjudicate"):
        services.lexicons.add_version(bob, mine(services, "zounds"))
    services.people.set_role(ada, bob, Role.ADJUDICATOR)
    services.lexicons.add_version(bob, mine(services, "zounds"))
    with pytest.raises(UserError, match="Ask an admin"):
        services.lexicons.retire(bob, "doubts-own")


def test_content_that_cannot_be_read_leaves_the_rest_standing(services: Services, ada: str) -> None:
    made = services.lexicons.add_version(ada, mine(services, "zounds"))
    row = services.store.own_lexicons.rows()[0]
    services.store.own_lexicons.add(dataclasses.replace(row, id="broken@1", name="broken"), {"form": 99})
    assert "broken" not in services.lexicons.by_name and services.lexicons.get("doubts-own").id == made.id
    assert services.lexicons.finder("broken@1") is None


def test_a_project_keeps_the_version_it_was_made_with(services: Services, ada: str) -> None:
    first = services.lexicons.add_version(ada, mine(services, "zounds"))
    services.lexicons.add_version(ada, mine(services, "egad"))
    text = "egad zounds"
    item = Item("i", "p", 0, "", 0, len(text))
    cues = LexiconCueFinder(services.lexicons).find(first.id, text, item)
    assert [text[cue.start : cue.end] for cue in cues] == ["zounds"]


def test_a_run_that_was_not_searched_is_unknown_and_not_free_of_doubts(
    services: Services, ada: str, tmp_path: Path
) -> None:
    run = imported(services, tmp_path)
    services.lexicons.add_version(ada, mine(services, "hmm"))
    [summary] = services.runs.summaries("doubts-own")
    assert (summary.cues, summary.per_1k, summary.free, summary.median_cues) == (None,) * 4
    assert summary.length.value > 0, "its length is known all the same"
    with pytest.raises(UserError, match="was not searched with the lexicon doubts-own yet"):
        services.comparison.compare([run], "doubts-own", "file")
    assert list(services.lexicons.match_missing())
    [summary] = services.runs.summaries("doubts-own")
    assert summary.cues is not None
    assert services.comparison.compare([run], "doubts-own", "file").problems
