"""A trained detector: the same cues from the same text everywhere, and the interface of a lexicon's engine."""

from __future__ import annotations

import copy
import itertools
import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backend.annotation import DEFAULT_SCHEME, LabelKind, Span
from backend.config import ROOT
from backend.detect import decoding
from backend.detect.cross_validation import folds, out_of_fold, trial
from backend.detect.detector import Detector
from backend.detect.examples import Example, unit_of
from backend.detect.features import REACH
from backend.detect.linear_model import DetectorModel, Unit
from backend.detect.tokens import sentence_spans
from backend.detect.training import DetectorTrainer
from backend.domain import Group, UserError
from backend.lexicon.entries import load
from backend.lexicon.matcher import Matcher
from pages.components.live.live_stream import GrowingText

WORDS = load(ROOT / "data" / "lexicons" / "doubts.yaml")
LABELS = {label.key: label for label in DEFAULT_SCHEME.labels}
HEDGES = (LABELS["hedge"], LABELS["hesitation"])
# "may" is a cue before a verb, and a month after "in"; "hmm" always is; "I guess that" is three words.
PATTERNS = (
    ("The NOUN {may} VERB for {n}.", "hedge"),
    ("It VERBed in may of {n}.", ""),
    ("{Hmm}, the value is {n}.", "hesitation"),
    ("{I guess that} {n} is even.", "hedge"),
    ("They guess a number near {n}.", ""),
    ("So the answer is {n}.", ""),
)

NOUNS, VERBS = ("sum", "proof", "angle", "claim", "number"), ("hold", "fail", "end", "last", "repeat")


def examples(count: int, seed: int = 1, source: Callable[[int], str] = str) -> list[Example]:
    """Texts of eight sentences each, with their cues."""
    draw, made = random.Random(seed), []
    for number in range(count):
        text, spans = "", []
        for pattern, label in draw.choices(PATTERNS, k=8):
            sentence = pattern.replace("{n}", str(draw.randint(2, 99))).replace("NOUN", draw.choice(NOUNS))
            sentence = sentence.replace("VERB", draw.choice(VERBS))
            if label:
                start, end = sentence.index("{"), sentence.index("}") - 1
                spans.append(Span(len(text) + start, len(text) + end, label))
            text += sentence.replace("{", "").replace("}", "") + draw.choice((" ", "\n", "\n\n"))
        made.append(Example(text, tuple(spans), source(number)))
    return made


@pytest.fixture(scope="module")
def detector() -> Detector:
    """Learned from forty such texts."""
    return trial(DetectorTrainer(examples(40), HEDGES, Unit.SPANS, WORDS).fit())


def marked(detector: Detector, text: str) -> list[tuple[str, str]]:
    return [(text[start:end], detector.forms[form]) for form, start, end in detector.find(text)]


def test_context_decides(detector: Detector) -> None:
    assert marked(detector, "The proof may fail. It rained in may of 7.") == [("may", "learned: hedge")]
    text = "Hmm, the value is 5.\nI guess that 4 is even."
    assert marked(detector, text) == [("Hmm", "learned: hesitation"), ("I guess that", "learned: hedge")]
    fresh = examples(30, seed=9)
    right = sum(sorted((a, b) for _, a, b in detector.find(x.text)) == sorted(s[:2] for s in x.spans) for x in fresh)
    assert right == len(fresh)


def test_it_stands_in_for_a_lexicons_engine(detector: Detector) -> None:
    matcher = Matcher(WORDS)
    for name in ("lexicon", "forms", "entry_of"):
        assert type(getattr(detector, name)) is type(getattr(matcher, name))
    assert [entry.group for entry in detector.entry_of] == [Group.HEDGE, Group.HESITATION]
    assert detector.count("Hmm, the value is 5.") == {"learned: hedge": 0, "learned: hesitation": 1}
    assert detector.lexicon.id.startswith("trial@") and detector.lexicon.learned == detector.model.digest
    assert detector.find("") == detector.find(" \n\n ") == []


PIECES = st.sampled_from(
    [
        "may ",
        "hmm, ",
        "I guess that ",
        "in may ",
        ". ",
        "\n\n",
        "\n",
        "wait ",
        "\u0301",
        "İ",
        "等",
        "🤔",
        "\ud800",
        "\0",
        "5",
    ]
)


@settings(max_examples=100)
@given(st.lists(PIECES | st.text(max_size=5), max_size=30).map("".join))
@example("may" * 30)
@example("e\u0301 may hold\r\n\u2028\u00a0hmm")
def test_offsets_hold_whatever_the_unicode(detector: Detector, text: str) -> None:
    found = detector.find(text)
    free = 0
    for form, start, end in found:
        assert free <= start < end <= len(text) and 0 <= form < len(detector.forms)
        assert text[start:end] == text[start:end].strip()
        free = end
    assert found == detector.find(text)


