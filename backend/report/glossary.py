"""The glossary: what each number means, by the words that stand over it; every page takes its tooltips from here."""

import re
from typing import Final

_MEANS: Final = "a mean over each problem's samples first, then over problems"
_UNITS: Final = "in tokens where the source counts them, else in words between white space"

MEANINGS: Final[dict[str, str]] = {
    "Accuracy": f"Share of right answers by the chosen grader, {_MEANS}. Responses it can't judge don't count.",
    "Right": "Whether the chosen grader finds the final answer right; a dash where it can't judge.",
    "Cues": "Expressions of doubt that the chosen lexicon finds in the response, its thinking included.",
    "Cues per trace": f"Expressions of doubt that the chosen lexicon finds in a response: {_MEANS}.",
    "per 1,000": "Cues per 1,000 units of length: all cues over the whole length, so that long responses weigh more. "
    f"The length is {_UNITS}.",
    "Length": f"Length of a response, thinking included, {_UNITS}; over a run, {_MEANS}.",
    "Cut off": "Share of responses that ended at the token limit, among those whose ending is known.",
    "Disputed": "Traces on which the graders contradict each other.",
    "Problems": "Problems that both runs hold.",
    "Ending": "How the response ended: by itself, or cut off at the token limit. A dash: the source doesn't say.",
    "In loops": "Share of the response's characters that lie in a loop: a stretch that repeats itself.",
    "Traces": "Stored responses: one per problem and sample.",
    "Precision": "Share of the machine's marks that people marked too.",
    "Recall": "Share of what people marked in blind items that the machine found.",
    "F1": "Harmonic mean of precision and recall.",
    "pass@k": "Chance that at least one of k responses to a problem is right.",
    "Lexicon": "Which expressions count as doubt. Every count and density on this page is of this list.",
    "Loops": "Whether lengths and cues in loops count. A loop is a stretch of 500 characters or more in which the same "
    "passages return again and again: one looping response can hold most of a run's cues.",
    "Grader": "Whose verdicts count as right and wrong on this page.",
}
GRADER_MEANINGS: Final[dict[str, str]] = {
    "final answer": "what the response states last, compared as a mathematician would",
    "paper": "the paper's own code, oddities and all (the last box, 5 equals 500)",
    "file": "what the file itself says",
}
# What a heading may carry beside its term: the side, a unit, the grader.
_BESIDE = re.compile(r",? (?:[A-D]|tokens|words|by .+)$")


def meaning(heading: str) -> str:
    """What the number under a heading means; "" where the glossary doesn't say."""
    known = MEANINGS.get(heading)
    if known is None and (term := _BESIDE.sub("", heading)) != heading:
        return meaning(term)
    return known or ""
