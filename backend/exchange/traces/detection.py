"""The trace formats, in the order in which they are tried on a file's first row.

A new format is a module of formats/ and a line here.
"""

from backend.exchange.traces.formats import (
    companion,
    evaluation_logs,
    generations,
    harness,
    lm_eval,
    mapped,
    openai_batch,
    openai_chat,
    own_export,
    paper_chain,
    paper_eval,
    problem_sets,
    thip,
    thought_anchors,
    training_rollouts,
    verl,
)
from backend.exchange.traces.trace_format import Format
from backend.import_plan import Row

# A format whose keys include another's comes before it: the companion's rows, for one, have the paper's keys without
# the lengths, and chats are tried last because many formats carry `messages` beside their own keys.
KNOWN: tuple[Format, ...] = (
    own_export.FORMAT,
    paper_chain.FORMAT,
    paper_chain.COLLECTED,
    paper_eval.FORMAT,
    companion.FORMAT,
    harness.FORMAT,
    thip.FORMAT,
    thought_anchors.FORMAT,
    verl.FORMAT,
    training_rollouts.FORMAT,
    training_rollouts.TRAJECTORIES,
    lm_eval.FORMAT,
    evaluation_logs.INSPECT,
    evaluation_logs.EVALSCOPE,
    evaluation_logs.PROMPTFOO,
    openai_batch.FORMAT,
    generations.FORMAT,
    problem_sets.FORMAT,
    openai_chat.FORMAT,
)
# Keys of files that tools write and that hold no traces we read -> what they are.
_OTHERS: tuple[tuple[frozenset[str], str], ...] = tuple(
    (frozenset(keys.split()), what)
    for keys, what in (
        ("resourceSpans", "OpenTelemetry spans, not read here; export the chats as JSON Lines"),
        ("context.span_id", "spans of Phoenix, not read here; export the chats as JSON Lines with a column a part"),
        ("span_kind context attributes", "spans of Phoenix, not read here; export the chats as JSON Lines"),
        ("context attributes parent_id", "OpenTelemetry spans, not read here; export the chats as JSON Lines"),
        ("eval plan results stats", "the head of an Inspect log; its samples hold the responses"),
        ("eval plan version", "the head of an Inspect log; its samples hold the responses"),
        ("id epoch input target", "a summary of an Inspect log; its samples hold the responses"),
        ("scorer reducer samples", "a summary of an Inspect log; its samples hold the responses"),
        ("prompt_tokens response_tokens advantage", "token ids without text (open-instruct); decode them first"),
        ("env task traces", "episodes of verifiers, not read here; its older results.jsonl is"),
        ("prompts providers tests", "the configuration of promptfoo; its results hold the responses"),
        ("model_name dataset_name metrics", "a report of EvalScope; its predictions hold the responses"),
    )
)
_BY_NAME = {each.name: each for each in (*KNOWN, mapped.FORMAT)}


def detect(row: Row) -> Format | None:
    """The format of a file, told by the keys of its first row; None where no format has such keys."""
    return next((each for each in KNOWN if each.matches(row)), None)


def other_kind(row: Row) -> str | None:
    """What a file is that some tool wrote and that holds no traces; None where it isn't known."""
    return next((what for keys, what in _OTHERS if keys <= row.keys()), None)


def named(name: str) -> Format:
    """The format of that name. Raises KeyError."""
    return _BY_NAME[name]
