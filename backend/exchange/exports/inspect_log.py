"""Writer of a run as a log of Inspect, `.json` or `.eval`, with a score a grader.

Owns what becomes of a trace there: the problem is the sample, its number the epoch. A question stands as the user's
message, so that samples of one problem have one; what the model was really shown, where it is more, is metadata.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZipFile

import orjson

from backend.domain import GRADERS, Run, digest

Row = Mapping[str, Any]
_COLUMNS: Final = {"file": "file", GRADERS[0]: "verify", GRADERS[1]: "paper"}
_STOPS: Final = {"stop": "stop", "length": "max_tokens", "refusal": "content_filter", "tool call": "tool_calls"}


def write_log(target: Path, run: Run, problems: Sequence[Row], traces: Iterable[Row], suffix: str) -> None:
    """Write a run to `target` as a log of that suffix. `problems` are its figures by problem, for the results."""
    head, samples = _head(run, problems), (_sample(row, run) for row in traces)
    if suffix == ".eval":
        _write_zip(target, head, samples)
    else:
        _write_json(target, head, samples)


def _write_json(target: Path, head: Row, samples: Iterator[Row]) -> None:
    with target.open("wb") as file:
        file.write(orjson.dumps(head)[:-1] + b',"samples":[')
        for place, sample in enumerate(samples):
            file.write(b",\n" * (place > 0) + orjson.dumps(sample))
        file.write(b"]}\n")


def _write_zip(target: Path, head: Row, samples: Iterator[Row]) -> None:
    start = {name: head[name] for name in ("version", "eval", "plan")}
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        archive.writestr("_journal/start.json", orjson.dumps(start))
        summaries = []
        for sample in samples:
            archive.writestr(f"samples/{sample['id']}_epoch_{sample['epoch']}.json", orjson.dumps(sample))
            kept = {name: sample[name] for name in ("id", "epoch", "target", "scores")}
            summaries.append({**kept, "input": sample["input"][:200], "completed": True})
        archive.writestr("_journal/summaries/1.json", orjson.dumps(summaries))
        archive.writestr("summaries.json", orjson.dumps(summaries))
        archive.writestr("header.json", orjson.dumps(head))


def _head(run: Run, problems: Sequence[Row]) -> dict[str, Any]:
    info, sampling = run.info, run.info.sampling
    scores = [_results(name, column, problems) for name, column in _COLUMNS.items()]
    kept = {name: getattr(sampling, name) for name in ("temperature", "top_p", "top_k", "max_tokens", "seed")}
    more = {"context": info.context.value, "series": info.series, "step": info.step, "second_thoughts_run": run.id}
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "eval_id": digest("eval", run.id),
            "run_id": run.id,
            "created": run.created,
            "task": info.dataset,
            "task_id": digest("task", info.dataset),
            "task_version": 0,
            "task_attribs": {},
            "task_args": {},
            "dataset": {"name": info.dataset, "samples": run.problems},
            "model": info.model,
            "model_generate_config": {name: value for name, value in kept.items() if value is not None},
            "model_args": {},
            "config": {"epochs": max((row["n"] for row in problems), default=1)},
            "packages": {},
            "metadata": {name: value for name, value in more.items() if value is not None},
        },
        "plan": {"name": "plan", "steps": [], "config": {}},
        "results": {
            "total_samples": run.traces,
            "completed_samples": run.traces,
            "scores": [score for score in scores if score],
        },
        "stats": {"started_at": run.created, "completed_at": run.created, "model_usage": {}},
    }


def _results(name: str, column: str, problems: Sequence[Row]) -> dict[str, Any] | None:
    """A grader's accuracy, the mean over problems of their judged samples; None where it judged none."""
    known = [(row[f"{column}_correct_right"], row[f"{column}_correct_known"]) for row in problems]
    shares = [right / judged for right, judged in known if judged]
    if not shares:
        return None
    accuracy = {"name": "accuracy", "value": sum(shares) / len(shares), "params": {}}
    return {"name": name, "scorer": name, "reducer": "mean", "params": {}, "metrics": {"accuracy": accuracy}}


def _sample(row: Row, run: Run) -> dict[str, Any]:
    message = {"role": "assistant", "content": row["text"], "source": "generate", "model": run.info.model}
    output = {
        "model": run.info.model,
        "choices": [{"message": message, "stop_reason": _STOPS.get(row["finish"], "unknown")}],
    }
    shown = {"prompt": row["prompt"]} if row["prompt"] not in ("", row["question"]) else {}
    usage = {"output_tokens": row["tokens"], "total_tokens": row["tokens"]}
    return {
        "id": row["number"],
        "epoch": row["sample"] + 1,
        "input": row["question"],
        "target": row["gold"] or "",
        "messages": [{"role": "user", "content": row["question"], "source": "input"}, message],
        "output": output if row["tokens"] is None else {**output, "usage": usage},
        # A verdict that is unknown is no score: Inspect would count any word for it as wrong.
        "scores": {
            name: _score(row, column) for name, column in _COLUMNS.items() if row[f"{column}_correct"] is not None
        },
        "metadata": {**orjson.loads(row["extra"]), **shown, "problem": row["problem_id"], "trace": row["trace_id"]},
        "store": {},
        "events": [],
        "model_usage": {},
        "attachments": {},
    }


def _score(row: Row, column: str) -> dict[str, Any]:
    note = row.get(f"{column}_note")
    score = {"value": "C" if row[f"{column}_correct"] else "I", "answer": row[f"{column}_answer"]}
    return {**score, "explanation": note} if note else score
