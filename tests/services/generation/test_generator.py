"""Making traces through the use cases, with a real engine on a tiny model: runs, lineage, resuming, contexts, forks, scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.config import Settings
from backend.domain import Context, UserError
from backend.engines.factory import open_engine
from backend.engines.protocol import Decoding, Done, Engine, Family
from backend.job import Job, JobKind, JobState, Lane
from backend.services import Services, build_services
from backend.services.generation.specs import ForkPoint, GenerationSpec, Question, RunArm, ScoreSpec
from backend.services.jobs import JobCancelled, JobProgress

SHORT = Decoding(temperature=1.0, max_tokens=24, seed=3)
THREE = tuple(Question(f"Use {n}, 4, 5 to make 9.", "(8 - 4) + 5" if n == 8 else None) for n in (8, 7, 6))


class Opened:
    """Engines opened once for this module's tests."""

    def __init__(self) -> None:
        self.engines: dict[tuple[Any, ...], Engine] = {}

    def __call__(self, family: Family, kind: str) -> Engine:
        key = (family.base.location, *(adapter.location for adapter in family.adapters))
        if key not in self.engines:
            self.engines[key] = open_engine(family, kind)
        return self.engines[key]


@pytest.fixture(scope="module")
def engines() -> Iterator[Opened]:
    opened = Opened()
    yield opened
    for engine in opened.engines.values():
        engine.close()


@pytest.fixture
def work(settings: Settings, tiny_model: Path, tmp_path: Path) -> Iterator[Services]:
    """A store that knows the tiny model, and no shipped ones."""
    with build_services(Settings(store=settings.store, lab=tmp_path / "no-lab", graders=1)) as services:
        services.models.add_folder(tiny_model, "tiny")
        yield services


def begin(services: Services, job: Job) -> tuple[Job, JobProgress]:
    assert services.store.jobs.take(job.id, "test")
    return job, JobProgress(services.store.jobs, job)


def carry_out(services: Services, spec: GenerationSpec, engines: Opened) -> dict[str, Any]:
    job, progress = begin(services, services.generation.submit(spec))
    return services.generation.carry_out(job, engines, progress)


def test_a_job_becomes_whole_runs_with_lineage(work: Services, engines: Opened, tiny_adapter: Path) -> None:
    base = work.models.get("tiny")
    adapter = work.models.add_folder(tiny_adapter, "tiny-lora")
    assert (adapter.base, adapter.parent) == (base.id, base.id)
    spec = GenerationSpec(
        (RunArm(base.id), RunArm(adapter.id)), questions=THREE, samples=2, decoding=SHORT, logprobs=True
    )
    job = work.generation.submit(spec, title="both")
    assert (job.lane, job.state) == (Lane.BATCH, JobState.QUEUED)
    result = work.generation.carry_out(*begin(work, job)[:1], engines, JobProgress(work.store.jobs, job))
    runs = [work.runs.get(run) for run in result["runs"]]
    assert [(r.info.model, r.info.parent, r.problems, r.traces) for r in runs] == [
        ("tiny", None, 3, 6), ("tiny-lora", "tiny", 3, 6)]  # fmt: skip
    assert {r.info.tokenizer for r in runs} != {None} and len({r.info.tokenizer for r in runs}) == 1
    assert all((r.info.job, r.info.planned, r.length_unit) == (job.id, None, "tokens") for r in runs)
    assert [(p.base.id, p.variant.id) for p in work.runs.pairs()] == [(runs[0].id, runs[1].id)]
    rows = work.store.queries.per_trace([runs[0].id], work.lexicons.get("kim2026").id)
    assert len({(row["problem_id"], row["sample"]) for row in rows}) == len(rows) == 6
    for row in rows:
        trace = work.traces.open(row["trace_id"], work.lexicons.get("kim2026").id)
        assert trace.prompt.endswith("<|im_start|>assistant\n") and trace.question in trace.prompt
        tokens = work.store.queries.tokens(trace.id)[0]
        assert tokens["generated"] and len(tokens["ids"]) == trace.tokens
        spans = zip(tokens["starts"], tokens["ends"], strict=True)
        assert "".join(trace.text[start:end] for start, end in spans) == trace.text
        assert all(value <= 0 for value in tokens["logprobs"])
    said = [item.payload for item in work.jobs.stream(job.id)]
    assert said[0]["k"] == "plan" and sum(item["k"] == "done" for item in said) == 12
    assert not work.store.streams.kept(job.id)


