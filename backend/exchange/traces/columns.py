"""Columns of a table, and which of them is what: judged by names and by what stands in the first rows.

Owns the names that people give to questions, responses and so on, and when a column could be a response at all.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from backend.exchange.traces.row_paths import is_messages
from backend.import_plan import ColumnMapping, Row, TableColumn

# Part -> column names, the likeliest first. The order of parts matters too: a column is taken once, so that "answer" is
# the gold answer only where no other name says so, and "prompt" the question only where there is none.
_NAMES: dict[str, tuple[str, ...]] = {
    "question": ("question", "problem", "query", "instruction", "raw_problem", "problem_text", "question_text", "task"),
    # Sample numbers aren't guessed: a column called so may number something else, and the order of rows says as much.
    "text": (
        *("response", "responses", "generated_response", "generated_responses", "model_response", "model_responses"),
        *("model_output", "model_outputs", "model_completion", "model_generation", "generation", "generations"),
        *("generated_text", "generated_texts", "completion", "completions", "output", "outputs", "full_response"),
        *("reasoning_trace", "trace", "cot", "full_cot", "chain_of_thought", "rollout", "rollouts", "text"),
        *("model_answer", "model_answers", "llm_answer", "llm_response"),
    ),
    "prompt": ("prompt", "full_prompt", "input"),
    "tokens": (
        *("response_length", "response_tokens", "completion_tokens", "output_tokens", "num_tokens", "n_tokens"),
        *("n_new_tokens", "num_generated_tokens", "generated_tokens"),
    ),
    "finish": ("finish_reason", "finish_reasons", "stop_reason"),
    "answer": ("extracted_answer", "generated_answer", "predicted_answer", "prediction", "pred", "model_answer"),
    "verdict": ("is_correct", "correct", "correctness", "verdict", "passed", "acc"),
    "reasoning": (
        *("reasoning_content", "reasoning", "thinking", "thinking_content", "reasoning_text", "thinking_blocks"),
        "reasoning_details",
    ),
    "model": ("model", "model_name", "model_id", "generator"),
    "gold": (
        *("gold_answer", "gold", "ground_truth", "gt_answer", "gt", "gts", "expected_answer", "reference_answer"),
        *("correct_answer", "true_answer", "correct_option", "expected", "reference", "target", "answer"),
    ),
    "id": ("problem_id", "question_id", "task_id", "doc_id", "example_id", "id", "idx", "index"),
}
# What the values of a part may be; TableColumn.kind is "" where only a name is known.
_TEXT = {"text", "texts", "messages", ""}
_SCALAR = {"text", "number", "true or false", "list", "texts", ""}
_KINDS: dict[str, set[str]] = {
    "question": {"text", "messages", ""},
    "prompt": {"text", "messages", ""},
    "text": _TEXT,
    "reasoning": {"text", "texts", ""},
    **dict.fromkeys(("tokens", "verdict", "answer"), _SCALAR),
    "finish": {"text", "texts", ""},
    "model": {"text", ""},
    "gold": _SCALAR | {"object"},
    "id": {"text", "number", ""},
}
_RESPONSES = {
    *("response", "responses", "completion", "completions", "generation", "generations", "output", "outputs"),
    *("generated", "rollout", "rollouts", "trajectory", "cot", "prediction", "predictions", "replies", "reply"),
}
# A name with one of these is of something beside a response: its length, its grade, its address.
_BESIDE = {
    *("token", "tokens", "length", "len", "count", "num", "id", "ids", "time", "score", "scores", "reward", "logprob"),
    *("gold", "expected", "reference", "ground", "truth", "target", "type", "format", "path", "file", "url", "prompt"),
    *("feedback", "error", "errors", "config", "settings", "template", "system", "extracted", "parsed", "judge"),
}
# Whole columns of text that are no response, whatever their length: a problem set has them.
_REFERENCE = {
    *("solution", "reference_solution", "gold_solution", "official_solution", "rationale", "explanation", "hint"),
    *("hints", "gt_cot", "choices", "options", "code_template", "description", "feedback", "system", "system_prompt"),
}
FAMILIES = re.compile(
    r"qwen|qwq|llama|deepseek|(?<![a-z])r1(?![a-z0-9])|gpt|claude|gemini|gemma|mi[sx]tral|magistral|phi-?\d|glm|kimi|"
    r"olmo|granite|nemotron|minimax|sky-?t1|(?<![a-z0-9])s1(?![a-z0-9])|(?<![a-z0-9])o[134](?![a-z0-9])|grok|yi-|ernie|"
    r"falcon|smollm|internlm|openthinker|command-?r|pythia|vicuna",
    re.IGNORECASE,
)
_ALOUD = re.compile(r"<\W{0,2}(?:\w+:)?think|\[THINK\]|◁think▷|\bwait\b[,.]|\bhmm\b", re.IGNORECASE)
_CARRIERS = {"text", "content", "output", "value", "message", "choices", "raw"}
_LONG = 40  # characters: less is a label, a number or a name
_ESSAY = 4000  # characters of a "solution" that nobody writes by hand
_MOST_COLUMNS = 200
_SEVERAL = {*_RESPONSES, "answers", "models", "arms", "model_answers", "systems", "candidates"}
_PART_NAMES = {name for names in _NAMES.values() for name in names} | _CARRIERS | {"answer", "final_answer", "think"}
_ARM_WORDS = {
    *(
        "base",
        "baseline",
        "tuned",
        "trained",
        "finetuned",
        "sft",
        "rl",
        "grpo",
        "dpo",
        "distilled",
        "student",
        "teacher",
    ),
    *("before", "after", "a", "b", "c", "d", "1", "2", "3", "4", "ours", "original", "instruct", "model1", "model2"),
}


def plain_name(column: str) -> str:
    """The part of a column's name that says what it holds, in lower case with words joined by "_"."""
    parts = column.split(".")
    # `generations.text` holds generations: "text" says what every response is.
    while len(parts) > 1 and parts[-1].lower() in _CARRIERS:
        parts.pop()
    return re.sub(r"[^a-z0-9]+", "_", parts[-1].lower()).strip("_")


