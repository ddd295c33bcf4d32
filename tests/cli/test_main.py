"""The command line as a person uses it: real processes, real files, what they print and how they end."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend import config
from backend.cli.main import main
from backend.config import ROOT, Settings
from backend.services import build_services
from tests.patience import PATIENCE, until
from tests.services.made_files import made_newer, row, state, write
from tests.services.traces.test_runs import KNOWN

GOOD = [row(f"Problem {i}?", f"Wait, maybe \\boxed{{{i}}}", gold=str(i)) for i in range(5)]
LINE = json.dumps(GOOD[0])


class Said(NamedTuple):
    """How a command ended and what it printed."""

    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., Said]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """`python -m backend WORDS` without the start of a process."""

    def call(*words: object, store: Path | None = None, env: dict[str, str] | None = None) -> Said:
        with monkeypatch.context() as patched:
            for name in config.VARIABLES:
                patched.delenv(name, raising=False)
            for name, value in (env or {}).items():
                patched.setenv(name, value)
            try:
                code = main([*map(str, words), *(["--store", str(store)] if store else [])])
            except SystemExit as ended:
                code = int(ended.code or 0)
        return Said(code, *capfd.readouterr())

    return call


def process(*words: object, store: Path | None = None, env: dict[str, str] | None = None, **options: Any) -> Said:
    """`python -m backend WORDS` from the repository's root, as a process of its own."""
    command = [sys.executable, "-m", "backend", *(word if isinstance(word, bytes) else str(word) for word in words)]
    if store:
        command += ["--store", str(store)]
    clean = {key: value for key, value in os.environ.items() if key not in config.VARIABLES} | (env or {})
    done = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, timeout=PATIENCE, **options)
    return Said(done.returncode, done.stdout, done.stderr)


# -- must show: the real traces ------------------------------------------------------------------------------------


def test_runs_as_json_has_the_known_figures(real_store: Settings) -> None:
    done = process("runs", "--json", store=real_store.store)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 26
    for item in rows:
        assert {"model", "dataset", "problems", "traces", "mean_chars"} <= item.keys()
        assert set(item["accuracy"]) == {"file", "paper", "final answer"}
        lists = {"doubts", "doubts-1", "procedure", "kim2026", "kim2026-words", "companion2026"}
        assert lists == set(item["cues_per_trace"])
        assert set(item["cues_per_1k"]) == set(item["cues_per_trace"])
    found = {(item["model"], item["dataset"]): item for item in rows}
    for key, (cues, accuracy) in KNOWN.items():
        assert round(found[key]["cues_per_trace"]["kim2026"], 2 if cues < 20 else 1) == cues
        assert found[key]["accuracy"]["file"] == pytest.approx(accuracy, abs=0.005)
    assert round(found["Qwen3-14B-Base", "AIME24"]["cues_per_trace"]["kim2026-words"], 1) == 3.0


def test_importing_the_folder_again_names_every_run_and_every_kind_of_file(
    run: Command, real_store: Settings, shared_data: Path
) -> None:
    before = state(real_store.store)
    done = run("import", shared_data / "traces", store=real_store.store)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert sum(line.startswith("  present  ") for line in lines) == 26
    skipped = [line for line in lines if line.startswith("  skipped  ")]
    assert len(lines) == 26 + len(skipped)
    for name, reason in (("LICENSE", "licence text"), ("config.json", "settings of generation.jsonl, read with it")):
        files = [path for path in (shared_data / "traces").rglob("*") if path.name.startswith(name)]
        (named,) = [line for line in skipped if line.endswith(f"{reason}.")]
        assert named.count(name) == min(len(files), 3) and (f"and {len(files) - 3} more" in named) == (len(files) > 3)
    assert state(real_store.store) == before


