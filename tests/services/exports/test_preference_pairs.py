"""Preference pairs: which responses a rule pairs, what it leaves out, and that TRL's trainers take the file."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import hypothesis.strategies as st
import pytest
from hypothesis import given

from backend.domain import TraceFilter, UserError
from backend.services import Services
from backend.services.exports.preference_pairs import Candidate, PairRule, Preference, choose_pairs
from tests.engines.tiny import save_model
from tests.services.made_files import row, take_one, write

RULE = PairRule(ended=False)
DOUBTING = replace(RULE, prefer=Preference.DOUBTING)
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        trace=st.uuids().map(str),
        problem=st.sampled_from("pq"),
        right=st.sampled_from([True, False, None]),
        per_1k=st.sampled_from([None, 0.0, 4.0, 5.0, 20.0]),
        finish=st.sampled_from(["stop", "length", "unknown"]),
        text=st.sampled_from("abcdefgh"),
        prompt=st.sampled_from(["", "hint"]),
    ),
    max_size=14,
)
RULES = st.builds(
    PairRule,
    prefer=st.sampled_from(Preference),
    margin=st.sampled_from([0.0, 5.0]),
    ended=st.booleans(),
    same_prompt=st.booleans(),
    right_only=st.booleans(),
    most=st.integers(1, 5),
)


@given(CANDIDATES, RULES)
def test_every_pair_keeps_the_rule(candidates: list[Candidate], rule: PairRule) -> None:
    pairs, left = choose_pairs(candidates, rule)
    for chosen, rejected in pairs:
        assert chosen.problem == rejected.problem and chosen.right is not None and rejected.right is not None
        assert not rule.ended or chosen.finish == rejected.finish == "stop"
        assert not rule.same_prompt or chosen.prompt == rejected.prompt
        if rule.prefer is Preference.RIGHT:
            assert chosen.right and not rejected.right
            continue
        assert chosen.right is rejected.right and (chosen.right or not rule.right_only)
        assert chosen.per_1k is not None and rejected.per_1k is not None
        apart = (chosen.per_1k - rejected.per_1k) * (1 if rule.prefer is Preference.DOUBTING else -1)
        assert apart > 0 and apart >= rule.margin
    named = [(chosen.trace, rejected.trace) for chosen, rejected in pairs]
    assert len(set(named)) == len(named)
    for problem in "pq":
        assert sum(chosen.problem == problem for chosen, _ in pairs) <= rule.most
    unknown = sum(each.right is None for each in candidates)
    assert left.reasons["responses whose verdict is unknown"] == unknown


def test_each_response_is_taken_once_before_any_twice() -> None:
    some = [
        Candidate(f"{right}{n}", "p", right, 1.0, "stop", f"{right}{n}", "")
        for right in (True, False)
        for n in (1, 2, 3)
    ]
    pairs, left = choose_pairs(some, replace(RULE, most=3))
    assert len({chosen.trace for chosen, _ in pairs}) == len({rejected.trace for _, rejected in pairs}) == 3
    assert left.reasons["pairs beyond the most of a problem"] == 6


@pytest.fixture
def run(services: Services, tmp_path: Path) -> str:
    """Two problems with right and wrong, doubting and curt responses."""
    doubts = "Wait, maybe not. Hmm, perhaps so. " * 2
    rows = [
        row("What is 1 + 1?", doubts + "\\boxed{2}", "It is \\boxed{2}", "It is \\boxed{3}"),
        row("What is 1 * 3?", "\\boxed{3}", "\\boxed{3}", doubts + "\\boxed{4}", gold="3"),
        row("Sing.", "La.", gold=None),
    ]
    return take_one(services, write(tmp_path / "in.jsonl", rows))


def written(services: Services, rule: PairRule, path: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The rows of an export, and what stands beside them."""
    services.exports.preferences(TraceFilter(), rule, path, force=True)
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    return rows, json.loads(path.with_name(f"{path.name}.rule.json").read_bytes())


def test_the_rule_and_the_counts_stand_beside_the_file(services: Services, run: str, tmp_path: Path) -> None:
    rows, beside = written(services, RULE, tmp_path / "pairs.jsonl")
    assert [(each["prompt"], each["rejected"][-9:]) for each in rows] == [
        *[("What is 1 + 1?", "\\boxed{3}")] * 2,
        ("What is 1 * 3?", "\\boxed{4}"),
    ]
    assert PairRule.from_json(beside["rule"]) == RULE and beside["pairs"] == len(rows) == 3
    assert beside["left_out"] == {"responses whose verdict is unknown": 1, "responses whose text is another's": 1}
    assert all(each["chosen_trace"].startswith(run) for each in rows)
    rows, _ = written(services, DOUBTING, tmp_path / "pairs.jsonl")
    assert [(each["chosen"][:4], each["rejected"][:2]) for each in rows] == [("Wait", "It")]
    rows, _ = written(services, replace(DOUBTING, prefer=Preference.CURT, right_only=False), tmp_path / "pairs.jsonl")
    assert [(each["chosen"][:2], each["rejected"][:4]) for each in rows] == [("It", "Wait")]


def test_a_rule_that_leaves_no_pair_says_what_it_left_out(services: Services, run: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="6 responses of unknown ending"):
        services.exports.preferences(TraceFilter(), PairRule(), tmp_path / "pairs.jsonl")
    assert not [*tmp_path.glob("pairs*")]
    with pytest.raises(UserError, match="at least one pair"):
        replace(RULE, most=0)


@pytest.mark.parametrize("conversational", [False, True])
def test_trl_takes_the_rows(services: Services, run: str, tmp_path: Path, conversational: bool) -> None:
    # Importing them takes seconds, which the tests of the rules needn't wait for.
    from trl import DPOConfig, DPOTrainer
    from trl.data_utils import is_conversational

    rule = replace(RULE, conversational=conversational)
    services.exports.preferences(TraceFilter(), rule, tmp_path / "pairs")
    rows = datasets.load_dataset(str(tmp_path / "pairs"), split="train", cache_dir=str(tmp_path / "cache"))
    assert (tmp_path / "pairs" / "rule.json").is_file() and rows.num_rows == 3
    assert is_conversational(rows[0]) is conversational
    model = save_model(tmp_path / "model", hidden=32, layers=1)
    settings = DPOConfig(
        str(tmp_path / "out"), max_steps=1, report_to="none", use_cpu=True, bf16=False, save_strategy="no"
    )
    trainer = DPOTrainer(str(model), args=settings, train_dataset=rows)
    assert trainer.train_dataset.num_rows == 3
    assert math.isfinite(trainer.train().training_loss)
