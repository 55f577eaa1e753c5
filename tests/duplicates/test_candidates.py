"""Which thumbnails are compared closer: keypoints against sums over all pairs of them, and their maps."""

import itertools
import threading

import cv2
import numpy as np
import pytest

from cxrcore.duplicates import candidates, keypoints, threads
from cxrcore.duplicates.candidates import search
from cxrcore.duplicates.descriptors import SIDE, frame, without
from cxrcore.duplicates.keypoints import VARIANTS, Keypoints
from cxrcore.errors import Cancelled
from tests.helpers import films


def film(seed, shape=(128, 110)):
    return films.film(seed, shape)


def points_of(*pictures):
    return Keypoints(*map(np.concatenate, zip(*map(keypoints.find, pictures), strict=True)))


def enlarged(picture):
    """As a thumbnail is: with 128 pixels along the longest side."""
    scale = 128 / max(picture.shape)
    return cv2.resize(np.ascontiguousarray(picture), None, fx=scale, fy=scale)


def changed(picture, variant):
    picture = np.ascontiguousarray(picture[:, ::-1]) if variant.mirrored else picture
    return 255 - picture if variant.negative else picture


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_descriptors_of_a_changed_film_are_those_of_the_film_in_another_order(variant):
    picture, places = film(1, (128, 128)), [(40.0, 40.0), (70.0, 55.0), (64.0, 90.0)]
    sift = cv2.SIFT_create()

    def described(gray, at):
        return sift.compute(gray, [cv2.KeyPoint(x, y, 6.0, 0.0) for x, y in at])[1]

    moved = [(127 - x, y) if variant.mirrored else (x, y) for x, y in places]
    wanted = described(changed(picture, variant), moved)
    found = keypoints.changed(described(picture, places), variant)
    for one, other in zip(found, wanted, strict=True):
        assert np.corrcoef(one, other)[0, 1] > 0.95


def test_the_product_of_summaries_is_the_sum_over_all_pairs_of_keypoints():
    pictures = [film(seed) for seed in range(4)]
    pictures += [enlarged(changed(film(0), VARIANTS[3])[10:120, 20:]), 255 - film(1)]
    points = points_of(*pictures)
    summaries = np.stack([keypoints.summary(one) for one in points.descriptors], axis=1)
    found = keypoints.shared(summaries, summaries)
    for one, other in itertools.combinations(range(len(pictures)), 2):
        sums = []
        for variant in VARIANTS:
            mine = keypoints.changed(points.descriptors[one], variant).astype(float)
            theirs = points.descriptors[other].astype(float)
            mine, theirs = (np.sqrt(own / own.sum(axis=1, keepdims=True)) for own in (mine, theirs))
            squares = np.square(mine[:, None] - theirs[None]).sum(axis=2)
            sums.append(np.exp(-15 * squares).sum())
        assert found[one, other] == pytest.approx(max(sums), abs=4)  # thrice the error of a product
        if max(sums) > 20:
            number = keypoints.likely(summaries[:, one], summaries[:, [other]])[0]
            assert number == int(np.argmax(sums))
    assert found[0, 4] > 20
    assert found[1, 5] > 20
    assert found[0, 1] < candidates.SHARED


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_crop_is_found_with_its_place(variant):
    whole = film(0)
    part = changed(whole[25:, 20:], variant)  # 66 % of the area
    (found,) = search(points_of(film(7), enlarged(part), whole, film(8)))
    assert (found.whole, found.part, found.variant) == (2, 1, variant)
    scale, begin = np.array([90 / 110, 103 / 128]), np.array([20 / 110, 25 / 128]) * SIDE
    assert np.diag(found.place) == pytest.approx(scale, abs=0.02)
    assert found.place[:, 2] == pytest.approx(begin, abs=1)


@pytest.mark.parametrize("degrees", [-5, 5])
def test_a_film_that_was_turned_is_found(degrees):
    picture = film(3)
    around = cv2.getRotationMatrix2D((55, 64), degrees, 1)
    (found,) = search(points_of(picture, cv2.warpAffine(picture, around, (110, 128))))
    assert abs(np.degrees(np.arctan2(found.place[1, 0], found.place[0, 0]))) == pytest.approx(
        5, abs=1
    )


