"""Which mask belongs to which film."""

import pytest

from cxrcore.datasets import mask_files


@pytest.mark.parametrize(
    ("film", "mask"),
    [
        ("A/images/1.png", "A/masks/1.png"),
        ("A/images/1.jpg", "A/masks/1_mask.png"),
        ("A/images/1.png", "A/lung_masks/mask_1.tif"),
        ("A/1.png", "A/masks/1-lung.png"),
        ("A/1.png", "A/1_mask.png"),
        ("A/1.png", "A/Lung Masks/1_lungmask.png"),
        ("images/A/1.png", "masks/A/1.png"),
        ("images/x.jpg", "annotations/lungVAE-masks/x_mask.png"),
        ("CXR_png/x_1.png", "segmentation/other/x_1_mask.png"),
    ],
)
def test_a_mask_finds_its_film(film, mask):
    found = mask_files.matched([film], [mask])
    assert found.of == {film: mask}
    assert found.notes() == []


def test_a_mask_is_not_taken_from_another_class_nor_by_two_films():
    found = mask_files.matched(["A/1.png", "B/1.png", "C/2.png"], ["A/masks/2.png", "masks/1.png"])
    assert found.of == {}
    assert found.notes() == [
        "2 lung masks are without a film of its name: A/masks/2.png, masks/1.png."
    ]


def test_the_mask_of_one_lung_alone_is_not_used():
    sides = ["ManualMask/leftMask/1.png", "ManualMask/rightMask/1.png", "ManualMask/leftMask/2.png"]
    found = mask_files.matched(["CXR_png/1.png", "CXR_png/2.png"], sides)
    assert found.of == {"CXR_png/1.png": "ManualMask/leftMask/1.png#and-right"}
    assert found.halves == ["ManualMask/leftMask/2.png"]


def test_only_pictures_with_a_film_beside_them_are_masks():
    assert mask_files.beside(["A/1.png", "A/1_mask.png", "A/left_lung.png"]) == {"A/1_mask.png"}
