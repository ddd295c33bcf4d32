"""Files that grow are followed by a real worker, which is killed on the way; an import afterwards finds it all there."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.cli.main import main
from backend.config import ROOT, Settings
from backend.domain import UserError
from backend.job import Job, JobState
from backend.services import Services, build_services
from backend.services.jobs import JobProgress
from tests.patience import until
from tests.worker.worker_cases import Bench, bench_on

WORKER = (sys.executable, "-m", "backend", "worker")
FORMATS = Path(__file__).resolve().parents[3] / "shared/data/formats"


def line(step: int, number: int, said: str = "Wait, maybe") -> str:
    row = {"input": f"What is {number} + 1?", "output": f"{said} \\boxed{{{number + 1}}}", "gts": str(number + 1)}
    return json.dumps({**row, "score": 1.0, "step": step}) + "\n"


def write(path: Path, text: str, mode: str = "a") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open(mode, encoding="utf-8") as file:
        file.write(text)
    return path


def steps(services: Services) -> dict[int | None, int]:
    return {run.info.step: run.traces for run in services.runs.all()}


def figures(services: Services) -> list[Any]:
    return [
        (series.name, line.name, [(step.step, step.traces, step.problems, step.figures) for step in found])
        for series in services.series.all()
        for line in series.lines
        for found in [services.series.figures(series, None, line)]
    ]


class Watched:
    """A watch that is looked at by hand: every `look` is a job of one look, which goes on from what is stored."""

    def __init__(self, services: Services, path: Path) -> None:
        self.services, self.path = services, path

    def look(self) -> list[str]:
        """What is said of a look."""
        job = self.services.watches.submit([self.path], once=True)
        self.services.store.jobs.take(job.id, "test")
        result = self.services.watches.carry_out(job, JobProgress(self.services.store.jobs, job))
        self.services.store.jobs.finish(job.id, JobState.DONE, result=result)
        return [each.text for each in self.services.jobs.lines(job.id)]


def imported(services: Services, path: Path) -> set[str]:
    return {outcome.state for outcome in services.imports.run([path])}


def test_steps_come_grow_and_are_there_for_an_import_afterwards(services: Services, tmp_path: Path) -> None:
    file = write(tmp_path / "mine" / "rollouts" / "all.jsonl", line(1, 1) + line(1, 2))
    watch = Watched(services, tmp_path / "mine")
    watch.look()
    assert steps(services) == {1: 2}
    ids = {run.id for run in services.runs.all()}
    write(file, line(1, 3) + line(2, 1) + line(2, 2)[:40])
    watch.look()
    assert steps(services) == {1: 3, 2: 1} and ids <= {run.id for run in services.runs.all()}
    write(file, line(2, 2)[40:-1])  # whole, without the end of its line
    watch.look()
    assert steps(services) == {1: 3, 2: 2}
    write(file, "\n")
    assert watch.look()  # recognised, and nothing is read twice
    before = figures(services)
    assert imported(services, tmp_path / "mine") == {"present"} and figures(services) == before
    assert len(services.runs.all()) == 2


def test_a_run_that_was_imported_before_grows_under_its_id(services: Services, tmp_path: Path) -> None:
    file = write(tmp_path / "mine" / "3.jsonl", line(3, 1))
    assert imported(services, file) == {"imported"}
    [run] = services.runs.all()
    watch = Watched(services, tmp_path / "mine")
    watch.look()
    write(file, line(3, 2))
    watch.look()
    assert [(each.id, each.traces) for each in services.runs.all()] == [(run.id, 2)]
    assert imported(services, file) == {"present"}


def test_a_folder_with_the_store_in_it_is_refused(services: Services, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="would read what it writes"):
        services.watches.submit([services.store.folder.parent])


def test_copies_that_grow_apart_stay_two_runs(services: Services, tmp_path: Path) -> None:
    first, second = (write(tmp_path / "in" / name / "1.jsonl", line(1, 1)) for name in ("one", "two"))
    watch = Watched(services, tmp_path / "in")
    watch.look()
    assert len(services.runs.all()) == 1
    write(first, line(1, 2))
    write(second, line(1, 3) + line(1, 4))
    watch.look()
    assert sorted(run.traces for run in services.runs.all()) == [2, 3]
    assert imported(services, tmp_path / "in") == {"present"}


def watching(bench: Bench, path: Path) -> Job:
    with build_services(bench.settings) as services:
        return services.watches.submit([path])


def test_a_watch_survives_a_kill_and_tells_what_happens_to_its_files(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "rollouts"
    with bench_on(settings) as bench, build_services(settings) as services:
        folder.mkdir(parents=True)
        job = watching(bench, folder.parent)
        bench.start(WORKER)
        shown: list[float] = []

        def reached(wanted: dict[int | None, int]) -> None:
            began = time.monotonic()
            until(lambda: steps(services) == wanted)
            shown.append(time.monotonic() - began)

        write(folder / "all.jsonl", line(1, 1) + line(1, 2))
        reached({1: 2})
        bench.kill()
        write(folder / "all.jsonl", line(1, 3) + line(2, 1))
        bench.start(WORKER)
        reached({1: 3, 2: 1})
        write(folder / "7.jsonl", line(7, 1) + line(7, 2))
        reached({1: 3, 2: 1, 7: 2})
        write(folder / "7.jsonl", line(7, 5), "w")
        reached({1: 3, 2: 1, 7: 1})
        until(lambda: "truncated or replaced" in bench.text(job))
        write(folder / "8.jsonl", line(8, 1) + "no JSON\n")
        until(lambda: "row 2: it is not valid JSON" in bench.text(job))
        (folder / "8.jsonl").unlink()
        until(lambda: "is gone" in bench.text(job))
        print("seconds from a line to its step:", [round(each, 1) for each in shown])
        # It has a lane of its own: whatever else is asked for goes on beside it.
        other = write(tmp_path / "other.jsonl", line(4, 1))
        assert bench.wait(bench.jobs.submit_import([other])).state is JobState.DONE
        assert bench.text(job).count("is not valid JSON") == 1
        bench.jobs.cancel(job.id)
        ended = bench.wait(job)
        assert ended.state is JobState.CANCELLED and len(ended.result["runs"]) == 3
        before = figures(services)
        assert imported(services, folder.parent) == {"present"} and figures(services) == before


def test_an_alarm_ends_a_watch_with_exit_code_4(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SECOND_THOUGHTS_STORE", str(settings.store))
    sure, doubting = ["Therefore", "Wait, maybe, wait, perhaps, hmm"]
    for step in range(1, 9):
        said = doubting if step < 5 else sure
        text = "".join(line(step, number, said) for number in range(40))
        write(tmp_path / "mine" / f"{step}.jsonl", text)
    assert main(["watch", "--once", "--fail-on", "cues-collapse", str(tmp_path / "mine")]) == 4
    out, err = capsys.readouterr()
    assert "step 1 of mine, new: 40 traces, accuracy 100.0%" in out
    assert "Ended by the alarm cues-collapse" in err
    quiet = ["--rule", "cues-collapse=off", "--rule", "length-collapse=off"]
    assert main(["watch", "--once", "--fail-on", "cues-collapse", *quiet, str(tmp_path / "mine")]) == 0
    assert main(["watch", "--once", "--rule", "cues-collapse=much", str(tmp_path / "mine")]) == 2
    assert main(["watch", "--once", "--fail-on", "nothing", str(tmp_path / "mine")]) == 2
    assert "There is no alarm 'nothing'" in capsys.readouterr().err


@pytest.fixture
def other(settings: Settings, tmp_path: Path) -> Iterator[Services]:
    with build_services(dataclasses.replace(settings, store=tmp_path / "other-store")) as services:
        yield services


@pytest.mark.parametrize("kind", ["verl/rollout_0.9_v1", "trl", "trackio", "evalscope", "tinker_cookbook"])
def test_what_grew_is_what_an_import_reads(services: Services, other: Services, tmp_path: Path, kind: str) -> None:
    if not (FORMATS / kind).is_dir():
        pytest.skip(f"the files of the field's tools don't lie in {FORMATS / kind}")
    folder = tmp_path / "grew"
    named = [path for path in sorted((FORMATS / kind).rglob("*")) if path.is_file() and path.name != "expected.json"]
    for path in named[:12]:
        target = folder / path.relative_to(FORMATS / kind)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    watch = Watched(services, folder)
    watch.look()
    for path in named[:12]:
        shutil.copyfile(path, folder / path.relative_to(FORMATS / kind))
    watch.look()
    list(other.imports.run([folder]))
    read, grown = ([(str(run.info), run.traces) for run in each.runs.all()] for each in (other, services))
    assert read and sorted(grown) == sorted(read)
    assert "imported" not in imported(services, folder)


@pytest.mark.stress
def test_a_grpo_run_of_trl_is_followed_while_it_trains(settings: Settings, other: Services, tmp_path: Path) -> None:
    """In another process, on the lab's base: worker and runner are killed on the way, and it equals an import."""
    folder, lab = tmp_path / "grpo", ROOT / "data/lab/lab-base"
    folder.mkdir()
    with bench_on(settings) as bench, build_services(settings) as services:
        job = watching(bench, folder)
        bench.start(WORKER)
        training = subprocess.Popen([sys.executable, "-c", GRPO, str(lab), str(folder)], cwd=tmp_path)
        lags: list[float] = []
        try:
            for step in range(1, 7):
                whole = until(lambda step=step: written(folder, step), 600)
                until(lambda step=step: steps(services).get(step))
                # By the file's own time: on a busy machine this process may look late.
                lags.append(time.time() - whole)
                if step == 3:
                    bench.kill()
                    bench.start(WORKER)
        finally:
            training.wait()
        print("seconds from a step's file to its run:", [round(lag, 1) for lag in lags])
        assert training.returncode == 0 and sorted(lags)[len(lags) // 2] < 15
        bench.jobs.cancel(job.id)
        bench.wait(job)
        list(other.imports.run([folder]))
        assert figures(services) and figures(services) == figures(other)
        assert imported(services, folder) <= {"present", "skipped", "failed"}


GRPO = """
import sys, torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

def correctness_reward(completions, gold, **_):
    return [float(f"boxed{{{each}}}" in text[0]["content"]) for text, each in zip(completions, gold)]

torch.set_num_threads(1)
asked = {"Find x with x * (x + 5) + 24 = 174.": "10", "Find x with x * (x + 12) + 24 = 132.": "6"}
rows = [{"prompt": [{"role": "user", "content": ask}], "gold": gold} for ask, gold in asked.items()] * 4
settings = GRPOConfig(output_dir=sys.argv[2], max_steps=6, per_device_train_batch_size=8, num_generations=4,
    max_completion_length=200, log_completions=True, logging_steps=1, report_to="none", use_cpu=True, bf16=False,
    gradient_checkpointing=False, save_strategy="no", disable_tqdm=True, seed=3)
GRPOTrainer(sys.argv[1], [correctness_reward], settings, train_dataset=Dataset.from_list(rows)).train()
"""


def written(folder: Path, step: int) -> float | None:
    """When the file of a step was written, once it is whole."""
    for path in folder.rglob(f"completions_*{step}.parquet"):
        if path.read_bytes()[-4:] == b"PAR1":
            return path.stat().st_mtime
    return None
