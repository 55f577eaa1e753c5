"""Lung masks page: what it counts, checks and shows, and what it says before there is anything."""

import io
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from cxrcore import datasets, images, index, jobs, pixels, work
from cxrcore.datasets import masks
from cxrcore.pixels import Preparation
from pages.data.masks import mask_cache
from pages.data.masks.masked_image import REGION_TEXTS
from tests.conftest import ROOT
from tests.helpers.app import again, metrics, open_page, texts

PAGE = "data/masks"


@pytest.fixture
def folder(tmp_path) -> Path:
    """Sixteen pictures of four classes, each with a mask of two boxes in its own place."""
    rng = np.random.default_rng(4)
    for number in range(16):
        picture = rng.integers(0, 256, (64, 80), dtype=np.uint8)
        mask = np.zeros((64, 80), np.uint8)
        top, left = rng.integers(2, 20, 2)
        mask[top : top + 35, left : left + 20] = mask[top + 3 : top + 40, left + 30 : -9] = 255
        for kind, pixels_ in (("images", picture), ("masks", mask)):
            place = tmp_path / "masked" / "ABCD"[number // 4] / kind
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels_).save(place / f"{number:02}.png")
    return tmp_path / "masked"


@pytest.fixture(autouse=True)
def _no_logs(monkeypatch):
    monkeypatch.setattr(jobs, "log", lambda *_, **__: "")


def registered(folder: Path, name: str = "masked", **options: object) -> datasets.Dataset:
    dataset = datasets.register(name, folder, **options)
    index.measure(dataset)
    return dataset


def button(at: AppTest, label: str):
    return next(b for b in at.main.button if b.label == label)


def damaged(folder: Path) -> dict[str, list[str]]:
    """Spoil masks of the sixteen, and tell which: gone, black, oblong, cut short."""
    paths = sorted(folder.glob("*/masks/*"))
    with Image.open(paths[0]) as picture:
        shape = picture.size[::-1]
    spoilt = {"gone": paths[:3], "black": paths[3:5], "oblong": paths[5:6], "cut": paths[6:7]}
    for path in spoilt["gone"]:
        path.unlink()
    for path in spoilt["black"]:
        Image.fromarray(np.zeros(shape, np.uint8)).save(path)
    for path in spoilt["oblong"]:
        Image.fromarray(np.full((shape[0], 2 * shape[1]), 255, np.uint8)).save(path)
    for path in spoilt["cut"]:
        path.write_bytes(path.read_bytes()[:60])
    return {
        why: [p.relative_to(folder).as_posix().replace("/masks/", "/images/") for p in found]
        for why, found in spoilt.items()
    }


# --- before there is anything ---------------------------------------------------------------


def test_without_a_dataset_the_page_says_how_to_get_one():
    assert "No dataset yet" in texts(open_page(PAGE))


def test_a_dataset_without_masks_is_told_where_its_own_would_go(tiny_dataset_folder):
    registered(tiny_dataset_folder)
    at = open_page(PAGE)
    assert "Darwin JSON" in texts(at)
    code = "\n".join(block.value for block in at.main.code)
    assert "Normal/masks/0001.png" in code
    assert "path,label,mask" in code
    assert not at.metric


# --- all images -----------------------------------------------------------------------------


def test_masks_are_counted_without_reading_one(folder, monkeypatch):
    registered(folder)
    calls = []
    read = masks.read
    monkeypatch.setattr(masks, "read", lambda *a: calls.append(a) or read(*a))
    at = open_page(PAGE)
    assert metrics(at)["With a mask"] == "16"
    assert metrics(at)["Without a mask"] == "0"
    assert "Can't be used" not in metrics(at)  # nobody knows yet
    assert len(calls) == 1  # of the one image that is shown
    again(at)
    assert len(calls) == 1