def columns_of(rows: Iterable[Row]) -> tuple[TableColumn, ...]:
    """The columns of some rows, those of nested objects dotted, the first 200 of them."""
    values: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in _flattened(row, "", 4):
            if name in values or len(values) < _MOST_COLUMNS:
                values.setdefault(name, []).append(value)
    return tuple(_column(name, found) for name, found in values.items())


def _flattened(row: Row, prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        yield prefix + name, value
        if isinstance(value, dict) and depth > 1:
            yield from _flattened(value, f"{prefix}{name}.", depth - 1)
        elif isinstance(value, list) and depth > 1 and not is_messages(value):
            # Through a list of objects a name means every item of it: `generations.text`.
            inner: dict[str, list[Any]] = {}
            for item in value[:20]:
                for key, found in _flattened(item, "", depth - 1) if isinstance(item, dict) else ():
                    inner.setdefault(key, []).append(found)
            yield from ((f"{prefix}{name}.{key}", found) for key, found in inner.items())


def _column(name: str, values: Sequence[Any]) -> TableColumn:
    given = [value for value in values if value is not None]
    kinds = [_kind(value) for value in given]
    kind = max(set(kinds), key=kinds.count) if kinds else "nothing"
    texts = [text for value in given for text in _texts(value)]
    sample = next((str(text) for text in texts if text), str(given[0]) if given else "")
    return TableColumn(name, kind, int(median(map(len, texts))) if texts else 0, sample[:200])


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, dict):
        return "messages" if isinstance(value.get("role"), str) and "content" in value else "object"
    if not isinstance(value, list):
        return "number"
    if is_messages(value):
        return "messages"
    return "texts" if any(True for _ in _texts(value)) else "list"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict) and isinstance(value.get("content"), str):
        yield value["content"]
    elif is_messages(value):
        yield " ".join(text for turn in value for text in _texts(turn))
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, str | list):
                yield from _texts(item)


def guess_mapping(columns: Sequence[str | TableColumn], folders: Sequence[str] = ()) -> ColumnMapping:
    """A mapping judged by the names of `columns`, and by their values where these are known.

    A dotted name counts by its last part; `folders` above the file may hold the model's name, and a column with that
    name holds its responses.
    """
    known = [TableColumn(each, "", 0, "") if isinstance(each, str) else each for each in columns]
    # Columns at the top win over nested ones of the same name.
    known.sort(key=lambda column: column.name.count("."))
    chosen: dict[str, str] = {}
    for part, names in _NAMES.items():
        found = _by_name(part, names, [column for column in known if column.name not in chosen.values()])
        if part == "text":
            found = _response(found, known, chosen, folders)
        if found:
            chosen[part] = found.name
    if "question" not in chosen and "prompt" in chosen:
        chosen["question"] = chosen.pop("prompt")
    if "question" in chosen:
        chosen.pop("id", None)
    # Reasoning alone may be the response, which nobody said.
    if "text" not in chosen:
        chosen.pop("reasoning", None)
    return ColumnMapping(**chosen)


def _by_name(part: str, names: Sequence[str], free: Sequence[TableColumn]) -> TableColumn | None:
    fitting = {plain_name(column.name): column for column in reversed(free) if column.kind in _KINDS[part]}
    # A task is a problem, or the name of a benchmark.
    if part == "question":
        fitting = {n: column for n, column in fitting.items() if n != "task" or not column.kind or column.length >= 20}
    if part == "tokens":
        fitting = {name: column for name, column in fitting.items() if column.length < _LONG}
    return next((fitting[name] for name in names if name in fitting), None)


