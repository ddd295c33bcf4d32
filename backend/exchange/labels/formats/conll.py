"""Writer of CoNLL: lines of a token, its start and end, and its tag; a zip archive with a file an annotator.

A text begins with a line `-DOCSTART-` that names it, sentences are parted by an empty line, and columns by a tab.
"""

from collections.abc import Iterator

from backend.domain import visible
from backend.exchange.labels.archive import SafeNames, packed
from backend.exchange.labels.parts import Bundle, Written, bounded
from backend.exchange.labels.token_tags import Lost, Tagged, sentences_on, tagged

LOST = "left-out.tsv"
_COLUMNS = ("text", "annotator", "start", "end", "label", "quote", "why")


def write(bundle: Bundle) -> Written:
    """The bundle as a zip archive."""
    bounded(bundle.texts)
    rows = list(tagged(bundle))
    names = SafeNames("annotator", ("gold", "left-out"))
    files = {name: f"{names.name(name)}.conll" for name in dict.fromkeys(row.annotator for row in rows if not row.gold)}
    lines: dict[str, list[str]] = {}
    for row in rows:
        lines.setdefault("gold.conll" if row.gold else files[row.annotator], []).extend(_lines(row))
    content = {name: "".join(found).encode() for name, found in lines.items()}
    # Other exporters drop overlapping labels without a word; here the archive lists what it couldn't hold.
    lost = [each for row in rows for each in row.lost]
    if lost:
        content[LOST] = "".join(["\t".join(_COLUMNS) + "\n", *map(_lost, lost)]).encode()
    return Written(packed(content), sentences_on(rows, len(bundle.texts)))


def _lines(row: Tagged) -> Iterator[str]:
    # visible and joined: the columns of CoNLL are parted by white space, and an id may be anything.
    yield f"-DOCSTART-\t{'_'.join(visible(row.text.id).split()) or '_'}\t-X-\tO\n\n"
    tokens, before = row.tokens, 0
    for at, (word, tag) in enumerate(zip(tokens.words, row.tags, strict=True)):
        if at and tokens.sentences[at] != before:
            yield "\n"
        before = tokens.sentences[at]
        yield f"{word}\t{row.window.start + tokens.starts[at]}\t{row.window.start + tokens.ends[at]}\t{tag}\n"
    yield "\n"


def _lost(lost: Lost) -> str:
    span = lost.span
    cells = (lost.text, lost.annotator, str(span.start), str(span.end), span.label, lost.quote, lost.why)
    return "\t".join(visible(cell, 1_000) for cell in cells) + "\n"
