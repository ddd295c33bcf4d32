"""Where thinking ends and the answer begins.

Owns the reading of `<think>` tags in a response. Knows nothing of lexicons, of chat templates or of
other markers; text without tags is left as one answer.
"""

from __future__ import annotations

import re

from backend.domain import Section, SectionSpan

_TAG = re.compile(r"</?think>")
_OPEN = "<think>"


def split_sections(text: str, prompt: str = "") -> tuple[SectionSpan, ...]:
    """Sections that tile `text` without a gap, in order; tags belong to the thinking they delimit. Empty text: none.

    Thinking starts at `<think>`, or with the text if `prompt` ends in `<think>` or if `</think>` is the
    first tag, and runs through the next `</think>`, or to the end of the text where there is none.
    Blank text before the first `<think>` counts as thinking. Without tags all is answer, or all is
    thinking after a prompt ending in `<think>`. Two thoughts with nothing between them stay two. A tag
    that changes nothing (a second `<think>` within thinking, a `</think>` outside it) is ordinary text.
    """
    spans: list[SectionSpan] = []
    start, thinking = 0, _starts_in_thought(text, prompt)
    for tag in _TAG.finditer(text):
        opens = tag[0] == _OPEN
        if opens == thinking:
            continue
        cut = tag.start() if opens else tag.end()
        if cut > start:
            spans.append(SectionSpan(Section.THINK if thinking else Section.ANSWER, start, cut))
        start, thinking = cut, opens
    if start < len(text):
        spans.append(SectionSpan(Section.THINK if thinking else Section.ANSWER, start, len(text)))
    return tuple(spans)


def _starts_in_thought(text: str, prompt: str) -> bool:
    first = _TAG.search(text)
    if first is None:
        return prompt.rstrip().endswith(_OPEN)
    if first[0] != _OPEN or prompt.rstrip().endswith(_OPEN):
        return True
    return not text[: first.start()].strip()
