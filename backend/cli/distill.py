"""The verb `distill`: a training is started and followed, or listed, paused, resumed, removed."""

import argparse
import dataclasses
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from backend.cli.job_follower import follow
from backend.cli.models import model_named
from backend.cli.verb import AddVerb
from backend.codec import encode
from backend.distill.settings import Method, TrainingSettings
from backend.domain import Context, UserError, visible
from backend.job import Job, JobState
from backend.services import Services
from backend.services.training.training_specs import SEEN, EvaluationSpec, TrainingSpec
from backend.services.training.trainings import TrainingInfo

_ACTIONS: Final = ("pause", "resume", "remove")
_ENDED: Final = {JobState.DONE: 0}
NOTHING_LEARNED: Final = 4
_TRUE, _FALSE = ("true", "yes", "1", "on"), ("false", "no", "0", "off")


def add_verb(verb: AddVerb) -> None:
    """Add the verb to the parser behind `verb`."""
    sub = verb("distill", _distill, "Teach a model; its checkpoints become models, its evaluations runs.")
    sub.add_argument("--model", metavar="MODEL", help="the base: a model's name or id, or a folder")
    sub.add_argument("--problems", metavar="SET", help="the problem set to train on")
    sub.add_argument("--preset", metavar="NAME", help="start from the settings of a preset")
    sub.add_argument("--method", type=Method, choices=list(Method), metavar="METHOD", help="SFT, SDFT, SDPO or GRPO")
    sub.add_argument("--context", type=Context, choices=list(Context), metavar="CONTEXT", help="what the teacher sees")
    sub.add_argument("--size", type=int, metavar="N", help="train on N problems of the set (default: all)")
    sub.add_argument("--pick", type=int, metavar="SEED", help="which ones: the set is shuffled with this seed")
    sub.add_argument("--steps", type=int, metavar="N")
    sub.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="any other training setting")
    sub.add_argument(
        "--evaluate", nargs="+", metavar="SET", help=f"problem sets to evaluate; {SEEN}: the training's own"
    )
    sub.add_argument("--limit", type=int, metavar="N", help="evaluate only the first N problems of each set")
    sub.add_argument(
        "--every", type=int, metavar="N", help="steps between two evaluations, and between two checkpoints"
    )
    sub.add_argument("--name", metavar="NAME", help="what the model will be called")
    sub.add_argument("--processes", type=int, metavar="N", help="GPUs to train on, by `accelerate launch`")
    sub.add_argument("--json", action="store_true", help="print JSON")
    what = sub.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="list the trainings")
    for action in _ACTIONS:
        what.add_argument(f"--{action}", metavar="TRAINING", help=f"{action} a training, named by its id or its name")


def _distill(services: Services, options: argparse.Namespace) -> int:
    if options.list:
        for info in services.trainings.all():
            print(json.dumps(_as_json(info), ensure_ascii=False) if options.json else _line(info))
        return 0
    for action in _ACTIONS:
        if named := getattr(options, action):
            return _act(services, action, _training(services, named), options)
    return _follow(services, services.trainings.submit(_spec(services, options)), options)


def _act(services: Services, action: str, info: TrainingInfo, options: argparse.Namespace) -> int:
    training = info.training
    if action == "resume":
        return _follow(services, services.trainings.resume(training.id), options)
    if action == "pause":
        services.trainings.pause(training.id)
        print(f"pausing  {visible(training.name)}, after the step under way")
    else:
        services.trainings.remove(training.id)
        print(f"removed  {visible(training.name)} with its models; its traces stay")
    return 0


def _follow(services: Services, job: Job, options: argparse.Namespace) -> int:
    """Wait for a training, then say what its last evaluations found. Ctrl-C cancels it; its checkpoints stay."""
    training = str(job.spec["training"])
    job = follow(services, job, options.settings)
    rows = services.trainings.evaluations(training)
    last = [encode(row) for row in rows if row.step == rows[-1].step]
    info = services.trainings.get(training)
    if options.json:
        print(json.dumps(_as_json(info) | {"evaluations": last}, ensure_ascii=False))
    else:
        print(_line(info))
        for row in last:
            print(_row_line(row))
    # Done, and still not what was asked for: a script must not go on as if there were a trained model.
    return NOTHING_LEARNED if job.result.get("untrained") else _ENDED.get(job.state, 2)


# -- what is asked for ------------------------------------------------------------------------------


