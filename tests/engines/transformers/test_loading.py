"""What is wrong with a folder, a request or a text is said in a sentence; nothing that comes with a model is run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.domain import Model, ModelKind, UserError
from backend.engines.protocol import Decoding, Done, Failed, Family, Piece, Request
from backend.engines.transformers.transformers_engine import TransformersEngine
from tests.engines import tiny
from tests.engines.contract import gather


@pytest.fixture(scope="module")
def engine(tiny_family: Family) -> Iterator[TransformersEngine]:
    opened = TransformersEngine(tiny_family)
    yield opened
    opened.close()


def base_at(folder: Path) -> Model:
    return Model("b", "my base", ModelKind.CHECKPOINT, str(folder))


def adapter_at(folder: Path) -> Model:
    return Model("a", "my adapter", ModelKind.ADAPTER, str(folder), base="b")


def without_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def pickled(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def cut_short(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])


def lacking_a_layer(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def of_another_size(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 96}))


def with_own_code(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    code = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "evil", "auto_map": code}))
    (folder / "evil.py").write_text("raise SystemExit('this code was run')")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without_config, "config.json"),
        (without_weights, "model.safetensors"),
        (pickled, "pickle"),
        (cut_short, "cut short"),
        (lacking_a_layer, "up_proj"),
        (of_another_size, "my base can't be read"),
        (with_own_code, "my base can't be read"),
    ],
)
def test_broken_folders_are_named(
    tiny_model: Path, tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    spoil(folder)
    with pytest.raises(UserError, match=message) as caught:
        TransformersEngine(Family(base_at(folder)))
    assert str(folder) in str(caught.value) and str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_an_adapter_of_another_base_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    for name, shape in (("wider", {"hidden": 96}), ("deeper", {"layers": 3}), ("shallower", {"layers": 1})):
        other = tiny.save_model(tmp_path / name, **shape)
        stray = tiny.save_adapter(other, tmp_path / f"{name}-lora", targets=["q_proj", "v_proj", "down_proj"])
        with pytest.raises(UserError, match="my adapter"):
            TransformersEngine(Family(base_at(tiny_model), (adapter_at(stray),)))


def test_two_adapters_of_unlike_ranks_and_targets_share_a_batch(tiny_family: Family, tmp_path: Path) -> None:
    """One of rank 4 on all projections, one of rank 2 on some: each says what it says alone."""
    base = Path(tiny_family.base.location)
    narrow = tiny.save_adapter(base, tmp_path / "narrow", seed=5, rank=2, targets=["q_proj", "down_proj"])
    second = Model("n", "narrow", ModelKind.ADAPTER, str(narrow), base="tiny")
    both = TransformersEngine(Family(tiny_family.base, (*tiny_family.adapters, second)))
    settings = Decoding(temperature=0.0, max_tokens=20)
    asked = [Request(name, name, tiny.QUESTIONS[1], settings) for name in ("tiny", "tiny-lora", "narrow")]
    mixed = gather(both.generate(asked))
    alone = TransformersEngine(Family(tiny_family.base, (second,)))
    assert mixed["narrow"].text == gather(alone.generate([asked[2]]))["narrow"].text
    assert len({answer.text for answer in mixed.values()}) == 3


def test_a_hub_name_that_was_not_downloaded_is_refused() -> None:
    with pytest.raises(UserError, match="download"):
        TransformersEngine(Family(Model("h", "h", ModelKind.HUB, "second-thoughts-tests/no-such-model")))


def test_a_device_that_is_not_here_is_refused(tiny_model: Path) -> None:
    if torch.cuda.is_available():
        return
    with pytest.raises(UserError, match="cuda"):
        TransformersEngine(Family(base_at(tiny_model)), device="cuda")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"temperature": -1.0}, "temperature"),
        ({"top_p": 0.0}, "top-p"),
        ({"top_k": -1}, "top-k"),
        ({"max_tokens": 0}, "one token"),
        ({"top": 21}, "20"),
        ({"banned": (192,)}, "192"),
        ({"banned": tuple(range(192))}, "banned"),
    ],
    ids=str,
)
def test_impossible_settings_are_refused(engine: TransformersEngine, asked: dict[str, object], message: str) -> None:
    request = Request("q", "tiny", tiny.QUESTIONS[0], Decoding(**asked))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=message):
        engine.check([request])
    (event,) = engine.generate([request])
    assert isinstance(event, Failed) and message in event.reason


def test_a_prefix_that_fills_the_response_is_refused(engine: TransformersEngine) -> None:
    request = Request("q", "tiny", tiny.QUESTIONS[0], Decoding(max_tokens=3), prefix="Maybe wait wait")
    with pytest.raises(UserError, match="3 tokens"):
        engine.check([request])


def test_what_cannot_be_scored_is_said(engine: TransformersEngine) -> None:
    assert engine.score("tiny", tiny.QUESTIONS[0], "") == []
    with pytest.raises(UserError, match="512"):
        engine.score("tiny", tiny.QUESTIONS[0], "Maybe" + " wait" * 600)
    with pytest.raises(UserError, match="zebra"):
        engine.score("tiny", tiny.QUESTIONS[0], "Maybe zebra")
    with pytest.raises(UserError, match="nobody"):
        engine.score("nobody", tiny.QUESTIONS[0], "Maybe")


def test_the_prefix_is_scored_as_score_does(engine: TransformersEngine) -> None:
    request = Request("q", "tiny-lora", tiny.QUESTIONS[2], Decoding(max_tokens=30), prefix="<think>\nMaybe wait number")
    (answer,) = gather(engine.generate([request])).values()
    forced = [token for token in answer.tokens if token.forced]
    scores = engine.score("tiny-lora", request.user, request.prefix)
    assert [t[:3] for t in forced] == [t[:3] for t in scores]
    assert [t.logprob for t in forced] == pytest.approx([t.logprob for t in scores], abs=1e-4)


def test_more_requests_than_rows_all_end(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Places are refilled as they fall free; each response is what it is alone."""
    monkeypatch.setattr("backend.engines.transformers.loading.rows_at_once", lambda decoder, wanted, tokens: 3)
    requests = [
        Request(f"{n}", ("tiny", "tiny-lora")[n % 2], tiny.QUESTIONS[n % 4], Decoding(max_tokens=3 + n % 7, seed=n))
        for n in range(14)
    ]
    events = list(engine.generate(requests))
    answers = gather(events)
    first = [event.key for event in events if isinstance(event, Piece)]
    assert sorted(dict.fromkeys(first), key=int) == list(dict.fromkeys(first)), "in the order they were asked"
    for request in requests:
        assert answers[request.key].text == gather(engine.generate([request]))[request.key].text


def test_a_closed_engine_says_so(tiny_model: Path) -> None:
    engine = TransformersEngine(Family(base_at(tiny_model)))
    assert isinstance(list(engine.generate([Request("q", "my base", "Use 1")]))[-1], Done)
    engine.close()
    with pytest.raises(UserError, match="closed"):
        list(engine.generate([replace(Request("q", "my base", "Use 1"))]))
