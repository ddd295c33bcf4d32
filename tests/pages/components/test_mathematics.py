"""Formulas found in text and made into MathML: disjoint, of listed elements alone, and bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.components.viewer.mathematics import ELEMENTS, MAX_FORMULAS, convert, find_formulas, mathematics


@given(st.text(alphabet=st.sampled_from("$\\()[]{}ab 5^_\n")))
def test_formulas_are_disjoint_stretches_between_their_delimiters(text: str) -> None:
    reach = 0
    for formula in find_formulas(text):
        assert reach <= formula.start < formula.end <= len(text)
        cut = text[formula.start : formula.end]
        assert formula.body and formula.body in cut and cut[0] in "$\\"
        reach = formula.end


@given(st.text(alphabet=st.sampled_from("\\{}^_&abfrctqnhe<>$\u202e\x1b 1"), max_size=60))
def test_whatever_is_drawn_is_on_the_list(latex: str) -> None:
    def tags(tree: tuple[object, ...]) -> set[object]:
        below = [tags(child) for child in tree[2:] if isinstance(child, tuple)]
        return {tree[0]}.union(*below)

    tree = convert(latex, False)
    assert tree is None or tags(tree) <= ELEMENTS


@pytest.mark.parametrize(
    "latex",
    [
        r"\href{javascript:alert(1)}{y}",
        r"\style{color:red}{b}",
        r"\class{pane}{b}",
        r"\color{white}{x}",
        r"\hspace{9999em} x",
    ],
)
def test_attributes_that_reach_outside_are_dropped(latex: str) -> None:
    tree = convert(latex, False)
    assert tree is not None
    assert not any(word in repr(tree) for word in ("javascript", "href", "'style'", "class", "white", "9999"))


def test_macros_depth_and_number_are_bounded() -> None:
    assert convert(r"\def\a{xx}\a", False) is None
    assert convert("{" * 200 + "x" + "}" * 200, False) is None
    assert convert("x\u202ey", False) is None
    found = mathematics(" ".join(f"$x_{{{number}}}$" for number in range(MAX_FORMULAS + 5)))
    assert (len(found.spans), found.left) == (MAX_FORMULAS, 5)
