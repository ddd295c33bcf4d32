"""The sections of a response: where thinking ends and the answer begins.

Owns the reading of `<think>` tags. Other markers of thinking aren't recognised: such a response is one answer.
"""

from __future__ import annotations

import re

from backend.domain import Section, SectionSpan

_TAG = re.compile(r"</?think>")
_OPEN = "<think>"


def split_sections(text: str, prompt: str = "") -> tuple[SectionSpan, ...]:
    """Sections that tile `text` without a gap, in order; tags belong to the thinking they delimit. Empty text: none.

    Thinking starts at `<think>`, or with the text if `prompt` ends in `<think>` or if `</think>` is the first tag, and
    runs through the next `</think>`, or to the end of the text where there is none. Without tags all is answer, or all
    is thinking after a prompt ending in `<think>`. Two thoughts with nothing between them stay two.
    """
    spans: list[SectionSpan] = []
    start, thinking = 0, _starts_in_thought(text, prompt)
    for tag in _TAG.finditer(text):
        opens = tag[0] == _OPEN
        # A second `<think>` within thinking, or a `</think>` outside it: words of the model, not a border.
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
    # Chat templates of R1 and Qwen3 end the prompt in `<think>`, so that the response lacks the opening tag.
    if first is None:
        return prompt.rstrip().endswith(_OPEN)
    if first[0] != _OPEN or prompt.rstrip().endswith(_OPEN):
        return True
    # Blank text before the first `<think>` counts as thinking: a section of a line break alone helps nobody.
    return not text[: first.start()].strip()
