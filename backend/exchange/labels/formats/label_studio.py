"""Writer of Label Studio's JSON tasks.

Owns how spans become its regions, and what is put beside them so that nothing is lost on the way back. A task is the
annotated stretch of a text.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final
from xml.sax.saxutils import quoteattr

import orjson

from backend.annotation import AnnotatedSpan, AnnotatedText, Scheme
from backend.exchange.labels.parts import (
    Bundle,
    Utf16,
    Window,
    Written,
    bounded,
    left_out,
    people_of,
    project_json,
    windowed,
)

OURS: Final = "second-thoughts"
# The editor counts code points since 2022 and counted UTF-16 units before, so that one emoji shifts every label behind
# it. There is a writer for both, and every region carries its words, by which a reader can tell.
CODE_POINTS: Final = "code points"
UTF16: Final = "UTF-16"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
TO, LABEL, FLAG, ANNOTATOR, STATE = "text", "label", "flag", "annotator", "state"


def write(bundle: Bundle) -> Written:
    """The bundle as tasks, offsets in code points."""
    return _written(bundle, CODE_POINTS)


def write_utf16(bundle: Bundle) -> Written:
    """The bundle as tasks, offsets in UTF-16 units."""
    return _written(bundle, UTF16)


def _written(bundle: Bundle, unit: str) -> Written:
    bounded(bundle.texts)
    known: set[str] = set()
    left: Counter[str] = Counter()
    tasks = [_task(number, text, unit, known, left) for number, text in enumerate(bundle.texts, 1)]
    # The file is a list of tasks with no place for anything else: the project's settings go with the first.
    if tasks:
        tasks[0]["meta"][OURS] |= {"project": project_json(bundle), "config": config(bundle)}
    notes = left_out(left, "Label Studio has no place for rejections; JSON Lines and Parquet have.")
    if unit == UTF16 or any(max(text.text, default="") > "\uffff" for text in bundle.texts):
        notes += (f"Places are counted in {unit}, as Label Studio {_SINCE[unit]}.",)
    return Written(orjson.dumps(tasks, option=orjson.OPT_INDENT_2), notes)


_SINCE: Final = {CODE_POINTS: "does since 2022; for an older one there is label-studio-utf16", UTF16: "did until 2022"}


def _task(number: int, text: AnnotatedText, unit: str, known: set[str], left: Counter[str]) -> dict[str, Any]:
    window = Window.of(text)
    place = Utf16(window.text).units if unit == UTF16 else int
    layers: list[tuple[str, bool, list[AnnotatedSpan]]] = [
        (name, False, [span for span in text.spans if span.annotator == name and not span.gold])
        for name in people_of(text)
    ]
    gold = [span for span in text.spans if span.gold]
    left["rejection"] += sum(span.rejected for span in gold)
    if gold or text.meta.get("settled"):
        layers.append(("", True, [span for span in gold if not span.rejected]))
    annotations: list[dict[str, Any]] = []
    for name, is_gold, spans in layers:
        result = [] if is_gold else _about(name, name in text.done)
        result += [region for span in _named(spans) for region in _regions(span, window, place)]
        entry = {"id": number * 1_000 + len(annotations), "ground_truth": is_gold, "was_cancelled": False}
        annotations.append(entry | {"result": result})
    ours = {"id": text.id, "offsets": unit, "window": windowed(text, known), "meta": dict(text.meta)}
    data = {TO: window.text, "name": text.id}
    return {"id": number, "data": data, "meta": {OURS: ours}, "annotations": annotations, "predictions": []}


def _about(name: str, done: bool) -> list[dict[str, Any]]:
    """Two results that say who made an annotation, and whether they finished."""
    # `completed_by` takes the number of an account there, and an annotator of ours is nobody's account.
    results = (("textarea", ANNOTATOR, {"text": [name]}), ("choices", STATE, {"choices": ["done" if done else "open"]}))
    return [{"id": key, "from_name": key, "to_name": TO, "type": kind, "value": value} for kind, key, value in results]


def _named(spans: Sequence[AnnotatedSpan]) -> Iterator[tuple[str, AnnotatedSpan]]:
    """Spans with ids, each given once in an annotation."""
    # Results of one id are one region: two labels under the same id would become one span with both.
    given = {ANNOTATOR, STATE}
    for number, span in enumerate(spans, 1):
        name = span.id if _ID.fullmatch(span.id) and span.id not in given else f"span:{number}"
        given.add(name)
        yield name, span


def _regions(named: tuple[str, AnnotatedSpan], window: Window, place: Any) -> Iterator[dict[str, Any]]:
    key, span = named
    start, end = span.start - window.start, span.end - window.start
    where = {"start": place(start), "end": place(end), "text": window.text[start:end]}
    same = {"id": key, "to_name": TO, "origin": "manual"}
    meta = {"meta": {"text": [span.comment]}} if span.comment else {}
    yield same | {"from_name": LABEL, "type": "labels", "value": where | {"labels": [span.label]}} | meta
    if span.flag:
        yield same | {"from_name": FLAG, "type": "choices", "value": where | {"choices": [span.flag]}}


def config(bundle: Bundle) -> str:
    """The labelling configuration under which Label Studio shows the tasks."""
    spans = [span for text in bundle.texts for span in text.spans]
    scheme = bundle.scheme or Scheme((), ())
    labels = (
        [*(label.key for label in scheme.labels), *(s.label for s in spans)] if scheme else [s.label for s in spans]
    )
    flags = [*(scheme.flags if scheme else ()), *(span.flag for span in spans if span.flag)]
    return "\n".join(
        [
            "<View>",
            f'  <Labels name="{LABEL}" toName="{TO}">',
            *(f"    <Label value={quoteattr(label)}/>" for label in dict.fromkeys(labels)),
            "  </Labels>",
            f'  <Text name="{TO}" value="$text" granularity="word"/>',
            f'  <Choices name="{FLAG}" toName="{TO}" perRegion="true">',
            *(f"    <Choice value={quoteattr(flag)}/>" for flag in dict.fromkeys(flags)),
            "  </Choices>",
            f'  <TextArea name="{ANNOTATOR}" toName="{TO}"/>',
            f'  <Choices name="{STATE}" toName="{TO}"><Choice value="done"/><Choice value="open"/></Choices>',
            "</View>",
        ]
    )
