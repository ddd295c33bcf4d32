r"""The final answer of a response: what it states last, after its thinking.

Owns where an answer may stand: in a box, in <answer> tags, after "####" or "the answer is", or as a reply that is
nothing else. A number that merely comes last is no answer.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from backend.domain import Section, SectionSpan
from backend.grading.spelling import closing
from backend.grading.verdicts import NO_ANSWER

_LONGEST: Final = 2000  # characters of a stated answer
_SHORT: Final = 80  # of a reply that is an answer and nothing else

_BOX = re.compile(r"\\(?:boxed|fbox)\s*(?:(\{)|(\w))")
_BRACE = re.compile(r"(?<!\\)[{}]")
_TAG = re.compile(r"<(answer|final_answer|boxed)>(.*?)(?:</\1>|\Z)", re.IGNORECASE | re.DOTALL)
_WORD = re.compile(r"(?<![\\a-zA-Z])[^\W\d_]+")
_STRAY_TAG = re.compile(r"</\w+>|<\|[^|<>]*\|>")
# GSM8K's way to end; elsewhere four of them are a heading.
_HASHES = re.compile(r"^####[ \t]*(\S[^\n]*)\s*\Z|^####[ \t]*([-$\d][\d,.]*%?)[ \t]*$", re.MULTILINE)
_PHRASE = re.compile(
    r"(?:\b(?:answers?|(?:correct|right|best)\s+(?:option|choice))\b\**"
    r"(?:\s+(?:choice|option|letter)\b)?(?:\s+(?:to|for|of)\s[^.:\n]{0,80}?)?\s*"
    r"(?:\bis\b|\bare\b|\b(?:would|must|should|will)\s+be\b|[:=：])|^\W*(?:final\s+)?answer\W*\n|答案\s*(?:是|为|為|[:：]))"
    r"(?:[\s:：*_\"'#]|\b(?:therefore|thus|simply|just|indeed|exactly|given\s+by|equal\s+to)\b)*",
    re.IGNORECASE | re.MULTILINE,
)
# "If the answer is 7" and "is the answer 7?" state nothing.
_SUPPOSED = re.compile(
    r"\b(?:if|whether|suppose|assume|unless|say|like|format|write|put)\b[^.\n]{0,30}$", re.IGNORECASE
)
_CLAUSE_END = re.compile(
    r"[.。](?=\s|\*|$|[\"'])|[;；!！?？\n]|,?\s(?:because|since|as|which|so|where|but|when|if|and (?:this|the|we|it))\s"
    r"|</|<\|",
    re.IGNORECASE,
)
_NO_VALUE = re.compile(
    r"(?:not|correct|incorrect|wrong|right|the same|in|based|found|given|clear|unclear|unknown|obvious|a|an|that|to|"
    r"indeed|still|also|now|then|here|there|yes,|this|it|what|supposed|expected|likely|probably|maybe|still)\b",
    re.IGNORECASE,
)
_LETTER = re.compile(r"\W*(?:option|choice)?\W*[A-J]\b\W*(?:$|[).:])")
_PLACEHOLDER = re.compile(
    r"[\s.…?#_*-]*|\\[lcd]?dots|(?:your|the|my|final|correct|\s|\\text|[{}<>\[\]\\])*(?:answer|result|solution|value)s?"
    r"(?:\s?here)?[\s}>\].]*|\\(?:quad|cdot|ldots|square|phantom\{.*\})",
    re.IGNORECASE,
)
# Thinking in the open goes on after these: an answer before them is none yet.
_THINKS_ON = re.compile(
    r"\b(?:wait|hmm|alternatively|actually|let me|let's|maybe|perhaps|double|re-?check|but|if we)\b", re.IGNORECASE
)
_ENDED = re.compile(r"[.!?)\]}$*>\"'。”`]\s*$")
# What may stand between boxes of one statement: "x = \boxed{1} and y = \boxed{2}".
_LINK = re.compile(
    r"(?:[\s$,;&.]|\\[()\[\],;:! \\]|\\q?quad|\band\b|\bor\b|\\text\s*\{[\s,]*(?:and|or)?[\s,]*\}"
    r"|[A-Za-z](?:_\{?\w+\}?)?\s*=|\([a-e]\))*"
)
_LINKED = re.compile(r"[,;&=]|\band\b|\bor\b|\\q?quad|\([a-e]\)")
_TAKEN_BACK = re.compile(
    r"\b(?:wait|no|not|actually|sorry|oops|hmm|correction|correct(?:ed|ing)|mistake|wrong|instead|recheck|re-?consider|"
    r"re-?examine|double|again|however|alternatively|error|but)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Stated:
    """What a response states.

    `answers` are its statements that nothing took back, in order; the last `together` of them stand in one. Without
    any, `note` says why, and `closing` is the last sentence of a finished answer. `spoken` is the text after thinking.
    """

    answers: tuple[str, ...] = ()
    together: int = 1
    note: str = ""
    spoken: str = ""
    closing: str = ""

    @property
    def answer(self) -> str | None:
        """The final answer as it is shown; None where there is none."""
        return ", ".join(dict.fromkeys(self.answers[-self.together :])) or None


def find(text: str, sections: Sequence[SectionSpan], cut: bool = False, closed: bool = False) -> Stated:
    """The final answer of a response with these sections.

    `cut` says that it reached its limit of length, `closed` that its last thinking came to an end.
    """
    # A closing tag alone, "</assistant>", is nothing said.
    spans = [
        span
        for span in sections
        if span.section is not Section.THINK and _STRAY_TAG.sub("", text[span.start : span.end]).strip()
    ]
    in_the_open = len(spans) == len(sections)
    spoken = text[spans[-1].start : spans[-1].end] if spans else ""
    # From the last: after an answer a model may think once more and only say "Done".
    for span in reversed(spans):
        if found := _stated(text[span.start : span.end], cut and span.end == len(text), in_the_open):
            return replace(found, spoken=spoken)
    if spans and not cut and (found := _whole(spoken)):
        return replace(found, spoken=spoken)
    # Some models close their thinking and stop: then the box in it is all the answer there is.
    if not spans and closed and sections:
        thought = text[sections[-1].start :]
        if marked := sorted([*_boxes(thought), *_tagged(thought)]):
            return replace(_together(thought, marked), spoken=thought)
    if not spans:
        return Stated(note=f"{NO_ANSWER}: the response ends in its thinking" if text.strip() else NO_ANSWER)
    sentences = re.split(r"(?<=[.!?])\s", spoken.strip().rsplit("\n", 1)[-1].strip())
    last = "" if in_the_open or cut else sentences[-1][-_LONGEST:]
    return Stated(note=f"{NO_ANSWER}: cut off before it came" if cut else NO_ANSWER, spoken=spoken, closing=last)


def _stated(part: str, cut: bool, in_the_open: bool) -> Stated | None:
    """The last statement in `part`; `in_the_open` says that it may hold thinking."""
    hashed = ((*line.span(), (line[1] or line[2]).strip()) for line in _HASHES.finditer(part))
    marked = sorted([*_boxes(part), *_tagged(part), *hashed])
    end = marked[-1][1] if marked else 0
    # A phrase before a box only announces it; one after it is the later word. In an unfinished thought it's none yet.
    unfinished = in_the_open and (cut or (len(part) > _LONGEST and not _ENDED.search(part)))
    said = [] if unfinished else list(_phrased(part, end, cut))
    if said and not (in_the_open and _THINKS_ON.search(part, said[-1][0])):
        return Stated((said[-1][1],))
    return _together(part, marked) if marked else None


def _whole(part: str) -> Stated | None:
    """A reply that is an answer and nothing else: "42", "B", "Paris"."""
    whole = _bare(part)
    words = _WORD.findall(whole)
    if not 0 < len(whole) <= _SHORT or "\n" in whole or "boxed" in whole or len(words) > 2 or not _is_value(whole):
        return None
    return Stated((whole,))


def _together(part: str, marked: list[tuple[int, int, str]]) -> Stated:
    """The last statement of `marked` places, with those before it that belong to it."""
    joined = kept = 1
    linked = True
    for before, after in reversed(list(pairwise(marked))):
        between = part[before[1] : after[0]]
        linked = linked and bool(_LINK.fullmatch(between) and _LINKED.search(between))
        if len(between) > _LONGEST or _TAKEN_BACK.search(between):
            break
        kept += 1
        joined += linked
    return Stated(tuple(value for _, _, value in marked[-kept:]), joined)


def _boxes(part: str) -> Iterator[tuple[int, int, str]]:
    r"""Every closed \boxed with something in it: start, end, content."""
    for box in _BOX.finditer(part):
        start, end = box.span()
        if box[2]:
            yield start, end, box[2]
            continue
        close = closing(part, _BRACE, end - 1, end + _LONGEST)
        content = part[end:close].strip()
        if close and not _PLACEHOLDER.fullmatch(content) and "\\boxed" not in content:
            yield start, close + 1, content


def _tagged(part: str) -> Iterator[tuple[int, int, str]]:
    for tag in _TAG.finditer(part):
        content = tag[2].strip()
        if "\\boxed" in content or _PLACEHOLDER.fullmatch(content):  # the box in it is found by itself
            continue
        inner = _stated(content, False, False) if len(content) > _SHORT else None
        if inner or len(content) <= _LONGEST:
            yield *tag.span(), (inner.answer or content) if inner else content


def _phrased(part: str, start: int, cut: bool) -> Iterator[tuple[int, str]]:
    """What follows "the answer is", wherever it is a value, with the place where it ends."""
    for phrase in _PHRASE.finditer(part, start):
        if _SUPPOSED.search(part[max(0, phrase.start() - 60) : phrase.start()]):
            continue
        rest = part[phrase.end() : phrase.end() + _LONGEST]
        stop = _CLAUSE_END.search(rest)
        # Asked, or cut off within: "the answer is 12" may have been on its way to 123.
        if (stop and stop[0][0] in "?？") or (stop is None and cut):
            continue
        value = _bare(rest[: stop.start()] if stop else rest)
        if value and len(value) <= _LONGEST // 4 and "boxed" not in value and _is_value(value):
            yield phrase.end() + (stop.start() if stop else len(rest)), value


def _is_value(text: str) -> bool:
    """Whether `text` can be an answer: a number, a formula, a letter, or a few words."""
    if _NO_VALUE.match(text) and not _LETTER.match(text):
        return False
    return bool(re.search(r"[\d$\\∞√π]", text) or _LETTER.match(text) or 0 < len(text.split()) <= 3)


def _bare(text: str) -> str:
    text = text.strip().strip("*_`\"'“” \n")
    return re.sub(r"^(?:approximately|about|roughly|equal to|=|:)\s*", "", text).rstrip(".。, ")
