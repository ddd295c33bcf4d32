"""Lists and figures out of the store, held against the same thing done by hand in Python."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.config import Settings
from backend.domain import SearchAs, TraceFilter, UserError, problem_id
from backend.store import Store
from backend.store.parts import COUNT_COLUMNS, GROUP_COLUMNS, SCHEMAS, loop_column
from backend.store.trace_filters import SORTS, VERDICTS
from tests.store.store_cases import LEXICON, counted, put, trace

QUESTIONS = ("one?", "two?", "三?")
WORDS = st.sampled_from(
    [
        "wait",
        "Wait,",
        "我觉得",
        "等等wait",
        "awaiting",
        "İstanbul",
        "ΣΑΣ",
        "ß",
        "e\u0301",
        "𝔸",
        "\0",
        "x_wait",
        "5",
        ".",
    ]
)


@st.composite
def stores(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Traces of one to three runs, each with its cue count under `n`."""
    found = []
    for run in draw(st.sampled_from([["a"], ["b", "a"], ["c", "a", "b"]])):
        for ordinal in range(draw(st.integers(1, 6))):
            place = draw(st.integers(0, 2))
            given_ = {
                "text": draw(st.lists(WORDS, max_size=6).map(" ".join)),
                "problem_ordinal": place,
                "sample": draw(st.integers(0, 2)),
                "tokens": draw(st.none() | st.integers(0, 50)),
                "finish": draw(st.sampled_from(["stop", "length", "unknown"])),
                **{column: draw(st.none() | st.booleans()) for column in VERDICTS.values()},
            }
            found.append({**trace(run, ordinal, QUESTIONS[place], **given_), "n": draw(st.integers(0, 4))})
    return found


FILTERS = st.builds(
    TraceFilter,
    runs=st.sampled_from([(), ("a",), ("b", "a"), ("nosuch",)]),
    problem=st.none() | st.sampled_from([problem_id(question) for question in QUESTIONS]),
    correct=st.none() | st.booleans(),
    unknown=st.booleans(),
    disagree=st.booleans(),
    grader=st.sampled_from(sorted(VERDICTS)),
    min_words=st.none() | st.integers(0, 4),
    max_words=st.none() | st.integers(0, 6),
    min_density=st.none() | st.floats(0, 500),
    max_density=st.none() | st.floats(0, 2000),
    cut=st.none() | st.booleans(),
    lexicon=st.just(LEXICON),
)


