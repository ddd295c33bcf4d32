"""What a training reads off responses: its own right ones to learn from, cues token by token, evaluations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.distill import own_responses
from backend.distill.contexts import user_turn, without_thinking
from backend.distill.evaluator import Evaluator, Prompts
from backend.distill.reply_reader import Reader
from backend.distill.rollouts import Sampler, ends
from backend.distill.settings import Method
from backend.distill.train_plan import Evaluation, TrainingProblem
from backend.domain import Context, UserError
from tests.distill.small import LEXICONS, Event, items, plan, settings


@pytest.fixture(scope="module")
def reader(lab: tuple[Any, Any]) -> Reader:
    return Reader(lab[1], ends(*lab), str(LEXICONS))


@pytest.fixture(scope="module")
def sampler(lab: tuple[Any, Any]) -> Sampler:
    return Sampler(*lab)


def pairs(
    context: Context, sampler: Sampler, reader: Reader, of: tuple[TrainingProblem, ...], **changes: Any
) -> list[Any]:
    asked = plan(settings(Method.SFT, context=context, max_tokens=160), of, **changes)
    tokenizer = reader.tokenizer
    return own_responses.pairs(asked, sampler, reader, Prompts(tokenizer).ids, tokenizer.eos_token_id)


def test_both_arms_learn_from_right_responses_to_the_same_problems(
    sampler: Sampler, reader: Reader, shared: str
) -> None:
    of = items(8)
    arms = {c: pairs(c, sampler, reader, of, shared=shared) for c in (Context.NONE, Context.SOLUTION)}
    prompts = {context: [before for before, _ in found] for context, found in arms.items()}
    assert prompts[Context.NONE] == prompts[Context.SOLUTION] and prompts[Context.NONE]
    by_prompt = {tuple(Prompts(reader.tokenizer).ids(item.question)): item for item in of}
    places = [of.index(by_prompt[tuple(before)]) for before in prompts[Context.NONE]]
    assert places == sorted(set(places)), "the plan's order, each problem once, and no context in the prompt"
    for found in arms.values():
        for before, after in found:
            reply = reader.reply(by_prompt[tuple(before)], after)
            assert reply.correct and reply.finished
    assert arms[Context.NONE] != arms[Context.SOLUTION]
    alone = pairs(Context.NONE, sampler, reader, of)
    assert alone == arms[Context.NONE], "what is kept for the other arm is what it would have found itself"


def test_a_regenerated_response_is_shown_and_not_the_solution(sampler: Sampler, reader: Reader) -> None:
    """The base's own words under the full solution are the hint, which is another prompt than the solution's."""
    asked, of = [], items(3)
    prompts = Prompts(reader.tokenizer)

    class Listening(Sampler):
        def __init__(self) -> None:
            self.__dict__ = sampler.__dict__

        def draw(self, prompts: Any, *rest: Any) -> list[list[int]]:
            drawn = super().draw(prompts, *rest)
            asked.append((prompts, drawn))
            return drawn

    pairs(Context.REGENERATED, Listening(), reader, of)
    (first, written), (second, _) = asked[:2]
    assert first == [prompts.ids(user_turn(i.question, Context.SOLUTION, solution=i.solution)) for i in of]
    hints = [reader.reply(item, ids).text for item, ids in zip(of, written, strict=True)]
    assert second == [
        prompts.ids(user_turn(i.question, Context.SOLUTION, solution=hint)) for i, hint in zip(of, hints, strict=True)
    ]


def test_nothing_to_learn_from_is_said_in_a_sentence(sampler: Sampler, reader: Reader) -> None:
    impossible = (replace(items(1)[0], question="Use 1, 1, 1 to make 95.", gold="95"),)
    with pytest.raises(UserError, match="None of the 1 problems was answered right both"):
        pairs(Context.SOLUTION, sampler, reader, impossible)


@pytest.mark.parametrize(
    ("text", "cues"),
    [
        ("<think>\nMaybe 4 + 4 = 8. Wait, 8 is too small.\n</think>\n\nFinal answer: \\boxed{8}", ["Maybe", " Wait"]),
        ("I might try (4 - 2) * 3 = 6. Hmm. Perhaps not.", [" might", " Hmm", " Perhaps"]),
        ("First, 2 * 3 = 6.", []),
    ],
)
def test_tokens_of_cues_are_marked_and_no_others(reader: Reader, text: str, cues: list[str]) -> None:
    ids = reader.tokenizer(text, add_special_tokens=False).input_ids
    marks = reader.cue_tokens([*ids, reader.tokenizer.eos_token_id])
    assert len(marks) == len(ids) + 1
    found = [reader.tokenizer.decode([token]) for token, mark in zip(ids, marks, strict=False) if mark]
    assert [piece.strip() for piece in found] == [cue.strip() for cue in cues]


def test_a_reply_keeps_think_and_loses_its_end(reader: Reader) -> None:
    item = items(1)[0]
    text = f"<think>\nMaybe.\n</think>\n\nFinal answer: \\boxed{{{item.gold}}}"
    ids = reader.tokenizer(text, add_special_tokens=False).input_ids
    end = reader.tokenizer.eos_token_id
    reply = reader.reply(item, [*ids, end])
    assert (reply.text, reply.finished, reply.correct, len(reply.ids)) == (text, True, True, len(ids))
    assert "<think>" in reply.text and without_thinking(reply.text).startswith("Final answer")
    cut = reader.reply(item, ids[:-1])
    assert not cut.finished and cut.to_json()["finish"] == "length"
    assert reader.reply(TrainingProblem("What?"), ids).correct is None
    values = reader.values([reply, cut])
    assert values["finished"] == 0.5 and values["tokens"] == 2 * len(ids) - 1 and values["length"] == len(ids) - 0.5
    assert values["cues"]["kim2026-words"] == 1.0
    assert values["density"]["kim2026-words"] == pytest.approx(2000 / values["tokens"])


def evaluated(sampler: Sampler, reader: Reader, asked: Evaluation, step: int = 0, shared: str = "") -> list[Event]:
    events: list[Event] = []
    evaluator = Evaluator(
        plan(settings(), items(4), evaluations=(asked,), shared=shared), reader, Prompts(reader.tokenizer)
    )
    evaluator.evaluate(sampler, step, whole=step == 0, emit=events.append)
    return events


def test_evaluations_show_what_their_context_says(sampler: Sampler, reader: Reader) -> None:
    of, prompts = items(3), Prompts(reader.tokenizer)

    def shown(context: Context) -> list[str]:
        traces = evaluated(sampler, reader, Evaluation("e", of, context, last_samples=1))[0]["traces"]
        return [trace["prompt"] for trace in traces]

    hints = [of[1].solution, of[2].solution, of[0].solution]
    assert shown(Context.NONE) == [prompts.text(item.question) for item in of]
    assert shown(Context.PLACEBO) == [
        prompts.text(user_turn(item.question, Context.PLACEBO, solution=hint))
        for item, hint in zip(of, hints, strict=True)
    ]
    regenerated = shown(Context.REGENERATED)
    guided = shown(Context.SOLUTION)
    assert all(item.question in text for item, text in zip(of, regenerated, strict=True))
    assert not set(regenerated) & set(guided), "its own words, not the solution's"
    assert regenerated == shown(Context.REGENERATED)


def test_the_bases_answers_are_kept_and_shared(sampler: Sampler, reader: Reader, tmp_path: Path) -> None:
    asked = Evaluation("e", items(3), first=1, samples=1, last_samples=2)
    first = evaluated(sampler, reader, asked, shared=str(tmp_path))
    (file,) = tmp_path.glob("base-*.json")
    assert [(t["problem"], t["sample"]) for t in first[0]["traces"]] == [(p, s) for s in range(2) for p in range(3)]
    file.write_text(file.read_text().replace('"seed":', '"kept": true, "seed":'))
    again = evaluated(sampler, reader, asked, shared=str(tmp_path))
    assert all(trace.pop("kept") for trace in again[0]["traces"]) and again == first
    later = evaluated(sampler, reader, asked, step=10, shared=str(tmp_path))[0]["traces"]
    assert len(later) == 1 and later[0]["text"] == first[0]["traces"][0]["text"], "the same seed at every step"
    evaluated(sampler, reader, replace(asked, seed=1), shared=str(tmp_path))
    assert len(list(tmp_path.glob("base-*.json"))) == 2
    assert evaluated(sampler, reader, replace(asked, ends=True), step=10) == []
