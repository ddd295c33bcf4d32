"""Jobs for the live view's tests: made-up streams written step by step into a real store, and a way to watch them.

Owns what a generating worker would write. Knows nothing of how the view is built beyond its class names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Locator, Page, expect

from backend.job import Job, JobKind, JobState, Lane
from backend.services import Services

QUESTION = "Use 1, 8, 11 to make 2."
WORDS = (
    "<think>", "\n", "So", " the", " goal", " is", " 2", ".", " Maybe", " I", " can", " start", " with", " 11", " -", " 8", ".",
    " Wait", ",", " that", " is", " wrong", ".", " Hmm", ",", " not", " the", " same", ".", " Alternatively", ",", " 11", " -",
    " 1", ".", " Let", " me", " check", ".", " Yes", ".", "\n", "</think>", " Final", " answer", ":", " \\boxed{2}",
)  # fmt: skip


def arm(model: str = "lab-base", **more: Any) -> dict[str, Any]:
    """An arm of a plan."""
    plain = {"label": "", "context": "none", "prefix": "", "hush": "", "banned": []}
    return {"model": model, "model_id": model} | plain | more


def problems(number: int = 1) -> list[dict[str, Any]]:
    """Problems of a plan."""
    return [
        {"id": f"p{n}", "question": QUESTION if n == 0 else f"Use 1, 8, {n} to make 2.", "gold": "2"}
        for n in range(number)
    ]


class Story:
    """One job of a store, and the pen that writes its stream."""

    def __init__(
        self, services: Services, arms: Sequence[dict[str, Any]] = (), number: int = 1, samples: int = 1
    ) -> None:
        self.services = services
        self.job: Job = services.jobs.submit(JobKind.GENERATE, "a test's job", {}, Lane.LIVE)
        self.arms, self.number, self.samples = list(arms) or [arm(), arm("lab-sft-guided")], number, samples

    def say(self, *payloads: dict[str, Any]) -> None:
        self.services.store.streams.append(self.job.id, payloads)

    def begin(self) -> Story:
        """The job runs, and has said its plan."""
        assert self.services.store.jobs.take(self.job.id, "tester")
        self.say({"k": "plan", "arms": self.arms, "problems": problems(self.number), "samples": self.samples})
        return self

    def open(self, i: int = 0, prompt: str = "") -> None:
        self.say({"k": "open", "i": i, "arm": 0, "problem": 0, "sample": 0, "prompt": prompt})

    def piece(self, i: int, *words: str, forced: int = 0, odds: bool = True) -> None:
        """Add words as tokens of their own to trace `i`."""
        more: dict[str, Any] = {"lp": [-0.25] * len(words), "h": [1.5] * len(words)} if odds else {}
        more |= {"forced": forced} if forced else {}
        self.say({"k": "piece", "i": i, "t": "".join(words), "n": [len(word) for word in words], **more})

    def done(self, i: int = 0, correct: bool | None = True, cues: int = 0, tokens: int = 10, **more: Any) -> None:
        self.say(
            {"k": "done", "i": i, "finish": "stop", "correct": correct, "answer": "2", "tokens": tokens, "words": 8,
             "cues": {"doubts": cues, "kim2026": 0}, "seconds": 2.0, "trace": f"trace-{i}", **more}
        )  # fmt: skip

    def end(self, state: JobState = JobState.DONE, error: str = "") -> None:
        self.say({"k": "end", "state": state.value, "runs": [], "error": error})
        self.services.store.jobs.finish(self.job.id, state, error)


class Watch:
    """The live view in one page of the browser."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url

    def open(self, job: str, query: str = "") -> Watch:
        self.page.goto(f"{self.url}/?job={job}{query}")
        self.page.wait_for_selector(".lv[data-painted]")
        return self

    def pane(self, number: int = 0) -> Locator:
        return self.page.locator(".lv .pane").nth(number)

    def shows(self, text: str, number: int = 0) -> None:
        """Wait until a pane's text is exactly this."""
        expect(self.pane(number).locator(".grown")).to_have_text(
            re.compile(f"^{re.escape(text)}$", re.DOTALL), use_inner_text=False
        )

    def drawn(self, number: int = 0) -> str:
        """Every character of a pane's text, as the page holds them."""
        return str(self.pane(number).locator(".grown").evaluate("grown => grown.textContent"))

    def wait_drawn(self, text: str, number: int = 0) -> None:
        """Wait until a pane holds exactly these characters."""
        self.page.wait_for_function(
            """([number, text]) => {
                const host = [...document.querySelectorAll('*')].find(e => e.shadowRoot?.querySelector('.lv'));
                return host?.shadowRoot.querySelectorAll('.pane')[number]?.querySelector('.grown').textContent === text;
            }""",
            arg=[number, text],
        )

    def marks(self, number: int = 0) -> list[str]:
        return self.pane(number).locator(".grown mark").evaluate_all("marks => marks.map(m => m.textContent)")

    def said(self) -> str:
        """What the page's script was told."""
        return str(self.page.get_by_text("runs=").text_content())
