"""Intervals drawn in the cells of a table."""

import re
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrcore.figures import bar_axis, interval_bar, swatch

SVG = "{http://www.w3.org/2000/svg}"
SHARES = st.floats(0, 1)


def parts(address: str) -> ElementTree.Element:
    head, _, picture = address.partition(",")
    assert head == "data:image/svg+xml;utf8"
    return ElementTree.fromstring(unquote(picture))


@given(st.tuples(SHARES, SHARES, SHARES))
def test_the_dot_lies_on_the_line_and_both_on_the_track(values):
    low, value, high = sorted(values)
    picture = parts(interval_bar(value, low, high, (0.0, 1.0), "#0072b2"))
    dot = float(picture.find(f"{SVG}circle").get("cx"))
    start, end = map(float, re.findall(r"[MH]([\d.]+)", picture.find(f"{SVG}path").get("d")))
    assert 0 <= start <= dot <= end <= float(picture.get("width"))


def test_the_axis_is_linear():
    dots = [
        float(
            parts(interval_bar(v, None, None, (0.5, 1.0), "#000000")).find(f"{SVG}circle").get("cx")
        )
        for v in (0.5, 0.75, 1.0)
    ]
    assert dots[1] == pytest.approx((dots[0] + dots[2]) / 2)
    assert dots[0] < dots[2]


def test_without_a_value_only_the_track_is_drawn():
    picture = parts(interval_bar(None, None, None, (0.0, 1.0), "#0072b2"))
    assert [child.tag for child in picture] == [f"{SVG}rect"]


def test_an_axis_of_shares_begins_at_a_half_unless_something_lies_below():
    assert bar_axis([0.6, None, 0.9], (0.0, 1.0)) == (0.5, 1.0)
    assert bar_axis([0.4, 0.9], (0.0, 1.0)) == (0.0, 1.0)
    assert bar_axis([0.4, 0.9], (-1.0, 1.0)) == (-1.0, 1.0)
    assert bar_axis([], (0.0, float("inf"))) == (0.0, 1.0)


def test_a_swatch_has_the_colour():
    assert parts(swatch("#b42d78")).find(f"{SVG}rect").get("fill") == "#b42d78"
