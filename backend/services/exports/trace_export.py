"""Traces out of the store: those that a filter lets through, with their run, verdicts and cues, as rows of files.

Owns the columns of an export, which `exchange/traces/formats/own_export.py` reads back, and where exports are put.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
import pyarrow as pa

from backend.codec import encode
from backend.domain import Run, TraceFilter, UserError, visible
from backend.exchange.exports.inspect_log import write_log
from backend.exchange.exports.row_files import Batch, RowForm, RowTable, write_rows
from backend.files import replacing
from backend.measure.cues import density
from backend.services.backups import whole_folder
from backend.services.exports.preference_pairs import (
    PAIR_SCHEMA,
    TURN_SCHEMA,
    Candidate,
    LeftOutPairs,
    PairRule,
    choose_pairs,
    pair_row,
)
from backend.services.lexicons.catalog import LexiconService
from backend.services.traces.comparison import common_unit
from backend.services.traces.trace_list import TraceListService
from backend.store import Store
from backend.store.database import now
from backend.store.parts import SCHEMAS
from backend.store.trace_filters import verdict_column

_BATCH: Final = 256
# Of a run what its traces are to be told apart by, and what another store needs to take them in as the same run.
_OF_RUN = (
    "model",
    "parent",
    "variant",
    "dataset",
    "context",
    "sampling",
    "tokenizer",
    "note",
    "series",
    "step",
    "metrics",
)
_CUE = pa.struct(
    [
        *(("start", pa.int32()), ("end", pa.int32()), ("text", pa.string()), ("entry", pa.string())),
        *(("group", pa.string()), ("section", pa.string()), ("looped", pa.bool_())),
    ]
)
_STORED = [pa.field(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in SCHEMAS["traces"]]
_NESTED = frozenset(("extra", "sampling", "metrics"))
_SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.int64() if name == "step" else pa.string()) for name in _OF_RUN),
        *_STORED,
        pa.field("lexicon", pa.string()),
        pa.field("cues", pa.list_(_CUE)),
    ]
)
_CARD = """Written by Second Thoughts on {at}. {count:,} traces of these runs:

{runs}

