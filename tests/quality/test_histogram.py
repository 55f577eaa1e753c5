"""Counting gray values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cxrcore.errors import ImageError
from cxrcore.quality import histogram

IMAGES = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40))


@given(gray=IMAGES)
def test_every_pixel_is_counted_at_its_value(gray):
    counts = histogram(gray)
    assert counts.dtype == np.int64
    values, times = np.unique(gray, return_counts=True)
    assert counts.sum() == gray.size
    np.testing.assert_array_equal(counts[values], times)


@given(gray=IMAGES, step=st.integers(1, 3))
def test_views_are_counted_as_what_they_show(gray, step):
    np.testing.assert_array_equal(histogram(gray[::step].T), histogram(gray[::step].T.copy()))


def test_more_pixels_than_float32_counts_are_counted_exactly():
    gray = np.zeros((1, (1 << 24) + 3), np.uint8)
    assert histogram(gray)[0] == (1 << 24) + 3


def test_an_empty_image_has_no_pixels():
    assert histogram(np.zeros((0, 5), np.uint8)).tolist() == [0] * 256


@pytest.mark.parametrize("gray", [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.int32)])
def test_what_is_not_gray_uint8_is_refused_with_what_was_found(gray):
    with pytest.raises(ImageError, match=str(gray.dtype)):
        histogram(gray)