def test_pairs_and_snapshot_of_the_real_store(run: Command, real_store: Settings, tmp_path: Path) -> None:
    done = run("pairs", store=real_store.store)
    assert done.returncode == 0
    assert any(
        "Qwen2.5-7B · AIME24 | Qwen2.5-7B · LIMO · AIME24  (30 problems, trained from)" in line
        for line in done.stdout.splitlines()
    )
    done = run("snapshot", tmp_path / "x.duckdb", store=real_store.store)
    assert done.returncode == 0, done.stderr
    with duckdb.connect(str(tmp_path / "x.duckdb"), read_only=True) as database:
        (counted,) = database.sql("SELECT count(*) FROM traces").fetchall()[0]
        assert f"{counted:,} rows" in done.stdout


# -- must show: bad input ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A store with one run in it, which no bad input may change."""
    folder = tmp_path_factory.mktemp("kept")
    settings = Settings(store=folder / "store")
    with build_services(settings) as services:
        (outcome,) = services.imports.run([write(folder / "a.jsonl", GOOD)])
        assert outcome.state == "imported"
    return settings


def text_file(name: str, content: str | bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder / name

    return make


def other_parquet(folder: Path) -> Path:
    pq.write_table(pa.table({"height": [1.5], "width": [2.0]}), folder / "other.parquet")
    return folder / "other.parquet"


def cut_parquet(folder: Path) -> Path:
    pq.write_table(pa.table({"problem": ["1?"] * 500, "generations": [["x"]] * 500}), folder / "cut.parquet")
    os.truncate(folder / "cut.parquet", 400)
    return folder / "cut.parquet"


def wrong_parquet(folder: Path) -> Path:
    pq.write_table(pa.table({"problem": [1], "generations": [["x"]]}), folder / "wrong.parquet")
    return folder / "wrong.parquet"


def long_line(folder: Path) -> Path:
    path = folder / "long.jsonl"
    path.write_text(LINE + "\n" + '{"question": "')
    os.truncate(path, 200 * 2**20)  # sparse: it takes no room
    return path


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.jsonl")
    return folder / "pipe.jsonl"


def dangling(folder: Path) -> Path:
    (folder / "link.jsonl").symlink_to(folder / "nowhere.jsonl")
    return folder / "link.jsonl"


def closed(folder: Path) -> Path:
    if os.geteuid() == 0:
        pytest.skip("root may read every file")
    path = write(folder / "closed.jsonl", GOOD)
    path.chmod(0)
    return path


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "empty": (text_file("empty.jsonl", ""), "empty.jsonl: it is empty."),
    "blank lines": (text_file("blank.jsonl", "\n \n"), "blank.jsonl: it holds no rows."),
    "truncated JSON": (text_file("cut.jsonl", f"{LINE}\n{LINE[:-9]}"), "cut.jsonl, row 2: it ends in the middle"),
    "truncated first row": (text_file("cut.jsonl", LINE[:40]), "cut.jsonl, row 1: it ends in the middle"),
    "no JSON": (text_file("no.jsonl", f"{LINE}\nhello\n"), "no.jsonl, row 2: it is not valid JSON"),
    "not an object": (text_file("list.jsonl", f"{LINE}\n[1]\n"), "list.jsonl, row 2: it should be a JSON object"),
    "another type": (
        text_file("type.jsonl", f'{LINE}\n{{"question": 5, "generated_responses": ["x"]}}\n'),
        "type.jsonl, row 2: 'question' should be text, but is a number.",
    ),
    "mixed encodings": (
        text_file("mixed.jsonl", LINE.encode() + b"\n" + LINE.replace("Wait", "Wäit").encode("latin-1") + b"\n"),
        "mixed.jsonl, row 2: byte ",
    ),
    "half a surrogate pair": (
        text_file("half.jsonl", f'{LINE}\n{{"question": "\\ud800", "generated_responses": ["x"]}}\n'),
        "half.jsonl, row 2: ",
    ),
    "NUL bytes": (
        text_file("nul.jsonl", f"{LINE}\n{LINE[:20]}\0{LINE[20:]}\n"),
        "nul.jsonl, row 2: byte 21 of it is a NUL",
    ),
    "200 MB line": (long_line, "long.jsonl, row 2: it is longer than 64 MiB"),
    "deep nesting": (
        text_file("deep.jsonl", f'{LINE}\n{{"a": {"[" * 5000}{"]" * 5000}}}\n'),
        "deep.jsonl, row 2: it is nested",
    ),
    "huge number": (
        text_file("huge.jsonl", f'{LINE}\n{LINE[:-1]}, "n": {"9" * 400}}}\n'),
        "huge.jsonl, row 2: ",
    ),
    "huge token count": (
        text_file("tokens.jsonl", f'{LINE}\n{LINE[:-1]}, "response_token_lengths": [5000000000]}}\n'),
        "tokens.jsonl, row 2: its token count 5000000000 is too large.",
    ),
    "Parquet of another kind": (other_parquet, "other.parquet: no format known here (its columns: height, width)"),
    "truncated Parquet": (cut_parquet, "cut.parquet: it can't be read as Parquet"),
    "Parquet of other types": (wrong_parquet, "wrong.parquet, row 1: 'problem' should be text, but is a number."),
    "an image": (text_file("x.png", b"\x89PNG\r\n\x1a\n"), "x.png: it is not a file of traces or problems: an image."),
    "uneven CSV": (text_file("a.csv", "question,response\n1,2\n1,2,3\n"), "a.csv, row 2: it has 3 cells"),
    "no such file": (lambda folder: folder / "nosuch.jsonl", "nosuch.jsonl: there is no such file."),
    "a name with NUL and ..": (lambda folder: folder / ".." / ".." / "x\\0.jsonl", "there is no such file."),
    "a pipe": (fifo, "pipe.jsonl: it is a pipe or a device, not a file."),
    "a link to nothing": (dangling, "link.jsonl: it is a link to a file that is not there."),
    "unreadable": (closed, "closed.jsonl: there is no permission to read it."),
    "a device": (lambda folder: Path("/dev/zero"), "/dev/zero: it is a pipe or a device, not a file."),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_a_sentence_and_changes_nothing(run: Command, kept: Settings, tmp_path: Path, what: str) -> None:
    make, sentence = BAD[what]
    path = make(tmp_path)
    before = state(kept.store)
    done = run("import", path, store=kept.store)
    assert done.returncode == 2, done.stdout
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1 and done.stderr.rstrip().endswith(".")
    assert "Traceback" not in done.stderr and done.stdout == ""
    assert state(kept.store) == before


def test_a_process_ends_with_two_and_names_every_bad_file(kept: Settings, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    made = [BAD[what] for what in ("empty", "truncated JSON", "NUL bytes", "truncated Parquet", "200 MB line")]
    for make, _ in made:
        make(tmp_path / "in")
    before = state(kept.store)
    done = process("import", tmp_path / "in", store=kept.store)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == len(made) and all(sentence in done.stderr for _, sentence in made)
    assert state(kept.store) == before


def test_a_good_file_beside_a_bad_one_is_taken_in(run: Command, tmp_path: Path) -> None:
    bad, good = text_file("bad.jsonl", LINE[:-5])(tmp_path), write(tmp_path / "good.jsonl", GOOD)
    done = run("import", bad, good, store=tmp_path / "store")
    assert done.returncode == 2
    assert "bad.jsonl, row 1" in done.stderr and "good.jsonl" in done.stdout and "5 traces" in done.stdout


@pytest.mark.parametrize(
    "name", ["x..", "a\nb", "\x1b[31mred", "\u202etxt.lnosj", "<img src=x>", "-rf", "%s%n", "\udcff\udcfe"]
)
def test_hostile_file_names_are_shown_and_kept_harmless(run: Command, tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "in" / f"{name}.jsonl", GOOD)
    done = run("import", tmp_path / "in", store=tmp_path / "store")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert "imported" in line and not set(line) & set("\x1b\u202e\ud800\udcff")
    assert {entry.name for entry in tmp_path.iterdir()} == {"in", "store"}
    parts = list((tmp_path / "store" / "parts").iterdir())
    assert len(parts) == 1 and parts[0].name.isalnum() and path.is_file()
    listed = run("runs", "--json", store=tmp_path / "store")
    assert listed.returncode == 0 and len(listed.stdout.splitlines()) == 1


# -- must show: a full disk ----------------------------------------------------------------------------------------


def limited(size: int) -> Callable[[], None]:
    """A limit on the size of any file the process writes stands for a disk that fills up half-way."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_disk_that_fills_up_while_parts_are_written(kept: Settings, tmp_path: Path) -> None:
    rows = [row(f"{i}?", os.urandom(8_000).hex(), gold=None) for i in range(120)]
    before = state(kept.store)
    done = process("import", write(tmp_path / "big.jsonl", rows), store=kept.store, preexec_fn=limited(300_000))
    assert done.returncode == 2
    assert "big.jsonl, row 120: The store could not be written: the disk is full. Nothing was changed." in done.stderr
    assert len(done.stderr.splitlines()) == 1 and done.stdout == ""
    assert state(kept.store) == before


def test_a_disk_that_fills_up_while_the_ledger_is_written(kept: Settings, tmp_path: Path) -> None:
    rows = [row(f"{'long question ' * 40} {i}?", "\\boxed{2}") for i in range(1_500)]
    path = write(tmp_path / "many.jsonl", rows)
    before = state(kept.store)
    done = process("import", path, store=kept.store, preexec_fn=limited(250_000))
    assert done.returncode == 2, done.stdout
    assert (
        "many.jsonl, row 1500: The ledger could not be written: " in done.stderr
        and "Nothing was changed." in done.stderr
    )
    assert len(done.stderr.splitlines()) == 1
    assert state(kept.store) == before
    assert process("runs", store=kept.store).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB of our own."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount")
    if (
        not mounted
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True).returncode
    ):
        pytest.skip("no file system can be mounted here; the tests with a limit on file sizes stand for it")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_really_full_disk(small_disk: Path, tmp_path: Path) -> None:
    store = small_disk / "store"
    assert process("import", write(tmp_path / "a.jsonl", GOOD), store=store).returncode == 0
    before = state(store)
    rows = [row(f"{i}?", os.urandom(8_000).hex(), gold=None) for i in range(200)]
    done = process("import", write(tmp_path / "big.jsonl", rows), store=store)
    assert done.returncode == 2 and "the disk is full. Nothing was changed." in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert state(store) == before


# -- the other verbs -----------------------------------------------------------------------------------------------


def test_the_verbs_one_after_the_other(run: Command, tmp_path: Path) -> None:
    store = tmp_path / "store"
    first = write(tmp_path / "base" / "M" / "aime" / "test_q_t0.0_k1_s0_e30.jsonl", GOOD)
    second = write(tmp_path / "limo" / "M" / "aime" / "test_q_t0.0_k1_s0_e30.jsonl", GOOD[::-1])
    planned = run("import", first, second, "--dry-run", store=store)
    assert planned.returncode == 0 and planned.stdout.count("planned") == 2
    assert run("runs", store=store).stdout == ""
    assert run("import", first, second, "--temperature", "0.5", store=store).returncode == 0
    listed = run("runs", store=store)
    assert [line.split()[-2:] for line in listed.stdout.splitlines()] == [["final", "answer"]] * 2
    rows = [json.loads(line) for line in run("runs", "--json", store=store).stdout.splitlines()]
    assert {item["sampling"]["temperature"] for item in rows} == {0.5}
    assert "(5 problems, trained from)" in run("pairs", store=store).stdout
    assert "doubts@" in run("lexicons", store=store).stdout and run("match", store=store).stdout == ""
    assert run("snapshot", tmp_path / "out.duckdb", store=store).returncode == 0
    deleted = run("delete", *(item["id"] for item in rows), store=store)
    assert deleted.returncode == 0 and deleted.stdout.count("deleted") == 2
    assert run("runs", "--json", store=store).stdout == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["delete", "nosuch"], "There is no run nosuch in this store."),
        (["snapshot", "{folder}"], "The snapshot can't be written"),
        (["snapshot", "{folder}/missing/x.duckdb"], "The snapshot can't be written"),
        (["import", "{folder}/a.jsonl", "--map", "question"], "--map takes FIELD=COLUMN"),
        (["import", "{folder}/a.jsonl", "--map", "nosuch=x"], "There is no field 'nosuch' to map"),
        (["import", "{folder}/a.jsonl", "--map", "question=x", "text=y"], "the column 'x' is missing"),
        (["import", "{folder}/a.jsonl", "--count-with", "{folder}/nosuch.json"], "can't be read as a tokenizer"),
        (["import", "{folder}/a.jsonl", "--temperature", "warm"], "invalid float value"),
        (["import", "{folder}/a.jsonl", "--context", "nosuch"], "invalid Context value"),
        (["import"], "the following arguments are required"),
        (["nosuch"], "invalid choice"),
    ],
)
def test_a_persons_mistakes_end_in_a_sentence_and_two(
    run: Command, tmp_path: Path, words: list[str], said: str
) -> None:
    write(tmp_path / "a.jsonl", GOOD)
    done = run(*(word.format(folder=tmp_path) for word in words), store=tmp_path / "store")
    assert done.returncode == 2 and said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"SECOND_THOUGHTS_THREADS": "many"}, "SECOND_THOUGHTS_THREADS is 'many'"),
        ({"SECOND_THOUGHTS_LEDGER": "nonsense"}, "The ledger's address can't be used"),
        ({"SECOND_THOUGHTS_THREADS": "²"}, "a whole number from 1 to 1,024"),
        ({"SECOND_THOUGHTS_THREADS": "9" * 5_000}, "a whole number from 1 to 1,024"),
        ({"SECOND_THOUGHTS_GRADERS": "100000"}, "a whole number from 1 to 256"),
        ({"SECOND_THOUGHTS_LEDGER": "postgresql+psycopg://me:hunter2@host:port/x"}, "its port is no number"),
        ({"SECOND_THOUGHTS_LEXICONS": "/nosuch"}, "no lexicon in /nosuch"),
        ({"SECOND_THOUGHTS_LEXICONS": "https://host/lists"}, "has to be a folder of this machine"),
        ({"SECOND_THOUGHTS_STORE": "s3://bucket/store"}, "SECOND_THOUGHTS_STORE is the address 's3://bucket/store'"),
        ({"SECOND_THOUGHTS_STORE": "~nobody-of-this-name/store"}, "can't be a folder"),
        ({"SECOND_THOUGHTS_STORE": "/dev/null/x"}, "The store could not be written"),
    ],
)
def test_bad_settings_are_a_sentence(run: Command, tmp_path: Path, env: dict[str, str], said: str) -> None:
    done = run("runs", env={"SECOND_THOUGHTS_STORE": str(tmp_path / "store")} | env)
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_store_given_by_an_address_is_a_sentence_and_makes_no_folder(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("runs", store="s3://bucket")
    assert done.returncode == 2 and "has to be a folder of this machine" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [("runs",), ("worker", "--once")])
def test_a_ledger_of_a_newer_release_is_a_sentence(run: Command, tmp_path: Path, words: tuple[str, ...]) -> None:
    assert run("runs", store=tmp_path).returncode == 0
    made_newer(tmp_path)
    done = run(*words, store=tmp_path)
    assert done.returncode == 2 and "of a newer release than this one: it has been through m999_later" in done.stderr


def test_settings_reach_other_processes_as_they_are() -> None:
    settings = config.Settings(admins=("a@b.c", "d@e.f"), roots=("/a", "~/b"), keys=("ONE", "TWO"), query_seconds=7)
    assert config.load(config.environment(settings)) == settings


def test_the_environment_names_the_store(run: Command, tmp_path: Path) -> None:
    env = {"SECOND_THOUGHTS_STORE": str(tmp_path / "there")}
    assert run("import", write(tmp_path / "a.jsonl", GOOD), env=env).returncode == 0
    assert (tmp_path / "there" / "ledger.sqlite").is_file()


def test_words_that_are_no_text_are_written_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", GOOD)
    done = process("import", path, b"--model=\xff\xfe", b"--note=\xe4", store=tmp_path / "store")
    assert done.returncode == 0, done.stderr
    assert json.loads(process("runs", "--json", store=tmp_path / "store").stdout)["model"] == "\\xff\\xfe"


def test_a_terminal_without_the_characters_gets_them_written_out(tmp_path: Path) -> None:
    path = write(tmp_path / "模型.jsonl", GOOD)
    done = process("import", path, store=tmp_path / "store", env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0 and "\\u6a21\\u578b.jsonl" in done.stdout, done.stderr


def test_a_reader_that_leaves_early_is_no_error(kept: Settings) -> None:
    command = f"{sys.executable} -m backend runs --json --store {kept.store} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.stdout.strip() in ("0", "141") and "Traceback" not in done.stderr


def test_an_interrupted_import_leaves_nothing(kept: Settings, tmp_path: Path) -> None:
    """It has written parts of the run when it stops at the file's end, where it is interrupted."""
    rows = [row(f"{i}?", f"wait \\boxed{{{i}/{i + 1}}}", gold=f"{2 * i}/{2 * i + 2}") for i in range(20)]
    before, reached = state(kept.store), tmp_path / "reached"
    path = write(tmp_path / "slow.jsonl", rows)
    code = """
import sys, backend.services.traces.importer as importing
from backend.cli.main import main
from tests.cli.held_import import import_here
importing.import_here = import_here
sys.exit(main(sys.argv[1:]))
"""
    command = [sys.executable, "-c", code, "import", str(path), "--store", str(kept.store)]
    env = {**os.environ, "REACHED": str(reached)}
    # Whoever runs tests in the background has them ignore Ctrl-C, and what they start inherits that.
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        running = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, former)
    until(lambda: reached.exists() or running.poll() is not None)
    running.send_signal(signal.SIGINT)
    out, error = running.communicate(timeout=PATIENCE)
    assert (running.returncode, out) == (130, "") and error == "Stopped. Nothing half-written is left.\n"
    assert state(kept.store) == before


def test_a_file_that_needs_a_word_is_asked_about(run: Command, tmp_path: Path) -> None:
    """Exit code 3 and the words to say it with; said so, the traces come; a folder with nothing in it is a mistake."""
    words = "Let me think. Wait, maybe it is {}. No, the answer is {} after all."
    rows = [{"question": f"{n}?", "zz": words.format(n, n), "yy": words.format(n, -n), "answer": "1"} for n in range(2)]
    path = tmp_path / "in" / "rows.jsonl"
    path.parent.mkdir()
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = run("import", tmp_path / "in", store=tmp_path / "store")
    assert (asked.returncode, asked.stdout) == (3, "") and "--map question=question gold=answer text=" in asked.stderr
    mapping = ("--map", "question=question", "text=zz", "text=yy")
    done = run("import", tmp_path / "in", *mapping, store=tmp_path / "store")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.count("2 traces of 2 problems; 2 rows read") == 2
    path.write_text('{"accuracy": 0.5}')
    nothing = run("import", tmp_path / "in", store=tmp_path / "store")
    assert nothing.returncode == 2 and "Nothing was imported" in nothing.stderr