@settings(max_examples=100)
@given(st.lists(PIECES, max_size=30).map("".join), st.integers(0, 10))
def test_nothing_reaches_over_a_blank_line(detector: Detector, text: str, number: int) -> None:
    """What live highlighting builds on: it searches a growing text anew from its last blank line only."""
    cuts = [i + 2 for i in range(len(text) - 1) if text[i : i + 2] == "\n\n"]
    if cuts:
        cut = cuts[number % len(cuts)]
        after = [(form, start + cut, end + cut) for form, start, end in detector.find(text[cut:])]
        assert detector.find(text) == detector.find(text[:cut]) + after


@given(st.lists(PIECES, max_size=30))
def test_it_marks_a_text_that_grows_as_it_marks_the_whole(detector: Detector, pieces: list[str]) -> None:
    growing, text = GrowingText(detector), ""
    for piece in pieces:
        text += piece
        growing.add(piece)
        assert [mark[:2] for mark in growing.marks] == [hit[1:] for hit in detector.find(text)]


def test_a_long_trace_is_found_in_as_in_its_parts(detector: Detector) -> None:
    part = examples(1, seed=5)[0].text.rstrip() + "\n\n"
    once = detector.find(part)
    whole = detector.find(part * 600)
    assert len(part * 600) > 100_000 and len(whole) == 600 * len(once)
    assert whole[-1] == (once[-1][0], once[-1][1] + 599 * len(part), once[-1][2] + 599 * len(part))


def test_weights_are_plain_json(detector: Detector) -> None:
    raw = json.loads(json.dumps(detector.model.to_json()))
    again = DetectorModel.from_json(raw)
    assert again == detector.model and again.digest == detector.model.digest
    text = "The proof may fail. Hmm, the value is 5."
    assert trial(again).find(text) == detector.find(text)
    other = copy.deepcopy(raw)
    other["bias"][0] += 1
    assert DetectorModel.from_json(other).digest != again.digest


def test_learning_twice_gives_the_same_weights(detector: Detector) -> None:
    assert DetectorTrainer(examples(40), HEDGES, Unit.SPANS, WORDS).fit() == detector.model


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("form",), 99),
        (("unit",), "pages"),
        (("bias",), [1]),
        (("bias", 0), 1e9),
        (("bias", 0), "1"),
        (("labels",), []),
        (("labels", 0, 2), "no such group"),
        (("tables", 0, "template"), [["no such attribute", 0]]),
        (("tables", 0, "template"), [["word", REACH + 1]]),
        (("tables", 0, "weights"), []),
        (("tables", 0), None),
        (("lexicon",), {"name": "Bad name"}),
    ],
)
def test_broken_weights_are_a_sentence(detector: Detector, path: tuple[Any, ...], value: object) -> None:
    raw: Any = json.loads(json.dumps(detector.model.to_json()))
    place = raw
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(UserError, match=r"\.$"):
        DetectorModel.from_json(raw, "mine")


def test_doubt_is_where_the_weights_are_undecided(detector: Detector) -> None:
    text = "So the answer is 7. It may may guess in hmm may that."
    cut = text.index("It")
    sure, unsure, whole = detector.expected_errors(text, [(0, cut), (cut, len(text)), (0, len(text))])
    assert 0 <= sure < unsure and whole == pytest.approx(sure + unsure)
    assert detector.expected_errors("", [(0, 0)]) == [0.0] and detector.expected_errors("word", [(4, 4)]) == [0.0]


# -- decoding ---------------------------------------------------------------------------------------


@given(st.lists(st.lists(st.integers(-900, 900), min_size=5, max_size=5), max_size=12))
def test_the_best_way_is_the_best(rows: list[list[int]]) -> None:
    """Against every way there is, for short texts: no further word without a first one, and the highest sum."""
    rows = rows[:5]
    scores = np.array(rows, dtype=np.int64).reshape(-1, 5)
    found = decoding.spans(scores, np.zeros(len(rows), dtype=np.int64))
    ways: dict[int, int] = {}
    for label, first, after in found:
        ways.update({first: 2 * label + 1} | dict.fromkeys(range(first + 1, after), 2 * label + 2))
    mine = sum(row[ways.get(i, 0)] for i, row in enumerate(rows))
    legal = (
        way
        for way in itertools.product(range(5), repeat=len(rows))
        if all(s == 0 or s % 2 or (i and way[i - 1] in (s - 1, s)) for i, s in enumerate(way))
        and all(s == 0 or max(rows[i][1:]) >= rows[i][0] - 400 for i, s in enumerate(way))
    )
    assert mine == max((sum(row[s] for row, s in zip(rows, way, strict=True)) for way in legal), default=0)


