"""A figure with its 95 % interval as a small picture for a cell of a table."""

from urllib.parse import quote

from cxrcore.figures.theme import NEUTRAL, faded

# Tall enough that a cell of a table, which is filled by height, shows both ends.
_WIDTH, _HEIGHT, _BAR, _EDGE = 132, 28, 16, 7  # pixels
_HALF = 0.5


def interval_bar(
    value: float | None,
    low: float | None,
    high: float | None,
    axis: tuple[float, float],
    colour: str,
) -> str:
    """A dot at the value and a line over its interval, as an SVG in a data address.

    Args:
        value: None draws nothing but the track.
        low, high: ends of the interval; None draws the dot alone.
        axis: the values at the left and the right end, the same in all rows of a column.
        colour: `#rrggbb` of the run.
    """
    start, end = axis
    scale = (_WIDTH - 2 * _EDGE) / (end - start or 1)
    middle = _HEIGHT // 2

    def x(number: float) -> str:
        return f"{_EDGE + scale * (min(max(number, start), end) - start):.1f}"

    marks = (
        f'<rect y="{middle - _BAR // 2}" width="{_WIDTH}" height="{_BAR}" rx="3" fill="{NEUTRAL}" '
        'fill-opacity=".13"/>'
    )
    if low is not None and high is not None:
        marks += (
            f'<path d="M{x(low)} {middle}H{x(high)}" stroke="{faded(colour, 0.55)}" '
            'stroke-width="3" stroke-linecap="round"/>'
        )
    if value is not None:
        marks += f'<circle cx="{x(value)}" cy="{middle}" r="4.5" fill="{colour}"/>'
    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}">{marks}</svg>'
    )
    return "data:image/svg+xml;utf8," + quote(picture)


def bar_axis(values: list[float | None], bounds: tuple[float, float]) -> tuple[float, float]:
    """The ends of the axis for a column of figures and ends of intervals.

    Between 0 and 1 it begins at 0.5 where nothing lies below, so that small differences can be
    seen, and otherwise at the bound.

    Args:
        values: all that is drawn in the column; None is skipped.
        bounds: least and greatest possible value of the metric.

    >>> bar_axis([0.7, 0.95, None], (0.0, 1.0))
    (0.5, 1.0)
    >>> bar_axis([0.2, 1.3], (0.0, float("inf")))
    (0.0, 1.3)
    """
    known = [value for value in values if value is not None]
    start, end = bounds
    if end == float("inf"):
        end = max(known, default=1.0)
    if bounds == (0.0, 1.0) and min(known, default=0.0) >= _HALF:
        start = _HALF
    return start, end


def swatch(colour: str) -> str:
    """A small square of the colour `#rrggbb`, as an SVG in a data address."""
    picture = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32">'
        f'<rect x="8" y="8" width="16" height="16" rx="4" fill="{colour}"/></svg>'
    )
    return "data:image/svg+xml;utf8," + quote(picture)
