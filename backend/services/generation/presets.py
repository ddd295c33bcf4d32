"""Presets of the live page: experiments on the shipped models that make the paper's point in a minute."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from backend.domain import Context
from backend.engines.protocol import Decoding
from backend.services.generation.specs import GenerationSpec, RunArm

BASE, GUIDED, UNGUIDED = "lab-base", "lab-sft-guided", "lab-sft-unguided"
HELD_OUT = "lab-cd3-test"
WATCHED = 20
# The longest response the lab's grammar makes has about 230 tokens; a loop is cut soon after.
DECODING = Decoding(temperature=0.8, max_tokens=320)


@dataclass(frozen=True, slots=True)
class Preset:
    """An experiment: `sentence` says what to look for."""

    name: str
    title: str
    sentence: str
    spec: GenerationSpec


def presets(models: Mapping[str, str]) -> list[Preset]:
    """The experiments whose models are there; `models` maps names to ids."""
    if BASE not in models or GUIDED not in models:
        return []
    base, guided = models[BASE], models[GUIDED]
    return [
        _preset(
            "watch",
            f"Watch {WATCHED} problems",
            "The base searches aloud; its copy, taught with the solution in view, is sure. Who is right more often?",
            RunArm(base),
            RunArm(guided),
        ),
        _preset(
            "voice",
            "Give it back one word",
            "One first word decides: “Maybe” for the model that lost its doubts, “First,” for the one that has them.",
            RunArm(guided),
            RunArm(guided, prefix="Maybe", label="first word Maybe"),
            RunArm(base),
            RunArm(base, prefix="First,", label="first word First,"),
        ),
        _preset(
            "hush",
            "Take the words away",
            "The base again, but it can't say any of the paper's ten words. What becomes of its accuracy?",
            RunArm(base),
            RunArm(base, hush="kim2026", label="without the paper's words"),
        ),
        _preset(
            "hint",
            "Show it the solution",
            "The same model with more and more of the solution in view: fewer doubts, shorter, surer.",
            RunArm(base),
            RunArm(base, Context.ANSWER),
            RunArm(base, Context.SOLUTION_NO_THINK),
            RunArm(base, Context.SOLUTION),
        ),
    ]


def _preset(name: str, title: str, sentence: str, *arms: RunArm) -> Preset:
    spec = GenerationSpec(arms, problem_set=HELD_OUT, limit=WATCHED, decoding=DECODING, live=True, logprobs=True)
    return Preset(name, title, sentence, spec)


def demo_specs(models: Mapping[str, str]) -> list[GenerationSpec]:
    """The evaluations that are shipped as the demo; `models` maps names to ids. Raises KeyError without the models."""
    base, guided, unguided = models[BASE], models[GUIDED], models[UNGUIDED]
    plain = (RunArm(base), RunArm(unguided), RunArm(guided))
    hints = (Context.ANSWER, Context.SOLUTION_NO_THINK, Context.SOLUTION, Context.REGENERATED, Context.PLACEBO)
    probes = (
        RunArm(guided, prefix="Maybe", label="first word Maybe"),
        RunArm(base, prefix="First,", label="first word First,"),
        RunArm(base, hush="kim2026", label="without the paper's words"),
    )
    return [
        # Scores of one set are enough to show them: they are most of what a run takes on the disk.
        GenerationSpec(plain, problem_set=HELD_OUT, samples=2, decoding=replace(DECODING, top=3), logprobs=True),
        GenerationSpec(plain, problem_set="lab-cd4-test", samples=2, decoding=DECODING),
        GenerationSpec(plain, problem_set="lab-fx-test", samples=2, decoding=DECODING),
        GenerationSpec(tuple(RunArm(base, hint) for hint in hints), problem_set=HELD_OUT, samples=2, decoding=DECODING),
        GenerationSpec(probes, problem_set=HELD_OUT, samples=2, decoding=DECODING),
    ]
