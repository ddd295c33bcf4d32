"""Recipes of both scales: valid before they are run, comparable between parts, and what a dry run says of their cost."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path

import pytest

from backend.cli.main import main
from backend.distill.settings import Method, Teacher, TrainingSettings
from backend.domain import Context, UserError
from backend.services import Services
from backend.services.reproduction.claims import StepChoice, claims
from backend.services.reproduction.cost import LAB, cost, gpu, total
from backend.services.reproduction.recipes.catalogue import COVERAGE, HELD_OUT, recipes
from backend.services.reproduction.recipes.recipe import RecipePart, ReproductionScale, parts_of
from backend.services.reproduction.reproducer import ReproductionSpec
from backend.services.training.training_specs import SEEN, EvaluationSpec, TrainingSpec


def parts(scale: ReproductionScale, seed: int = 0) -> dict[str, RecipePart]:
    return {part.key: part for part in parts_of(recipes(scale, seed))}


@pytest.mark.parametrize("scale", ReproductionScale)
def test_every_part_can_be_asked_for(scale: ReproductionScale) -> None:
    assert [recipe.section for recipe in recipes(scale)] == ["3", "4", "5", "6"]
    for part in parts(scale, 5).values():
        part.spec.check()
        assert TrainingSpec.from_json(json.loads(json.dumps(part.spec.to_json()))) == part.spec
        assert part.spec.settings.seed == (5 if part.spec.settings.steps else 0) and part.needs


@pytest.mark.parametrize("scale", ReproductionScale)
def test_every_claim_has_the_parts_and_evaluations_it_is_tested_on(scale: ReproductionScale) -> None:
    known = parts(scale)
    found = claims(scale)
    assert [claim.number for claim in found] == list(range(1, 10))
    for cell in (cell for claim in found for clause in claim.clauses for cell in clause.cells):
        spec = known[cell.part].spec
        assert (cell.set, cell.context) in {(one.name, one.context) for one in spec.evaluations}, cell
        assert cell.when is not StepChoice.WAY or spec.evaluate_every < spec.settings.steps
    assert len(found[8].clauses) == len(COVERAGE[scale])


@pytest.mark.parametrize("scale", ReproductionScale)
def test_arms_differ_in_what_they_are_about_alone(scale: ReproductionScale) -> None:
    """Same problems, seeds and evaluations; the settings named here and no other."""
    known = parts(scale, 3)
    slow = "slow-fixed" if scale is ReproductionScale.LAB else "sd-full"
    for one, other, about in (
        ("sft-guided", "sft-unguided", {"context"}),
        ("sd-full", "sd-nothink", {"context"}),
        (slow, "slow-ema", {"teacher"}),
        ("sd-full", "sd-lower-rate", {"learning_rate"}),
    ):
        a, b = known[one].spec, known[other].spec
        assert {name for name, _, _ in a.settings.differences(b.settings)} == about
        same = dataclasses.replace(b, settings=a.settings, name=a.name)
        assert same == a
    assert known["slow-ema"].spec.settings.teacher is Teacher.EMA
    assert known["sft-unguided"].spec.settings.context is Context.NONE


@pytest.mark.parametrize("scale", ReproductionScale)
def test_smaller_sets_of_problems_lie_within_larger_ones_and_all_is_trained_once(scale: ReproductionScale) -> None:
    known, listed = parts(scale, 2), {recipe.key: recipe.parts for recipe in recipes(scale, 2)}
    swept = [known[key].spec for key in COVERAGE[scale].values()]
    assert [str(spec.size) if spec.size else "all" for spec in swept] == list(COVERAGE[scale])
    assert len({(spec.problem_set, spec.pick_seed) for spec in swept}) == 1
    last = known[COVERAGE[scale]["all"]]
    assert last in listed["coverage"] and last in listed["self-distillation"] and last.recipe == "self-distillation"
    assert len({part.identity(scale) for part in known.values()}) == len(known)


def test_what_is_shuffled_with_one_seed_is_nested(services: Services) -> None:
    """The rule a smaller |D| relies on, on the set itself: the first of one shuffle, whatever their number."""
    problems = services.problems.load("lab-cd3-train")
    random.Random(4).shuffle(problems)
    chosen = services.trainings._planner
    drawn = {
        size: [
            p.question for p in chosen._chosen(TrainingSpec("lab-base", TrainingSettings(), "lab-cd3-train", size, 4))
        ]
        for size in (1, 8, 64)
    }
    assert drawn[64] == [p.question for p in problems[:64]]
    assert drawn[8] == drawn[64][:8] and drawn[1] == drawn[8][:1]


def test_seeds_are_other_trainings_but_the_contexts_are_one() -> None:
    first, second = parts(ReproductionScale.LAB, 0), parts(ReproductionScale.LAB, 1)
    for key, part in first.items():
        same = part.identity(ReproductionScale.LAB) == second[key].identity(ReproductionScale.LAB)
        assert same is (key == "contexts")
    assert first["sd-full"].identity(ReproductionScale.LAB) != first["sd-full"].identity(ReproductionScale.PAPER)


def test_only_what_is_named() -> None:
    lab = recipes(ReproductionScale.LAB)
    assert [part.key for part in parts_of(lab, ["sft", "grpo"])] == ["sft-unguided", "sft-guided", "grpo"]
    assert [part.key for part in parts_of(lab, ["coverage"])].count("sd-full") == 1
    with pytest.raises(UserError, match=r"no recipe or part called 'sdd'; there are .*sd-full.*coverage"):
        parts_of(lab, ["sdd"])
    with pytest.raises(UserError, match="no scale 'moon'; there are lab, paper"):
        recipes("moon")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--scale", "moon"], "no scale 'moon'"),
        (["--only", "sdd"], "no recipe or part called 'sdd'"),
        (["--seeds", "0"], "at least one seed"),
        (["--seed", "1", "--seed", "1"], "each only once"),
        (["--seed", "-1"], "whole numbers from 0"),
        (["--processes", "3"], "1 to 2 parts"),
        (["--scale", "paper"], "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B, DAPO-Math-17k"),
    ],
)
def test_what_cannot_be_reproduced_is_told_before_anything_is_begun(
    tmp_path: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", *words, "--store", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert says in said.err and not said.out
    assert main(["jobs", "--store", str(tmp_path)]) == 0 and not capsys.readouterr().out


# -- cost -------------------------------------------------------------------------------------------


def test_a_training_costs_what_its_numbers_say() -> None:
    """By hand: 20 steps of 6 rollouts of 100 tokens; 8 problems asked 3 times at both ends, 4 once in between."""
    settings = TrainingSettings(method=Method.SDFT, steps=20, prompts=3, samples=2)
    spec = TrainingSpec(
        "m", settings, "set", size=30, evaluate_every=5,
        evaluations=(EvaluationSpec("held", limit=8, first=4, last_samples=3),),
    )  # fmt: skip
    found = cost(spec, 100, {"set": 1000, "held": 50}, LAB)
    assert (found.rollout_tokens, found.trained_tokens, found.teacher_tokens) == (12_000, 12_000, 24_000)
    assert found.evaluation_tokens == 100 * (2 * 8 * 3 + 3 * 4)
    assert found.seconds == pytest.approx(18_000 / 5_000 + 12_000 / 3_000 + 24_000 / 9_000)
    assert found.cpu_minutes == pytest.approx(found.seconds / 60) and found.gpu_hours is None
    seen = dataclasses.replace(spec, evaluations=(EvaluationSpec(seen=True, last_samples=1),))
    assert cost(seen, 100, {"set": 20}, LAB).evaluation_tokens == 100 * 5 * 20  # the set has fewer than asked for
    assert total([found, found]).seconds == 2 * found.seconds


def test_gpu_hours_follow_from_flops_and_decoding() -> None:
    """8 billion parameters, one million tokens learned from: 6 * 8e9 * 1e6 FLOPs at 4e14 a second, and so on."""
    settings = TrainingSettings(method=Method.SDPO, steps=10, prompts=10, samples=10)
    found = cost(TrainingSpec("m", settings, "set"), 1000, {"set": 50}, gpu(8e9))
    assert found.trained_tokens == 1_000_000
    assert found.seconds == pytest.approx(1e6 / 3000 + 6 * 8e9 * 1e6 / 4e14 + 2 * 8e9 * 2e6 / 4e14)
    assert found.gpu_hours == pytest.approx(found.seconds / 3600) and "GPU-hours" in found.duration
    rewarded = dataclasses.replace(settings, method=Method.GRPO)
    assert cost(TrainingSpec("m", rewarded, "set"), 1000, {"set": 50}, gpu(8e9)).teacher_tokens == 0


@pytest.mark.parametrize("scale", ReproductionScale)
def test_a_dry_run_needs_neither_models_nor_sets(
    tmp_path: Path, scale: ReproductionScale, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["reproduce", "--scale", scale.value, "--dry-run", "--seeds", "2", "--store", str(tmp_path)]
    assert main([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["parts"]) == 2 * len(parts(scale)) - 1  # the contexts are the same for both seeds
    for name in ("rollout_tokens", "evaluation_tokens", "trained_tokens"):
        assert told["total"][name] == sum(part[name] for part in told["parts"])
    unit, other = ("cpu_minutes", "gpu_hours") if scale is ReproductionScale.LAB else ("gpu_hours", "cpu_minutes")
    assert told["total"][unit] > 1 and told["total"][other] is None
    by_key = {(part["part"], part["seed"]): part for part in told["parts"]}
    assert by_key["grpo", 1]["method"] == "GRPO" and by_key["grpo", 1]["data"].startswith(
        "lab-cd3-train" if scale is ReproductionScale.LAB else "DAPO-Math-17k"
    )
    if scale is ReproductionScale.PAPER:
        assert by_key["sd-full", 0]["differs"] == [] and by_key["grpo", 0]["differs"] == []
        assert [d["setting"] for d in by_key["slow-ema", 0]["differs"]] == ["teacher"]
        assert by_key["sd-full", 0]["model"] == "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"
    assert main(asked) == 0
    lines = capsys.readouterr().out
    assert f"{len(told['parts'])} parts" in lines and "sd-full, seed 1" in lines


def test_the_papers_settings_are_those_of_its_code() -> None:
    """The table of values read in its configuration (self-distillation, and GRPO where it differs)."""
    own = parts(ReproductionScale.PAPER)["sd-full"].spec
    s = own.settings
    assert (s.method, s.prompts, s.samples, s.updates, s.learning_rate, s.warmup) == (Method.SDPO, 256, 8, 2, 1e-5, 10)
    assert (s.alpha, s.top_k, s.tail, s.teacher, s.ratio_clip) == (0.5, 100, True, Teacher.FIXED, 2.0)
    assert (s.max_tokens, s.weight_decay, s.steps, s.temperature, own.evaluate_every) == (20_480, 0.01, 200, 1.0, 20)
    rewarded = parts(ReproductionScale.PAPER)["grpo"].spec.settings
    assert (rewarded.learning_rate, rewarded.epsilon_low, rewarded.epsilon_high) == (1e-6, 0.2, 0.28)
    sets = [one.name for one in own.evaluations]
    assert sets == [HELD_OUT[ReproductionScale.PAPER], "AIME25", "AMC23", "MATH500", SEEN]
    assert all(one.samples == one.last_samples == 16 for one in own.evaluations)


def test_the_lab_can_carry_out_every_part(services: Services) -> None:
    services.reproduction.check(ReproductionSpec(processes=2))
    assert len(services.reproduction.missing(ReproductionSpec())) == 3 * 13 + 1
