"""The figure of what a score tells apart."""

import numpy as np
import pytest

from cxrcore.figures.quality import pairs_in_order
from cxrcore.figures.theme import NEUTRAL, class_colours
from cxrcore.quality import dependence


@pytest.fixture
def groups():
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(0, 1, 30), rng.normal(2, 1, 30)])
    names = np.repeat(["<b>low", "a source with a name that is very long indeed"], 30)
    return dependence(scores, names, "source").groups


def test_each_group_is_a_dot_with_its_interval(groups):
    fig = pairs_in_order(groups, class_colours([g.name for g in groups]))
    assert len(fig.data) == len(groups)
    for place, (dot, group) in enumerate(zip(fig.data, groups, strict=True)):
        assert dot.y == (place,)
        assert dot.x[0] == pytest.approx(100 * group.higher)
        assert dot.x[0] + dot.error_x.array[0] == pytest.approx(100 * group.high)
        assert dot.x[0] - dot.error_x.arrayminus[0] == pytest.approx(100 * group.low)


def test_guessing_is_marked_and_the_first_group_is_on_top(groups):
    fig = pairs_in_order(groups, {})
    assert fig.layout.shapes[0].x0 == fig.layout.shapes[0].x1 == 50
    low, high = fig.layout.yaxis.range
    assert low > high
    assert {dot.marker.color for dot in fig.data} == {NEUTRAL}


def test_names_are_literal_and_long_ones_are_whole_in_the_hover_text(groups):
    fig = pairs_in_order(groups, {})
    ticks = list(fig.layout.yaxis.ticktext)
    assert "&lt;b&gt;low" in ticks
    assert max(map(len, ticks)) <= 30
    assert any("very long indeed" in dot.hovertemplate for dot in fig.data)
