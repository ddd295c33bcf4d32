"""The paper's own values (arXiv 2603.24472), which stand beside ours and are marked as the paper's.

Owns these constants and where each was read. "Animation": printed in, or read off the curves of, the authors' published
animation; values read off are good to about 0.01 of a score and 150 tokens.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from backend.domain import Context

TITLE: Final = "Kim et al. 2026 (arXiv 2603.24472)"


class Condition(NamedTuple):
    """A row of the paper's table 1: mean score, length in tokens, epistemic tokens a response."""

    score: float
    length: float
    cues: float

    @property
    def density(self) -> float:
        """Per 1,000 tokens; ours, from the two published means."""
        return 1000 * self.cues / self.length


# Table 1: DeepSeek-R1-Distill-Qwen-7B on 100 problems of DAPO-Math-17k. They were chosen because the model solves them
# in 1 to 4 of 8 tries, so that its 0.30 without a context is no measure of the model.
CONDITIONS: Final[Mapping[Context, Condition]] = {
    Context.NONE: Condition(0.30, 13_054, 182.5),
    Context.SOLUTION: Condition(0.98, 1_873, 8.8),
    Context.SOLUTION_NO_THINK: Condition(0.78, 12_036, 159.8),
    Context.REGENERATED: Condition(0.95, 2_808, 24.1),
}
# Animation: mean uses a response, without a solution and with it. Each column adds up to table 1's cues, which confirms
# that the ten words are all that the paper counts.
WORDS: Final[Mapping[str, tuple[float, float]]] = {
    "wait": (83.8, 3.0),
    "hmm": (7.4, 0.5),
    "perhaps": (23.3, 0.7),
    "maybe": (26.8, 1.3),
    "actually": (6.9, 0.4),
    "alternatively": (15.6, 0.4),
    "seems": (5.5, 0.5),
    "might": (4.4, 0.5),
    "likely": (0.6, 0.1),
    "check": (8.2, 1.4),
}
# Table 2: DeepSeek-R1-Distill-Qwen-7B, mean of 16 samples. AIME has 30 problems: an interval over them would be 12 to
# 15 points wide either way, and the paper gives none.
SETS: Final = ("AIME24", "AIME25", "AMC23", "MATH500")
FINE_TUNED: Final[Mapping[str, tuple[float, ...]]] = {
    "base": (0.5479, 0.3792, 0.8906, 0.9219),
    "SFT on unguided responses": (0.5104, 0.4000, 0.8766, 0.9093),
    "SFT on guided responses": (0.2021, 0.1271, 0.5703, 0.6552),
}
# Figure 3d, animation: change of uses a response on AIME24 from the base. "wait" is printed, and is the scale by which
# the others were read off.
WORD_CHANGES: Final[Mapping[str, float]] = {
    "wait": -60.8,
    "hmm": -5.7,
    "perhaps": -17.1,
    "maybe": -17.1,
    "actually": -1.2,
    "alternatively": -11.2,
    "seems": -2.7,
    "might": -2.0,
    "likely": -0.6,
    "check": -1.2,
}
# Section 6, animation, read off the curves: |D| -> AIME24 of Qwen3-8B without thinking before and after 50 steps.
COVERAGE: Final[Mapping[str, tuple[float, float]]] = {
    "1": (0.25, 0.145),
    "8": (0.25, 0.126),
    "64": (0.25, 0.160),
    "128": (0.25, 0.196),
    "512": (0.25, 0.141),
}
# Claim -> what the paper reports for it.
CLAIMS: Final[Mapping[int, str]] = {
    1: "182.5 → 159.8 → 8.8 epistemic tokens a response; length 13,054 → 1,873",
    2: "AIME24 54.8% → 51.0%",
    3: "AIME24 54.8% → 20.2%",
    4: "AIME24 falls by 40.7% of its value",
    5: "a smaller fall; no number published",
    6: "AIME24 54.7% → 56.0%; length rises",
    7: "a sharper fall; no number published",
    8: "up to 128 problems training score rises, 8 times shorter; at 512 no longer ahead",
    9: "AIME24 25% → 13–20% at every |D|",
}
