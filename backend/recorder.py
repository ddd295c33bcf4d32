"""A flight recorder for trainings: writes what each step brought as JSON Lines that the page Series follows.

This one file needs nothing but Python (3.9 or newer): import it, or copy it beside your training script.

    recorder = Recorder("run.jsonl", series="my training", model="Qwen3-8B", dataset="DAPO-Math-17k", at_most=64)

**Any loop.** Rows are mappings, or one mapping of columns; metrics are numbers by name:

    recorder.record(step, [{"prompt": p, "response": r, "gold": "12", "rewards": {"correct": 1.0}}], {"loss": 0.3})

**TRL.** Metrics of every trainer; of those with rewards (GRPO, RLOO, SDPO) and of SDFT the completions, too:

    recorder.watch(trainer)     # before trainer.train()

Without the trainer at hand: `callbacks=[recorder.callback()]` and `reward_funcs=[recorder.reward(f) for f in mine]`.

**verl.** With `trainer.rollout_data_dir` set, it hands over what it dumps (that folder can be imported as it is, too):

    class Recorded(RayPPOTrainer):
        def _dump_generations(self, inputs, outputs, gts, scores, reward_extra_infos_dict, dump_path):
            recorder.record(self.global_steps, {"prompt": inputs, "response": outputs, "gold": gts, "reward": scores})
            super()._dump_generations(inputs, outputs, gts, scores, reward_extra_infos_dict, dump_path)

**tinker-cookbook.** In its loop (`recipes/rl_loop.py`), append a row where a response is graded, and record at the end:

    rows.append({"prompt": question, "response": content, "gold": answer, "reward": reward})
    ...
    recorder.record(batch_idx, rows, metrics)

**The file.** A line is `{"series", "step", "kind", "session", ...}`. `"kind": "trace"` has model, dataset, prompt (text
or messages), response (likewise) and, where known, gold, verdict (true, false), tokens, finish ("stop", "length"),
rewards (by name), extra (all other fields); `of`, a count, where only some of a step's rows were kept.
`"kind": "metrics"` has dataset and metrics (by name). NaN and infinities are null, half surrogate pairs U+FFFD.

Lines are appended, a step's in one write, so a reader may find half a line at the end, never elsewhere. A step may come
in several writes, which add up; of metrics the last value counts. A training that is resumed is another `session`: of
each step of a data set only the traces of the session that wrote some last count.

Nothing here raises into a training: what fails is one warning. Of several processes the first alone writes (`RANK` is
0, or `rank=0`): all rows where TRL has gathered them, else its own share.
"""

from __future__ import annotations

import atexit
import functools
import inspect
import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

LOG = logging.getLogger("recorder")
# What a row may call its parts -> what a line calls them. Other fields go to `extra`; a reward may be a number alone.
NAMES = {
    "prompt": ("prompt", "messages", "question"),
    "response": ("response", "completion", "output"),
    "gold": ("gold", "gold_answer", "ground_truth", "answer", "target", "solution"),
    "verdict": ("verdict", "correct"),
    "tokens": ("tokens",),
    "finish": ("finish", "finish_reason"),
    "rewards": ("rewards", "reward"),
}
_BEGINNING = b'{"series":'
_DEPTH = 20  # below it a value is written as text
_SHORT = 200  # characters; longer columns of a data set are left out, for every row would repeat them


