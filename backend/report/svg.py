"""SVG of a report's figures: lines with whiskers, and horizontal bars, drawn with the standard library alone.

Owns scales, ticks and marks. Colours are CSS classes; `style` gives them for light and dark, so that a figure follows
its reader's theme in a report and as a file of its own.
"""

import math
from collections.abc import Callable, Sequence
from html import escape

from backend.domain import visible
from backend.report.colours import DARK, LIGHT
from backend.report.model import Bars, Curves, Figure, Line, Picture, Point, SeriesRole, known
from backend.report.numbers import Form, number

WIDTH = 560
_HEIGHT, _LEFT, _RIGHT, _TOP = 250, 58, 14, 12
_ROW, _BAR = 13, 10
_SEEDS_OPACITY = 0.32
_DASHES = {"solid": "", "dash": "7 4", "dot": "2 3", "dashdot": "7 3 2 3"}
_COLOURS = ("background", "ink", "mute", "line", "a", "b", "c", "d", "right", "wrong")
# No report has a line in SeriesRole.WRONG; a rule for it would be dead weight in every one of them.
_STROKES = {
    SeriesRole.BASE: "a",
    SeriesRole.FIRST: "b",
    SeriesRole.SECOND: "c",
    SeriesRole.THIRD: "d",
    SeriesRole.OTHER: "mute",
}


def style(selector: str = ":root") -> str:
    """CSS that gives `selector` every colour, the dark ones where the reader prefers dark, and the figures' classes."""
    light, dark = ("".join(f"--{name}:{getattr(theme, name)};" for name in _COLOURS) for theme in (LIGHT, DARK))
    strokes = "".join(
        f".s-{role}{{stroke:var(--{name})}}.f-{role}{{fill:var(--{name})}}" for role, name in _STROKES.items()
    )
    return (
        f"{selector}{{{light}color-scheme:light dark}}@media(prefers-color-scheme:dark){{{selector}{{{dark}}}}}"
        ".fig text{font:11px system-ui,sans-serif;fill:var(--mute)}.fig .name{fill:var(--ink)}"
        ".fig .grid{stroke:var(--line)}.fig .axis{stroke:var(--mute)}.fig .l{fill:none;stroke-width:2}"
        f".fig .thin{{stroke-width:1;opacity:{_SEEDS_OPACITY}}}.fig .open{{fill:none}}{strokes}"
    )


