"""Sections of a response: every dialect of thinking, what is only quoted, and marks that nobody knows."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.domain import Section, UserError
from backend.lexicon.entries import load_all
from backend.lexicon.markers import markers
from backend.lexicon.matcher import Matcher
from backend.lexicon.sections import split_sections, unknown_markers
from tests.lexicon.lexicon_texts import LEXICONS

TAGS = Path(__file__).resolve().parents[3] / "shared" / "data" / "cases" / "faults" / "think-tags"

pieces = st.sampled_from(
    [
        *(
            "<think>",
            "</think>",
            "[THINK]",
            "[/THINK]",
            "<|channel|>analysis<|message|>",
            "<|end|>",
            "think\n",
            "\nanswer\n",
        ),
        *("a", " ", "\n", "😀", "<think", "think>", "`", "```", " tag", "<Think >", "◁/think▷", "</reasoning>"),
    ]
)


def cut(text: str, prompt: str = "") -> list[tuple[str, str]]:
    return [(span.section.value, text[span.start : span.end]) for span in split_sections(text, prompt)]


@pytest.mark.parametrize(
    ("text", "prompt", "expected"),
    [
        ("", "", []),
        ("plain", "", [("response", "plain")]),
        ("<think>a</think>b", "", [("think", "<think>a</think>"), ("answer", "b")]),
        ("\n<think>a</think>b", "", [("think", "\n<think>a</think>"), ("answer", "b")]),
        ("Hi <think>a</think>b", "", [("answer", "Hi "), ("think", "<think>a</think>"), ("answer", "b")]),
        ("a</think>b", "", [("think", "a</think>"), ("answer", "b")]),
        ("<think>a", "", [("think", "<think>a")]),
        ("cut off", "Q<think>\n", [("think", "cut off")]),
        ("a</think>b", "Q<think>", [("think", "a</think>"), ("answer", "b")]),
        ("a<think>b</think>c", "Q<think>", [("think", "a<think>b</think>"), ("answer", "c")]),
        ("b", "<think>\n\n</think>\n\n", [("answer", "b")]),
        ("a</think>b</think>c", "", [("think", "a</think>"), ("answer", "b</think>c")]),
        (
            "<think>a</think>b<think>c</think>d",
            "",
            [("think", "<think>a</think>"), ("answer", "b"), ("think", "<think>c</think>"), ("answer", "d")],
        ),
        ("<think>a<think>b</think>c", "", [("think", "<think>a<think>b</think>"), ("answer", "c")]),
        ("</think>", "", [("think", "</think>")]),
        ("<think></think>b", "", [("think", "<think></think>"), ("answer", "b")]),
        # Models mix two dialects; a tag opened and closed within a thought of another is a word of the model.
        ("<thinking>a</think>b", "", [("think", "<thinking>a</think>"), ("answer", "b")]),
        ("<think>a <reasoning>b</reasoning> c", "", [("think", "<think>a <reasoning>b</reasoning> c")]),
        ("<think>a [/THINK] b</think>c", "", [("think", "<think>a [/THINK] b</think>"), ("answer", "c")]),
        ("a", "Q<|start|>assistant<|channel|>analysis<|message|>", [("think", "a")]),
        ("a", "Q [THINK]\n", [("think", "a")]),
    ],
)
def test_examples(text: str, prompt: str, expected: list[tuple[str, str]]) -> None:
    assert cut(text, prompt) == expected


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        *(
            ("<think>", "</think>"),
            ("<THINK>", "</Think>"),
            ("< think >", "</ think >"),
            ('<think id="1">', "</think>"),
        ),
        *(
            ("&lt;think&gt;", "&lt;/think&gt;"),
            ("<think>", "<\\/think>"),
            ("<thinking>", "</thinking>"),
            ("<thought>", "</thought>"),
        ),
        *(("<reasoning>", "</reasoning>"), ("<mm:think>", "</mm:think>"), ("<seed:think>", "</seed:think>")),
        *(
            ("[THINK]", "[/THINK]"),
            ("[think]", "[/think]"),
            ("◁think▷", "◁/think▷"),
            ("<unused94>thought\n", "<unused95>"),
        ),
        *(("<|channel>thought\n", "<channel|>"), ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>")),
        ("<|begin_of_thought|>\n\n", "\n\n<|end_of_thought|>\n\n<|begin_of_solution|>"),
        ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
        ("<|start|>assistant<|channel|>analysis<|message|>", "<|end|>\n<|start|>assistant<|channel|>final<|message|>"),
        ('<details type="reasoning" done="true" duration="6">', "</details>"),
        *(("Here is my thought process:\n", "\nHere is my response:"), ("## Thinking\n", "\n## Final Response")),
        *(("think\n", "\nanswer"), ("think\n", "\n</think>"), ("thought\n", "\nfinal answer")),
        *(("<|im_start|>think\n", "\n<|im_start|>answer"), ("<|im_start|>assistant\n<think>", "</think>")),
        *(
            ("<|thinking|>", "<|/thinking|>"),
            ("<｜begin▁of▁thinking｜>", "<｜end▁of▁thinking｜>"),
            ("analysis", "assistantfinal"),
            ("<|think|>", "<|end|><|begin|>assistant<|content|>"),
            ("<|inner_prefix|>", "<|inner_suffix|>"),
            ("<｜think｜>", "<｜end｜>"),
        ),
    ],
)
def test_dialects(opening: str, closing: str) -> None:
    thought = "Hmm 😀, wait. Is 1 < 2?"
    assert cut(f"{opening}{thought}{closing}\n42") == [("think", opening + thought + closing), ("answer", "\n42")]
    if opening != "analysis":
        assert cut(opening + thought) == [("think", opening + thought)]


@pytest.mark.parametrize("path", sorted(TAGS.glob("*.jsonl")) or [TAGS], ids=lambda path: path.stem)
def test_shared_dialects_keep_their_doubts_in_the_thinking(path: Path) -> None:
    if path == TAGS:
        pytest.skip(f"{TAGS} is absent")
    text = json.loads(path.read_text())["messages"][-1]["content"]
    (think, answer), doubts = split_sections(text), Matcher(load_all(LEXICONS)["doubts"])
    thought, said = text[think.start : think.end], text[answer.start : answer.end]
    assert "Hmm, wait. Maybe 41? Let me check." in thought and "\\boxed{42}" in said and "boxed" not in thought
    assert len(doubts.find(thought)) >= 3 and not doubts.find(said)  # how many are doubts is the list's business


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Use the <think> tag.",
            "Put it in <think>...</think> tags, then answer.",
            "`<think>` opens it.",
            "I <think> so",
        ),
        *(
            "Write “<thinking>” and “</thinking>”.",
            "So:\n```html\n<think>a</think>\n```\nis all.",
            "the `</think>` tag",
        ),
        *("thinking about it\nhelps", "The answer\nanswer\n42", "It ends.<|end|>", "think hard", "x <|return|>"),
    ],
)
def test_a_quoted_tag_is_no_border(text: str) -> None:
    assert cut(text) == [("response", text)]


def test_a_quoted_tag_ends_no_thought() -> None:
    thought = "<think>I must close with the `</think>` tag, “</think>”.</think>"
    assert cut(thought + "42") == [("think", thought), ("answer", "42")]
    assert cut("```\n<think>a</think>b\n```")[1] == ("think", "<think>a</think>")


@settings(deadline=None)
@given(
    text=st.one_of(st.text(), st.lists(pieces, max_size=12).map("".join)),
    prompt=st.sampled_from(["", "Q", "Q<think>", "<think> \n", "[THINK]", "a</think>"]),
)
def test_sections_tile_the_text(text: str, prompt: str) -> None:
    spans = split_sections(text, prompt)
    assert "".join(text[span.start : span.end] for span in spans) == text
    assert all(span.start < span.end for span in spans)
    marked = list(markers().find(text))
    for left, right in pairwise(spans):
        assert left.end == right.start
        if left.section is right.section:  # two thoughts with nothing between them
            assert {left.end} <= {mark.end for mark in marked} and right.start in {mark.start for mark in marked}
    if any(span.section is Section.RESPONSE for span in spans):
        assert len(spans) == 1
    if not marked and text:
        wanted = {"": Section.RESPONSE, "Q": Section.RESPONSE, "a</think>": Section.ANSWER}.get(prompt, Section.THINK)
        assert [span.section for span in spans] == [wanted]
    unknown_markers(text, prompt)


def test_tags_that_might_mark_thinking_are_named() -> None:
    assert unknown_markers("<ponder>hm</ponder>42 <ponder>a</ponder>") == {"<ponder>"}
    assert unknown_markers("[REASON] hm [/REASON] 42") == unknown_markers("[REASON] hm") == {"[REASON]"}
    assert unknown_markers("<|begin_of_x|>hm<|end_of_x|>42") == {"<|begin_of_x|>"}
    assert unknown_markers("◁muse▷hm") == {"◁muse▷"}
    assert unknown_markers("<think><ponder>hm</ponder></think>42") == frozenset()
    plain = "<b>x</b> [asy]d[/asy] vector<int> see [NOTE] <answer>4</answer> <|im_end|> </p> if a<b>c [A] <think> `x`"
    assert unknown_markers(plain) == frozenset()


def test_a_table_of_ones_own_lies_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "markers").mkdir()
    table = tmp_path / "markers" / "own.yaml"
    table.write_text("markers: [{open: <ponder>, close: [</ponder>, '[done]']}]")
    monkeypatch.setenv("SECOND_THOUGHTS_LEXICONS", str(tmp_path))
    markers.cache_clear()
    try:
        assert cut("<ponder>a[DONE]b") == [("think", "<ponder>a[DONE]"), ("answer", "b")]
        assert cut("<think>a</think>b")[0][0] == "think" and load_all(tmp_path) == {}
        for bad in ("markers: 3", "markers: [{open: 3, close: a}]", "markers: [{opening: a}]", "a: [", "- 1"):
            table.write_text(bad)
            markers.cache_clear()
            with pytest.raises(UserError, match=r"own\.yaml"):
                cut("a")
    finally:
        markers.cache_clear()