@contextmanager
def holding(rows: list[dict[str, Any]], *, with_counts: bool = True) -> Iterator[Store]:
    """A store of these traces."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Settings(store=Path(folder)))
        for run in dict.fromkeys(row["run_id"] for row in rows):
            own = [{k: v for k, v in row.items() if k != "n"} for row in rows if row["run_id"] == run]
            counts = [counted(row, row["n"]) for row in rows if row["run_id"] == run]
            other = [counted(row, 99, "other@1") for row in own]
            put(store, run, own, [*counts, *other] if with_counts else ())
        try:
            yield store
        finally:
            store.close()


def density(row: dict[str, Any]) -> float | None:
    length = row["words"] if row["tokens"] is None else row["tokens"]
    return 1000.0 * row["n"] / length if length else None


def passes(row: dict[str, Any], wanted: TraceFilter) -> bool:
    verdict, per_1k = row[VERDICTS[wanted.grader]], density(row)
    known = {row[column] for column in VERDICTS.values()} - {None}
    tests = [
        not wanted.runs or row["run_id"] in wanted.runs,
        wanted.problem is None or row["problem_id"] == wanted.problem,
        wanted.min_words is None or row["words"] >= wanted.min_words,
        wanted.max_words is None or row["words"] <= wanted.max_words,
        wanted.min_density is None or (per_1k is not None and per_1k >= wanted.min_density),
        wanted.max_density is None or (per_1k is not None and per_1k <= wanted.max_density),
        not wanted.unknown or verdict is None,
        wanted.unknown or wanted.correct is None or verdict is wanted.correct,
        not wanted.disagree or len(known) > 1,
        wanted.cut is None or (row["finish"] == "length") == wanted.cut,
    ]
    return all(tests)


def sort_key(row: dict[str, Any], sort: str, grader: str) -> Any:
    return {
        "run": row["run_id"],
        "problem": row["problem_ordinal"],
        "sample": row["sample"],
        "words": row["words"],
        "cues": row["n"],
        "density": density(row),
        "correct": row[VERDICTS[grader]],
        "finish": row["finish"],
        "loops": row["loop_chars"] / row["chars"] if row.get("loop_chars") is not None and row["chars"] else None,
    }[sort]


def by_hand(rows: list[dict[str, Any]], wanted: TraceFilter, sort: str, descending: bool) -> list[str]:
    """Ids in order: unknown last either way, ties by run, problem, sample and place in the source."""
    kept = sorted((row for row in rows if passes(row, wanted)), key=lambda row: (row["run_id"], *in_run(row)))
    known = [row for row in kept if sort_key(row, sort, wanted.grader) is not None]
    unknown = [row for row in kept if sort_key(row, sort, wanted.grader) is None]
    # sorting is stable also when reversed, so ties keep their order
    known.sort(key=lambda row: sort_key(row, sort, wanted.grader), reverse=descending)
    return [row["trace_id"] for row in known + unknown]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(stores(), FILTERS, st.sampled_from(sorted(SORTS)), st.booleans(), st.integers(1, 4))
def test_pages_are_what_filtering_and_sorting_by_hand_gives(
    rows: list[dict[str, Any]], wanted: TraceFilter, sort: str, descending: bool, limit: int
) -> None:
    expected = by_hand(rows, wanted, sort, descending)
    with holding(rows) as store:
        listed: list[str] = []
        for number in range(1, max(1, math.ceil(len(expected) / limit)) + 1):
            page, total, offset = store.queries.page(
                wanted, sort=sort, descending=descending, limit=limit, number=number
            )
            assert (total, offset) == (len(expected), (number - 1) * limit)
            listed += [row["trace_id"] for row in page]
            assert [row["cues"] for row in page] == [
                r["n"] for t in page for r in rows if r["trace_id"] == t["trace_id"]
            ]
        assert listed == expected
        beyond = store.queries.page(wanted, sort=sort, descending=descending, limit=limit, number=10_000)
        assert beyond[0] == page and beyond[2] == offset


# Characters old enough for Python and the database to agree on their case.
LETTERS = st.characters(max_codepoint=0x24FF, exclude_categories=["Cs", "Cn"])


def lowered(text: str) -> str:
    """Lower case one character at a time, as the database has it."""
    return "".join("i" if c == "İ" else c.lower() for c in text)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    stores(),
    st.text(LETTERS, min_size=1, max_size=4)
    | st.sampled_from(["WAIT", "觉", "i", "σας", "ΣΑΣ", "\0", "SS", "\u0301", ". "]),
)
def test_a_search_for_text_finds_it_in_any_case(rows: list[dict[str, Any]], search: str) -> None:
    expected = {row["trace_id"] for row in rows if lowered(search) in lowered(row["text"])}
    with holding(rows) as store:
        found, total, _ = store.queries.page(TraceFilter(search=search, lexicon=LEXICON), limit=1000)
        assert {row["trace_id"] for row in found} == expected and total == len(expected)


TEXTS = {
    "a": "Wait, is it so?",
    "b": "We are awaiting it.",
    "c": "我觉得wait一下",
    "d": "x_wait and wait2 and waité",
    "e": "wait",
    "f": "다시wait를",
    "g": "Hold\non (really) 3.5%",
    "h": "ẞtraße İstanbul",
    "i": "nothing here \0 at all",
    "j": "等等，让我想想",
}


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(Settings(store=tmp_path_factory.mktemp("texts")))
    for run, text in TEXTS.items():
        put(store, run, [trace(run, 0, text=text)])
    yield store
    store.close()


@pytest.mark.parametrize(
    ("how", "search", "expected"),
    [
        (SearchAs.TEXT, "wait", "abcdef"),
        (SearchAs.TEXT, "WAIT", "abcdef"),
        (SearchAs.TEXT, "觉得", "c"),
        (SearchAs.TEXT, "3.5%", "g"),
        (SearchAs.TEXT, "STRASSE", ""),
        (SearchAs.TEXT, "\0", "i"),
        (SearchAs.TEXT, "(", "g"),
        (SearchAs.WORD, "wait", "acef"),
        (SearchAs.WORD, "WAIT", "acef"),
        (SearchAs.WORD, "hold\non", "g"),
        (SearchAs.WORD, "觉得", "c"),
        (SearchAs.WORD, "等等", "j"),
        (SearchAs.WORD, "(really)", "g"),
        (SearchAs.WORD, "3.5%", "g"),
        (SearchAs.WORD, "\0", "i"),
        (SearchAs.WORD, "really", "g"),
        (SearchAs.WORD, "real", ""),
        (SearchAs.REGEX, r"^wait$", "e"),
        (SearchAs.REGEX, r"(?i)\bwait\b", "acdef"),  # \b knows the words of ASCII alone
        (SearchAs.REGEX, r"\p{Han}{2}wait", "c"),
        (SearchAs.REGEX, r"\pN\.\pN", "g"),
        (SearchAs.REGEX, r"Hold.on", ""),
        (SearchAs.REGEX, r"(?s)Hold.on", "g"),
        (SearchAs.REGEX, r"wait|Hold", "bcdefg"),
    ],
)
def test_searches(texts: Store, how: SearchAs, search: str, expected: str) -> None:
    found, _, _ = texts.queries.page(TraceFilter(search=search, search_as=how, lexicon=LEXICON))
    assert "".join(sorted(row["run_id"] for row in found)) == expected


@pytest.mark.parametrize("pattern", [r"(?=x)", r"(?<!a)b", r"\1", "(a", "a{1000}{1000}", "[z-a]", "a\\", r"\d++", "*"])
def test_a_pattern_the_engine_cannot_read_is_a_sentence(texts: Store, pattern: str) -> None:
    wanted = TraceFilter(search=pattern, search_as=SearchAs.REGEX, lexicon=LEXICON)
    with pytest.raises(UserError, match=r"is no regular expression: .+"):
        texts.queries.page(wanted)
    with pytest.raises(UserError, match=r"is no regular expression: .+"):
        texts.queries.page(replace(wanted, runs=("a",)))


@pytest.mark.parametrize("search", ["(?i)" + "é" * 20_000, "(ab|" * 200_000, "x" * 1_001])
@pytest.mark.parametrize("how", list(SearchAs))
def test_a_search_that_is_too_long_is_a_sentence(texts: Store, how: SearchAs, search: str) -> None:
    with pytest.raises(UserError, match="A search has at most 1,000 characters"):
        texts.queries.page(TraceFilter(search=search, search_as=how, lexicon=LEXICON))


@pytest.mark.parametrize("pattern", ["(.?.?.?.?){1000}x", r"(\pL?){300}x"])
def test_a_search_that_takes_too_long_is_stopped(tmp_path: Path, pattern: str) -> None:
    with closing(Store(Settings(store=tmp_path, query_seconds=1, served_at=""))) as store:
        put(store, "r", [trace("r", n, text="Wait, maybe this is right? " * 60) for n in range(2_000)])
        # 3 MB at some 40 kB a second: what can't be stopped takes minutes.
        with pytest.raises(UserError, match=r"stopped after 1 seconds: .* SECOND_THOUGHTS_QUERY_SECONDS"):
            store.queries.page(TraceFilter(search=pattern, search_as=SearchAs.REGEX, lexicon=LEXICON))
        assert store.queries.page(TraceFilter(search="maybe", lexicon=LEXICON))[1] == 2_000


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.sampled_from(["(", ")", "{", "}", "9", "1000", ",", "?", "*", "|", "[", "^", r"\pL", ".", "é", "(?i)"]))
)
def test_any_pattern_ends_in_rows_or_a_sentence(texts: Store, parts: list[str]) -> None:
    with suppress(UserError):
        texts.queries.page(TraceFilter(search="".join(parts), search_as=SearchAs.REGEX, lexicon=LEXICON))


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=12))
def test_any_search_ends_in_rows_or_a_sentence(texts: Store, search: str) -> None:
    search = search.encode("utf-8", "replace").decode()
    for how in SearchAs:
        try:
            texts.queries.page(TraceFilter(search=search, search_as=how, lexicon=LEXICON))
        except UserError as error:
            assert how is SearchAs.REGEX and "regular expression" in str(error)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(stores())
def test_figures_by_problem_add_up(rows: list[dict[str, Any]]) -> None:
    with holding(rows) as store:
        found = store.queries.per_problem(None, LEXICON)
        assert len(found) == len({(row["run_id"], row["problem_id"]) for row in rows})
        for got in found:
            own = [r for r in rows if (r["run_id"], r["problem_id"]) == (got["run_id"], got["problem_id"])]
            tokens = [row["tokens"] for row in own if row["tokens"] is not None]
            assert got["n"] == len(own) and got["cues"] == sum(row["n"] for row in own)
            assert (got["chars"], got["words"]) == (sum(r["chars"] for r in own), sum(r["words"] for r in own))
            assert got["tokens"] == (sum(tokens) if tokens else None)
            assert got["cut"] == sum(row["finish"] == "length" for row in own)
            assert got["finish_known"] == sum(row["finish"] != "unknown" for row in own)
            assert got["disagree"] == sum(len({r[c] for c in VERDICTS.values()} - {None}) > 1 for r in own)
            for column in VERDICTS.values():
                assert got[f"{column}_known"] == sum(row[column] is not None for row in own)
                assert got[f"{column}_right"] == sum(row[column] is True for row in own)
        traces = store.queries.per_trace(["a"], LEXICON)
        assert {row["trace_id"] for row in traces} == {row["trace_id"] for row in rows if row["run_id"] == "a"}
        order = [r["trace_id"] for r in sorted((r for r in rows if r["run_id"] == "a"), key=in_run)]
        assert [row["trace_id"] for row in traces] == order
        for place, trace_id in enumerate(order):
            before, after = store.queries.neighbours(trace_id)
            assert before == (order[place - 1] if place else None)
            assert after == (order[place + 1] if place + 1 < len(order) else None)


def in_run(row: dict[str, Any]) -> tuple[int, int, int]:
    return row["problem_ordinal"], row["sample"], row["ordinal"]


def test_a_store_without_counts_lists_zeros() -> None:
    rows = [{**trace("a", i, words=10), "n": 3} for i in range(2)]
    with holding(rows, with_counts=False) as store:
        page, total, _ = store.queries.page(TraceFilter(lexicon=LEXICON), sort="density")
        assert total == 2 and [(row["cues"], row["per_1k"]) for row in page] == [(0, 0.0)] * 2
        assert store.queries.per_problem(None, LEXICON)[0]["cues"] == 0
        assert store.queries.entry_counts(["a"], LEXICON) == []


def test_an_empty_store_answers_with_nothing(store: Store) -> None:
    queries = store.queries
    assert queries.page(TraceFilter(lexicon=LEXICON, search="x")) == ([], 0, 0)
    assert queries.per_problem(None, LEXICON) == queries.per_trace(["a"], LEXICON) == queries.samples("a", "p") == []
    assert queries.trace("a-00000") is None and queries.neighbours("a-00000") == (None, None)
    assert list(queries.texts("a")) == queries.prompts(["a"]) == queries.cues("a-00000", LEXICON) == []


@pytest.mark.parametrize(
    "trace_id", ["", "-", "a", "a-", "'; DROP TABLE traces; --", "../a-00000", "\0", "a-00000' OR '1'='1"]
)
def test_ids_are_values_not_statements(texts: Store, trace_id: str) -> None:
    assert texts.queries.trace(trace_id) is None
    assert texts.queries.neighbours(trace_id) == (None, None)
    assert texts.queries.page(TraceFilter(runs=(trace_id or "-",), lexicon=LEXICON))[1] == (trace_id == "a")


def test_unknown_graders_are_refused(texts: Store) -> None:
    with pytest.raises(UserError, match="no grader called"):
        texts.queries.page(TraceFilter(grader="t.words; --", lexicon=LEXICON))


def test_runs_are_listed_in_the_order_of_the_runs(store: Store) -> None:
    for run, dataset, model in (("a", "z", "m"), ("b", "a", "n"), ("c", "a", "m")):
        put(store, run, [trace(run, i, problem_ordinal=1 - i) for i in range(2)], dataset=dataset, model=model)
    listed = [row["trace_id"] for row in store.queries.page(TraceFilter(lexicon=LEXICON), sort="run")[0]]
    assert listed == [f"{run}-0000{i}" for run in "cba" for i in (1, 0)]
    assert [run.id for run in store.ledger.runs()] == list("cba")


def test_traces_with_an_entry(store: Store) -> None:
    rows = [trace("a", i, text="wait, maybe") for i in range(3)]
    spots = [
        (0, "wait", "answer", LEXICON),
        (1, "wait", "prompt", LEXICON),
        (2, "maybe", "answer", LEXICON),
        (1, "wait", "think", "x@1"),
    ]
    cues = [
        {**{name: rows[i][name] for name in ("trace_id", "run_id", "problem_id")}, "entry": entry, "section": section}
        | {"lexicon": lexicon, "grp": "hedge", "start": 0, "end": 4}
        for i, entry, section, lexicon in spots
    ]
    put(store, "a", rows, [counted(row, 1) for row in rows], cues)

    def found(**wanted: Any) -> list[str]:
        return [row["trace_id"][-1] for row in store.queries.page(TraceFilter(**{"lexicon": LEXICON} | wanted))[0]]

    assert found(entry="wait") == ["0"] and found(entry="maybe", runs=("a",)) == ["2"]
    assert found(entry="wait", lexicon="x@1") == ["1"] and found(entry="nosuch") == []
    assert found(entry="wait", search="nothing") == []


def test_groups_are_kept_apart(store: Store) -> None:
    rows = [trace("a", i) for i in range(2)]
    groups = {column: i + 1 for i, column in enumerate(GROUP_COLUMNS.values())}
    put(store, "a", rows, [counted(row, sum(groups.values()), **groups) for row in rows])
    assert [{column: row[column] for column in groups} for row in store.queries.per_trace(["a"], LEXICON)] == [
        groups
    ] * 2
    summed = store.queries.per_problem(None, LEXICON)[0]
    assert {column: summed[column] for column in groups} == {column: 2 * n for column, n in groups.items()}


def _looping(row: dict[str, Any], n: int, looped: int) -> dict[str, Any]:
    """A row of counts for a trace with `n` hesitations, `looped` of them in loops."""
    none = dict.fromkeys(map(loop_column, COUNT_COLUMNS), 0)
    some = dict.fromkeys(map(loop_column, ("n", "answer", "hesitation")), looped)
    return counted(row, n, hesitation=n) | none | some


def test_what_lies_in_loops_stands_beside_the_whole_and_is_unknown_for_older_parts(store: Store) -> None:
    loops = {"loop_chars": 0, "loop_words": 0, "loop_tokens": None}
    rows = [trace("a", i, text="wait " * 10, **loops) for i in range(3)]
    rows[2] |= {"loop_chars": 40, "loop_words": 8, "loops": [{"start": 10, "end": 50}]}
    put(store, "a", rows, [_looping(rows[0], 1, 0), _looping(rows[2], 10, 8)])
    put(store, "old", [trace("old", 0)], [counted(trace("old", 0), 5)])
    per_trace = {row["trace_id"]: row for row in store.queries.per_trace(["a", "old"], LEXICON)}
    assert [row["loop_cues"] for row in per_trace.values()] == [0, 0, 8, None]
    assert per_trace["a-00002"]["loop_hesitation"] == 8 and per_trace["a-00002"]["loop_words"] == 8
    summed, old = store.queries.per_problem(["a", "old"], LEXICON)
    assert (summed["cues"], summed["loop_cues"], summed["loop_words"], summed["looping"]) == (11, 8, 8, 1)
    assert summed["largest"] == 10 and summed["loop_hesitation"] == 8 and summed["loop_tokens"] is None
    assert old["loop_cues"] is old["loop_words"] is old["loop_hesitation"] is old["looping"] is None
    assert (old["cues"], old["words"]) == (5, 3)
    run, old = store.queries.per_run(["a", "old"], LEXICON)
    assert (run["n"], run["cues"], run["loop_cues"], run["largest"], run["median_cues"]) == (3, 11, 8, 10, 1)
    assert (run["median_free_cues"], run["median_words"], run["median_free_words"]) == (1, 10, 10)
    assert run["median_tokens"] is None and (old["median_cues"], old["median_free_cues"]) == (5, None)
    found = {wanted: store.queries.page(TraceFilter(looping=wanted, lexicon=LEXICON))[1] for wanted in (True, False)}
    assert found == {True: 1, False: 2}
    texts = store.queries.texts_of(["a-00002", "old-00000"])
    assert texts["a-00002"]["loops"] == [{"start": 10, "end": 50}] and texts["old-00000"]["loops"] is None


def test_parts_of_earlier_releases_are_read_beside_those_of_this_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    schemas = {
        kind: pa.schema([field for field in schema if "loop" not in field.name]) for kind, schema in SCHEMAS.items()
    }
    with monkeypatch.context() as earlier:
        earlier.setattr("backend.store.parts.SCHEMAS", schemas)
        put(store, "old", [trace("old", 0)], [counted(trace("old", 0), 5)])
    assert store.queries.per_trace(["old"], LEXICON)[0]["loop_cues"] is None
    assert store.queries.texts_of(["old-00000"])["old-00000"]["loops"] is None
    row = trace("new", 0, loop_chars=4, loop_words=1, loops=[{"start": 0, "end": 4}])
    put(store, "new", [row], [_looping(row, 2, 1)])
    assert [row["loop_cues"] for row in store.queries.per_trace(["new", "old"], LEXICON)] == [1, None]
    assert len(store.queries.texts_of(["new-00000", "old-00000"])) == 2


def test_cues_are_listed_in_order_of_place_prompt_first(store: Store) -> None:
    row = trace("a", 0, text="wait, maybe")
    spots = [
        ("maybe", "hedge", "answer", 6, 11),
        ("wait", "hesitation", "prompt", 3, 7),
        ("wait", "hesitation", "answer", 0, 4),
    ]
    base = {"trace_id": row["trace_id"], "run_id": "a", "problem_id": row["problem_id"], "lexicon": LEXICON}
    names = ("entry", "grp", "section", "start", "end")
    put(store, "a", [row], [counted(row, 2)], [base | dict(zip(names, spot, strict=True)) for spot in spots])
    listed = store.queries.cues(row["trace_id"], LEXICON)
    assert [(cue["section"], cue["start"]) for cue in listed] == [("prompt", 3), ("answer", 0), ("answer", 6)]
    assert store.queries.cues(row["trace_id"], "other@1") == []
    counts = store.queries.entry_counts(["a"], LEXICON)
    assert {(c["entry"], c["grp"], c["n"]) for c in counts} == {("maybe", "hedge", 1), ("wait", "hesitation", 1)}
