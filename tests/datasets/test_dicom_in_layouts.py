"""DICOM files in every layout; and that nothing of the patients in their headers comes along."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxrcore import datasets, images, index
from tests.helpers.dicom_files import SECRETS
from tests.helpers.layouts import LAYOUTS, SIDE


@pytest.mark.parametrize("kind", LAYOUTS)
def test_dicom_files_are_images_of_every_layout(kind, tmp_path):
    classes = LAYOUTS[kind](tmp_path / "set", ".dcm")
    dataset = datasets.load(tmp_path / "set")
    assert dataset.layout == kind.split()[0]
    assert dataset.classes == classes
    assert (dataset.table["path"].str.endswith(".dcm")).all()
    assert set(dataset.table["width"]) == set(dataset.table["height"]) == {SIDE}
    gray = images.decode(dataset.path_of(dataset.table.iloc[0]))
    assert (gray.shape, gray.min(), gray.max()) == ((SIDE, SIDE), 0, 255)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_dicom_and_a_png_of_the_same_pixels_have_the_same_table(kind, tmp_path):
    for suffix in (".dcm", ".png"):
        LAYOUTS[kind](tmp_path / suffix / "set", suffix)
    dicom, png = (datasets.load(tmp_path / suffix / "set").table for suffix in (".dcm", ".png"))
    columns = ["label", "patient_id", "source", "modality", "view", "split"]
    pd.testing.assert_frame_equal(dicom[columns], png[columns])


@pytest.mark.parametrize("kind", LAYOUTS)
def test_nothing_that_identifies_a_patient_is_kept_anywhere(kind, tmp_path, own_folders):
    LAYOUTS[kind](tmp_path / "set", ".dcm")
    dataset = datasets.register("films", tmp_path / "set")
    index.measure(dataset, workers=1)
    texts = [json.dumps([*dataset.notes, *map(str, datasets.registered())]), dataset.table.to_csv()]
    kept = [path for path in own_folders.data.rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        texts.append(path.read_bytes().decode("latin-1"))
        if path.suffix == ".parquet":  # compressed: its text would not be found
            texts.append(pd.read_parquet(path).to_csv())
    for secret in SECRETS.values():
        assert not any(secret in text for text in texts)


def test_a_thumbnail_of_a_dicom_file_is_pixels_only(tmp_path):
    LAYOUTS["folders"](tmp_path / "set", ".dcm")
    gray = images.decode(next((tmp_path / "set").rglob("*.dcm")))
    thumbnail = images.thumbnail(gray)
    assert not any(secret.encode() in thumbnail for secret in SECRETS.values())
    assert b"Exif" not in thumbnail
    (tmp_path / "a.jpg").write_bytes(thumbnail)
    with Image.open(tmp_path / "a.jpg") as opened:
        assert not opened.getexif()
        assert set(opened.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert np.asarray(opened).ndim == 2
