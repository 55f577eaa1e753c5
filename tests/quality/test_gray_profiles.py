"""The distribution of gray values in groups of images."""

import numpy as np
import pytest

from cxrcore.errors import DatasetError
from cxrcore.quality import gray_profiles
from cxrcore.quality.gray_profiles import extremes_sentence


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


def test_the_darkest_and_the_brightest_group_are_named_with_and_without_black_and_white():
    counts = np.array([histogram(g0=50, g100=50), histogram(g60=1)])
    profiles = gray_profiles(counts, np.array(["A", "B"]), ["A", "B"])
    assert extremes_sentence(profiles, inner=False) == (
        "Darkest: A, mean gray value 50; brightest: B, 60."
    )
    assert extremes_sentence(profiles, inner=True) == (
        "Darkest: B, mean gray value 60; brightest: A, 100."
    )


def test_one_group_has_one_mean_and_groups_of_only_black_have_none_inside():
    (one,) = gray_profiles(histogram(g0=1)[None], np.array(["A"]), ["A"])
    assert extremes_sentence([one], inner=False) == "Mean gray value 0."
    assert extremes_sentence([one], inner=True) == ""
