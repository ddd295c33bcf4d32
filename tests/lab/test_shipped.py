"""The models that come with the project: whole, small, and what their README says they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from backend.lab import lab_model, tokenizer
from backend.lab.evaluate import cues, is_right, prompt
from backend.lab.finetune import sft
from backend.lab.lab_problems import problem_set
from backend.lab.sampler import sample

DATA = Path(__file__).resolve().parents[2] / "data" / "lab"
NAMES = ("lab-base", "lab-sft-unguided", "lab-sft-guided")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("name", NAMES)
def test_shipped_models_are_whole_and_small(name: str) -> None:
    files = {path.name: path.stat().st_size for path in (DATA / name).iterdir()}
    assert files.keys() >= {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        lab_model.CARD,
    }
    assert not [file for file in files if file.endswith((".bin", ".pt", ".pth", ".pkl", ".part"))]
    assert sum(files.values()) < 5_000_000
    loaded, words = lab_model.load(DATA / name)
    assert loaded.num_parameters() <= 1_500_000
    assert loaded.config.max_position_embeddings >= 1024 and loaded.config.head_dim in (32, 64)
    assert words.get_vocab() == tokenizer.build().get_vocab()
    assert json.loads((DATA / name / lab_model.CARD).read_text())["kind"] == name.removeprefix("lab-")


def figures(name: str, context: str, opening: str = "") -> tuple[float, float]:
    """Share of right responses and cues a response, on 50 held-out problems."""
    loaded, words = lab_model.load(DATA / name)
    problems = problem_set("lab-cd3-test")[:50]
    texts = sample(loaded, words, [prompt(p, context) for p in problems], seed=1, opening=opening)
    right = [is_right(p, text) for p, text in zip(problems, texts, strict=True)]
    return sum(right) / len(right), sum(map(cues, texts)) / len(texts)


def test_the_shipped_models_differ_as_told() -> None:
    base, base_cues = figures("lab-base", "none")
    full, full_cues = figures("lab-base", "full")
    guided, guided_cues = figures("lab-sft-guided", "none")
    forced, _ = figures("lab-sft-guided", "none", "<think>\nMaybe")
    assert 0.4 < base < 0.85 and base_cues > 4
    assert full > 0.85 and full_cues < 1
    assert guided < base - 0.1 and guided_cues < 1
    assert forced > guided + 0.1


@pytest.mark.stress
def test_fine_tuning_is_repeatable(tmp_path: Path) -> None:
    """Both arms run, and the same seed gives the same weights."""
    for out in ("one", "two"):
        sft(DATA / "lab-base", tmp_path / out, guided=True, steps=3, problems=12, seed=2)
    assert (tmp_path / "one/model.safetensors").read_bytes() == (tmp_path / "two/model.safetensors").read_bytes()
    assert (tmp_path / "one/model.safetensors").read_bytes() != (DATA / "lab-base/model.safetensors").read_bytes()
