"""Thought-anchors folders: `<model>/(in)correct_base_solution/problem_N/base_solution.json` with `problem.json`.

A model's folder is one run. The sentence labels beside a chain are read by
`exchange.labels.formats.anchor_sentences`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from backend.domain import ImportProblem, RunInfo, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.input_files import shown_name
from backend.exchange.traces.rows import load_object, rows_of
from backend.exchange.traces.trace_format import Advance, Format, RowError, ScannedFile
from backend.import_plan import Row, Source

_PROBLEM = "problem.json"
_LABELS = "chunks_labeled.json"
_ASIDE = {_PROBLEM: "problem of base_solution.json, read with it", _LABELS: "sentence labels, not traces"}
# A problem has a right and a wrong chain: sample 0 and sample 1.
_HALVES = {"correct_base_solution": 0, "incorrect_base_solution": 1}
_USED = ("prompt", "solution", "full_cot", "answer", "is_correct")


def _matches(row: Row) -> bool:
    return {"full_cot", "solution", "is_correct"} <= row.keys()


def _group(found: ScannedFile) -> str:
    # All chains of a model's folder are one run: a file holds a single chain.
    return str(found.path.parents[2]) if _half(found.path) is not None else str(found.path)


def _half(path: Path) -> int | None:
    return _HALVES.get(path.parent.parent.name)


def _describe(found: ScannedFile, _: str) -> RunInfo:
    halves = len(found.folders) >= 3 and _half(found.path) is not None
    model = found.folders[-3] if halves else (found.folders or (found.stem,))[-1]
    source = shown_name(Path(found.shown).parents[2]) if halves else found.shown
    # Half of the chains were chosen for being right: an accuracy of this run says nothing, and its note says so.
    both = halves and all((found.path.parents[2] / half).is_dir() for half in _HALVES)
    note = "chains selected: half right, half wrong" if both else "chains selected by their verdicts"
    return RunInfo(model, "MATH", source=source, note=note)


def _rows(source: Source, advance: Advance) -> Iterator[tuple[Row, SourceRef]]:
    samples: Counter[str] = Counter()
    for file in source.files:
        half = _half(file.path)
        shown = shown_name(Path(file.shown).with_name(_PROBLEM))
        problem = load_object(file.path.with_name(_PROBLEM), shown)
        if not isinstance(problem.get("problem"), str):
            raise ImportProblem(shown, "'problem' should be text")
        sample = samples[problem["problem"]] if half is None else half
        samples[problem["problem"]] += 1
        for number, row in rows_of(file, advance):
            yield {**row, "problem": problem, "sample": sample}, SourceRef(file.shown, file.sha256, number)


def _drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft]:
    problem, prompt, text = row["problem"], fields.optional_text(row, "prompt") or "", fields.text(row, "solution")
    if row.get("sample") is None:
        raise RowError("its sample number is missing")
    extra = fields.rest(row, (*_USED, "problem", "sample")) | fields.rest(problem, ("problem", "gt_answer"))
    # Kept only where it isn't what prompt and text say already: it is the longest field of a chain.
    if row.get("full_cot") != prompt + text:
        extra["full_cot"] = row.get("full_cot")
    yield TraceDraft(
        problem["problem"],
        text,
        ref,
        gold=fields.optional_text(problem, "gt_answer"),
        prompt=prompt,
        sample=row["sample"],
        answer=fields.optional_text(row, "answer"),
        verdict=fields.verdict(row.get("is_correct"), "is_correct"),
        extra=extra,
    )


def _beside(found: ScannedFile, siblings: Sequence[ScannedFile]) -> str | None:
    return _ASIDE.get(found.names[-1])


FORMAT = Format(
    "thought anchors", _matches, _describe, _drafts, group=_group, beside=_beside, rows=_rows, explicit=True
)
