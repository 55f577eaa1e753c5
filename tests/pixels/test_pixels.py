"""Prepared pixels: what they are, that they are made once, and that stopping loses little."""

import json
import os
import shutil
import threading
import time

import cv2
import numpy as np
import pytest

from cxrcore import datasets, images, quality
from cxrcore.errors import Cancelled, DatasetError, ImageError, StoreError
from cxrcore.pixels import Preparation, measures, prepare, prepare_one, writer
from tests.conftest import write_masked_dataset


@pytest.fixture
def dataset(tiny_dataset_folder):
    return datasets.load(tiny_dataset_folder)


@pytest.fixture
def masked(tmp_path):
    """Two classes of four images, all but one with a lung mask."""
    return datasets.load(write_masked_dataset(tmp_path / "masked", images=4))


@pytest.fixture
def prepared(watch_images):
    """The ids of the images that were really prepared, in order."""
    return watch_images(writer, "read_gray")


def test_rows_are_the_images_in_the_order_of_the_table(dataset):
    made = prepare(dataset, Preparation(32))
    assert made.array.shape == (len(dataset.table), 32, 32)
    assert made.array.dtype == np.uint8
    assert made.usable.all()
    assert made.reasons == {}
    for number in (0, 7, len(dataset.table) - 1):
        gray = images.decode(dataset.path_of(dataset.table.iloc[number]))
        np.testing.assert_array_equal(made.array[number], images.resize(gray, 32))