def _spec(services: Services, options: argparse.Namespace) -> TrainingSpec:
    """A preset, or the defaults, with the command line's options in place of its own."""
    spec = _preset(services, options.preset) if options.preset else None
    if not (spec or options.model):
        raise UserError("Name the model to teach with --model, or a --preset.")
    if not (spec or options.problems or options.steps == 0):
        raise UserError("Name the problem set to train on with --problems, or a --preset.")
    spec = spec or TrainingSpec("", TrainingSettings())
    given = {"method": options.method, "context": options.context, "steps": options.steps} | _settings(options.set)
    # Through JSON: it refuses values of another kind in a sentence, which replacing fields would let pass.
    settings = TrainingSettings.from_json(spec.settings.to_json() | {k: v for k, v in given.items() if v is not None})
    changes: dict[str, Any] = {
        "model": model_named(services, options.model).id if options.model else None,
        "problem_set": options.problems,
        "size": options.size,
        "pick_seed": options.pick,
        "evaluations": _evaluations(options),
        "evaluate_every": options.every,
        "checkpoint_every": options.every,
        "name": options.name,
        "processes": options.processes,
    }
    return dataclasses.replace(spec, settings=settings, **{k: v for k, v in changes.items() if v is not None})


def _preset(services: Services, name: str) -> TrainingSpec:
    presets = {preset.name: preset.spec for preset in services.trainings.presets()}
    if name not in presets:
        known = ", ".join(presets) or "none, for no shipped model is here"
        raise UserError(f"There is no preset called {visible(name, 40)!r}; there are {known}.")
    return presets[name]


def _evaluations(options: argparse.Namespace) -> tuple[EvaluationSpec, ...] | None:
    if options.evaluate is None:
        return None
    return tuple(
        EvaluationSpec("" if name == SEEN else name, seen=name == SEEN, limit=options.limit)
        for name in options.evaluate
    )


def _settings(pairs: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE pairs as settings of the right type. Raises UserError for an unknown one, or a value of another."""
    found: dict[str, Any] = {}
    defaults = {field.name: field.default for field in dataclasses.fields(TrainingSettings)}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name = name.replace("-", "_")
        if not equals or name not in defaults:
            known = ", ".join(defaults)
            raise UserError(
                f"--set takes NAME=VALUE with a training setting; {visible(pair, 60)!r} is none of {known}."
            )
        found[name] = _value(name, value, defaults[name])
    return found


def _value(name: str, value: str, default: Any) -> Any:
    kind = "a number"
    try:
        # First, for a bool is an int too, and bool("false") is True.
        if isinstance(default, bool):
            kind = "true or false"
            return (*_FALSE, *_TRUE).index(value.lower()) >= len(_FALSE)
        if isinstance(default, StrEnum):
            kind = f"one of {', '.join(type(default))}"
            return type(default)(value)
        return type(default)(value)
    except ValueError:
        raise UserError(f"The training setting {name} is {kind}, not {visible(value, 40)!r}.") from None


def _training(services: Services, named: str) -> TrainingInfo:
    """A training by its id, the beginning of it, or its name."""
    found = services.trainings.all()
    exact = [info for info in found if named in (info.training.id, info.training.name)]
    # Four characters and more: `--remove 1` must not remove whatever begins so.
    begins = [info for info in found if len(named) >= 4 and info.training.id.startswith(named)]
    if len(exact or begins) != 1:
        raise UserError(f"There is no training {visible(named, 80)!r}; `distill --list` lists them.")
    return (exact or begins)[0]


# -- how it looks -----------------------------------------------------------------------------------


def _as_json(info: TrainingInfo) -> dict[str, Any]:
    training = info.training
    return {
        "id": training.id,
        "name": training.name,
        "base": info.base.name if info.base else None,
        "state": info.state,
        "step": info.step,
        "steps": info.steps,
        "reason": info.reason,
        "models": [model.name for model in info.models],
        "spec": info.spec.to_json(),
        "created": training.created,
    }


def _line(info: TrainingInfo) -> str:
    where = f"step {info.step:,} of {info.steps:,}"
    reason = f"  {visible(info.reason)}" if info.reason else ""
    return f"{info.training.id[:8]}  {info.state:9} {where:16} {visible(info.training.name, 80)}{reason}"


def _row_line(row: Mapping[str, Any]) -> str:
    values = row["values"]
    right, length = _figure(values["accuracy"], 100, " % right"), _figure(values["length"], 1, " tokens")
    shown = "" if row["context"] == Context.NONE else f", {row['context']}"
    lexicon, cues = next(iter(values["cues"].items()))
    doubts = _figure(cues, 1, f" {lexicon} a response", 2)
    return f"{row['run']}  step {row['step']:<5} {visible(row['name'], 40) + shown:32} {right}  {length}  {doubts}"


def _figure(figure: Sequence[float | None] | None, times: int, unit: str, places: int = 1) -> str:
    """ "41.0 [35.0, 46.5] % right (n 200)"."""
    if not figure:
        return f"-{unit}"
    value, low, high, count = figure
    if value is None:
        return f"-{unit}"
    ends = "" if low is None or high is None else f" [{times * low:.{places}f}, {times * high:.{places}f}]"
    return f"{times * value:.{places}f}{ends}{unit} (n {count})"
