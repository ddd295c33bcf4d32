"""The paper's chained hints: `chained_results_all.jsonl`, its rounds' own files, and the collected right answers."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from backend.domain import Context, RunInfo, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.response_lists import drafts_of
from backend.exchange.traces.source_names import UNNAMED, dataset_label, from_file, joined
from backend.exchange.traces.trace_format import Format, RowError, ScannedFile
from backend.import_plan import ColumnMapping, Row, Source

_ROUND = re.compile(r"round(\d{1,3})_responses")
_ROUND_FILE = re.compile(r"round(\d{1,3})_results")
_ROUND_KEY = re.compile(r"round\d+_")
_ROUND_FIELDS = ("conditioning_solution", "responses", "extracted_answers", "is_correct", "correct_count")
_PROMPT = "hint prompt"  # where a row carries the prompt that is rebuilt
_WHOLE = "chained_results_all"


def hint_prompt(question: str, solution: str) -> str:
    """The user message under a hint (the paper's section 3 prompt, conditions 2 and 4)."""
    # The files don't hold the prompt: it is rebuilt as eval_with_hint.py made it.
    return f"{question}\n\nCorrect solution: {solution}\n\nCorrectly solve the original question."


def _matches(row: Row) -> bool:
    return bool(_rounds(row)) or {"conditioning_solution", "responses"} <= row.keys()


def _rounds(row: Row) -> list[int]:
    return sorted(int(found[1]) for found in map(_ROUND.fullmatch, row) if found)


def _runs(found: ScannedFile) -> list[str]:
    named = _ROUND_FILE.fullmatch(found.stem)
    numbers = _rounds(found.row) or [int(named[1]) if named else 0]
    return [f"round {number}" if number else "" for number in numbers]


def _describe(found: ScannedFile, key: str) -> RunInfo:
    # Each round is a run: the first shows a full solution, later ones a response made under the previous hint.
    context = Context.SOLUTION if key in ("", "round 1") else Context.REGENERATED
    return _info(found, context, f"hint {key}" if key else "the hint's round is not named: taken as the first")


def _info(found: ScannedFile, context: Context, note: str) -> RunInfo:
    model, dataset = from_file(found)
    source = found.row.get("data_source")
    dataset = dataset_label(source) if isinstance(source, str) and source else dataset
    note = joined(note, UNNAMED.replace("file", "folder"))
    return RunInfo(found.folders[-1] if found.folders else model, dataset, context=context, note=note)


def _drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft]:
    # "round 2" -> "round2_": the file of all rounds prefixes every field, a round's own file doesn't.
    prefix = source.key.replace(" ", "") + "_" if _rounds(row) else ""
    solution, text, answer, verdict, count = (prefix + field for field in _ROUND_FIELDS)
    columns = ColumnMapping("question", text, "gold_answer", _PROMPT, answer=answer, verdict=verdict)
    shared = {key: value for key, value in row.items() if not _ROUND_KEY.match(key)}
    own = () if prefix else (solution, text, answer, verdict, count)
    prompt = hint_prompt(fields.text(row, "question"), fields.text(row, solution))
    extra = fields.rest(shared, ("question", "gold_answer", *own))
    return drafts_of({**row, _PROMPT: prompt}, ref, columns, extra)


def _beside(found: ScannedFile, siblings: Sequence[ScannedFile]) -> str | None:
    # The rounds' own files repeat what the file of all rounds holds.
    if _ROUND_FILE.fullmatch(found.stem) and any(each.stem == _WHOLE for each in siblings):
        return f"one round of {_WHOLE}.jsonl, read from there"
    return None


def _collected_drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft]:
    prompt = row.get("prompt")
    if isinstance(prompt, list):
        if not all(isinstance(turn, dict) for turn in prompt):
            raise RowError("'prompt' should be a list of messages")
        prompt = "\n\n".join(fields.text(turn, "content") for turn in prompt)
    columns = ColumnMapping("question", "correct_solutions", "gold_answer", "prompt")
    drafts = drafts_of({**row, "prompt": prompt}, ref, columns, fields.rest(row, columns.used().values()))
    return (replace(draft, verdict=True) for draft in drafts)


FORMAT = Format("paper chained hints", _matches, _describe, _drafts, several=_runs, beside=_beside)
COLLECTED = Format(
    "paper collected answers",
    lambda row: {"correct_solutions", "question"} <= row.keys(),
    # An accuracy of such a run would be 100 % by selection, which its note has to say.
    lambda found, _: _info(found, Context.NONE, "only right responses were kept by the source"),
    _collected_drafts,
)
