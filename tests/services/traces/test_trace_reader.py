"""Opening a trace, and listing traces page by page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend.config import Settings
from backend.domain import Context, Cue, Group, SearchAs, Section, TraceFilter, UserError
from backend.engines.protocol import Alternative, Token
from backend.import_plan import Overrides
from backend.services import Services, build_services
from backend.services.traces.run_builder import Scored, token_row
from backend.services.traces.trace_list import PAGE
from backend.services.traces.trace_reader import TokenScores, cue_contrast
from backend.store.parts import PartWriter
from backend.store.registry import Fork
from tests.services.made_files import row, take_one, write

TEXT = "<think>\nWait, maybe 2.</think>\n\nSo \\boxed{2}. Check!"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """One store for the whole module: reading changes nothing."""
    with build_services(Settings(store=tmp_path_factory.mktemp("reading") / "store")) as wired:
        yield wired


@pytest.fixture(scope="module")
def run(services: Services, tmp_path_factory: pytest.TempPathFactory) -> str:
    tmp_path = tmp_path_factory.mktemp("run")
    rows = [row(f"{i}?", f"{TEXT} {i}", f"\\boxed{{{i}}}", response_token_lengths=[20, 4]) for i in range(60)]
    return take_one(services, write(tmp_path / "a.jsonl", rows), overrides=Overrides(dataset="d"))


def test_an_open_trace_holds_all_of_it(services: Services, run: str) -> None:
    opened = services.traces.open(f"{run}-00006", services.lexicons.get("kim2026").id)
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
    assert services.traces.neighbours(f"{run}-00000") == (None, f"{run}-00001")
    assert services.traces.neighbours(f"{run}-00119") == (f"{run}-00118", None)
    assert services.traces.neighbours("nosuch-00000") == (None, None)


@pytest.mark.parametrize(
    "trace", ["", "x", "nosuch-00000", "{run}-99999", "{run}", "{run}-", "{run}-0", "\0", "a" * 5000]
)
def test_a_trace_that_is_not_there_is_a_sentence(services: Services, run: str, trace: str) -> None:
    with pytest.raises(UserError, match="There is no trace") as caught:
        services.traces.open(trace.format(run=run), services.lexicons.get("doubts").id)
    assert len(str(caught.value)) < 300


def test_pages_and_their_numbers(services: Services, run: str) -> None:
    first = services.trace_list.page(TraceFilter(), sort="problem")
    assert (first.total, first.pages, first.number, len(first.rows)) == (120, 3, 1, PAGE)
    last = services.trace_list.page(TraceFilter(), 99, sort="problem")
    assert (last.number, len(last.rows)) == (3, 20)
    assert services.trace_list.page(TraceFilter(), -5, sort="problem").rows == first.rows
    listed = [
        item.id for number in (1, 2, 3) for item in services.trace_list.page(TraceFilter(), number, "problem").rows
    ]
    assert len(set(listed)) == 120
    assert first.rows[0].question == "0?" and first.rows[0].run == run


def test_filters_by_name(services: Services, run: str) -> None:
    def total(**wanted: object) -> int:
        return services.trace_list.page(TraceFilter(**wanted)).total  # type: ignore[arg-type]

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
    with build_services(settings) as empty:
        with pytest.raises(UserError, match="no regular expression"):
            empty.trace_list.page(TraceFilter(search="(", search_as=SearchAs.REGEX))
        assert empty.trace_list.page(TraceFilter(search="x")).total == 0


def test_tokens_come_back_as_they_were_stored(services: Services, run: str) -> None:
    trace = f"{run}-00000"
    assert services.traces.token_parts(trace) == () and services.traces.tokens(trace) == []
    said = [Token(0, 7, 5, -0.5, 1.25, True, (Alternative("<think>", -0.5),)), Token(7, 7), Token(7, 9999, 1, -1.0)]
    scored = [Scored("m", "full solution", False, said[:1]), Scored("m", "none", True, said)]
    with PartWriter(services.store.folder, run) as writer:
        writer.write("tokens", [token_row(trace, run, each) for each in scored])
        assert writer.register(lambda parts: services.store.ledger.add_matches(run, parts, {}))
    assert len(services.traces.token_parts(trace)) == 1
    written, read = services.traces.tokens(trace)
    assert written == TokenScores("m", Context.NONE, True, (0, 7), (7, 7), (-0.5, None), (1.25, None), (True, False),
                                  ((("<think>", -0.5),), ()))  # fmt: skip
    assert (read.context, read.generated, read.starts) == (Context.SOLUTION, False, (0,))
    assert services.traces.tokens(f"{run}-00001") == services.traces.tokens("nosuch-00000") == []


@pytest.mark.parametrize(("generated", "rest", "rest_n"), [(True, 2.0, 2), (False, 4.0, 3)])
def test_means_in_cues_leave_out_what_was_put_there(generated: bool, rest: float, rest_n: int) -> None:
    """Token i is character i; of a text that was only read every token is forced, which means nothing there."""
    size = 7
    forced = tuple(not generated or i == 0 for i in range(size))
    scores = TokenScores("m", Context.NONE, generated, tuple(range(size)), tuple(range(1, size + 1)), (None,) * size,
                         (None,) * size, forced, ((),) * size)  # fmt: skip
    cues = [Cue(2, 4, "wait", Group.HESITATION, Section.THINK), Cue(3, 5, "so", Group.HEDGE, Section.THINK)]
    found = cue_contrast(scores, [8.0, 1.0, 5.0, 6.0, 7.0, 3.0, float("nan")], cues)
    assert found.cues is not None and (found.cues.value, found.cues.n) == (6.0, 3)
    assert found.cues.low is None and found.cues.why, "three tokens show no spread"
    assert (found.rest, found.rest_n) == (rest, rest_n)
    none = cue_contrast(scores, [1.0] * size, [])
    assert none.cues is None and none.rest == 1.0


def test_forks_know_both_ends(services: Services, run: str) -> None:
    parent, first, second = (f"{run}-{number:05}" for number in (6, 10, 11))
    forks = [Fork(second, parent, 8, " Maybe"), Fork(first, parent, 3, ""), Fork("gone-00001", parent, 1, "x")]
    services.store.registry.add_forks(forks)
    links = services.traces.forks(parent)
    assert [(link.trace, link.at, link.inserted, link.run.id) for link in links] == [
        (first, 3, "", run), (second, 8, " Maybe", run)]  # fmt: skip
    opened = [services.traces.open(link.trace, services.lexicons.get("doubts").id) for link in links]
    assert [link.sample for link in links] == [trace.sample for trace in opened] == [0, 1]
    for link, trace in zip(links, opened, strict=True):
        said, shown = link.verdict("paper"), trace.verdict("paper")
        assert (said.answer, said.correct) == (shown.answer, shown.correct) and said.answer
    up = services.traces.parent(first)
    assert up is not None and (up.trace, up.at) == (parent, 3)
    assert services.traces.parent(parent) is None and services.traces.forks(first) == []


def test_every_real_cue_cuts_out_its_form(real_store: Settings) -> None:
    with build_services(real_store) as services:
        lexicon = services.lexicons.get("kim2026-words")
        forms = {entry.name: entry.forms for entry in lexicon.entries}
        wanted = TraceFilter(dataset="AIME24", lexicon=lexicon.name)
        rows = services.trace_list.page(wanted, sort="cues", descending=True).rows
        assert len(rows) == PAGE
        for item in rows[::5]:
            opened = services.traces.open(item.id, lexicon.id)
            assert len(opened.response_cues) == item.cues
            assert all(opened.text[c.start : c.end].lower() in forms[c.entry] for c in opened.response_cues)
