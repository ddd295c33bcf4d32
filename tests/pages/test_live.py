"""The Live page as a script, and the stream's route and words without a browser."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from backend.config import Settings
from backend.domain import Context, problem_id
from backend.job import JobState
from backend.lexicon.entries import load_all
from backend.lexicon.matcher import Matcher
from backend.services import Services, build_services
from backend.services.generation.specs import GenerationSpec, Question, RunArm
from pages.components.live import stream_route
from pages.components.live.live_setup import new_seed
from pages.components.live.live_stream import GrowingText, StreamWriter
from tests.browser.live.live_cases import WORDS, Story, arm

ROOT = Path(__file__).resolve().parents[2]
SHELL = ROOT / "pages" / "shell.py"
LEXICONS = load_all(ROOT / "data" / "lexicons")


def forget() -> None:
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Services]:
    """A store with two models that can answer, which the pages read; nobody works on its jobs."""
    forget()
    monkeypatch.setenv("SECOND_THOUGHTS_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("SECOND_THOUGHTS_LAB", str(tmp_path / "lab"))
    monkeypatch.setenv("SECOND_THOUGHTS_DEMO", "off")
    with build_services(Settings(store=tmp_path / "store", lab=tmp_path / "lab", graders=1)) as services:
        base = services.models.add_endpoint("http://127.0.0.1:9/v1", "small", name="small-base")
        services.models.add_endpoint("http://127.0.0.1:9/v1", "sure", name="small-sure", parent=base.id)
        yield services
    forget()


def opened(**query: str) -> AppTest:
    test = AppTest.from_file(str(SHELL), default_timeout=120)
    test.run()
    for name, value in query.items():
        test.query_params[name] = value
    test.switch_page("live.py").run()
    return sound(test)


def sound(test: AppTest) -> AppTest:
    assert not test.exception, test.exception
    return test


def said(test: AppTest) -> str:
    return "\n".join(text.value for text in test.text)


def press(test: AppTest, label: str) -> AppTest:
    return sound(next(button for button in test.button if button.label == label).click().run())


def specs(services: Services) -> list[GenerationSpec]:
    """What the jobs ask for, the newest first."""
    return [GenerationSpec.from_json(job.spec) for job in services.jobs.all()]


def test_generate_queues_what_is_set_up_and_goes_there(live: Services) -> None:
    test = opened()
    models = [box for box in test.selectbox if box.label == "Model"]
    assert len(models) == 2  # a base and what was trained from it
    press(test, "Add an arm")
    box = [box for box in test.selectbox if box.label == "It sees"][2]
    sound(box.set_value(Context.ANSWER).run())
    sound([box for box in test.selectbox if box.label == "Its first word"][1].set_value("Maybe").run())
    sound(next(slider for slider in test.slider if slider.label == "Temperature").set_value(0.0).run())
    sound(next(number for number in test.number_input if number.label == "Number").set_value(7).run())
    assert live.problems.pick("lab-cd3-test", 7).question in said(test)
    press(test, "Generate")
    (spec,) = specs(live)
    base, sure = (live.models.get(name).id for name in ("small-base", "small-sure"))
    assert spec.arms == (RunArm(base), RunArm(sure, prefix="Maybe"), RunArm(sure, Context.ANSWER))
    assert [question.question for question in spec.questions] == [live.problems.pick("lab-cd3-test", 7).question]
    assert (spec.live, spec.logprobs, spec.decoding.temperature, spec.dataset) == (True, True, 0.0, "lab-cd3-test")
    assert live.jobs.all()[0].id in test.query_params["job"]
    assert "No worker is running" in said(test)
    press(test, "Cancel")
    assert live.jobs.all()[0].state is JobState.CANCELLED
    press(test, "New seed")
    assert specs(live)[0] == new_seed(spec)
    press(test, "Change")
    assert next(number for number in test.number_input if number.label == "Number").value == 7
    assert [box.value for box in test.selectbox if box.label == "Its first word"] == ["", "Maybe", ""]


def test_several_problems_of_a_set_and_a_typed_one(live: Services) -> None:
    test = opened()
    sound(next(number for number in test.number_input if number.label == "How many").set_value(20).run())
    press(test, "Generate")
    assert (specs(live)[0].problem_set, specs(live)[0].limit) == ("lab-cd3-test", 20)
    press(test, "Change")
    sound(test.segmented_control[0].set_value("typed").run())
    press(test, "Generate")
    assert "There is no problem yet: type one" in said(test)
    sound(test.text_area[0].set_value("What is 1 + 1?").run())
    press(test, "Generate")
    assert specs(live)[0].questions == (Question("What is 1 + 1?"),)


def test_other_pages_hand_over_problem_and_models(live: Services) -> None:
    problem = live.problems.pick("lab-cd3-test", 3)
    sure = live.models.get("small-sure").id
    test = opened(problem=problem_id(problem.question), models=f"{sure},nobody")
    assert problem.question in said(test)
    press(test, "Generate")
    assert [arm.model for arm in specs(live)[0].arms] == [sure]
    assert specs(live)[0].questions == (Question(problem.question, problem.gold, "lab-cd3-test"),)


def test_bad_addresses_get_a_sentence(live: Services) -> None:
    assert "There is no job 'nothing'" in said(opened(job="nothing"))
    imported = live.jobs.submit_import([ROOT / "README.md"])
    assert "This job makes no traces" in said(opened(job=imported.id))
    for query in ({"preset": "x"}, {"problem": "x"}, {"models": ",,x"}):
        assert "Generate" in [button.label for button in opened(**query).button]


def test_a_store_without_models_leads_to_them(live: Services) -> None:
    for info in live.models.all():
        live.models.remove(info.model.id)
    assert "No model here can answer yet" in said(opened())


# -- the stream -------------------------------------------------------------------------------------


def client() -> TestClient:
    return TestClient(Starlette(routes=stream_route.routes))


def items(text: str) -> list[dict[str, Any]]:
    return [item for line in text.splitlines() if line.startswith("data: ") for item in json.loads(line[6:])["items"]]


def finished(services: Services) -> Story:
    story = Story(services, [arm(), arm("b", prefix="Maybe")], number=2).begin()
    for i in range(4):
        story.open(i, prompt="asked")
        story.piece(i, *WORDS[:20])
        story.piece(i, *WORDS[20:])
        story.done(i, cues=i, tokens=len(WORDS))
    story.end()
    return story


def test_a_finished_stream_is_told_whole_and_ends(live: Services) -> None:
    job = finished(live).job.id
    answer = client().get(
        stream_route.PATH, params={"job": job, "token": stream_route.stream_token(job), "problem": "1"}
    )
    assert answer.headers["cache-control"] == "no-store" and answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = items(answer.text)
    plan = told[0]
    assert plan["focus"] == [1, 0] and [a["notes"] for a in plan["arms"]] == ["", "starts with “Maybe”"]
    texts = [item for item in told if item["k"] == "text"]
    assert [item["i"] for item in texts] == [1, 3]  # one problem's alone
    assert all(item["t"] == "".join(WORDS) and item["n"] == [len(w) for w in WORDS] for item in texts)
    marks = [item["t"][start:end] for item in texts[:1] for start, end, *_ in item["c"]]
    assert marks == ["Maybe", "Wait", "that is wrong", "Hmm", "Alternatively", "Let me check"]
    assert [item["cues"] for item in told if item["k"] == "done"] == [0, 1, 2, 3]
    assert [item["k"] for item in told[-3:]] == ["end", "job", "over"]


def test_a_resumed_stream_says_only_what_is_new(live: Services) -> None:
    job = finished(live).job.id
    seq = next(item.seq for item in live.jobs.stream(job) if item.payload["k"] == "piece")
    query = {"job": job, "token": stream_route.stream_token(job)}
    for more in ({"headers": {"Last-Event-ID": str(seq)}}, {"params": query | {"after": str(seq)}}):
        told = items(client().get(stream_route.PATH, **({"params": query} | more)).text)
        first = next(item for item in told if item["k"] == "text")
        assert first["t"] == "".join(WORDS[20:]) and first["m"] == 2
        assert not [item for item in told if item["k"] == "plan"]


def test_strangers_and_unknown_jobs_are_turned_away(live: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    job, token = finished(live).job.id, stream_route.stream_token("gone")

    def status(**query: str) -> int:
        return client().get(stream_route.PATH, params=query).status_code

    assert status(job=job) == status(job=job, token="x") == status(job=job, token=token) == 403
    assert status(job="gone", token=token) == 404
    assert status(job=job, token=stream_route.stream_token(job), lexicon="none") == 404
    monkeypatch.setattr(stream_route, "TOKEN_SECONDS", -1)
    assert status(job=job, token=stream_route.stream_token(job)) == 403


@pytest.mark.parametrize("name", LEXICONS)
def test_marks_of_a_growing_text_are_those_of_the_whole(name: str) -> None:
    matcher, pick = Matcher(LEXICONS[name]), random.Random(name)
    bits = ["Wait", "hold", " on", "\n\n", "\n", " may", "be", "let me", " check", "erboard", " not", " sure", "I'm", "İ",
            "hmm", "ight", " possible", " alternatively,", " 𝒙", "n't", "等等", " "]  # fmt: skip
    for _ in range(150):
        growing, shown, text = GrowingText(matcher), [], ""
        for _ in range(pick.randint(1, 20)):
            added = "".join(pick.choices(bits, k=2))
            text += added
            kept, new = growing.add(added)
            shown = shown[:kept] + new
            assert [(s, e, entry) for s, e, entry, _ in shown] == [
                (s, e, matcher.entry_of[form].name) for form, s, e in matcher.find(text)
            ]


def test_pieces_of_traces_that_are_not_shown_are_not_sent() -> None:
    writer = StreamWriter(Matcher(LEXICONS["doubts"]), "doubts", problem=9)
    plan = {"k": "plan", "arms": [arm()] * 6, "problems": [{"question": "q", "gold": None}] * 2, "samples": 1}
    items = writer.items([(1, plan), (2, {"k": "piece", "i": 0, "t": "no"}), (3, {"k": "piece", "i": 1, "t": "yes"})])
    assert (items[0]["focus"], len(items[0]["arms"])) == ([1, 0], 4)
    assert [item["t"] for item in items[1:]] == ["yes"]
