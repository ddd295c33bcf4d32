"""Formats that are declared, not programmed: the keys that tell one, and where in a row its parts stand.

Owns what a declaration may say (backend/README.md explains each word), and the reading of rows by it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from backend.domain import Finish, ImportProblem, ProblemDraft, RunInfo, Sampling, SourceRef, TraceDraft
from backend.exchange.traces import fields
from backend.exchange.traces.drafting import sampling, traces_of, worded
from backend.exchange.traces.input_files import shown_name, stamped_file
from backend.exchange.traces.json_text import parse
from backend.exchange.traces.row_paths import flat, is_messages, optional_value, value_at
from backend.exchange.traces.rows import first_row, rows_of
from backend.exchange.traces.source_names import UNNAMED, dataset_label, from_file, hub_name, joined
from backend.exchange.traces.trace_format import Advance, Format, LeftOut, RowError, ScannedFile, StepMetrics
from backend.import_plan import Draft, Row, Source, SourceKind

PARTS: Final = (
    *("question", "prompt", "chat", "text", "reasoning", "gold", "verdict", "answer", "tokens", "finish", "sample"),
    *("id", "logprobs", "cut"),
)
RUN: Final = ("model", "dataset", "series", "step", "parent", "sampling", "template")
_LISTED = ("all", "any", "none", "rows", "json", "zip", "split", "keep", "drop", "first", *PARTS, *RUN)
_TABLES = ("skip", "failed", "files", "same")
_WORDS = ("name", "note", "empty", "strip", "together", "roles", "kind", "metrics")
# A field of a name like that holds a verdict; others are scores for form, length or style.
_RIGHT = "/correct|accura|exact|verif|=acc|=pass@1/"
_TEXTS = ("text", "chat", "prompt", "reasoning", "logprobs")
_MOST_BESIDE = 100_000  # rows of a file beside


def _path_value(row: Row, path: str) -> Any:
    """What a declared path leads to: `a.b`, `a.b ~ PATTERN` (a part of its text), `LIST @ PLACE`, `=a word`."""
    if path in row:
        return row[path]
    if path.startswith("="):
        return path[1:]
    if " @ " in path:
        items, place = (optional_value(row, each) for each in path.split(" @ "))
        place = place[0] if isinstance(place, list) and place else place
        if isinstance(items, dict):
            return items.get(str(place))
        inside = isinstance(items, list) and isinstance(place, int) and 0 <= place < len(items)
        return items[place] if inside else None
    path, _, pattern = path.partition(" ~ ")
    value = optional_value(row, path)
    if pattern and value is not None:
        found = re.search(pattern, fields.written(value, path) or "")
        return found[found.lastindex or 0] if found else None
    return value


def _is_wild(path: str) -> bool:
    return any(step == "*" or step.startswith("/") for step in path.split("."))


def _verdict(row: Row, path: str) -> Any:
    """The verdict at a path. Of several scorers those with words (C, incorrect) are asked before those with numbers."""
    value = _path_value(row, path)
    if not _is_wild(path) or not isinstance(value, list):
        return value
    said = [each for each in flat(value) if each is not None]
    words = [each for each in said if isinstance(each, str | bool) and _says(each)]
    if words or (len(said) > 1 and "/" not in path):
        return words[0] if words else None
    return next((each for each in said if each in (0, 1)), None)


def _says(value: Any) -> bool:
    # P is Inspect's letter for partly right: it says neither, and no other scorer is asked then.
    return value == "P" or fields.lenient(fields.verdict, value) is not None


@dataclass(frozen=True, slots=True)
class Declaration:
    """A format by its words. Paths of a part are tried in order; the first that leads to something is taken."""

    name: str
    words: Mapping[str, Any] = field(default_factory=dict)
    # What no path can say: other rows made of one, for formats that are modules.
    prepare: Callable[[Row], Iterable[Row]] | None = None
    rows: Callable[[Source, Advance], Iterator[tuple[Row, SourceRef]]] | None = None
    group: Callable[[ScannedFile], str] | None = None
    describe: Callable[[ScannedFile, RunInfo], RunInfo] | None = None

    def _list(self, word: str) -> Sequence[str]:
        value = self.words.get(word, ())
        return (value,) if isinstance(value, str) else value

    @property
    def format(self) -> Format:
        """The format that reads files so."""
        beside = bool(self.words.get("files") or self.words.get("same"))
        return Format(
            self.name,
            self.matches,
            self._described,
            self._drafts,
            kind=SourceKind.PROBLEMS if self.words.get("kind") == "problems" else SourceKind.RUN,
            split=self._part if self._list("split") else None,
            group=self.group or (self._together if self.words.get("together") else None),
            beside=self._beside if beside else None,
            rows=self.rows,
            places=tuple(self._list("rows")) or ("",),
        )

    def matches(self, row: Row) -> bool:
        """Whether a row has the keys of this format."""
        every, some, none = (self._list(word) for word in ("all", "any", "none"))
        return (
            all(_has(row, path) for path in every)
            and (not some or any(_has(row, path) for path in some))
            and not any(_has(row, path) for path in none)
        )

    def _opened(self, row: Row) -> Iterator[Row]:
        """The rows inside a row, with columns of JSON text parsed and parallel lists taken apart."""
        for name in self._list("json"):
            if isinstance(row.get(name), str):
                try:
                    row = {**row, name: parse(row[name].encode())}
                except RowError as error:
                    raise RowError(f"'{name}': {error}") from None
        for each in self.prepare(row) if self.prepare else (row,):
            names = [name for name in self._list("zip") if isinstance(each.get(name), list)]
            yield from _zipped(each, names) if names else (each,)

    def _first(self, row: Row, word: str) -> tuple[str, Any]:
        """(path, value) of the first path of a word that leads to something; ("", None) where none does."""
        for path in self._list(word):
            value = _verdict(row, path) if word == "verdict" else _path_value(row, path)
            if _is_wild(path) and isinstance(value, list):
                found = [each for each in flat(value) if each is not None]
                # Of several fields none is the question.
                value = found[0] if found and (len(found) == 1 or word != "question") else None
            if word == "verdict" and not isinstance(value, list) and not _says(value):
                continue
            if value not in (None, "", [], {}):
                return path, value
        return "", None

    # -- the run --------------------------------------------------------------------------------------

    def _part(self, row: Row) -> str | None:
        """Which run of its file a row belongs to; None for one that is left out and says nothing of it."""
        row = next(iter(self._opened(row)), row)
        found = []
        for part in self._list("split"):
            label, _, path = part.partition("=")
            if label == "step":
                step = fields.count(self._first(row, "step")[1], "step")
                found.append("" if step is None else f"step {step}")
            else:
                value = fields.as_text(_path_value(row, path) if path else self._first(row, label)[1], part)
                found.append(f"{label} {value}" if path else value or "")
        return " · ".join(filter(None, found)) or (None if self._skipped(row) else "")

    def _described(self, found: ScannedFile, key: str) -> RunInfo:
        inner = next(iter(self._opened(found.row)), found.row)
        row = {**inner, "$file": found.stem, "$folder": "/".join(found.folders), **self._files(found, inner)}
        said = {word: self._first(row, word)[1] for word in RUN if self._list(word)}
        text = {word: fields.written(value, word) for word, value in said.items() if not isinstance(value, dict)}
        # A folder that is the data set's names no model.
        others = tuple(part for part in found.names if part != text.get("dataset"))
        stem, guess = from_file(replace(found, names=others or found.names))
        step = fields.lenient(fields.count, said.get("step"))
        ending = f"step {step}" if step is not None else ""
        # A name of the training tells its runs apart from those of others on the same model.
        named, series = hub_name(text.get("model") or ""), text.get("series") if ending else None
        names = [name for name in (named, series) if name] or [stem]
        unnamed = UNNAMED if stem == found.stem else UNNAMED.replace("file", "folder")
        settings = sampling(said["sampling"]) if isinstance(said.get("sampling"), dict) else Sampling()
        template = text.get("template")
        info = RunInfo(
            " · ".join(filter(None, (*dict.fromkeys(names), ending))),
            dataset_label(text.get("dataset") or guess),
            parent=text.get("parent") or (named or None if ending else None),
            variant=" · ".join(filter(None, (series if named else "", ending))) or None,
            sampling=replace(settings, template=template[:80] if template else None),
            tokenizer=text.get("model") if self._list("tokens") else None,
            note=joined(self.words.get("note", ""), "" if named or series else unnamed),
            series=(series or names[0]) if ending else None,
            step=step,
        )
        return self.describe(found, info) if self.describe else info

    def _files(self, found: ScannedFile, row: Row) -> Row:
        """Settings, results and other files beside, under `$` and their names."""
        held: Row = {}
        for name, pattern in self.words.get("files", {}).items():
            pattern, _, by = pattern.partition(" by ")
            for path in sorted(found.path.parent.glob(pattern))[:1]:
                looked = first_row(path, shown_name(path))
                if looked is None:
                    continue
                shape, first = looked
                file = stamped_file(path, shown_name(path), shape)
                rows = (each for number, each in rows_of(file) if number <= _MOST_BESIDE)
                mine = first if not by else next((each for each in rows if each.get(by) == row.get(by)), {})
                held[f"${name}"] = mine
        return held

    def _together(self, found: ScannedFile) -> str:
        """What the files of one run have in common: their names without the part that numbers them."""
        return str(found.path.parent / re.sub(self.words["together"], "", found.stem))

    def _beside(self, found: ScannedFile, siblings: Sequence[ScannedFile]) -> str | None:
        for mine, said in self.words.get("same", {}).items():
            other, _, key = said.partition(" with ")
            folders = list(found.path.parent.parts)
            if mine in folders:
                folders[len(folders) - 1 - folders[::-1].index(mine)] = other
                # Parts of one set may be put together there.
                stem = re.sub(self.words.get("together", "(?!)"), "", found.stem)
                whole = [Path(*folders, name) for name in (found.path.name, stem + found.path.suffix)]
                if any(path.is_file() and _holds(path, key) for path in whole):
                    return f"the same rows as in the folder '{other}', read from there"
        for name, pattern in self.words.get("files", {}).items():
            own = any(found.path == each.path for each in siblings)
            if found.path.match(pattern.partition(" by ")[0].lstrip("./")) and "/" not in pattern and not own:
                return f"{name} of {siblings[0].names[-1]}, read with it"
        return None

    # -- its rows -------------------------------------------------------------------------------------

    def _drafts(self, row: Row, ref: SourceRef, source: Source) -> Iterator[Draft | LeftOut | StepMetrics]:
        for inner in self._opened(row):
            yield from self._of_row(inner, ref, source)

    def _of_row(self, row: Row, ref: SourceRef, source: Source) -> Iterator[Draft | LeftOut | StepMetrics]:
        if reason := self._skipped(row):
            yield LeftOut(reason)
            return
        found = {part: self._first(row, part) for part in PARTS if self._list(part)}
        names = {part: path or self._list(part)[0] for part, (path, _) in found.items()}
        names["id"] = names.get("id", "").rpartition(".")[2]
        values = {part: value for part, (path, value) in found.items() if path}
        extra = self._extra(row, {part: names[part] for part in values})
        if self.words.get("kind") == "problems":
            yield self._problem(values, names, extra, ref)
            return
        count = _responses(values)
        for part in [part for part in values if not _fits(part, values[part], count)]:
            del values[part]
        cut = values.pop("cut", None)
        missing = next((why for path, why in self.words.get("failed", {}).items() if _path_value(row, path)), None)
        missing = missing or self.words.get("empty", "")
        if self.words.get("metrics") and isinstance(told := optional_value(row, self.words["metrics"]), dict):
            numbers = {name: float(value) for name, value in told.items() if _is_number(value)}
            yield StepMetrics(numbers)
            if not values.keys() & {"text", "chat"}:
                return
        for draft in traces_of(values, names, extra, ref, source, missing):
            yield draft if isinstance(draft, LeftOut) else self._finished(draft, cut, count)

    def _skipped(self, row: Row) -> str:
        """Why a row is no response, whatever else it holds; "" where it may be one."""
        for path, reasons in self.words.get("skip", {}).items():
            value = _path_value(row, path)
            if isinstance(reasons, Mapping):
                reasons = reasons.get(value, "") if isinstance(value, str | int | float) else ""
            if value and reasons:
                return str(reasons)
        return ""

    def _finished(self, draft: TraceDraft, cut: Any, count: int) -> TraceDraft:
        draft = replace(draft, roles_known=self.words.get("roles") != "unknown")
        if cut is not None and fields.lenient(fields.verdict, cut):
            draft = replace(draft, finish=Finish.LENGTH)
        if pattern := self.words.get("strip"):
            draft = replace(draft, text=re.sub(pattern, "", draft.text))
        # What is said once of several responses is said of the first.
        of_first = self._list("first") if count > 1 and draft.sample else ()
        verdict, answer = (None if part in of_first else getattr(draft, part) for part in ("verdict", "answer"))
        return replace(draft, verdict=verdict, answer=answer)

    @staticmethod
    def _problem(values: Row, names: Mapping[str, str], extra: Row, ref: SourceRef) -> ProblemDraft | LeftOut:
        question = worded(values["question"], names["question"])[0] if "question" in values else ""
        if not question:
            return LeftOut("no question in it")
        return ProblemDraft(question, fields.written(values.get("gold"), "gold"), ref, extra)

    def _extra(self, row: Row, names: Mapping[str, str]) -> Row:
        """What is kept with a trace: what no part took, without the texts that the trace itself holds."""
        if kept := self._list("keep"):
            found = ((path.rpartition(".")[2], optional_value(row, path)) for path in kept)
            return {name: value for name, value in found if value is not None}
        # The texts are the trace's own; numbers stay, for a reward that is a verdict is a curve as well.
        roots = [names[part].split(".")[0] for part in _TEXTS if part in names]
        read = [names[part] for part in ("question", "gold", "answer", "finish") if part in names]
        return fields.rest(row, (*read, *roots, *self._list("drop")))


def _holds(path: Path, key: str) -> bool:
    """Whether a file can be read in place of another: the same tool may have written its summary alone."""
    try:
        looked = first_row(path, shown_name(path))
    except ImportProblem:
        return False
    return looked is not None and (not key or isinstance(looked[1].get(key), dict | list))


def _has(row: Row, path: str) -> bool:
    try:
        value_at(row, path)
    except RowError:
        return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _zipped(row: Row, names: Sequence[str]) -> Iterator[Row]:
    count = max(len(row[name]) for name in names)
    for place in range(count):
        yield {
            **row,
            "request": place + 1,
            **{name: row[name][place] if place < len(row[name]) else None for name in names},
        }


def _responses(values: Row) -> int:
    text = values.get("text")
    return 1 if values.get("chat") or is_messages(text) else len(flat(text)) if text is not None else 0


def _fits(part: str, value: Any, count: int) -> bool:
    """Whether a part's list is of the responses: in a known format one of another length means "unknown"."""
    if not isinstance(value, list) or part in ("gold", "question", "text", "prompt", "id", "chat", "cut"):
        return True
    blocks = part in ("reasoning", "logprobs") and all(isinstance(each, dict) for each in value)
    return (count == 1 and blocks) or len(flat(value)) == count


