"""The verb `evaluate`: a model answers a problem set, and the traces become runs of the store."""

import argparse
import json
import sys
from typing import Final

from backend.cli.job_follower import follow
from backend.cli.models import model_named
from backend.cli.runs import run_line
from backend.cli.verb import AddVerb
from backend.domain import Context
from backend.engines.protocol import Decoding
from backend.job import JobKind, JobState
from backend.services import Services
from backend.services.generation.specs import GenerationSpec, RunArm

# The exit code of an evaluation that is done but lacks some responses: a script must not take it for whole.
RESPONSES_LOST: Final = 4


def add_verb(verb: AddVerb) -> None:
    """Add the verb to the parser behind `verb`."""
    sub = verb("evaluate", _evaluate, "Have a model answer a problem set; the traces land in the store as a run.")
    standard = Decoding()
    sub.add_argument("--model", required=True, metavar="MODEL", help="a model's name or id, or a folder")
    sub.add_argument("--problems", required=True, metavar="SET", help="a problem set: lab-cd3-test, or an imported one")
    sub.add_argument("--samples", type=int, default=1, metavar="K", help="responses a problem (default: 1)")
    sub.add_argument("--limit", type=int, metavar="N", help="only the first N problems")
    sub.add_argument("--context", action="append", type=Context, choices=list(Context), metavar="CONTEXT",
                     help="what it is shown beside the problem; may be given several times")  # fmt: skip
    sub.add_argument("--temperature", type=float, default=standard.temperature, metavar="T", help="0 is greedy")
    sub.add_argument("--top-p", type=float, default=standard.top_p, metavar="P")
    sub.add_argument("--top-k", type=int, default=standard.top_k, metavar="K")
    sub.add_argument("--max-tokens", type=int, default=standard.max_tokens, metavar="N", help="longest response")
    sub.add_argument("--seed", type=int, default=standard.seed, metavar="N")
    sub.add_argument("--first", default="", metavar="WORDS", help="words put in its mouth as the first of its thinking")
    sub.add_argument("--hush", default="", metavar="LEXICON", help="a lexicon whose words it can't say")
    sub.add_argument("--engine", default="auto", metavar="ENGINE", help="auto, transformers, vllm or openai")
    sub.add_argument("--logprobs", action="store_true", help="keep every token's log-probability and entropy")
    sub.add_argument("--json", action="store_true", help="print the runs as `runs --json` does")


def _evaluate(services: Services, options: argparse.Namespace) -> int:
    model = model_named(services, options.model)
    label = f"first word {options.first}" if options.first else ""
    contexts = options.context or [Context.NONE]
    spec = GenerationSpec(
        arms=tuple(RunArm(model.id, context, options.first, options.hush, label) for context in contexts),
        problem_set=options.problems,
        limit=options.limit,
        samples=options.samples,
        decoding=Decoding(
            temperature=options.temperature,
            top_p=options.top_p,
            top_k=options.top_k,
            max_tokens=options.max_tokens,
            seed=options.seed,
        ),
        logprobs=options.logprobs,
        engine=options.engine,
    )
    job = follow(services, services.generation.submit(spec, kind=JobKind.EVALUATE), options.settings)
    densities = services.runs.densities()
    for summary in services.runs.summaries():
        if summary.run.id in job.result.get("runs", ()):
            row = services.runs.as_json(summary, densities[summary.run.id])
            print(json.dumps(row, ensure_ascii=False) if options.json else run_line(row, summary.run))
    if not job.result.get("failed"):
        return 0 if job.state is JobState.DONE else 2
    print("\n".join([job.result["reason"], *job.result["reasons"]]), file=sys.stderr)
    print(f"`python -m backend jobs retry {job.id}` asks for those that failed once more.", file=sys.stderr)
    return RESPONSES_LOST
