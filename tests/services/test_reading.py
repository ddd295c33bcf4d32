"""Opening a trace, and listing traces page by page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from made_files import row, take_one, write

from backend.config import Settings
from backend.domain import SearchAs, Section, TraceFilter, UserError
from backend.exchange import Overrides
from backend.services import PAGE, Services, wire

TEXT = "<think>\nWait, maybe 2.</think>\n\nSo \\boxed{2}. Check!"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """One store for the whole module: reading changes nothing."""
    with wire(Settings(store=tmp_path_factory.mktemp("reading") / "store")) as wired:
        yield wired


@pytest.fixture(scope="module")
def run(services: Services, tmp_path_factory: pytest.TempPathFactory) -> str:
    tmp_path = tmp_path_factory.mktemp("run")
    rows = [row(f"{i}?", f"{TEXT} {i}", f"\\boxed{{{i}}}", response_token_lengths=[20, 4]) for i in range(60)]
    return take_one(services, write(tmp_path / "a.jsonl", rows), overrides=Overrides(dataset="d"))


def test_an_open_trace_holds_all_of_it(services: Services, run: str) -> None:
    opened = services.reading.open(f"{run}-00006", services.lexicons.get("kim2026").id)
    assert (opened.question, opened.number, opened.sample, opened.text) == ("3?", 4, 0, f"{TEXT} 3")
    assert next((s.section, opened.text[s.start : s.end]) for s in opened.sections) == (
        Section.THINK,
        TEXT.split("\n\n")[0],
    )
    assert [(c.entry, opened.text[c.start : c.end], c.section) for c in opened.cues] == [
        ("wait", "Wait", Section.THINK),
        ("maybe", "maybe", Section.THINK),
        ("check", "Check", Section.ANSWER),
    ]
    assert opened.length == 20 and opened.per_1k == pytest.approx(150.0)
    assert opened.run.id == run and opened.verdict("paper").correct is True


def test_neighbours_follow_the_runs_order(services: Services, run: str) -> None:
    assert services.reading.neighbours(f"{run}-00000") == (None, f"{run}-00001")
    assert services.reading.neighbours(f"{run}-00119") == (f"{run}-00118", None)
    assert services.reading.neighbours("nosuch-00000") == (None, None)


@pytest.mark.parametrize(
    "trace", ["", "x", "nosuch-00000", "{run}-99999", "{run}", "{run}-", "{run}-0", "\0", "a" * 5000]
)
def test_a_trace_that_is_not_there_is_a_sentence(services: Services, run: str, trace: str) -> None:
    with pytest.raises(UserError, match="There is no trace") as caught:
        services.reading.open(trace.format(run=run), services.lexicons.get("doubts").id)
    assert len(str(caught.value)) < 300


def test_pages_and_their_numbers(services: Services, run: str) -> None:
    first = services.browsing.page(TraceFilter(), sort="problem")
    assert (first.total, first.pages, first.number, len(first.rows)) == (120, 3, 1, PAGE)
    last = services.browsing.page(TraceFilter(), 99, sort="problem")
    assert (last.number, len(last.rows)) == (3, 20)
    assert services.browsing.page(TraceFilter(), -5, sort="problem").rows == first.rows
    listed = [item.id for number in (1, 2, 3) for item in services.browsing.page(TraceFilter(), number, "problem").rows]
    assert len(set(listed)) == 120
    assert first.rows[0].question == "0?" and first.rows[0].run == run


def test_filters_by_name(services: Services, run: str) -> None:
    def total(**wanted: object) -> int:
        return services.browsing.page(TraceFilter(**wanted)).total  # type: ignore[arg-type]

    assert total(dataset="d") == 120 and total(dataset="nosuch") == 0
    assert total(runs=(run,), dataset="d") == 120 and total(runs=("other",), dataset="d") == 0
    assert total(correct=True) == 61 and total(correct=False) == 59 and total(unknown=True) == 0
    assert total(search="CHECK") == 60 and total(search="check", search_as=SearchAs.WORD) == 60
    assert total(search=r"\\boxed\{2\}$", search_as=SearchAs.REGEX) == 1
    assert total(min_density=150.0, lexicon="kim2026") == 60 and total(max_density=149.9, lexicon="kim2026") == 60
    with pytest.raises(UserError, match="no regular expression"):
        total(search="(?=x)", search_as=SearchAs.REGEX)
    with pytest.raises(UserError, match="no lexicon"):
        total(lexicon="nosuch")
    with pytest.raises(UserError, match="no grader"):
        total(grader="nosuch", correct=True)


def test_a_bad_search_is_named_in_an_empty_store_too(settings: Settings) -> None:
    with wire(settings) as empty:
        with pytest.raises(UserError, match="no regular expression"):
            empty.browsing.page(TraceFilter(search="(", search_as=SearchAs.REGEX))
        assert empty.browsing.page(TraceFilter(search="x")).total == 0


def test_every_real_cue_cuts_out_its_form(real_store: Settings) -> None:
    with wire(real_store) as services:
        lexicon = services.lexicons.get("kim2026-words")
        forms = {entry.name: entry.forms for entry in lexicon.entries}
        wanted = TraceFilter(dataset="AIME24", lexicon=lexicon.name)
        rows = services.browsing.page(wanted, sort="cues", descending=True).rows
        assert len(rows) == PAGE
        for item in rows[::5]:
            opened = services.reading.open(item.id, lexicon.id)
            assert len(opened.response_cues) == item.cues
            assert all(opened.text[c.start : c.end].lower() in forms[c.entry] for c in opened.response_cues)