# -- learning ---------------------------------------------------------------------------------------


def test_folds_keep_a_source_together_and_do_not_depend_on_order() -> None:
    made = examples(30, source=lambda number: f"trace {number // 3}")
    parts = folds(made, 4)
    assert sorted(number for part in parts for number in part) == list(range(30))
    sources = [{made[number].source for number in part} for part in parts]
    assert not any(a & b for i, a in enumerate(sources) for b in sources[:i])
    cues = [sum(len(made[number].spans) for number in part) for part in parts]
    assert max(cues) - min(cues) <= max(len(x.spans) for x in made) * 3
    turned = made[::-1]
    assert [{turned[n].source for n in part} for part in folds(turned, 4)] == sources
    with pytest.raises(UserError, match="at least two"):
        folds(made[:3], 4)


def test_out_of_fold_tells_what_it_gets_right_unseen() -> None:
    trainer = DetectorTrainer(examples(20), HEDGES, Unit.SPANS, WORDS)
    told: list[int] = []
    found = out_of_fold(trainer, folds(trainer.examples, 4), told.append)
    assert told == [0, 1, 2, 3]
    right = sum(
        sorted((a, b) for _, a, b in hits) == sorted(s[:2] for s in x.spans)
        for hits, x in zip(found, trainer.examples, strict=True)
    )
    assert right >= 18


def test_what_lies_outside_the_window_is_not_learned_from() -> None:
    """An item is a stretch of a trace: what its people weren't asked about says nothing, cue or not."""
    seen = "The sum may hold for 4. Hmm, the value is 5. So the answer is 7. "
    outside = "Zounds, that may be it. Zounds, the sum. "
    cues = (Span(8, 11, "hedge"), Span(24, 27, "hesitation"))
    made = [Example(seen + outside * 3, cues, str(i), 0, len(seen)) for i in range(6)]
    model = DetectorTrainer(made, HEDGES, Unit.SPANS, None).fit()
    assert not any("zounds" in values for table in model.tables for values in table.values)
    assert [text for text, _ in marked(trial(model), seen)] == ["may", "Hmm"]


def test_nothing_to_learn_from_is_a_sentence() -> None:
    with pytest.raises(UserError, match="nothing to learn from"):
        DetectorTrainer([Example("no cue here", (), "a"), Example("none", (), "b")], HEDGES, Unit.SPANS, WORDS).fit()


def test_labels_that_no_text_has_are_never_found() -> None:
    labels = tuple(DEFAULT_SCHEME.positive)
    detector = trial(DetectorTrainer(examples(20), labels, Unit.SPANS, WORDS).fit())
    assert detector.model.states == 13 and [e.group for e in detector.entry_of] == list(Group)
    found = {detector.forms[form] for x in examples(10, seed=3) for form, _, _ in detector.find(x.text)}
    assert found == {"learned: hedge", "learned: hesitation"}


def test_overlapping_labels_are_learned_from_left_to_right() -> None:
    text = "I guess that it may hold. So it is 4. "
    spans = (Span(0, 12, "hedge"), Span(2, 7, "hesitation"), Span(16, 19, "hedge"))
    model = DetectorTrainer([Example(text, spans, str(i)) for i in range(4)], HEDGES, Unit.SPANS, None).fit()
    assert [part for part, _ in marked(trial(model), text)] == ["I guess that", "may"]


def test_whole_sentences_are_told_and_learned_as_such() -> None:
    made = []
    for number in range(30):
        text = (
            f"We compute {number} first of all here. Wait, is {number} really right here? So it is {number + 1} then."
        )
        (a, b) = sentence_spans(text)[1]
        made.append(Example(text, (Span(a, b, "checks"),), str(number)))
    assert unit_of(made) is Unit.SENTENCES and unit_of(examples(10)) is Unit.SPANS and unit_of([]) is Unit.SPANS
    kind = LabelKind("checks", "checks itself")
    detector = trial(DetectorTrainer(made, (kind,), Unit.SENTENCES, WORDS).fit())
    text = "It is 5 then. Wait, is 77 really right here?\n\nSo it is 9."
    assert marked(detector, text) == [("Wait, is 77 really right here?", "learned: checks itself")]
    assert detector.entry_of[0].group is Group.HEDGE, "a label that stands for no group is counted among the hedges"
    assert DetectorModel.from_json(json.loads(json.dumps(detector.model.to_json()))) == detector.model
    assert len(detector.expected_errors(text, [(0, 13), (14, len(text))])) == 2
