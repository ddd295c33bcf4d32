"""Specs, plans and results as JSON: what the code before the codec wrote is read, and written again byte for byte."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from backend.codec import JsonRecord, decode, encode
from backend.config import Settings
from backend.distill.settings import TrainingSettings
from backend.distill.train_plan import TrainPlan
from backend.services.detection.detectors import DetectorSpec
from backend.services.generation.specs import ForkPoint, GenerationSpec, RunArm, ScoreSpec
from backend.services.reproduction.claims import ClaimResult
from backend.services.reproduction.reproducer import ReproductionSpec
from backend.services.reproduction.results import SHIPPED, load_shipped, write_shipped
from backend.services.training.training_specs import EvaluationSpec, TrainingSpec

KINDS: dict[str, type[JsonRecord]] = {
    kind.__name__: kind
    for kind in (
        *(
            GenerationSpec,
            ScoreSpec,
            TrainingSettings,
            TrainingSpec,
            ReproductionSpec,
            DetectorSpec,
            ClaimResult,
            TrainPlan,
        ),
    )
}
# A line a value: its class, and its JSON as the hand-written methods of November 2026 made it.
STORED = [json.loads(line) for line in Path(__file__).with_name("stored_json.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("stored", STORED, ids=lambda stored: stored["kind"])
def test_stored_json_comes_back_the_same(stored: dict[str, str]) -> None:
    raw = json.loads(stored["json"])
    value = KINDS[stored["kind"]].from_json(raw)
    plain = "\\u" in stored["json"] or stored["json"].isascii()
    assert json.dumps(value.to_json(), ensure_ascii=plain) == stored["json"]
    assert KINDS[stored["kind"]].from_json(value.to_json()) == value
    assert raw == json.loads(stored["json"]), "what is read from stays as it was"


def test_every_kind_has_an_example() -> None:
    assert {stored["kind"] for stored in STORED} == set(KINDS)


def test_values_are_of_their_classes_again() -> None:
    full = next(GenerationSpec.from_json(json.loads(one["json"])) for one in STORED if "Maybe" in one["json"])
    assert isinstance(full.arms, tuple) and isinstance(full.arms[0], RunArm) and isinstance(full.fork, ForkPoint)
    assert full.decoding.stop == ("</think>", "\n\n") and full.decoding.seed == 2**70
    asked = [TrainingSpec.from_json(json.loads(one["json"])) for one in STORED if one["kind"] == "TrainingSpec"]
    assert any(isinstance(one, EvaluationSpec) and one.limit == 40 for spec in asked for one in spec.evaluations)


def test_fields_that_are_missing_have_their_defaults_and_unknown_ones_are_refused() -> None:
    assert ScoreSpec.from_json({"run": "r", "model": "m"}) == ScoreSpec("r", "m")
    with pytest.raises(TypeError, match="shout"):
        ScoreSpec.from_json({"run": "r", "model": "m", "shout": True})
    with pytest.raises(TypeError, match="model"):
        ScoreSpec.from_json({"run": "r"})
    with pytest.raises(ValueError, match="upside down"):
        ScoreSpec.from_json({"run": "r", "model": "m", "context": "upside down"})


class Colour(StrEnum):
    RED = "red"


class Pair(NamedTuple):
    name: str
    colour: Colour | None = None
    more: dict[str, Any] | None = None


def test_named_tuples_and_lists_of_them() -> None:
    pairs = [Pair("a", Colour.RED, {"n": 1}), Pair("b")]
    raw = encode(pairs)
    assert raw == [{"name": "a", "colour": "red", "more": {"n": 1}}, {"name": "b", "colour": None, "more": None}]
    assert type(raw[0]["colour"]) is str
    assert decode(list[Pair], json.loads(json.dumps(raw))) == pairs


def test_shipped_results_are_written_as_they_were_read(tmp_path: Path) -> None:
    shipped = Settings().lab / SHIPPED
    runs = json.loads(shipped.read_text("utf-8"))["runs"]
    write_shipped(load_shipped(shipped), tmp_path / "again.json", runs)
    assert (tmp_path / "again.json").read_bytes() == shipped.read_bytes()
