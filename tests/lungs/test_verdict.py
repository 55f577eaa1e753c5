"""What counts as a pair of lungs."""

import numpy as np
import pytest

from cxrcore.lungs import verdict
from cxrcore.lungs.grid import OUTPUT_SIDE


def answer(right: tuple[slice, slice] | None, left: tuple[slice, slice] | None, sure=0.98):
    """(3, h, w) shares of two rectangles."""
    shares = np.full((3, OUTPUT_SIDE, OUTPUT_SIDE), (1 - sure) / 2, np.float32)
    shares[0] = sure
    for side, place in ((1, right), (2, left)):
        if place is not None:
            shares[0][place], shares[side][place] = (1 - sure) / 2, sure
    return shares


def judged(shares: np.ndarray, mirrored: np.ndarray | None = None, proportions: float = 1.0):
    other = shares if mirrored is None else mirrored
    return verdict.judge((shares + other) / 2, np.stack([shares, other]), proportions)


RIGHT, LEFT = np.s_[20:70, 15:40], np.s_[20:70, 55:80]


def test_two_regions_side_by_side_are_lungs():
    found = judged(answer(RIGHT, LEFT))
    assert found.reason is None
    assert (found.lungs[RIGHT] == 1).all()
    assert (found.lungs[LEFT] == 2).all()
    assert np.count_nonzero(found.lungs) == 2 * 50 * 25
    assert found.confidence == pytest.approx(2 * 0.98 - 1, abs=0.01)


def test_stray_pieces_are_dropped_and_holes_filled():
    shares = answer(RIGHT, LEFT)
    shares[:, 85:90, 20:25] = np.array([0.02, 0.96, 0.02])[:, None, None]  # below the lung
    shares[:, 40:45, 20:25] = np.array([0.96, 0.02, 0.02])[:, None, None]  # a hole in it
    found = judged(shares)
    assert not found.lungs[85:90, 20:25].any()
    assert (found.lungs[RIGHT] == 1).all()


@pytest.mark.parametrize(
    ("right", "left", "said"),
    [
        (None, None, "no lungs were found"),
        (RIGHT, None, "the right one of the patient was, the left was not"),
        (None, LEFT, "the left one of the patient was, the right was not"),
        (np.s_[5:90, 3:55], np.s_[40:58, 60:82], "cover 48% and 4% of the picture"),
        (np.s_[5:45, 20:60], np.s_[50:90, 20:60], "do not lie side by side"),
        (LEFT, RIGHT, "do not lie side by side"),
        (np.s_[40:55, 5:45], np.s_[40:55, 50:90], "wider than high"),
    ],
)
def test_what_is_no_pair_of_lungs_is_refused_with_the_reason(right, left, said):
    found = judged(answer(right, left))
    assert said in found.reason
    assert not found.lungs.any()


def test_proportions_are_those_of_the_film():
    """On a wide film, lungs that look slim in the square are as wide as high."""
    assert judged(answer(RIGHT, LEFT), proportions=1.5).reason is None
    assert "wider than high" in judged(answer(RIGHT, LEFT), proportions=2.5).reason


def test_a_network_that_is_unsure_is_not_believed():
    assert "too uncertain" in judged(answer(RIGHT, LEFT, sure=0.6)).reason


def test_disagreement_with_the_mirrored_film_costs_confidence():
    moved = answer(np.s_[20:70, 20:45], np.s_[20:70, 60:85])
    found, alone = judged(answer(RIGHT, LEFT), moved), judged(answer(RIGHT, LEFT))
    assert found.confidence < 0.85 * alone.confidence
