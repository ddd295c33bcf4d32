"""Prompts of the contexts: what a model is shown beside a problem, in the paper's words.

Source: arXiv 2603.24472, its evaluation and training code. Loads no model library.
"""

import re
from collections.abc import Mapping

from backend.domain import Context, Section, UserError
from backend.lexicon.sections import split_sections

# "evaluation" is the prompt of the paper's section 3, "teacher" that of its self-distillation.
TEMPLATES: Mapping[str, str] = {
    "evaluation": "{question}\n\nCorrect solution: {solution}\n\nCorrectly solve the original question.",
    "teacher": "{question}\nCorrect solution:\n\n{solution}\n\nCorrectly solve the original question.",
}
DEFAULT_TEMPLATE = "evaluation"

# Both rules, in this order: the second is for templates that open <think> in the prompt.
_THOUGHT = re.compile(r"<think>.*?</think>\s*", re.DOTALL)
_OPENED_IN_PROMPT = re.compile(r"^.*?</think>\s*", re.DOTALL)


def without_thinking(response: str) -> str:
    """A response without its thinking: by the paper's two rules, then by the marks of other models."""
    rest = _OPENED_IN_PROMPT.sub("", _THOUGHT.sub("", response))
    answer = "".join(rest[s.start : s.end] for s in split_sections(rest) if s.section is not Section.THINK)
    # Where nothing but thinking is left the response was cut off: the paper shows it as it is.
    return answer.lstrip() if answer.strip() and answer != rest else rest


def user_turn(
    question: str,
    context: Context,
    *,
    solution: str | None = None,
    gold: str | None = None,
    template: str = DEFAULT_TEMPLATE,
) -> str:
    """The user message for a question under a context.

    `solution` is what the context shows: this problem's response with thinking (full solution, and the source of the
    one without), the response made under it (regenerated), or another problem's (placebo). Raises UserError where what
    the context needs is missing.
    """
    if context is Context.NONE:
        return question
    hint = gold if context is Context.ANSWER else solution
    if hint is None or not hint.strip():
        what = "its gold answer" if context is Context.ANSWER else "a correct solution"
        raise UserError(f"The context {context.value!r} shows {what}, and for {_short(question)} there is none.")
    if context is Context.SOLUTION_NO_THINK:
        hint = without_thinking(hint)
    # Not str.format: a solution is full of braces.
    before, _, after = TEMPLATES[template].partition("{solution}")
    return before.replace("{question}", question) + hint.strip() + after


def _short(question: str) -> str:
    line = " ".join(question.split())
    return f"“{line[:77]}…”" if len(line) > 78 else f"“{line}”"
