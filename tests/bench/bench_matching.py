"""Speed of cue matching as ratios within one process: against `re`, and against the paper's own counter.

The counter gives a number and no offsets; the engine gives offsets. Run `python -m tests.bench.bench_matching`.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from backend.lexicon.entries import Lexicon, load_all
from backend.lexicon.matcher import Matcher

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data" / "traces" / "strategic-info"
REAL = {
    "sparse real (Qwen3-14B base, AIME24)": "base/Qwen3-14B-Base/aime",
    "dense real (Qwen2.5-7B LIMO, AIME24)": "limo/Qwen2.5-7B/aime",
}
PLAIN = (
    "Let n be the number of red tiles, so that 3n + 7 = 52 and n = 15. ",
    "Substituting x = 2 gives the area of the triangle, which is 36 square units. ",
    "Each of the twelve edges meets exactly two faces; therefore the sum is even. ",
    "First we expand the product, then collect the terms of the second degree. ",
)
DOUBTING = (
    "Wait, maybe I made a mistake there. ",
    "Hmm, let me double-check the second case; it seems off. ",
    "Actually, perhaps the angle might be obtuse. ",
    "Alternatively, I'm not sure whether both roots are equally likely. ",
)


def synthetic(share: float, seed: int, extra: str = "") -> list[str]:
    """Texts of some 20,000 characters; a `share` of their sentences holds cues, `extra` follows one in ten."""
    draw = random.Random(seed)
    texts = []
    for _ in range(30):
        sentences: list[str] = []
        for _ in range(20_000 // 65):
            sentences.append(draw.choice(DOUBTING if draw.random() < share else PLAIN))
            sentences.append(extra if draw.random() < 0.1 else "")
        texts.append("".join(sentences))
    return texts


def corpora() -> dict[str, list[str]]:
    """Named lists of texts: self-made ones, a loop of one word as the worst case, and real ones where present."""
    found = {
        "no cue at all": synthetic(0.0, 1),
        "sparse": synthetic(0.02, 2),
        "dense": synthetic(0.5, 3),
        "dense, with √ and ≤": synthetic(0.5, 4, "√2 ≤ 3 ⇒ x² ∈ ℝ. "),
        "loop of “wait,”": ["wait,\n\n" * 3_000] * 10,
    }
    for name, folder in REAL.items():
        files = sorted((SHARED / folder).glob("*.jsonl"))
        rows = [json.loads(line) for file in files for line in file.read_bytes().splitlines()]
        if rows:
            found[name] = [text for row in rows for text in row["generated_responses"]]
    return found


def alternation(lexicon: Lexicon) -> re.Pattern[str]:
    """The usual way to mark words: one pattern of all forms between word edges, longest first, ignoring case."""
    forms = sorted((form for entry in lexicon.entries for form in entry.forms), key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(map(re.escape, forms)) + r")\b", re.IGNORECASE)


def by_re(pattern: re.Pattern[str]) -> Callable[[str], object]:
    """Offsets by `finditer`."""
    return lambda text: [(match.start(), match.end()) for match in pattern.finditer(text)]


def by_count(words: Sequence[str]) -> Callable[[str], object]:
    """The paper's counter, the text lowered once (its code lowers it anew for each word)."""

    def count(text: str) -> int:
        lowered = text.lower()
        return sum(lowered.count(word) for word in words)

    return count


def ratio(baseline: Callable[[str], object], ours: Callable[[str], object], texts: Sequence[str], rounds: int) -> float:
    """Best time of `baseline` over best time of `ours`, measured by turns."""
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for side, work in enumerate((baseline, ours)):
            start = time.perf_counter()
            for text in texts:
                work(text)
            best[side] = min(best[side], time.perf_counter() - start)
    return best[0] / best[1]


def run() -> list[tuple[str, float, str]]:
    """(what, how many times as fast as the baseline, aim) for each lexicon and kind of text."""
    lexicons = load_all(ROOT / "data" / "lexicons")
    rows = []
    for kind, texts in corpora().items():
        for name in ("kim2026-words", "doubts"):
            sample = texts if name != "doubts" else [text[:10_000] for text in texts[:10]]
            baseline = by_re(alternation(lexicons[name]))
            speed = ratio(baseline, Matcher(lexicons[name]).find, sample, 3)
            rows.append((f"{name} against re, {kind}", speed, "at least 5"))
        for name in ("kim2026", "companion2026"):
            words = [form for entry in lexicons[name].entries for form in entry.forms]
            speed = ratio(by_count(words), Matcher(lexicons[name]).find, texts, 9)
            rows.append((f"{name} with offsets against the paper's counter, {kind}", speed, "at least 1"))
    return rows


if __name__ == "__main__":
    for what, times, aim in run():
        print(f"{times:7.1f}x  (aim: {aim})  {what}")