def test_pixels_are_mapped_and_cannot_be_written(dataset):
    made = prepare(dataset, Preparation(32))
    assert isinstance(made.array, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        made.array[0] = 0


def test_each_preparation_is_made_once(dataset, prepared):
    prepare(dataset, Preparation(32))
    prepare(dataset, Preparation(32))
    assert len(prepared) == len(dataset.table)
    prepare(dataset, Preparation(24))
    assert len(prepared) == 2 * len(dataset.table)


def test_one_image_is_prepared_as_the_dataset_is(masked):
    made = prepare(masked, Preparation(24, "lungs"))
    row = masked.table.iloc[1]
    gray = images.decode(masked.path_of(row))
    mask = images.read_mask(masked.mask_of(row), gray.shape)
    one = prepare_one(gray, mask, Preparation(24, "lungs"))
    np.testing.assert_array_equal(made.array[1], one)
    assert one.shape == (24, 24)
    assert one.dtype == np.uint8


@pytest.mark.parametrize("region", [region for region in images.REGIONS if region != "none"])
def test_an_image_without_a_mask_is_not_usable_in_an_region_that_needs_one(masked, region):
    made = prepare(masked, Preparation(24, region))
    without = np.flatnonzero(masked.table["mask"].isna())
    assert np.flatnonzero(~made.usable).tolist() == without.tolist()
    image_id = masked.table["image_id"].iloc[without[0]]
    assert list(made.reasons) == [image_id]
    assert "no lung mask" in made.reasons[image_id]
    assert not made.array[without[0]].any()


def test_masks_are_not_asked_for_without_an_arm(masked):
    assert prepare(masked, Preparation(24)).usable.all()


def test_another_mask_makes_other_pixels(masked):
    before = np.array(prepare(masked, Preparation(24, "lungs")).array)
    file = masked.mask_of(masked.table.iloc[0])
    cv2.imwrite(str(file), np.full((60, 50), 255, np.uint8))
    after = prepare(masked, Preparation(24, "lungs")).array
    assert (before[0] != after[0]).any()
    np.testing.assert_array_equal(before[1:], after[1:])


def test_an_empty_mask_makes_an_image_unusable(masked):
    row = masked.table.iloc[0]
    cv2.imwrite(str(masked.mask_of(row)), np.zeros((60, 50), np.uint8))
    made = prepare(masked, Preparation(24, "lungs"))
    assert not made.usable[0]
    assert "empty" in made.reasons[row["image_id"]]


def test_a_damaged_image_is_not_usable_and_says_why(tiny_dataset_folder):
    file = next((tiny_dataset_folder / "B").iterdir())
    file.write_bytes(file.read_bytes()[:600])
    dataset = datasets.load(tiny_dataset_folder)
    made = prepare(dataset, Preparation(32))
    assert (~made.usable).sum() == 1
    (reason,) = made.reasons.values()
    assert file.name in reason


def test_a_file_that_is_gone_stops_the_preparation(dataset):
    dataset.path_of(dataset.table.iloc[3]).unlink()
    with pytest.raises(DatasetError, match="cannot be read"):
        prepare(dataset, Preparation(32))


def test_a_file_that_changed_stops_the_preparation(dataset):
    file = dataset.path_of(dataset.table.iloc[3])
    file.write_bytes(dataset.path_of(dataset.table.iloc[4]).read_bytes())
    with pytest.raises(DatasetError, match="has changed"):
        prepare(dataset, Preparation(32))


def test_a_stopped_preparation_goes_on_where_it_was(dataset, prepared, own_folders):
    def stop(progress):
        if progress.done:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        prepare(dataset, Preparation(32), report=stop)
    assert 0 < len(prepared) < len(dataset.table)
    left = [path.suffix for path in (own_folders.data / "pixels").iterdir() if path.is_dir()]
    assert left == [".making"]
    made = prepare(dataset, Preparation(32))
    assert sorted(prepared) == sorted(dataset.table["image_id"])
    assert all(gray.any() for gray in made.array)
    assert sorted(file.name for file in made.folder.iterdir()) == ["pixels.npy", "rows.json"]


def test_pixels_not_used_for_longest_make_room_for_new_ones(dataset, prepared, monkeypatch):
    monkeypatch.setenv("CXR_PIXELS_GB", "0")
    old, recent = (prepare(dataset, Preparation(size)).folder for size in (16, 20))
    two_days_ago = time.time() - 2 * 86_400
    os.utime(old, (two_days_ago, two_days_ago))
    os.utime(recent, (two_days_ago, two_days_ago))
    prepare(dataset, Preparation(20))  # looked at: used today
    made = prepare(dataset, Preparation(24)).folder
    assert not old.exists()
    assert recent.exists()
    assert made.exists()
    prepared.clear()
    assert prepare(dataset, Preparation(16)).array.any()  # made again
    assert len(prepared) == len(dataset.table)


def test_a_preparation_that_nobody_goes_on_with_is_deleted_and_another_is_not(dataset, own_folders):
    folder = own_folders.data / "pixels"
    long_ago = time.time() - 8 * 86_400
    for name in ("abandoned.making", "begun.making"):
        (folder / name / "done").mkdir(parents=True)
    os.utime(folder / "abandoned.making", (long_ago, long_ago))
    prepare(dataset, Preparation(16))
    assert [path.name for path in folder.glob("*.making")] == ["begun.making"]


def test_what_a_process_killed_while_it_reserved_room_left_is_deleted(dataset, own_folders):
    folder = prepare(dataset, Preparation(16)).folder
    shutil.rmtree(folder)
    unfinished = folder.with_name(f"{folder.name}.making")
    unfinished.mkdir()
    (unfinished / ".pixels.npy.0a1b2c3d4e5f").write_bytes(bytes(10))
    made = prepare(dataset, Preparation(16))
    assert sorted(path.name for path in made.folder.iterdir()) == ["pixels.npy", "rows.json"]


def test_pixels_deleted_under_a_reader_are_said_to_be_and_can_be_made_again(dataset):
    made = prepare(dataset, Preparation(16))
    shutil.rmtree(made.folder)
    with pytest.raises(StoreError, match=r"were deleted.*made again"):
        made.histograms()
    assert prepare(dataset, Preparation(16)).histograms().sum() == len(dataset.table) * 16**2


def test_processes_prepare_the_same_as_one(dataset, own_folders, monkeypatch):
    alone = np.array(prepare(dataset, Preparation(32)).array)
    shutil.rmtree(own_folders.data / "pixels")
    monkeypatch.setattr(writer, "_FEW", 1)
    monkeypatch.setattr(writer, "_CHUNK", 5)
    seen = []
    together = prepare(dataset, Preparation(32), report=seen.append, workers=2)
    np.testing.assert_array_equal(alone, together.array)
    assert seen[-1].done == seen[-1].total == len(dataset.table)


def test_two_who_ask_for_the_same_make_it_once(dataset, prepared):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(prepare(dataset, Preparation(32))))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(prepared) == len(dataset.table)
    np.testing.assert_array_equal(found[0].array, found[1].array)