def test_arms_draw_with_the_same_seeds(work: Services, engines: Opened) -> None:
    """Two arms that ask for the same get the same, and so does the job done again."""
    model = work.models.get("tiny").id
    spec = GenerationSpec((RunArm(model), RunArm(model, label="again")), questions=THREE, decoding=SHORT)
    texts = [texts_of(work, run) for _ in range(2) for run in carry_out(work, spec, engines)["runs"]]
    assert texts[0] == texts[1] == texts[2] == texts[3] and len(set(texts[0])) > 1


def texts_of(services: Services, run: str) -> list[str]:
    return [row["text"] for row in services.store.queries.texts(run)]


@pytest.mark.parametrize("after", [1, 7, 25])
def test_a_broken_job_goes_on_where_it_was(work: Services, engines: Opened, after: int) -> None:
    spec = GenerationSpec((RunArm(work.models.get("tiny").id),), questions=THREE, samples=3, decoding=SHORT)
    whole = texts_of(work, carry_out(work, spec, engines)["runs"][0])
    job, progress = begin(work, work.generation.submit(spec))

    class Breaking:
        def __init__(self, engine: Engine) -> None:
            self.engine = engine

        def __getattr__(self, name: str) -> Any:
            return getattr(self.engine, name)

        def generate(self, *args: Any) -> Iterator[Any]:
            for i, event in enumerate(self.engine.generate(*args)):
                if i == after:
                    raise RuntimeError("killed")
                yield event

    with pytest.raises(RuntimeError):
        work.generation.carry_out(job, lambda family, kind: Breaking(engines(family, kind)), progress)
    kept = len(work.store.streams.kept(job.id))
    result = work.generation.carry_out(
        work.jobs.get(job.id), engines, JobProgress(work.store.jobs, work.jobs.get(job.id))
    )
    assert kept < 9 and texts_of(work, result["runs"][0]) == whole
    assert result == work.generation.carry_out(work.jobs.get(job.id), engines, JobProgress(work.store.jobs, job))


def test_a_cancelled_job_leaves_a_run_that_says_so(work: Services, engines: Opened) -> None:
    spec = GenerationSpec((RunArm(work.models.get("tiny").id),), questions=THREE, samples=40, decoding=SHORT)
    job, _ = begin(work, work.generation.submit(spec))

    class Stopping(JobProgress):
        def step(self, done: int, message: str = "") -> None:
            if done == 2:
                work.jobs.cancel(job.id)
                self._asked = -1.0
            super().step(done, message)

    with pytest.raises(JobCancelled) as stopped:
        work.generation.carry_out(job, engines, Stopping(work.store.jobs, job))
    run = work.runs.get(stopped.value.result["runs"][0])
    assert run.info.planned == 120 and 2 <= run.traces < 120
    assert not work.store.streams.kept(job.id)


def test_a_failing_engine_costs_nothing_that_was_finished(work: Services, engines: Opened) -> None:
    """An endpoint that goes away half-way: the job fails with its sentence, and what was made is a run that says so."""
    spec = GenerationSpec((RunArm(work.models.get("tiny").id),), questions=THREE, samples=8, decoding=SHORT)
    job, progress = begin(work, work.generation.submit(spec))

    class Leaving:
        def __init__(self, engine: Engine) -> None:
            self.engine = engine

        def __getattr__(self, name: str) -> Any:
            return getattr(self.engine, name)

        def generate(self, *args: Any) -> Iterator[Any]:
            finished = 0
            for event in self.engine.generate(*args):
                yield event
                finished += isinstance(event, Done)
                if finished == 5:
                    raise UserError("The server has gone away.")

    with pytest.raises(UserError, match="gone away"):
        work.generation.carry_out(job, lambda family, kind: Leaving(engines(family, kind)), progress)
    (run,) = work.runs.all()
    assert (run.traces, run.info.planned, run.info.job) == (5, 24, job.id)
    assert not work.store.streams.kept(job.id)


