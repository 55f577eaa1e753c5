"""Lines of gray values that stand side by side."""

import numpy as np
import pytest

from cxrcore.figures import class_colours, histogram_lines
from cxrcore.quality import gray_profiles


def profiles(top: int):
    """One group whose most frequent gray value has `top` of 1,000 pixels."""
    counts = np.zeros((1, 256), np.uint32)
    counts[0, 100] = top
    counts[0, 101:201] = (1000 - top) // 100
    return gray_profiles(counts, np.array(["A"]), ["A"])


@pytest.mark.parametrize("logarithmic", [False, True])
def test_figures_side_by_side_have_one_vertical_axis(logarithmic):
    low, high = profiles(100), profiles(500)
    figs = [
        histogram_lines(one, class_colours(["A"]), logarithmic=logarithmic, beside=other)
        for one, other in ((low, high), (high, low))
    ]
    assert figs[0].layout.yaxis.range == figs[1].layout.yaxis.range
    alone = histogram_lines(low, class_colours(["A"]), logarithmic=logarithmic)
    assert alone.layout.yaxis.range[1] < figs[0].layout.yaxis.range[1]
    assert figs[0].layout.height < alone.layout.height
