"""Grading many responses with both graders, each under a hard time limit.

Owns the order of results, the window of items under way and the rules for time and crashes. What can be decided by
comparing strings and numbers is decided here, by the same code as elsewhere; the rest goes to grader processes.
"""

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

from backend.child_process import first_readable
from backend.grading import paper, rules
from backend.grading.grader_process import GraderProcess
from backend.grading.rules import EXACT, Response
from backend.grading.verdicts import FINAL, GRADERS, NO_GOLD, PAPER, TOO_LONG, NeedsAlgebra, Verdict, Verdicts

# Taken in ahead of what is read: so much that no process waits for its next item, and no more texts than memory bears.
_WINDOW: Final = 256
_WINDOW_CHARACTERS: Final = 32_000_000
_FAILED_STARTS: Final = 3
NOT_ONE: Final = "unknown: many answers are right, and these rules compare with one"
_Item = dict[str, Verdict]  # a response under way: the verdicts that have come, by grader
Item = Response | tuple[str, str | None] | tuple[str, str | None, str]
DIED: Final = "unknown: the grader's process ended on this answer"


@dataclass(slots=True)
class _Task:
    """One grader's work on one item. `request` is dropped once settled, so that texts don't pile up."""

    item: _Item
    grader: str
    request: dict[str, Any]
    answer: str | None
    retried: bool = False

    def settle(self, verdict: Verdict) -> None:
        self.request = {}
        self.item[self.grader] = verdict

    def give_up(self, note: str) -> None:
        """No reply will come."""
        # The paper's rules have a verdict for time that ran out: wrong.
        late = self.grader == PAPER and note == TOO_LONG
        self.settle(Verdict(self.answer, False, paper.OVER_TIME) if late else Verdict(self.answer, None, note))


class GraderPool:
    """Grader processes; use as a context manager, from any thread, one `grade` at a time.

    `workers` processes (default: 2, or 1 on a single core) start when the first response needs one. `seconds` of
    processor time are the hard limit per grader and response: past it the process is killed, the verdict is "unknown:
    took too long" (for the paper's rules: wrong, as they say themselves), and the others go on. Raises RuntimeError
    from `grade` when processes can't be started at all.
    """

    def __init__(self, workers: int | None = None, seconds: float = 30.0) -> None:
        self._size = workers or min(2, os.cpu_count() or 1)
        self._seconds = seconds
        self._idle: list[GraderProcess] = []
        self._starting: list[GraderProcess] = []
        self._busy: dict[GraderProcess, _Task] = {}
        self._waiting: deque[_Task] = deque()
        self._failed_starts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process. The pool can be used again afterwards; processes then start anew."""
        self._drop_work()
        for worker in (*self._idle, *self._starting):
            worker.kill()
        self._idle, self._starting = [], []

    def grade(self, items: Iterable[Item]) -> Iterator[Verdicts]:
        """Both verdicts for each response, in order; at most 256 items, or about 32 million characters, are taken in
        ahead of what is read.

        `correct` is None for a gold that is None or blank. The answer to a countdown question ("Use 8, 4, 5 to make
        9.") is checked exactly, and the note says so; the paper's rules don't apply.
        """
        window: deque[_Item] = deque()
        try:
            for item in items:
                window.append(self._admit(Response(*item)))
                self._advance(block=False)
                while window and (len(window[0]) == len(GRADERS) or self._full(window)):
                    yield self._finished(window.popleft())
            while window:
                yield self._finished(window.popleft())
        finally:
            self._drop_work()

    def _full(self, window: deque[_Item]) -> bool:
        held = sum(len(task.answer or "") for task in self._waiting)
        return len(window) >= _WINDOW or held >= _WINDOW_CHARACTERS

    def _finished(self, item: _Item) -> Verdicts:
        while len(item) < len(GRADERS):
            self._advance(block=True)
        return Verdicts(item[PAPER], item[FINAL])

    def _admit(self, response: Response) -> _Item:
        """Decide what needs no process; queue the rest."""
        item: _Item = {}
        stated, gold = rules.state(response), response.gold
        if certain := rules.beforehand(response, stated):
            item[FINAL] = certain
        else:
            request = {"stated": asdict(replace(stated, spoken="")), "gold": gold, "question": response.question}
            self._queue(item, FINAL, request, stated.answer)
        answer = paper.extract(response.text)
        if certain and certain.note.startswith(EXACT):
            item[PAPER] = Verdict(certain.answer, None, NOT_ONE)
        elif gold is None or not gold.strip():
            item[PAPER] = Verdict(answer, None, NO_GOLD)
        else:
            try:
                item[PAPER] = paper.quick(answer, gold)
            except NeedsAlgebra:
                self._queue(item, PAPER, {"text": answer or "", "gold": gold}, answer)
        return item

    def _queue(self, item: _Item, grader: str, request: dict[str, Any], answer: str | None) -> None:
        self._waiting.append(_Task(item, grader, {"grader": grader, **request}, answer))

    def _advance(self, block: bool) -> None:
        """Hand out waiting work, then take in replies; if `block`, wait until something happens."""
        self._assign()
        workers = [*self._busy, *self._starting]
        if not workers:
            return
        soonest = min(worker.deadline for worker in workers) - time.monotonic()
        answering = first_readable(workers, soonest if block else 0)
        for worker in workers:
            if worker in answering:
                self._take(worker)
            elif worker.late():
                self._lose(worker, TOO_LONG)
        self._assign()

    def _assign(self) -> None:
        while self._waiting:
            if not self._idle:
                # No more processes than there is work for: each takes a second to start, and 100 MB.
                if len(self._busy) + len(self._starting) < min(self._size, len(self._waiting) + len(self._busy)):
                    self._starting.append(GraderProcess())
                    continue
                return
            worker, task = self._idle.pop(), self._waiting.popleft()
            self._busy[worker] = task
            try:
                worker.ask(task.request, self._seconds)
            except OSError:
                self._lose(worker, DIED)

    def _take(self, worker: GraderProcess) -> None:
        try:
            replies = worker.receive()
        except EOFError:
            self._lose(worker, DIED)
            return
        if not replies:  # a line that has only begun to come
            return
        if worker in self._starting:
            self._starting.remove(worker)
            self._failed_starts = 0
        else:
            reply = replies[0]
            self._busy.pop(worker).settle(Verdict(reply["answer"], reply["correct"], reply["note"]))
        self._idle.append(worker)

    def _lose(self, worker: GraderProcess, note: str) -> None:
        """Kill a worker that is late or dead; its task gets `note`."""
        worker.kill()
        if worker in self._starting:
            self._starting.remove(worker)
            self._failed_starts += 1
            if self._failed_starts >= _FAILED_STARTS:
                raise RuntimeError("The graders' process can't be started; its messages are on standard error.")
            return
        task = self._busy.pop(worker)
        # What ended it may have been something else, such as the machine's lack of memory.
        if note == DIED and not task.retried:
            task.retried = True
            self._waiting.appendleft(task)
        else:
            task.give_up(note)

    def _drop_work(self) -> None:
        """Forget what is queued and end the processes that are at it."""
        self._waiting.clear()
        for worker in self._busy:
            worker.kill()
        self._busy = {}
