"""Lungs at another threshold than the network's own."""

import numpy as np
import pytest

from cxrcore import images, lungs
from cxrcore.datasets import demo
from cxrcore.errors import ImageError


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> np.ndarray:
    """A simulated film on which the network finds lungs."""
    made = demo.make(tmp_path_factory.mktemp("film") / "made", patients=1, size=128, workers=1)
    grays = (images.decode(path) for path in sorted(made.glob("*/images/*.png")))
    return next(gray for gray in grays if lungs.segment(gray).reason is None)


def test_the_usual_threshold_gives_the_estimate(film):
    found, estimate = lungs.above(film, 0.5), lungs.segment(film).mask > 0
    assert 2 * (found & estimate).sum() / (found.sum() + estimate.sum()) > 0.98


def test_a_lower_threshold_gives_larger_lungs_around_the_smaller_ones(film):
    wide, usual, narrow = (lungs.above(film, share) for share in (0.2, 0.5, 0.9))
    assert wide.sum() > usual.sum() > narrow.sum() > 0
    assert (usual & ~wide).sum() == (narrow & ~usual).sum() == 0


def test_an_inverted_film_gives_the_same_lungs(film):
    turned = lungs.segment(255 - film)
    if turned.reason is not None or not turned.notes:
        pytest.skip("The network does not take this film for an inverted one.")
    assert np.array_equal(lungs.above(255 - film, 0.5), lungs.above(film, 0.5))


def test_a_picture_without_lungs_gives_an_empty_mask():
    assert not lungs.above(np.full((50, 70), 90, np.uint8), 0.95).any()


@pytest.mark.parametrize("threshold", [0, 1, -0.2, float("nan")])
def test_a_threshold_out_of_range_is_refused(film, threshold):
    with pytest.raises(ImageError, match="between 0 and 1"):
        lungs.above(film, threshold)
