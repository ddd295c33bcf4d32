"""Pretraining and fine-tuning the lab's models, in a size that takes seconds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from backend.cli import lab
from backend.domain import UserError
from backend.lab import lab_model
from backend.lab.finetune import sft
from backend.lab.pretrain import CHECKPOINT, PretrainProgress, pretrain

ROOT = Path(__file__).resolve().parents[2]
STEPS = 24


class Stop(Exception):
    """Ends a run from its progress call."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A smoke-sized model, made in one process without a break."""
    out = tmp_path_factory.mktemp("whole") / "model"
    pretrain(out, seed=4, steps=STEPS, smoke=True, processes=1)
    return out


def assert_same_weights(one: Path, other: Path) -> None:
    mine, theirs = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    assert mine.keys() == theirs.keys()
    assert all((mine[name] == theirs[name]).all() for name in mine)


def test_a_stopped_run_goes_on_to_the_same_weights(whole: Path, tmp_path: Path) -> None:
    seen: list[PretrainProgress] = []

    def stop(now: PretrainProgress) -> None:
        seen.append(now)
        if now.step == 17:
            raise Stop

    with pytest.raises(Stop):
        pretrain(tmp_path, seed=4, steps=STEPS, smoke=True, processes=1, on_progress=stop)
    assert not (tmp_path / lab_model.CARD).exists()
    pretrain(tmp_path, seed=4, steps=STEPS, smoke=True, processes=1, on_progress=seen.append)
    assert [now.step for now in seen] == [*range(1, 18), *range(11, STEPS + 1)]
    assert seen[-1].loss < seen[0].loss and seen[-1].tokens > 0 and seen[-1].seconds_left == 0
    assert_same_weights(whole, tmp_path)
    assert not list(tmp_path.glob("checkpoint*"))
    assert json.loads((tmp_path / lab_model.CARD).read_text()) == json.loads((whole / lab_model.CARD).read_text())


@pytest.mark.stress
def test_a_killed_run_of_two_processes_goes_on_to_the_same_weights(whole: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "backend.cli.lab", "pretrain", "--out", str(tmp_path), "--smoke"]
    command += ["--seed", "4", "--steps", str(STEPS)]
    run = subprocess.Popen(
        command, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    try:
        while not (tmp_path / CHECKPOINT).exists():
            assert run.poll() is None, "ended without a checkpoint"
            time.sleep(0.02)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert not (tmp_path / lab_model.CARD).exists()
    pretrain(tmp_path, seed=4, steps=STEPS, smoke=True, processes=1)
    assert_same_weights(whole, tmp_path)


def test_another_seed_gives_another_model(whole: Path, tmp_path: Path) -> None:
    pretrain(tmp_path, seed=5, steps=2, smoke=True, processes=1)
    assert (load_file(tmp_path / "model.safetensors")["model.norm.weight"].size) == 64
    with pytest.raises(AssertionError):
        assert_same_weights(whole, tmp_path)


def test_a_folder_of_another_run_is_left_alone(tmp_path: Path) -> None:
    def stop(now: PretrainProgress) -> None:
        if now.step == 11:
            raise Stop

    with pytest.raises(Stop):
        pretrain(tmp_path, steps=STEPS, smoke=True, processes=1, on_progress=stop)
    before = (tmp_path / CHECKPOINT).read_bytes()
    with pytest.raises(UserError, match="unfinished run with other settings"):
        pretrain(tmp_path, seed=1, steps=STEPS, smoke=True, processes=1)
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no lab model"):
        sft(tmp_path, tmp_path / "out", guided=True)


def test_the_command_line_prints_and_writes_problem_sets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab.main(["problems", "lab-cd3-test"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 200
    assert lab.main(["problems", "lab-fx-test", "--jsonl", str(tmp_path / "fx.jsonl")]) == 0
    rows = [json.loads(line) for line in (tmp_path / "fx.jsonl").read_text().splitlines()]
    assert len(rows) == 200 and rows[0].keys() == {"family", "question", "gold", "numbers", "target", "difficulty"}
    assert lab.main(["problems", "lab-nothing"]) == 2
    assert "no problem set 'lab-nothing'" in capsys.readouterr().err
