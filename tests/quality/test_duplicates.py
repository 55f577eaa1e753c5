"""Perceptual hashes and the search for near duplicates."""

import cv2
import imagehash
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cxrcore import images
from cxrcore.errors import ImageError
from cxrcore.quality import near_duplicates, phash

HASHES = st.one_of(st.none(), st.integers(0, 2**64 - 1).map(lambda n: f"{n:016x}"))


def picture(seed=0, shape=(200, 160)):
    pixels = np.random.default_rng(seed).normal(120, 60, (12, 10))
    smooth = cv2.resize(pixels, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return smooth.clip(0, 255).astype(np.uint8)


def different_bits(one, other):
    return (int(one, 16) ^ int(other, 16)).bit_count()


def test_the_hash_is_that_of_imagehash():
    gray = picture()
    assert phash(gray) == str(imagehash.phash(Image.fromarray(gray)))
    assert len(phash(gray)) == 16


def test_another_size_and_compression_change_few_bits_and_another_image_many():
    gray = picture()
    small = cv2.resize(gray, (90, 110), interpolation=cv2.INTER_AREA)
    again = cv2.imdecode(cv2.imencode(".jpg", small)[1], cv2.IMREAD_GRAYSCALE)
    assert different_bits(phash(gray), phash(again)) <= 4
    assert different_bits(phash(gray), phash(picture(seed=1))) > 12


def test_a_flat_image_has_a_hash():
    assert len(phash(np.full((50, 50), 9, np.uint8))) == 16


@pytest.mark.parametrize("gray", [np.zeros((4, 4, 3), np.uint8), np.zeros((0, 4), np.uint8)])
def test_what_is_not_a_gray_image_is_refused(gray):
    with pytest.raises(ImageError, match="Received"):
        phash(gray)


@given(hashes=st.lists(HASHES, max_size=12), most=st.integers(0, 64))
def test_every_pair_within_the_distance_is_found_once(hashes, most):
    wanted = {
        (i, j, different_bits(a, b))
        for j, b in enumerate(hashes)
        for i, a in enumerate(hashes[:j])
        if a and b and different_bits(a, b) <= most
    }
    found = near_duplicates(hashes, most)
    assert {tuple(row) for row in found.tolist()} == wanted
    assert len(found) == len(wanted)
    assert (np.diff(found[:, 2]) >= 0).all()


def test_the_search_in_blocks_finds_pairs_across_blocks(monkeypatch):
    monkeypatch.setattr("cxrcore.quality.duplicates._AT_ONCE", 7)
    hashes = [f"{n % 5:016x}" for n in range(20)]
    assert len(near_duplicates(hashes, 0)) == 5 * 6


@pytest.mark.real
def test_the_same_image_at_another_size_is_found_among_real_ones(real_data):
    files = sorted((real_data / "cxr3").glob("*/*.jp*g"))[::100]
    pictures = [images.decode(file) for file in files]
    hashes = [phash(gray) for gray in pictures]
    hashes += [phash(images.resize(gray, 224)) for gray in pictures]
    pairs = near_duplicates(hashes)
    assert {(i, j) for i, j, _ in pairs.tolist()} == {
        (i, i + len(files)) for i in range(len(files))
    }
