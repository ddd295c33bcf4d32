"""The flight recorder: alone in an empty folder, in loops, under TRL's trainers, and where writing fails."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from backend import recorder as module
from backend.recorder import Recorder

LAB = Path(__file__).parents[1] / "data" / "lab" / "lab-base"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def alone(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run `script` beside a copy of the one file, with Python's own library and nothing else."""
    shutil.copy(module.__file__, folder / "recorder.py")
    start = f"import sys; sys.path.insert(0, {str(folder)!r}); from recorder import Recorder\n{script}"
    command = [sys.executable, "-S", "-I", "-c", start]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env={}, timeout=300, check=True)


def test_the_file_works_alone_in_an_empty_folder(tmp_path: Path) -> None:
    script = """
recorder = Recorder("new/run.jsonl", "mine", "base", "sums", every=2, at_most=2)
for step in range(5):
    rows = [{"prompt": "1 + %d" % n, "response": "maybe \\ud83d " + str(n), "gold": n, "reward": 0.5} for n in range(4)]
    recorder.record(step, rows, {"loss": 1 / (step + 1), "name": "no number", "bad": float("nan")})
recorder.close()
"""
    assert alone(tmp_path, script).stderr == ""
    found = lines(tmp_path / "new" / "run.jsonl")
    traces = [line for line in found if line["kind"] == "trace"]
    assert [line["step"] for line in traces] == [0, 0, 1, 1, 2, 2, 4, 4]
    first = {key: value for key, value in traces[1].items() if key != "session"}
    assert first == {
        **{"series": "mine", "step": 0, "kind": "trace", "model": "base", "dataset": "sums", "of": 4},
        **{"prompt": "1 + 2", "response": "maybe \ufffd 2", "gold": 2, "rewards": {"reward": 0.5}},
    }
    metrics = [line["metrics"] for line in found if line["kind"] == "metrics"]
    assert metrics == [{"loss": 1 / (step + 1)} for step in range(5)]


def test_a_full_disk_is_one_warning_and_leaves_whole_lines(tmp_path: Path) -> None:
    script = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
recorder = Recorder("run.jsonl")
for step in range(20):
    recorder.record(step, [{"prompt": "p", "response": "r" * 100}])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