def test_a_cancelled_job_can_be_settled_without_an_engine(work: Services, engines: Opened) -> None:
    spec = GenerationSpec((RunArm(work.models.get("tiny").id),), questions=THREE, decoding=SHORT)
    job = work.generation.submit(spec)
    assert work.generation.settle(job) == {"runs": []}
    result = work.generation.carry_out(*begin(work, job)[:1], engines, JobProgress(work.store.jobs, job))
    assert work.generation.settle(job) == result


def test_contexts_show_what_they_say(work: Services, engines: Opened) -> None:
    """On a lab problem: every context's prompt, and the paper's wording around it."""
    model = work.models.get("tiny").id
    problem = work.problems.pick("lab-cd3-test", 1)
    solution = work.problems.solution(problem.question, "tiny")
    assert solution and "<think>" in solution
    spec = GenerationSpec(
        tuple(RunArm(model, c) for c in Context), questions=(Question(problem.question, problem.gold),)
    )
    shown = dict(zip(Context, work.generation.prompts(spec), strict=True))
    assert shown[Context.NONE] == problem.question
    start, end = f"{problem.question}\n\nCorrect solution: ", "\n\nCorrectly solve the original question."
    assert shown[Context.SOLUTION] == start + solution + end
    assert shown[Context.ANSWER] == start + str(problem.gold) + end
    bare = shown[Context.SOLUTION_NO_THINK].removeprefix(start).removesuffix(end)
    assert bare and "think" not in bare and solution.endswith(bare)
    assert shown[Context.PLACEBO] != shown[Context.SOLUTION] and problem.question in shown[Context.PLACEBO]
    with pytest.raises(UserError, match="there is none"):
        work.generation.prompts(
            GenerationSpec((RunArm(model, Context.SOLUTION),), questions=(Question("How far is it?"),))
        )


def test_a_regenerated_response_is_made_and_shown(services: Services, engines: Opened) -> None:
    """On the shipped base: its own guided response is what it is shown next."""
    model = services.models.get("lab-base")
    spec = GenerationSpec((RunArm(model.id, Context.REGENERATED),), problem_set="lab-cd3-test", limit=2,
                        decoding=Decoding(max_tokens=320))  # fmt: skip
    run = carry_out(services, spec, engines)["runs"][0]
    for row in services.store.queries.texts(run):
        shown = row["prompt"].partition("Correct solution: ")[2].partition("\n\nCorrectly solve")[0]
        assert shown.startswith("<think>") and "boxed{" in shown and shown not in row["text"][:10]
    assert services.runs.get(run).info.context is Context.REGENERATED


def test_a_word_in_its_mouth_and_a_fork(work: Services, engines: Opened) -> None:
    model = work.models.get("tiny").id
    voiced = GenerationSpec((RunArm(model, prefix="Maybe"),), questions=THREE[:1], decoding=SHORT, live=True)
    run = work.runs.get(carry_out(work, voiced, engines)["runs"][0])
    text = texts_of(work, run.id)[0]
    assert text.startswith("<think>\nMaybe") and run.info.sampling.prefix == "Maybe" and run.live
    parent = work.store.queries.per_trace([run.id], work.lexicons.get("doubts").id)[0]["trace_id"]
    at = text.index("Maybe") + 5
    forked = GenerationSpec(
        (RunArm(model),),
        questions=THREE[:1],
        samples=2,
        decoding=SHORT,
        live=True,
        fork=ForkPoint(parent, at, " First"),
    )
    child = work.runs.get(carry_out(work, forked, engines)["runs"][0])
    assert all(found.startswith("<think>\nMaybe First") for found in texts_of(work, child.id))
    assert [(fork.at, fork.inserted) for fork in work.store.registry.forks_of(parent)] == [(at, " First")] * 2


