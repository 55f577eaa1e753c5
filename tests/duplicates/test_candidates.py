"""Which thumbnails are compared closer: against a brute force written with SciPy."""

import itertools
import threading

import cv2
import numpy as np
import pytest
from scipy.fft import dctn
from scipy.interpolate import interp1d
from scipy.ndimage import gaussian_filter

from cxrcore.duplicates import candidates, descriptors, threads
from cxrcore.duplicates.candidates import LEVELS, search
from cxrcore.duplicates.descriptors import SIDE, as_square, frame, without
from cxrcore.errors import Cancelled
from tests.helpers import films


def film(seed, shape=(128, 110)):
    return films.film(seed, shape)


def squares_of(*pictures):
    return np.stack([as_square(picture) for picture in pictures])


def related(count):
    """Films that share a part, as chests do, with crops and negatives of some."""
    common = film(10_000).astype(np.float32)
    pictures = [
        cv2.addWeighted(common, share, film(n).astype(np.float32), 1 - share, 0).astype(np.uint8)
        for n, share in zip(range(count), np.linspace(0, 0.8, count), strict=True)
    ]
    pictures += [picture[10:, 4:100] for picture in pictures[::3]]
    pictures += [255 - picture[:110, :90] for picture in pictures[1::4]]
    return squares_of(*pictures)


def slow_sums(square):
    """(SIDE + 1, SIDE + 1) sums of the local contrast of all that is above and left."""
    values = square.astype(np.float64)
    rest = values - gaussian_filter(values, 7, mode="mirror")
    contrast = rest / (np.sqrt(gaussian_filter(rest**2, 10.5, mode="mirror")) + 4)
    sums = np.zeros((SIDE + 1, SIDE + 1))
    sums[1:, 1:] = contrast.cumsum(0).cumsum(1)
    return sums


def slow_descriptor(sums, box, level):
    """The descriptor of one image and box, by SciPy and sums over pixels."""
    left, top, right, bottom = box
    rows = np.linspace(top * SIDE, (1 - bottom) * SIDE, level.grid + 1)
    columns = np.linspace(left * SIDE, (1 - right) * SIDE, level.grid + 1)
    at = np.arange(SIDE + 1)
    sums = interp1d(at, interp1d(at, sums, axis=0)(rows), axis=1)(columns)
    cells = np.diff(np.diff(sums, axis=0), axis=1)
    waves = np.hypot(*np.indices(cells.shape))
    weights = np.where((waves >= level.low) & (waves <= level.high), waves**level.power, 0)
    flat = (dctn(cells, norm="ortho") * weights).ravel()
    return flat / np.linalg.norm(flat)


def slow_scores(squares):
    """(levels, n, n) the greatest size of the correlation of any box of one with the other."""
    sums = [slow_sums(square) for square in squares]
    result = np.zeros((len(LEVELS), len(squares), len(squares)))
    for number, level in enumerate(LEVELS):
        wholes = np.stack([slow_descriptor(s, descriptors.WHOLE, level) for s in sums])
        for row, one in enumerate(sums):
            parts = np.stack([slow_descriptor(one, box, level) for box in level.boxes])
            result[number, row] = np.abs(parts @ wholes.T).max(axis=0)
    return result


def test_the_search_finds_what_a_brute_force_finds():
    squares = related(9)
    scores = slow_scores(squares)
    cuts = np.array([level.cut for level in LEVELS])[:, None, None]
    surely, perhaps = ((scores >= cuts + margin).all(axis=0) for margin in (0.005, -0.005))
    found = {(c.whole, c.part) if c.whole < c.part else (c.part, c.whole) for c in search(squares)}
    for pair in itertools.combinations(range(len(squares)), 2):
        there, back = pair, pair[::-1]
        assert (pair in found) >= (surely[there] or surely[back])
        assert (pair in found) <= (perhaps[there] or perhaps[back])
    assert 4 < len(found) < len(squares) ** 2 / 4  # or the test would tell nothing
    for candidate in search(squares):
        wanted = scores[-1, candidate.whole, candidate.part]
        assert candidate.score == pytest.approx(wanted, abs=0.005)


def test_boxes_are_cut_in_the_order_in_which_they_are_named():
    square = as_square(film(1))
    contrast = descriptors.local_contrast(square)[None]
    for level in LEVELS:
        described = level.describe(contrast)[0]
        assert level.boxes[0] == descriptors.WHOLE
        assert len(described) == len(level.boxes)
        for number in range(0, len(level.boxes), 7):
            slow = slow_descriptor(slow_sums(square), level.boxes[number], level)
            assert described[number] @ slow[slow != 0] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("others", [0, 5, 150])
def test_whether_two_images_are_a_pair_does_not_depend_on_the_others(others):
    pictures = [film(1), film(1)[14:, 6:]]
    alone = search(squares_of(*pictures))
    among = search(squares_of(*(film(100 + n) for n in range(others)), *pictures))
    assert [(c.box, c.negative) for c in alone] == [(c.box, c.negative) for c in among]
    assert [c.score for c in alone] == pytest.approx([c.score for c in among], abs=1e-5)
    assert {c[:2] for c in among} == {(c.whole + others, c.part + others) for c in alone}


def test_between_two_parts_the_same_pairs_are_found_as_in_all():
    squares = related(12)
    for split in (0, 5, len(squares)):
        ends = {tuple(sorted(c[:2])): (c.box, c.negative) for c in search(squares)}
        expected = {pair: match for pair, match in ends.items() if pair[0] < split <= pair[1]}
        found = {tuple(sorted(c[:2])): (c.box, c.negative) for c in search(squares, split)}
        assert found == expected


def test_nothing_and_a_single_image_have_no_pairs():
    assert search(np.empty((0, SIDE, SIDE), np.uint8)) == []
    assert search(squares_of(film(0))) == []


def test_a_negative_is_found_as_such():
    (found,) = search(squares_of(film(0), 255 - film(0)))
    assert found.negative
    assert found.score > 0.99


def test_many_copies_of_a_film_form_one_group(monkeypatch):
    monkeypatch.setattr(candidates, "_MOST", 4)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 5, (30, SIDE, SIDE))
    squares = (as_square(film(0)) + noise).clip(0, 255).astype(np.uint8)
    found = search(squares)
    assert len(found) <= 4 * 30
    reached, edges = {0}, [set(c[:2]) for c in found]
    for _ in range(30):
        reached |= set().union(*(e for e in edges if e & reached))
    assert reached == set(range(30))


def test_a_search_stops_on_request(monkeypatch):
    squares = np.concatenate([related(9)] * 40)
    seen = []
    compare = candidates._alike
    monkeypatch.setattr(
        candidates, "_alike", lambda *given: seen.append(given[1].start) or compare(*given)
    )

    def stop(done):
        assert done == candidates._ROWS
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        search(squares, report=stop)
    assert len(seen) < len(squares) / candidates._ROWS


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
