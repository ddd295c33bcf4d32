"""The Distil page as a script: setting a training up, watching one, and what its curves are made of."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from backend.config import Settings as Store
from backend.distill.settings import Method, Remedy, Teacher, TrainingSettings
from backend.domain import Context
from backend.job import Job, JobKind, JobState, Lane
from backend.services import Services, build_services
from backend.services.jobs import JobProgress
from backend.services.training.paper_settings import paper_settings
from backend.services.training.training_specs import EvaluationSpec, TrainingSpec
from backend.store.trainings import EvaluationRow, StepRow
from pages.components.charts.picture_charts import thinned
from pages.components.jobs.job_links import page_links
from pages.parts.distil.training_curves import compare_pair, evaluation_rows, main_charts, more_charts
from pages.parts.distil.training_head import steps_csv
from pages.parts.distil.training_panes import cues_of
from pages.parts.distil.training_view import look_every, visible_lines
from pages.parts.distil.training_words import LABELS, differences, pace, state_line
from tests.pages.test_pages import forget, opened, said, sound

STAND_IN = Path(__file__).resolve().parents[1] / "services" / "training" / "training_stand_in.py"
EVALUATIONS = (EvaluationSpec("lab-cd3-test", limit=4, last_samples=1), EvaluationSpec(seen=True, limit=2))


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Services]:
    """An empty store with the shipped models, which the pages read; nobody works on its jobs."""
    forget()
    monkeypatch.setenv("SECOND_THOUGHTS_STORE", str(tmp_path / "store"))
    with build_services(Store(store=tmp_path / "store", graders=1)) as services:
        yield services
    forget()


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A store with one finished training: everything in it went the way of a real one, but nothing was learned."""
    with build_services(Store(store=tmp_path_factory.mktemp("taught") / "store", graders=1)) as services:
        services.training_runner.launch = lambda folder, _processes: [sys.executable, str(STAND_IN), str(folder)]
        job = services.trainings.submit(spec(services))
        assert services.store.jobs.take(job.id, "test")
        result = services.training_runner.carry_out(job, JobProgress(services.store.jobs, job))
        services.store.jobs.finish(job.id, JobState.DONE, result=result)
        yield services


