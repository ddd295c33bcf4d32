"""THIP evaluation dumps: `generation.jsonl`, with a `config.json` beside it that names model and sampling."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from backend.domain import RunInfo, Sampling, SourceRef, TraceDraft, visible
from backend.exchange.traces import fields
from backend.exchange.traces.input_files import shown_name
from backend.exchange.traces.response_lists import drafts_of
from backend.exchange.traces.rows import load_object
from backend.exchange.traces.source_names import dataset_label, from_file, joined, model_label
from backend.exchange.traces.trace_format import Format, RowError, ScannedFile
from backend.import_plan import ColumnMapping, Row, Source

_CONFIG = "config.json"
_COLUMNS = ColumnMapping(
    question="problem",
    text="response",
    prompt="prompt",
    tokens="response_length",
    finish="finish_reason",
    verdict="correct",
)
_OFF = ("", "disabled", "none", None)


def _matches(row: Row) -> bool:
    return {"problem", "response"} <= row.keys() and not row.keys().isdisjoint(("response_length", "finish_reason"))


def _describe(found: ScannedFile, _: str) -> RunInfo:
    beside = found.path.with_name(_CONFIG)
    if not beside.is_file():
        note = "no config.json beside it: model and dataset are the folders' names, sampling is unknown"
        # Without it the folders are `<model>/<data set>`, and the sampling is unknown.
        model, dataset = found.folders[-2:] if len(found.folders) > 1 else from_file(found)
        return RunInfo(model, dataset_label(dataset), note=note)
    shown = shown_name(Path(found.shown).with_name(_CONFIG))
    return _configured(load_object(beside, shown), found)


def _configured(config: Row, found: ScannedFile) -> RunInfo:
    path = fields.optional_text(config, "base_model") or ""
    model, checkpoint = model_label(path.split("/"))
    data = fields.optional_text(config, "data_id") or fields.optional_text(config, "data_dir") or ""
    # Forced beginnings and endings of the prompt change what a model does: they belong to the run's note.
    fixes = (
        f"{part} prompt {visible(str(config.get(f'{part}_prompt_name')))}"
        for part in ("prefix", "suffix")
        if config.get(f"{part}_prompt_name") not in _OFF
    )
    return RunInfo(
        model or from_file(found)[0],
        dataset_label(data or (found.folders[-1] if found.folders else "unnamed")),
        sampling=_sampling(config),
        tokenizer=model or None,
        note=joined(f"{checkpoint} of {path}" if checkpoint else path, *fixes, "max_model_len counts the prompt too"),
    )


def _sampling(config: Row) -> Sampling:
    return Sampling(
        temperature=_number(config, "temperature"),
        top_p=_number(config, "top_p"),
        top_k=_whole(config, "top_k"),
        # Prompt and response together, which the run's note says: there is no field for the response alone.
        max_tokens=_whole(config, "max_model_len"),
        seed=_whole(config, "seed"),
        template=fields.optional_text(config, "chat_template_name"),
        system=fields.optional_text(config, "system_prompt_name"),
    )


def _number(config: Row, key: str) -> float | None:
    value = config.get(key)
    # Edited by hand it may hold text: an error is better than a run whose sampling is silently unknown.
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise RowError(f"'{key}' of {_CONFIG} should be a number")
    return None if value is None else float(value)


def _whole(config: Row, key: str) -> int | None:
    value = _number(config, key)
    return None if value is None else int(value)


def _drafts(row: Row, ref: SourceRef, source: Source) -> Iterator[TraceDraft]:
    columns = replace(_COLUMNS, gold="expected_answer" if "expected_answer" in row else "answer")
    return drafts_of(row, ref, columns, fields.rest(row, columns.used().values()))


def _beside(found: ScannedFile, siblings: Sequence[ScannedFile]) -> str | None:
    return f"settings of {siblings[0].names[-1]}, read with it" if found.names[-1] == _CONFIG else None


FORMAT = Format("THIP evaluation", _matches, _describe, _drafts, beside=_beside)
