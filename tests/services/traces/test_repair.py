"""Damage under a running app: no page breaks, and `store verify --repair` and importing again bring everything back."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.cli.main import main
from backend.config import Settings
from backend.domain import UserError
from backend.services import Services, build_services
from backend.store.ledger import PartRow
from backend.store.parts import PartWriter


def write_files(folder: Path, count: int = 3) -> list[Path]:
    files = []
    for number in range(count):
        file = folder / f"model{number}" / "Small-1B" / "aime" / "test_qwen-instruct_t0.0_k1_s0_e3.jsonl"
        file.parent.mkdir(parents=True)
        rows = [
            {"question": f"What is {n}?", "generated_responses": [f"Wait, run {number}: maybe \\boxed{{{n}}}."],
             "generated_answers": [str(n)], "gold_answer": str(n), "is_correct": True, "answers_correctness": [True],
             "id": n}
            for n in range(4)
        ]  # fmt: skip
        file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        files.append(file)
    return files


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return write_files(tmp_path / "files")


def contents(services: Services) -> dict[str, list[bytes]]:
    """Run and kind -> its files' bytes, as far as there are any."""
    found: dict[str, list[bytes]] = {}
    for part in services.store.ledger.parts():
        found.setdefault(f"{part.run_id} {part.kind}", []).append((services.store.folder / part.path).read_bytes())
    return found


def states(services: Services, files: list[Path]) -> list[str]:
    return [outcome.state for outcome in services.imports.run(files)]


def verify(settings: Settings, *more: str) -> int:
    return main(["store", "verify", *more, "--store", str(settings.store)])


def harm(rng: random.Random, folder: Path, parts: list[PartRow]) -> None:
    """Do to some files what disks and people do."""
    for part in rng.sample(parts, 3):
        path, other = folder / part.path, folder / rng.choice(parts).path
        content = path.read_bytes() if path.is_file() else b""
        kind = rng.choice(["truncate", "delete", "swap", "overwrite", "flip"])
        if kind == "delete":
            path.unlink(missing_ok=True)
        elif kind == "truncate":
            path.write_bytes(content[: rng.randrange(len(content) + 1)])
        elif kind == "swap" and other.is_file():
            path.write_bytes(other.read_bytes())
            other.write_bytes(content)
        elif kind == "overwrite":
            path.write_bytes(rng.randbytes(len(content)))
        elif content:
            place = rng.randrange(len(content))
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])


def test_what_was_damaged_at_random_comes_back_byte_equal(settings: Settings, files: list[Path]) -> None:
    with build_services(settings) as services:
        assert states(services, files) == ["imported"] * 3
        services.runs.summaries()
        before, runs, rng = contents(services), services.runs.all(), random.Random(20261130)
        for _ in range(6):
            harm(rng, settings.store, services.store.ledger.parts())
            services.store.parts._again = 0.0
            shown = services.runs.summaries()  # nothing is raised, whatever is left
            assert {each.run.id for each in shown} == {run.id for run in services.runs.all()}
            damaged = services.runs.damaged()
            assert len(shown) + len(damaged) == 3
            verify(settings, "--repair")
            states(services, files)
            services.store.parts._again = 0.0
            assert services.runs.damaged() == {} and services.runs.all() == runs
            assert contents(services) == before
            assert verify(settings) == 0
            on_disk = {path for path in (settings.store / "parts").rglob("*") if path.is_file()}
            assert on_disk == {settings.store / part.path for part in services.store.ledger.parts()}


