"""The verbs that make things: evaluate, score, models, jobs, worker, lab.

Owns their options, and how a job is followed in a terminal. Knows nothing of how anything is done.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from backend.cli import lab as lab_cli
from backend.config import ROOT, Settings
from backend.domain import GRADERS, Context, Job, JobKind, JobState, Model, UserError, visible
from backend.engines.protocol import Decoding
from backend.measure.bootstrap import Estimate
from backend.services import Services
from backend.services.generation.presets import demo_specs
from backend.services.generation.specs import GenerationSpec, RunArm, ScoreSpec
from backend.services.jobs import environment
from backend.services.traces.runs import RunSummary

Verb = Callable[[str, object, str], argparse.ArgumentParser]


def add_verbs(verb: Verb) -> None:
    """Add the verbs to the parser behind `verb`."""
    sub = verb("evaluate", _evaluate, "Have a model answer a problem set; the traces land in the store as a run.")
    _add_decoding(sub)
    sub = verb("score", _score, "Read a run's traces with a model and store every token's log-probability.")
    sub.add_argument("run_id", metavar="RUN")
    sub.add_argument("--model", required=True, metavar="MODEL", help="a model's name or id")
    sub.add_argument("--context", type=Context, default=Context.NONE, choices=list(Context), metavar="CONTEXT")
    sub.add_argument("--top", type=int, default=5, metavar="K", help="alternatives kept a token (default: 5)")
    sub.add_argument("--limit", type=int, metavar="N", help="only the first N traces")
    sub = verb("models", _models, "List the models, or add, rename or remove one.")
    sub.add_argument("action", nargs="?", choices=["add", "rename", "remove"], metavar="add | rename | remove")
    sub.add_argument("what", nargs="*", metavar="FOLDER, URL, HUB NAME or MODEL")
    sub.add_argument("--name", default="", help="what it is called here")
    sub.add_argument("--parent", metavar="MODEL", help="what it was trained from")
    sub.add_argument("--served", default="", metavar="NAME", help="of an address: what the server calls the model")
    sub.add_argument("--key", default="", metavar="VARIABLE", help="of an address: the variable that holds its key")
    sub.add_argument("--json", action="store_true", help="one JSON object a model")
    sub = verb("jobs", _jobs, "List jobs, or cancel one, or do a failed one again.")
    sub.add_argument("action", nargs="?", choices=["cancel", "retry", "log"], metavar="cancel | retry | log")
    sub.add_argument("job", nargs="?", metavar="JOB")
    sub = verb("demo", _demo, "Bring the shipped demo runs, take them out, or make them anew to ship.")
    sub.add_argument("action", choices=["bring", "remove", "make"], metavar="bring | remove | make")
    sub = verb("worker", _worker, "Do the store's jobs until stopped.")
    sub.set_defaults(bare=True)
    sub.add_argument("--once", action="store_true", help="end when no job is left")
    sub = verb("lab", _lab, "Make and measure the lab's small models.")
    sub.set_defaults(bare=True)
    lab_cli.add_verbs(sub)


def _add_decoding(sub: argparse.ArgumentParser) -> None:
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
            print(json.dumps(row, ensure_ascii=False) if options.json else f"{row['id']}  {visible(summary.run.label)}")
    return 0 if job.state is JobState.DONE else 2


def model_named(services: Services, named: str) -> Model:
    """A registered model; a folder that isn't one yet is entered."""
    folder = Path(named).expanduser()
    if not any(named in (info.model.id, info.model.name) for info in services.models.all()) and (
        folder.is_dir() or "/" in named
    ):
        known = {info.model.location: info.model for info in services.models.all()}
        return known.get(str(folder.resolve())) or services.models.add_folder(folder)
    return services.models.get(named)


def _score(services: Services, options: argparse.Namespace) -> int:
    model = model_named(services, options.model)
    spec = ScoreSpec(options.run_id, model.id, options.context, options.top, options.limit)
    job = follow(services, services.scores.submit(spec), options.settings)
    print(f"scored  {job.result.get('scored', 0):,} traces of {options.run_id}")
    return 0 if job.state is JobState.DONE else 2


def follow(services: Services, job: Job, settings: Settings) -> Job:
    """Wait for a job, saying on stderr how far it is; without a worker, one is started for as long as there is work.

    Ctrl-C cancels the job. Raises UserError with its reason where it failed.
    """
    helper = None if services.jobs.worker_at_work() else _worker_once(settings)
    try:
        _wait(services, job, helper)
    except KeyboardInterrupt:
        services.jobs.cancel(job.id)
        _wait(services, job, helper)
        print("Cancelled. What was finished is stored.", file=sys.stderr)
    finally:
        if helper:
            helper.wait()
    job = services.jobs.get(job.id)
    if job.state is JobState.FAILED:
        raise UserError(job.error)
    return job


def _worker_once(settings: Settings) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "backend.worker", "--once"]
    return subprocess.Popen(command, cwd=ROOT, env=environment(settings), stdout=subprocess.DEVNULL)  # noqa: S603


