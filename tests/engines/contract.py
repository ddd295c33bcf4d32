"""Tests that every engine has to pass, as a class to derive from.

They check the promises of `backend.engines.protocol`: what an engine's `abilities` leave out has to be absent and named
as missing, everything else has to hold.

A test module makes a subclass of `EngineContract` with a fixture `served` that gives a `Served`; the engine serves the
models of `tests.engines.tiny`, whose words are one token each and always encode as they were drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import pytest

from backend.domain import Finish, UserError
from backend.engines.protocol import Decoding, Done, Engine, Event, Failed, Piece, Request, Token
from tests.engines.tiny import CONTEXT, QUESTIONS

# A log-probability read again in another batch or by another kernel may differ this much, in nats.
CLOSE = 2e-3


class Served(NamedTuple):
    """An engine and the names of its models; `adapter` None where it serves a single model."""

    engine: Engine
    base: str
    adapter: str | None = None


@dataclass
class Answer:
    """The events of one request, put together."""

    text: str
    tokens: list[Token]
    end: Done | Failed
    pieces: list[Piece]

    @property
    def ids(self) -> list[int | None]:
        return [token.id for token in self.tokens]

    @property
    def sampled(self) -> list[Token]:
        """Tokens that have a text: without the end-of-turn mark."""
        return [token for token in self.tokens if token.end > token.start]


def gather(events: Iterable[Event]) -> dict[str, Answer]:
    """Answers by key; fails where events come after an answer's end, or an answer has none."""
    pieces: dict[str, list[Piece]] = {}
    ends: dict[str, Done | Failed] = {}
    for event in events:
        assert event.key not in ends, "nothing comes after Done or Failed"
        if isinstance(event, Piece):
            pieces.setdefault(event.key, []).append(event)
        else:
            ends[event.key] = event
    assert pieces.keys() <= ends.keys(), "every response ends"
    answers = {}
    for key, end in ends.items():
        own = pieces.get(key, [])
        tokens = [token for piece in own for token in piece.tokens]
        answers[key] = Answer("".join(piece.text for piece in own), tokens, end, own)
    return answers


def assert_whole(engine: Engine, answer: Answer, decoding: Decoding) -> None:
    """One answer is well-formed."""
    assert isinstance(answer.end, Done), answer.end
    assert answer.end.finish in (Finish.STOP, Finish.LENGTH)
    if answer.tokens:
        edges = [0, *(token.end for token in answer.tokens)]
        assert [token.start for token in answer.tokens] == edges[:-1], "tokens follow each other without a gap"
        assert edges == sorted(edges) and edges[-1] == len(answer.text), "tokens cover the text"
    for token in answer.tokens:
        assert token.logprob is None or token.logprob <= 1e-6
        assert token.entropy is None or -1e-6 <= token.entropy <= math.log(1_000_000)
    if answer.tokens and answer.tokens[0].id is not None:
        assert answer.end.tokens == len(answer.sampled)
    if answer.end.tokens is not None:
        assert 0 <= answer.end.tokens <= decoding.max_tokens
        assert answer.end.tokens == decoding.max_tokens or answer.end.finish is Finish.STOP