@pytest.mark.parametrize("kind", ["traces", "cues", "counts"])
def test_a_repair_makes_anew_what_traces_hold_and_says_what_it_cannot(
    settings: Settings, files: list[Path], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with build_services(settings) as services:
        states(services, files)
        before, run = contents(services), services.runs.all()[0]
        (settings.store / services.store.ledger.parts(kind, [run.id])[0].path).unlink()
        assert verify(settings) == 1
        assert "1 of 3 files is missing" in capsys.readouterr().out
        left = verify(settings, "--repair")
        said = capsys.readouterr().out
        if kind == "traces":
            assert left == 1 and "and it is back under the same id" in said
            again = verify(settings)  # it stays marked
            assert again == 1 and states(services, files).count("imported") == 1
        else:
            assert left == 0 and "its cues were found anew" in said
        services.store.parts._again = 0.0
        assert contents(services) == before and services.runs.get(run.id) == run


def test_files_that_were_exchanged_or_renamed_are_put_back(settings: Settings, files: list[Path]) -> None:
    with build_services(settings) as services:
        states(services, files)
        before = contents(services)
        a, b, c = (settings.store / part.path for part in services.store.ledger.parts("traces"))
        kept = a.read_bytes()
        shutil.copyfile(b, a)
        b.write_bytes(kept)
        c.rename(c.with_name("renamed.parquet"))
        assert verify(settings) == 1 and verify(settings, "--repair") == 0
        assert contents(services) == before and verify(settings) == 0


def test_what_nothing_names_is_removed_but_not_what_is_being_written(settings: Settings, files: list[Path]) -> None:
    with build_services(settings) as services:
        states(services, files)
        run = services.runs.all()[0].id
        left = [f"parts/{run}/traces-0.parquet", f"parts/{run}/.x.half", "parts/gone/cues-1.parquet", "parts/loose"]
        for name in left:
            (settings.store / name).parent.mkdir(exist_ok=True)
            (settings.store / name).write_bytes(b"x")
        with PartWriter(settings.store, "0123") as writer:
            writer.write("tokens", [{"trace_id": "0123-00000", "run_id": "0123"}])
            assert verify(settings, "--repair") == 0
            assert not any((settings.store / name).exists() for name in left)
            assert list((settings.store / "parts" / "0123").glob("*.parquet"))
        assert not (settings.store / "parts" / "0123").exists()


def test_parts_of_earlier_releases_get_the_hash_they_have(settings: Settings, files: list[Path]) -> None:
    with build_services(settings) as services:
        states(services, files)
        parts = services.store.ledger.parts()
        services.store.ledger.update_parts([part._replace(sha256=None) for part in parts])
        assert verify(settings) == 0 and {part.sha256 for part in services.store.ledger.parts()} == {None}
        assert verify(settings, "--repair") == 0
        assert services.store.ledger.parts() == parts


def test_a_damaged_run_is_named_wherever_it_is_asked_for(settings: Settings, files: list[Path]) -> None:
    with build_services(settings) as services:
        states(services, files)
        first, second, third = (run.id for run in services.runs.all())
        trace = f"{first}-00000"
        asked: list[Callable[[], object]] = [
            lambda: services.runs.get(first),
            lambda: services.traces.open(trace, services.lexicons.get("doubts").id),
            lambda: services.comparison.compare([first, second], "doubts", "final answer"),
            lambda: services.runs.measures(first),
            lambda: list(services.refresh.run([first])),
        ]
        (settings.store / services.store.ledger.parts("traces", [first])[0].path).write_bytes(b"PAR1")
        services.store.parts._again = 0.0
        for ask in asked:
            with pytest.raises(UserError, match=r"is damaged: 1 of 3 files has another size\. Import .* again"):
                ask()
        assert set(services.traces.runs_with(services.store.ledger.problems(second)[0].id)) == {second, third}
        assert {pair.base.id for pair in services.runs.pairs()} <= {second, third}
        assert services.lexicons.missing() == {} and services.refresh.outdated() == []
        assert services.disputes.between("final answer", "paper").rows == ()
        assert services.runs.snapshot(settings.store.parent / "out.duckdb")["runs"] == 2


def test_bringing_the_demo_twice_leaves_it_whole_and_takes_damaged_runs_back(settings: Settings) -> None:
    with build_services(settings) as services:
        runs = services.demo.install()
        assert services.demo.restore() == runs
        parts = services.store.ledger.parts()
        assert all((settings.store / part.path).is_file() for part in parts)
        (settings.store / parts[0].path).unlink()
        services.demo.restore()
        services.store.parts._again = 0.0
        assert services.runs.damaged() == {} and len(services.runs.all()) == len(runs)


def test_what_changed_while_nobody_watched_is_marked(settings: Settings, files: list[Path]) -> None:
    with build_services(settings) as services:
        states(services, files)
        part = next(part for part in services.store.ledger.parts() if part.kind == "counts")
    path = settings.store / part.path
    whole = path.read_bytes()
    path.write_bytes(whole[:8] + bytes([whole[8] ^ 255]) + whole[9:])
    with build_services(settings) as services, build_services(settings) as watcher:
        watcher.repair.mark()
        assert list(services.store.parts.damaged()) == [part.run_id]
        with pytest.raises(UserError, match="1 of 3 files has changed"):
            services.store.parts.require([part.run_id])
        path.write_bytes(whole)
        watcher.repair.mark()
        assert not services.store.parts.damaged()
