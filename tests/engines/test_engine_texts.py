"""Texts of ids as they come, offsets, unknown words, and which ids begin a word."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from backend.domain import UserError
from backend.engines.protocol import Request
from backend.engines.texts import Texts
from tests.engines import tiny

MIXED = [
    "Wait, maybe I should double-check. Hmm, that is wrong: 3 + 4 = 8? Perhaps not… waiting, await.",
    "等等，我想再检查一下。也许不对。", "Погоди, возможно, я ошибся.", "انتظر، ربما أخطأت", "รอก่อน บางทีฉันอาจผิด",
    "👩‍👩‍👧‍👦 🤔 ok 🇸🇪 x² ≤ √2 ⇒ ∀ε∃δ", "Wait wait WAIT (wait) \"Wait\" \nwait\n\nWait, hold on. Hold on!",
]  # fmt: skip
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def saved(tokenizer: Tokenizer, folder: Path, **names: object) -> Texts:
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    (folder / "config.json").write_text('{"model_type": "qwen3"}')
    return Texts(folder)


@pytest.fixture(scope="module")
def byte_level(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    """Byte-level BPE as Qwen's, small, so that most characters of other scripts are several tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=380, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(MIXED * 5, trainer)
    return saved(tokenizer, tmp_path_factory.mktemp("bytes"), eos_token="<|im_end|>")


@pytest.fixture(scope="module")
def spaced(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    """Unigrams with a mark for the space and bytes to fall back on, as sentencepiece models have them."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first")])
    pieces = ["<unk>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.UnigramTrainer(vocab_size=430, special_tokens=pieces, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(MIXED[:3], trainer)
    tokenizer.model = models.Unigram(
        [(piece, -5.0) for piece in sorted(tokenizer.get_vocab(), key=tokenizer.token_to_id)], 0, byte_fallback=True
    )
    return saved(tokenizer, tmp_path_factory.mktemp("spaced"), eos_token="</s>")


@pytest.fixture(scope="module")
def words(tiny_model: Path) -> Texts:
    return Texts(tiny_model)


@pytest.fixture(params=["byte_level", "spaced", "words"])
def texts(request: pytest.FixtureRequest) -> Texts:
    return request.getfixturevalue(request.param)


ANY_TEXT = st.one_of(st.text(max_size=40), st.lists(st.sampled_from(MIXED), max_size=2).map(" ".join))


def check_stream(texts: Texts, ids: list[int]) -> None:
    stream = texts.stream()
    parts = [stream.add(token) for token in ids]
    parts.append(stream.finish())
    assert "".join(parts) == texts.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert stream.length == len("".join(parts))


@settings(max_examples=150, deadline=None)
@given(text=ANY_TEXT, data=st.data())
def test_parts_joined_are_the_whole_text(
    byte_level: Texts, spaced: Texts, words: Texts, text: str, data: st.DataObject
) -> None:
    """Of encoded texts, and of any ids at all: broken characters, marks in the middle."""
    for texts in (byte_level, spaced, words):
        check_stream(texts, texts.ids(text))
        check_stream(texts, data.draw(st.lists(st.integers(0, texts.known - 1), max_size=30)))


@settings(max_examples=100, deadline=None)
@given(text=ANY_TEXT)
def test_offsets_are_those_of_generation(byte_level: Texts, words: Texts, text: str) -> None:
    for texts in (byte_level, words):
        spans = texts.spans(text)
        assert [start for _, start, _ in spans] == [0, *(end for *_, end in spans)][:-1] if spans else not text
        assert not spans or spans[-1][2] == len(text)
    if "\ufffd" in text:
        return
    stream, at, ids = byte_level.stream(), 0, []
    for token, _, end in byte_level.spans(text):
        at, ids = at + len(stream.add(token)), [*ids, token]
        held = byte_level.decode(ids).endswith("\ufffd")
        assert end >= at if held else end == at


def test_starters_of_a_tokenizer_that_splits_words(byte_level: Texts) -> None:
    starters = {starter.id: starter for starter in byte_level.starters(["wait", "hold on", "zyzzyva"])}
    pieces = {starter.text.lower().strip() for starter in starters.values() if starter.word == "wait"}
    assert "wait" in pieces and "w" not in pieces and "await" not in pieces
    for variant in ("wait", " wait", "Wait", " Wait", "WAIT", " hold on", "Hold on", " zyzzyva", "Zyzzyva", "(wait)"):
        first = next(token for token in byte_level.ids(variant) if byte_level.text_of(token).strip(" ("))
        assert first in starters, variant
    assert byte_level.starters(["", " "]) == []
    assert byte_level.starters(["wait", "wait"]) == byte_level.starters(["wait"])


def test_starters_stop_at_word_edges(words: Texts) -> None:
    assert {starter.text for starter in words.starters(["number"])} == {" number"}, "not ' numbers'"
    assert words.starters(["num", "zebra"]) == []


def test_unknown_words_are_found(words: Texts, byte_level: Texts) -> None:
    assert words.unknown("Use zebra, 4 to quux zebra.") == ["zebra", "quux"]
    assert byte_level.unknown("zebra 😀") == []


def test_a_prompt_is_rendered_by_the_template_or_plain(words: Texts, byte_level: Texts) -> None:
    request = Request("k", "m", "Use 2", system="Show")
    rendered = "<|im_start|>system\nShow<|im_end|>\n<|im_start|>user\nUse 2<|im_end|>\n<|im_start|>assistant\n"
    assert words.render(request) == rendered
    assert words.prompt_ids(rendered).count(words.tokenizer.eos_token_id) == 2
    assert byte_level.render(request) == "Show\n\nUse 2"


def test_folders_without_a_usable_tokenizer_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="tokenizer"):
        Texts(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{broken")
    with pytest.raises(UserError, match=str(tmp_path)):
        Texts(tmp_path)


def test_a_template_that_refuses_is_said(tmp_path: Path) -> None:
    made = tiny.tokenizer()
    made.chat_template = "{{ raise_exception('no system turn') }}"
    made.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="no system turn"):
        Texts(tmp_path).render(Request("k", "m", "Use", system="x"))


def test_lower_casing_tokenizers_know_all_cases(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, "wait": 1, "try": 2}, unk_token="<unk>"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    texts = saved(tokenizer, tmp_path, unk_token="<unk>")
    assert [starter.id for starter in texts.starters(["Wait"])] == [1]
