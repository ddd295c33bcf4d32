"""A training's settings and state in words: labels, formatted values, and which settings count for a method.

Owns this wording and the order of settings in a list.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from backend.distill.settings import Method, Remedy, Schedule, Teacher, TrainingSettings
from backend.domain import Context, UserError, visible
from backend.services.training.trainings import TrainingInfo
from pages.components.jobs.job_words import joined, left, short_time

METHODS: Mapping[Method, str] = {
    Method.SDFT: "self-distillation: its own rollouts, a teacher that sees more",
    Method.SDPO: "self-distillation: the teacher sees a rollout that got it right",
    Method.SFT: "fine-tuning on its own right responses",
    Method.GRPO: "rewards alone",
}
CONTEXTS: Mapping[Method, Sequence[Context]] = {
    Method.SDFT: (Context.SOLUTION, Context.SOLUTION_NO_THINK, Context.ANSWER, Context.PLACEBO),
    Method.SDPO: (Context.SOLUTION, Context.SOLUTION_NO_THINK),
    Method.SFT: tuple(Context),
    Method.GRPO: (),
}
FORWARD, JENSEN, REVERSE = 0.0, 0.5, 1.0
DIVERGENCES: Mapping[float, str] = {FORWARD: "forward KL", JENSEN: "Jensen–Shannon (JSD)", REVERSE: "reverse KL"}
REMEDIES: Mapping[Remedy, str] = {Remedy.NONE: "none", Remedy.CLIP: "clip each token", Remedy.ROUTE: "route by entropy"}
LABELS: Mapping[str, str] = {
    "steps": "Steps",
    "prompts": "Problems a step",
    "samples": "Rollouts a problem",
    "updates": "Updates a step",
    "learning_rate": "Learning rate",
    "warmup": "Warm-up steps",
    "schedule": "Learning rate after warm-up",
    "weight_decay": "Weight decay",
    "clip_norm": "Largest gradient",
    "alpha": "Divergence",
    "top_k": "Tokens of the divergence",
    "tail": "Tail bucket",
    "teacher": "Teacher",
    "teacher_rate": "What a moving teacher takes a step",
    "ratio_clip": "Largest importance ratio",
    "epsilon_low": "GRPO’s ratio, room below 1",
    "epsilon_high": "GRPO’s ratio, room above 1",
    "temperature": "Temperature of rollouts",
    "max_tokens": "Longest rollout, tokens",
    "remedy": "Remedy",
    "token_clip": "Most a token counts, nats",
    "route_share": "Share of tokens the teacher repels",
    "lora_rank": "LoRA rank",
    "lora_alpha": "LoRA alpha",
    "micro_batch": "Rows at once",
    "seed": "Seed",
}
_DISTILLED = {"alpha", "top_k", "tail", "teacher", "teacher_rate", "ratio_clip", "remedy", "token_clip", "route_share"}
_OF_GRPO = {"epsilon_low", "epsilon_high"}
_STATES: Mapping[str, str] = {
    "queued": "waits",
    "running": "runs",
    "paused": "paused",
    "done": "✓ done",
    "failed": "✗ failed",
    "cancelled": "cancelled",
}


def distills(settings: TrainingSettings) -> bool:
    """Whether a teacher's distribution is learned from."""
    return settings.method in (Method.SDFT, Method.SDPO)


def counts(name: str, settings: TrainingSettings) -> bool:
    """Whether a setting has any effect, given the others: one without is neither a field nor a difference."""
    if name in _DISTILLED and not distills(settings):
        return False
    if name in _OF_GRPO:
        return settings.method is Method.GRPO
    # What each depends on; settings that aren't here always count.
    needs: Mapping[str, bool] = {
        "teacher_rate": settings.teacher is Teacher.EMA,
        "token_clip": settings.remedy is Remedy.CLIP,
        "route_share": settings.remedy is Remedy.ROUTE,
        "lora_alpha": settings.lora_rank > 0,
        "tail": settings.top_k > 0,
    }
    return needs.get(name, True)


def value_text(name: str, value: Any) -> str:
    """A setting's value for people."""
    if name == "alpha":
        return DIVERGENCES.get(float(value), f"generalised JSD, α = {value:g}")
    if name in ("top_k", "lora_rank", "micro_batch") and not value:
        return {"top_k": "all", "lora_rank": "none: all weights", "micro_batch": "all"}[name]
    if isinstance(value, bool):  # before int, which bool is one of
        return "yes" if value else "no"
    if isinstance(value, Remedy):
        return REMEDIES[value]
    if isinstance(value, Teacher | Schedule):
        return value.value
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def differences(settings: TrainingSettings, paper: TrainingSettings) -> list[tuple[str, str, str]]:
    """(label, the paper's value, ours) of every setting that counts on either side and isn't the paper's."""
    order = list(LABELS)
    found = [row for row in settings.differences(paper) if counts(row[0], settings) or counts(row[0], paper)]
    found = [row for row in found if row[0] in LABELS]
    found.sort(key=lambda row: order.index(row[0]))
    return [(LABELS[name], value_text(name, theirs), value_text(name, ours)) for name, theirs, ours in found]


def summary(info: TrainingInfo) -> str:
    """Base model, method, problems and remedy in one line."""
    spec, base = info.spec, visible(info.base.name, 60) if info.base else "a model that is gone"
    amount = "all of " if spec.size is None else f"{spec.size:,} of "
    taught = f"{amount}{visible(spec.problem_set, 60)}" if spec.problem_set else ""
    remedy = "" if spec.settings.remedy is Remedy.NONE else f"remedy: {REMEDIES[spec.settings.remedy]}"
    return joined(base, spec.what, taught, remedy)


def state_word(info: TrainingInfo) -> str:
    """A training's state in a word or two."""
    if info.training.wish == "pause" and info.state in ("queued", "running"):
        return "pauses"
    return _STATES.get(info.state, info.state) + (", nothing learned" if info.state == "done" and info.reason else "")


def pace(seconds: Sequence[float]) -> float | None:
    """Seconds a step takes: the median of the last five; None before the first."""
    # The median, because a step with an evaluation takes many times as long as the others.
    last = sorted(seconds[-5:])
    return last[len(last) // 2] if last else None


def state_line(info: TrainingInfo, ahead: int, working: bool, seconds: Sequence[float]) -> str:
    """The state line: how far a training is, how fast it goes, and what it waits for."""
    if info.state == "queued":
        behind = f"waits for {ahead} job{'' if ahead == 1 else 's'} before it" if ahead else "next in the queue"
        return behind if working else joined(behind, "no worker is running")
    far = f"step {info.step:,} of {info.steps:,}"
    if info.state != "running":
        return joined(state_word(info), far if info.steps else "")
    message = info.job.message if info.job else ""
    # Before the first step the job's message says more: the base answers, or the model is loaded.
    if not seconds or not info.steps:
        return joined(visible(message, 200) or "begins", "" if working else "stands still until a worker is there")
    each = pace(seconds) or 0.0
    rest = left(info.job) if info.job and working and not info.training.wish else ""  # counts evaluations too
    rate = f"{each:.1f} s a step" if each < 100 else f"{short_time(each)} a step"
    wish = "saves and pauses after this step" if info.training.wish else ""
    return joined(far, rate, rest, wish, "" if working else "stands still until a worker is there")


def sentence(attempt: Any) -> str:
    """The sentence of the UserError that `attempt` raises; "" where it raises none."""
    try:
        attempt()
    except UserError as error:
        return str(error)
    return ""