class EngineContract:
    """The promises; `served` is the subclass's fixture."""

    @staticmethod
    def ask(served: Served, number: int = 0, key: str = "", model: str = "", **decoding: object) -> Request:
        """A request for question `number`; sampling is greedy and 24 tokens long unless told otherwise."""
        settings = Decoding(**{"temperature": 0.0, "max_tokens": 24, **decoding})  # type: ignore[arg-type]
        return Request(key or f"q{number}", model or served.base, QUESTIONS[number % len(QUESTIONS)], settings)

    def one(self, served: Served, request: Request) -> Answer:
        answers = gather(served.engine.generate([request]))
        assert list(answers) == [request.key]
        assert_whole(served.engine, answers[request.key], request.decoding)
        return answers[request.key]

    def test_abilities_say_what_is_missing(self, served: Served) -> None:
        abilities = served.engine.abilities
        lacks = [
            name
            for name in ("logprobs", "entropy", "top", "seeds", "bans", "prefix", "scoring")
            if not getattr(abilities, name)
        ]
        assert len(abilities.missing) >= (1 if lacks else 0)
        assert all(sentence.endswith(".") and " " in sentence for sentence in abilities.missing)
        assert abilities.name and (abilities.context is None or abilities.context == CONTEXT)

    def test_events_are_well_formed(self, served: Served) -> None:
        requests = [self.ask(served, n, temperature=1.0, seed=n, max_tokens=20 + 7 * n) for n in range(6)]
        answers = gather(served.engine.generate(requests))
        assert answers.keys() == {request.key for request in requests}
        for request in requests:
            assert_whole(served.engine, answers[request.key], request.decoding)
        assert len({answer.text for answer in answers.values()}) == len(requests), "they differ"
        assert max(len(answer.pieces) for answer in answers.values()) > 1, "text comes as it is made"

    def test_nothing_asked_nothing_said(self, served: Served) -> None:
        assert list(served.engine.generate([])) == []

    def test_a_token_carries_what_abilities_promise(self, served: Served) -> None:
        abilities = served.engine.abilities
        answer = self.one(served, self.ask(served, top=min(abilities.top, 5)))
        for token in answer.tokens:
            assert (token.logprob is not None) == abilities.logprobs
            assert (token.entropy is not None) == abilities.entropy
            assert len(token.top) == min(abilities.top, 5)
            worth = [alternative.logprob for alternative in token.top]
            assert worth == sorted(worth, reverse=True) and all(value <= 1e-6 for value in worth)
            if worth and token.logprob is not None:
                assert worth[0] == pytest.approx(token.logprob, abs=CLOSE), "greedy takes the first"
        for token in answer.sampled:
            if token.top:
                assert token.top[0].text == answer.text[token.start : token.end]
        assert not any(token.top for token in self.one(served, self.ask(served)).tokens), "none asked, none given"

    def test_max_tokens_ends_with_length(self, served: Served) -> None:
        for limit in (1, 9):
            answer = self.one(served, self.ask(served, max_tokens=limit))
            assert isinstance(answer.end, Done) and answer.end.finish is Finish.LENGTH
            assert answer.end.tokens in (limit, None)

    def test_end_of_turn_ends_with_stop(self, served: Served) -> None:
        requests = [self.ask(served, n, temperature=1.0, seed=n, max_tokens=120) for n in range(8)]
        ended = [a for a in gather(served.engine.generate(requests)).values() if a.end.finish is Finish.STOP]  # type: ignore[union-attr]
        assert ended, "one of eight ends by itself"
        assert not any("<|im_end|>" in answer.text for answer in ended)

    def test_stop_texts_stay_in_the_text(self, served: Served) -> None:
        free = self.one(served, self.ask(served))
        stop = " " + free.text.split()[6]
        stopped = self.one(served, self.ask(served, stop=("no such text", stop)))
        assert stopped.text == free.text[: free.text.index(stop) + len(stop)]
        assert isinstance(stopped.end, Done) and stopped.end.finish is Finish.STOP

    def test_seeds_repeat(self, served: Served) -> None:
        if not served.engine.abilities.seeds:
            return
        first, again, other = (self.one(served, self.ask(served, temperature=1.0, seed=seed)) for seed in (7, 7, 8))
        assert first.text == again.text != other.text
        others = [self.ask(served, n, temperature=0.7, seed=n) for n in range(1, 5)]
        among = gather(served.engine.generate([*others, self.ask(served, temperature=1.0, seed=7, key="mine")]))
        assert among["mine"].text == first.text, "whatever else is in the batch"

    def test_temperature_zero_and_top_k_one_are_greedy(self, served: Served) -> None:
        greedy = self.one(served, self.ask(served))
        assert self.one(served, self.ask(served, seed=5)).text == greedy.text
        assert self.one(served, self.ask(served, temperature=1.0, top_k=1, seed=5)).text == greedy.text
        assert self.one(served, self.ask(served, temperature=1.0, top_p=1e-6, seed=5)).text == greedy.text

    def test_forced_prefix_comes_first(self, served: Served) -> None:
        request = replace(self.ask(served, max_tokens=12), prefix="<think>\nMaybe wait")
        if not served.engine.abilities.prefix:
            (answer,) = gather(served.engine.generate([request])).values()
            assert isinstance(answer.end, Failed)
            return
        answer = self.one(served, request)
        assert answer.text.startswith(request.prefix) and len(answer.text) > len(request.prefix)
        for token in answer.tokens:
            assert token.forced == (token.end <= len(request.prefix) and token.start < len(request.prefix))
        other = self.one(served, replace(request, prefix="Wait"))
        assert other.text.startswith("Wait") and other.text[4:] not in answer.text, "what is forced is heard"

    def test_bans_hold(self, served: Served) -> None:
        if not served.engine.abilities.bans:
            return
        free = self.one(served, self.ask(served, top=3))
        banned = tuple(dict.fromkeys(token.id for token in free.sampled if token.id is not None))[:4]
        assert banned
        held = self.one(served, self.ask(served, banned=banned, top=3))
        assert not set(banned) & set(held.ids)
        if served.engine.abilities.top:
            assert held.tokens[0].top[0].text == free.tokens[0].top[0].text, "alternatives are those before bans"
        warm = [self.ask(served, n, temperature=1.3, seed=n, banned=banned) for n in range(4)]
        assert not any(set(banned) & set(answer.ids) for answer in gather(served.engine.generate(warm)).values())

    def test_starters_make_words_impossible(self, served: Served) -> None:
        starters = served.engine.starters(["wait", "maybe"])
        if served.engine.count("a") is None:
            assert starters == []
            return
        assert [starter.id for starter in starters] == sorted({starter.id for starter in starters})
        assert {starter.text.strip() for starter in starters} == {"wait", "Wait", "maybe", "Maybe"}
        assert {starter.word for starter in starters} == {"wait", "maybe"}
        if served.engine.abilities.bans:
            ids = tuple(starter.id for starter in starters)
            asked = [self.ask(served, n, temperature=1.2, seed=n, max_tokens=60, banned=ids) for n in range(6)]
            sampled = " ".join(answer.text for answer in gather(served.engine.generate(asked)).values()).lower()
            assert sampled and "wait" not in sampled and "maybe" not in sampled

    def test_cancelled_before_the_start_says_nothing(self, served: Served) -> None:
        assert list(served.engine.generate([self.ask(served)], lambda: True)) == []

    def test_cancel_ends_without_further_events(self, served: Served) -> None:
        seen: list[Event] = []
        looks: list[int] = []

        def cancelled() -> bool:
            if seen:
                looks.append(len(seen))
            return bool(seen)

        requests = [self.ask(served, n, temperature=1.0, seed=n, max_tokens=300) for n in range(8)]
        for event in served.engine.generate(requests, cancelled):
            seen.append(event)
        assert looks, "it was asked"
        assert len(seen) == looks[0], "nothing came after it said yes"
        assert not all(any(isinstance(e, Done) and e.key == r.key for e in seen) for r in requests)
        assert self.one(served, self.ask(served)).text, "the engine goes on serving"

    def test_closing_the_events_leaves_the_engine_whole(self, served: Served) -> None:
        events = served.engine.generate([self.ask(served, n, max_tokens=200) for n in range(3)])
        next(events)
        events.close()  # type: ignore[attr-defined]
        assert self.one(served, self.ask(served)).text

    def test_scores_agree_with_what_was_said(self, served: Served) -> None:
        engine = served.engine
        answer = self.one(served, self.ask(served, temperature=1.0, seed=3, top=min(engine.abilities.top, 3)))
        if not engine.abilities.scoring:
            with pytest.raises(UserError):
                engine.score(served.base, QUESTIONS[0], answer.text)
            return
        scores = engine.score(served.base, QUESTIONS[0], answer.text, top=min(engine.abilities.top, 3))
        assert [score[:3] for score in scores] == [token[:3] for token in answer.sampled]
        for score, token in zip(scores, answer.sampled, strict=True):
            assert score.forced and score.logprob == pytest.approx(token.logprob, abs=CLOSE)
            assert score.entropy == (None if token.entropy is None else pytest.approx(token.entropy, abs=CLOSE))
            assert [each.text for each in score.top] == [each.text for each in token.top]

    def test_tokens_are_counted_as_they_were_drawn(self, served: Served) -> None:
        answer = self.one(served, self.ask(served, temperature=1.0, seed=4))
        counted = served.engine.count(answer.text)
        assert isinstance(answer.end, Done)
        assert counted is None or answer.end.tokens is None or counted == answer.end.tokens

    def test_the_prompt_is_what_was_rendered(self, served: Served) -> None:
        request = replace(self.ask(served, max_tokens=3), system="Show each step.")
        rendered = served.engine.render(request)
        answer = self.one(served, request)
        assert isinstance(answer.end, Done) and answer.end.prompt == rendered
        assert rendered == "" or (rendered.index(request.system) < rendered.index(request.user))

    def test_check_passes_what_fits(self, served: Served) -> None:
        served.engine.check([self.ask(served, n) for n in range(4)])

    def test_check_refuses_what_is_too_long(self, served: Served) -> None:
        if served.engine.abilities.context is None:
            return
        long = replace(self.ask(served), user="Use" + " wait" * (CONTEXT + 10))
        with pytest.raises(UserError) as caught:
            served.engine.check([self.ask(served), long])
        assert str(CONTEXT) in str(caught.value).replace(",", "")
        answers = gather(served.engine.generate([self.ask(served, 1), replace(long, key="long")]))
        assert isinstance(answers["q1"].end, Done) and isinstance(answers["long"].end, Failed)
        assert answers["long"].end.reason.endswith(".")

    def test_max_tokens_is_cut_to_the_context(self, served: Served) -> None:
        if served.engine.abilities.context is None:
            return
        request = replace(self.ask(served, max_tokens=10 * CONTEXT, temperature=1.0), user="Use" + " wait" * 490)
        served.engine.check([request])
        (answer,) = gather(served.engine.generate([request])).values()
        prompt = served.engine.count(served.engine.render(request))
        assert isinstance(answer.end, Done) and answer.end.tokens and prompt
        assert answer.end.tokens + prompt <= CONTEXT
        assert answer.end.finish is Finish.STOP or answer.end.tokens + prompt == CONTEXT

    def test_check_refuses_words_the_tokenizer_does_not_know(self, served: Served) -> None:
        if served.engine.count("a") is None:
            return
        with pytest.raises(UserError) as caught:
            served.engine.check([replace(self.ask(served), user="Use zebra, 4 to make quux.")])
        assert "zebra" in str(caught.value) and "quux" in str(caught.value) and "make" not in str(caught.value).lower()

    def test_unknown_models_are_named(self, served: Served) -> None:
        with pytest.raises(UserError) as caught:
            served.engine.check([self.ask(served, model="nobody")])
        assert "nobody" in str(caught.value)

    def test_base_and_adapter_in_one_call(self, served: Served) -> None:
        if served.adapter is None:
            return
        asked = [self.ask(served, n, f"{model}{n}", model) for n in range(3) for model in (served.base, served.adapter)]
        together = gather(served.engine.generate(asked))
        for request in asked:
            alone = self.one(served, request)
            mixed = together[request.key]
            assert mixed.text == alone.text
            for one, other in zip(mixed.tokens, alone.tokens, strict=True):
                assert one.logprob == pytest.approx(other.logprob, abs=CLOSE)
        assert together[f"{served.base}0"].text != together[f"{served.adapter}0"].text
        if served.engine.abilities.scoring:
            text = together[f"{served.adapter}0"].text
            own, others = (served.engine.score(model, QUESTIONS[0], text) for model in (served.adapter, served.base))
            assert sum(t.logprob or 0 for t in own) > sum(t.logprob or 0 for t in others) + 1
