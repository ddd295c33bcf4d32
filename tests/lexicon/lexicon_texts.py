"""Texts that provoke a matcher: cue words, their fragments and letters whose case, width or category is odd."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

LEXICONS = Path(__file__).resolve().parents[2] / "data" / "lexicons"

PIECES = [
    *("wait", "Hmm", "perhaps", "MAYBE", "actually", "Alternatively", "seems", "might", "likely", "check"),
    *("hmmight", "seemseems", "perhapseems", "wa", "it", "checK", "waİt", "İ", "ı", "ß", "ẞ", "ﬁ", "ǅ", "Σ", "ς"),
    *("e\u0301", "\u0301", "\u200d", "\ufe0f", "😀", "𝐰𝐚𝐢𝐭", "\ud800", "\x00", "\r\n"),
    *("\n", "\n\n", "\t", "\xa0", " ", "\u2028"),
    *("_", "-", "'", "’", "?", ".", ",", "\\", "1", "²", "等等", "也许", "不可能", "不对称", "我不确定", "的", "는"),
    *("I’m not sure", "let me double-check", "hold on", "equally likely", "checkerboard", "right?", "\\check{f}"),
]
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=25).map("".join)
