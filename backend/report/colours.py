"""The project's colours, light and dark, as values: surfaces, the sides A to D, right and wrong, the six cue groups.

Owns what each colour stands for. `.streamlit/config.toml` repeats the values; a test compares the two. Every colour
used for text keeps a contrast of 4.5:1 (WCAG 2.2 AA) on every surface of its theme.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from backend.domain import Group

# A colour is never the only sign of a group: this letter stands beside it.
LETTERS: Mapping[Group, str] = MappingProxyType(
    {
        Group.SELF_CORRECTION: "C",
        Group.HEDGE: "M",
        Group.ALTERNATIVE: "A",
        Group.VERIFICATION: "V",
        Group.HESITATION: "H",
        Group.IGNORANCE: "U",
    }
)


@dataclass(frozen=True, slots=True)
class Palette:
    """One theme's colours as `#rrggbb`. `group` maps a cue group to its colour."""

    background: str
    card: str
    soft: str
    ink: str
    mute: str
    line: str
    control: str
    a: str
    b: str
    c: str
    d: str
    right: str
    wrong: str
    group: Mapping[Group, str]


LIGHT = Palette(
    background="#fbfaf7",
    card="#ffffff",
    soft="#f3f1ec",
    ink="#1d2026",
    mute="#646b78",
    line="#e6e3dc",
    control="#858b96",
    a="#3d4657",
    b="#4338ca",
    c="#0f6b66",
    d="#855114",
    right="#2a7a52",
    wrong="#b83a3a",
    group=MappingProxyType(
        {
            Group.SELF_CORRECTION: "#c23b50",
            Group.HEDGE: "#9a600c",
            Group.ALTERNATIVE: "#1f6fad",
            Group.VERIFICATION: "#2a7a52",
            Group.HESITATION: "#7b4fb0",
            Group.IGNORANCE: "#596275",
        }
    ),
)

DARK = Palette(
    background="#15171c",
    card="#1b1e25",
    soft="#20242c",
    ink="#e8e6e1",
    mute="#9aa1ad",
    line="#2b2f38",
    control="#717886",
    a="#aab4c5",
    b="#9d98ff",
    c="#67d3c8",
    d="#dfae77",
    right="#6fd8a0",
    wrong="#ff8c8c",
    group=MappingProxyType(
        {
            Group.SELF_CORRECTION: "#ff8595",
            Group.HEDGE: "#f2c14e",
            Group.ALTERNATIVE: "#7cc4ff",
            Group.VERIFICATION: "#6fd8a0",
            Group.HESITATION: "#cda7f5",
            Group.IGNORANCE: "#b8c0cf",
        }
    ),
)
