"""Starting and stopping a vLLM server: its command line, its end, what it says when it doesn't come up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from backend.child_process import guarded
from backend.domain import UserError
from backend.engines.compatibility import VllmState
from backend.engines.vllm.vllm_server import VllmServer, arguments, environment, reason_in
from tests.patience import until

FACTS = {"dtype": "float32"}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def command(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def test_the_command_line_serves_adapters_on_loopback_alone() -> None:
    gpu = arguments("/py", Path("/models/m"), 4321, cpu=False, facts=FACTS)
    assert gpu[:3] == ["/py", "-m", "vllm.entrypoints.openai.api_server"]
    wanted = {
        "--model": "/models/m",
        "--host": "127.0.0.1",
        "--port": "4321",
        "--max-lora-rank": "64",
        "--max-loras": "4",
        "--generation-config": "vllm",
        "--max-num-batched-tokens": "2048",
        "--gpu-memory-utilization": "0.85",
    }
    assert {name: option(gpu, name) for name in wanted} == wanted
    assert "--enable-lora" in gpu and "--enforce-eager" not in gpu and "--dtype" not in gpu
    cpu = arguments("/py", Path("/models/m"), 1, cpu=True, facts=FACTS)
    assert "--enforce-eager" in cpu and option(cpu, "--dtype") == "float32"
    assert "--dtype" not in arguments("/py", Path("/m"), 1, cpu=True, facts={"dtype": "bfloat16"})


def test_the_key_is_in_the_environment_and_nowhere_else() -> None:
    made = environment({"PATH": "/bin", "OMP_NUM_THREADS": "9"}, "secret", cpu=True, threads=2)
    assert made["VLLM_API_KEY"] == "secret" and made["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "True"
    assert made["PATH"] == "/bin" and made["OMP_NUM_THREADS"] == "2"
    assert environment({"OMP_NUM_THREADS": "9"}, "secret", cpu=False)["OMP_NUM_THREADS"] == "9"
    assert not any("secret" in part for part in arguments("/py", Path("/m"), 1, cpu=True, facts={}))


def test_a_server_that_does_not_come_up_says_why(tiny_model: Path, tmp_path: Path) -> None:
    log = tmp_path / "vllm.log"
    with pytest.raises(UserError, match=r"vLLM did not start: .*No module named 'vllm'.*vllm\.log"):
        VllmServer.start(tiny_model, VllmState(python=sys.executable, installed=True), log=log)
    with pytest.raises(UserError, match="holds no model"):
        VllmServer.start(tmp_path, VllmState(installed=True))


@pytest.fixture
def deaf(tmp_path: Path) -> Path:
    """A "Python" that never serves anything: it writes its process id and ignores requests to end."""
    script = tmp_path / "deaf"
    script.write_text(f"#!/bin/sh\ntrap '' TERM\necho $$ > {tmp_path}/pid\nwhile true; do sleep 0.1; done\n")
    script.chmod(0o755)
    return script


def test_waiting_ends_when_told_so(
    tiny_model: Path, tmp_path: Path, deaf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.engines.vllm.vllm_server._REPORT_SECONDS", 0.3)

    class Cancelled(Exception): ...

    pid = tmp_path / "pid"

    def say(_: str) -> None:
        if pid.exists() and pid.read_text():
            raise Cancelled

    state = VllmState(python=str(deaf), installed=True)
    with pytest.raises(Cancelled):
        VllmServer.start(tiny_model, state, log=tmp_path / "log", on_progress=say, grace=0.1)
    assert not alive(int(pid.read_text()))
    with pytest.raises(UserError, match="did not start within 1 seconds"):
        VllmServer.start(tiny_model, state, log=tmp_path / "log", seconds=1, grace=0.1)
    assert not any(os.fsencode(deaf) in command(path) for path in Path("/proc").glob("[0-9]*/cmdline"))


def test_the_first_telling_error_is_the_reason(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        textwrap.dedent("""\
        (APIServer pid=7) INFO 11-23 01:02:28 [api_utils.py:347] version 0.32.0
        (VllmWorker-0 pid=9) ERROR 11-23 01:03:17 [multiproc_executor.py:953] ValueError: Free memory is too small.
        (EngineCore pid=8) ERROR 11-23 01:03:21 [core.py:1510] Exception: WorkerProc initialization failed due to x.
        RuntimeError: Engine core initialization failed. See root cause above.
        """)
    )
    assert reason_in(log) == "Free memory is too small."
    log.write_text("usage: api_server\napi_server: error: unrecognized arguments: --enable-lora\n\n")
    assert reason_in(log) == "api_server: error: unrecognized arguments: --enable-lora."
    log.write_text("")
    assert reason_in(log) == "it said nothing."


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_the_one_who_started_it(tmp_path: Path, number: signal.Signals) -> None:
    child = f"import os, pathlib, time; pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid())); time.sleep(3600)"
    starter = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen({guarded([sys.executable, '-c', child], 5)!r}, stdin=subprocess.PIPE,"
        " start_new_session=True)\ntime.sleep(3600)"
    )
    process = subprocess.Popen([sys.executable, "-c", starter])
    pid = tmp_path / "pid"
    until(lambda: pid.exists() and pid.read_text())
    process.send_signal(number)
    process.wait()
    until(lambda: not alive(int(pid.read_text())))


def test_a_guard_passes_on_how_its_command_ended() -> None:
    command = guarded([sys.executable, "-c", "raise SystemExit(7)"], 5)
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.wait() == 7