recorder.record(20, [{"prompt": "p", "response": "there is room again"}])
"""
    assert alone(tmp_path, script).stderr.count("could not write") == 1
    found = lines(tmp_path / "run.jsonl")
    assert 3 < len(found) < 20 and found[-1]["step"] == 20
    assert [line["step"] for line in found[:-1]] == list(range(len(found) - 1))


def test_nothing_raises_into_a_training(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = tmp_path / "settings.json"
    other.write_text('{"mine": 1}')
    with caplog.at_level(logging.WARNING):
        Recorder(other).record(1, [{"response": "r"}])  # no recording of ours: it is left as it is
        Recorder(tmp_path).record(1, [{"response": "r"}])
        spoilt = Recorder(tmp_path / "run.jsonl")
        for rows in (3, [3], [None], {"prompt": 3}):
            spoilt.record(1, rows)
        spoilt.record("no number", [{"response": "r"}])  # type: ignore[arg-type]
        assert spoilt.reward(lambda **_: 3)(prompts=[], completions=[]) == 3
        spoilt.watch(object())
    assert other.read_text() == '{"mine": 1}' and not spoilt.path.exists()
    assert len(caplog.records) == 3  # one a recorder


def test_rows_of_any_kind_become_json(tmp_path: Path) -> None:
    path, loop = tmp_path / "run.jsonl", []
    loop.append(loop)
    columns = {"prompt": np.array(["a", "b"]), "output": ["x", "y"], "gts": None, "acc": np.array([True, False])}
    Recorder(path).record(np.int64(1), {**columns, "score": np.array([1.0, np.nan], dtype=np.float32)})
    row = {
        "messages": [{"role": "user", "content": "é 😀"}],
        "response": b"\xff",
        "big": 2**70,
        "tags": {1},
        "loop": loop,
    }
    Recorder(path).record(2, [{**row, "tokens": np.int32(3), "correct": np.bool_(True)}], {"x": np.float64(0.5)})
    first, second, third, metrics = lines(path)
    assert (first["response"], first["extra"]) == ("x", {"acc": True, "score": 1.0})
    assert second["extra"] == {"acc": False}  # NaN is unknown
    assert third["prompt"] == row["messages"] and third["response"] == "\ufffd"
    assert (third["tokens"], third["verdict"], third["extra"]["big"]) == (3, True, str(2**70))
    assert metrics["metrics"] == {"x": 0.5} and len({line["session"] for line in (first, third)}) == 2


def test_half_a_line_at_the_end_goes_when_a_training_resumes(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    for _ in range(2):
        with Recorder(path).record(1, [{"response": "r"}]) or path.open("ab") as torn:
            torn.write(b'{"series": "run", "step": 2, "kin')
    Recorder(path).record(2, [{"response": "r"}])
    assert [line["step"] for line in lines(path)] == [1, 1, 2]


def test_only_the_first_process_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    path = tmp_path / "run.jsonl"
    Recorder(path).record(1, [{"response": "r"}])
    assert not path.exists()
    Recorder(path, rank=0).record(1, [{"response": "r"}])
    assert len(lines(path)) == 1


def test_reward_functions_are_seen_with_their_columns(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    recorder = Recorder(path)

    async def short(completions: list[str], **_: Any) -> list[float]:
        return [1 / len(each) for each in completions]

    right = recorder.reward(
        lambda completions, answer, **_: [float(a in c) for a, c in zip(answer, completions, strict=True)], "right"
    )
    brief = recorder.reward(short)
    assert (right.__name__, brief.__name__) == ("right", "short") and asyncio.iscoroutinefunction(brief)
    for step in range(2):
        given = {"prompts": ["p", "q"], "completions": ["four 4", "five"], "answer": ["4", "5"], "why": ["x" * 999, ""]}
        given |= {"trainer_state": SimpleNamespace(global_step=step), "completion_ids": [[1, 2], [3]]}
        assert right(**given) == [1.0, 0.0]
        # In a thread: a browser test of the same process may have left a loop running in this one.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, brief(**given)).result()
    recorder.close()
    found = lines(path)
    assert [line["step"] for line in found] == [1, 1, 2, 2]
    assert (found[0]["rewards"], found[0]["gold"], found[0]["tokens"]) == ({"right": 1.0, "short": 1 / 6}, "4", 2)
    assert "extra" not in found[0] and found[1]["extra"] == {"why": ""}


def test_a_grpo_training_is_recorded_with_every_reward(tmp_path: Path) -> None:
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer

    rows = [
        {"prompt": [{"role": "user", "content": f"Use 8, 4, {n} to make {n + 4}."}], "gold": f"8 - {n}"} for n in (1, 2)
    ]

    def right(completions: list[Any], gold: list[str], **_: Any) -> list[float]:
        return [float(answer in said[-1]["content"]) for said, answer in zip(completions, gold, strict=True)]

    def brief(completions: list[Any], **_: Any) -> list[float]:
        return [1 / (1 + len(said[-1]["content"])) for said in completions]

    settings = GRPOConfig(
        **{"output_dir": str(tmp_path), "max_steps": 2, "logging_steps": 1, "use_cpu": True, "bf16": False},
        **{"per_device_train_batch_size": 4, "num_generations": 4, "max_completion_length": 12, "report_to": []},
        **{"save_strategy": "no", "eval_strategy": "steps", "eval_steps": 2, "per_device_eval_batch_size": 4},
    )
    trainer = GRPOTrainer(
        model=str(LAB),
        reward_funcs=[right, brief],
        args=settings,
        train_dataset=Dataset.from_list(rows),
        eval_dataset=Dataset.from_list(rows[:1]),
        processing_class=AutoTokenizer.from_pretrained(LAB, padding_side="left"),
    )
    recorder = Recorder(tmp_path / "run.jsonl", "lab", "lab-base", "cd3")
    recorder.watch(trainer)
    trainer.train()
    recorder.close()
    found = lines(tmp_path / "run.jsonl")
    traces = [line for line in found if line["kind"] == "trace"]
    places = [(line["dataset"], line["step"]) for line in traces]
    assert sorted(places) == [("cd3", 1)] * 4 + [("cd3", 2)] * 4 + [("cd3 (evaluation)", 2)] * 4
    assert all(set(line["rewards"]) == {"right", "brief"} and line["gold"].startswith("8") for line in traces)
    assert {line["finish"] for line in traces} <= {"length", "stop"} and all(line["tokens"] <= 12 for line in traces)
    assert all("advantage" in line["extra"] for line in traces if line["dataset"] == "cd3")
    metrics = {key for line in found if line["kind"] == "metrics" for key in line["metrics"]}
    assert {"loss", "rewards/right/mean", "entropy", "eval_reward"} <= metrics
