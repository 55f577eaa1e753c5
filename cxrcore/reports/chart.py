"""Curves as inline SVG: plotly.js alone would be 4.8 MB."""

import html
from collections.abc import Iterable, Sequence

import numpy as np

from cxrcore.figures import NEUTRAL, Axes, Line

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _EDGE = 460, 330, 52, 44, 18  # pixels
_TICKS = 5


def chart(lines: Sequence[Line], axes: Axes) -> str:
    """The picture of `figures.class_curves` as SVG; titles and colours stand in its key below."""
    ends = axes.y_range or _span(lines)
    frame = _Frame(axes.x_range, ends)
    parts = [_grid(frame, axes)]
    parts += [
        f'<path d="{frame.path(x, y)}" fill="none" stroke="{NEUTRAL}" stroke-dasharray="2 3"/>'
        for x, y in axes.references.values()
    ]
    parts += [_curve(line, frame, axes.steps) for line in lines]
    label = html.escape(f"{axes.y} against {axes.x}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{label}">{"".join(parts)}</svg>'
    )


class _Frame:
    """From values to pixels."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self.x_ends, self.y_ends = x, y

    def x(self, value: float) -> float:
        low, high = self.x_ends
        return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _EDGE)

    def y(self, value: float) -> float:
        low, high = self.y_ends
        inside = min(max(value, low), high)
        return _HEIGHT - _BOTTOM - (inside - low) / (high - low) * (_HEIGHT - _BOTTOM - _EDGE)

    def path(self, xs: Iterable[float], ys: Iterable[float], *, steps: bool = False) -> str:
        points = [(f"{self.x(x):.1f}", f"{self.y(y):.1f}") for x, y in zip(xs, ys, strict=True)]
        first, rest = points[0], points[1:]
        move = "".join(f"H{x}V{y}" if steps else f"L{x} {y}" for x, y in rest)
        return f"M{first[0]} {first[1]}{move}"


def _curve(line: Line, frame: _Frame, steps: bool) -> str:
    xs, ys = list(map(float, line.x)), list(map(float, line.y))
    colour = html.escape(line.colour)
    path = frame.path(xs, ys, steps=steps)
    parts = [f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>']
    for x, low, high in zip(xs, line.low, line.high, strict=False):
        parts.append(
            f'<path d="M{frame.x(x):.1f} {frame.y(low):.1f}V{frame.y(high):.1f}" '
            f'stroke="{colour}" stroke-width="1.2"/>'
        )
    dots = list(zip(xs, ys, strict=True)) if len(line.low) else []
    dots += [line.marked] if line.marked else []
    size = 3 if len(line.low) else 5
    parts += [
        f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="{size}" fill="{colour}" stroke="#fff"/>'
        for x, y in dots
    ]
    return "".join(parts)


def _grid(frame: _Frame, axes: Axes) -> str:
    """Lines, numbers and names of the axes."""
    parts = []
    across, (low, high) = np.linspace(0, 1, _TICKS), frame.y_ends
    below, beside = (".0%", ".0%") if axes.percent else (".0f", ".2f")
    if axes.percent:
        low, high = max(0.0, low), min(1.0, high)
    else:
        across = np.unique(np.linspace(*frame.x_ends, _TICKS).round())
    for value in across:
        x = frame.x(value)
        parts.append(_text(x, _HEIGHT - _BOTTOM + 16, f"{value:{below}}", "middle"))
    for value in np.linspace(low, high, _TICKS):
        y = frame.y(value)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _EDGE}" stroke="#dde4e9"/>')
        parts.append(_text(_LEFT - 6, y + 4, f"{value:{beside}}", "end"))
    parts.append(_text((_LEFT + _WIDTH) / 2, _HEIGHT - 8, axes.x, "middle"))
    middle = (_HEIGHT - _BOTTOM) / 2
    turned = f'transform="rotate(-90 12 {middle})"'
    parts.append(_text(12, middle, axes.y, "middle", turned))
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="12" fill="#46545f" text-anchor="{anchor}" {more}>'
        f"{html.escape(text)}</text>"
    )


def _span(lines: Sequence[Line]) -> tuple[float, float]:
    values = np.concatenate([np.asarray(line.y, float) for line in lines])
    return float(values.min()), float(values.max()) or 1.0