def _wait(services: Services, job: Job, helper: subprocess.Popen[bytes] | None) -> None:
    shown = ""
    while not (job := services.jobs.get(job.id)).state.final:
        if helper and helper.poll() is not None and not services.jobs.get(job.id).state.final:
            raise UserError(f"The worker ended with {helper.returncode} before the job did; `jobs log {job.id}` tells.")
        left = f", {job.seconds_left:,.0f} s left" if job.seconds_left else ""
        line = f"{job.state}  {job.done:,} of {job.total:,} {job.unit}{left}  {visible(job.message)}".rstrip()
        if line != shown:
            print(line, file=sys.stderr, flush=True)
            shown = line
        time.sleep(0.5)


def _models(services: Services, options: argparse.Namespace) -> None:
    if options.action is None:
        for info in services.models.all():
            row = dataclasses.asdict(info.model) | {"parent_name": info.parent_name, "ready": info.ready}
            line = f"{info.model.id}  {visible(info.model.name, 40):40} {info.model.kind:12} {info.why or 'ready'}"
            print(json.dumps(row, ensure_ascii=False) if options.json else line)
        return
    count = 2 if options.action == "rename" else 1
    if len(options.what) != count:
        wanted = "a model and its new name" if options.action == "rename" else "one folder, address, hub name or model"
        raise UserError(f"`models {options.action}` takes {wanted}.")
    what = options.what[0]
    if options.action == "rename":
        services.models.rename(services.models.get(what).id, options.what[1])
    elif options.action == "remove":
        print(f"removed  {visible(services.models.remove(what).name)}; its files and runs stay")
    else:
        added = _added(services, what, options)
        print(f"added  {added.id}  {visible(added.name)}")


def _added(services: Services, what: str, options: argparse.Namespace) -> Model:
    parent = services.models.get(options.parent).id if options.parent else None
    if what.startswith(("http://", "https://")):
        return services.models.add_endpoint(what, options.served, options.key, options.name, parent)
    if Path(what).expanduser().exists() or what.startswith((".", "/", "~")):
        return services.models.add_folder(Path(what), options.name, parent)
    return services.models.add_hub(what, options.name, parent)


def _jobs(services: Services, options: argparse.Namespace) -> None:
    if options.action and not options.job:
        raise UserError(f"`jobs {options.action}` takes the job's id; `jobs` lists them.")
    if options.action == "cancel":
        print(f"{services.jobs.cancel(options.job).state}  {options.job}")
    elif options.action == "retry":
        print(f"queued  {services.jobs.retry(options.job).id}")
    elif options.action == "log":
        for line in services.jobs.lines(services.jobs.get(options.job).id):
            print(f"{line.at}  {line.level:5}  {line.text}")
    else:
        print(services.jobs.worker().sentence, file=sys.stderr)
        for job in services.jobs.all():
            print(f"{job.id}  {job.state:10} {job.done:>6,} of {job.total:<6,} {visible(job.title, 80)}  {job.error}")


def _demo(services: Services, options: argparse.Namespace) -> None:
    if options.action == "bring":
        print(f"brought  {len(services.demo.restore())} runs")
    elif options.action == "remove":
        print(f"removed  {services.demo.remove()} runs")
    else:
        models = {info.model.name: info.model.id for info in services.models.all()}
        jobs = [services.generation.submit(spec, kind=JobKind.EVALUATE) for spec in demo_specs(models)]
        runs = [run for job in jobs for run in follow(services, job, options.settings).result["runs"]]
        print(f"wrote  {len(runs)} runs, {services.demo.ship(runs):,} bytes, to {options.settings.lab / 'demo'}")
        figures = {summary.run.id: summary for summary in services.runs.summaries("kim2026")}
        print("\n".join(_table_row(figures[run]) for run in runs))


def _table_row(summary: RunSummary) -> str:
    """A run's line of the table in the lab's README."""
    info = summary.run.info
    condition = info.context.value + (f"; {info.variant}" if info.variant else "")
    right = summary.accuracy[GRADERS[0]]
    cells = [
        *(f"`{info.model}`", f"`{info.dataset}`", condition),
        _with_ends(right, 100, 1) if right else "-",
        _with_ends(summary.cues, 1, 2),
        _with_ends(summary.length, 1, 0),
    ]
    return f"| {' | '.join(cells)} |"


def _with_ends(estimate: Estimate, times: int, places: int) -> str:
    values = (estimate.value, estimate.low or 0.0, estimate.high or 0.0)
    value, low, high = (f"{abs(times * v) if abs(v) < 1e-9 else times * v:.{places}f}" for v in values)
    return f"{value} [{low}, {high}]"


def _worker(options: argparse.Namespace) -> int:
    from backend.worker.main import configure_logging, run_worker  # noqa: PLC0415 - other verbs need no job queue

    configure_logging()
    return run_worker(options.settings, once=options.once)


def _lab(options: argparse.Namespace) -> int:
    return lab_cli.run(options)
