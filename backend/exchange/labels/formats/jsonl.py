"""Reader and writer of annotated texts as JSON Lines, our own layout: nothing a project holds is lost in it.

A first line holds the project's settings, then comes a line a text. A text that comes again (another stretch of it) is
written once and named by its hash.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final

import orjson

from backend.annotation import AnnotatedText
from backend.domain import visible
from backend.exchange.labels.parts import (
    Bundle,
    Written,
    at_row,
    bounded,
    bundle_from,
    checked,
    names_from,
    project_json,
    sha256,
    span_from,
    span_json,
    taken,
)
from backend.exchange.traces.input_files import lines, open_regular, reading
from backend.exchange.traces.json_text import parse_object, type_name
from backend.exchange.traces.trace_format import RowError

FORMAT: Final = "second-thoughts annotations"
VERSION: Final = 1


def write(bundle: Bundle) -> Written:
    """The bundle as JSON Lines."""
    bounded(bundle.texts)
    head = {"format": FORMAT, "version": VERSION, "project": project_json(bundle)}
    # Texts that stand in the file by now, by hash: the items of a long trace share one.
    known: set[str] = set()
    rows = [orjson.dumps(row) for row in (head, *(_row(text, known) for text in bundle.texts))]
    return Written(b"\n".join(rows) + b"\n")


def _row(text: AnnotatedText, known: set[str]) -> dict[str, Any]:
    name = sha256(text.text)
    row: dict[str, Any] = {"id": text.id, "text_sha256": name}
    if name not in known:
        known.add(name)
        row["text"] = text.text
    return row | {
        "start": text.start,
        "end": len(text.text) if text.end is None else text.end,
        "done": list(text.done),
        "meta": dict(text.meta),
        "spans": [span_json(span, text.text) for span in text.spans],
    }


def matches(row: Any) -> bool:
    """Whether a first line is our header, or a text with its spans."""
    return isinstance(row, Mapping) and (row.get("format") == FORMAT or {"text", "spans"} <= row.keys())


def read(path: Path, shown: str) -> Bundle:
    """The texts of a file. Raises ImportProblem naming the line."""
    with open_regular(path, shown) as stream, reading(shown):
        rows = _numbered(lines(stream))
        number, first = next(rows, (1, {}))
        project: Any = {}
        if first.get("format") == FORMAT:
            # A later version may mean something else by the same field.
            if first.get("version") != VERSION:
                raise RowError(f"it is of version {visible(str(first.get('version')), 20)}; {VERSION} can be read", 1)
            project = first.get("project")
        else:
            # Files without our first line, whose rows have `text` and `spans`, are easily made by a script.
            rows = chain([(number, first)], rows)
        return bundle_from(project, list(_texts(rows)))


def _numbered(found: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, raw in found:
        with at_row(number):
            row = parse_object(raw)
        yield number, row


def _texts(rows: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[AnnotatedText]:
    known: dict[str, str] = {}
    for number, row in rows:
        with at_row(number):
            yield checked(_text(row, known, number), number)


def _text(row: dict[str, Any], known: dict[str, str], number: int) -> AnnotatedText:
    digest = taken(row, "text_sha256", str, "it") if row.get("text_sha256") is not None else ""
    if "text" in row or not digest:
        text = taken(row, "text", str, "it")
        # One changed character moves every label behind it.
        if digest and digest != sha256(text):
            raise RowError("its text isn't the one the labels were put on: it has another hash than 'text_sha256' says")
        known[sha256(text)] = text
    elif (found := known.get(digest)) is None:
        raise RowError(f"it names the text {visible(digest, 12)} by its hash, which no line before it holds")
    else:
        text = found
    spans = row.get("spans") or []
    if not isinstance(spans, list):
        raise RowError(f"the field 'spans' should be a list, but is {type_name(spans)}")
    meta = row.get("meta") or {}
    if not isinstance(meta, dict):
        raise RowError(f"the field 'meta' should be an object, but is {type_name(meta)}")
    return AnnotatedText(
        id=str(row["id"]) if isinstance(row.get("id"), str | int) else f"text {number}",
        text=text,
        spans=tuple(span_from(span, text, at) for at, span in enumerate(spans, 1)),
        start=taken(row, "start", int, "it") if row.get("start") is not None else 0,
        end=taken(row, "end", int, "it") if row.get("end") is not None else None,
        done=names_from(row.get("done") or [], "the field 'done'"),
        meta=meta,
    )
