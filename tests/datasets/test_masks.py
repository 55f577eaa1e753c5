"""Lung masks by reference: pictures and Darwin records."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxrcore import datasets, pixels
from cxrcore.datasets import masks
from cxrcore.errors import ImageError
from cxrcore.images import decode

SQUARE = [(4, 4), (15, 4), (15, 15), (4, 15)]
INNER = [(8, 8), (11, 8), (11, 11), (8, 11)]


@pytest.fixture
def record(tmp_path) -> Path:
    def shape(name, points):
        return {"name": name, "polygon": {"path": [{"x": x, "y": y} for x, y in points]}}

    annotations = [shape("Lung", SQUARE), shape("Ignore", INNER)]
    image = {"filename": "0.png", "width": 20, "height": 20}
    path = tmp_path / "0.json"
    path.write_text(json.dumps({"image": image, "annotations": annotations}))
    return path


def test_a_record_gives_its_lungs(record):
    assert masks.read(record, (20, 20)).sum() == 12 * 12


def test_ignored_regions_go_on_request(record):
    reference = record.with_name(f"{record.name}#without-ignored")
    assert masks.file_of(reference) == record
    assert masks.read(reference, (20, 20)).sum() == 12 * 12 - 4 * 4


def test_a_picture_gives_what_is_white(tmp_path):
    pixels = np.zeros((20, 30), np.uint8)
    pixels[5:10, 5:10] = 255
    Image.fromarray(pixels).save(tmp_path / "m#1.png")
    inside = masks.read(tmp_path / "m#1.png", (20, 30))
    assert np.array_equal(inside, pixels > 0)


@pytest.mark.parametrize("name", ["gone.json", "gone.png", "gone.json#without-ignored"])
def test_a_mask_that_is_missing_is_one_clear_line(tmp_path, name):
    with pytest.raises(ImageError, match="gone"):
        masks.read(tmp_path / name, (20, 20))


@pytest.mark.real
def test_pixels_of_the_real_collection_are_those_of_an_independent_reference(real_data):
    """Polygons by scikit-image, cut out by NumPy, averaged by area: no code of ours."""
    import cv2
    from skimage.draw import polygon2mask

    root = real_data / "v7-covid-19-chest-x-ray-dataset"
    dataset = datasets.load(root)
    small = (dataset.table["width"] * dataset.table["height"]).astype(int).nsmallest(6).index
    for row in dataset.table.loc[small].itertuples():
        gray = decode(dataset.path_of(row))
        raw = json.loads((root / row.annotation).read_text())
        lungs = np.zeros(gray.shape, bool)
        for item in raw["annotations"]:
            if item["name"] == "Lung":
                body = item.get("polygon") or item["complex_polygon"]
                path = [(point["y"], point["x"]) for point in body["path"]]
                lungs |= polygon2mask(gray.shape, path)
        cut = np.where(lungs, gray, 0)
        expected = cv2.resize(cut, (200, 200), interpolation=cv2.INTER_AREA).astype(int)
        mask = masks.read(dataset.mask_of(row), gray.shape)
        found = pixels.prepare_one(gray, mask, pixels.Preparation(200, "lungs"))
        differing = found != expected
        assert differing.mean() < 0.02  # along the outline
        assert np.mean(mask != lungs) < 1e-4
