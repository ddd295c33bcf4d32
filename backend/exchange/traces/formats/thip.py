"""THIP evaluation dumps: `generation.jsonl`, with a `config.json` beside it that names model and sampling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from backend.domain import RunInfo, Sampling, SourceRef, TraceDraft, visible
from backend.exchange.traces import fields
from backend.exchange.traces.input_files import shown_name
from backend.exchange.traces.rows import load_object
from backend.exchange.traces.source_names import dataset_label, from_file, joined, model_label
from backend.exchange.traces.trace_format import Format, Proposal, RowError, ScannedFile
from backend.import_plan import Row, Source

_CONFIG = "config.json"
_USED = ("problem", "prompt", "response", "response_length", "finish_reason", "correct")
_OFF = ("", "disabled", "none", None)


def _matches(row: Row) -> bool:
    return {"problem", "response"} <= row.keys() and not row.keys().isdisjoint(("response_length", "finish_reason"))


def _describe(found: ScannedFile) -> Iterator[Proposal]:
    beside = found.path.with_name(_CONFIG)
    if not beside.is_file():
        note = "no config.json beside it: model and dataset are the folders' names, sampling is unknown"
        # Without it the folders are `<model>/<data set>`, and the sampling is unknown.
        model, dataset = found.folders[-2:] if len(found.folders) > 1 else from_file(found)
        yield Proposal(RunInfo(model, dataset_label(dataset), format=FORMAT.name, source=found.shown, note=note))
        return
    shown = shown_name(Path(found.shown).with_name(_CONFIG))
    yield Proposal(_configured(load_object(beside, shown), found))


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
        format=FORMAT.name,
        source=found.shown,
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
    question, responses = fields.text(row, "problem"), fields.texts(row, "response")
    tokens = fields.per_sample(row, "response_length", len(responses))
    finishes = fields.per_sample(row, "finish_reason", len(responses))
    verdicts = fields.per_sample(row, "correct", len(responses))
    gold_key = "expected_answer" if "expected_answer" in row else "answer"
    shared = fields.rest(row, (*_USED, gold_key))
    for sample, text in enumerate(responses):
        yield TraceDraft(
            question,
            text,
            ref,
            gold=fields.optional_text(row, gold_key),
            prompt=fields.optional_text(row, "prompt") or "",
            sample=sample,
            tokens=fields.count(tokens[sample], "response_length"),
            finish=fields.finish(finishes[sample]),
            verdict=fields.verdict(verdicts[sample], "correct"),
            extra={**shared, **fields.unknown_finish("finish_reason", finishes[sample])},
        )


def _beside(found: ScannedFile, siblings: Sequence[ScannedFile]) -> str | None:
    return f"settings of {siblings[0].names[-1]}, read with it" if found.names[-1] == _CONFIG else None


FORMAT = Format("THIP evaluation", _matches, _describe, _drafts, beside=_beside)
