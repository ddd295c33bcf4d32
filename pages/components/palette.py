"""The colours of the project, light and dark, in one place.

Owns what each colour stands for: surfaces, the sides A and B (C and D where more runs are compared), right and
wrong, and the six cue groups with their letters. Gives them as values, as CSS custom properties and in the order of
the chart colours. Knows nothing of pages, figures or Streamlit itself.
`.streamlit/config.toml` repeats these values, because a theme can't be read from Python; a test compares the two.
Every colour used for text keeps a contrast of 4.5:1 (WCAG AA) on every surface of its theme.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from backend.domain import Group


@dataclass(frozen=True, slots=True)
class Palette:
    """One theme's colours as `#rrggbb`. `group` gives a cue group's colour."""

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


def series(palette: Palette) -> tuple[str, ...]:
    """The ten chart colours in the order of `chartCategoricalColors`: A, B, the six groups, right, wrong."""
    return (palette.a, palette.b, *palette.group.values(), palette.right, palette.wrong)


def css_variables(selector: str) -> str:
    """A CSS rule that gives `selector` every colour as `--sth-<name>`, both themes at once.

    `light-dark()` follows the `color-scheme` Streamlit sets on the app, so no script has to tell the themes apart;
    custom properties reach into shadow roots.
    """
    plain = ("background", "card", "soft", "ink", "mute", "line", "control", "a", "b", "c", "d", "right", "wrong")
    pairs = [(name, getattr(LIGHT, name), getattr(DARK, name)) for name in plain]
    pairs += [(f"group-{LETTERS[group].lower()}", LIGHT.group[group], DARK.group[group]) for group in Group]
    body = "\n".join(f"  --sth-{name}: light-dark({light}, {dark});" for name, light, dark in pairs)
    return f"{selector} {{\n{body}\n}}\n"
