"""Inspect's logs (`.eval`): a zip with a JSON file a sample, which become lines with the log's own `eval` beside them.

Owns their order, and what of a sample is kept. Logs that were broken off have no head yet: their journal's start is
read instead.
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from backend.exchange.traces import fields
from backend.exchange.traces.containers.archives import member
from backend.exchange.traces.containers.scratch import Budget
from backend.exchange.traces.input_files import ROW_LIMIT
from backend.exchange.traces.json_text import parse_object
from backend.exchange.traces.row_paths import object_at
from backend.exchange.traces.rows import JSON_LIMIT
from backend.exchange.traces.trace_format import RowError
from backend.import_plan import Row

_HEADS = ("header.json", "_journal/start.json")
_SAMPLE = re.compile(r"samples/(?P<id>.*)_epoch_(?P<epoch>\d{1,9})\.json", re.DOTALL)
_MARK = "attachment://"
# What happened on the way is most of a log, and the pools are what its events point to.
_DROPPED = ("events", "store", "events_data", "message_pool", "call_pool", "attachments")


def is_log(archive: zipfile.ZipFile) -> bool:
    """Whether a zip archive is laid out as Inspect's logs are."""
    return any(head in archive.NameToInfo for head in _HEADS)


def unpack(archive: zipfile.ZipFile, stream: BinaryIO, target: Path, budget: Budget) -> None:
    """Write the samples as JSON Lines, epoch by epoch. Raises RowError for one that can't be read."""
    head = _head(archive, stream)
    found = {info.filename: match for info in archive.infolist() if (match := _SAMPLE.fullmatch(info.filename))}
    with target.open("wb") as file:
        for name in sorted(found, key=lambda each: (int(found[each]["epoch"]), found[each]["id"].zfill(20))):
            budget.member()
            line = orjson.dumps({**head, **_kept(_loaded(archive, name, stream))}) + b"\n"
            budget.spend(len(line), target)
            file.write(line)


def _head(archive: zipfile.ZipFile, stream: BinaryIO) -> Row:
    loaded = _loaded(archive, next(name for name in _HEADS if name in archive.NameToInfo), stream)
    told = {name: object_at(loaded, name) for name in ("eval", "plan")}
    return {**told, "status": loaded.get("status", "started")}


def _loaded(archive: zipfile.ZipFile, name: str, stream: BinaryIO) -> Row:
    source, raw = member(archive, archive.getinfo(name), stream), io.BytesIO()
    while chunk := source.read(2**20):
        raw.write(chunk)
        if raw.tell() > JSON_LIMIT:
            raise RowError(f"{name[:80]} in it is larger than {JSON_LIMIT >> 20} MiB")
    try:
        return parse_object(raw.getvalue())
    except RowError as error:
        raise RowError(f"{name[:80]} in it: {error}") from None


def _kept(sample: Row) -> Row:
    """A sample without its events, with what its texts had moved to its attachments."""
    kept, parts = fields.rest(sample, _DROPPED), object_at(sample, "attachments")
    if not parts or _MARK.encode() not in orjson.dumps(kept):
        return kept
    size = [0]

    def whole(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: whole(item) for key, item in value.items()}
        if isinstance(value, list):
            return [whole(item) for item in value]
        if isinstance(value, str) and value.startswith(_MARK):
            value = parts.get(value.removeprefix(_MARK), value)
            # One attachment may be meant by many texts.
            size[0] += len(value) if isinstance(value, str) else 0
            if size[0] > ROW_LIMIT:
                raise RowError(f"the attachments of a sample are more than {ROW_LIMIT >> 20} MiB")
        return value

    return {key: whole(value) for key, value in kept.items()}
