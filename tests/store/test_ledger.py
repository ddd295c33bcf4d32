"""The ledger on SQLite and on PostgreSQL: one transaction a write, no write lost, nothing half there."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import inspect, text

from backend.domain import Context, RunInfo, Sampling, UserError, problem_id
from backend.store.database import connect
from backend.store.ledger import Ledger, PartRow, ProblemRow, SetRow, SourceRow, sqlite_url
from backend.store.migrations import MIGRATIONS, migrate
from tests.store.store_cases import LEXICON, add_many, dump, open_store, run_of

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    opened = Ledger(connect(url))
    yield opened
    opened.close()


def problem(name: str, gold: str | None = None) -> ProblemRow:
    return ProblemRow(problem_id(name), name, gold)


def add(ledger: Ledger, run_id: str, *problems: ProblemRow, parts: tuple[PartRow, ...] = ()) -> bool:
    named = list(problems or (problem("p"),))
    return ledger.add_run(run_of(run_id, len(named)), [SourceRow("0" * 64, "f", 1)], named, list(parts), {LEXICON: {}})


def test_migrations_are_applied_once(url: str) -> None:
    first = connect(url)
    tables = set(inspect(first).get_table_names())
    with first.begin() as connection:
        assert migrate(connection) == []
        names = set(connection.execute(text("SELECT name FROM migrations")).scalars())
    assert names == {step.__name__ for step in MIGRATIONS}
    first.dispose()
    again = connect(url)
    assert set(inspect(again).get_table_names()) == tables >= {"runs", "parts", "problems", "lexicons", "migrations"}
    again.dispose()


def test_runs_of_earlier_releases_were_read_by_the_first_rules(url: str) -> None:
    ledger = Ledger(connect(url))
    add(ledger, "r")
    with ledger.writing() as connection:
        connection.execute(text("ALTER TABLE runs DROP COLUMN rules"))
        connection.execute(text("DELETE FROM migrations WHERE name = 'm007_rules'"))
    ledger.close()
    ledger = Ledger(connect(url))
    assert ledger.run_rules() == {"r": 1}
    ledger.close()


def test_new_parts_take_the_place_of_the_old_ones_whole_or_not_at_all(ledger: Ledger) -> None:
    old = [PartRow(kind, "r", kind, 1, 1) for kind in ("traces", "cues")]
    new = [PartRow(f"new {kind}", "r", kind, 1, 1) for kind in ("traces", "cues")]
    add(ledger, "r", parts=(*old, PartRow("tokens", "r", "tokens", 1, 1)))
    assert not ledger.replace_parts("gone", old, new, 2, {})
    assert not ledger.replace_parts("r", [old[0], PartRow("other", "r", "cues", 1, 1)], new, 2, {})
    assert ledger.part_paths() == {"traces", "cues", "tokens"} and ledger.run_rules() == {"r": 1}
    assert ledger.replace_parts("r", old, new, 2, {"new@1": {}})
    assert ledger.part_paths() == {"new traces", "new cues", "tokens"} and ledger.run_rules() == {"r": 2}
    assert ledger.run_lexicons() == {"r": {"new@1"}}


def test_a_run_comes_back_as_it_was_put_in(ledger: Ledger) -> None:
    info = RunInfo(
        model="模型\n<b>",
        dataset="AIME24",
        parent="base",
        variant="v",
        context=Context.SOLUTION_NO_THINK,
        sampling=Sampling(0.6, 0.95, 20, 32768, 7, "think", "Be brief."),
        format="f",
        source="s",
        tokenizer="t",
        note="n",
    )
    run = run_of("r1", 2, 5)
    run = type(run)("r1", info, 2, 5, "tokens", run.created)
    problems = [problem("b", "2"), problem("a")]
    sources = [SourceRow("1" * 64, "x/b.jsonl", 5_000_000_000), SourceRow("2" * 64, "x/a.jsonl", 3)]
    assert ledger.add_run(
        run, sources, problems, [PartRow("p", "r1", "traces", 5, 10)], {LEXICON: {"deep": [1, {"a": "ü"}]}}
    )
    assert ledger.find_run("r1") == run == ledger.runs()[0]
    assert ledger.problems("r1") == problems
    assert ledger.sources("r1") == sorted(sources, key=lambda source: source.file)
    assert ledger.parts("traces", ["r1"]) == [PartRow("p", "r1", "traces", 5, 10)]
    assert ledger.lexicons() == {LEXICON: {"deep": [1, {"a": "ü"}]}}
    assert ledger.run_lexicons() == {"r1": {LEXICON}}
    assert ledger.find_run("r2") is None


@pytest.mark.parametrize("words", ["NUL \0 inside", "astral 𝔸 e\u0301 \r\n", "quote ' \" \\ % $1 ?"])
def test_any_text_is_kept(ledger: Ledger, words: str) -> None:
    run = type(run_of("r"))("r", RunInfo(words, words, note=words), 1, 1, "words", "now")
    row = ProblemRow(problem_id(words), words, words)
    assert ledger.add_run(run, [SourceRow("0" * 64, words, 1)], [row], [], {LEXICON: {"x": words}})
    kept = ledger.problems("r")[0]
    assert ledger.questions([row.id]) == {row.id: kept.question}
    assert ledger.find_run("r").info.model == kept.question == kept.gold
    assert kept.question in (words, words.replace("\0", "\u2400")), "PostgreSQL has no NUL: a picture of it stands in"
    assert ledger.lexicons()[LEXICON] == {"x": words}


def test_a_run_is_stored_once(ledger: Ledger) -> None:
    assert add(ledger, "r", problem("a"), parts=(PartRow("one", "r", "traces", 1, 1),))
    assert not add(ledger, "r", problem("b"), parts=(PartRow("two", "r", "traces", 1, 1),))
    assert ledger.part_paths() == {"one"}
    assert [p.question for p in ledger.problems("r")] == ["a"]


def test_a_failed_write_changes_nothing(ledger: Ledger) -> None:
    add(ledger, "kept", parts=(PartRow("same path", "kept", "traces", 1, 1),))
    with pytest.raises(UserError, match=r"could not be written.*Nothing was changed"):
        add(ledger, "lost", problem("new"), parts=(PartRow("same path", "lost", "traces", 1, 1),))
    assert [run.id for run in ledger.runs()] == ["kept"]
    assert ledger.questions([problem("new").id]) == {}
    assert ledger.run_lexicons() == {"kept": {LEXICON}}


def test_matches_of_a_run_that_is_gone_or_has_them_are_refused(ledger: Ledger) -> None:
    add(ledger, "r")
    part = PartRow("cues", "r", "cues", 1, 1)
    assert not ledger.add_matches("gone", [part], {"new@1": {}})
    assert ledger.add_matches("r", [part], {"new@1": {}})
    assert not ledger.add_matches("r", [PartRow("again", "r", "cues", 1, 1)], {"new@1": {}})
    assert ledger.run_lexicons() == {"r": {LEXICON, "new@1"}} and ledger.part_paths() == {"cues"}
    assert ledger.add_matches("r", [], {"none found@1": {}}), "a lexicon that finds nothing is held all the same"


def test_deleting_takes_the_problems_nothing_else_holds(ledger: Ledger) -> None:
    a, b, c = problem("a"), problem("b"), problem("c")
    add(ledger, "one", a, b, c, parts=(PartRow("x", "one", "traces", 1, 1), PartRow("y", "one", "cues", 1, 1)))
    add(ledger, "two", b)
    assert ledger.add_problem_set(SetRow("s", "set", "f", "0", 1, 2, "now"), [c, c], [{}, {"level": 5}])
    assert not ledger.add_problem_set(SetRow("s", "set", "f", "0", 1, 2, "now"), [c, c], [{}, {}])
    assert sorted(part.path for part in ledger.delete_run("one")) == ["x", "y"]
    assert ledger.part_paths() == set() and ledger.sources("one") == []
    assert set(ledger.questions([a.id, b.id, c.id])) == {b.id, c.id}
    ledger.delete_problem_set("s")
    assert {p.id for p in ledger.all_problems()} == {b.id}


def test_a_gold_answer_is_filled_in_and_never_taken_away(ledger: Ledger) -> None:
    add(ledger, "one", problem("a"))
    add(ledger, "two", problem("a", "42"))
    add(ledger, "three", problem("a"))
    add(ledger, "four", problem("a", "43"))
    assert ledger.problems("one")[0].gold == "42"


def test_shared_problems_are_counted_for_every_two_runs(ledger: Ledger) -> None:
    add(ledger, "a", problem("1"), problem("2"), problem("3"))
    add(ledger, "b", problem("3"), problem("2"))
    add(ledger, "c", problem("3"), problem("9"))
    add(ledger, "d", problem("10"))
    assert sorted(ledger.shared_problems(["a", "b", "c"])) == [("a", "b", 2), ("a", "c", 1), ("b", "c", 1)]
    assert ledger.shared_problems(["a", "c"]) == [("a", "c", 1)] and ledger.shared_problems([]) == []
    assert sorted(ledger.runs_with(problem("2").id)) == ["a", "b"]


def test_many_problems_fit(ledger: Ledger) -> None:
    many = [problem(f"p{i}") for i in range(1203)]
    add(ledger, "r", *many)
    assert ledger.problems("r") == many
    assert len(ledger.questions([p.id for p in many])) == 1203


def test_processes_that_write_at_once_lose_nothing(url: str, tmp_path: Path) -> None:
    workers, runs = 4, 12
    with ProcessPoolExecutor(workers, mp_context=SPAWN) as pool:
        tasks = [pool.submit(add_many, str(tmp_path), url, worker, runs) for worker in range(workers)]
        versions = [task.result() for task in tasks]
    ledger = Ledger(connect(url))
    assert {run.id for run in ledger.runs()} == {f"w{w}r{n}" for w in range(workers) for n in range(runs)}
    assert ledger.version() == workers * runs
    assert all(seen == sorted(set(seen)) for seen in versions)
    assert {p.gold for p in ledger.all_problems()} == {str(n) for n in range(runs)}
    ledger.close()


def test_processes_may_open_a_new_store_at_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, mp_context=SPAWN) as pool:
        assert list(pool.map(open_store, [str(tmp_path / "new")] * 8)) == [0] * 8


def test_sqlite_uses_wal_and_takes_the_write_lock_at_the_start(tmp_path: Path) -> None:
    engine = connect(sqlite_url(tmp_path))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        other = sqlite3.connect(tmp_path / "ledger.sqlite", timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        assert other.execute("SELECT count(*) FROM runs").fetchone() == (0,), "readers don't wait"
        other.close()
    with engine.connect().execution_options(readonly=True) as connection:
        connection.execute(text("SELECT 1"))
        other = sqlite3.connect(tmp_path / "ledger.sqlite", timeout=0, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.close()
    engine.dispose()


def test_a_ledger_that_is_kept_locked_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.store.sqlite_connections.WAIT_MS", 1)
    ledger = Ledger(connect(sqlite_url(tmp_path)))
    holder = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(UserError, match=r"another process kept it locked\. Nothing was changed"):
        add(ledger, "r")
    holder.execute("ROLLBACK")
    holder.close()
    assert add(ledger, "r")
    ledger.close()


@pytest.mark.parametrize("folder", ["plain", "a b?c%20#x", "ü 中文 [1] *", "lexicon=3"])
def test_the_folder_may_have_any_name(tmp_path: Path, folder: str) -> None:
    place = tmp_path / folder
    place.mkdir()
    ledger = Ledger(connect(sqlite_url(place)))
    add(ledger, "r")
    ledger.close()
    assert (place / "ledger.sqlite").is_file()
    assert any('INTO "runs"' in line for line in dump(place))


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nonsense", "can't be used"),
        ("nosuchdatabase://x/y", "can't be used"),
        ("postgresql+nosuchdriver://x/y", "can't be used"),
        ("mysql://x/y", "SQLite or PostgreSQL .*, not in mysql"),
        ("s3://bucket/x", "SQLite or PostgreSQL .*, not in s3"),
        ("postgresql+psycopg://me:secret@host:port/x", "its port is no number"),
        ("postgresql+psycopg://me:secret/x", "its port is no number"),
        ("postgresql+psycopg://me:1secret@2@host/x", "%40"),
        ("postgresql+psycopg://me:1/secret@host/x", "%2F"),
        ("postgresql+psycopg://me:secret@host..name/x", r"host\.\.name/x can't be opened"),
        ("postgresql+psycopg://me:secret@localhost:99999/x", "can't be opened: "),
        ("postgresql+psycopg://localhost:1/x?user=me&password=secret", "can't be opened: connection failed"),
        ("sqlite:///{folder}/missing/ledger.sqlite", "can't be opened"),
        ("sqlite:///{folder}/text.sqlite", "can't be opened: file is not a database"),
    ],
)
def test_a_bad_address_is_a_sentence(tmp_path: Path, address: str, message: str) -> None:
    (tmp_path / "text.sqlite").write_text("plain text, long enough to be read as a page of a database " * 100)
    if address.startswith("postgresql+psycopg:"):
        pytest.importorskip("psycopg", reason="psycopg (dependency group `postgres`) is not installed")
    with pytest.raises(UserError, match=message) as caught:
        connect(address.format(folder=tmp_path))
    assert "secret" not in str(caught.value)


@given(st.text(st.sampled_from("ab1:/@?#[]%. s\0é"), max_size=30))
def test_any_password_makes_a_sentence_without_it(signs: str) -> None:
    pytest.importorskip("psycopg", reason="psycopg (dependency group `postgres`) is not installed")
    with pytest.raises(UserError) as caught:
        connect(f"postgresql+psycopg://me:topsecret{signs}topsecret@/x?host=/nosuch")
    assert "topsecret" not in str(caught.value)


def test_a_ledger_of_a_newer_release_is_refused_by_name(url: str) -> None:
    ledger = Ledger(connect(url))
    with ledger.writing() as connection:
        connection.execute(text("INSERT INTO migrations VALUES ('m999_later')"))
        connection.execute(text("DELETE FROM migrations WHERE name = 'm007_rules'"))
    ledger.close()
    with pytest.raises(UserError, match="newer release than this one: it has been through m999_later"):
        connect(url)


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="psycopg (dependency group `postgres`) is not installed")
    with pytest.raises(UserError) as caught:
        connect(f"postgresql+psycopg://someone:secret@/x?host={tmp_path}")
    assert "secret" not in str(caught.value)
