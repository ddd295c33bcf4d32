"""Samples of lm-evaluation-harness: `<model>/samples_<task>_<time>.jsonl`, a line for each filter of a document.

Owns joining the lines of one response: two filters are two gradings of it, not two samples.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from backend.domain import RunInfo, Sampling, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.chat_prompts import question_of
from backend.exchange.traces.input_files import shown_name
from backend.exchange.traces.row_paths import object_at
from backend.exchange.traces.rows import load_object, rows_of
from backend.exchange.traces.source_names import dataset_label, from_file, joined, model_label
from backend.exchange.traces.trace_format import Advance, Format, LeftOut, ScannedFile
from backend.import_plan import Row, Source

_FILE = re.compile(r"samples_(?P<task>.+?)(?:_\d{4}-\d\d-\d\dT.*)?")
_GRADES = "filters"  # where the line that is read carries what the other lines of its response say
_QUESTIONS = ("question", "problem", "query", "instruction", "input", "prompt")
_USED = ("doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", _GRADES)


def _matches(row: Row) -> bool:
    return {"doc", "resps"} <= row.keys()


def _describe(found: ScannedFile, _: str) -> RunInfo:
    named = _FILE.fullmatch(found.stem)
    settings = _generation(found.row)
    # Without sampling the harness decodes greedily, whatever the temperature says.
    temperature = 0.0 if settings.get("do_sample") is False else _number(settings.get("temperature"))
    results, task = _results(found), named["task"] if named else ""
    named_model = results.get("model_name")
    model = named_model if isinstance(named_model, str) else ""
    # A local checkpoint is named by its path.
    model = model if model.count("/") == 1 else model.rstrip("/").rpartition("/")[2]
    shots = object_at(results, "n-shot").get(task)
    cut = "think_end_token" in str(object_at(results, "config").get("model_args"))
    return RunInfo(
        model or model_label(found.folders)[0] or found.stem,
        dataset_label(task) if named else from_file(found)[1],
        sampling=Sampling(temperature, max_tokens=fields.count(settings.get("max_gen_toks"), "max_gen_toks")),
        note=joined(
            "verdicts: those of the flexible filter, or else of the first",
            f"{shots} examples before the question" if shots else "",
            "the harness cut the thinking out (think_end_token): its words aren't in the file" if cut else "",
        ),
    )


def _results(found: ScannedFile) -> Row:
    """The results beside the samples that name their model; {} where none lie there."""
    # Several evaluations of a model may lie in one folder: those of the same time belong together.
    time = found.stem.rpartition("_")[2]
    paths = sorted(found.path.parent.glob("results_*.json"), key=lambda path: (time not in path.name, path.name))
    every = (load_object(path, shown_name(path)) for path in paths)
    return next((results for results in every if results.get("model_name")), {})


def _generation(row: Row) -> Row:
    found = _first_request(row)[1]
    return found if isinstance(found, dict) else {}


def _first_request(row: Row) -> tuple[Any, Any]:
    """(prompt, settings) of a document's first request, in the newer spelling or the older one, which had lists."""
    requests = row.get("arguments")
    requests = list(requests.values()) if isinstance(requests, dict) else requests
    first: Any = requests[0] if isinstance(requests, list) and requests else None
    values = list(first.values()) if isinstance(first, dict) else first if isinstance(first, list) else []
    return (values[0] if values else None), (values[1] if len(values) > 1 else None)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _rows(source: Source, advance: Advance) -> Iterator[tuple[Row, SourceRef]]:
    for file in source.files:
        # A document's lines lie far apart: the file has all lines of one filter first. What is kept of a first reading
        # are numbers and short answers.
        grades: dict[str, dict[str, Row]] = {}
        chosen: dict[str, int] = {}
        for number, row in rows_of(file):
            key, name = _document(row), str(row.get("filter", ""))
            known = grades.setdefault(key, {})
            if key not in chosen or ("flexible" in name and not any("flexible" in other for other in known)):
                chosen[key] = number
            known[name] = {metric: row.get(metric) for metric in _metrics(row)}
        for number, row in rows_of(file, advance):
            key = _document(row)
            grading = grades[key] if chosen[key] == number else None
            yield {**row, _GRADES: grading}, SourceRef(file.shown, file.sha256, number)


def _document(row: Row) -> str:
    return f"{row.get('doc_id')} {row.get('doc') if row.get('doc_id') is None else ''}"


def _metrics(row: Row) -> Sequence[str]:
    names = row.get("metrics")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft | LeftOut]:
    if row[_GRADES] is None:
        yield LeftOut("another filter of a response that is read already")
        return
    texts = [text for request in _listed(row["resps"]) for text in _listed(request)]
    if not texts or not all(isinstance(text, str) for text in texts):
        # Of multiple choice there are log-likelihoods of the choices, and no words of the model.
        yield LeftOut("log-likelihoods of choices, without a response" if texts else "no response")
        return
    question, prompt = _asked(row, source)
    # A filter takes the first of several repeats as a rule: what it says is of that one alone.
    picked = _listed(row.get("filtered_resps"))
    extra = {**fields.rest(row, _USED), "doc": row["doc"], "filter": row.get("filter")}
    extra |= {_GRADES: row[_GRADES]} if len(row[_GRADES]) > 1 else {}
    for sample, text in enumerate(texts):
        answer = picked[0] if sample == 0 and picked and isinstance(picked[0], str) else None
        yield TraceDraft(
            question,
            text,
            ref,
            gold=fields.written(row.get("target"), "target"),
            prompt=prompt,
            sample=sample,
            answer=answer,
            verdict=_verdict(row) if sample == 0 else None,
            extra=extra,
        )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _verdict(row: Row) -> bool | None:
    """The first metric that says 0 or 1; a mean over repeats says neither."""
    values = (fields.zero_or_one(row.get(name)) for name in _metrics(row))
    return next((verdict for verdict in values if verdict is not None), None)


def _asked(row: Row, source: Source) -> tuple[str, str]:
    asked = _first_request(row)[0]
    prompt = asked if isinstance(asked, str) else ""
    doc = row["doc"] if isinstance(row["doc"], dict) else {}
    named = next((doc[name] for name in _QUESTIONS if isinstance(doc.get(name), str) and doc[name]), None)
    # Examples stand before the question in a prompt, which ends in the question asked.
    last = question_of(prompt)
    return named or last or f"doc_id {row.get('doc_id')} of {source.info.dataset}", prompt


def _beside(found: ScannedFile, siblings: Sequence[ScannedFile]) -> str | None:
    return f"results of {siblings[0].names[-1]}, read with it" if found.names[-1].startswith("results_") else None


FORMAT = Format("lm-evaluation-harness", _matches, _describe, _drafts, beside=_beside, rows=_rows)
