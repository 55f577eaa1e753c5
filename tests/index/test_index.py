"""The index: what is measured, what is kept, and what happens when it is interrupted."""

import os
import shutil
import signal
import subprocess
import sys
import threading

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxrcore import datasets, images, index, quality
from cxrcore.errors import Cancelled, DatasetError, StoreError
from cxrcore.index import measurement, rows
from tests.conftest import ROOT


@pytest.fixture
def dataset(tiny_dataset_folder):
    return datasets.load(tiny_dataset_folder)


@pytest.fixture
def measured(watch_images):
    """The ids of the images that were really measured, in order."""
    return watch_images(measurement, "measure_one")


def test_there_is_no_index_before_measuring(dataset):
    assert index.load(dataset) is None
    assert index.missing(dataset) == len(dataset.table)


def test_every_image_has_its_row_in_the_order_of_the_table(dataset):
    found = index.measure(dataset)
    assert list(found.table.columns) == list(index.COLUMNS)
    assert found.table["image_id"].tolist() == dataset.table["image_id"].tolist()
    assert found.histograms.shape == (len(dataset.table), 256)
    assert found.histograms.dtype == np.uint32
    assert found.table["error"].isna().all()
    assert found.damaged.empty
    assert index.missing(dataset) == 0


def test_what_is_measured_is_what_the_pixels_say(dataset):
    found = index.measure(dataset)
    row = found.table.iloc[5]
    gray = images.decode(dataset.path_of(row["image_id"]))
    assert (row["height"], row["width"]) == gray.shape
    assert row["mean"] == pytest.approx(gray.mean())
    assert row["std"] == pytest.approx(gray.std())
    assert row["black"] == pytest.approx((gray == 0).mean())
    assert row["white"] == pytest.approx((gray == 255).mean())
    assert row["brisque"] == pytest.approx(quality.brisque(gray))
    assert row["phash"] == quality.phash(gray)
    np.testing.assert_array_equal(found.histograms[5], np.bincount(gray.ravel(), minlength=256))


def test_the_index_is_read_back_as_it_was(dataset):
    made, kept = index.measure(dataset), index.load(dataset)
    pd.testing.assert_frame_equal(made.table, kept.table)
    np.testing.assert_array_equal(made.histograms, kept.histograms)


def test_a_thumbnail_is_a_small_jpeg_and_strange_ids_have_none(dataset):
    found = index.measure(dataset)
    data = found.thumbnail(found.table["image_id"].iloc[0])
    assert max(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE).shape) == 128
    assert found.thumbnail("0" * 32) is None
    assert found.thumbnail("../" * 10 + "ab") is None


def test_measuring_again_measures_nothing(dataset, measured):
    index.measure(dataset)
    assert len(measured) == len(dataset.table)
    index.measure(dataset)
    assert len(measured) == len(dataset.table)


def test_a_grown_dataset_measures_only_what_is_new(dataset, measured, tiny_dataset_folder):
    index.measure(dataset)
    measured.clear()
    new = tiny_dataset_folder / "A" / "new.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)).save(new)
    grown = datasets.load(tiny_dataset_folder)
    assert index.missing(grown) == 1
    found = index.measure(grown)
    assert len(measured) == 1
    assert len(found.table) == len(dataset.table) + 1
    assert found.table["image_id"].tolist() == grown.table["image_id"].tolist()


def test_a_dataset_with_other_names_has_the_rows_in_its_own_order(dataset, tiny_dataset_folder):
    before = index.measure(dataset).table.set_index("image_id")
    first = dataset.path_of(dataset.table.iloc[0])
    first.rename(first.with_name("zzz.png"))
    renamed = datasets.load(tiny_dataset_folder)
    assert renamed.fingerprint == dataset.fingerprint
    after = index.load(renamed).table
    assert after["image_id"].tolist() == renamed.table["image_id"].tolist()
    pd.testing.assert_frame_equal(after.set_index("image_id"), before.loc[after["image_id"]])