def _response(
    named: TableColumn | None, columns: Sequence[TableColumn], chosen: dict[str, str], folders: Sequence[str]
) -> TableColumn | None:
    """The column of responses: the one with a known name, or else the only long one whose name says so."""
    others = {name for part, names in _NAMES.items() if part not in ("text", "answer") for name in names}
    free = [
        column
        for column in columns
        if column.name not in chosen.values() and not _is_beside(column) and plain_name(column.name) not in others
    ]
    # Of several known names, a column of short words ("42") is the answer, and the long one is the response.
    if named and (named.kind in ("", "messages") or _could_be(named) or not any(map(_could_be, free))):
        return named
    candidates = [column for column in free if _could_be(column)]
    for say in (_says_response, lambda column: _says_model(column, folders)):
        if len(found := [column for column in candidates if say(column)]) == 1:
            return found[0]
    return None


def _words(name: str) -> set[str]:
    return set(plain_name(name).split("_"))


def _says_response(column: TableColumn) -> bool:
    words = _words(column.name)
    return bool(words & _RESPONSES) and not words & _BESIDE


def _says_model(column: TableColumn, folders: Sequence[str]) -> bool:
    plain = plain_name(column.name)
    near = [plain_name(folder) for folder in folders[-4:] if len(folder) > 1]
    return bool(FAMILIES.search(column.name)) or any(plain.endswith(name) for name in near)


def _could_be(column: TableColumn) -> bool:
    """Whether a column's values could be responses: texts of some length, of several words."""
    words = len(column.sample.split()) >= 4 or not column.sample.isascii()
    return column.kind in _TEXT and column.length >= _LONG and words


def _is_beside(column: TableColumn) -> bool:
    return bool(_words(column.name) & _BESIDE) or plain_name(column.name) in _REFERENCE


def arms_of(columns: Sequence[TableColumn]) -> tuple[str, ...]:
    """The columns of responses of several models in one row, where they can only be that; () else.

    They are the values of one object (`answers.a`, `answers.b`), the same field of its values (`models.a.response`), or
    columns that differ in a word for a model or a training (`base_response`, `tuned_response`).
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for column in columns:
        if column.kind not in ("text", "texts") or not _could_be(column):
            continue
        parts = column.name.split(".")
        for size in range(1, min(3, len(parts))):
            owner, key, rest = ".".join(parts[:-size]), parts[-size], ".".join(parts[len(parts) - size + 1 :])
            if owner and _words(owner) & _SEVERAL and key.lower() not in _PART_NAMES:
                groups.setdefault((f"{owner}.*", rest), []).append(column.name)
                break
        else:
            words = re.split(r"[^a-z0-9.]+", parts[-1].lower())
            said = "_".join(word for word in words if word in _RESPONSES)
            armed = [word for word in words if word in _ARM_WORDS] or FAMILIES.search(parts[-1])
            if armed and (said or FAMILIES.search(parts[-1])) and not set(words) & _BESIDE:
                groups.setdefault((".".join(parts[:-1]), said), []).append(column.name)
    return next((tuple(names) for names in groups.values() if len(names) > 1), ())


def left_over(columns: Sequence[TableColumn], guess: ColumnMapping) -> tuple[TableColumn, ...]:
    """The unused columns that could be responses, the longest first."""
    used = guess.used()
    free = [column for column in columns if column.name not in used.values() and _could_be(column)]
    # A solution beside a question is a reference, unless it thinks aloud or is longer than people write.
    free = [
        column for column in free if not _is_beside(column) or column.length > _ESSAY or _ALOUD.search(column.sample)
    ]
    # Without a gold answer a reference solution is all there is beside the question.
    if not free and guess.question and not guess.gold:
        free = [column for column in columns if plain_name(column.name) in _REFERENCE and _could_be(column)]
    return tuple(sorted(free, key=lambda column: -column.length))


def with_use(columns: Sequence[TableColumn], guess: ColumnMapping) -> tuple[TableColumn, ...]:
    """The columns, each with the part that the guess takes it for."""
    parts = {column: part for part, column in guess.used().items()}
    return tuple(replace(column, used=parts.get(column.name, "")) for column in columns)


def holds_traces(guess: ColumnMapping) -> bool:
    """Whether a guess is sure enough that rows are traces: a response with a question, or with a name that says so."""
    if not guess.text:
        return False
    beside = guess.question or guess.gold or guess.verdict
    return bool(beside) or not _words(guess.text).isdisjoint(_RESPONSES) or bool(FAMILIES.search(guess.text))
