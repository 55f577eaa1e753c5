"""Masks as pictures: out, corrected by people, and back."""

import io
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from cxrcore import images, lungs
from cxrcore.errors import DatasetError


@pytest.fixture
def exported(unmasked, tmp_path):
    lungs.estimate(unmasked)
    return tmp_path / "out", lungs.export(unmasked, tmp_path / "out")


def test_every_mask_is_written_under_the_name_of_its_film(exported, unmasked):
    folder, counts = exported
    assert counts == (0, 8, 1)
    listed = pd.read_csv(folder / "masks.csv")
    assert list(listed["film"]) == list(unmasked.table["path"])
    assert "frontal chest film" in listed.set_index("film").at["Normal/blank.png", "reason"]
    estimates = lungs.load(unmasked).table
    for row in estimates.dropna(subset="file").itertuples():
        path = folder / unmasked.table.set_index("image_id").at[row.image_id, "path"]
        assert set(np.unique(images.decode(path))) == {0, 255}
        np.testing.assert_array_equal(images.decode(path) > 0, images.decode(Path(row.file)) > 0)


def test_only_what_people_changed_is_taken_over(exported, unmasked):
    folder, _ = exported
    paths = list(unmasked.table["path"][unmasked.table["path"] != "Normal/blank.png"])
    moved = np.roll(images.decode(folder / paths[0]), 9, axis=1)
    cv2.imwrite(str(folder / paths[0]), moved)
    cv2.imwrite(str(folder / paths[1]), np.zeros_like(moved))
    (folder / paths[2]).write_bytes(b"not a picture")
    (folder / paths[3]).unlink()
    cv2.imwrite(str(folder / paths[4]), np.full((10, 90), 255, np.uint8))
    found = lungs.read_back(unmasked, folder)
    assert found[:4] == (1, 1, 3, 0)
    assert len(found.problems) == 2
    table = lungs.load(unmasked).table.set_axis(list(unmasked.table["path"]))
    np.testing.assert_array_equal(images.decode(Path(table.at[paths[0], "file"])) > 0, moved > 0)
    assert pd.isna(table.at[paths[1], "file"])
    assert table["corrected"].sum() == 2


def test_a_refused_film_gets_the_mask_that_people_drew(exported, unmasked):
    folder, _ = exported
    cv2.imwrite(str(folder / "Normal" / "blank.png"), np.full((64, 64), 255, np.uint8))
    assert lungs.read_back(unmasked, folder).changed == 1
    assert lungs.load(unmasked).refused.empty


def test_masks_of_the_dataset_stay(simulated, tmp_path):
    lungs.estimate(simulated)
    assert lungs.export(simulated, tmp_path / "out") == (8, 0, 0)
    path = tmp_path / "out" / simulated.table["path"].iloc[0]
    cv2.imwrite(str(path), np.full((192, 192), 255, np.uint8))
    found = lungs.read_back(simulated, tmp_path / "out")
    assert found[:4] == (0, 0, 7, 1)


def test_an_existing_folder_and_a_foreign_one_are_refused(exported, unmasked, tmp_path):
    folder, _ = exported
    with pytest.raises(DatasetError, match="exists already"):
        lungs.export(unmasked, folder)
    (tmp_path / "other").mkdir()
    with pytest.raises(DatasetError, match="has no mask of a film of plain"):
        lungs.read_back(unmasked, tmp_path / "other")


def zipped(folder: Path, prefix: str = "") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(path, f"{prefix}{path.relative_to(folder)}")
    return packed.getvalue()


@pytest.mark.parametrize("prefix", ["", "masks/"])
def test_a_zip_is_read_as_its_folder(exported, unmasked, prefix):
    folder, _ = exported
    path = unmasked.table["path"][0]
    cv2.imwrite(str(folder / path), np.roll(images.decode(folder / path), 9, axis=1))
    cv2.imwrite(str(folder / "stranger.png"), np.zeros((9, 9)))
    found = lungs.read_back(unmasked, zipped(folder, prefix))
    assert found[:4] == (1, 0, 7, 0)
    [problem] = found.problems
    assert "1 of the files belong to no film of the dataset: " in problem
    assert "stranger.png" in problem
    file = folder.parent / "masks.zip"
    file.write_bytes(zipped(folder, prefix))
    assert lungs.read_back(unmasked, file)[:4] == (0, 0, 8, 0)


def test_a_zip_that_is_none_or_of_other_films_is_refused(exported, unmasked, monkeypatch):
    with pytest.raises(DatasetError, match="The zip is damaged or not an archive"):
        lungs.read_back(unmasked, b"PK not a zip")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("other/x.png", b"x")
    with pytest.raises(DatasetError, match="The zip has no mask of a film of plain"):
        lungs.read_back(unmasked, packed.getvalue())
    monkeypatch.setattr("cxrcore.lungs.exchange.MAX_BYTES", 1000)
    with pytest.raises(DatasetError, match="which is not allowed"):
        lungs.read_back(unmasked, zipped(exported[0]))
