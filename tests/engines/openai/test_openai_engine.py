"""The OpenAI-compatible engine against a real server on loopback that streams, refuses, breaks off and lies."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from backend.domain import Finish, Model, ModelKind, UserError
from backend.engines.openai.openai_engine import OpenAIEngine
from backend.engines.protocol import Decoding, Done, Event, Failed, Piece, Request
from tests.engines.openai.chat_server import ChatServer
from tests.patience import until

SECRET = "sk-very-secret-0123456789"


@pytest.fixture(scope="module")
def running() -> Iterator[ChatServer]:
    server = ChatServer()
    yield server
    server.close()


@pytest.fixture
def server(running: ChatServer) -> ChatServer:
    running.calm()
    return running


@pytest.fixture
def opened() -> Iterator[Callable[..., OpenAIEngine]]:
    engines: list[OpenAIEngine] = []

    def at(address: str, settings: dict[str, str] | None = None, **options: float) -> OpenAIEngine:
        model = Model("e", "endpoint", ModelKind.ENDPOINT, address, settings=settings or {})
        engines.append(OpenAIEngine(model, **options))
        return engines[-1]

    yield at
    for engine in engines:
        engine.close()


def ask(key: str = "a", user: str = "What is 3 + 4?", prefix: str = "", **decoding: object) -> Request:
    return Request(key, "endpoint", user, Decoding(**({"max_tokens": 12, "seed": 5} | decoding)), prefix=prefix)


def text_of(events: list[Event], key: str = "a") -> str:
    return "".join(event.text for event in events if isinstance(event, Piece) and event.key == key)


def last(events: list[Event], key: str = "a") -> Done | Failed:
    ends = [event for event in events if not isinstance(event, Piece) and event.key == key]
    assert len(ends) == 1 and [e for e in events if e.key == key][-1] is ends[0]
    return ends[0]


def covered(events: list[Event], key: str = "a") -> bool:
    """Tokens of a response follow each other from 0 to its end."""
    at = 0
    for event in events:
        if isinstance(event, Piece) and event.key == key:
            for token in event.tokens:
                if token.start != at or token.end < at:
                    return False
                at = token.end
    return at == len(text_of(events, key))


def test_tokens_come_with_log_probabilities_and_alternatives(server: ChatServer, opened) -> None:
    events = list(opened(server.address).generate([ask(top=3)]))
    tokens = [token for event in events if isinstance(event, Piece) for token in event.tokens]
    assert covered(events) and len(tokens) == 12 and last(events) == Done("a", Finish.LENGTH, "", 12)
    assert all(token.logprob is not None and token.logprob < 0 and len(token.top) == 3 for token in tokens)
    assert all(a.logprob >= b.logprob for token in tokens for a, b in zip(token.top, token.top[1:], strict=False))
    assert all(token.id is None and token.entropy is None for token in tokens)
    assert server.asked[-1]["top_logprobs"] == 4 and server.asked[-1]["top_k"] == -1


def test_requests_run_side_by_side_each_with_its_seed(server: ChatServer, opened) -> None:
    engine = opened(server.address)
    requests = [ask(f"r{seed}", seed=seed, max_tokens=40) for seed in range(20)]
    together = list(engine.generate(requests))
    assert len({text_of(together, request.key) for request in requests}) == 20
    assert all(covered(together, request.key) for request in requests)
    again = list(engine.generate([requests[7]]))
    assert text_of(again, "r7") == text_of(together, "r7")
    server.mood = "slow"
    order = [event.key for event in engine.generate(requests[:3]) if isinstance(event, Piece)]
    assert order != sorted(order)


def test_a_stop_text_stays_and_nothing_comes_after_it(server: ChatServer, opened) -> None:
    engine = opened(server.address)
    whole = list(engine.generate([ask(max_tokens=40)]))
    cut = text_of(whole)[20:26]
    ends = [token.end for event in whole if isinstance(event, Piece) for token in event.tokens]
    expected = next(end for end in ends if end >= text_of(whole).index(cut) + len(cut))
    events = list(engine.generate([ask(max_tokens=40, stop=(cut, "never said"))]))
    assert text_of(events) == text_of(whole)[:expected] and covered(events)
    assert last(events) == Done("a", Finish.STOP, "", None)


def test_a_prefix_is_gone_on_from_and_is_part_of_the_response(server: ChatServer, opened) -> None:
    events = list(opened(server.address).generate([ask(prefix="Maybe")]))
    first = events[0]
    assert isinstance(first, Piece) and first.text == "Maybe" and first.tokens[0].forced and covered(events)
    body = server.asked[-1]
    assert body["messages"][-1] == {"role": "assistant", "content": "Maybe"}
    assert body["continue_final_message"] is True and body["add_generation_prompt"] is False


def test_a_server_that_would_ignore_a_prefix_is_not_given_one(server: ChatServer, opened) -> None:
    server.mood = "ignores prefixes"
    engine = opened(server.address)
    events = list(engine.generate([ask(prefix="Maybe"), ask("b")]))
    assert "can't be given a first word" in last(events).reason and isinstance(last(events, "b"), Done)
    assert not engine.abilities.prefix and any("put into the model's mouth" in s for s in engine.abilities.missing)
    with pytest.raises(UserError, match="first word"):
        engine.check([ask(prefix="Maybe")])


def test_thoughts_sent_apart_are_joined(server: ChatServer, opened) -> None:
    engine = opened(server.address)
    plain = text_of(list(engine.generate([ask()])))
    server.mood = "thinks"
    events = list(engine.generate([ask()]))
    text = text_of(events)
    thoughts, _, answer = text.partition("\n</think>\n\n")
    assert thoughts.startswith("<think>\n") and thoughts[8:] + answer == plain and covered(events)


@pytest.mark.parametrize("option", ["logprobs", "seed", "stream_options", "top_k"])
def test_a_refused_option_is_left_out_once_and_for_all(server: ChatServer, opened, option: str) -> None:
    server.mood = f"refuses {option}"
    engine = opened(server.address)
    events = list(engine.generate([ask()]))
    assert isinstance(last(events), Done) and covered(events) and len(server.asked) == 2
    assert set(server.asked[0]) - set(server.asked[1]) >= {option}
    assert isinstance(last(list(engine.generate([ask()]))), Done) and len(server.asked) == 3
    assert engine.abilities.logprobs is (option != "logprobs") and engine.abilities.seeds is (option != "seed")
    if option == "logprobs":
        assert all(token.logprob is None for event in events if isinstance(event, Piece) for token in event.tokens)
        assert any("log-prob" in sentence for sentence in engine.abilities.missing)


def test_a_refusal_that_names_nothing_is_tried_plainly(server: ChatServer, opened) -> None:
    server.mood = "refuses grimly"
    assert isinstance(last(list(opened(server.address).generate([ask()]))), Done)
    assert "seed" not in server.asked[-1] and "logprobs" not in server.asked[-1]


def test_newer_servers_name_the_limit_otherwise(server: ChatServer, opened) -> None:
    server.mood = "refuses max_tokens"
    assert last(list(opened(server.address).generate([ask()]))) == Done("a", Finish.LENGTH, "", 12)
    assert server.asked[-1]["max_completion_tokens"] == 12 and server.asked[-1]["seed"] == 5


def test_what_is_asked_for_is_never_left_out(server: ChatServer, opened) -> None:
    server.mood = "refuses top_k"
    reason = last(list(opened(server.address).generate([ask(top_k=5)]))).reason
    assert "top_k" in reason and server.address in reason


def test_log_probabilities_that_never_come_are_noted(server: ChatServer, opened) -> None:
    server.mood = "ignores logprobs"
    engine = opened(server.address)
    assert covered(list(engine.generate([ask()]))) and not engine.abilities.logprobs


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("garbage", "isn't JSON"),
        ("wrong", "isn't of the expected form"),
        ("ends", "half-way"),
        ("closes", "broke off"),
        ("reports", "the engine died"),
    ],
)
def test_a_response_that_breaks_keeps_what_came(server: ChatServer, opened, mood: str, words: str) -> None:
    engine = opened(server.address, retries=0)
    whole = text_of(list(engine.generate([ask()])))
    server.mood = mood
    events = list(engine.generate([ask(), ask("b")]))
    for key in ("a", "b"):
        assert words in last(events, key).reason and server.address in last(events, key).reason
        assert text_of(events, key) and whole.startswith(text_of(events, key))


def test_failing_and_busy_servers_are_asked_again_and_then_named(server: ChatServer, opened) -> None:
    engine = opened(server.address, retries=2)
    server.mood = "busy"
    assert isinstance(last(list(engine.generate([ask()]))), Done)
    server.calm()
    server.mood = "fails"
    assert "failed (500, after 3 tries): out of memory" in last(list(engine.generate([ask()]))).reason
    assert len(server.asked) == 3
    server.mood = "always busy"
    assert "429, after 3 tries" in last(list(engine.generate([ask()]))).reason


def test_silence_has_an_end(server: ChatServer, opened) -> None:
    server.mood = "silent"
    events = list(opened(server.address, timeout=0.5, retries=0).generate([ask()]))
    server.speaks.set()
    assert "said nothing for 0.5 seconds" in last(events).reason


def test_cancelling_closes_the_streams(server: ChatServer, opened) -> None:
    server.mood = "slow"
    engine, seen = opened(server.address), []
    requests = [ask(f"r{n}", max_tokens=2000) for n in range(4)]
    for event in engine.generate(requests, lambda: len(seen) >= 8):
        seen.append(event)
    assert len(seen) == 8 and all(isinstance(event, Piece) for event in seen)
    until(lambda: server.streaming == 0)
    server.calm()
    assert isinstance(last(list(engine.generate([ask()]))), Done)


def test_a_reader_who_goes_away_closes_the_streams(server: ChatServer, opened) -> None:
    server.mood = "slow"
    answers = opened(server.address).generate([ask(max_tokens=2000)])
    next(answers)
    answers.close()
    until(lambda: server.streaming == 0)


def test_keys_come_from_the_environment_and_stay_out_of_sentences(opened, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = ChatServer(key=SECRET)
    try:
        with pytest.raises(UserError, match="asks for a key"):
            opened(locked.address).check([ask()])
        assert locked.keys[-1] == "Bearer none"
        with pytest.raises(UserError, match=r"SECOND_THOUGHTS_KEY_THAT.*is not set"):
            opened(locked.address, {"key": "SECOND_THOUGHTS_KEY_THAT"})
        monkeypatch.setenv("SECOND_THOUGHTS_KEY_THAT", SECRET + "-old")
        with pytest.raises(
            UserError, match="refused the key in the environment variable SECOND_THOUGHTS_KEY_THAT"
        ) as caught:
            opened(locked.address, {"key": "SECOND_THOUGHTS_KEY_THAT"}).check([ask()])
        assert SECRET not in str(caught.value)
        monkeypatch.setenv("SECOND_THOUGHTS_KEY_THAT", SECRET)
        assert isinstance(
            last(list(opened(locked.address, {"key": "SECOND_THOUGHTS_KEY_THAT"}).generate([ask()]))), Done
        )
    finally:
        locked.close()


def test_a_key_never_travels_to_another_address(server: ChatServer, opened, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = ChatServer()
    try:
        monkeypatch.setenv("SECOND_THOUGHTS_KEY_THAT", SECRET)
        server.mood, server.elsewhere = "redirects", f"http://127.0.0.1:{elsewhere.port}/v1/models"
        with pytest.raises(UserError, match=r"sends requests on to http://127.0.0.1:\d+/v1/models") as caught:
            opened(server.address, {"key": "SECOND_THOUGHTS_KEY_THAT"}).check([ask()])
        assert elsewhere.keys == [] and "leak" not in str(caught.value) and SECRET not in str(caught.value)
    finally:
        elsewhere.close()


def test_wrong_models_and_addresses_are_sentences(server: ChatServer, opened) -> None:
    with pytest.raises(UserError, match="has no model 'nope'; it has chain"):
        opened(server.address, {"model": "nope"}).check([ask()])
    server.mood = "html"
    with pytest.raises(UserError, match=r"OpenAI-compatible|has no model|Say which model"):
        opened(server.address).check([ask()])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(UserError, match=rf"{address}/v1 can't be reached.*is it running"):
        list(opened(address, retries=0).generate([ask()]))
    for bad in ("ftp://x/v1", "localhost:8000", "http://me:secret@host/v1", "http://", "file:///etc/passwd"):
        with pytest.raises(UserError) as caught:
            opened(bad)
        assert "secret" not in str(caught.value)


def test_requests_that_cannot_be_served_are_refused(server: ChatServer, opened) -> None:
    engine = opened(server.address)
    engine.check([ask()])
    with pytest.raises(UserError, match="token ids"):
        engine.check([ask(), ask(banned=(3,))])
    with pytest.raises(UserError, match="not served here"):
        engine.check([Request("a", "another", "?")])
    with pytest.raises(UserError, match="can't score"):
        engine.score("endpoint", "?", "!")
    assert engine.starters(["wait"]) == [] and engine.count("Wait") is None and engine.render(ask()) == ""
    assert engine.abilities.context is None and not engine.abilities.bans
