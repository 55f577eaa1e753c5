"""What pages keep between reruns, and when they read it anew."""

import numpy as np
import pytest
from PIL import Image

from cxrcore import datasets, index, settings
from cxrcore.errors import DatasetError, ImageError
from pages.shared import cache


@pytest.fixture
def tiny(tiny_dataset_folder):
    return datasets.register("tiny", tiny_dataset_folder)


def add_picture(folder, name: str) -> None:
    pixels = np.random.default_rng(len(name)).integers(0, 255, (48, 48), np.uint8)
    Image.fromarray(pixels).save(folder / name)


def test_a_dataset_is_read_once(tiny):
    assert cache.dataset("tiny") is cache.dataset("tiny")


def test_a_dataset_is_read_anew_when_a_file_is_added(tiny, tiny_dataset_folder):
    before = cache.dataset("tiny")
    add_picture(tiny_dataset_folder / "A", "new.png")
    assert len(cache.dataset("tiny").table) == len(before.table) + 1


def test_a_dataset_whose_folder_is_gone_is_an_error_and_not_the_old_table(
    tiny, tiny_dataset_folder
):
    cache.dataset("tiny")
    tiny_dataset_folder.rename(tiny_dataset_folder.with_name("moved"))
    with pytest.raises(DatasetError, match="tiny"):
        cache.dataset("tiny")


def test_an_unknown_dataset_is_an_error():
    with pytest.raises(DatasetError, match="nowhere"):
        cache.dataset("nowhere")


def test_the_index_appears_when_it_is_measured(tiny):
    dataset = cache.dataset("tiny")
    assert cache.index(dataset) is None
    index.measure(dataset)
    found = cache.index(dataset)
    assert found is not None
    assert cache.index(dataset) is found


def test_images_have_table_and_measurements_side_by_side(tiny):
    dataset = cache.dataset("tiny")
    measured = index.measure(dataset)
    images = cache.images(dataset, measured)
    assert images["path"].tolist() == dataset.table["path"].tolist()
    assert images["brisque"].tolist() == measured.table["brisque"].tolist()
    assert images.columns.is_unique


def test_thumbnails_are_there_before_and_after_measuring(tiny):
    dataset = cache.dataset("tiny")
    ids = dataset.table["image_id"].tolist()[:3]
    before = [cache.thumbnail(dataset, image_id) for image_id in ids]
    index.measure(dataset)
    assert [cache.thumbnail(dataset, image_id) for image_id in ids] == before
    assert all(jpeg.startswith(b"\xff\xd8") for jpeg in before)


def test_a_damaged_image_has_a_gray_tile_and_no_large_picture(tiny_dataset_folder):
    (tiny_dataset_folder / "A" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    dataset = datasets.register("tiny", tiny_dataset_folder)
    bad = dataset.table.loc[dataset.table["path"] == "A/bad.png", "image_id"].item()
    assert cache.thumbnail(dataset, bad).startswith(b"\xff\xd8")
    with pytest.raises(ImageError, match=r"bad\.png"):
        cache.large_image(dataset, bad)


def test_the_runs_are_listed_anew_when_the_store_changes():
    assert cache.runs_table("tiny").empty
    broken = settings.models_dir() / "cnn-plain-00000000"
    broken.mkdir(parents=True)
    (broken / "run.json").write_text("{}")
    assert cache.runs_table("tiny")["run_id"].tolist() == ["cnn-plain-00000000"]
