"""A process in which files from outside are read, with a limit on its memory and on the time that a file may take.

Owns both sides: `ReaderPool` keeps processes warm and asks them, `python -m backend.reader_process MEGABYTES` is the
other. A file that costs more is given up by name, and what asked goes on with the others.
"""

from __future__ import annotations

import base64
import copyreg
import errno
import io
import json
import logging
import os
import pickle
import re
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import is_dataclass
from enum import Enum
from functools import cache
from importlib import import_module
from pathlib import Path
from queue import Empty, Queue
from threading import BoundedSemaphore
from typing import Any, Final, ParamSpec, TypeVar

from backend.child_process import ChildProcess, Message, Send, follow_input, json_output
from backend.domain import ImportProblem, UserError

P = ParamSpec("P")
R = TypeVar("R")

_log: Final = logging.getLogger(__name__)
_ROOT: Final = Path(__file__).resolve().parents[1]
_PACE: Final = 2**24  # bytes a second: a large file has the time that a slow disk takes for it, on top
_AT_ONCE: Final = 2  # questions, each with the memory of a whole process
_START_SECONDS: Final = 120.0
_MOST_FILES: Final = 100  # given up for one question; each of them may have taken all its time
_ANSWER: Final = 64 * 2**20  # bytes of one answer: it is held by whoever asked, who has no limit
_END_SECONDS: Final = 5.0
_IDLE_SECONDS: Final = 900.0
_STALE: Final = 256 * 2**20  # bytes that a process may have grown by; allocators seldom give back
# Loaded ahead of the first question, for seconds that a person would wait.
_MODULES: Final = ("backend.exchange.traces.read", "backend.services.traces.importer")
# Allocators that reserve much and use little would spend the limit on nothing.
_FRUGAL: Final = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1"}

# In the process itself: tells whoever asked which file is opened. Elsewhere files are just read.
_ON_OPEN: list[Callable[[Path, str, int], None]] = [lambda _path, _shown, _size: None]
_LIMIT = [0]  # MB, in the process itself
# An exception is made anew from its message, and this one is made of three things.
copyreg.pickle(ImportProblem, lambda problem: (type(problem), (problem.file, problem.reason, problem.row)))


class GivenUp(ImportProblem):
    """A file that took too much: `path` is where it lies."""

    def __init__(self, path: str, file: str, reason: str) -> None:
        """`file` names it to people."""
        self.path = path
        super().__init__(file or "the files", reason)


def opened(path: Path, shown: str, size: int) -> None:
    """Say that a file from outside is opened. Raises ImportProblem for one that was given up before."""
    _ON_OPEN[0](path, shown, size)


def too_large() -> str:
    """Why a file can't be read that memory didn't suffice for, as a clause."""
    return f"looking at it takes more than {_LIMIT[0]:,} MB of memory" if _LIMIT[0] else "it needs too much memory"


def is_memory(error: BaseException | None) -> bool:
    """Whether an error is for want of memory, in whatever way a library says so."""
    # orjson, for one, raises SystemError with a MemoryError behind it.
    while error and not (isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM):
        error = error.__cause__ or error.__context__
    return error is not None


# -- who asks -----------------------------------------------------------------------------------------


