"""A vLLM server of our own: started for a checkpoint, waited for, stopped.

Owns its command line, its environment and its process.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from backend.child_process import ChildProcess, guarded
from backend.domain import UserError, visible
from backend.engines.checkpoints import inspect_location
from backend.engines.compatibility import MOST_RANK, VllmState

OnProgress = Callable[[str], None]

NAME = "base"  # what the checkpoint is called there
START_SECONDS = 1800.0  # a large model from a slow disk takes many minutes
_STRAIGHT = build_opener(ProxyHandler({}))  # loopback is never behind a proxy
_POLL_SECONDS = 0.25
_GUARD_SECONDS = 30.0  # for the guard to kill what it guards: without it, the server would stay
_REPORT_SECONDS = 5.0
# What vLLM puts before a line: colours, the process, the level, the time and place.
_PREFIX = re.compile(r"^(?:\x1b\[[0-9;]*m|\([^)]*pid=\d+\)|\s|[A-Z]+ \d\d-\d\d \d\d:\d\d:\d\d(?: \[[^]]*\])?)+")
_ERROR = re.compile(r"^(?:[\w.]*\.)?(\w*(?:Error|Exception|Interrupt|Failure)): ?(.+)")
# Wrappers: their message is only that something else went wrong before.
_VAGUE = ("See root cause", "See stack trace", "initialization failed")


def arguments(python: str, folder: Path, port: int, *, cpu: bool, facts: Mapping[str, Any]) -> list[str]:
    """The command that serves `folder`, whose `facts` are those of `inspect_location`."""
    command = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)]
    # Loopback alone: whoever can reach the server may have it load adapters from any folder.
    command += ["--served-model-name", NAME, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--enable-lora", "--max-lora-rank", str(MOST_RANK), "--max-loras", "4"]
    # What is drawn from depends on the request alone, not on defaults that come with the model.
    command += ["--generation-config", "vllm", "--max-logprobs", "20"]
    # Log-probabilities of prompts take 6 bytes an entry of the vocabulary for each token of a step, beside what vLLM
    # sets aside: without a limit, scoring a long trace ends the server.
    command += ["--max-num-batched-tokens", "2048"]
    if cpu:
        command += ["--enforce-eager", "--gpu-memory-utilization", "0.3"]  # of the machine's memory, despite its name
        command += ["--dtype", "float32"] if facts.get("dtype") == "float32" else []
    else:
        command += ["--gpu-memory-utilization", "0.85"]
    return command


def environment(environ: Mapping[str, str], key: str, *, cpu: bool, threads: int = 1) -> dict[str, str]:
    """The variables that the server is started with."""
    own = {
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
        "VLLM_API_KEY": key,  # not on the command line, which every list of processes shows
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    if cpu:
        own |= {"OMP_NUM_THREADS": str(threads), "VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_CPU_KVCACHE_SPACE": "1"}
    return dict(environ) | own


class VllmServer:
    """A running server: `address` and `key` reach it."""

    def __init__(self, process: ChildProcess, port: int, key: str, log: Path, grace: float) -> None:
        """Use `start`."""
        self.address, self.key, self.log = f"http://127.0.0.1:{port}/v1", key, log
        self._process, self._grace, self._health = process, grace, f"http://127.0.0.1:{port}/health"

    @classmethod
    def start(
        cls,
        folder: Path,
        vllm: VllmState,
        *,
        log: Path | None = None,
        threads: int = 1,
        on_progress: OnProgress = lambda _: None,
        seconds: float = START_SECONDS,
        grace: float = 10.0,
    ) -> VllmServer:
        """Start a server for a checkpoint and wait until it answers, which takes from half a minute to many.

        `seconds` is the longest wait; when stopped, the server has `grace` seconds to end by itself. Its output goes to
        `log` (default: a file in the system's temporary folder). `on_progress` gets a sentence every few seconds of the
        wait; what it raises ends the server. Raises UserError with the server's last error where it doesn't come up.
        """
        facts = inspect_location(folder).facts
        port, key = _free_port(), secrets.token_urlsafe(24)
        if log is None:
            handle, name = tempfile.mkstemp(".log", "vllm-")
            os.close(handle)
            log = Path(name)
        command = arguments(vllm.python, folder, port, cpu=vllm.cpu_build, facts=facts)
        with log.open("wb") as output:
            process = ChildProcess(
                guarded(command, grace),
                environment(os.environ, key, cpu=vllm.cpu_build, threads=threads),
                output=output,
                errors=subprocess.STDOUT,
                own_group=True,
            )
        server = cls(process, port, key, log, grace)
        try:
            server._wait(on_progress, seconds)
        except BaseException:
            server.stop()
            raise
        return server

    @property
    def running(self) -> bool:
        """The process is there."""
        return self._process.running

    def stop(self) -> None:
        """End the server and all it started; returns when they are gone."""
        self._process.hang_up()
        if not self._process.wait(self._grace + _GUARD_SECONDS):
            self._process.kill()

    def _wait(self, on_progress: OnProgress, seconds: float) -> None:
        begun = reported = time.monotonic()
        while not self._answers():
            if not self.running:
                raise UserError(f"vLLM did not start: {reason_in(self.log)} Its whole output is in {self.log}.")
            if (now := time.monotonic()) - begun > seconds:
                raise UserError(f"vLLM did not start within {seconds:.0f} seconds. Its output is in {self.log}.")
            if now - reported > _REPORT_SECONDS:
                on_progress(f"vLLM is starting: {now - begun:.0f} s.")
                reported = now
            time.sleep(_POLL_SECONDS)

    def _answers(self) -> bool:
        try:
            with _STRAIGHT.open(self._health, timeout=2) as answer:
                return answer.status == 200
        except (URLError, OSError):
            return False


def reason_in(log: Path) -> str:
    """Why a server ended, a sentence from its log: its first error that isn't about another one, or its last line."""
    lines = [_PREFIX.sub("", line).strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    errors = [match for line in lines if (match := _ERROR.match(line)) and not any(v in match[2] for v in _VAGUE)]
    last = next((line for line in reversed(lines) if line), "it said nothing")
    return visible(errors[0][2] if errors else last, 400).rstrip(".") + "."


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
