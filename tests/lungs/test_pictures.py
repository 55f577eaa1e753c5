"""What a model of the lungs is given of a film that came without, or with, a mask."""

import cv2
import numpy as np
import pytest

from cxrcore import images, lungs
from cxrcore.inference.pictures import Picture
from cxrcore.pixels import Preparation, prepare_one


@pytest.fixture(scope="module")
def gray(simulated_folder) -> np.ndarray:
    return images.decode(next(simulated_folder.glob("*/images/*.png")))


@pytest.fixture
def drawn(gray) -> np.ndarray:
    mask = np.zeros(gray.shape, bool)
    mask[20:60, 30:90] = True
    return mask


@pytest.mark.parametrize("masks", ["given", "completed", "estimated"])
def test_a_film_without_a_mask_has_its_lungs_estimated(gray, masks):
    preparation = Preparation(48, "lungs-crop", masks)
    found = Picture(gray).prepared(preparation)
    mask = lungs.segment(gray).mask > 0
    np.testing.assert_array_equal(found.seen, prepare_one(gray, mask, preparation))
    assert found.box == cv2.boundingRect(mask.astype(np.uint8))
    said = ["its lungs were estimated, while the model was trained" in note for note in found.notes]
    assert said == ([True] if masks == "given" else [])


@pytest.mark.parametrize("masks", ["given", "completed", "estimated"])
def test_a_model_of_estimated_lungs_never_sees_others(gray, drawn, masks, tmp_path):
    preparation = Preparation(48, "lungs", masks)
    file = tmp_path / "drawn.png"
    file.write_bytes(images.encode_png(drawn.astype(np.uint8) * 255))
    found = Picture(gray, file).prepared(preparation)
    mask = lungs.segment(gray).mask > 0 if masks == "estimated" else drawn
    np.testing.assert_array_equal(found.seen, prepare_one(gray, mask, preparation))
    assert found.notes == ()


def test_the_mask_of_a_changed_film_is_taken_as_it_was_moved_along(gray, drawn):
    preparation = Preparation(48, "lungs", "estimated")
    found = Picture(255 - gray, drawn).prepared(preparation)
    np.testing.assert_array_equal(found.seen, prepare_one(255 - gray, drawn, preparation))


def test_a_picture_without_lungs_is_shown_whole_and_the_reason_told():
    noise = np.random.default_rng(0).integers(0, 256, (60, 80), np.uint8)
    found = Picture(noise).prepared(Preparation(48, "lungs", "estimated"))
    np.testing.assert_array_equal(found.seen, prepare_one(noise, None, Preparation(48)))
    assert lungs.segment(noise).reason in found.notes[0]
    assert "given the whole film" in found.notes[0]
