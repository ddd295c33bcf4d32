"""The verb `reproduce`: the paper's experiments, and what they say of its claims."""

import argparse
import json
import os
import sys
from collections import Counter
from typing import Any

from backend.cli.job_follower import follow
from backend.cli.verb import AddVerb
from backend.domain import visible
from backend.job import Job, JobState
from backend.services import Services, build_services
from backend.services.reproduction.claims import ClauseResult
from backend.services.reproduction.cost import total
from backend.services.reproduction.recipes.catalogue import scale_of
from backend.services.reproduction.recipes.recipe import ReproductionScale
from backend.services.reproduction.reproducer import MOST_LAB_PROCESSES, PlannedPart, ReproductionSpec
from backend.services.reproduction.results import SHIPPED, Results, load_shipped

_SEEDS = 3


def add_verb(verb: AddVerb) -> None:
    """Add the verb to the parser behind `verb`."""
    sub = verb("reproduce", _reproduce, "Carry out the paper's experiments, and say which of its claims hold here.")
    sub.set_defaults(bare=True)
    sub.add_argument("--scale", default=ReproductionScale.LAB.value, metavar="SCALE", help="lab (default) or paper")
    sub.add_argument("--only", nargs="+", default=[], metavar="KEY", help="only these recipes, or parts of them")
    seeds = sub.add_mutually_exclusive_group()
    seeds.add_argument("--seeds", type=int, metavar="N", help=f"the seeds 0 to N - 1 (default: {_SEEDS})")
    seeds.add_argument("--seed", type=int, action="append", metavar="K", help="this seed; may be given several times")
    sub.add_argument("--processes", type=int, metavar="N", help="parts trained at once (default: cores, at most 2)")
    sub.add_argument("--dry-run", action="store_true", help="say what would be done and what it takes; train nothing")
    sub.add_argument("--shipped", action="store_true", help="print the results that are shipped; train nothing")
    sub.add_argument("--ship", action="store_true", help="of lab scale: put the results among what is shipped")
    sub.add_argument("--json", action="store_true", help="one JSON object")


def _reproduce(options: argparse.Namespace) -> int:
    scale = scale_of(options.scale)
    # Before a store is opened: what is shipped is shown on a machine that has none and can write none.
    if options.shipped:
        shipped = load_shipped(options.settings.lab / SHIPPED)
        if shipped.scale is scale:
            _print_claims(shipped, options.json)
            return 0
        print(f"The shipped results are of {shipped.scale} scale; of {scale} scale there are none.", file=sys.stderr)
        return 2
    with build_services(options.settings) as services:
        spec = _spec(scale, options)
        if options.dry_run:
            _print_plan(services.reproduction.plan(spec), options.json)
            return 0
        return _carry_out(services, spec, options)


def _spec(scale: ReproductionScale, options: argparse.Namespace) -> ReproductionSpec:
    seeds = options.seed or range(_SEEDS if options.seeds is None else options.seeds)
    processes = options.processes
    if processes is None:
        processes = min(os.cpu_count() or 1, MOST_LAB_PROCESSES) if scale is ReproductionScale.LAB else 1
    return ReproductionSpec(scale, tuple(seeds), tuple(options.only), processes)


def _carry_out(services: Services, spec: ReproductionSpec, options: argparse.Namespace) -> int:
    """Train what is missing, then say what all there is comes to."""
    job: Job | None = None
    if services.reproduction.missing(spec):
        job = follow(services, services.reproduction.submit(spec), options.settings)
    _print_claims(services.reproduction.stored(spec.scale), options.json)
    if options.ship:
        services.demo.ship_answers(services.reproduction.worth_shipping())
        shipped = services.reproduction.ship() + services.reports.ship_numbers()
        print(f"shipped  {shipped:,} bytes of results", file=sys.stderr)
    failed = job.result.get("failed", ()) if job else ()
    for sentence in failed:
        print(f"Not finished: {visible(sentence)}", file=sys.stderr)
    return 2 if failed or (job and job.state is not JobState.DONE) else 0


def _print_claims(results: Results, as_json: bool) -> None:
    if as_json:
        print(json.dumps(results.table(), ensure_ascii=False))
        return
    for claim in results.claims:
        built_in = "  (built in here: the base's training corpus has it)" if claim.built_in else ""
        print(f"{claim.number}. {claim.claim} (section {claim.section}): {claim.verdict}{built_in}")
        for clause in claim.clauses:
            print(f"   {_row(clause)}")
    counts = Counter(claim.verdict for claim in results.claims)
    tally = "; ".join(f"{count} {verdict}" for verdict, count in counts.items())
    print(f"{tally}.  Commit {results.commit or 'unknown'}, lexicon {results.lexicon}.")


def _row(clause: ClauseResult) -> str:
    """A clause's line: effect, interval, how many problems and seeds, verdict."""
    if clause.effect is None:
        return f"{clause.clause}: no runs"
    ends = "no interval" if clause.low is None else f"[{clause.low:+.1f}, {clause.high:+.1f}]"
    counted = f"{clause.n:,} problems, {len(clause.seeds)} seed{'' if len(clause.seeds) == 1 else 's'}"
    return f"{clause.clause}: {clause.effect:+.1f} {clause.unit} {ends}, {counted}: {clause.verdict}"


def _print_plan(planned: list[PlannedPart], as_json: bool) -> None:
    rows = [_as_json(one) for one in planned]
    whole = total([one.cost for one in planned])
    if as_json:
        print(json.dumps({"parts": rows, "total": _cost(whole)}, ensure_ascii=False))
        return
    for one, row in zip(planned, rows, strict=True):
        print(f"{row['part']}, seed {row['seed']}: {one.part.title}{f' ({one.state})' if one.state else ''}")
        print(f"   {row['model']} on {row['data']}, {row['method']}, {row['steps']} steps")
        differs = ", ".join(f"{name} {ours} (paper’s main run: {theirs})" for name, theirs, ours in one.differs)
        if row["steps"]:
            print(f"   settings: {differs or 'those of the paper’s main run'}")
        if one.part.note:
            print(f"   not as in the paper: {one.part.note}")
        print(f"   {_tokens(row)}; about {one.cost.duration}")
    print(f"{len(rows)} parts: {_tokens(_cost(whole))}; about {whole.duration}")


def _tokens(row: dict[str, Any]) -> str:
    return (
        f"{row['rollout_tokens']:,} tokens of rollouts, {row['evaluation_tokens']:,} of evaluations, "
        f"{row['trained_tokens']:,} learned from"
    )


def _cost(cost: Any) -> dict[str, Any]:
    names = ("rollout_tokens", "evaluation_tokens", "trained_tokens", "teacher_tokens", "gpu_hours", "cpu_minutes")
    return {name: getattr(cost, name) for name in names}


def _as_json(one: PlannedPart) -> dict[str, Any]:
    spec = one.part.spec
    size = "" if spec.size is None else f", {spec.size} problems"
    return {
        "part": one.part.key,
        "recipe": one.part.recipe,
        "seed": spec.settings.seed,
        "model": one.model,
        "data": f"{spec.problem_set}{size}" if spec.problem_set else "evaluations alone",
        "method": spec.what,
        "steps": spec.settings.steps,
        "differs": [{"setting": name, "paper": theirs, "here": ours} for name, theirs, ours in one.differs],
        "note": one.part.note,
        "state": one.state,
        **_cost(one.cost),
    }