def test_a_check_finds_every_image_without_a_usable_mask(folder):
    spoilt = damaged(folder)
    dataset = registered(folder)
    at = open_page(PAGE)
    assert (metrics(at)["With a mask"], metrics(at)["Without a mask"]) == ("13", "3")
    pixels.prepare(dataset, Preparation(32, "border"))  # any size and region that reads the masks
    at = open_page(PAGE)
    assert metrics(at)["With a mask"] == "9"
    assert metrics(at)["Without a mask"] == "3"
    assert metrics(at)["Can't be used"] == "4"
    listed = at.main.dataframe[-1].value.set_index("File")["Reason"].to_dict()
    assert set(listed) == {path for paths in spoilt.values() for path in paths}
    for why, said in {
        "gone": "No mask",
        "black": "is empty",
        "oblong": "other proportions",
        "cut": "lung mask .* damaged",
    }.items():
        for path in spoilt[why]:
            assert re.search(said, listed[path])


def test_the_whole_picture_tells_nothing_of_masks(folder):
    dataset = registered(folder)
    pixels.prepare(dataset, Preparation(32, "none"))
    assert mask_cache.states(dataset).checked is None


def test_all_usable_is_said_only_after_a_check(folder):
    dataset = registered(folder)
    assert "Every image has a mask" not in texts(open_page(PAGE))
    pixels.prepare(dataset, Preparation(32, "lungs"))
    assert "Every image has a mask that can be used" in texts(open_page(PAGE))


def test_a_mask_that_is_drawn_again_asks_for_a_new_check(folder):
    dataset = registered(folder)
    pixels.prepare(dataset, Preparation(32, "lungs"))
    assert mask_cache.states(dataset).checked == Preparation(32, "lungs")
    mask = next(folder.glob("*/masks/*"))
    mask.unlink()
    Image.fromarray(np.full((64, 64), 255, np.uint8)).save(mask)
    fresh = datasets.load("masked")
    assert mask_cache.states(fresh).checked is None


@pytest.fixture
def submitted(monkeypatch) -> list[tuple]:
    """Checks that were asked for; nothing is started."""
    asked: list[tuple] = []
    running: list[jobs.Job] = []

    def submit(name: str, size: int, region: str) -> jobs.Job:
        asked.append((name, size, region))
        running[:] = [job("running", message="3 of 16", share=0.2)]
        return running[0]

    monkeypatch.setattr(work, "submit_pixels", submit)
    monkeypatch.setattr(jobs, "list_jobs", lambda: list(running))
    return asked


def job(state: str, **details: object) -> jobs.Job:
    start = {"job_id": "pixels-masked-224-lungs", "kind": "pixels", "title": "Preparing masked"}
    return jobs.Job(**start, state=state, dataset="masked", created=datetime.now(UTC), **details)


def test_the_check_is_a_job_and_the_page_stays_usable(folder, submitted):
    registered(folder)
    at = open_page(PAGE)
    button(at, "Check all 16 masks").click()
    again(at)
    assert submitted == [("masked", 224, "lungs")]
    assert "Every mask is being read" in texts(at)
    assert not [b for b in at.main.button if b.label.startswith("Check")]
    assert any(box.label == "Region" for box in at.selectbox)  # one image is shown meanwhile


def test_a_check_that_ended_early_says_why_and_can_be_started_again(folder, monkeypatch):
    registered(folder)
    ended = [job("failed", message="The disk is full.")]
    monkeypatch.setattr(jobs, "list_jobs", lambda: ended)
    at = open_page(PAGE)
    assert "The disk is full." in texts(at)
    assert button(at, "Check all 16 masks")


# --- Darwin ---------------------------------------------------------------------------------


@pytest.fixture
def darwin_folder(tmp_path) -> Path:
    """Four pictures with two lungs each, one with a region to ignore."""
    root = tmp_path / "darwin"
    (root / "images").mkdir(parents=True)
    (root / "annotations").mkdir()
    rng = np.random.default_rng(5)
    for number in range(4):
        picture = rng.integers(0, 256, (80, 100), dtype=np.uint8)
        Image.fromarray(picture).save(root / "images" / f"{number}.png")
        boxes = [("Lung", 10, 10), ("Lung", 60, 10)] + [("Ignore", 10, 10)] * (number == 0)
        tag = "COVID-19" if number % 2 else "Viral Pneumonia"
        annotations: list[dict] = [{"name": tag, "tag": {}}]
        for name, x, y in boxes:
            w, h = (30, 50) if name == "Lung" else (10, 10)
            points = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
            path = [{"x": px, "y": py} for px, py in points]
            annotations.append({"name": name, "polygon": {"path": path}})
        image = {"filename": f"{number}.png", "width": 100, "height": 80}
        record = {"image": image, "annotations": annotations}
        (root / "annotations" / f"{number}.json").write_text(json.dumps(record))
    return root


