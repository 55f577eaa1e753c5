"""One film against the films of a dataset: the same copies as the search within datasets finds."""

import cv2
import numpy as np
import pytest

from cxrcore import datasets, duplicates, index
from cxrcore.gate import copies
from tests.helpers.films import film

COPIES = {
    "recompressed": lambda gray: cv2.imdecode(cv2.imencode(".jpg", gray)[1], 0),
    "smaller": lambda gray: cv2.resize(gray, (180, 210), interpolation=cv2.INTER_AREA),
    "cropped": lambda gray: gray[30:280, 20:250],
    "gamma": lambda gray: (255 * (gray / 255) ** 1.6).astype(np.uint8),
    "framed": lambda gray: cv2.copyMakeBorder(gray, *[30] * 4, cv2.BORDER_CONSTANT, value=0),
    "negative": lambda gray: 255 - gray,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("films")
    (root / "A").mkdir()
    (root / "B").mkdir()
    for seed in range(12):
        cv2.imwrite(str(root / "AB"[seed % 2] / f"{seed}.png"), film(seed))
    return root


@pytest.fixture
def dataset(folder):
    found = datasets.load(folder)
    index.measure(found, workers=1)
    return found


def names(found, dataset):
    return [dataset.path_of(copy.image_id).stem for copy in found]


@pytest.mark.parametrize("alter", COPIES.values(), ids=COPIES)
def test_a_copy_is_found_and_correlates_as_in_the_search_within_datasets(dataset, alter):
    copies.prepare(dataset)
    gray = np.ascontiguousarray(alter(film(4)))
    found = copies.find(gray, dataset)
    assert names(found, dataset) == ["4"]
    assert found[0].correlation >= duplicates.NEAR


def test_this_film_may_show_more_than_the_one_in_the_dataset(folder, tmp_path):
    for name in "AB":
        (tmp_path / "cut" / name).mkdir(parents=True)
    for seed in range(12):
        part = film(seed)[20:270, 20:240]
        cv2.imwrite(str(tmp_path / "cut" / "AB"[seed % 2] / f"{seed}.png"), part)
    cut = datasets.load(tmp_path / "cut")
    index.measure(cut, workers=1)
    copies.prepare(cut)
    assert names(copies.find(film(7), cut), cut) == ["7"]


def test_another_film_has_no_copy_and_a_blank_one_neither(dataset):
    copies.prepare(dataset)
    assert copies.find(film(99), dataset) == ()
    assert copies.find(np.full((200, 200), 90, np.uint8), dataset) == ()


def test_before_the_films_are_described_nobody_has_looked(dataset, own_folders):
    assert copies.find(film(4), dataset) is None
    copies.prepare(dataset)
    place = own_folders.data / "duplicates" / f"{dataset.fingerprint}.films.npz"
    before = place.stat().st_mtime_ns
    copies.prepare(dataset)
    assert place.stat().st_mtime_ns == before
    place.write_bytes(b"PK damaged")
    assert copies.find(film(4), dataset) is None
    copies.prepare(dataset)
    assert names(copies.find(film(4), dataset), dataset) == ["4"]