def test_a_damaged_image_is_a_row_with_its_error(tiny_dataset_folder):
    whole = next((tiny_dataset_folder / "B").iterdir())
    whole.write_bytes(whole.read_bytes()[:600])
    dataset = datasets.load(tiny_dataset_folder)
    found = index.measure(dataset)
    assert len(found.damaged) == 1
    row = found.damaged.iloc[0]
    assert row["path"] == f"B/{whole.name}"
    assert whole.name in row["error"]
    number = found.table.index[found.table["image_id"] == row["image_id"]][0]
    assert found.histograms[number].sum() == 0
    assert pd.isna(found.table["brisque"].iloc[number])
    assert pd.isna(found.table["width"].iloc[number])
    assert found.thumbnail(row["image_id"]) is None
    assert index.missing(dataset) == 0


def test_a_damaged_image_is_tried_again_and_may_turn_out_fine(
    tiny_dataset_folder, monkeypatch, measured
):
    dataset = datasets.load(tiny_dataset_folder)
    monkeypatch.setenv("CXR_MAX_PIXELS", "100")
    assert len(index.measure(dataset).damaged) == len(dataset.table)
    monkeypatch.delenv("CXR_MAX_PIXELS")
    assert index.measure(dataset).damaged.empty
    assert len(measured) == 2 * len(dataset.table)


def test_a_file_that_changed_or_went_is_not_measured_as_the_old_one(dataset):
    changed, gone = (dataset.path_of(dataset.table.iloc[n]) for n in (0, 1))
    changed.write_bytes(dataset.path_of(dataset.table.iloc[2]).read_bytes())
    gone.unlink()
    errors = index.measure(dataset).damaged["error"]
    assert "has changed" in errors[0]
    assert "cannot be read" in errors[1]
    with pytest.raises(DatasetError, match="Load the dataset again"):
        measurement.read_gray(changed, dataset.table["image_id"][0])


def test_a_flat_image_has_no_brisque_but_no_error(tmp_path):
    for name in ("A", "B"):
        (tmp_path / "flat" / name).mkdir(parents=True)
        gray = np.full((40, 40), ord(name), np.uint8)
        Image.fromarray(gray).save(tmp_path / "flat" / name / "x.png")
    found = index.measure(datasets.load(tmp_path / "flat"))
    assert found.table["brisque"].isna().all()
    assert found.table["error"].isna().all()


def test_a_stopped_measuring_goes_on_where_it_was(dataset, measured):
    def stop(progress):
        if progress.done:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        index.measure(dataset, report=stop)
    first = len(measured)
    assert 0 < first < len(dataset.table)
    assert index.load(dataset) is None
    assert index.missing(dataset) == len(dataset.table) - first
    found = index.measure(dataset)
    assert sorted(measured) == sorted(dataset.table["image_id"])
    assert found.damaged.empty
    assert not rows.parts_folder(dataset.fingerprint).exists()


def test_what_a_stopped_measuring_has_serves_a_grown_dataset(
    dataset, measured, tiny_dataset_folder
):
    def stop(progress):
        if progress.done:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        index.measure(dataset, report=stop)
    new = tiny_dataset_folder / "A" / "new.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)).save(new)
    grown = datasets.load(tiny_dataset_folder)
    index.measure(grown)
    assert sorted(measured) == sorted(grown.table["image_id"])


def test_a_lost_thumbnail_is_made_again(dataset, own_folders, measured):
    found = index.measure(dataset)
    image_id = found.table["image_id"].iloc[3]
    measured.clear()
    measurement.thumbnail_file(own_folders.data, image_id).write_bytes(b"")  # a power cut
    found = index.measure(dataset)
    assert measured == [image_id]
    assert found.thumbnail(image_id)
    assert len(found.table) == len(dataset.table)


