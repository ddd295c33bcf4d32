"""The process that reads files from outside: its limits, what goes on after them, and that nothing of it runs here."""

from __future__ import annotations

import base64
import os
import pickle
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.domain import ImportProblem, UserError
from backend.import_plan import Preview
from backend.reader_process import GivenUp, ReaderPool, _unpacked, opened


def reading(paths: list[Path]) -> list[str]:
    """Reads files as a reader does; a name says what a file does to whoever reads it."""
    found = []
    for path in paths:
        try:
            opened(path, path.name, 1)
        except ImportProblem as problem:
            found.append(str(problem))
            continue
        if path.name == "fills":
            found.append(str(len(bytearray(2**30))))
        if path.name == "hangs":
            time.sleep(600)
        if path.name == "kills":
            os.kill(os.getpid(), signal.SIGKILL)
        if path.name == "faulty":
            failing()
        found.append(path.name)
    return found


def refusing(sentence: str) -> None:
    raise UserError(sentence)


def failing() -> None:
    raise ZeroDivisionError


def telling(count: int, tell: Callable[[object], None]) -> None:
    for number in range(count):
        tell(number)


def process() -> int:
    return os.getpid()


def larger() -> str:
    return "x" * 70_000_000


@pytest.fixture(scope="module")
def readers() -> ReaderPool:
    return ReaderPool(300, 2)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("fills", "looking at it takes more than 300 MB of memory"),
        ("hangs", "it was given up after 2 seconds"),
        ("kills", "the process that read it is gone"),
    ],
)
def test_a_file_that_takes_too_much_is_named_and_the_others_go_on(readers: ReaderPool, name: str, why: str) -> None:
    first, bad, last = readers.call(reading, [Path("a"), Path("x") / name, Path("b")])
    assert (first, last) == ("a", "b") and bad.startswith(f"{name}: {why}")


def test_a_process_is_asked_again(readers: ReaderPool) -> None:
    assert readers.call(process) == readers.call(process) != os.getpid()
    with pytest.raises(UserError, match="no such thing"):
        readers.call(refusing, "There is no such thing.")
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        readers.call(failing)
    assert list(readers.stream(telling, 5)) == [0, 1, 2, 3, 4]
    with pytest.raises(GivenUp, match="more than 64 MB to show"):
        readers.call(larger)


def test_a_stream_that_is_left_ends_its_process(readers: ReaderPool) -> None:
    stream = readers.stream(telling, 1_000_000)
    assert next(stream) == 0
    stream.close()
    assert readers.call(reading, [Path("a")]) == ["a"]


@pytest.mark.parametrize("value", [os.system, pickle.loads, ReaderPool, reading, Preview.__init__])
def test_of_what_such_a_process_says_nothing_runs(value: Any) -> None:
    with pytest.raises((pickle.UnpicklingError, AttributeError)):
        _unpacked(base64.b64encode(pickle.dumps(value)).decode())


def grown() -> int:
    globals()["kept"] = bytearray(os.urandom(300 * 2**20))
    return os.getpid()


def test_a_process_that_grew_and_ends_is_asked_nothing_more() -> None:
    """It ends by itself after its answer, perhaps with the next question in its pipe already."""
    readers = ReaderPool(1500, 60)
    for _ in range(5):
        assert readers.call(grown) != readers.call(process)


def test_a_fault_at_a_file_is_told_of_that_file(readers: ReaderPool) -> None:
    assert readers.call(reading, [Path("x/faulty"), Path("b")]) == [
        "faulty: reading it failed (ZeroDivisionError); the log says where.",
        "b",
    ]
