"""Rows of the trace, cue and count parts: what is computed of a response once, when it arrives.

Lengths, verdicts and cues are stored beside the text, so that a query reads numbers and never searches texts again.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final, Protocol

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from backend.domain import Finish, Group, Section, SectionSpan, SourceRef, TraceDraft, digest
from backend.grading.verdicts import Verdicts
from backend.lexicon.finder import CueFinder
from backend.lexicon.loops import LoopSpan, inside
from backend.lexicon.sections import split_sections
from backend.measure.confidence import closing
from backend.measure.series import distinct
from backend.store.parts import GROUP_COLUMNS, SCHEMAS, loop_column

# Matches [n, 3] as form, start, end; or one number a row [n].
Hits = NDArray[Any]

# The number of the rules by which a trace is read when it arrives. It grows with every change to what this module
# computes or stores of a text: sections, loops, lengths, the graders' verdicts, how cues are found and counted (not
# with a lexicon's new version, which has an id of its own). Runs of a smaller number are brought up to date by
# services/traces/refresh.py.
RULES: Final = 4

_SECTIONS = tuple(Section)
_GROUPS = tuple(Group)
_COUNTED = (*(section.value for section in _SECTIONS), *(GROUP_COLUMNS[group] for group in _GROUPS), "n")
_EMPTY = np.zeros((0, 3), np.int32)
_NONE = np.zeros(0, np.int32)


class TokenCounter(Protocol):
    """Counts a text's tokens."""

    def count(self, text: str) -> int:
        """How many tokens `text` has."""
        ...