@pytest.mark.parametrize("content", [b"", b"PAR1 no more", b"x" * 5000])
def test_a_damaged_index_file_is_measured_again(dataset, own_folders, content):
    index.measure(dataset)
    file = own_folders.data / "index" / f"{dataset.fingerprint}.parquet"
    file.write_bytes(content)
    assert index.load(dataset) is None
    assert len(index.measure(dataset).table) == len(dataset.table)


def test_an_index_of_another_version_is_measured_again(dataset, monkeypatch, measured):
    index.measure(dataset)
    measured.clear()
    monkeypatch.setattr(rows, "VERSION", "2")
    schema = rows._SCHEMA.with_metadata({"cxr_measured": "2"})
    monkeypatch.setattr(rows, "_SCHEMA", schema)
    assert index.load(dataset) is None
    index.measure(dataset)
    assert len(measured) == len(dataset.table)


def test_processes_measure_the_same_as_one(dataset, own_folders, monkeypatch):
    alone = index.measure(dataset)
    shutil.rmtree(own_folders.data / "index")
    monkeypatch.setattr(index, "_FEW", 1)
    stages = []
    together = index.measure(dataset, report=lambda p: stages.append(p), workers=2)
    pd.testing.assert_frame_equal(alone.table, together.table)
    np.testing.assert_array_equal(alone.histograms, together.histograms)
    assert stages[-1].done == stages[-1].total == len(dataset.table)


def test_two_who_measure_the_same_do_it_once(dataset, measured):
    threads = [threading.Thread(target=index.measure, args=(dataset,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(measured) == len(dataset.table)


def test_a_data_folder_that_cannot_be_written_is_said(dataset, own_folders):
    own_folders.data.mkdir(exist_ok=True)
    (own_folders.data / "index").write_text("in the way")
    with pytest.raises(StoreError, match="could not be written"):
        index.measure(dataset)


def test_a_full_disk_is_said(own_folders, monkeypatch, dataset):
    monkeypatch.setattr(os, "replace", _no_space)
    with pytest.raises(StoreError, match="No space left"):
        index.measure(dataset)


def _no_space(*_):
    raise OSError(28, "No space left on device")


# Measures the folder argv[1] with two processes and says how many images are done.
_MEASURING = """
import sys
from cxrcore import datasets, index

if __name__ == "__main__":
    dataset = datasets.load(sys.argv[1])
    index.measure(dataset, report=lambda p: print(p.stage, p.done, flush=True), workers=2)
"""


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_a_killed_measuring_loses_at_most_the_images_in_flight(tmp_path, own_folders, measured):
    random = np.random.default_rng(0)
    for name in ("A", "B"):
        (tmp_path / "many" / name).mkdir(parents=True)
        for number in range(120):
            gray = random.integers(0, 255, (160, 160), np.uint8)
            cv2.imwrite(str(tmp_path / "many" / name / f"{number}.png"), gray)
    dataset = datasets.load(tmp_path / "many")
    script = tmp_path / "measuring.py"
    script.write_text(_MEASURING)
    paths = {"CXR_DATA": str(own_folders.data), "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(
        [sys.executable, script, dataset.root],
        env={**os.environ, **paths},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    told = 0
    for line in child.stdout:
        told = int(line.split()[-1])
        if told >= 2 * index._CHUNK:
            os.killpg(child.pid, signal.SIGKILL)  # the two processes with it, as a power cut would
            break
    child.wait()
    child.stdout.close()
    lost = index.missing(dataset)
    assert told <= len(dataset.table) - lost < len(dataset.table)
    begun = len(list((own_folders.data / "thumbs").glob("*/[!.]*.jpg")))
    assert begun - (len(dataset.table) - lost) <= 2 * index._CHUNK
    found = index.measure(dataset, workers=1)
    assert len(measured) == lost
    assert found.table["error"].isna().all()
    assert not rows.parts_folder(dataset.fingerprint).exists()
