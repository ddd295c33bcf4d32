"""The lab's texts and its tokenizer: exact both ways, and readable while they grow."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from backend.grading import countdown
from backend.lab import corpus, grammar, tokenizer
from backend.lab.evaluate import CONTEXTS, CUES, prompt
from backend.lab.lab_problems import SETS, problem_set, solution

WORDS = tokenizer.build()
SEEDS = st.integers(0, 2**32)


def text_of(seed: int) -> str:
    return grammar.plain("".join(text for text, _ in corpus.example(random.Random(seed))))


@given(SEEDS)
@settings(max_examples=200, deadline=None)
def test_every_text_comes_back_from_its_tokens(seed: int) -> None:
    text = text_of(seed)
    ids = WORDS(text).input_ids
    assert WORDS.unk_token_id not in ids and len(ids) <= tokenizer.POSITIONS
    assert WORDS.decode(ids) == text
    in_pieces = [i for piece, _ in corpus.example(random.Random(seed)) for part in piece.split(grammar.MARK)
                 for i in WORDS(part).input_ids]  # fmt: skip
    assert in_pieces == ids, "training sees the very tokens that prompts are made of"


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_a_text_only_grows_as_tokens_come(seed: int) -> None:
    ids = WORDS(text_of(seed)).input_ids
    before = ""
    for n in range(1, len(ids) + 1):
        now = WORDS.decode(ids[:n])
        assert now.startswith(before)
        before = now


@pytest.mark.parametrize("name", SETS)
def test_prompts_of_every_context_are_known_and_exact(name: str) -> None:
    for problem in problem_set(name)[:50]:
        for context in CONTEXTS:
            text = prompt(problem, context)
            ids = WORDS(text).input_ids
            assert WORDS.unk_token_id not in ids and WORDS.decode(ids) == text
        assert WORDS.decode(WORDS(solution(problem)).input_ids, skip_special_tokens=True) == solution(problem)


def test_the_chat_template_is_what_the_corpus_trains(tmp_path: object) -> None:
    asked = [{"role": "user", "content": "Use 8, 4, 5 to make 9."}]
    text = WORDS.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    assert text == tokenizer.templated("Use 8, 4, 5 to make 9.")
    WORDS.save_pretrained(tmp_path)
    again = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    assert again(text).input_ids == WORDS(text).input_ids and again.decode(again(text).input_ids) == text


def test_unknown_words_are_marked() -> None:
    assert WORDS.unk_token_id in WORDS("Use 8, 4, 5 to bake 9.").input_ids
    assert WORDS.unk_token_id in WORDS("Use 8, 4, 999 to make 9.").input_ids


@given(SEEDS)
@settings(max_examples=200, deadline=None)
def test_searches_say_what_is_true(seed: int) -> None:
    """Every equation holds; a search is right exactly when it says so, and neither register borrows the other's words."""
    rng = random.Random(seed)
    task = corpus._task(rng)
    for text in (grammar.plain(grammar.searched(rng, task)), grammar.plain(grammar.confident(rng, task))):
        for line in text.splitlines():
            for part in line.replace(". ", ", ").replace(": ", ", ").rstrip(".").split(", "):
                left, equals, value = part.rpartition(" = ")
                if equals and not left.endswith("x"):
                    a, sign, b = left.split()[-3:]
                    assert {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}[sign] == int(value), part
        if task.family != "fx":
            verdict = countdown.judge(f"Use {', '.join(map(str, task.numbers))} to make {task.target}.", text)
            assert verdict is not None and verdict.correct == (not any(words in text for words in grammar.GIVEN_UP))
    assert text.count("\n") == 4 and not any(word in text.lower() for word in (*CUES, "target,"))


def test_batches_are_a_function_of_seed_and_step() -> None:
    one, other = corpus.batch(3, 11, 1, 4), corpus.batch(3, 5, 1, 4)
    again = corpus.batch(3, 11, 1, 4)
    assert (one.ids == again.ids).all() and (one.weights == again.weights).all()
    assert one.ids.shape != other.ids.shape or (one.ids != other.ids).any()
    assert (one.weights[one.verdicts] == corpus.VERDICT_WEIGHT).all() and one.verdicts.any()
    assert (one.weights[one.ids == 0] == 0).all(), "padding has no loss"
