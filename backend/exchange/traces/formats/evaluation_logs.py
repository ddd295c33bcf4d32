"""Logs of evaluation tools: Inspect's samples, EvalScope's predictions with their reviews, promptfoo's results."""

from collections.abc import Iterator
from typing import Any

import orjson

from backend.domain import RunInfo, Sampling, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.formats.openai_chat import LastTurn, asked, last_turn, reply_of, turns_of
from backend.exchange.traces.input_files import shown_name
from backend.exchange.traces.row_paths import is_messages, object_at
from backend.exchange.traces.rows import load_object, rows_of
from backend.exchange.traces.source_names import dataset_label, from_file
from backend.exchange.traces.trace_format import Advance, Format, LeftOut, ScannedFile
from backend.import_plan import Row, Source

_QUESTIONS = ("question", "problem", "query", "instruction", "input", "prompt", "task")
_GOLD = ("answer", "gold", "expected", "target", "ground_truth", "solution", "reference")
_HEADERS = ("header.json", "_journal/start.json")
_REVIEW = "review"  # where an EvalScope prediction carries its review


def _last_turn(messages: Any) -> LastTurn | None:
    return last_turn(turns_of(messages, "messages")) if is_messages(messages) else None


def _choice(output: Row) -> Row:
    choices = output.get("choices")
    return choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}


def _asked(turns: list[Row], named: Row, place: str) -> tuple[str, str]:
    """(question, prompt) of the user's turns, or of the fields beside; `place` stands for an unknown question."""
    question, prompt = asked(turns) if any(turn["role"] == "user" for turn in turns) else ("", "")
    found = next((named[key] for key in _QUESTIONS if isinstance(named.get(key), str) and named[key]), "")
    return question or found or place, prompt


# -- Inspect ----------------------------------------------------------------------------------------


def _describe_inspect(found: ScannedFile, _: str) -> RunInfo:
    log = object_at(found.row, "eval") or _header(found)
    answered = object_at(found.row, "output").get("model")
    model = log.get("model")
    # A mock model replays what another one said.
    if not isinstance(model, str) or model.startswith("mockllm"):
        model = answered if isinstance(answered, str) and answered else model or from_file(found)[0]
    dataset = object_at(log, "dataset").get("name") or log.get("task") or from_file(found)[1]
    settings = object_at(log, "model_generate_config")
    temperature = settings.get("temperature")
    sampling = Sampling(temperature=float(temperature)) if isinstance(temperature, int | float) else Sampling()
    return RunInfo(str(model), dataset_label(str(dataset)), sampling=sampling)


def _header(found: ScannedFile) -> Row:
    """The head of an unpacked log, which lies above its samples."""
    for name in _HEADERS:
        for folder in (found.path.parent.parent, found.path.parent):
            if (path := folder / name).is_file():
                return object_at(load_object(path, shown_name(path)), "eval")
    return {}


def _inspect(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft | LeftOut]:
    reply = _last_turn(row["messages"])
    if reply is None:
        yield LeftOut("the sample failed" if row.get("error") else "no message of the assistant")
        return
    question, prompt = _asked(reply.before, {}, f"id {row.get('id')} of {source.info.dataset}")
    output, scores = object_at(row, "output"), object_at(row, "scores")
    first = next((score for score in scores.values() if isinstance(score, dict)), {})
    said = reply_of(reply.turn, _choice(output).get("stop_reason"))
    yield TraceDraft(
        question,
        said.text,
        ref,
        gold=fields.written(row.get("target"), "target") or None,
        prompt=prompt,
        tokens=_tokens(object_at(output, "usage").get("output_tokens"), reply.before),
        finish=said.finish,
        answer=fields.written(first.get("answer"), "answer") or None,
        verdict=fields.lenient(fields.verdict, first.get("value")),
        extra=fields.only(row, ("id", "epoch", "choices", "metadata", "scores", "error", "limit")),
    )


def _tokens(value: Any, before: list[Row]) -> int | None:
    # Of several turns the count is that of all together.
    several = any(turn["role"] == "assistant" for turn in before)
    return None if several or not isinstance(value, int) or isinstance(value, bool) or value < 0 else value


def _inspect_group(found: ScannedFile) -> str:
    return str(found.path) if "eval" in found.row else str(found.path.parent)


INSPECT = Format(
    "Inspect log",
    lambda row: {"id", "epoch", "messages"} <= row.keys(),
    _describe_inspect,
    _inspect,
    group=_inspect_group,
)

# -- EvalScope --------------------------------------------------------------------------------------


def _describe_evalscope(found: ScannedFile, _: str) -> RunInfo:
    named = fields.optional_text(found.row, "model") or ""
    folder = found.folders[-1] if found.folders else ""
    # The folder is the name that the evaluation was given; the service may answer under a shorter one.
    model = folder if not named or folder.startswith(named) else named
    return RunInfo(model, dataset_label(found.stem))


