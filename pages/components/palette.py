"""The project's colours as pages need them: CSS custom properties, the order of chart colours, the groups' letters.

The values are those of `backend.report.colours`. `.streamlit/config.toml` repeats them because a theme can't be read
from Python; a test compares the two.
"""

from backend.domain import Group
from backend.report.colours import DARK, LETTERS, LIGHT, Palette


def series(palette: Palette) -> tuple[str, ...]:
    """The ten chart colours in the order of the theme's `chartCategoricalColors`: A, B, six groups, right, wrong."""
    return (palette.a, palette.b, *palette.group.values(), palette.right, palette.wrong)


def css_variables(selector: str) -> str:
    """A CSS rule that gives `selector` every colour as `--sth-<name>`, both themes at once."""
    plain = ("background", "card", "soft", "ink", "mute", "line", "control", "a", "b", "c", "d", "right", "wrong")
    pairs = [(name, getattr(LIGHT, name), getattr(DARK, name)) for name in plain]
    pairs += [(f"group-{LETTERS[group].lower()}", LIGHT.group[group], DARK.group[group]) for group in Group]
    # light-dark() follows the `color-scheme` that Streamlit sets on the app: no script has to tell the themes apart,
    # and custom properties, unlike rules, reach into the components' shadow roots.
    body = "\n".join(f"  --sth-{name}: light-dark({light}, {dark});" for name, light, dark in pairs)
    return f"{selector} {{\n{body}\n}}\n"
