"""Training images, changed a little: how, how much, and always in the same way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrcore.models import RECIPES
from cxrcore.models.records import Strength
from cxrcore.training import augment
from cxrcore.training.augment import STRONG

NOTHING = Strength(degrees=0, zoom=0, shift=0, brightness=0, contrast=0)


@pytest.fixture
def images():
    """Eight smooth pictures with a bright disc in the middle."""
    y, x = np.mgrid[:64, :64]
    disc = 200.0 * (np.hypot(y - 31.5, x - 31.5) < 16)
    return np.stack([(disc + 20 + n).astype(np.uint8) for n in range(8)])


def test_no_strength_changes_nothing(images):
    assert np.array_equal(augment.augment(images, np.arange(8), NOTHING, 1, 0), images)


def test_the_same_seed_epoch_and_row_give_the_same_picture_in_any_company(images):
    whole = augment.augment(images, np.arange(8), STRONG, 7, 3)
    alone = augment.augment(images[5:6], np.array([5]), STRONG, 7, 3)
    assert np.array_equal(whole[5], alone[0])


@pytest.mark.parametrize(("seed", "epoch", "row"), [(8, 3, 5), (7, 4, 5), (7, 3, 6)])
def test_another_seed_epoch_or_row_gives_another_picture(images, seed, epoch, row):
    first = augment.augment(images[5:6], np.array([5]), STRONG, 7, 3)
    other = augment.augment(images[5:6], np.array([row]), STRONG, seed, epoch)
    assert not np.array_equal(first, other)


def test_the_original_is_left_alone(images):
    before = images.copy()
    augment.augment(images, np.arange(8), STRONG, 0, 0)
    assert np.array_equal(images, before)


def test_the_geometry_stays_within_its_bounds(images):
    """The disc's centre moves by the shift at most, its area changes by the zoom at most."""
    moved = Strength(degrees=15, zoom=0.15, shift=0.08, brightness=0, contrast=0)
    y, x = np.mgrid[:64, :64]
    for epoch in range(20):
        for picture in augment.augment(images, np.arange(8), moved, 0, epoch):
            inside = picture > 120
            centre = np.array([y[inside].mean(), x[inside].mean()])
            assert np.abs(centre - 31.5).max() <= 0.08 * 64 + 0.5
            side = np.sqrt(inside.sum() / (np.pi * 16**2))
            assert 0.83 <= side <= 1.17


def test_the_average_picture_is_neither_moved_nor_brighter(images):
    many = np.repeat(images[:1], 400, axis=0)
    average = augment.augment(many, np.arange(400), STRONG, 0, 0).mean()
    assert average == pytest.approx(images[0].mean(), rel=0.05)


def test_black_stays_black():
    black = np.zeros((3, 32, 32), np.uint8)
    assert not augment.augment(black, np.arange(3), STRONG, 0, 0).any()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31 - 1), st.integers(0, 500), st.integers(0, 10**6))
def test_any_seed_epoch_and_row_give_a_picture(seed, epoch, row):
    noise = np.random.default_rng(0).integers(0, 256, (1, 40, 40), np.uint8)
    out = augment.augment(noise, np.array([row]), STRONG, seed, epoch)
    assert (out.shape, out.dtype) == (noise.shape, np.uint8)
    assert out.any()


def test_recipes_say_how_much():
    assert augment.strength_of(RECIPES["cnn-plain"]) is None
    assert augment.strength_of(RECIPES["cnn-plain"].override(augmentation="strong")) is STRONG
    assert augment.strength_of(RECIPES["resnet50-masked"]) is None  # layers of its network
    mild = Strength(degrees=5, zoom=0.05, shift=0.05, brightness=0.10, contrast=0.0)
    assert augment.strength_of(RECIPES["resnet50v2-xception"]) == mild