def test_hushed_words_are_not_said(work: Services, engines: Opened) -> None:
    model = work.models.get("tiny").id
    loud = GenerationSpec((RunArm(model), RunArm(model, hush="kim2026")), questions=THREE, samples=8, decoding=SHORT)
    job, progress = begin(work, work.generation.submit(loud))
    free, hushed = work.generation.carry_out(job, engines, progress)["runs"]
    words = ("wait", "hmm", "maybe", "perhaps", "actually", "alternatively")
    said = [sum(" ".join(texts_of(work, run)).lower().count(word) for word in words) for run in (free, hushed)]
    assert said[0] > 0 == said[1]
    plan = work.jobs.stream(job.id)[0].payload
    assert plan["arms"][0]["banned"] == [] and {"wait", "maybe"} <= {w for _, _, w in plan["arms"][1]["banned"]}
    assert work.runs.get(hushed).info.sampling.hush == work.lexicons.get("kim2026").id


def test_a_run_is_read_by_a_model(work: Services, engines: Opened) -> None:
    model = work.models.get("tiny")
    run = carry_out(work, GenerationSpec((RunArm(model.id),), questions=THREE, decoding=SHORT), engines)["runs"][0]
    spec = ScoreSpec(run, model.id, top=2)
    job, progress = begin(work, work.scores.submit(spec))
    assert work.scores.carry_out(job, engines, progress) == {"runs": [run], "scored": 3}
    assert work.scores.carry_out(job, engines, progress)["scored"] == 3
    trace = next(iter(work.store.queries.texts(run)))
    (scored,) = work.store.queries.tokens(trace["trace_id"])
    assert (scored["model"], scored["context"], scored["generated"]) == ("tiny", "none", False)
    spans = zip(scored["starts"], scored["ends"], strict=True)
    assert "".join(trace["text"][s:e] for s, e in spans) == trace["text"] and len(scored["top"][0]) == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"arms": ()}, "No model was chosen"),
        ({"samples": 0}, "samples .k. can't be 0"),
        ({"limit": 0}, "limit of problems can't be 0"),
        ({"decoding": Decoding(temperature=-1)}, "temperature can't be -1"),
        ({"decoding": Decoding(max_tokens=0)}, "most tokens of a response can't be 0"),
        ({"questions": ()}, "A job needs problems"),
        ({"questions": (), "problem_set": "nowhere"}, "There is no problem set 'nowhere'"),
        ({"questions": (Question("  "),)}, "Question 1 is empty"),
        ({"arms": (RunArm("no-such-model"),)}, "There is no model 'no-such-model'"),
        ({"arms": (RunArm("tiny", hush="shouts"),)}, "There is no lexicon called 'shouts'"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(work: Services, change: dict[str, Any], says: str) -> None:
    values = {"arms": (RunArm("tiny"),), "questions": THREE} | change
    with pytest.raises(UserError, match=says):
        work.generation.submit(GenerationSpec(**values))
    assert work.jobs.all() == []


def test_a_prompt_longer_than_the_context_is_refused(work: Services, engines: Opened) -> None:
    spec = GenerationSpec((RunArm("tiny"),), questions=(Question("Use 8, 4, 5 to make 9. " * 200),))
    job, progress = begin(work, work.generation.submit(spec))
    with pytest.raises(UserError, match=r"\d"):
        work.generation.carry_out(job, engines, progress)
    assert work.runs.all() == []


def test_specs_survive_the_ledger(work: Services) -> None:
    spec = GenerationSpec((RunArm("tiny", Context.ANSWER, "Wait", "doubts", "x"),), questions=THREE, samples=2,
                        decoding=Decoding(stop=("a",), banned=(1, 2)), fork=ForkPoint("t-00001", 3, "é"))  # fmt: skip
    job = work.jobs.submit(JobKind.GENERATE, "t", spec.to_json(), Lane.LIVE)
    assert GenerationSpec.from_json(work.jobs.get(job.id).spec) == spec
