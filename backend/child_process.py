"""A child process that lives no longer than its parent: lines over pipes, and an end that is certain.

Owns both sides. The parent's `ChildProcess` starts, talks to and ends it; in the child, `json_output` and
`follow_input` are the other ends of its pipes. Standard input is the life line: the system closes it when the parent
dies, however it dies, and the child then ends. `python child_process.py SECONDS COMMAND…` gives any other command
the same end. Needs the standard library alone; POSIX only.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import IO, Any, Final

Message = Mapping[str, Any]
Send = Callable[[Message], None]

_TAIL_BYTES: Final = 4_000


# -- the parent's side ------------------------------------------------------------------------------


class ChildProcess:
    """A child, started at construction. What it is sent and what it answers are JSON objects, one a line."""

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        *,
        cwd: Path | None = None,
        output: IO[bytes] | int = subprocess.PIPE,
        errors: IO[bytes] | int | None = None,
        own_group: bool = False,
    ) -> None:
        """Start `command` with the environment `env`; standard output goes to `output`, standard error to `errors`.

        With `own_group` whatever it starts is ended with it, and a Ctrl-C in the terminal doesn't reach it. Raises
        OSError where it can't be started.
        """
        # Not multiprocessing: its children import the main module again, and under Streamlit that is the page shown.
        self._process = subprocess.Popen(  # noqa: S603 - the commands are our own programs
            list(command),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=errors,
            start_new_session=own_group,
        )
        self._own_group, self._received = own_group, list[bytes]()

    @property
    def pid(self) -> int:
        """The process's number; with `own_group` its group's too."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """It has not ended."""
        return self._process.poll() is None

    def send_line(self, line: str) -> None:
        """Write a line to it. Raises OSError if the process is gone."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def send(self, message: Message) -> None:
        """Write a message to it. Raises OSError if the process is gone."""
        self.send_line(json.dumps(message))

    def fileno(self) -> int:
        """The descriptor that becomes readable when a message, or the end, has come."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def readable(self, seconds: float) -> bool:
        """Wait up to `seconds` for a message or the end."""
        return bool(first_readable([self], seconds))

    def receive(self) -> list[dict[str, Any]]:
        """The messages that have come whole; waits where not a byte has. Raises EOFError once it wrote its last."""
        chunk = os.read(self.fileno(), 1 << 16)
        if not chunk:
            raise EOFError
        self._received.append(chunk)
        if b"\n" not in chunk:  # joined once a line is whole: at every chunk, megabytes would take minutes
            return []
        *lines, rest = b"".join(self._received).split(b"\n")
        self._received = [rest]
        return [json.loads(line) for line in lines]

    def hang_up(self) -> None:
        """Close the life line: the child ends by itself."""
        if self._process.stdin is not None:
            with suppress(OSError):  # bytes that a dead process never took
                self._process.stdin.close()

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds` for its end; returns whether it came."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return not self.running

    def terminate(self) -> None:
        """Ask it to end (SIGTERM)."""
        self._process.terminate()

    def kill(self) -> None:
        """End it at once, whatever it does, with its group if it has one; returns when it is gone."""
        if self._own_group:  # even if it has ended: what it started may have stayed
            signal_group(self.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        self.hang_up()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def how_it_ended(self) -> str:
        """How it ended, as a clause: "it ended with code 3". Waits for the end."""
        code = self._process.wait()
        if code >= 0:
            return f"it ended with code {code}"
        # The kernel's way of making room: nobody else kills our processes outright.
        why = ", often because the machine ran out of memory" if -code == signal.SIGKILL else ""
        return f"it was ended by {signal.Signals(-code).name}{why}"


def first_readable(children: Sequence[ChildProcess], seconds: float) -> list[ChildProcess]:
    """Those of `children` that have a message or have ended; waits up to `seconds` for the first."""
    poll = select.poll()  # not select.select, which fails above descriptor 1023
    by_descriptor = {child.fileno(): child for child in children}
    for descriptor in by_descriptor:
        poll.register(descriptor, select.POLLIN)
    return [by_descriptor[descriptor] for descriptor, _ in poll.poll(max(0.0, seconds) * 1000)]


def last_lines(log: Path, start: int = 0) -> list[str]:
    """The lines in the last 4,000 bytes of a log, without those before byte `start`; none if it can't be read."""
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - _TAIL_BYTES))
        return file.read().decode(errors="replace").splitlines()
    return []


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to a group of processes, if there is anything left of it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


# -- the child's side -------------------------------------------------------------------------------


def json_output(*, ascii_only: bool = True) -> Send:
    """What writes messages to standard output from now on; whatever else is printed there goes to standard error.

    Without `ascii_only`, characters that UTF-8 can't hold (lone surrogates) are replaced.
    """
    # Libraries write to descriptor 1 from C as well: a line of theirs must not come between two messages.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def send(message: Message) -> None:
        out.write(json.dumps(message, ensure_ascii=ascii_only).encode("utf-8", "replace") + b"\n")
        out.flush()

    return send


def follow_input(on_line: Callable[[bytes], None], at_end: Callable[[], object]) -> None:
    """Read standard input in a thread of its own: `on_line` gets each line, and `at_end` is called once the parent is
    gone. The main thread stays free for the work, and for signals.
    """

    def follow() -> None:
        received = b""
        # Not sys.stdin.buffer: a thread that waits in it holds its lock, and for want of that the interpreter aborts
        # when the main thread ends (code 134).
        while chunk := os.read(0, 1 << 16):
            *lines, received = (received + chunk).split(b"\n")
            for line in lines:
                on_line(line)
        at_end()

    Thread(target=follow, daemon=True).start()


def guard(command: Sequence[str], grace: float) -> int:
    """Run `command` in a group of its own and return its exit code.

    When standard input closes, it has `grace` seconds to end by itself.
    """
    child = subprocess.Popen(list(command), stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603

    def end() -> None:
        signal_group(child.pid, signal.SIGTERM)
        try:
            child.wait(grace)
        except subprocess.TimeoutExpired:
            signal_group(child.pid, signal.SIGKILL)

    follow_input(lambda line: None, end)
    code = child.wait()
    signal_group(child.pid, signal.SIGKILL)  # what it started and left behind
    return code


def guarded(command: Sequence[str], grace: float) -> list[str]:
    """The command line that runs `guard`."""
    # By its path and without the path's folder among those to import from (-P): `command` may be of another
    # environment, and neither it nor the guard should find modules of ours under common names.
    return [sys.executable, "-P", __file__, str(grace), *command]


if __name__ == "__main__":
    sys.exit(guard(sys.argv[2:], float(sys.argv[1])))