One row a response: `text` is the response, `prompt` what the model was shown where that is known. Cues are those of the
lexicon `{lexicon}`, `[start, end)` in Unicode code points of `text` (of `prompt` where `section` is prompt); null means
that the run was not searched with it. `*_correct` are verdicts: `file` the source's own, `paper` by the paper's rules,
`verify` by the default grader; null is unknown. `extra`, `sampling` and `metrics` hold JSON."""


class ExportedFile(NamedTuple):
    """What was written: where, how many rows, and sentences on what was left out and why."""

    path: Path
    rows: int
    notes: tuple[str, ...] = ()


class ExportService:
    """Exports from one store."""

    def __init__(self, store: Store, lexicons: LexiconService, listing: TraceListService) -> None:
        """`listing` resolves filters as Browse does, `lexicons` the names of lexicons."""
        self._store, self._lexicons, self._listing = store, lexicons, listing

    def traces(self, wanted: TraceFilter, target: Path, *, force: bool = False) -> ExportedFile:
        """Write the traces that a filter lets through, as `target` is named. Raises UserError, with nothing written."""
        form, chosen, lexicon = form_of(target), self._chosen(wanted), self._lexicon(wanted)
        count = sum(map(len, chosen.values()))
        runs = self._store.chosen(list(chosen))
        named = "\n".join(f"- `{run.id}` {visible(run.label)}: {len(chosen[run.id]):,}" for run in runs)
        card = _CARD.format(at=now(), count=count, runs=named, lexicon=lexicon)
        table = RowTable(_SCHEMA, _NESTED, "Reasoning traces with their expressions of doubt", card)
        batches = (batch for run in runs for batch in self._batches(run, chosen[run.id], lexicon))
        with placed(target, force, folder=form is RowForm.FOLDER) as half:
            write_rows(half, form, table, batches)
        return ExportedFile(target, count)

    def preferences(self, wanted: TraceFilter, rule: PairRule, target: Path, *, force: bool = False) -> ExportedFile:
        """Write pairs of responses to the same problem, one preferred by `rule`; its words and counts stand beside.

        A file's are in NAME.rule.json, a folder's in rule.json. Raises UserError where no pair is left.
        """
        form, (pairs, left) = form_of(target), self.choose(wanted, rule)
        if not pairs:
            raise UserError(f"No pair is left by this rule: {left}.")
        told = {"rule": rule.to_json(), "words": rule.sentences, "pairs": len(pairs), "left_out": dict(left.reasons)}
        words = orjson.dumps(told, option=orjson.OPT_INDENT_2)
        card = "\n".join(f"- {visible(each)}" for each in (*rule.sentences, f"Left out: {left}."))
        schema = TURN_SCHEMA if rule.conversational else PAIR_SCHEMA
        table = RowTable(schema, frozenset(), "Preference pairs of reasoning traces", card)
        folder = form is RowForm.FOLDER
        with placed(target, force, folder=folder) as half:
            write_rows(half, form, table, self._pair_rows(pairs, rule))
            if folder:
                (half / "rule.json").write_bytes(words)
        if not folder:
            with placed(target.with_name(f"{target.name}.rule.json"), force=True) as beside:
                beside.write_bytes(words)
        return ExportedFile(target, len(pairs), (*rule.sentences, f"Left out: {left}."))

    def choose(self, wanted: TraceFilter, rule: PairRule) -> tuple[list[tuple[Candidate, Candidate]], LeftOutPairs]:
        """The pairs of preferred and other response that a rule makes of what a filter lets through."""
        chosen, lexicon = self._chosen(wanted), self._lexicons.get(rule.lexicon).id
        held = self._store.ledger.run_lexicons()
        if rule.counts_cues and (lacking := [run for run in chosen if lexicon not in held.get(run, ())]):
            label = visible(self._store.chosen(lacking[:1])[0].label)
            raise UserError(f"{label} was not searched with the lexicon {visible(rule.lexicon)} yet: `match` does it.")
        column, unit = verdict_column(rule.grader), common_unit(self._store.chosen(list(chosen)))[0]
        found = []
        for run, ids in chosen.items():
            digests = self._store.queries.digests(run)
            for row in self._store.queries.per_trace([run], lexicon):
                if (trace := row["trace_id"]) in ids:
                    per_1k = density(row["cues"], row[unit] or 0)
                    found.append(
                        Candidate(trace, row["problem_id"], row[column], per_1k, row["finish"], *digests[trace])
                    )
        return choose_pairs(found, rule)

    def inspect(self, run_id: str, target: Path, *, force: bool = False) -> ExportedFile:
        """Write a run as an Inspect log, `.eval` or `.json` by the name."""
        if target.suffix not in (".eval", ".json"):
            raise UserError(f"{visible(str(target))} is no name of an Inspect log: those end in .eval or .json.")
        [run] = self._store.chosen([run_id])
        rows = self._store.queries.per_problem([run.id], "")
        numbers = {problem.id: place + 1 for place, problem in enumerate(self._store.ledger.problems(run.id))}
        traces = (row for batch in self._rows(run, None) for row in batch)
        with placed(target, force) as half:
            write_log(half, run, rows, ({**row, "number": numbers[row["problem_id"]]} for row in traces), target.suffix)
        return ExportedFile(target, run.traces)

    def _lexicon(self, wanted: TraceFilter) -> str:
        return self._lexicons.get(wanted.lexicon or self._lexicons.default).id

    def _chosen(self, wanted: TraceFilter) -> dict[str, set[str]]:
        """Run id -> the traces that a filter lets through, in the order of the store's runs."""
        self._store.chosen(wanted.runs)  # raises for a run that isn't there: it would be missing without a word
        resolved = self._listing.resolve(wanted)
        found = self._store.queries.matching(resolved) if resolved else {}
        if not found:
            raise UserError("No trace passes these filters, so there is nothing to export.")
        return {run.id: found[run.id] for run in self._store.runs() if run.id in found}

    def _rows(self, run: Run, wanted: set[str] | None) -> Iterator[Batch]:
        names = [
            name
            for name in SCHEMAS["traces"].names
            if name not in ("trace_id", "problem_id", "prompt", "text", "sections")
        ]
        rows = self._store.queries.texts(run.id, names)
        kept = (row for row in rows if wanted is None or row["trace_id"] in wanted)
        while batch := list(islice(kept, _BATCH)):
            yield batch

    def _batches(self, run: Run, wanted: set[str], lexicon: str) -> Iterator[Batch]:
        info = {name: value for name, value in encode(run.info).items() if name in _OF_RUN}
        info |= {name: orjson.dumps(info[name]).decode() for name in ("sampling", "metrics")}
        searched = lexicon in self._store.ledger.run_lexicons().get(run.id, ())
        for batch in self._rows(run, wanted):
            cues = self._store.queries.cues_in([row["trace_id"] for row in batch], lexicon) if searched else {}
            yield [
                {
                    **{name: info[name] for name in _OF_RUN},
                    **{field.name: row.get(field.name) for field in _STORED},
                    "lexicon": lexicon,
                    "cues": [_cue(cue, row) for cue in cues.get(row["trace_id"], ())] if searched else None,
                }
                for row in batch
            ]

    def _pair_rows(self, pairs: Sequence[tuple[Candidate, Candidate]], rule: PairRule) -> Iterator[Batch]:
        models = {run.id: run.info.model for run in self._store.runs()}
        for start in range(0, len(pairs), _BATCH):
            some = pairs[start : start + _BATCH]
            texts = self._store.queries.texts_of([each.trace for pair in some for each in pair])
            yield [pair_row(better, worse, texts, models, rule) for better, worse in some]


def _cue(cue: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    text = row["prompt"] if cue["section"] == "prompt" else row["text"]
    named = {"start": cue["start"], "end": cue["end"], "text": text[cue["start"] : cue["end"]], "entry": cue["entry"]}
    return named | {"group": cue["grp"], "section": cue["section"], "looped": cue["looped"]}


def form_of(target: Path) -> RowForm:
    """The container that a path's name asks for: without a suffix a folder. Raises UserError for any other."""
    forms = {".jsonl": RowForm.JSONL, ".parquet": RowForm.PARQUET, "": RowForm.FOLDER}
    if target.suffix not in forms:
        raise UserError(f"{visible(str(target))} should end in .jsonl or .parquet, or be the name of a new folder.")
    return forms[target.suffix]


@contextmanager
def placed(target: Path, force: bool, *, folder: bool = False) -> Iterator[Path]:
    """A name to write to, which becomes `target` when the block ends well.

    Raises UserError where something is there already: a file goes with `force`, a folder never.
    """
    target, shown = target.expanduser(), visible(str(target))
    if not target.parent.is_dir():
        raise UserError(f"There is no folder {visible(str(target.parent))} to write into: make it first.")
    if target.exists() and not folder and (target.is_dir() or not force):
        raise UserError(f"{shown} is there already: give another name" + ("." if target.is_dir() else ", or --force."))
    try:
        with whole_folder(target) if folder else replacing(target) as half:
            yield half
    except OSError as error:
        raise UserError(f"{shown} can't be written: {error.strerror or error}.") from error