def svg(picture: Picture, *, alone: bool = False) -> str:
    """A figure as SVG; `alone` makes it a file of its own, with its title and colours inside."""
    body, height = _curves(picture) if isinstance(picture, Curves) else _bars(picture)
    title = f"<title>{_escaped(picture.title)}</title>"
    if not alone:  # in a page, which has the title above it and the colours in its style sheet
        return f'<svg class="fig" viewBox="0 0 {WIDTH} {height}" role="img">{title}{body}</svg>'
    heading = f'<text class="name" x="4" y="14" style="font-weight:600">{_escaped(picture.title)}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="fig" viewBox="0 -24 {WIDTH} {height + 24}" width="{WIDTH}" '
        f'height="{height + 24}">{title}<style>{style("svg")}</style><rect y="-24" width="100%" height="100%" '
        f'style="fill:var(--background)"/><g transform="translate(0 -22)">{heading}</g>{body}</svg>\n'
    )


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from at most `low` to at least `high`, about `most` of them.

    Steps are 1, 2 or 5 times a power of ten (Heckbert 1990, "Nice numbers for graph labels", Graphics Gems).
    """
    span = (high - low) or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(span / (most - 1)))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= most - 1)
    # 0.3 / 0.1 is a hair less than 3: without the slack a whole step would be added at either end.
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * at, 12) for at in range(first, last + 1)]


# -- lines ------------------------------------------------------------------------------------------


class _Plane:
    """The scales of a plot: where values lie in the drawing, in SVG units from its top left corner."""

    def __init__(self, xs: Sequence[float], ys: Sequence[float], bottom: float) -> None:
        self.x_ticks, self.y_ticks, self.bottom = list(xs), list(ys), bottom

    def x(self, value: float) -> float:
        """The place of a value from the left."""
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * _share(value, self.x_ticks)

    def y(self, value: float) -> float:
        """The place of a value from the top."""
        return self.bottom - (self.bottom - _TOP) * _share(value, self.y_ticks)


def _curves(curves: Curves) -> tuple[str, int]:
    shown = [point for line in curves.lines for points in (line.points, *line.seeds) for point in known(points)]
    plane = _Plane(_x_ticks(curves, shown), _y_ticks(curves, shown), _HEIGHT - 36)
    parts = [_grid(curves, plane)]
    if curves.base is not None:
        y = plane.y(curves.base)
        parts.append(_rule("s-a", _LEFT, WIDTH - _RIGHT, y, y, _DASHES["dot"]))
        parts.append(_text(WIDTH - _RIGHT, y - 4, f"base {number(curves.base, curves.form)}", "end", "f-a"))
    parts += [_line(curves, line, plane) for line in curves.lines]
    legend, rows = _legend([(line.name, line.role, line.dash, line.opacity) for line in curves.lines], _HEIGHT + 10)
    return "".join(parts) + legend, _HEIGHT + 16 * rows


def _x_ticks(curves: Curves, points: Sequence[Point]) -> list[float]:
    if curves.ticks:
        return [float(at) for at in range(max(2, len(curves.ticks)))]  # one place alone would have no width
    xs = [*(point.x for point in points), *([] if curves.last is None else [curves.last])] or [0.0, 1.0]
    # From 0 even where a line begins later: the way to its first point is part of what it shows.
    return ticks(min(0.0, *xs), max(xs))


def _y_ticks(curves: Curves, points: Sequence[Point]) -> list[float]:
    if curves.form is Form.PERCENT:
        return [0, 0.25, 0.5, 0.75, 1]  # always the whole scale: a small loss must not look like a fall to nothing
    highest = [end for p in points for end in (p.figure.value, p.figure.high) if end is not None]
    return ticks(0.0, max([*highest, curves.base or 0.0, 1e-9]), 5)


def _grid(curves: Curves, plane: _Plane) -> str:
    parts = []
    for value in plane.y_ticks:
        text = f"{100 * value:g}%" if curves.form is Form.PERCENT else f"{value:,g}"
        parts.append(_rule("grid", _LEFT, WIDTH - _RIGHT, plane.y(value), plane.y(value)))
        parts.append(_text(_LEFT - 6, plane.y(value) + 4, text, "end"))
    names = curves.ticks or tuple(f"{value:,g}" for value in plane.x_ticks)
    places = zip(plane.x_ticks, names, strict=False)
    parts += [_text(plane.x(value), plane.bottom + 15, name) for value, name in places]
    parts.append(_text((_LEFT + WIDTH - _RIGHT) / 2, plane.bottom + 31, curves.x))
    middle = (_TOP + plane.bottom) / 2
    parts.append(
        f'<text transform="translate(11 {middle}) rotate(-90)" text-anchor="middle">{_escaped(curves.y)}</text>'
    )
    return "".join(parts)


def _line(curves: Curves, line: Line, plane: _Plane) -> str:
    # SVG paints in order: the seeds first, so that their mean lies above them.
    parts = [_path(seed, plane, f"l thin s-{line.role}", "") for seed in line.seeds]
    inner = _path(line.points, plane, f"l s-{line.role}", _DASHES[line.dash])
    if line.marked:
        inner += "".join(_mark(curves, point, line.role, plane) for point in known(line.points))
    return "".join(parts) + f"<g{_opacity(line.opacity)}>{inner}</g>"


def _path(points: Sequence[Point], plane: _Plane, css: str, dash: str) -> str:
    places = " ".join(f"{plane.x(p.x):.1f},{plane.y(p.figure.value or 0.0):.1f}" for p in known(points))
    return f'<polyline class="{css}"{_dashes(dash)} points="{places}"/>' if places else ""


def _mark(curves: Curves, point: Point, role: SeriesRole, plane: _Plane) -> str:
    figure, x = point.figure, plane.x(point.x)
    found = ""
    if curves.whiskers and figure.low is not None and figure.high is not None:
        found = _rule(f"s-{role}", x, x, plane.y(figure.low), plane.y(figure.high))
    place = f"{curves.x} {curves.ticks[round(point.x)]}" if curves.ticks else f"{curves.x} {point.x:g}"
    title = f"<title>{_escaped(f'{point.label or place}: {figure.text} {figure.ends}')}</title>"
    y = plane.y(figure.value or 0.0)
    return f'{found}<circle class="f-{role}" cx="{x:.1f}" cy="{y:.1f}" r="3">{title}</circle>'


# -- bars -------------------------------------------------------------------------------------------


def _bars(bars: Bars) -> tuple[str, int]:
    group = _ROW * len(bars.series) + 8
    left, right, bottom = 110, 52 if bars.beside else _RIGHT, _TOP + group * len(bars.names)
    figures = [figure for _, _, own in bars.series for figure in own]
    ends = [end for f in figures for end in (f.value, f.low, f.high) if end is not None and math.isfinite(end)]
    # A bar's length is its value: it begins at 0, whatever the values are.
    places = ticks(min([0.0, *ends]), max([0.0, *ends]))

    def x(value: float) -> float:
        return left + (WIDTH - left - right) * _share(value, places)

    parts = [_rule("grid", x(value), x(value), _TOP, bottom) for value in places]
    parts += [_text(x(value), bottom + 15, f"{value:,g}") for value in places]
    for row, name in enumerate(bars.names):
        top = _TOP + group * row + 4
        parts.append(_text(left - 8, top + group / 2, visible(name, 18), "end", "name"))
        parts += [_text(WIDTH - 4, top + group / 2, bars.beside[row], "end")] if bars.beside else []
        for at, (_, role, own) in enumerate(bars.series):
            parts.append(_bar(own[row], role, bars.filled(at)[row], x, top + _ROW * at))
    parts.append(_rule("axis", x(0), x(0), _TOP, bottom))
    parts.append(_text((left + WIDTH - right) / 2, bottom + 31, bars.x))
    legend, rows = _legend([(name, role, "solid", 1.0) for name, role, _ in bars.series], bottom + 48)
    return "".join(parts) + legend, bottom + 40 + 16 * rows


def _bar(figure: Figure, role: SeriesRole, filled: bool, x: Callable[[float], float], y: float) -> str:
    if not figure.known:
        return ""
    start, end = sorted((x(0.0), x(figure.value or 0.0)))
    # Hollow bars keep their outline: beyond chance or not is no matter of colour.
    css = f"s-{role} f-{role}" if filled else f"s-{role} open"
    title = f"<title>{_escaped(f'{figure.text} {figure.ends}')}</title>"
    # Half a unit wide where the value is 0: drawn, and not missing.
    place = f'x="{start:.1f}" y="{y}" width="{max(0.5, end - start):.1f}" height="{_BAR}"'
    found = f'<rect class="{css}" {place}>{title}</rect>'
    if figure.low is not None and figure.high is not None:
        found += _rule("axis", x(figure.low), x(figure.high), y + _BAR / 2, y + _BAR / 2)
    return found


# -- both -------------------------------------------------------------------------------------------


def _legend(entries: Sequence[tuple[str, SeriesRole, str, float]], top: float) -> tuple[str, int]:
    """Names with their strokes (name, role, dash, opacity), wrapped; returns how many rows they take."""
    parts, x, row = [], 8.0, 0
    for name, role, dash, opacity in entries:
        text = visible(" ".join(name.split()), 60)
        width = 30 + 6.1 * len(text)  # nothing here can measure text: on the safe side for 11 px system-ui
        if x > 8 and x + width > WIDTH:
            x, row = 8.0, row + 1
        y = top + 16 * row
        style = f"{_dashes(_DASHES[dash])}{_opacity(opacity)}"
        parts.append(f'<line class="l s-{role}"{style} x1="{x}" x2="{x + 20}" y1="{y - 4}" y2="{y - 4}"/>')
        parts.append(f'<text class="name" x="{x + 25}" y="{y}">{escape(text)}</text>')
        x += width + 10
    return "".join(parts), row + 1


def _rule(css: str, x1: float, x2: float, y1: float, y2: float, dash: str = "") -> str:
    return f'<line class="{css}"{_dashes(dash)} x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str = "middle", css: str = "") -> str:
    named = f' class="{css}"' if css else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_escaped(text)}</text>'


def _share(value: float, places: Sequence[float]) -> float:
    span = places[-1] - places[0]
    return (value - places[0]) / span if span else 0.5


def _dashes(dash: str) -> str:
    return f' stroke-dasharray="{dash}"' if dash else ""


def _opacity(opacity: float) -> str:
    return f' style="opacity:{opacity:.2f}"' if opacity < 1 else ""


def _escaped(text: str, limit: int = 120) -> str:
    """Any text as SVG text: on one line, control and bidi characters written out, markup escaped."""
    return escape(visible(" ".join(text.split()), limit))
