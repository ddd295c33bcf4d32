"""The paper's chained hints: `chained_results_all.jsonl`, its rounds' own files, and the collected right answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from backend.domain import Context, RunInfo, Sampling, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.source_names import UNNAMED, dataset_label, from_file, joined
from backend.exchange.traces.trace_format import Format, Proposal, RowError, ScannedFile
from backend.import_plan import Row, Source

_ROUND = re.compile(r"round(\d{1,3})_responses")
_ROUND_FILE = re.compile(r"round(\d{1,3})_results")
_ROUND_KEY = re.compile(r"round\d+_")
_ROUND_FIELDS = ("conditioning_solution", "responses", "extracted_answers", "is_correct", "correct_count")
_WHOLE = "chained_results_all"


def hint_prompt(question: str, solution: str) -> str:
    """The user message under a hint (the paper's section 3 prompt, conditions 2 and 4)."""
    # The files don't hold the prompt: it is rebuilt as eval_with_hint.py made it.
    return f"{question}\n\nCorrect solution: {solution}\n\nCorrectly solve the original question."


def _matches(row: Row) -> bool:
    return bool(_rounds(row)) or {"conditioning_solution", "responses"} <= row.keys()


def _rounds(row: Row) -> list[int]:
    return sorted(int(found[1]) for found in map(_ROUND.fullmatch, row) if found)


def _describe(found: ScannedFile) -> Iterator[Proposal]:
    named = _ROUND_FILE.fullmatch(found.stem)
    for number in _rounds(found.row) or [int(named[1]) if named else 0]:
        # Each round is a run: the first shows a full solution, later ones a response made under the previous hint.
        context = Context.REGENERATED if number > 1 else Context.SOLUTION
        note = f"hint round {number}" if number else "the hint's round is not named: taken as the first"
        yield Proposal(_info(found, context, note), f"round {number}" if number else "")


def _info(found: ScannedFile, context: Context, note: str) -> RunInfo:
    model, dataset = from_file(found)
    source = found.row.get("data_source")
    return RunInfo(
        found.folders[-1] if found.folders else model,
        dataset_label(source) if isinstance(source, str) and source else dataset,
        context=context,
        sampling=Sampling(),
        format=FORMAT.name,
        source=found.shown,
        note=joined(note, UNNAMED.replace("file", "folder")),
    )


def _drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft]:
    # "round 2" -> "round2_": the file of all rounds prefixes every field, a round's own file doesn't.
    prefix = source.key.replace(" ", "") + "_" if _rounds(row) else ""
    names = {field: prefix + field for field in _ROUND_FIELDS}
    question, responses = fields.text(row, "question"), fields.texts(row, names["responses"])
    answers = fields.per_sample(row, names["extracted_answers"], len(responses))
    verdicts = fields.per_sample(row, names["is_correct"], len(responses))
    prompt = hint_prompt(question, fields.text(row, names["conditioning_solution"]))
    shared = {key: value for key, value in row.items() if not _ROUND_KEY.match(key)}
    extra = fields.rest(shared, ("question", "gold_answer", *(() if prefix else names.values())))
    for sample, text in enumerate(responses):
        yield TraceDraft(
            question,
            text,
            ref,
            gold=fields.optional_text(row, "gold_answer"),
            prompt=prompt,
            sample=sample,
            answer=fields.as_text(answers[sample], names["extracted_answers"]),
            verdict=fields.verdict(verdicts[sample], names["is_correct"]),
            extra=extra,
        )


def _beside(found: ScannedFile, siblings: Sequence[ScannedFile]) -> str | None:
    # The rounds' own files repeat what the file of all rounds holds.
    if _ROUND_FILE.fullmatch(found.stem) and any(each.stem == _WHOLE for each in siblings):
        return f"one round of {_WHOLE}.jsonl, read from there"
    return None


def _describe_collected(found: ScannedFile) -> Iterator[Proposal]:
    # An accuracy of such a run would be 100 % by selection, which its note has to say.
    info = _info(found, Context.NONE, "only right responses were kept by the source")
    yield Proposal(info)


def _collected_drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft]:
    question, prompt = fields.text(row, "question"), row.get("prompt")
    if isinstance(prompt, list):
        if not all(isinstance(turn, dict) for turn in prompt):
            raise RowError("'prompt' should be a list of messages")
        prompt = "\n\n".join(fields.text(turn, "content") for turn in prompt)
    used = ("question", "prompt", "gold_answer", "correct_solutions")
    for sample, text in enumerate(fields.texts(row, "correct_solutions")):
        yield TraceDraft(
            question,
            text,
            ref,
            gold=fields.optional_text(row, "gold_answer"),
            prompt=fields.as_text(prompt, "prompt") or "",
            sample=sample,
            verdict=True,
            extra=fields.rest(row, used),
        )


FORMAT = Format("paper chained hints", _matches, _describe, _drafts, beside=_beside)
COLLECTED = Format(
    "paper collected answers",
    lambda row: {"correct_solutions", "question"} <= row.keys(),
    _describe_collected,
    _collected_drafts,
)
