"""The sections of a response: where thinking ends and the answer begins.

Owns the reading of the marks that markers.py finds, which of them are only quoted, and the tags that might be marks.
"""

import re
from bisect import bisect_left
from functools import lru_cache

from backend.domain import Section, SectionSpan
from backend.lexicon.markers import Mark, markers

_QUOTES = "`\"'“”‘’«»„"
_CALLED = re.compile(r"[`\"'”’»]*[ \t]+(?:tags?|tokens?|markers?|elements?|delimiters?)\b")
_MENTION = 16  # characters between an opening and a closing mark that are named together
# What a response decoded with its role begins with.
_ROLE = re.compile(r"\s*+(?:<[|｜][^<>\s]{1,30}[|｜]>\s*+(?:(?:assistant|model)\b\s*+)?)*+")
_TAIL = 300  # characters of a prompt in which the mark that ends it stands
_FENCE = re.compile("```")
_CLOSING = re.compile(r"</([a-z][\w:.-]+)>|\[/([A-Z_]+)\]")
_CANDIDATE = re.compile(
    r"<(?P<tag>[a-z][\w:.-]{2,30})>|\[(?P<box>[A-Z][A-Z_]{2,20})\]|◁(?P<kite>\w+)▷|<[|｜](?P<special>[a-zA-Z][\w▁]{2,40})[|｜]>"
)


def split_sections(text: str, prompt: str = "") -> tuple[SectionSpan, ...]:
    """Sections that tile `text` without a gap, in order; marks belong to the thinking they delimit. Empty text: none.

    Thinking starts at an opening mark, or with the text if `prompt` ends in one or if the first mark only closes, and
    runs through a mark that closes it, or to the end of the text where there is none. Without any mark the whole is a
    response. Two thoughts with nothing between them stay two.
    """
    borders = _borders(text, prompt)
    if not borders:
        closed = _prompt_mark(prompt).closes
        return (SectionSpan(Section.ANSWER if closed else Section.RESPONSE, 0, len(text)),) if text else ()
    ends = [*(at for at, _ in borders[1:]), len(text)]
    return tuple(
        SectionSpan(Section.THINK if thinking else Section.ANSWER, at, end)
        for (at, thinking), end in zip(borders, ends, strict=True)
        if end > at
    )


# Whoever reads a trace and then grades it asks twice in a row.
@lru_cache(maxsize=4)
def _borders(text: str, prompt: str) -> list[tuple[int, bool]]:
    """Where thinking and not thinking begin, from 0 on; empty where no mark was found."""
    marks = _unquoted(text, list(markers().find(text)))
    last = {row: place for place, mark in enumerate(marks) for row in mark.closes}  # the last mark that closes a row
    first = next((mark for mark in marks if mark.opens or mark.lone), None)
    # Chat templates of R1 and Qwen3 end the prompt in `<think>`, so that the response lacks the opening mark.
    inside = _prompt_mark(prompt).opens or (first.lone if first and not first.opens else frozenset())
    borders, nested, used = [(0, True)] if inside else [], set[int](), inside
    fences = [fence.start() for fence in _FENCE.finditer(text)]
    for place, mark in enumerate(marks):
        closed = any(last.get(row, -1) > place for row in inside or mark.opens)
        if inside:
            # Another row's mark closes where its own is missing, unless that row was opened within the thought.
            if mark.closes & inside or (mark.lone - nested and not closed):
                inside = frozenset()
                borders.append((mark.end, False))
            nested |= mark.opens
        elif mark.opens and _begins(
            text, mark, borders[-1][0] if borders else 0, closed or bool(mark.opens & used), fences
        ):
            # Blank text before the first mark counts as thinking: a section of a line break alone helps nobody.
            fresh = not borders and _ROLE.fullmatch(text, 0, mark.start)
            borders += [(0, True)] if fresh else [*([] if borders else [(0, False)]), (mark.start, True)]
            inside, used, nested = mark.opens, used | mark.opens, set()
    return borders


def _begins(text: str, mark: Mark, since: int, likely: bool, fences: list[int]) -> bool:
    """Whether an opening mark outside thinking really begins a thought.

    What is not thinking began at `since`; `likely` where the mark is closed later, or was used before.
    """
    if mark.line:
        return not text[: mark.start].strip()
    first, last = bisect_left(fences, since), bisect_left(fences, mark.start)
    if (last - first) % 2:
        # In code, unless the whole response is: then the model has put a fence around itself.
        return last - first == 1 and not text[since : fences[first]].strip()
    line = text[max(since, text.rfind("\n", since, mark.start) + 1) : mark.start]
    # A word of a line, never closed: the model speaks of the tag.
    return likely or not line[-1:].isspace() or _ROLE.fullmatch(line) is not None


def _unquoted(text: str, marks: list[Mark]) -> list[Mark]:
    """The marks that aren't only named, as in "the `<think>` tag" or "between <think> and </think> tags"."""
    named = [_is_named(text, mark) for mark in marks]
    for place in range(len(marks) - 1):
        gap = text[marks[place].end : marks[place + 1].start]
        pair = marks[place].opens & marks[place + 1].closes
        if pair and any(named[place : place + 2]) and len(gap) <= _MENTION and "\n" not in gap:
            named[place] = named[place + 1] = True
    return [mark for mark, quoted in zip(marks, named, strict=True) if not quoted]


def _is_named(text: str, mark: Mark) -> bool:
    around = text[max(0, mark.start - 1) : mark.start] + text[mark.end : mark.end + 1]
    quoted = len(around) == 2 and all(character in _QUOTES for character in around)
    return not mark.line and (quoted or _CALLED.match(text, mark.end) is not None)


def _prompt_mark(prompt: str) -> Mark:
    """The mark that a prompt ends in; one that opens and closes nothing where it doesn't."""
    tail = prompt.rstrip()[-_TAIL:]
    return next((mark for mark in markers().find(tail) if mark.end == len(tail) and not mark.line), Mark(0, 0))


def unknown_markers(text: str, prompt: str = "") -> frozenset[str]:
    """Tags outside the thinking of `text` that look as if they marked thinking, and that the table doesn't know."""
    table, found = markers(), set()
    for span in split_sections(text, prompt):
        part = text[span.start : span.end] if span.section is not Section.THINK else ""
        closed = {name for match in _CLOSING.finditer(part) for name in match.groups()}
        for match in _CANDIDATE.finditer(part):
            # A word in brackets is common in prose: it opens something where it is closed, or where the text begins.
            alone = (match["tag"] or match["box"]) and not {match["tag"], match["box"]} & (closed - {None})
            name = str(match[str(match.lastgroup)]).lower()
            if (
                name in table.others
                or name.startswith("end")
                or (alone and (match["tag"] or part[: match.start()].strip()))
            ):
                continue
            found.add(match[0])
    return frozenset(tag for tag in found if not any(table.find(tag)))