@pytest.mark.parametrize("others", [0, 5, 40])
def test_whether_two_images_are_a_pair_does_not_depend_on_the_others(others):
    pictures = [film(1), enlarged(film(1)[14:, 6:])]
    (alone,) = search(points_of(*pictures))
    (among,) = search(points_of(*(film(100 + n) for n in range(others)), *pictures))
    assert (among.whole, among.part) == (alone.whole + others, alone.part + others)
    assert among.place == pytest.approx(alone.place, abs=1e-5)


def test_between_two_parts_the_same_pairs_are_found_as_in_all():
    pictures = [film(seed) for seed in range(4)]
    points = points_of(*pictures, *(enlarged(picture[9:]) for picture in pictures), pictures[0])
    everywhere = {tuple(sorted(one[:2])) for one in search(points)}
    assert len(everywhere) == 6
    for split in (0, 3, 5, 9):
        found = {tuple(sorted(one[:2])) for one in search(points, split)}
        assert found == {pair for pair in everywhere if pair[0] < split <= pair[1]}


def test_nothing_a_single_image_and_images_without_keypoints_have_no_pairs():
    assert search(keypoints.none(0)) == []
    assert search(points_of(film(0))) == []
    assert search(keypoints.none(3)) == []


@pytest.mark.parametrize("shape", [(1, 128), (128, 3), (128, 128)])
def test_a_picture_with_nothing_in_it_has_no_keypoints(shape):
    assert not keypoints.find(np.full(shape, 9, np.uint8)).descriptors.any()


def test_many_copies_of_a_film_form_one_group(monkeypatch):
    monkeypatch.setattr(candidates, "_MOST", 4)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 5, (30, 128, 110))
    found = search(points_of(*(film(0) + noise).clip(0, 255).astype(np.uint8)))
    assert len(found) <= 4 * 30
    reached, edges = {0}, [set(one[:2]) for one in found]
    for _ in range(30):
        reached |= set().union(*(e for e in edges if e & reached))
    assert reached == set(range(30))


def test_a_search_stops_on_request(monkeypatch):
    points = points_of(*(film(seed) for seed in range(10)))
    points = Keypoints(*(np.concatenate([one] * 40) for one in points))
    seen = []
    monkeypatch.setattr(candidates, "_alike", lambda *given: seen.append(given[1].start) or [])

    def stop(done):
        assert done == candidates._ROWS
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        search(points, report=stop)
    assert len(seen) < len(points.places) / candidates._ROWS


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("widths", [(12, 12, 12, 12), (20, 0, 0, 9), (0, 0, 0, 0)])
def test_an_even_rim_is_found_and_cut_off(value, widths):
    top, bottom, left, right = widths
    picture = film(2)
    framed = cv2.copyMakeBorder(picture, *widths, cv2.BORDER_CONSTANT, value=value)
    height, width = framed.shape
    left, top, right, bottom = (n + (n > 0) for n in (left, top, right, bottom))
    wanted = left / width, top / height, right / width, bottom / height
    assert frame(framed) == pytest.approx(wanted)
    inner = framed[top : height - bottom, left : width - right]
    assert (without(framed, frame(framed)) == inner).all()


def test_of_an_image_that_is_even_all_over_a_part_is_left():
    even = np.full((90, 60), 3, np.uint8)
    assert without(even, frame(even)).shape == (28, 18)


def test_results_come_in_order_and_threads_are_given_back():
    before = cv2.getNumThreads()
    found = threads.ordered(lambda n: (n, threading.current_thread().name), range(50))
    assert next(found)[0] == 0
    assert cv2.getNumThreads() == 1
    rest = list(found)
    assert [n for n, _ in rest] == list(range(1, 50))
    assert threading.current_thread().name not in {name for _, name in rest}
    assert cv2.getNumThreads() == before


def test_an_error_in_a_thread_is_raised_and_ends_the_work():
    def work(number):
        if number == 3:
            raise Cancelled("stopped")
        return number

    found = threads.ordered(work, range(10_000))
    with pytest.raises(Cancelled):
        list(found)
