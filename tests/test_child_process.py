"""A child and its parent over real pipes: lines both ways, and an end whatever becomes of either."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backend.child_process import ChildProcess, first_readable, guarded, last_lines
from backend.config import ROOT
from tests.patience import PATIENCE, until

# What every child here begins with: the child's side of the module, as our own programs use it.
CHILD = """
import json, os, sys, threading, time
from backend.child_process import follow_input, json_output
"""
ECHO = """
send = json_output()
lines, ended = [], threading.Event()
follow_input(lambda line: send({"line": line.decode()}), ended.set)
print("a library's greeting", flush=True)
os.write(1, b"and another, from C\\n")
send({"ready": True})
ended.wait()
"""


@contextmanager
def started(code: str, **more: Any) -> Iterator[ChildProcess]:
    child = ChildProcess([sys.executable, "-c", CHILD + code], {**os.environ, "PYTHONPATH": str(ROOT)}, **more)
    try:
        yield child
    finally:
        child.kill()


def messages(child: ChildProcess, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < count:
        assert child.readable(PATIENCE)
        found += child.receive()
    return found


def gone(pid: int) -> bool:
    """Whether a process has ended; one that only waits to be reaped has."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


def test_lines_go_both_ways_and_what_libraries_print_goes_elsewhere(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log, started(ECHO, errors=log) as child:
        assert messages(child, 1) == [{"ready": True}] and child.running
        assert not child.readable(0)
        child.send({"text": "“ü” \u2028\n"})
        child.send_line("pause")
        first, second = messages(child, 2)
        assert first == {"line": r'{"text": "\u201c\u00fc\u201d \u2028\n"}'} and second == {"line": "pause"}
        child.hang_up()
        assert child.wait(PATIENCE) and child.how_it_ended() == "it ended with code 0"
        with pytest.raises(EOFError):
            child.receive()
    assert (tmp_path / "log").read_text() == "a library's greeting\nand another, from C\n"


def test_a_message_that_comes_in_pieces_is_given_whole() -> None:
    pieces = 'out = os.fdopen(1, "wb", 0)\nfor part in sys.argv[1:] or [b\'{"a":\', b\' 1}\\n{"b": 2}\\n{"c"\', b\': 3}\\n\']:\n'
    with started(pieces + "    out.write(part); time.sleep(0.3)\n") as child:
        assert messages(child, 3) == [{"a": 1}, {"b": 2}, {"c": 3}]


@pytest.mark.parametrize(("ascii_only", "text"), [(True, "\ud800ü"), (False, "?ü")])
def test_lone_surrogates_pass_or_are_replaced(ascii_only: bool, text: str) -> None:
    with started(f'json_output(ascii_only={ascii_only})({{"t": "\\ud800ü"}})') as child:
        assert messages(child, 1) == [{"t": text}]


def test_the_first_of_several_is_found_by_its_message_or_its_end() -> None:
    with started(ECHO) as speaks, started("time.sleep(600)") as silent:
        assert first_readable([speaks, silent], PATIENCE) == [speaks]
        os.kill(silent.pid, signal.SIGKILL)
        until(lambda: silent in first_readable([silent], 1))
        with pytest.raises(EOFError):
            silent.receive()
        assert silent.how_it_ended() == "it was ended by SIGKILL, often because the machine ran out of memory"
        with pytest.raises(OSError, match="Broken pipe"):
            silent.send({"job": "x" * 100_000})


def test_a_child_that_cannot_be_started_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ChildProcess([str(tmp_path / "nothing")], {})


def test_a_group_is_killed_with_what_it_started_even_after_its_own_end(tmp_path: Path) -> None:
    grandchild = f"""
import subprocess
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdin=subprocess.DEVNULL)
open({str(tmp_path / "pid")!r}, "w").write(str(other.pid))
os._exit(7)
"""
    with started(grandchild, own_group=True) as child:
        assert os.getpgid(child.pid) == child.pid != os.getpgid(0)
        assert until(lambda: not child.running) and child.how_it_ended() == "it ended with code 7"
        pid = int((tmp_path / "pid").read_text())
        assert not gone(pid)
    until(lambda: gone(pid))
    child.kill()  # again, when all is gone


def test_a_deaf_child_of_our_group_is_killed_alone() -> None:
    with started(
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); json_output()({})\ntime.sleep(600)"
    ) as child:
        messages(child, 1)
        assert os.getpgid(child.pid) == os.getpgid(0)
        child.terminate()
        assert not child.wait(0.2)
        child.kill()
        assert gone(child.pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("guard", [False, True])
def test_a_child_ends_when_its_parent_ends_however_that_ends(
    tmp_path: Path, number: signal.Signals, guard: bool
) -> None:
    """A parent of its own starts the child, guarded or of ours, and is ended by a signal nobody can catch or expects."""
    note = f'open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid()))\n'
    plain = f"import os, time\n{note}time.sleep(600)"
    ours = f"{CHILD}follow_input(lambda line: None, lambda: os._exit(4))\n{note}time.sleep(600)"
    code = [sys.executable, "-c", plain if guard else ours]
    command = guarded(code, 1) if guard else code
    parent = f"import os, time\nfrom backend.child_process import ChildProcess\n" \
             f"child = ChildProcess({command!r}, os.environ, own_group=True)\ntime.sleep(600)"  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", parent], env={**os.environ, "PYTHONPATH": str(ROOT)})
    pid = int(until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    assert not gone(pid)
    process.send_signal(number)
    process.wait()
    until(lambda: gone(pid))


def test_a_guarded_command_may_end_by_itself_before_it_is_killed(tmp_path: Path) -> None:
    """It is asked first, and what it wrote is kept; the guard's own folder is none to import from."""
    code = f"""
import signal, sys, time
from pathlib import Path
assert not any(Path(folder).name == "backend" for folder in sys.path)
def end(*_):
    Path({str(tmp_path / "note")!r}).write_text("put away")
    sys.exit(5)
signal.signal(signal.SIGTERM, end)
print("{{}}", flush=True)
time.sleep(600)
"""
    child = ChildProcess(guarded([sys.executable, "-c", code], 60), os.environ, own_group=True)
    assert messages(child, 1) == [{}]
    child.hang_up()
    assert child.wait(PATIENCE) and child.how_it_ended() == "it ended with code 5"
    assert (tmp_path / "note").read_text() == "put away"
    child.kill()


def test_the_main_thread_may_end_while_the_other_waits_for_input() -> None:
    """No abort of the interpreter for the lock of a standard input that a thread waits in."""
    with started("follow_input(lambda line: None, lambda: None); json_output()({})\ntime.sleep(0.2)") as child:
        messages(child, 1)
        assert child.wait(PATIENCE) and child.how_it_ended() == "it ended with code 0"


def test_the_last_lines_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_lines(log) == []
    log.write_bytes(b"old\n" * 3 + "neü\n  indented\n".encode() + b"\xff\n")
    assert last_lines(log) == ["old", "old", "old", "neü", "  indented", "\ufffd"]
    assert last_lines(log, 12) == ["neü", "  indented", "\ufffd"]
    log.write_bytes(b"x" * 5_000 + b"\nend\n")
    assert len(last_lines(log)[0]) == 3_995 and last_lines(log)[1] == "end"
