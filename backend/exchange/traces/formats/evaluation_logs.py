"""What no declaration can say of evaluation tools: Inspect's heads, EvalScope's reviews, events of OpenAI's evals."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from backend.domain import RunInfo, SourceRef
from backend.exchange.traces import fields
from backend.exchange.traces.input_files import shown_name
from backend.exchange.traces.row_paths import object_at
from backend.exchange.traces.rows import load_object, rows_of
from backend.exchange.traces.source_names import dataset_label, from_file
from backend.exchange.traces.trace_format import Advance, ScannedFile
from backend.import_plan import Row, Source

_HEADERS = ("header.json", "_journal/start.json")


def _inspect(found: ScannedFile, info: RunInfo) -> RunInfo:
    log = object_at(found.row, "eval") or _header(found)
    answered = object_at(found.row, "output").get("model")
    model = log.get("model")
    # A mock model replays what another one said.
    if not isinstance(model, str) or model.startswith("mockllm"):
        model = answered if isinstance(answered, str) and answered else model or from_file(found)[0]
    dataset = object_at(log, "dataset").get("name") or log.get("task") or from_file(found)[1]
    series = str(model) if info.step is not None else None
    return replace(info, model=str(model), dataset=dataset_label(str(dataset)), series=series, note="")


def _header(found: ScannedFile) -> Row:
    """The head of an unpacked log, which lies above its samples."""
    for name in _HEADERS:
        for folder in (found.path.parent.parent, found.path.parent):
            if (path := folder / name).is_file():
                return object_at(load_object(path, shown_name(path)), "eval")
    return {}


def _evalscope(found: ScannedFile, info: RunInfo) -> RunInfo:
    named = fields.optional_text(found.row, "model") or ""
    folder = found.folders[-1] if found.folders else ""
    # The folder is the name that the evaluation was given; the service may answer under a shorter one.
    return replace(info, model=folder if not named or folder.startswith(named) else named, note="")


def _reviewed(source: Source, advance: Advance) -> Iterator[tuple[Row, SourceRef]]:
    reviews: dict[str, Row] = {}
    predictions = [file for file in source.files if "reviews" not in file.path.parts] or list(source.files)
    for file in source.files:
        if file not in predictions:
            # Reviews repeat the messages, which would be the whole file in memory.
            reviews |= {str(row.get("index")): fields.rest(row, ("messages",)) for _, row in rows_of(file, advance)}
    for file in predictions:
        for number, row in rows_of(file, advance):
            yield {**row, "review": reviews.get(str(row.get("index")), row)}, SourceRef(file.shown, file.sha256, number)


def _events(source: Source, advance: Advance) -> Iterator[tuple[Row, SourceRef]]:
    """The events of a log of OpenAI's evals, each response with the verdict that another line says of its sample."""
    for file in source.files:
        verdicts = {
            str(row.get("sample_id")): object_at(row, "data") for _, row in rows_of(file) if row.get("type") == "match"
        }
        for number, row in rows_of(file, advance):
            kind = row.get("type") or ("settings" if "spec" in row else "report")
            found = {"type": kind, "match": verdicts.get(str(row.get("sample_id")))}
            yield {**row, **found}, SourceRef(file.shown, file.sha256, number)


HOOKS: dict[str, dict[str, Any]] = {
    "Inspect log": {
        "describe": _inspect,
        "group": lambda found: str(found.path if "eval" in found.row else found.path.parent),
    },
    "EvalScope": {
        "describe": _evalscope,
        "rows": _reviewed,
        "group": lambda found: "/".join(part for part in found.path.parts if part not in ("predictions", "reviews")),
    },
    "OpenAI evals": {"rows": _events},
}
