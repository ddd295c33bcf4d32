"""Spans of OpenTelemetry: attributes as a plain object, and the messages of a model's call out of them.

Reads the GenAI conventions (messages as JSON text) and OpenInference (`llm.output_messages.0.message.content`).
"""

from collections.abc import Iterator
from typing import Any

from backend.exchange.traces.fields import first_named, rest
from backend.exchange.traces.json_text import parse
from backend.exchange.traces.row_paths import object_at
from backend.exchange.traces.trace_format import RowError
from backend.import_plan import Row

_VALUES = ("stringValue", "intValue", "doubleValue", "boolValue", "bytesValue")
_MESSAGES = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions")
_SETTINGS = ("temperature", "top_p", "top_k", "max_tokens", "seed")
_TEXTS = (*_MESSAGES, "input.value", "output.value", "gen_ai.prompt", "gen_ai.completion")
_PREFIXES = ("llm.input_messages", "llm.output_messages", "gen_ai.prompt.", "gen_ai.completion.")


def _attributes(value: Any) -> Row:
    """Attributes as pairs, however they are written: as an object, or as OTLP's list of keys and typed values."""
    if not isinstance(value, list):
        return _flat(value, "") if isinstance(value, dict) else {}
    return {str(each.get("key")): _plain(each.get("value")) for each in value if isinstance(each, dict)}


def _flat(value: Row, prefix: str) -> Row:
    """Nested attributes with dotted names; lists become numbers in them."""
    found: Row = {}
    for key, inner in value.items():
        if isinstance(inner, list) and any(isinstance(each, dict) for each in inner):
            inner = {str(place): each for place, each in enumerate(inner)}
        found |= _flat(inner, f"{prefix}{key}.") if isinstance(inner, dict) else {f"{prefix}{key}": inner}
    return found


def _plain(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "arrayValue" in value:
        items = object_at(value, "arrayValue").get("values")
        return [_plain(each) for each in items] if isinstance(items, list) else []
    if "kvlistValue" in value:
        return _attributes(object_at(value, "kvlistValue").get("values"))
    kind = first_named(value, _VALUES)
    found = value.get(kind)
    # Whole numbers are text in OTLP's JSON.
    return int(found) if kind == "intValue" and isinstance(found, str) and found.lstrip("-").isdigit() else found


def _messages(said: Row, name: str) -> list[Row]:
    value = said.get(name)
    if isinstance(value, str):
        try:
            value = parse(value.encode())
        except RowError as error:
            raise RowError(f"'{name}': {error}") from None
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _parts(message: Row) -> Row:
    """A message whose parts hold their words as `content`, as messages elsewhere do."""
    parts = message.get("parts")
    if not isinstance(parts, list):
        return message
    known = [
        {**each, "text": each["content"]} if isinstance(each, dict) and "content" in each else each for each in parts
    ]
    return {**rest(message, ("parts", "finish_reason")), "content": known}


def _numbered(said: Row, prefix: str) -> list[Row]:
    """Messages that are spread over attributes: `PREFIX.0.message.role`."""
    found: dict[int, Row] = {}
    for key, value in said.items():
        place, _, name = key.removeprefix(f"{prefix}.").partition(".")
        if not key.startswith(f"{prefix}.") or not place.isdigit() or len(place) > 6:
            continue
        message, name = found.setdefault(int(place), {}), name.removeprefix("message.")
        if name.startswith("contents."):
            number, _, part = name.removeprefix("contents.").partition(".")
            message.setdefault("parts", {}).setdefault(number, {})[part.removeprefix("message_content.")] = value
        elif name in ("role", "content"):
            message[name] = value
    ordered = [found[place] for place in sorted(found)]
    return [{**each, "content": list(each["parts"].values())} if "parts" in each else each for each in ordered]


def _span(row: Row) -> Iterator[Row]:
    said = _attributes(row.get("attributes"))
    # Phoenix's tables have a column an attribute.
    said |= _flat({name.removeprefix("attributes."): row[name] for name in row if name.startswith("attributes.")}, "")
    before, after = (_messages(said, name) for name in _MESSAGES[:2])
    reasons = said.get("gen_ai.response.finish_reasons")
    finish = after[-1].get("finish_reason") if after else None
    system = [{"role": "system", "content": [_parts(each) for each in _messages(said, _MESSAGES[2])]}]
    messages = [*(system if system[0]["content"] else []), *map(_parts, before), *map(_parts, after)]
    if not messages:
        openinference = [*_numbered(said, "llm.input_messages"), *_numbered(said, "llm.output_messages")]
        messages = openinference or [*_numbered(said, "gen_ai.prompt"), *_numbered(said, "gen_ai.completion")]
    kind = said.get("gen_ai.operation.name", said.get("openinference.span.kind", said.get("llm.request.type")))
    call = str(kind).lower() in ("chat", "llm", "text_completion", "generate_content", "completion")
    resource = _attributes(object_at(row, "resource").get("attributes"))
    yield {
        **{name: value for name, value in row.items() if not name.startswith(("attributes", "resource"))},
        "said": {key: value for key, value in said.items() if key not in _TEXTS and not key.startswith(_PREFIXES)},
        "messages": [each for each in messages if each.get("role") or each.get("content")],
        "finish": finish or (reasons[0] if isinstance(reasons, list) and reasons else None),
        "verdict": _verdict(row),
        "settings": {name: said.get(f"gen_ai.request.{name}") for name in _SETTINGS},
        "project": resource.get("openinference.project.name") or resource.get("service.name"),
        **({} if call or messages else {"failure": True}),
    }


def _verdict(row: Row) -> Any:
    """The score that an evaluator left as an event of the span."""
    events = row.get("events")
    for event in events if isinstance(events, list) else ():
        if isinstance(event, dict) and event.get("name") == "gen_ai.evaluation.result":
            return _attributes(event.get("attributes")).get("gen_ai.evaluation.score.value")
    return None


HOOKS: dict[str, dict[str, Any]] = {"OpenTelemetry spans": {"prepare": _span}}
