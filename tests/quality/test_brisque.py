"""BRISQUE against an independent implementation of the same definition, and at its limits."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.signal
import skimage.transform
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrcore import images
from cxrcore.errors import ImageError, WeightsError
from cxrcore.quality import aggd, brisque, svm
from cxrcore.quality.half_size import PAD, half_size

_spec = importlib.util.spec_from_file_location(
    "reference_brisque", Path(__file__).with_name("reference_brisque.py")
)
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)
# The package's name `brisque` is the function; this is the module around it.
module = importlib.import_module("cxrcore.quality.brisque")

CLOSE = 1e-6  # the promise is 0.01; what is computed the same way is far closer


def texture(shape, seed=0, spread=30.0):
    """Smooth noise: as natural as synthetic images get."""
    pixels = np.random.default_rng(seed).normal(120, spread, shape)
    return cv2.GaussianBlur(pixels, (0, 0), 1.2).clip(0, 255).astype(np.uint8)


def disc(shape):
    y, x = np.indices(shape)
    height, width = shape
    return (y - height / 2) ** 2 + (x - width / 2) ** 2 < (min(shape) / 3) ** 2


def expected(gray):
    try:
        return reference.score(gray)
    except ArithmeticError:
        return float("nan")


@pytest.mark.parametrize("shape", [(200, 200), (512, 512), (201, 333), (97, 64), (64, 211)])
def test_scores_equal_the_definition_at_even_odd_and_oblong_sizes(shape):
    gray = texture(shape)
    assert brisque(gray) == pytest.approx(expected(gray), abs=CLOSE)


FLAT_AREAS = {
    "white third": lambda g: np.where(np.arange(g.shape[1]) < g.shape[1] // 3, 255, g),
    "gray half": lambda g: np.where(np.arange(g.shape[0])[:, None] < g.shape[0] // 2, 37, g),
    "lungs on black": lambda g: np.where(disc(g.shape), g, 0),
    "lungs on gray": lambda g: np.where(disc(g.shape), g, 200),
    "ramp around": lambda g: np.where(disc(g.shape), g, np.arange(g.shape[1]) * 255 // g.shape[1]),
    "saturated": lambda g: (g.astype(int) * 3 - 200).clip(0, 255),
    "black frame": lambda g: np.pad(g[20:-20, 31:-31], ((20, 20), (31, 31))),
    "marker": lambda g: np.where(np.indices(g.shape).max(axis=0) < 40, 255, g),
}


@pytest.mark.parametrize("name", FLAT_AREAS)
@pytest.mark.parametrize("shape", [(200, 200), (151, 170)])
def test_rounding_in_flat_areas_falls_to_the_same_side_as_in_the_definition(name, shape):
    gray = FLAT_AREAS[name](texture(shape, seed=5)).astype(np.uint8)
    assert brisque(gray) == pytest.approx(expected(gray), abs=CLOSE, nan_ok=True)


@settings(max_examples=15, deadline=None)
@given(
    shape=st.tuples(st.integers(24, 90), st.integers(24, 90)),
    seed=st.integers(0, 2**20),
    spread=st.floats(2, 80),
    level=st.integers(0, 255),
)
def test_scores_equal_the_definition_on_whatever_is_drawn(shape, seed, spread, level):
    gray = texture(shape, seed, spread)
    gray[: shape[0] // 4] = level
    ours, theirs = brisque(gray), expected(gray)
    assert ours == pytest.approx(theirs, abs=CLOSE, nan_ok=True)


@pytest.mark.real
@pytest.mark.parametrize("size", [None, 200])
def test_scores_equal_the_definition_on_real_images(real_data, size):
    files = sorted((real_data / "cxr3").glob("*/*.jp*g"))[:: 1124 // 5]
    for file in files:
        gray = images.decode(file)
        gray = gray if size is None else images.resize(gray, size)
        assert brisque(gray) == pytest.approx(expected(gray), abs=CLOSE), file.name


@pytest.mark.parametrize("shape", [(16, 16), (200, 200), (333, 201), (31, 64), (64, 31)])
@pytest.mark.parametrize("black", [False, True])
def test_the_half_size_copy_is_that_of_scikit_image_bit_for_bit(shape, black):
    image = texture(shape, seed=3) / 255.0
    if black:
        image = np.where(disc(shape), image, 0)
    options = {"order": 2, "mode": "constant", "anti_aliasing": False}
    wanted = skimage.transform.rescale(image, 0.5, **options)
    np.testing.assert_array_equal(half_size(np.pad(image, PAD)), wanted)


def test_means_in_flat_areas_are_summed_in_the_order_of_scipy():
    image = texture((40, 53)) / 255.0
    image[10:30, 5:40] = 37 / 255
    y, x = (axis.ravel() for axis in np.indices(image.shape))
    wanted = scipy.signal.convolve2d(image, reference.kernel(), "same")
    np.testing.assert_array_equal(module._mean_at(image, y, x), wanted[y, x])


def test_strips_make_no_difference(monkeypatch):
    image = texture((90, 60)) / 255.0
    whole = module.moments(image)
    monkeypatch.setattr(module, "_STRIP", 1)
    np.testing.assert_allclose(module.moments(image), whole, rtol=1e-12)


@pytest.mark.parametrize(
    "gray",
    [
        np.zeros((64, 64), np.uint8),
        np.full((64, 64), 255, np.uint8),
        np.full((200, 15), 7, np.uint8),
        np.random.default_rng(0).integers(0, 256, (15, 200), np.uint8),
        np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.ones((8, 8))).astype(np.uint8) * 255,
    ],
    ids=["black", "white", "narrow and flat", "low", "checkerboard"],
)
def test_an_image_that_cannot_be_scored_is_nan(gray):
    assert np.isnan(brisque(gray))


def test_one_bright_pixel_on_black_gives_a_number_or_nan_but_no_warning():
    gray = np.zeros((64, 64), np.uint8)
    gray[30, 30] = 255
    assert isinstance(brisque(gray), float)


@pytest.mark.parametrize("gray", [np.zeros((9, 9, 3), np.uint8), np.zeros((64, 64))])
def test_what_is_not_gray_uint8_is_refused_with_what_was_found(gray):
    with pytest.raises(ImageError, match=str(gray.dtype)):
        brisque(gray)


def test_the_image_is_not_changed_and_may_be_read_only_or_a_view():
    gray = texture((80, 90))
    before = gray.copy()
    gray.flags.writeable = False
    assert brisque(gray[:, ::-1]) == pytest.approx(brisque(gray[:, ::-1].copy()))
    np.testing.assert_array_equal(gray, before)


@pytest.mark.parametrize("shape", [0.03, 0.2, 0.5, 1.0, 2.0, 7.3, 100.0])
def test_the_shape_is_found_again_from_its_ratio(shape):
    ratio = np.array([reference.AsymmetricGeneralizedGaussian.phi(shape)])
    assert aggd.shape_of(ratio)[0] == pytest.approx(shape, rel=1e-6)


@pytest.mark.parametrize("ratio", [-1.0, 0.0, 0.75, 0.9, np.nan, np.inf])
def test_a_ratio_that_no_distribution_has_gives_nan(ratio):
    assert np.isnan(aggd.shape_of(np.array([ratio, 0.5]))[0])
    assert aggd.shape_of(np.array([ratio, 0.5]))[1] == pytest.approx(1.0)


def test_the_model_is_read_once():
    assert svm.load() is svm.load()
    assert svm.load().vectors.shape == (770, 36)


@pytest.mark.parametrize("name", ["brisque_svm.txt", "normalize.pickle"])
def test_a_changed_model_file_is_refused(name, tmp_path, monkeypatch):
    for file in svm._folder().iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b" ")
    monkeypatch.setattr(svm, "_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match=r"SHA-256.*expected.*pip install"):
        svm.load.__wrapped__()


def test_a_missing_model_file_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(svm, "_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match="pip install"):
        svm.load.__wrapped__()


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(svm, "find_spec", lambda _: None)
    with pytest.raises(WeightsError, match=r"pip install --no-deps image-quality"):
        svm._folder()


def test_a_pickle_that_asks_for_code_is_refused(tmp_path):
    import io
    import pickle

    harmful = pickle.dumps(Path("/tmp"))
    with pytest.raises(WeightsError, match="pathlib"):
        svm._PlainPickle(io.BytesIO(harmful)).load()
