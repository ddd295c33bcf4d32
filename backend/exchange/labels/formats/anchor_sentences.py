"""Reader of Thought-anchors' sentence labels: `chunks_labeled.json`, beside the `base_solution.json` it was cut from.

Every sentence becomes a span.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from backend.annotation import AnnotatedSpan, AnnotatedText, LabelKind, Scheme
from backend.domain import Group, ImportProblem
from backend.exchange.traces.input_files import open_regular, reading, shown_name, whole
from backend.exchange.traces.json_text import parse
from backend.exchange.traces.rows import JSON_LIMIT, load_object

LABELLED_BY: Final = "a model"  # not people: every figure against these labels has to say so
_LABELS, _SOLUTION = "chunks_labeled.json", "base_solution.json"
# These two say that the model doubts or checks itself. The others say that it does neither, and are negative.
_CUES: Final = {"uncertainty_management": Group.HESITATION, "self_checking": Group.VERIFICATION}
_OTHERS: Final = (
    *("problem_setup", "plan_generation", "fact_retrieval", "active_computation"),
    *("result_consolidation", "final_answer_emission"),
)
SCHEME: Final = Scheme(
    (
        *(LabelKind(tag, tag.replace("_", " "), group) for tag, group in _CUES.items()),
        *(LabelKind(tag, tag.replace("_", " "), negative=True) for tag in _OTHERS),
    ),
    (),
)


def read(raw: bytes, shown: str, text: str | None = None) -> AnnotatedText:
    """The sentences of one file. `text` is the response they were cut from; without it they are joined by spaces.

    Raises ImportProblem where the file is of another kind, and where a sentence isn't in the text, naming its number.
    """
    with reading(shown):
        rows = parse(raw)
    if not isinstance(rows, list) or not rows or not all(map(_labelled, rows)):
        raise ImportProblem(shown, "it is no list of sentences with 'chunk' and 'function_tags'")
    if text is None:
        text = " ".join(row["chunk"] for row in rows)
    spans = tuple(span for span in _spans(rows, text, shown) if SCHEME.get(span.label))
    return AnnotatedText(shown, text, spans, meta={"labelled by": LABELLED_BY})


def read_folder(folder: Path) -> list[AnnotatedText]:
    """Every labelled response below `folder`, in the order of their paths. Raises ImportProblem."""
    found = []
    for path in sorted(folder.rglob(_LABELS)):
        shown, beside = shown_name(path.relative_to(folder)), path.with_name(_SOLUTION)
        with open_regular(path, shown) as stream, reading(shown):
            raw = whole(stream, JSON_LIMIT)
        text = load_object(beside, shown_name(beside.relative_to(folder))).get("solution") if beside.exists() else None
        found.append(read(raw, shown, text if isinstance(text, str) else None))
    if not found:
        raise ImportProblem(shown_name(folder), f"it holds no {_LABELS}")
    return found


def _labelled(row: Any) -> bool:
    return isinstance(row, Mapping) and isinstance(row.get("chunk"), str) and isinstance(row.get("function_tags"), list)


def _spans(rows: Sequence[Mapping[str, Any]], text: str, shown: str) -> Iterator[AnnotatedSpan]:
    """Each sentence where it stands in `text`: one after the other, whatever white space is in it there."""
    at = 0
    for number, row in enumerate(rows, 1):
        words = row["chunk"].split()
        if not words:
            continue
        # The sentences came out of a splitter that trimmed and joined white space.
        found = re.compile(r"\s*".join(map(re.escape, words))).search(text, at)
        if found is None:
            raise ImportProblem(shown, "this sentence doesn't stand in the response it belongs to", number)
        at = found.end()
        # The first tag is the main one; a sentence may have several.
        if row["function_tags"]:
            yield AnnotatedSpan(found.start(), at, str(row["function_tags"][0]), annotator=LABELLED_BY)
