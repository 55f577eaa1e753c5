"""Changes of a film, against SciPy, Pillow and the definitions."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from cxrcore.errors import ImageError
from cxrcore.perturbations import PERTURBATIONS, erase, perturb


def film(height: int = 40, width: int = 52) -> np.ndarray:
    noise = np.random.default_rng(3).normal(size=(height, width))
    smooth = ndimage.gaussian_filter(noise, 3)
    scaled = (smooth - smooth.min()) / np.ptp(smooth)
    return np.rint(30 + 190 * scaled).astype(np.uint8)


def changed(name: str, strength: float, gray: np.ndarray) -> np.ndarray:
    return perturb(gray, {name: strength})[0].astype(float)


def strengths(name: str) -> st.SearchStrategy[float]:
    return st.floats(PERTURBATIONS[name].low, PERTURBATIONS[name].high)


@given(st.fixed_dictionaries({}, optional={name: strengths(name) for name in PERTURBATIONS}))
@settings(max_examples=40, deadline=None)
def test_every_combination_keeps_shape_type_and_the_film_it_was_given(chosen):
    gray, mask = film(), film() > 120
    before = gray.copy()
    result, lungs = perturb(gray, chosen, mask=mask)
    assert result.shape == gray.shape
    assert result.dtype == np.uint8
    assert lungs.shape == mask.shape
    assert lungs.dtype == bool
    assert (gray == before).all()


def test_neutral_strengths_change_nothing():
    gray = film()
    assert (perturb(gray, {p.name: p.neutral for p in PERTURBATIONS.values()})[0] == gray).all()


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_either_end_of_a_slider_changes_the_film(name):
    change, gray = PERTURBATIONS[name], film()
    ends = {change.low, change.high} - {change.neutral}
    assert all((changed(name, end, gray) != gray).any() for end in ends)


@pytest.mark.parametrize("degrees", [-30, 7, 30])
def test_rotation_is_that_of_scipy(degrees):
    gray = film(41, 41)
    reference = ndimage.rotate(gray.astype(float), -degrees, reshape=False, order=1)
    inner = np.s_[12:-12, 12:-12]
    assert np.abs(changed("rotation", degrees, gray) - reference)[inner].max() <= 2


def test_a_positive_rotation_is_clockwise():
    gray = np.zeros((41, 41), np.uint8)
    gray[2:8, 18:23] = 255  # at the top
    rows, columns = np.nonzero(changed("rotation", 30, gray) > 100)
    assert columns.mean() > 24
    assert rows.mean() < 15


@pytest.mark.parametrize("factor", [0.7, 1.5])
def test_zoom_is_that_of_scipy(factor):
    gray = film(41, 41)
    reference = ndimage.affine_transform(
        gray.astype(float), np.eye(2) / factor, offset=20 - 20 / factor, order=1
    )
    inner = np.s_[9:-9, 9:-9]
    assert np.abs(changed("zoom", factor, gray) - reference)[inner].max() <= 2


def test_shifts_move_whole_pixels_and_leave_black_behind():
    gray = film(40, 60)
    right = changed("shift-x", 10, gray)
    assert (right[:, 6:] == gray[:, :-6]).all()
    assert (right[:, :6] == 0).all()
    up = changed("shift-y", -10, gray)
    assert (up[:-4] == gray[4:]).all()
    assert (up[-4:] == 0).all()


def test_the_mask_moves_with_the_film():
    mask = np.zeros((40, 60), bool)
    mask[10:30, 5:25] = True
    gray = np.where(mask, 200, 20).astype(np.uint8)
    moved, lungs = perturb(gray, {"rotation": 12, "shift-x": 8, "zoom": 1.2}, mask=mask)
    assert np.mean(lungs == (moved > 110)) > 0.99


def test_levels_follow_their_formulas():
    gray, levels = film(), film().astype(float)
    mean = levels.mean()
    for name, strength, expected in (
        ("brightness", 20, levels + 51),
        ("contrast", 1.5, mean + 1.5 * (levels - mean)),
        ("gamma", 0.5, 255 * np.sqrt(levels / 255)),
    ):
        assert np.abs(changed(name, strength, gray) - np.clip(expected, 0, 255)).max() <= 0.51, name


def test_blur_is_that_of_scipy():
    gray = film(40, 100)
    reference = ndimage.gaussian_filter(gray.astype(float), 2, mode="mirror")
    assert np.abs(changed("blur", 2, gray) - reference).max() <= 1.5


def test_noise_has_its_deviation_and_is_the_same_every_time():
    gray = np.full((200, 200), 128, np.uint8)
    noisy = changed("noise", 20, gray)
    assert abs((noisy - 128).std() - 20) < 0.5
    assert (noisy == changed("noise", 20, gray)).all()


def test_compression_loses_about_what_pillow_loses():
    gray, buffer = film(64, 64), io.BytesIO()
    Image.fromarray(gray).save(buffer, "JPEG", quality=5)
    reference = np.asarray(Image.open(buffer)).astype(float)
    loss = np.abs(changed("compression", 5, gray) - gray).mean()
    assert loss == pytest.approx(np.abs(reference - gray).mean(), rel=0.2)


def test_an_erased_box_takes_the_gray_of_its_surroundings():
    gray = np.full((40, 40), 90, np.uint8)
    gray[5:10, 5:12] = 255  # a marker
    cleared = erase(gray, (4, 4, 9, 7))
    assert (cleared == 90).all()
    assert gray.max() == 255


def test_a_box_over_the_edge_is_cut_and_one_beside_the_film_is_refused():
    gray = film()
    assert (erase(gray, (-5, -5, 15, 15))[10:, 10:] == gray[10:, 10:]).all()
    with pytest.raises(ImageError, match="not on the film of 52 x 40"):
        erase(gray, (60, 3, 5, 5))


def test_the_region_is_applied_before_the_film_is_moved():
    gray, mask = np.full((40, 40), 200, np.uint8), np.zeros((40, 40), bool)
    mask[10:20, 10:20] = True
    moved, _ = perturb(gray, {"shift-x": 25}, mask=mask, region="lungs")
    assert (moved[10:20, 20:30] == 200).all()
    assert moved.sum() == 200 * 100


@pytest.mark.parametrize(
    ("name", "strength", "message"),
    [
        ("squeeze", 1, "no change 'squeeze'. Choose from: rotation, zoom"),
        ("gamma", 9, "Gamma goes from 0.4 to 2.5"),
        ("noise", float("nan"), "Noise goes from 0 to 50"),
    ],
)
def test_what_is_not_there_or_out_of_range_is_refused(name, strength, message):
    with pytest.raises(ImageError, match=message):
        perturb(film(), {name: strength})


def test_a_region_without_a_mask_is_refused():
    with pytest.raises(ImageError, match="needs a lung mask"):
        perturb(film(), {}, region="lungs")


@pytest.mark.parametrize("change", PERTURBATIONS.values(), ids=lambda change: change.name)
def test_strengths_span_the_slider_and_hold_the_film_as_it_is(change):
    found = change.strengths()
    assert found[0] == change.low
    assert found[-1] == change.high
    assert change.neutral in found
