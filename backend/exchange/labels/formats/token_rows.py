"""Writer of rows for token classification with Hugging Face's datasets, as JSON Lines: a row an annotator and text."""

from collections.abc import Mapping
from typing import Any

import orjson

from backend.exchange.labels.parts import Bundle, Written, bounded
from backend.exchange.labels.token_tags import Tagged, names_of, sentences_on, tagged


def write(bundle: Bundle) -> Written:
    """The bundle as JSON Lines, which `load_dataset("json", data_files=...)` reads."""
    bounded(bundle.texts)
    rows, names = list(tagged(bundle)), names_of(bundle)
    numbers = {name: number for number, name in enumerate(names)}
    lines = [orjson.dumps(_row(row, names, numbers)) + b"\n" for row in rows]
    return Written(b"".join(lines), sentences_on(rows, len(bundle.texts)))


def _row(row: Tagged, names: list[str], numbers: Mapping[str, int]) -> dict[str, Any]:
    starts, ends = (places + row.window.start for places in (row.tokens.starts, row.tokens.ends))
    return {
        "id": row.text.id,
        "annotator": row.annotator,
        # `tokens` and `ner_tags` are the names that the library's own examples and training scripts look for.
        "gold": row.gold,
        "done": row.done,
        "tokens": row.tokens.words,
        "ner_tags": [numbers[tag] for tag in row.tags],
        "label_names": names,
        "offsets": [[start, end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)],
        "text": row.window.text,
        "text_start": row.window.start,
        "not_held": [
            {"start": lost.span.start, "end": lost.span.end, "label": lost.span.label, "why": lost.why}
            for lost in row.lost
        ],
    }
