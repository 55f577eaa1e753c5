import numpy as np
import pytest

from cxrcore.errors import TrainingError
from cxrcore.training import augment
from cxrcore.training.data import Feed, Rows


@pytest.fixture
def pixels(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (10, 4, 4), dtype=np.uint8)
    np.save(tmp_path / "pixels.npy", array)
    return np.load(tmp_path / "pixels.npy", mmap_mode="r")


def test_rows_are_those_of_the_array_in_the_order_asked_for(pixels):
    rows = Rows(pixels)
    numbers = np.array([7, 0, 7, 9])
    assert (rows.take(numbers) == np.asarray(pixels)[numbers]).all()
    rows.close()


def test_rows_can_be_read_after_the_file_was_deleted(pixels, tmp_path):
    rows = Rows(pixels)
    (tmp_path / "pixels.npy").unlink()
    assert (rows.take(np.array([3])) == np.asarray(pixels)[3]).all()
    rows.close()


def test_a_file_that_was_cut_short_is_an_error_and_not_black_images(pixels, tmp_path):
    rows = Rows(pixels)
    with open(tmp_path / "pixels.npy", "r+b") as file:
        file.truncate(pixels.offset + 9 * 16)
    with pytest.raises(TrainingError, match="ends before row 9"):
        rows.take(np.array([0, 9]))
    rows.close()


def test_a_part_of_a_map_is_refused_since_its_place_in_the_file_is_not_known(pixels):
    with pytest.raises(TrainingError, match="whole file"):
        Rows(pixels[2:])


def test_an_epoch_has_every_image_once_with_its_class(pixels):
    numbers, labels = np.array([1, 3, 5, 7, 9]), np.array([0, 1, 2, 0, 1])
    rows = Rows(pixels)
    feed = Feed(rows, numbers, labels, batch_size=2, seed=1)
    batches = list(feed.batches())
    assert len(feed) == len(batches) == 3
    seen = {bytes(row): label for x, y in batches for row, label in zip(x, y, strict=True)}
    expected = {pixels[n].tobytes(): label for n, label in zip(numbers, labels, strict=True)}
    assert seen == expected
    rows.close()


def test_the_order_depends_on_seed_and_epoch_alone(pixels):
    rows = Rows(pixels)

    def order(seed: int | None, epoch: int) -> list[int]:
        feed = Feed(rows, np.arange(10), np.arange(10), 3, seed)
        feed.epoch = epoch
        return np.concatenate([y for _, y in feed.batches()]).tolist()

    assert order(1, 4) == order(1, 4)
    assert order(1, 4) != order(1, 5)
    assert order(1, 4) != order(2, 4)
    assert order(None, 4) == list(range(10))
    rows.close()


def test_a_network_gets_gray_values_three_times_as_floats(pixels):
    rows = Rows(pixels)
    [(x, y), *_] = Feed(rows, np.array([2, 4]), np.array([1, 0]), 2).dataset()
    assert x.shape == (2, 4, 4, 3)
    assert x.dtype.name == "float32"
    for channel in range(3):
        assert (np.asarray(x)[..., channel] == np.asarray(pixels)[[2, 4]]).all()
    assert np.asarray(y).tolist() == [1, 0]
    rows.close()


def test_features_reach_the_head_as_they_are(tmp_path):
    features = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    np.save(tmp_path / "features.npy", features)
    rows = Rows(np.load(tmp_path / "features.npy", mmap_mode="r"))
    [(x, _)] = Feed(rows, np.array([4, 1]), np.array([0, 0]), 2).dataset()
    assert (np.asarray(x) == features[[4, 1]]).all()
    rows.close()


def test_images_are_changed_in_each_epoch_in_its_own_way(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (6, 32, 32), dtype=np.uint8)
    np.save(tmp_path / "large.npy", array)
    rows = Rows(np.load(tmp_path / "large.npy", mmap_mode="r"))
    feed = Feed(rows, np.arange(6), np.arange(6), 4, seed=1, strength=augment.STRONG)

    def epoch(number: int) -> dict[int, bytes]:
        feed.epoch = number
        return {
            int(y): x.tobytes() for xs, ys in feed.batches() for x, y in zip(xs, ys, strict=True)
        }

    first, second = epoch(0), epoch(1)
    assert first == epoch(0)
    assert all(first[n] != second[n] != array[n].tobytes() for n in range(6))
    rows.close()
