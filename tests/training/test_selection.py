from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from cxrcore.datasets import Dataset
from cxrcore.errors import TrainingError
from cxrcore.splits import Split
from cxrcore.training.selection import select

CLASSES = ("A", "B")
PARTS = ["train"] * 3 + ["validation", "test"]


@dataclass
class FakePixels:
    """Ten prepared images: what selection asks of Pixels."""

    usable: np.ndarray
    scores: np.ndarray
    reasons: dict

    def brisque(self) -> np.ndarray:
        return self.scores


@pytest.fixture
def dataset(tmp_path):
    table = pd.DataFrame(
        {
            "image_id": [f"id{n}" for n in range(10)],
            "path": [f"{'AB'[n // 5]}/{n}.png" for n in range(10)],
            "label": list("AAAAABBBBB"),
        },
        dtype="string",
    )
    return Dataset("d", tmp_path, "folders", table, CLASSES)


@pytest.fixture
def split():
    # In another order than the table, as nothing promises the same one.
    assignment = pd.Series(PARTS * 2, index=[f"id{n}" for n in range(10)])
    return Split(assignment.sample(frac=1, random_state=0), "patient", 1.0, "")


def pixels(unusable=(), scores=None):
    usable = ~np.isin(np.arange(10), list(unusable))
    reasons = {f"id{n}": f"id{n} is broken." for n in unusable}
    return FakePixels(usable, np.full(10, 30.0) if scores is None else scores, reasons)


def test_every_image_goes_where_the_split_puts_it(dataset, split):
    chosen = select(dataset, CLASSES, split, pixels(), None)
    assert chosen.rows["train"].tolist() == [0, 1, 2, 5, 6, 7]
    assert chosen.rows["validation"].tolist() == [3, 8]
    assert chosen.rows["test"].tolist() == [4, 9]
    assert chosen.labels.tolist() == [0] * 5 + [1] * 5
    assert chosen.removed == []
    assert chosen.counts == {"train": 6, "validation": 2, "test": 2}


def test_the_class_numbers_follow_the_order_asked_for(dataset, split):
    assert select(dataset, ("B", "A"), split, pixels(), None).labels[0] == 1


def test_poor_and_unusable_images_are_left_out_with_the_reason(dataset, split):
    scores = np.full(10, 30.0)
    scores[0], scores[6], scores[7] = 70.0, 69.999, np.nan
    chosen = select(dataset, CLASSES, split, pixels([1], scores), 70.0)
    assert chosen.removed == [
        {"image_id": "id0", "path": "A/0.png", "reason": "BRISQUE 70.0, the limit is 70."},
        {"image_id": "id1", "path": "A/1.png", "reason": "id1 is broken."},
        {
            "image_id": "id7",
            "path": "B/7.png",
            "reason": "BRISQUE is undefined: the prepared image is flat.",
        },
    ]
    assert chosen.rows["train"].tolist() == [2, 5, 6]


@pytest.mark.parametrize(("row", "part"), [(3, "validation"), (9, "test")])
def test_no_part_may_lose_a_class(dataset, split, row, part):
    scores = np.full(10, 30.0)
    scores[row] = 90.0
    with pytest.raises(
        TrainingError, match=rf"No image of {'AB'[row // 5]} is left in {part}"
    ) as raised:
        select(dataset, CLASSES, split, pixels(scores=scores), 70.0)
    assert raised.value.final
    with pytest.raises(TrainingError, match=r"Check the images.*"):
        select(dataset, CLASSES, split, pixels([row]), None)