class Columns:
    """Collects rows of one kind of part, column by column."""

    def __init__(self, kind: str) -> None:
        """`kind` names the schema."""
        self._schema: pa.Schema = SCHEMAS[kind]
        self._values: dict[str, list[Any]] = {name: [] for name in self._schema.names}

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row; every column must be there."""
        for name, values in self._values.items():
            values.append(row[name])

    def table(self, order: Sequence[int] | None = None) -> pa.Table:
        """The rows as an Arrow table, in `order` if given."""
        table = pa.table(
            {f.name: pa.array(self._values[f.name], type=f.type) for f in self._schema}, schema=self._schema
        )
        return table if order is None or list(order) == list(range(len(order))) else table.take(pa.array(order))


def trace_id(run: str, ordinal: int) -> str:
    """A trace's id: its run's id and its place in the source."""
    return f"{run}-{ordinal:05d}"


def length_columns(
    text: str,
    sections: Iterable[SectionSpan],
    loops: Iterable[LoopSpan],
    tokens: int | None,
    counter: TokenCounter | None,
) -> dict[str, Any]:
    """Code points, whitespace words and tokens of a response, of its thinking, and of its loops.

    Without a `counter`, the source's `tokens` are shared out over loops by characters.
    """
    words = think_words = think_tokens = 0
    for span in sections:
        part = text[span.start : span.end]
        words += _words(text, span.start, span.end)
        if span.section is Section.THINK:
            think_words += len(part.split())
            think_tokens += counter.count(part) if counter else 0
    tokens = counter.count(text) if counter else tokens
    looped = sum(loop.end - loop.start for loop in loops)
    loop_tokens = sum(counter.count(text[loop.start : loop.end]) for loop in loops) if counter else None
    if tokens is not None:
        # A slice may have a token more than it had in the whole.
        loop_tokens = min(tokens, round(tokens * looped / max(len(text), 1)) if loop_tokens is None else loop_tokens)
    return {
        "chars": len(text),
        "words": words,
        "tokens": tokens,
        "think_words": think_words,
        "think_tokens": think_tokens if counter else None,
        "loop_chars": looped,
        "loop_words": sum(_words(text, loop.start, loop.end) for loop in loops),
        "loop_tokens": loop_tokens,
    }


def _words(text: str, start: int, end: int) -> int:
    """How many words begin in a stretch; it may begin amid one ("</think>So") that was counted before it."""
    joined = start > 0 and not text[start].isspace() and not text[start - 1].isspace()
    return len(text[start:end].split()) - joined


def trace_row(
    draft: TraceDraft,
    verdicts: Verdicts,
    sections: Sequence[SectionSpan],
    loops: Sequence[LoopSpan],
    place: Mapping[str, Any],
    counter: TokenCounter | None,
) -> dict[str, Any]:
    """One row of the traces part. `place` holds ids and ordinals."""
    return {
        **place,
        **length_columns(draft.text, sections, loops, draft.tokens, counter),
        "distinct_words": distinct(draft.text),
        "sample": draft.sample,
        "finish": draft.finish.value,
        "gold": draft.gold,
        "file_answer": draft.answer,
        "file_correct": draft.verdict,
        "paper_answer": verdicts.paper.answer,
        "paper_correct": verdicts.paper.correct,
        "paper_note": verdicts.paper.note,
        "verify_answer": verdicts.final.answer,
        "verify_correct": verdicts.final.correct,
        "verify_note": verdicts.final.note,
        "roles_known": draft.roles_known,
        "source_file": draft.source.file,
        "source_sha256": draft.source.sha256,
        "source_row": draft.source.row,
        "text_sha256": hashlib.sha256(draft.text.encode()).hexdigest(),
        "question": draft.question,
        "prompt": draft.prompt,
        "text": draft.text,
        "sections": [{"section": s.section.value, "start": s.start, "end": s.end} for s in sections],
        "loops": [loop._asdict() for loop in loops],
        # Rows of other programs hold dates and decimals, which JSON doesn't have.
        "extra": orjson.dumps(dict(draft.extra), default=str).decode(),
    }


def draft_of(row: Mapping[str, Any]) -> TraceDraft:
    """The draft that a stored row came from, to be read anew."""
    return TraceDraft(
        question=row["question"],
        text=row["text"],
        source=SourceRef(row["source_file"], row["source_sha256"], row["source_row"]),
        gold=row["gold"],
        prompt=row["prompt"],
        sample=row["sample"],
        tokens=row["tokens"],
        finish=Finish(row["finish"]),
        answer=row["file_answer"],
        verdict=row["file_correct"],
        roles_known=row["roles_known"],
        extra=orjson.loads(row["extra"]),
    )


class _Finder:
    """A lexicon's matcher, with the entry and group of each of its forms as numbers."""

    def __init__(self, matcher: CueFinder, names: dict[str, int]) -> None:
        """`names` numbers the entries of all lexicons; those of this one are added."""
        self._matcher = matcher
        self.entry = np.array([names.setdefault(e.name, len(names)) for e in matcher.entry_of], dtype=np.int32)
        self.group = np.array([_GROUPS.index(e.group) for e in matcher.entry_of], dtype=np.int32)

    def hits(self, text: str) -> Hits:
        """Matches in `text`: rows of form, start, end."""
        found = self._matcher.find(text)
        # Kept as numbers, 12 bytes a match: a large run has millions of them.
        return np.fromiter(chain.from_iterable(found), np.int32, 3 * len(found)).reshape(-1, 3)