class ReaderPool:
    """Reader processes, started when they are needed and kept for the next question."""

    def __init__(self, megabytes: int, seconds: float) -> None:
        """A process may take `megabytes` more than it has at its start, and `seconds` a file."""
        self._megabytes, self._seconds = megabytes, seconds
        self._idle: list[ChildProcess] = []
        self._turns = BoundedSemaphore(_AT_ONCE)

    def warm(self) -> None:
        """Start a process ahead of the first question."""
        if not self._idle:
            self._idle.append(self._start())

    def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What `function` returns in such a process; a file that takes too much is a file that can't be read there.

        Raises what it raises where that is a UserError.
        """
        given_up: dict[str, str] = {}
        with self._turns:
            while True:
                try:
                    [found] = self._asked(function, args, kwargs, given_up, self._seconds)
                    return found
                except GivenUp as problem:
                    if not problem.path or problem.path in given_up or len(given_up) >= _MOST_FILES:
                        raise
                    given_up[problem.path] = problem.reason

    def stream(self, function: Callable[..., None], *args: Any) -> Generator[Any]:
        """What `function` tells in such a process, as it comes, with ten times a file's time between two words.

        Behind `args` it is given what tells, and that returns once the word was taken. Raises GivenUp at the first
        file that takes too much.
        """
        return self._asked(function, args, None, {}, 10 * self._seconds)

    def _start(self) -> ChildProcess:
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
        env = {**os.environ, **_FRUGAL, "PYTHONPATH": path}
        return ChildProcess([sys.executable, "-m", "backend.reader_process", str(self._megabytes), *_MODULES], env)

    def _asked(self, function: Any, args: Any, kwargs: Any, given_up: dict[str, str], seconds: float) -> Generator[Any]:
        question = {"call": _packed((function, args, kwargs)), "given_up": given_up}
        (child, told), whole = self._begun(question), False
        at, shown, size, limit = "", "", 0, seconds + _START_SECONDS
        try:
            while not whole:
                for message in told:
                    if "at" in message:
                        at, shown, size = message["at"]
                    elif "value" in message:
                        yield _unpacked(message["value"])
                        if kwargs is None:
                            child.send({})
                    else:
                        whole = self._settled(message, at, shown)
                if not whole and not child.readable(limit + size / _PACE):
                    raise GivenUp(at, shown, f"it was given up after {seconds:,.0f} seconds")
                told, limit = [] if whole else child.receive(), seconds
        except (EOFError, BrokenPipeError):
            raise GivenUp(at, shown, f"the process that read it is gone ({child.how_it_ended()})") from None
        finally:
            if whole and len(self._idle) < _AT_ONCE:
                self._idle.append(child)
            else:
                child.terminate()  # it takes away what it has half written
                child.wait(_END_SECONDS)
                child.kill()

    def _begun(self, question: Message) -> tuple[ChildProcess, list[dict[str, Any]]]:
        """A process that has the question, and the first that it says; one kept from another question has begun."""
        while self._idle:
            child = self._idle.pop()
            # One that grew, or was idle for long, ends by itself: also just now, with the question in its pipe.
            with suppress(OSError, EOFError):
                child.send(question)
                if child.readable(_START_SECONDS):
                    return child, child.receive()
            child.kill()
        child = self._start()
        child.send(question)
        return child, []

    def _settled(self, message: Message, at: str, shown: str) -> bool:
        """Whether the process can be asked again after this last message. Raises what it says."""
        if "raised" in message:
            raise _unpacked(message["raised"])
        if "failed" in message:
            if at:  # whatever a file sets off, the others go on
                _log.error("reading %s failed:\n%s", shown, message["failed"])
                raise GivenUp(at, shown, f"reading it failed ({message['error']}); the log says where")
            raise RuntimeError(f"reading failed in its process:\n{message['failed']}")
        if "large" in message:
            raise GivenUp(at, shown, f"what is in it takes more than {_ANSWER >> 20} MB to show")
        if "memory" in message:
            raise GivenUp(at, shown, message["memory"])
        return bool(message["done"])


@cache
def reader_pool(megabytes: int, seconds: float) -> ReaderPool:
    """The pool of this process for these limits."""
    return ReaderPool(megabytes, seconds)


def _packed(value: Any) -> str:
    return base64.b64encode(pickle.dumps(value, pickle.HIGHEST_PROTOCOL)).decode()


def _unpacked(text: str) -> Any:
    return _Records(io.BytesIO(base64.b64decode(text))).load()


class _Records(pickle.Unpickler):
    """Unpickles records, enums and errors of ours, and paths: nothing that does anything."""

    # A process that reads hostile files may have been taken over, and a pickle could then run anything here.
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == (type(Path()).__module__, type(Path()).__name__):
            return type(Path())
        found = super().find_class(module, name) if module.startswith("backend.") else None
        if isinstance(found, type) and (is_dataclass(found) or issubclass(found, Enum | UserError | tuple)):
            return found
        raise pickle.UnpicklingError(f"{module}.{name} is no record")


# -- the process --------------------------------------------------------------------------------------


def main(megabytes: int, modules: Sequence[str]) -> None:
    """Answer questions from standard input until it closes, or until none has come for long."""
    send, questions, _LIMIT[0] = json_output(), Queue[bytes](), megabytes
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides; Ctrl-C reaches the whole group
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    follow_input(questions.put, _end)
    for module in modules:
        if questions.empty():  # who asks at once waits for what the question needs alone
            import_module(module)
    before = _used("VmRSS")
    with suppress(Empty):
        while _used("VmRSS") - before < _STALE:
            _answer(json.loads(questions.get(timeout=_IDLE_SECONDS)), send, questions, megabytes)


def _end() -> None:
    """End this process, whose parent is gone: what is half written is taken away where that is quick."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_END_SECONDS)
    os._exit(1)


def _answer(question: Message, send: Send, questions: Queue[bytes], megabytes: int) -> None:
    given_up, last = question["given_up"], [""]

    def announce(path: Path, shown: str, size: int) -> None:
        if str(path) in given_up:
            raise ImportProblem(shown, given_up[str(path)])
        if last[0] != str(path):
            last[0] = str(path)
            send({"at": [str(path), shown, size]})

    def tell(value: object) -> None:
        send({"value": _packed(value)})
        questions.get()

    _ON_OPEN[0] = announce
    send({"at": ["", "", 0]})  # it has begun: a busy machine may have taken long to start this
    try:
        # Whoever asks isn't from outside: it may name any function.
        function, args, kwargs = pickle.loads(base64.b64decode(question["call"]))  # noqa: S301
        # What could be written to, not the address space, of which libraries reserve more than they use.
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (_used("VmData") + megabytes * 2**20, hard))
        if kwargs is None:
            function(*args, tell)
        else:
            packed = _packed(function(*args, **kwargs))
            send({"value": packed} if len(packed) < _ANSWER else {"large": True})
        send({"done": True})
    except UserError as error:
        send({"raised": _packed(error)})
    except Exception as error:  # a fault of ours, which whoever asked is to see, or no memory
        said = {"failed": traceback.format_exc(), "error": type(error).__name__}
        send({"memory": too_large()} if is_memory(error) else said)


def _used(what: str) -> int:
    """Bytes of this process, by a name of the system's; 0 where it has no such table, and then no limit either."""
    with suppress(OSError):
        found = re.search(rf"^{what}:\s+(\d+) kB", Path("/proc/self/status").read_text("utf-8"), re.MULTILINE)
        return int(found[1]) << 10 if found else 0
    return 0


if __name__ == "__main__":
    # By its name, because the readers of files know that module and not this one, which is called "__main__".
    import_module("backend.reader_process").main(int(sys.argv[1]), sys.argv[2:])
