"""From a draft to what the store keeps: sections, lengths, cues and verdicts of one response as columns.

Owns which numbers are computed once, when a trace arrives. Knows nothing of files, of the ledger or
of how parts are written.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import orjson
import pyarrow as pa

from backend.domain import Cue, Group, Section, SectionSpan, TraceDraft, digest
from backend.grading import Verdicts
from backend.lexicon.matcher import Matcher, trace_cues
from backend.lexicon.sections import split_sections
from backend.store import GROUP_COLUMNS
from backend.store.parts import SCHEMAS


class Tokens(Protocol):
    """Counts a text's tokens."""

    def count(self, text: str) -> int:
        """How many tokens `text` has."""
        ...


class Columns:
    """Rows of one kind of part, gathered column by column."""

    def __init__(self, kind: str) -> None:
        """`kind` names the schema."""
        self._schema: pa.Schema = SCHEMAS[kind]
        self._values: dict[str, list[Any]] = {name: [] for name in self._schema.names}

    def add(self, row: Mapping[str, Any]) -> None:
        """One row; every column must be there."""
        for name, values in self._values.items():
            values.append(row[name])

    def extend(self, rows: int, **columns: Any) -> None:
        """`rows` rows: a list gives a value each, anything else is repeated."""
        for name, values in self._values.items():
            given = columns[name]
            values.extend(given if isinstance(given, list) else [given] * rows)

    def table(self, order: Sequence[int] | None = None) -> pa.Table:
        """The rows as a table, in `order` if given."""
        table = pa.table(
            {f.name: pa.array(self._values[f.name], type=f.type) for f in self._schema}, schema=self._schema
        )
        return table if order is None else table.take(pa.array(order))


def trace_id(run: str, ordinal: int) -> str:
    """A trace's identity: its run's, and its place in the source."""
    return f"{run}-{ordinal:05d}"


def length_columns(text: str, sections: Iterable[SectionSpan], tokens: int | None, counter: Tokens | None) -> dict[str, Any]:
    """Code points, whitespace words and tokens of a response, and of its thinking."""
    thought = [text[s.start : s.end] for s in sections if s.section is Section.THINK]
    return {
        "chars": len(text),
        "words": len(text.split()),
        "tokens": counter.count(text) if counter else tokens,
        "think_words": sum(len(part.split()) for part in thought),
        "think_tokens": sum(counter.count(part) for part in thought) if counter else None,
    }


def trace_row(
    draft: TraceDraft, verdicts: Verdicts, sections: Sequence[SectionSpan], place: Mapping[str, Any], counter: Tokens | None
) -> dict[str, Any]:
    """One row of the traces part. `place` holds ids and ordinals."""
    return {
        **place,
        **length_columns(draft.text, sections, draft.tokens, counter),
        "sample": draft.sample,
        "finish": draft.finish.value,
        "gold": draft.gold,
        "file_answer": draft.answer,
        "file_correct": draft.verdict,
        "paper_answer": verdicts.paper.answer,
        "paper_correct": verdicts.paper.correct,
        "paper_note": verdicts.paper.note,
        "verify_answer": verdicts.math_verify.answer,
        "verify_correct": verdicts.math_verify.correct,
        "verify_note": verdicts.math_verify.note,
        "roles_known": draft.roles_known,
        "source_file": draft.source.file,
        "source_sha256": draft.source.sha256,
        "source_row": draft.source.row,
        "text_sha256": hashlib.sha256(draft.text.encode()).hexdigest(),
        "question": draft.question,
        "prompt": draft.prompt,
        "text": draft.text,
        "sections": [{"section": s.section.value, "start": s.start, "end": s.end} for s in sections],
        "extra": orjson.dumps(dict(draft.extra), default=str).decode(),
    }


class CueColumns:
    """Cues and their counts for a batch of traces, under several lexicons."""

    def __init__(self, matchers: Mapping[str, Matcher]) -> None:
        """`matchers` maps lexicon ids to engines."""
        self._matchers = matchers
        self.cues, self.counts = Columns("cues"), Columns("counts")

    def add(self, place: Mapping[str, Any], prompt: str, text: str, sections: Sequence[SectionSpan]) -> None:
        """Match one trace; `place` holds trace_id, run_id and problem_id."""
        for lexicon, matcher in self._matchers.items():
            found = trace_cues(matcher, prompt, text, sections)
            self._add_cues(place, lexicon, found)
            self.counts.add(
                {"trace_id": place["trace_id"], "run_id": place["run_id"], "lexicon": lexicon, **count_columns(found)}
            )

    def _add_cues(self, place: Mapping[str, Any], lexicon: str, found: Sequence[Cue]) -> None:
        self.cues.extend(
            len(found),
            trace_id=place["trace_id"],
            run_id=place["run_id"],
            problem_id=place["problem_id"],
            lexicon=lexicon,
            entry=[cue.entry for cue in found],
            grp=[cue.group.value for cue in found],
            section=[cue.section.value for cue in found],
            start=[cue.start for cue in found],
            end=[cue.end for cue in found],
        )


def count_columns(cues: Iterable[Cue]) -> dict[str, int]:
    """Counts by section; by group and in all (`n`) for the response alone, the prompt left out."""
    sections: Counter[Section] = Counter()
    groups: Counter[Group] = Counter()
    for cue in cues:
        sections[cue.section] += 1
        if cue.section is not Section.PROMPT:
            groups[cue.group] += 1
    return {
        "n": sections[Section.THINK] + sections[Section.ANSWER],
        **{section.value: sections[section] for section in Section},
        **{column: groups[group] for group, column in GROUP_COLUMNS.items()},
    }


def sections_of(draft: TraceDraft) -> tuple[SectionSpan, ...]:
    """The sections of a draft's text."""
    return split_sections(draft.text, draft.prompt)


def mapping_key(key: str, mapping: Mapping[str, str] | None) -> str:
    """What tells runs of the same files apart: which part of them, and which columns were read as what."""
    return digest(key, *sorted(f"{k}={v}" for k, v in mapping.items())) if mapping else key
