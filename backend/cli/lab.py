"""The verb `lab`: the lab's small models are pretrained, fine-tuned and measured, and its problems printed."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from backend.cli.verb import AddVerb
from backend.domain import UserError
from backend.lab.lab_problems import SETS, problem_set

if TYPE_CHECKING:
    from backend.lab.pretrain import PretrainProgress
    from backend.measure.bootstrap import Estimate


def add_verb(verb: AddVerb) -> None:
    """Add the verb to the parser behind `verb`."""
    sub = verb("lab", _run, "Make and measure the lab's small models.")
    sub.set_defaults(bare=True)
    _add_actions(sub)


def _add_actions(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="lab", required=True, metavar="VERB")
    sub = verbs.add_parser("pretrain", help="Pretrain a lab model; run again, it goes on where it was interrupted.")
    _add_out(sub)
    sub.add_argument("--smoke", action="store_true", help="a much smaller model and 30 steps, to try everything")
    sub.add_argument("--steps", type=int, metavar="N", help="updates (default: 1,600, or 30 with --smoke)")
    sub = verbs.add_parser("sft", help="Fine-tune a lab model on its own correct responses.")
    sub.add_argument("--base", type=Path, required=True, metavar="DIR", help="the model to start from")
    _add_out(sub)
    sub.add_argument("--guided", action="store_true", help="on responses written with the full solution in the prompt")
    sub = verbs.add_parser("evaluate", help="Measure a lab model on a problem set.")
    sub.add_argument("--model", type=Path, required=True, metavar="DIR")
    sub.add_argument("set", metavar="SET", help=", ".join(SETS))
    sub.add_argument("--context", default="none", choices=["none", "full", "no-thinking", "answer"])
    sub.add_argument("--samples", type=int, default=2, metavar="N", help="responses a problem (default: 2)")
    sub.add_argument("--opening", default="", metavar="WORD", help="the first word of the thinking, forced")
    sub = verbs.add_parser("problems", help="Print a problem set.")
    sub.add_argument("set", metavar="SET", help=", ".join(SETS))
    sub.add_argument("--jsonl", type=Path, metavar="FILE", help="write one JSON object a problem to FILE instead")


def _run(options: argparse.Namespace) -> int:
    return {"pretrain": _pretrain, "sft": _sft, "evaluate": _evaluate, "problems": _problems}[options.lab](options)


def _add_out(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the finished model")
    sub.add_argument("--seed", type=int, default=0, metavar="N", help="decides everything random (default: 0)")


def _pretrain(options: argparse.Namespace) -> int:
    # Here and below, inside the functions: torch takes seconds to import, and `problems` needs none of it.
    from backend.lab.lab_model import hide_progress  # noqa: PLC0415
    from backend.lab.pretrain import pretrain  # noqa: PLC0415

    hide_progress()
    pretrain(options.out, seed=options.seed, steps=options.steps, smoke=options.smoke, on_progress=_show)
    print(f"The model is in {options.out}.")
    return 0


def _sft(options: argparse.Namespace) -> int:
    from backend.lab.finetune import sft  # noqa: PLC0415
    from backend.lab.lab_model import hide_progress  # noqa: PLC0415

    hide_progress()
    sft(options.base, options.out, guided=options.guided, seed=options.seed, on_progress=_show)
    print(f"The model is in {options.out}.")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from backend.lab.evaluate import evaluate  # noqa: PLC0415
    from backend.lab.lab_model import hide_progress  # noqa: PLC0415

    hide_progress()
    opening = f"<think>\n{options.opening}" if options.opening else ""
    figures = evaluate(
        options.model, options.set, context=options.context, samples=options.samples, opening=opening
    )  # fmt: skip
    accuracy, tokens, cues = _interval(figures.accuracy, 100, " %"), _interval(figures.tokens), _interval(figures.cues)
    print(f"accuracy {accuracy}, tokens {tokens}, cues {cues}")
    return 0


def _problems(options: argparse.Namespace) -> int:
    problems = problem_set(options.set)
    if options.jsonl is None:
        for problem in problems:
            print(f"{problem.question}  {problem.gold}  ({problem.difficulty})")
        return 0
    lines = [json.dumps(dataclasses.asdict(problem)) + "\n" for problem in problems]
    options.jsonl.write_text("".join(lines), encoding="utf-8")
    print(f"{len(problems)} problems are in {options.jsonl}.")
    return 0


def _show(progress: PretrainProgress) -> None:
    if progress.step % 20 and progress.step != progress.steps:
        return
    losses = f"loss {progress.loss:.3f}" + f", verdicts {progress.verdict_loss:.3f}" * bool(progress.verdict_loss)
    speed = f"{progress.tokens:,} tokens, {progress.tokens_per_second:,.0f} a second"
    print(f"step {progress.step}/{progress.steps}: {losses}, {speed}, {progress.seconds_left:,.0f} s left", flush=True)


def _interval(estimate: Estimate, times: float = 1, unit: str = "") -> str:
    if estimate.low is None or estimate.high is None:
        return f"{times * estimate.value:.1f}{unit}"
    return f"{times * estimate.value:.1f}{unit} [{times * estimate.low:.1f}, {times * estimate.high:.1f}]"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the lab's actions on their own, for `python -m backend.cli.lab`."""
    parser = argparse.ArgumentParser(prog="python -m backend.cli.lab", description="The lab of Second Thoughts.")
    _add_actions(parser)
    try:
        return _run(parser.parse_args(argv))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