@pytest.mark.parametrize("left_out", [False, True])
def test_regions_to_ignore_are_counted_and_what_becomes_of_them_is_said(darwin_folder, left_out):
    registered(darwin_folder, options={"without_ignored": True} if left_out else {})
    at = open_page(PAGE)
    said = texts(at)
    assert "1 image with regions marked" in said
    assert ("They are cut out of the lungs" in said) == left_out
    commands = [block.value for block in at.main.code]
    assert any("without_ignored=true" in command for command in commands) != left_out


# --- one image ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [32, 224])
def test_each_arm_is_exactly_what_a_model_gets(folder, size):
    dataset = registered(folder)
    row = 5
    image_id = dataset.table["image_id"].iloc[row]
    view = mask_cache.view(dataset, image_id, size)
    assert tuple(view.regions) == images.REGIONS
    for region, png in view.regions.items():
        made = pixels.prepare(dataset, Preparation(size, region)).array[row]
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(png))), made)
    mask = masks.read(dataset.mask_of(image_id), (view.size[1], view.size[0]))
    rows, columns = np.nonzero(mask)
    box = np.ptp(rows) + 1, np.ptp(columns) + 1
    share = box[0] * box[1] / mask.size
    assert view.shares["lungs"] == pytest.approx(mask.mean())
    assert view.shares["lungs"] + view.shares["lungs-erased"] == pytest.approx(1)
    assert view.shares["lungs-crop"] == pytest.approx(share)
    assert view.shares["border"] == pytest.approx(1 - share)


def test_the_page_shows_image_mask_result_and_all_arms_with_words(folder):
    dataset = registered(folder)
    at = open_page(PAGE, image=dataset.table["image_id"].iloc[7])
    said = texts(at)
    assert dataset.table["path"].iloc[7] in said
    assert "the lungs outlined" in said
    assert "of the image" in said
    assert set(REGION_TEXTS) == set(images.REGIONS)
    for text in REGION_TEXTS.values():
        assert text in said


def test_an_unusable_mask_is_told_and_the_arms_are_not_shown(folder):
    spoilt = damaged(folder)
    dataset = registered(folder)
    ids = dataset.table.set_index("path")["image_id"]
    for why, said in {"gone": "no lung mask", "black": "is empty", "oblong": "proportions"}.items():
        found = texts(open_page(PAGE, image=ids[spoilt[why][0]]))
        assert said in found
        assert "exclude this image" in found
        assert "five ways" not in found


def test_a_damaged_image_is_one_sentence(folder):
    picture = sorted(folder.glob("*/images/*"))[2]
    picture.write_bytes(picture.read_bytes()[:300])
    dataset = registered(folder)
    row = dataset.table.set_index("path").loc[picture.relative_to(folder).as_posix()]
    assert "is damaged" in texts(open_page(PAGE, image=row["image_id"]))


def test_next_and_previous_go_through_the_images_and_end(folder):
    dataset = registered(folder)
    paths = dataset.table["path"].tolist()
    at = open_page(PAGE)
    assert button(at, "Previous").disabled
    for path in paths[1:]:
        button(at, "Next").click()
        again(at)
        assert path in texts(at)
    assert button(at, "Next").disabled
    button(at, "Previous").click()
    assert paths[-2] in texts(again(at))


def test_a_class_narrows_the_images(folder):
    dataset = registered(folder)
    at = open_page(PAGE)
    last = dataset.classes[-1]
    at.selectbox("mask_class_masked").select(last)
    again(at)
    first = dataset.table.loc[dataset.table["label"] == last, "path"].iloc[0]
    assert first in texts(at)


def test_a_link_to_an_unknown_image_is_told(folder):
    registered(folder)
    assert "is not in masked" in texts(open_page(PAGE, image="0" * 32))


def test_what_the_page_imports_does_not_import_tensorflow():
    code = "import sys, pages.data.masks.masked_image; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "False", done.stderr