@pytest.fixture
def shown(taught: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """The pages read the store with the finished training."""
    forget()
    monkeypatch.setenv("SECOND_THOUGHTS_STORE", str(taught.store.folder))
    yield taught
    forget()


def spec(services: Services, **changes: Any) -> TrainingSpec:
    values = {"problem_set": "lab-cd3-train", "size": 8, "evaluations": EVALUATIONS, "evaluate_every": 2}
    settings = TrainingSettings(steps=4, prompts=4)
    values |= {"checkpoint_every": 2, "name": "quick"}
    return TrainingSpec(services.models.get("lab-base").id, settings, **{**values, **changes})


def press(test: AppTest, key: str) -> AppTest:
    return sound(test.button(key=key).click().run())


def set_up(**query: str) -> AppTest:
    """The page with the form open."""
    test = opened("distil", **query)
    test.session_state["distil-own"] = True
    return sound(test.run())


def field(test: AppTest, label: str) -> Any:
    widgets = [*test.number_input, *test.selectbox, *test.multiselect, *test.checkbox, *test.segmented_control]
    return next(widget for widget in widgets if widget.label == label)


# -- setting up -------------------------------------------------------------------------------------


def test_the_first_visit_offers_presets_and_one_press_begins(lab: Services) -> None:
    test = opened("distil")
    cards = [button for button in test.button if (button.key or "").startswith("distil-preset-")]
    assert cards[0].label.startswith("**Lose the doubts**") and len(cards) == len(lab.trainings.presets()) > 4
    assert "No model was taught here yet" in said(test)
    press(test, "distil-preset-lose")
    [info] = lab.trainings.all()
    assert test.query_params["training"] == info.training.id
    assert info.spec == lab.trainings.presets()[0].spec
    assert "next in the queue · no worker is running" in said(test) and "The base answers first" in said(test)


def test_pause_cancel_and_resume_are_wishes_a_worker_heeds(lab: Services) -> None:
    job = lab.trainings.submit(spec(lab))
    training = str(job.spec["training"])
    lab.store.jobs.take(job.id, "tester")
    lab.store.trainings.put_step(training, 0, {"score": 0.5, "length": 10.0, "tokens": 40})
    lab.store.trainings.put_step(training, 1, {"score": 0.5, "length": 10.0, "tokens": 40, "seconds": 2.0})
    test = opened("distil", training=training)
    assert "step 1 of 4 · 2.0 s a step · stands still until a worker is there" in said(test)
    assert "distil-compare" not in {button.key for button in test.button}, "nothing to compare yet"
    press(test, "distil-pause")
    assert lab.store.trainings.get(training).wish == "pause" and "saves and pauses after this step" in said(test)
    assert test.button(key="distil-pause").disabled
    press(test, "distil-cancel")
    assert lab.jobs.get(job.id).state is JobState.CANCELLING
    lab.store.jobs.finish(job.id, JobState.CANCELLED)
    lab.store.trainings.end(training, "cancelled")
    test = opened("distil", training=training)
    assert "cancelled · step 1 of 4" in said(test)
    press(test, "distil-resume")
    assert [one.state for one in lab.jobs.all()] == [JobState.QUEUED, JobState.CANCELLED]
    assert lab.store.trainings.get(training).wish == ""


def test_the_form_starts_what_it_says(lab: Services) -> None:
    test = set_up()
    sound(field(test, "Problems |D|").set_value(8).run())
    sound(field(test, "Steps").set_value(4).run())
    sound(field(test, "Teacher").set_value(Teacher.EMA).run())
    sound(field(test, "Divergence").set_value(1.0).run())
    sound(field(test, "Remedy").set_value(Remedy.CLIP).run())
    sound(field(test, "Problems of each").set_value(6).run())
    assert {"What a moving teacher takes a step", "Most a token counts, nats"} <= {n.label for n in test.number_input}
    assert not test.button(key="distil-start").disabled
    press(test, "distil-start")
    [info] = lab.trainings.all()
    settings = info.spec.settings
    assert (settings.steps, settings.teacher, settings.alpha, settings.remedy) == (4, Teacher.EMA, 1.0, Remedy.CLIP)
    assert (info.spec.size, info.spec.evaluations[0].limit, info.spec.preset) == (8, 6, "")


def test_a_method_brings_the_contexts_it_can_have(lab: Services) -> None:
    test = set_up()
    assert Context.NONE not in field(test, "The teacher sees").options
    sound(test.segmented_control(key="distil-method-0").set_value(Method.GRPO).run())
    labels = {widget.label for widget in [*test.selectbox, *test.number_input]}
    assert (
        not labels & {"The teacher sees", "Teacher", "Divergence", "Remedy"} and "GRPO’s ratio, room above 1" in labels
    )
    assert (field(test, "Rollouts a problem").value, field(test, "Problems a step").value) == (8, 4)
    assert not test.button(key="distil-start").disabled
    sound(test.segmented_control(key="distil-method-1").set_value(Method.SFT).run())
    assert len(field(test, "The writer sees").options) == len(Context)


def test_what_cannot_be_trained_is_said_beside_the_button(lab: Services, tmp_path: Path) -> None:
    rows = [{"problem": f"How many is {n} and {n}?", "answer": str(2 * n)} for n in range(5)]
    (tmp_path / "riddles.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (outcome,) = lab.imports.run([tmp_path / "riddles.jsonl"])
    assert outcome.problem_set
    test = set_up()
    sound(field(test, "Updates a step").set_value(5).run())
    assert "32 rollouts can't be shared out evenly among 5 updates." in said(test)
    assert test.button(key="distil-start").disabled
    sound(field(test, "Updates a step").set_value(4).run())
    assert not test.button(key="distil-start").disabled
    sound(field(test, "Problem set").set_value(lab.problems.sets()[-1].name).run())
    assert "5 of the 5 problems lack one" in said(test) and test.button(key="distil-start").disabled
    assert lab.trainings.all() == [] == lab.jobs.all()


def test_models_that_cannot_be_trained_from_are_not_offered(lab: Services) -> None:
    lab.models.add_endpoint("http://127.0.0.1:9/v1", "m", name="far away")
    assert "far away" not in field(set_up(), "Base model").options


def test_the_papers_settings_can_be_taken(lab: Services) -> None:
    test = set_up()
    sound(next(b for b in test.button if b.label == "Take the paper’s settings").click().run())
    paper, _ = paper_settings(TrainingSettings())
    assert (
        (field(test, "Problems a step").value, field(test, "Steps").value) == (paper.prompts, paper.steps) != (32, 50)
    )


def test_a_store_without_models_says_what_a_training_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget()
    monkeypatch.setenv("SECOND_THOUGHTS_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("SECOND_THOUGHTS_LAB", str(tmp_path / "lab"))
    test = opened("distil")
    assert test.button(key="distil-start").disabled and "distil-preset-lose" not in {b.key for b in test.button}
    assert "No model here can be trained from" in said(test)
    forget()


# -- what differs from the paper --------------------------------------------------------------------


def test_differences_from_the_paper_name_both_values() -> None:
    ours = TrainingSettings(method=Method.SDFT, learning_rate=2e-4, lora_rank=8, lora_alpha=16, alpha=1.0)
    paper, _ = paper_settings(ours)
    found = {name: (theirs, here) for name, theirs, here in differences(ours, paper)}
    assert found["Steps"] == (f"{paper.steps}", "50") and found["Learning rate"] == ("1e-05", "0.0002")
    assert found["Divergence"] == ("Jensen–Shannon (JSD)", "reverse KL")
    assert found["LoRA rank"] == ("none: all weights", "8") and found["LoRA alpha"] == ("0", "16")
    assert differences(paper, paper) == []


def test_settings_without_effect_are_no_difference() -> None:
    ours = TrainingSettings(method=Method.GRPO, alpha=1.0, top_k=5, teacher_rate=0.5, prompts=1, samples=2)
    names = {name for name, *_ in differences(ours, paper_settings(ours)[0])}
    assert "Divergence" not in names and "Tokens of the divergence" not in names and "Problems a step" in names
    assert set(LABELS) == set(TrainingSettings().to_json()) - {"method", "context"}


# -- a training -------------------------------------------------------------------------------------


def test_a_finished_training_shows_all_there_is_of_it(shown: Services) -> None:
    [info] = shown.trainings.all()
    test = opened("distil", training=info.training.id)
    assert "✓ done · step 4 of 4" in said(test) and "quick" in said(test)
    assert len(test.get("plotly_chart")) == 4
    assert [slider.label for slider in test.slider] == ["Step"] and test.slider[0].max == 4
    sound(test.slider[0].set_value(3).run())
    assert "Rollouts of step 3" in [expander.label for expander in test.expander]
    for name in ("distil-more-curves", "distil-rollouts", "distil-settings", "distil-checkpoints", "distil-prompts"):
        test.session_state[name] = True
    sound(test.run())
    assert len(test.get("plotly_chart")) == 5 and "Entropy, nats a token: nothing to draw." in said(test)
    assert "Step 3: 1 of its rollouts." in said(test)
    assert "The first problem, as the model is shown it:" in said(test) and test.code[-1].value == "?"
    rows = shown.trainings.evaluations(info.training.id)
    pair = compare_pair(rows)
    assert pair and (pair[0].step, pair[1].step) == (0, 4) and test.button(key="distil-compare")


def test_the_list_leads_to_trainings(shown: Services) -> None:
    test = opened("distil")
    assert "Trainings" in [header.value for header in test.header]
    [info] = shown.trainings.all()
    test.session_state["trainings"] = {"event": {"kind": "row", "row": info.training.id}}
    sound(test.run())
    assert test.query_params["training"] == info.training.id


def test_set_up_another_fills_the_form(shown: Services) -> None:
    [info] = shown.trainings.all()
    test = press(opened("distil", training=info.training.id), "distil-again")
    assert field(test, "Steps").value == 4 and field(test, "Problems |D|").value == 8
    assert field(test, "Check on").value == ["lab-cd3-test"]


def test_jobs_and_models_lead_to_their_training(shown: Services) -> None:
    [info] = shown.trainings.all()
    (way, *_) = page_links(shown.jobs.all()[0], {}, {})
    assert (way.page, way.query) == ("distil.py", (("training", info.training.id),))
    test = opened("models", model=info.models[-1].name)
    assert test.button(key="open-training")
    assert "open-training" not in {button.key for button in opened("models", model="lab-base").button}


def test_an_unknown_training_gets_a_sentence_and_a_way_back(lab: Services) -> None:
    test = opened("distil", training="../../<b>nothing</b>")
    assert "There is no training '../../<b>nothing</b>'" in said(test)
    sound(next(button for button in test.button if button.label == "All trainings").click().run())
    assert "training" not in test.query_params


def test_a_failed_training_says_why(lab: Services) -> None:
    training = lab.trainings.start(spec(lab, name="![p](http://198.51.100.7/p)"))
    lab.store.trainings.put_step(training.id, 0, {"score": None, "length": None})
    lab.store.trainings.end(training.id, "failed", "Training diverged at step 3: the loss is nan.")
    test = opened("distil", training=training.id)
    assert "Training diverged at step 3" in said(test) and "✗ failed · step 0 of 4" in said(test)
    assert "![p](http://198.51.100.7/p)" in said(test) and not any("198.51" in m.value for m in test.markdown)
    assert "No problem was watched" in said(test) and test.button(key="distil-resume")


# -- curves -----------------------------------------------------------------------------------------


def made_up() -> tuple[list[StepRow], list[EvaluationRow]]:
    """Four steps of 10 responses, three evaluations of a set and one of the seen problems."""
    steps = [
        StepRow(at, {"score": 0.5 / (at + 1), "length": 40.0 / (at + 1), "tokens": round(10 * 40 / (at + 1)),
                     "cues": {"doubts": 4.0 - at}, "density": {"doubts": 100.0 - at}, "loss": 0.1 * at, "cue_share": 0.3,
                     "cue_tokens": 0.1, "student_entropy": 0.2})
        for at in range(4)
    ]  # fmt: skip
    figures = {"accuracy": [0.6, 0.5, 0.7, 100], "length": [41.0, 40.0, 42.0, 100], "traces": 100,
               "cues": {"doubts": [3.0, 2.0, 4.0, 100]}, "density_estimate": {"doubts": [90.0, 80.0, 99.0, 100]},
               "false_confidence": [0.01, 0.0, 0.02, 100], "finished_estimate": [1.0, 1.0, 1.0, 100]}  # fmt: skip
    rows = [EvaluationRow(at, "<b>held</b>", Context.NONE, f"run{at}", figures) for at in (0, 2, 3)]
    return steps, [*rows, EvaluationRow(0, "seen", Context.NONE, "own", {**figures, "accuracy": None})]


def test_curves_draw_every_value_with_its_interval_and_count() -> None:
    steps, rows = made_up()
    charts = main_charts(steps, rows, "doubts", 3, clustered=False)
    score = charts["score"].data
    assert [(record["step"], record["value"], record["n"]) for record in score] == [
        (at, 0.5 / (at + 1), 10) for at in range(4)
    ]
    assert (score[0]["low"], score[0]["high"]) == pytest.approx((0.2366, 0.7634), abs=1e-4)  # Wilson, 5 of 10
    cues = charts["cues"].data
    assert {record["panel"] for record in cues} == {"per 1,000 tokens", "a response"}
    assert [r["value"] for r in cues if r["panel"] == "a response" and r["n"] == 10] == [4.0, 3.0, 2.0, 1.0]
    held = [record for record in charts["accuracy"].data if record["line"] == "<b>held</b>"]
    assert [(r["step"], r["value"], r["low"], r["high"], r["n"]) for r in held] == [
        (at, 0.6, 0.5, 0.7, 100) for at in (0, 2, 3)
    ]
    assert [r["value"] for r in charts["accuracy"].data if r["line"] == "sure but wrong"] == [0.01] * 3
    assert "<b>held" not in charts["accuracy"].figure.to_json()
    clustered = main_charts(steps, rows, "doubts", 3, clustered=True)["score"].data
    assert {record["low"] for record in clustered} == {None}, "rollouts of one problem aren't independent"


def test_what_is_not_known_is_not_drawn() -> None:
    steps, _ = made_up()
    more = more_charts(steps, 3)
    assert {record["line"] for record in more["entropy"].data} == {"student"} and not more["grad"].data
    assert [record["step"] for record in more["loss"].data] == [1, 2, 3]
    assert main_charts(steps[:1], [], "other", 3, clustered=False)["cues"].data == []


def test_evaluations_lead_to_their_traces_and_to_the_base() -> None:
    _, rows = made_up()
    table = evaluation_rows(rows, "doubts", {"run0": "base & co", "run3": "step 3"})
    hrefs = {
        row.cells["step"]: [link.href for link in row.cells["links"]]
        for row in table
        if row.id.endswith(("run0", "run3"))
    }
    assert hrefs == {0: ["/browse?run=base+%26+co"], 3: ["/browse?run=step+3", "/compare?runs=run0%2Crun3"]}


def test_long_trainings_are_thinned_and_keep_their_ends() -> None:
    rows = [StepRow(at, {}) for at in range(1501)]
    drawn = thinned(rows)
    assert drawn[0].step == 0 and drawn[-1].step == 1500 and 200 < len(drawn) <= 301
    assert thinned(rows[:10]) == rows[:10]


def test_steps_as_csv_hold_every_figure() -> None:
    steps, _ = made_up()
    lines = steps_csv(steps[:2]).splitlines()
    assert lines[0].startswith("step,score,length,tokens,cues.doubts,density.doubts") and len(lines) == 3
    assert lines[1].split(",")[4:6] == ["4.0", "100.0"]


def test_cues_of_a_rollout_are_the_lexicons(lab: Services) -> None:
    text = "Maybe. Hmm, wait."
    found = cues_of(text, "doubts")
    assert [text[cue.start : cue.end] for cue in found] == ["Maybe", "Hmm", "wait"]


# -- words ------------------------------------------------------------------------------------------


def test_a_look_is_as_often_as_steps_come(shown: Services) -> None:
    [info] = shown.trainings.all()
    busy = replace(info, state="running")
    assert look_every(info, []) is None and look_every(busy, []) == 1.5
    assert look_every(busy, [StepRow(at, {"seconds": 8.0}) for at in range(5)]) == 4.0
    assert look_every(busy, [StepRow(1, {"seconds": 600.0})]) == 10.0


def test_where_a_training_stands_in_words(shown: Services) -> None:
    [info] = shown.trainings.all()
    job = Job("j", JobKind.DISTILL, "t", Lane.BATCH, {}, message="answering as it is")
    begun = replace(info, state="running", job=job, step=0)
    assert state_line(begun, 0, True, []) == "answering as it is"
    assert state_line(begun, 0, False, []) == "answering as it is · stands still until a worker is there"
    assert state_line(replace(begun, state="queued"), 2, True, []) == "waits for 2 jobs before it"
    busy = replace(job, state=JobState.RUNNING, done=2, total=4, rate=0.25)
    told = state_line(replace(begun, step=2, job=busy), 0, True, [3.0, 30.0, 3.0])
    assert told == "step 2 of 4 · 3.0 s a step · about 8 s left"
    assert pace([]) is None and pace([1.0, 9.0, 2.0]) == 2.0


def test_prompts_are_written_out_for_a_line() -> None:
    assert visible_lines("a\u202eb\nc") == "a\\u202eb\nc"