def test_renaming_a_file_does_not_mix_up_rows(dataset, tiny_dataset_folder):
    prepare(dataset, Preparation(32))
    first = dataset.path_of(dataset.table.iloc[0])
    first.rename(first.with_name("zzz.png"))
    renamed = datasets.load(tiny_dataset_folder)
    assert renamed.fingerprint == dataset.fingerprint
    made = prepare(renamed, Preparation(32))
    for number in (0, 10, 11, 12):
        gray = images.decode(renamed.path_of(renamed.table.iloc[number]))
        np.testing.assert_array_equal(made.array[number], images.resize(gray, 32))


def test_brisque_is_that_of_the_prepared_pixels_and_kept(masked, monkeypatch):
    made = prepare(masked, Preparation(32, "lungs-crop"))
    scores = made.brisque()
    assert scores.shape == (8,)
    assert scores.dtype == np.float64
    assert np.isnan(scores[~made.usable]).all()
    assert scores[0] == pytest.approx(quality.brisque(made.array[0]), nan_ok=True)

    def refuse(*_):
        pytest.fail("was scored again")

    monkeypatch.setattr(measures, "scores", refuse)
    np.testing.assert_array_equal(prepare(masked, Preparation(32, "lungs-crop")).brisque(), scores)


def test_histograms_count_the_prepared_pixels_and_are_kept(masked, monkeypatch):
    made = prepare(masked, Preparation(32, "lungs"))
    counts = made.histograms()
    assert counts.shape == (8, 256)
    assert counts.dtype == np.uint32
    for number in np.flatnonzero(made.usable):
        expected = np.bincount(made.array[number].ravel(), minlength=256)
        np.testing.assert_array_equal(counts[number], expected)
    assert (counts[made.usable].sum(axis=1) == 32 * 32).all()
    assert not counts[~made.usable].any()

    def refuse(*_):
        pytest.fail("was counted again")

    monkeypatch.setattr(measures, "histograms", refuse)
    again = prepare(masked, Preparation(32, "lungs")).histograms()
    np.testing.assert_array_equal(again, counts)


def test_processes_count_the_same_as_one(dataset, monkeypatch):
    made = prepare(dataset, Preparation(32))
    alone = made.histograms().copy()
    (made.folder / "histograms.npy").unlink()
    monkeypatch.setattr(measures, "_COUNTED", 5)
    seen = []
    np.testing.assert_array_equal(made.histograms(report=seen.append), alone)
    assert seen[-1].done == seen[-1].total == len(dataset.table)


def test_kept_histograms_cannot_be_written(dataset):
    with pytest.raises(ValueError, match="read-only"):
        prepare(dataset, Preparation(32)).histograms()[0] = 0


def test_damaged_pixels_are_an_error_that_says_what_to_do(dataset):
    made = prepare(dataset, Preparation(32))
    (made.folder / "pixels.npy").write_bytes(b"no array")
    with pytest.raises(StoreError, match="Delete the folder"):
        prepare(dataset, Preparation(32))


def test_the_disk_is_asked_for_its_room_before_the_work(dataset, prepared, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(StoreError, match="No space left"):
        prepare(dataset, Preparation(32))
    assert prepared == []


def test_reasons_are_plain_json_beside_the_pixels(masked):
    made = prepare(masked, Preparation(24, "border"))
    assert json.loads((made.folder / "rows.json").read_text()) == {"unusable": made.reasons}


@pytest.mark.parametrize(
    ("size", "region", "said"),
    [(0, "none", "Received: 0"), (5000, "none", "5000"), (32, "heart", "Choose one of none")],
)
def test_a_preparation_that_makes_no_sense_is_refused(size, region, said):
    with pytest.raises(ImageError, match=said):
        Preparation(size, region)


def test_keys_of_preparations_differ():
    wanted = {(size, region) for size in (200, 224) for region in images.REGIONS}
    assert len({Preparation(*one).key() for one in wanted}) == len(wanted)


def test_preparing_one_image_without_its_mask_is_refused():
    with pytest.raises(ImageError, match="mask"):
        prepare_one(np.ones((40, 40), np.uint8), None, Preparation(24, "lungs"))