def checked(name: str, words: Mapping[str, Any]) -> Declaration:
    """A declaration out of what a person wrote. Raises RowError, whose message begins with the word that is wrong."""
    for word, value in words.items():
        if word in _LISTED:
            each = [value] if isinstance(value, str) else value
            if not isinstance(each, list) or not all(isinstance(path, str) for path in each):
                raise RowError(f"{word}: should be a path or a list of paths")
        elif word in _TABLES:
            if not isinstance(value, Mapping):
                raise RowError(f"{word}: should be pairs of a path and what it means")
        elif word not in _WORDS:
            raise RowError(f"{word}: there is no such word; there are {', '.join((*_WORDS, *_LISTED, *_TABLES))}")
        elif not isinstance(value, str):
            raise RowError(f"{word}: should be text")
    problems = words.get("kind") == "problems"
    needed = "question" if problems else "text" if "chat" not in words else "chat"
    for word in (needed, *(() if "any" in words else ("all",))):
        if not words.get(word):
            raise RowError(f"{word}: is missing")
    for word in ("strip", "together", *PARTS, *RUN):
        given = words.get(word, ())
        for path in (given,) if isinstance(given, str) else given:
            _compiled(word, path.partition(" ~ ")[2] if word in _LISTED else path)
    return Declaration(name, {key: _expanded(value) for key, value in words.items()})


def _expanded(value: Any) -> Any:
    """A value with `/right/` for the names under which tools keep their verdicts."""
    if isinstance(value, list):
        return [_expanded(each) for each in value]
    return value.replace("/right/", _RIGHT) if isinstance(value, str) else value


def _compiled(word: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise RowError(f"{word}: '{pattern[:40]}' is no pattern ({error})") from None