class Recorder:
    """Records one training in one file."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        series: str = "",
        model: str = "",
        dataset: str = "",
        *,
        every: int = 1,
        at_most: int | None = None,
        rank: int | None = None,
    ) -> None:
        """`series` is the training's name ("": the file's). Traces are kept of steps 0, 1 and each `every`-th, at most
        `at_most` a step, evenly spaced; metrics of all steps.
        """
        self.path = Path(path)
        self.series, self.model, self.dataset = series or self.path.stem, model, dataset
        self.every, self.at_most = max(1, every), at_most
        self.active = (int(os.environ.get("RANK") or 0) if rank is None else rank) == 0
        self._session, self._warned = f"{time.time_ns():x}", False
        self._file: Any = None
        self._trainer: Any = None
        # The step under way: its rows with their data set, and the completions that the last of them came from.
        self._step, self._batch = 0, None
        self._pending: list[tuple[str, dict[str, Any]]] = []
        self._gathered: list[Any] = []
        atexit.register(self.close)

    def record(self, step: int, rows: Any = (), metrics: Mapping[str, Any] | None = None) -> None:
        """Write a step's rows (mappings, or one mapping of columns), and its metrics; what is no number is left out."""
        self._safely(self._record, step, rows, metrics, self.dataset)

    def record_metrics(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Write what the training reports of itself at a step."""
        self.record(step, (), metrics)

    def reward(self, function: Callable[..., Any], name: str = "") -> Callable[..., Any]:
        """A reward function of TRL's kind that records what it is asked and what it answers."""
        named = name or getattr(function, "__name__", type(function).__name__)

        def noted(*args: Any, **given: Any) -> Any:
            scores = function(*args, **given)
            self._safely(self._note, named, scores, *args, **given)
            return scores

        async def awaited(*args: Any, **given: Any) -> Any:
            scores = await function(*args, **given)
            self._safely(self._note, named, scores, *args, **given)
            return scores

        # TRL asks whether a function is asynchronous, and calls its column by its name.
        found = functools.wraps(function)(awaited if inspect.iscoroutinefunction(function) else noted)
        found.__name__ = named
        return found

    def watch(self, trainer: Any) -> None:
        """Record a trainer of transformers or TRL: its metrics and, where it has them, completions and rewards."""
        self._safely(self._watch, trainer)

    def callback(self) -> Any:
        """A `TrainerCallback` of transformers that records metrics, and the completions `reward` has seen."""
        from transformers import TrainerCallback  # noqa: PLC0415, TID251 - only where there is a trainer

        recorder = self

        class RecorderCallback(TrainerCallback):
            """Hands over what a trainer reports."""

            def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
                """Record the metrics."""
                if state.is_world_process_zero:
                    recorder.record_metrics(state.global_step, logs or {})

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                """Record the completions."""
                recorder._safely(recorder._end_step, state.global_step)

            def on_self_distillation_batch_prepared(self, state: Any, **given: Any) -> None:
                """Note the completions of a trainer without rewards."""
                recorder._safely(recorder._note_ids, **given)

        return RecorderCallback()

    def close(self) -> None:
        """Write what is pending, and close the file."""
        self._safely(self._flush)
        if self._file is not None:
            self._safely(self._file.close)
            self._file = None

    def _safely(self, act: Callable[..., Any], *args: Any, **given: Any) -> None:
        try:
            if self.active:
                act(*args, **given)
        except Exception as error:  # whatever it is, the training is worth more than its record
            if not self._warned:
                LOG.warning("The recorder could not write to %s: %r. The training goes on.", self.path, error)
            self._warned = True

    def _record(self, step: int, rows: Any, metrics: Mapping[str, Any] | None, dataset: str) -> None:
        step, lines = int(step), list[dict[str, Any]]()
        head = {"series": self.series, "step": step}
        if step <= 1 or not step % self.every:
            found = list(_rows(rows))
            most = len(found) if self.at_most is None else min(self.at_most, len(found))
            own: dict[str, Any] = {"kind": "trace", "session": self._session, "model": self.model, "dataset": dataset}
            own |= {"of": len(found)} if most < len(found) else {}
            # Evenly spaced: the first ones alone would be those of few problems.
            lines = [{**head, **own, **_trace(found[place * len(found) // most])} for place in range(most)]
        plain = {str(name): _plain(value) for name, value in (metrics or {}).items()}
        if numbers := {name: value for name, value in plain.items() if type(value) in (int, float)}:
            lines.append({**head, "kind": "metrics", "session": self._session, "dataset": dataset, "metrics": numbers})
        if lines:
            self._append(b"".join(json.dumps(_plain(line), ensure_ascii=False).encode() + b"\n" for line in lines))

    def _append(self, data: bytes) -> None:
        self._file = self._file or _opened(self.path)
        start, rest = self._file.seek(0, os.SEEK_END), memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            # A disk that is full takes half a line, and the next one would stand behind it.
            self._file.truncate(start)
            raise

    # -- TRL ------------------------------------------------------------------------------------

    def _watch(self, trainer: Any) -> None:
        self._trainer = trainer
        names, functions = getattr(trainer, "reward_func_names", []), getattr(trainer, "reward_funcs", [])
        for place, (name, function) in enumerate(zip(names, functions)):  # noqa: B905 - Python 3.9 has no strict
            # A reward model is called with token ids; its scores come with what the trainer gathers.
            if not hasattr(function, "parameters"):
                functions[place] = self.reward(function, name)
        trainer.add_callback(self.callback())

    def _note(
        self, name: str, scores: Any, prompts: Any, completions: Any, completion_ids: Any = None, **given: Any
    ) -> None:
        """Take down one reward function's scores of a batch."""
        scores = _plain(scores)
        self._begin_step(given.get("trainer_state"))
        last = self._pending[-len(scores) :]
        if self._batch is completions and all(name not in row["rewards"] for _, row in last):
            for (_, row), score in zip(last, scores):  # noqa: B905
                row["rewards"][name] = score
            return
        self._batch = completions
        columns = {key: values for key, values in given.items() if isinstance(values, list)}
        for place, score in enumerate(scores):
            row = {key: values[place] for key, values in columns.items() if len(str(values[place])) <= _SHORT}
            row |= {"prompt": prompts[place], "response": completions[place], "rewards": {name: score}}
            self._add(row, completion_ids and completion_ids[place])

    def _note_ids(self, prompt_ids: Any, completion_ids: Any, processing_class: Any, **given: Any) -> None:
        self._begin_step(given.get("state"))
        if self._pending:  # the rewards have brought them
            return
        texts = (processing_class.batch_decode(ids, skip_special_tokens=True) for ids in (prompt_ids, completion_ids))
        for prompt, response, ids in zip(*texts, _plain(completion_ids)):  # noqa: B905
            # Rows are filled up to the longest. Where the filling is also the mark of the end, its first is that mark.
            ends = (at for at, each in enumerate(ids, 1) if each == processing_class.pad_token_id)
            self._add({"prompt": prompt, "response": response}, ids[: next(ends, len(ids))])

    def _add(self, row: dict[str, Any], ids: Any) -> None:
        """Add a row; its tokens and how it ended follow from `ids`, where the trainer says which of them end one."""
        tokenizer = getattr(self._trainer, "processing_class", None)
        ends = {getattr(tokenizer, mark, None) for mark in ("eos_token_id", "pad_token_id")} - {None}
        row |= {"tokens": len(ids)} if ids else {}
        row |= {"finish": "stop" if _plain(ids[-1]) in ends else "length"} if ids and ends else {}
        dataset = f"{self.dataset} (evaluation)".strip() if self._evaluating() else self.dataset
        self._pending.append((dataset, row))

    def _evaluating(self) -> bool:
        return self._trainer is not None and not self._trainer.model.training

    def _begin_step(self, state: Any) -> None:
        # TRL counts a step when it is done; the completions belong to the one under way.
        if state is not None and self._step != (step := state.global_step + (not self._evaluating())):
            self._flush()
            self._step = step

    def _end_step(self, step: int) -> None:
        logs = getattr(self._trainer, "_logs", None) or {}
        # They stay there until the next batch: one may serve several steps.
        if (said := list(logs.get("completion", ()))) and said != self._gathered:
            self._gathered = said
            self._pending = [(self.dataset, row) for row in self._merged(logs, said)]
        self._step = step
        self._flush()

    def _merged(self, logs: Mapping[str, Any], said: list[Any]) -> Iterator[dict[str, Any]]:
        """The rows of all processes, with every reward and the advantages, from where GRPO and RLOO keep them."""
        rewards, advantages = logs.get("rewards", {}), logs.get("advantages", ())
        other = {"prompt": logs["prompt"], "advantage": advantages, **logs.get("extra", {})}
        for place, response in enumerate(said):
            # The first process's own rows come first; they know tokens and columns.
            known = self._pending[place][1] if place < len(self._pending) else {}
            row = dict(known) if known.get("response") == response else {"response": response}
            row |= {name: values[place] for name, values in other.items() if place < len(values)}
            yield row | {"rewards": {name: scores[place] for name, scores in rewards.items() if place < len(scores)}}

    def _flush(self) -> None:
        pending, self._pending, self._batch = self._pending, [], None
        for dataset in dict.fromkeys(each for each, _ in pending):
            self._record(self._step, [row for each, row in pending if each == dataset], None, dataset)


def _rows(rows: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(rows, Mapping):
        yield from rows
        return
    columns = {name: _plain(values) for name, values in rows.items() if values is not None}
    for values in zip(*columns.values()):  # noqa: B905
        yield dict(zip(columns, values))  # noqa: B905


def _trace(row: Mapping[str, Any]) -> dict[str, Any]:
    used = {name: next((key for key in keys if row.get(key) is not None), None) for name, keys in NAMES.items()}
    found = {name: row[key] for name, key in used.items() if key is not None}
    if not isinstance(found.get("rewards", {}), Mapping):
        found["rewards"] = {"reward": found["rewards"]}
    extra = {key: value for key, value in row.items() if key not in used.values() and value is not None}
    return found | ({"extra": extra} if extra else {})


def _plain(value: Any, depth: int = 0) -> Any:
    """A value as JSON can hold it; arrays, tensors and their scalars as lists and numbers."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        # Half a surrogate pair, as of a response that was cut inside an emoji, is no UTF-8.
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if depth < _DEPTH and isinstance(value, Mapping):
        return {_plain(str(key)): _plain(inner, depth + 1) for key, inner in value.items()}
    if depth < _DEPTH and isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(inner, depth + 1) for inner in value]
    if depth < _DEPTH and hasattr(value, "tolist"):
        return _plain(value.tolist(), depth + 1)
    return _plain(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))


def _opened(path: Path) -> Any:
    """The file, ready to append to: without the half line that a full disk or a crash left at its end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+b", buffering=0)
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    if end and not _BEGINNING.startswith((file.read(len(_BEGINNING)) or b"")[:end]):
        file.close()
        raise ValueError("the file is no recording")
    while end and (file.seek(end - 1), file.read(1))[1] != b"\n":
        end -= 1
    file.truncate(end)
    return file
