"""The verb `score`: a model reads the traces of a run, and every token's log-probability is stored."""

import argparse

from backend.cli.job_follower import follow
from backend.cli.models import model_named
from backend.cli.verb import AddVerb
from backend.domain import Context
from backend.job import JobState
from backend.services import Services
from backend.services.generation.specs import ScoreSpec


def add_verb(verb: AddVerb) -> None:
    """Add the verb to the parser behind `verb`."""
    sub = verb("score", _score, "Read a run's traces with a model and store every token's log-probability.")
    sub.add_argument("run_id", metavar="RUN")
    sub.add_argument("--model", required=True, metavar="MODEL", help="a model's name or id")
    sub.add_argument("--context", type=Context, default=Context.NONE, choices=list(Context), metavar="CONTEXT")
    sub.add_argument("--top", type=int, default=5, metavar="K", help="alternatives kept a token (default: 5)")
    sub.add_argument("--limit", type=int, metavar="N", help="only the first N traces")


def _score(services: Services, options: argparse.Namespace) -> int:
    model = model_named(services, options.model)
    spec = ScoreSpec(options.run_id, model.id, options.context, options.top, options.limit)
    job = follow(services, services.scores.submit(spec), options.settings)
    print(f"scored  {job.result.get('scored', 0):,} traces of {options.run_id}")
    return 0 if job.state is JobState.DONE else 2