def _evalscope_group(found: ScannedFile) -> str:
    return "/".join(part for part in found.path.parts if part not in ("predictions", "reviews"))


def _evalscope_rows(source: Source, advance: Advance) -> Iterator[tuple[Row, SourceRef]]:
    reviews: dict[str, Row] = {}
    predictions = [file for file in source.files if "reviews" not in file.path.parts] or list(source.files)
    for file in source.files:
        if file not in predictions:
            # Reviews repeat the messages, which would be the whole file in memory.
            reviews |= {str(row.get("index")): fields.rest(row, ("messages",)) for _, row in rows_of(file, advance)}
    for file in predictions:
        for number, row in rows_of(file, advance):
            yield {**row, _REVIEW: reviews.get(str(row.get("index")), row)}, SourceRef(file.shown, file.sha256, number)


def _evalscope(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft | LeftOut]:
    output, review = object_at(row, "model_output"), row[_REVIEW]
    choice = _choice(output)
    before, turn, _ = _last_turn(row.get("messages")) or ([], choice.get("message"), [])
    if not isinstance(turn, dict):
        yield LeftOut("the request failed" if output.get("error") else "no message of the assistant")
        return
    given = object_at(row, "metadata") or object_at(review, "sample_score", "sample_metadata")
    named = fields.first_named(given, ("question_id", "problem_id", "id"))
    place = f"{named} {given[named]}" if named else f"index {row.get('index')}"
    question, prompt = _asked(before, given, f"{place} of {source.info.dataset}")
    score = object_at(review, "sample_score", "score")
    said = reply_of(turn, choice.get("stop_reason"))
    yield TraceDraft(
        question,
        said.text,
        ref,
        gold=fields.written(review.get("target"), "target") or None,
        prompt=prompt,
        tokens=_tokens(object_at(output, "usage").get("output_tokens"), before),
        finish=said.finish,
        answer=fields.written(score.get("extracted_prediction"), "extracted_prediction") or None,
        verdict=fields.lenient(fields.verdict, object_at(score, "value").get(str(score.get("main_score_name")))),
        extra=fields.only(row, ("index", "metadata")) | ({"score": score} if score else {}),
    )


EVALSCOPE = Format(
    "EvalScope",
    lambda row: {"index", "model_output"} <= row.keys() or {"index", "sample_score"} <= row.keys(),
    _describe_evalscope,
    _evalscope,
    group=_evalscope_group,
    rows=_evalscope_rows,
)

# -- promptfoo --------------------------------------------------------------------------------------


def _prompted(row: Row) -> str:
    """Provider and prompt of a row: two prompts of one model are two conditions."""
    provider = row.get("provider")
    name = provider.get("label") or provider.get("id") if isinstance(provider, dict) else provider
    return f"{str(name or '').rpartition(':')[2]} · prompt {row.get('promptIdx')}"


def _describe_promptfoo(found: ScannedFile, key: str) -> RunInfo:
    label = object_at(found.row, "prompt").get("label")
    description = object_at(found.row, "config").get("description")
    stem, dataset = from_file(found)
    return RunInfo(
        key.rpartition(" · ")[0] or stem,
        description if isinstance(description, str) and description else dataset,
        sampling=Sampling(template=label[:80] if isinstance(label, str) else None),
        note="verdicts: whether all assertions hold",
    )


def _promptfoo(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft | LeftOut]:
    output = object_at(row, "response").get("output")
    # 2 is an error of the provider; 1 a failed assertion, for which `error` is filled as well.
    if row.get("failureReason") == 2 or output is None:
        yield LeftOut("the request failed")
        return
    given = object_at(row, "vars")
    prompt = object_at(row, "prompt").get("raw")
    shown = prompt if isinstance(prompt, str) else ""
    gold = fields.first_named(given, _GOLD)
    only = next(iter(given.values())) if len(given) == 1 else None
    question = _asked([], given, only if isinstance(only, str) and only else shown)[0]
    yield TraceDraft(
        question or f"test {row.get('testIdx')} of {source.info.dataset}",
        output if isinstance(output, str) else orjson.dumps(output).decode(),
        ref,
        gold=fields.written(given.get(gold), gold),
        prompt=shown,
        tokens=_tokens(object_at(row, "response", "tokenUsage").get("completion"), []),
        finish=fields.finish(object_at(row, "response").get("finishReason")),
        verdict=row.get("success") if isinstance(row.get("success"), bool) else None,
        extra=fields.only(row, ("testIdx", "promptIdx", "vars", "score", "namedScores", "error")),
    )


PROMPTFOO = Format(
    "promptfoo",
    lambda row: {"promptIdx", "testIdx", "provider"} <= row.keys(),
    _describe_promptfoo,
    _promptfoo,
    split=_prompted,
)
