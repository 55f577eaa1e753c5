"""The numbers behind the figures of the data pages."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrcore.errors import DatasetError
from cxrcore.figures import gray_profiles, limit, quartiles, removed

SCORES = np.array([10.0, 20, 30, 40, 50, 60, 70, 200])


def histogram(**counts: int) -> np.ndarray:
    """A (256,) histogram from `g<gray value>=count`."""
    found = np.zeros(256, np.uint32)
    for name, count in counts.items():
        found[int(name[1:])] = count
    return found


def test_each_image_counts_the_same_whatever_its_size():
    small, large = histogram(g100=10), histogram(g200=1_000_000)
    (profile,) = gray_profiles(np.array([small, large]), np.array(["A", "A"]), ["A"])
    assert profile.mean[100 - 1] == profile.mean[200 - 1] == 0.5
    assert profile.brightness == 150
    assert profile.contrast == 0


def test_black_and_white_are_left_out_of_the_lines_and_told_as_shares():
    picture = histogram(g0=50, g100=30, g255=20)
    (profile,) = gray_profiles(picture[None], np.array(["A"]), ["A"])
    assert (profile.black, profile.white) == (0.5, 0.2)
    assert profile.mean[100 - 1] == 1
    assert profile.mean.sum() == pytest.approx(1)
    assert profile.brightness == pytest.approx(0.3 * 100 + 0.2 * 255)


def test_the_band_is_between_the_quartiles_of_the_images():
    counts = np.array([histogram(g10=n, g20=100 - n) for n in (10, 20, 30, 40, 50)])
    (profile,) = gray_profiles(counts, np.array(["A"] * 5), ["A"])
    assert (profile.lower[10 - 1], profile.upper[10 - 1]) == pytest.approx((0.2, 0.4))
    assert profile.mean[10 - 1] == pytest.approx(0.3)


def test_profiles_agree_with_numpy_on_the_pixels_themselves():
    rng = np.random.default_rng(3)
    pictures = rng.integers(0, 256, (6, 40, 40), dtype=np.uint8)
    counts = np.array([np.bincount(p.ravel(), minlength=256) for p in pictures])
    (profile,) = gray_profiles(counts, np.array(["A"] * 6), ["A"])
    assert profile.brightness == pytest.approx(pictures.mean())
    assert profile.contrast == pytest.approx(np.mean([p.std() for p in pictures]))
    assert profile.black == pytest.approx((pictures == 0).mean())


def test_damaged_images_and_groups_without_images_are_left_out():
    counts = np.array([histogram(g5=1), np.zeros(256, np.uint32)])
    profiles = gray_profiles(counts, np.array(["A", "B"]), ["A", "B", "C"])
    assert [(p.name, p.images) for p in profiles] == [("A", 1)]


def test_a_group_of_only_black_and_white_pictures_has_no_line():
    (profile,) = gray_profiles(histogram(g0=1, g255=1)[None], np.array(["A"]), ["A"])
    assert profile.images == 1
    assert np.isnan(profile.mean).all()
    assert np.isnan(profile.upper).all()


def test_rows_and_groups_of_other_lengths_are_refused():
    with pytest.raises(DatasetError, match="2 measurements but 1 images"):
        gray_profiles(np.ones((2, 256)), np.array(["A"]), ["A"])


def test_quartiles_are_those_of_numpy_and_skip_what_has_no_score():
    scores = np.append(SCORES, np.nan)
    (found, empty) = quartiles(scores, np.array(["A"] * 9), ["A", "B"])
    assert found.images == 8
    expected = np.percentile(SCORES, [0, 25, 50, 75, 100])
    assert (found.lowest, found.q1, found.median, found.q3, found.highest) == tuple(expected)
    assert empty.images == 0
    assert math.isnan(empty.median)


def test_limits_follow_their_definitions():
    q1, q3 = np.percentile(SCORES, [25, 75])
    scores = np.append(SCORES, np.nan)
    assert limit(scores, "q3") == q3
    assert limit(scores, "fence") == q3 + 1.5 * (q3 - q1)
    assert limit(scores, "fixed", 70) == 70
    assert limit(scores, "percentile", 90) == np.percentile(SCORES, 90)


def test_without_any_score_there_is_no_limit_and_nothing_is_removed():
    none = np.array([np.nan, np.nan])
    assert math.isnan(limit(none, "q3"))
    assert not removed(none, limit(none, "q3")).any()
    assert not removed(none, 70).any()


def test_an_image_at_the_limit_stays():
    assert removed(np.array([70.0, 70.1]), 70.0).tolist() == [False, True]


@pytest.mark.parametrize(
    ("rule", "value"), [("median", 0), ("percentile", 101), ("percentile", -1)]
)
def test_senseless_limits_are_refused(rule, value):
    with pytest.raises(DatasetError, match=r"Choose one"):
        limit(SCORES, rule, value)


@given(
    st.lists(st.floats(-50, 200), min_size=1, max_size=60),
    st.sampled_from(["q3", "fence", "percentile"]),
)
def test_a_limit_never_removes_more_than_a_quarter_and_only_the_highest(scores, rule):
    values = np.array(scores)
    out = removed(values, limit(values, rule, 75.0))
    assert out.sum() <= np.ceil(len(scores) / 4)
    assert not out.any() or values[out].min() > values[~out].max()
