"""Lungs on a film: against exact masks of the simulated thorax, and on what is no film."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrcore import images, lungs
from cxrcore.errors import ImageError
from cxrcore.lungs import grid
from cxrcore.lungs.segmentation import INVERTED
from tests.helpers import other_images


def dice(found: np.ndarray, exact: np.ndarray) -> float:
    return 2 * np.count_nonzero(found & exact) / (np.count_nonzero(found) + np.count_nonzero(exact))


@pytest.fixture(scope="module")
def films(simulated_folder) -> list[tuple[np.ndarray, np.ndarray]]:
    """Gray levels and exact lungs of each."""
    found = []
    for path in sorted(simulated_folder.glob("*/images/*.png")):
        gray = images.decode(path)
        found.append((gray, images.read_mask(path.parents[1] / "masks" / path.name, gray.shape)))
    return found


def test_lungs_of_simulated_films_are_found(films):
    scores = []
    for gray, exact in films:
        found = lungs.segment(gray)
        assert found.reason is None
        assert found.mask.shape == gray.shape
        assert 0.5 <= found.confidence <= 1
        scores.append(dice(found.mask > 0, exact))
        right, left = (np.nonzero(found.mask == side)[1].mean() for side in (1, 2))
        assert right < left  # the patient's right lung lies on the left of the picture
    assert np.mean(scores) > 0.93


def test_for_scripts_both_lungs_are_one_mask(films):
    gray, _ = films[0]
    found, labelled = lungs.mask(gray), lungs.segment(gray)
    np.testing.assert_array_equal(found.mask, labelled.mask > 0)
    assert (found.confidence, found.refused) == (labelled.confidence, None)
    assert lungs.mask(255 * np.ones((40, 40), np.uint8)).refused is not None


def test_a_film_of_any_size_has_a_mask_of_that_size(films):
    gray, exact = films[0]
    large = cv2.resize(gray, (900, 700))
    found = lungs.segment(large)
    assert found.mask.shape == (700, 900)
    wanted = cv2.resize(exact.astype(np.uint8), (900, 700)) > 0
    assert dice(found.mask > 0, wanted) > 0.9


def test_an_inverted_film_is_inverted_and_says_so(films):
    gray, _ = films[0]
    found, plain = lungs.segment(255 - gray), lungs.segment(gray)
    assert found.notes == (INVERTED,)
    assert plain.notes == ()
    np.testing.assert_array_equal(found.mask, plain.mask)


def test_a_mirrored_film_has_the_mirrored_lungs_with_their_sides_exchanged(films):
    gray, _ = films[0]
    here, there = lungs.segment(gray), lungs.segment(np.ascontiguousarray(gray[:, ::-1]))
    exchanged = np.array([0, 2, 1], np.uint8)[there.mask[:, ::-1]]
    assert np.mean(exchanged != here.mask) < 0.002


def test_pictures_of_other_kinds_get_no_silent_mask():
    accepted = [name for name, gray in other_images.drawn(24) if lungs.segment(gray).reason is None]
    assert accepted == []


@pytest.mark.parametrize("level", [0, 90, 255])
def test_a_blank_picture_is_refused(level):
    found = lungs.segment(np.full((50, 70), level, np.uint8))
    assert "does not look like a frontal chest film" in found.reason
    assert not found.mask.any()


@settings(max_examples=12)
@given(
    st.integers(1, 400), st.integers(1, 400), st.integers(0, 2**32 - 1), st.sampled_from([0, 9, 60])
)
def test_any_picture_has_both_lungs_or_a_reason(height, width, seed, blur):
    gray = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    if blur:
        gray = cv2.GaussianBlur(gray, (0, 0), blur)
    found = lungs.segment(gray)
    assert found.mask.shape == gray.shape
    if found.reason is None:
        assert set(np.unique(found.mask)) == {0, 1, 2}
    else:
        assert not found.mask.any()
        assert found.reason.endswith(".")


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4)), np.zeros((0, 4), np.uint8)]
)
def test_other_arrays_are_no_film(wrong):
    with pytest.raises(ImageError, match="Lungs are looked for in a gray image"):
        lungs.segment(wrong)


@pytest.mark.real
def test_lungs_of_real_films_are_those_that_people_drew(real_data):
    paths = sorted((real_data / "lungs" / "images").iterdir())[::30]
    scores = []
    for path in paths:
        gray = images.decode(path)
        drawn = images.read_mask(real_data / "lungs" / "masks" / f"{path.stem}.png", gray.shape)
        scores.append(dice(lungs.segment(gray).mask > 0, drawn))
    assert np.median(scores) > 0.93


def test_the_share_of_a_map_inside_the_lungs_is_a_weighted_mean():
    rng = np.random.default_rng(3)
    heat = rng.random((6, 5)).astype(np.float32)
    mask = np.kron(rng.random((6, 5)) < 0.4, np.ones((7, 7))).astype(np.uint8)  # (42, 35)
    expected = heat[mask[::7, ::7] > 0].sum() / heat.sum()
    assert lungs.inside(heat, mask) == pytest.approx(expected, abs=1e-6)
    assert lungs.inside(heat, mask) + lungs.inside(heat, mask == 0) == pytest.approx(1)
    assert lungs.inside(heat, np.ones_like(mask)) == pytest.approx(1)
    assert np.isnan(lungs.inside(np.zeros((6, 5)), mask))


def test_a_map_of_a_part_of_the_film_is_compared_with_that_part():
    mask = np.zeros((40, 60), np.uint8)
    mask[10:20, 10:30] = 2
    heat = np.ones((10, 20), np.float32)
    assert lungs.inside(heat, mask, (10, 10, 20, 10)) == 1
    assert lungs.inside(heat, mask, (20, 10, 20, 10)) == pytest.approx(0.5)
    with pytest.raises(ImageError, match="is not on the film of 60 x 40 pixels"):
        lungs.inside(heat, mask, (50, 10, 20, 10))


def test_the_two_lungs_of_a_mask_are_told_apart():
    mask = np.zeros((30, 40), bool)
    mask[5:25, 3:15], mask[6:20, 22:36], mask[0:2, 0:2] = True, True, True
    found = grid.sides(mask)
    assert set(np.unique(found[5:25, 3:15])) == {grid.RIGHT}
    assert set(np.unique(found[6:20, 22:36])) == {grid.LEFT}
    assert not found[0:2, 0:2].any()
    assert grid.sides(mask[:, :20]) is None
