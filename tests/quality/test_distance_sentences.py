"""Distances between groups in words."""

import numpy as np
import pytest

from cxrcore.errors import DatasetError
from cxrcore.quality.distance_sentences import amount, farthest_sentence, masking_sentences
from tests.helpers.distances import NAMES, made


def test_numbers_have_a_unit_only_where_there_is_one():
    assert amount(23.14, "wasserstein") == "23.1 gray levels"
    assert amount(0.126, "ks") == "0.13"


def test_the_farthest_groups_are_said_with_the_verdict_on_chance():
    said = farthest_sentence(made(), "none")
    assert said == (
        "Most apart on the whole image: COVID-19 and Normal, 23.1 gray levels, more than chance."
    )
    assert "which may be chance" in farthest_sentence(made(3, 2, 1), "none")
    unknown = made(chance=np.full(3, np.nan))
    assert farthest_sentence(unknown, "none").endswith("of too few images to tell it from chance.")


@pytest.mark.parametrize(
    ("region", "left", "said"),
    [
        ("lungs", 8.2, "So most of that difference is outside the lungs."),
        ("lungs", 20.0, "So that difference is within the lungs, too."),
        ("lungs-crop", 8.2, "outside the box around the lungs."),
        ("lungs-erased", 20.0, "a model can use it without looking at them."),
        ("border", 8.2, "gone without the lungs."),
    ],
)
def test_masking_is_judged_by_what_is_left_of_the_largest_distance(region, left, said):
    sentence = masking_sentences(made(), made(left), region)
    assert "COVID-19 and Normal, 23.1 gray levels, more than chance." in sentence
    assert f"{left} gray levels." in sentence
    assert said in sentence


def test_another_pair_that_is_farthest_after_masking_is_named():
    said = masking_sentences(made(), made(3.0, 9.0, 1.0), "lungs")
    assert "Most apart within the lungs: COVID-19 and <b>Viral</b> pneumonia, 9.0" in said
    assert "on the whole image these are 6.0 gray levels apart." in said


def test_of_a_difference_that_may_be_chance_nothing_is_concluded():
    said = masking_sentences(made(3, 2, 1), made(1, 2, 1.5), "lungs")
    assert "So " not in said
    assert "No two are farther apart within the lungs than chance makes them." in said


def test_one_group_has_no_distance():
    one = made(names=NAMES[:1], between=np.zeros((1, 1)))
    with pytest.raises(DatasetError, match="two or more"):
        farthest_sentence(one, "none")
