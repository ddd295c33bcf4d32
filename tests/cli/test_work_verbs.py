"""The verbs that make things, as a person types them: real processes, the shipped model, a worker for the time of a job."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backend.cli.main import main
from backend.config import ROOT
from tests.engines.openai.faulty_server import FaultyServer
from tests.patience import PATIENCE

ENV = {"SECOND_THOUGHTS_DEMO": "off", "OMP_NUM_THREADS": "1"}


def backend(store: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`python -m backend WORDS --store STORE`, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "backend", *words, "--store", str(store)],
        cwd=ROOT, env={**os.environ, **ENV}, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip


def test_evaluate_prints_what_runs_prints(tmp_path: Path) -> None:
    """A folder as the model, two contexts: one run each, printed as the list of runs has them."""
    done = backend(tmp_path, "evaluate", "--model", str(ROOT / "data/lab/lab-base"), "--problems", "lab-cd3-test",
                   "--samples", "2", "--limit", "3", "--context", "none", "--context", "full solution", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["context"] for row in rows} == {"none", "full solution"}
    for row in rows:
        assert (row["problems"], row["traces"], row["dataset"], row["length_unit"]) == (3, 6, "lab-cd3-test", "tokens")
        assert row["sampling"]["temperature"] == 0.8 and row["accuracy"]["final answer"] is not None
    listed = [json.loads(line) for line in backend(tmp_path, "runs", "--json").stdout.splitlines()]
    assert sorted(listed, key=str) == sorted(rows, key=str)
    jobs = backend(tmp_path, "jobs")
    assert " done " in jobs.stdout and "No worker is running" in jobs.stderr
    assert re.search(r"running  \d+ of 12 traces", done.stderr), done.stderr


def test_an_evaluation_that_loses_responses_says_which_and_why(tmp_path: Path) -> None:
    """A real worker and a server that fails by the question: how many, which and why, an exit code of its own, a retry."""
    store, problems, server = tmp_path / "store", tmp_path / "faults.jsonl", FaultyServer()
    words = ("plain", "halfway", "heavy", "strange")
    problems.write_text("\n".join(json.dumps({"question": f"{word}: 3 + 4?", "answer": "7"}) for word in words))
    try:
        assert backend(store, "import", str(problems), "--dataset", "faults").returncode == 0
        assert backend(store, "models", "add", server.address, "--served", "chain", "--name", "m").returncode == 0
        done = backend(store, "evaluate", "--model", "m", "--problems", "faults")
        assert done.returncode == 4 and "1 of 4 answered" in done.stdout, done.stderr
        told = "1 of 4 answered; 3 failed: 1 connection cut, 1 error of the server, 1 request refused."
        assert told in done.stderr and "1 connection cut (problem 2): " in done.stderr
        (listed,) = (json.loads(line) for line in backend(store, "runs", "--json").stdout.splitlines())
        assert (listed["planned"], listed["answered"], listed["lost"]["connection cut"]) == (4, 1, 1)
        server.healed = True
        (job,) = re.findall(r"jobs retry (\w+)", done.stderr)
        assert backend(store, "jobs", "retry", job).returncode == 0
        assert backend(store, "worker", "--once").returncode == 0
        runs = [json.loads(line) for line in backend(store, "runs", "--json").stdout.splitlines()]
        assert sorted((run["answered"], run["planned"]) for run in runs) == [(1, 4), (4, 4)]
    finally:
        server.close()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["evaluate", "--model", "lab-base", "--problems", "lab-cd3-test", "--samples", "0"], "samples (k) can't be 0"),
        (["evaluate", "--model", "lab-base", "--problems", "nowhere"], "no problem set 'nowhere'"),
        (["evaluate", "--model", "nobody", "--problems", "lab-cd3-test"], "no model 'nobody'"),
        (["evaluate", "--model", "lab-base", "--problems", "lab-cd3-test", "--hush", "shouts"], "no lexicon called"),
        (["score", "none", "--model", "lab-base"], "no run none"),
        (["models", "add"], "takes one folder"),
        (["models", "rename", "lab-base"], "a model and its new name"),
        (["jobs", "cancel"], "takes the job's id"),
        (["jobs", "log", "nothing"], "no job 'nothing'"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    tmp_path: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--store", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert says in said.err and len(said.err.strip().splitlines()) == 1 and not said.out


def test_models_that_cannot_answer_say_why(tmp_path: Path, tiny_model: Path, tiny_adapter: Path) -> None:
    """Without weights, on another base, behind an address where nobody listens: when added, or when asked."""
    store, bare = tmp_path / "store", Path(shutil.copytree(tiny_model, tmp_path / "bare"))
    (bare / "model.safetensors").unlink()
    assert "safetensors" in backend(store, "models", "add", str(bare)).stderr
    config = tiny_adapter / "adapter_config.json"
    other = Path(shutil.copytree(tiny_adapter, tmp_path / "other"))
    facts = json.loads(config.read_text()) | {"base_model_name_or_path": "lab-base"}
    (other / "adapter_config.json").write_text(json.dumps(facts))
    assert backend(store, "models", "add", str(other), "--name", "stranger").returncode == 0
    refused = backend(store, "evaluate", "--model", "stranger", "--problems", "lab-cd3-test", "--limit", "1")
    assert refused.returncode == 2 and "another base" in refused.stderr
    added = backend(store, "models", "add", "http://127.0.0.1:9/v1", "--served", "m", "--name", "down")
    assert added.returncode == 0, added.stderr
    silent = backend(store, "evaluate", "--model", "down", "--problems", "lab-cd3-test", "--limit", "1")
    assert silent.returncode == 2 and "127.0.0.1:9" in silent.stderr and "Traceback" not in silent.stderr