class CueColumns:
    """Finds cues in a batch of traces, under several lexicons: the rows of the cue and the count parts."""

    def __init__(self, matchers: Mapping[str, CueFinder]) -> None:
        """`matchers` maps lexicon ids to engines."""
        self._names: dict[str, int] = {}
        self._lexicons = list(matchers)
        self._finders = [_Finder(matcher, self._names) for matcher in matchers.values()]
        self._places: list[Mapping[str, Any]] = []
        self._hits: list[Hits] = []
        self._sections: list[Hits] = []
        self._looped: list[Hits] = []
        self._counts: list[Hits] = []

    def add(
        self,
        place: Mapping[str, Any],
        prompt: str,
        text: str,
        sections: Sequence[SectionSpan],
        loops: Sequence[LoopSpan],
    ) -> None:
        """Match one trace; `place` holds trace_id, run_id and problem_id.

        A cue belongs to the section it starts in, and to the loop.
        """
        starts, (last, _) = np.array([span.start for span in sections], dtype=np.int32), closing(text)
        kinds = np.array([_SECTIONS.index(span.section) for span in sections], dtype=np.int32)
        self._places.append(place)
        for finder in self._finders:
            before, within = finder.hits(prompt) if prompt else _EMPTY, finder.hits(text)
            section = kinds[np.searchsorted(starts, within[:, 1], side="right") - 1] if len(within) else _NONE
            section = np.concatenate([np.full(len(before), _SECTIONS.index(Section.PROMPT), np.int32), section])
            looped = np.concatenate([np.zeros(len(before), bool), inside(loops, within[:, 1])])
            # Groups count the response alone; cues in the prompt are not the model's.
            group = np.concatenate([np.full(len(before), len(_GROUPS), np.int32), finder.group[within[:, 0]]])
            self._hits.append(np.concatenate([before, within]) if len(before) else within)
            self._sections.append(section)
            self._looped.append(looped)
            ends = [(within[:, 1] >= last).sum()]
            self._counts.append(np.concatenate([_tally(section, group), _tally(section[looped], group[looped]), ends]))

    def tables(self) -> dict[str, pa.Table]:
        """The rows so far, by kind of part."""
        # Matches were appended trace by trace, and lexicon by lexicon within a trace.
        each = len(self._finders)
        owners = [np.repeat(np.arange(len(self._places)), each), np.tile(np.arange(each), len(self._places))]
        counts = np.stack(self._counts) if self._counts else np.zeros((0, 2 * len(_COUNTED) + 1), np.int64)
        return {"cues": self._cues(*owners), "counts": self._count_table(counts, *owners)}

    def _labels(self, kind: str, trace: Hits, lexicon: Hits) -> dict[str, pa.Array]:
        """The id columns of rows; `trace` and `lexicon` give the number of each row's."""
        found: dict[str, pa.Array] = {"lexicon": _label(lexicon, self._lexicons)}
        for name in set(SCHEMAS[kind].names) & {"trace_id", "run_id", "problem_id"}:
            column = pa.array([place[name] for place in self._places], pa.string())
            dictionary = pa.types.is_dictionary(SCHEMAS[kind].field(name).type)
            found[name] = (column.dictionary_encode() if dictionary else column).take(pa.array(trace))
        return found

    def _cues(self, trace: Hits, lexicon: Hits) -> pa.Table:
        sizes = [len(hits) for hits in self._hits]
        hits = np.concatenate([_EMPTY, *self._hits])
        entry = [self._finders[i % len(self._finders)].entry[h[:, 0]] for i, h in enumerate(self._hits)]
        group = [self._finders[i % len(self._finders)].group[h[:, 0]] for i, h in enumerate(self._hits)]
        columns = self._labels("cues", np.repeat(trace, sizes), np.repeat(lexicon, sizes)) | {
            "entry": _label(np.concatenate([_NONE, *entry]), list(self._names)),
            "grp": _label(np.concatenate([_NONE, *group]), [group.value for group in _GROUPS]),
            "section": _label(np.concatenate([_NONE, *self._sections]), [section.value for section in _SECTIONS]),
            "start": pa.array(hits[:, 1]),
            "end": pa.array(hits[:, 2]),
            "looped": pa.array(np.concatenate([np.zeros(0, bool), *self._looped])),
        }
        return pa.table(columns).select(SCHEMAS["cues"].names).cast(SCHEMAS["cues"])

    def _count_table(self, counts: Hits, trace: Hits, lexicon: Hits) -> pa.Table:
        columns = {name: counts[:, i] for i, name in enumerate((*_COUNTED, *map(loop_column, _COUNTED), "closing"))}
        numbers = {name: pa.array(column, pa.int32()) for name, column in columns.items()}
        return pa.table(self._labels("counts", trace, lexicon) | numbers).select(SCHEMAS["counts"].names)


def _tally(section: Hits, group: Hits) -> Hits:
    """How many cues there are of each of `_COUNTED`."""
    by_section = np.bincount(section, minlength=len(_SECTIONS))
    whole = by_section.sum() - by_section[_SECTIONS.index(Section.PROMPT)]
    return np.concatenate([by_section, np.bincount(group, minlength=len(_GROUPS) + 1)[: len(_GROUPS)], [whole]])


def _label(numbers: Hits, names: Sequence[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(numbers, pa.int32()), pa.array(names, pa.string()))


def sections_of(draft: TraceDraft) -> tuple[SectionSpan, ...]:
    """The sections of a draft's text."""
    return split_sections(draft.text, draft.prompt)


def mapping_key(key: str, mapping: Mapping[str, str] | None) -> str:
    """A run's key extended by how columns were read: the same file read otherwise makes another run."""
    return digest(key, *sorted(f"{k}={v}" for k, v in mapping.items())) if mapping else key
