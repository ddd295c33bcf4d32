"""Panes of the trace viewer made from stored traces.

Owns the words around a trace: its verdict, its figures, where it came from.
"""

from typing import Literal
from urllib.parse import urlencode

from backend.domain import Finish, Run, visible
from backend.report.numbers import Form, number
from backend.services.traces.comparison import SampleRef
from backend.services.traces.losses import BROKEN_OFF
from backend.services.traces.trace_reader import OpenTrace
from pages.components.viewer.trace_view import Fact, Pane, PaneVerdict, SamplePosition

TAGS: tuple[Literal["A", "B", "C", "D"], ...] = ("A", "B", "C", "D")


def sampling_text(run: Run) -> str:
    """How a run was sampled, in few words: "greedy · prompt qwen-instruct"."""
    sampling = run.info.sampling
    words = []
    if sampling.temperature is not None:
        words.append("greedy" if sampling.temperature == 0 else f"temperature {sampling.temperature:g}")
    if sampling.top_p is not None and sampling.temperature != 0:
        words.append(f"top-p {sampling.top_p:g}")
    if sampling.template:
        words.append(f"prompt {sampling.template}")
    if sampling.system:
        words.append(f"system {sampling.system}")
    return " · ".join(words) or "sampling unknown"


def verdict_of(trace: OpenTrace, grader: str, words: str | None = None) -> PaneVerdict:
    """The chosen grader's verdict (in `words`, if given), and the others' where they contradict it."""
    found = trace.verdict(grader)
    if found.correct is None and found.note:
        words = found.note
    return PaneVerdict(found.correct, found.answer, words=words, disagreement=trace.disagreement or None)


def units_of(trace: OpenTrace, unit: str) -> int:
    """The length of a trace's response in `unit`."""
    return trace.words if unit == "words" or trace.tokens is None else trace.tokens


def facts_of(trace: OpenTrace, unit: str) -> list[Fact]:
    """Cues, their density and the length, in `unit`."""
    length = units_of(trace, unit)
    cues = len(trace.response_cues)
    density = 1000.0 * cues / length if length else 0.0
    free, share = trace.loop_free_cues, trace.loop_share
    looped = "outside loops" + ("" if share is None else f", which are {number(share, Form.PERCENT)} of the text")
    return [
        Fact(f"{cues:,}", "cue" if cues == 1 else "cues"),
        *([Fact("–" if free is None else f"{free:,}", looped)] if share != 0 else []),
        Fact(f"{density:.1f}", f"per 1,000 {unit}"),
        Fact(f"{length:,}", unit),
    ]


def ending_of(trace: OpenTrace) -> str:
    """Why a trace's text ends where it does, "" where it ended by itself or nobody knows."""
    if broken := trace.extra.get(BROKEN_OFF):
        return f"Broke off here: {visible(str(broken))}"
    return _ENDINGS.get(trace.finish, "")


_ENDINGS = {
    Finish.LENGTH: "Cut off at the token limit",
    Finish.REFUSAL: "The model refused to answer",
    Finish.TOOL_CALL: "Ended in a tool call",
}


def reader_link(trace: str, **more: str) -> str:
    """The address of a trace's own page."""
    return "/reader?" + urlencode({"trace": trace, **more})


def pane_of(
    trace: OpenTrace,
    grader: str,
    *,
    tag: Literal["A", "B", "C", "D"] | None = None,
    sample: tuple[int, list[SampleRef]] | None = None,
    unit: str | None = None,
    link: bool = True,
    words: str | None = None,
) -> Pane:
    """The pane of a trace.

    `unit` (default: the run's own) is what lengths and densities are counted in.
    `sample` is (place, the problem's distinct samples); `link` adds the way to its own page; `words` stands in
    place of "right" or "wrong".
    """
    unit = unit or trace.run.length_unit
    subtitle = f"{trace.run.info.dataset} · {sampling_text(trace.run)}"
    if sample and sample[1][sample[0]].copies > 1:
        subtitle = f"{sample[1][sample[0]].copies} identical samples · {subtitle}"
    return Pane(
        id=(tag or "A").lower(),
        tag=tag,
        title=trace.run.info.model,
        subtitle=subtitle,
        verdict=verdict_of(trace, grader, words),
        sample=SamplePosition(sample[0] + 1, len(sample[1])) if sample else None,
        facts=facts_of(trace, unit),
        units=units_of(trace, unit),
        text=trace.text,
        prompt=trace.prompt,
        sections=trace.sections,
        loops=trace.loops or (),
        cues=trace.cues,
        download=f"{visible(trace.run.info.model, 60)} {trace.run.info.dataset} {trace.number}.{trace.sample}.txt",
        link=reader_link(trace.id) if link else None,
        ending=ending_of(trace),
    )
