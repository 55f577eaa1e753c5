"""Lung masks page with estimated masks: the offer, what was found, corrections, both kinds."""

import io
import json
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from cxrcore import datasets, images, index, jobs, lungs, work
from cxrcore.datasets import demo
from pages.data.masks import exchange, mask_cache, outlines
from pages.shared import lung_masks
from tests.helpers.app import again, metrics, open_page, texts

PAGE = "data/masks"


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    """Two simulated films of each class with exact masks, and a picture without lungs."""
    made = demo.make(tmp_path_factory.mktemp("films") / "made", patients=1, size=128, workers=1)
    folder = made.parent / "films"
    for name in ("images", "masks"):
        for path in sorted(made.glob(f"*/{name}/*.png")):
            place = folder / path.parents[1].name / name
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
    noise = np.random.default_rng(1).integers(0, 256, (128, 128), dtype=np.uint8)
    Image.fromarray(noise).save(
        folder / sorted(p.name for p in folder.iterdir())[0] / "images" / "x.png"
    )
    return folder


@pytest.fixture(autouse=True)
def _no_logs(monkeypatch):
    monkeypatch.setattr(jobs, "log", lambda *_, **__: "")


@pytest.fixture(scope="module")
def searched(films) -> Path:
    """A data folder with what is measured and found of the films, with and without own masks."""
    data = films.parent / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_DATA", str(data))
        shutil.copytree(films, plain := films.parent / "plain")
        for masks in plain.glob("*/masks"):
            shutil.rmtree(masks)
        for folder in (films, plain):
            index.measure(dataset := datasets.load(str(folder)))
            lungs.estimate(dataset)
    return data


@pytest.fixture
def plain(searched, own_folders) -> datasets.Dataset:
    """Without own masks, lungs looked for."""
    shutil.copytree(searched, own_folders.data, dirs_exist_ok=True)
    return datasets.register("plain", searched.parent / "plain")


@pytest.fixture
def own(searched, own_folders) -> datasets.Dataset:
    """With the exact masks, lungs looked for."""
    shutil.copytree(searched, own_folders.data, dirs_exist_ok=True)
    return datasets.register("own", searched.parent / "films")


def press(at: AppTest, label: str) -> AppTest:
    next(b for b in at.main.button if b.label == label).click()
    return again(at)


def refused_id(dataset: datasets.Dataset) -> str:
    return dataset.table.loc[dataset.table["path"].str.endswith("x.png"), "image_id"].item()


def accepted_id(dataset: datasets.Dataset) -> str:
    found = lungs.load(dataset).table
    return found.loc[found["file"].notna(), "image_id"].iloc[0]


def correcting(at: AppTest, how: str) -> AppTest:
    at.session_state["correct_mask"] = True
    again(at)
    at.segmented_control(key="correction").set_value(how)
    return again(at)


def test_one_button_looks_for_the_lungs_and_the_progress_is_shown(plain, own_folders, monkeypatch):
    shutil.rmtree(own_folders.data / "lungs")
    running: list[jobs.Job] = []

    def submit(name: str) -> None:
        running.append(
            jobs.Job(
                job_id=f"lungs-{name}", kind="lungs", title="Lungs", state="running", dataset=name,
                created=datetime.now(UTC), stage="looking for lungs", message="3 of 9", share=0.3,
            )
        )  # fmt: skip

    monkeypatch.setattr(work, "submit_lungs", submit)
    monkeypatch.setattr(jobs, "list_jobs", lambda: list(running))
    at = open_page(PAGE)
    assert "The lungs of plain were not looked for yet" in texts(at)
    assert "here in about" in texts(at)
    press(at, f"Look for the lungs on every film ({len(plain.table)})")
    assert [job.job_id for job in running] == ["lungs-plain"]
    assert "being looked for" in texts(at)
    assert not [b for b in at.main.button if b.label.startswith("Look")]


def test_what_was_found_is_counted_and_a_refused_film_says_why(plain):
    found = lungs.load(plain)
    assert refused_id(plain) in set(found.refused["image_id"])
    at = open_page(PAGE, image=refused_id(plain))
    assert metrics(at)["Accepted"] == str(len(plain.table) - len(found.refused))
    assert metrics(at)["Refused"] == str(len(found.refused))
    assert lungs.summary(plain, found) in texts(at)
    reason = found.refused.set_index("image_id")["reason"][refused_id(plain)]
    assert texts(at).count(reason) == 1  # with the film
    listed = at.main.dataframe[0].value.set_index("File")["Reason"]
    assert reason in set(listed)
    assert "exclude this image" in texts(at)


def test_an_accepted_film_shows_its_regions_as_estimated_and_the_least_sure_comes_first(plain):
    table = lungs.load(plain).table
    sure = table.loc[table["file"].notna(), ["image_id", "confidence"]]
    least = sure.loc[sure["confidence"].idxmin(), "image_id"]
    at = open_page(PAGE)
    at.selectbox(key="estimate_state_plain").set_value("accepted")
    again(at)
    path = plain.table.set_index("image_id")["path"][least]
    assert f"**{path}**" in texts(at)
    assert "Estimated mask" in texts(at)
    assert "by the estimated mask" in texts(at)


def test_a_film_is_left_out_and_the_estimate_comes_back(plain):
    image_id = accepted_id(plain)
    before = metrics(at := open_page(PAGE, image=image_id))
    press(correcting(at, "Leave out"), "Leave this film out")
    assert metrics(at)["Left out"] == "1"
    assert int(metrics(at)["Accepted"]) == int(before["Accepted"]) - 1
    assert lung_masks.estimated(plain).mask_of(image_id) is None
    press(at, "Undo: use the estimate again")
    assert metrics(at) == before


def test_the_whole_film_may_stand_in_for_a_refused_mask(plain):
    image_id = refused_id(plain)
    at = correcting(open_page(PAGE, image=image_id), "The whole film")
    press(at, "Use the whole film")
    assert metrics(at)["Corrected"] == "1"
    assert mask_cache.view(lung_masks.estimated(plain), image_id, 32).shares["lungs"] == 1


def test_another_threshold_is_what_the_network_finds_there(plain):
    image_id = accepted_id(plain)
    at = correcting(open_page(PAGE, image=image_id), "Another threshold")
    at.slider(key=f"threshold_{image_id}").set_value(85)
    again(at)
    press(at, "Use this mask")
    expected = lungs.above(images.decode(plain.path_of(image_id)), 0.85).mean()
    shown = mask_cache.view(lung_masks.estimated(plain), image_id, 32).shares["lungs"]
    assert shown == pytest.approx(expected, abs=0.001)
    assert f"The lungs are {expected:.0%} of the image." in texts(at)


def test_a_threshold_at_which_nothing_is_found_cannot_be_used(plain):
    image_id = refused_id(plain)
    at = correcting(open_page(PAGE, image=image_id), "Another threshold")
    at.slider(key=f"threshold_{image_id}").set_value(95)
    again(at)
    assert "No lungs are found" in texts(at)
    assert next(b for b in at.main.button if b.label == "Use this mask").disabled


def test_outlined_thumbnails_follow_a_correction(plain):
    image_id = accepted_id(plain)
    before = outlines.outlined(plain, lung_masks.estimated(plain), image_id)
    lungs.correct({image_id: np.ones((128, 128), bool)})
    assert outlines.outlined(plain, lung_masks.estimated(plain), image_id) != before


def test_the_download_holds_every_mask_and_is_read_back(plain, tmp_path):
    with zipfile.ZipFile(io.BytesIO(exchange._archive(plain))) as packed:
        packed.extractall(tmp_path)
    row = plain.table.set_index("image_id").loc[accepted_id(plain)]
    path = tmp_path / "masks" / row["path"]
    assert len(list((tmp_path / "masks").rglob("*.png"))) == int(
        lungs.load(plain).table["file"].notna().sum()
    )
    mask = np.asarray(Image.open(path)) > 0
    mask[:64] = False
    Image.fromarray(255 * mask.astype(np.uint8)).save(path)
    assert lungs.read_back(plain, tmp_path / "masks").changed == 1
    assert metrics(open_page(PAGE))["Corrected"] == "1"


def test_corrected_masks_come_back_as_a_zip(plain):
    def upload(at: AppTest, data: bytes) -> AppTest:
        at.file_uploader(key="masks_upload").upload("masks.zip", data, "application/zip")
        return press(at, "Take over the masks")

    packed = io.BytesIO(exchange._archive(plain))
    name = plain.table.set_index("image_id").at[accepted_id(plain), "path"]
    half = np.zeros((128, 128), np.uint8)
    half[:64] = 255
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(changed := io.BytesIO(), "w") as new:
        for path in old.namelist():
            corrected = path == f"masks/{name}"
            new.writestr(path, images.encode_png(half) if corrected else old.read(path))
    at = upload(open_page(PAGE), changed.getvalue())
    assert "1 masks corrected, 0 films left out" in texts(at)
    assert metrics(at)["Corrected"] == "1"
    assert "The zip is damaged" in texts(upload(at, b"PK no zip"))


def test_a_large_dataset_is_exported_by_the_command(plain, monkeypatch):
    monkeypatch.setattr(exchange, "MOST", 3)
    commands = [block.value for block in open_page(PAGE).main.code]
    assert "python -m cxrcore masks export plain FOLDER" in commands
    assert "python -m cxrcore masks import plain FOLDER" in commands


def test_own_and_estimated_masks_stand_side_by_side_the_least_alike_first(own):
    found = lungs.load(own)
    at = open_page(PAGE, mask_view="Both, side by side")
    dice = found.table["dice"]
    numbers = metrics(at)
    assert numbers["Compared"] == f"{dice.notna().sum()} of {len(own.table) - 1}"
    assert numbers["Mean Dice"] == f"{dice.mean():.3f}"
    worst = own.table["path"].iloc[int(np.nanargmin(dice))]
    assert f"**{worst}** · " in texts(at)
    assert f"Dice {dice.min():.3f}" in texts(at)
    assert "The dataset's own mask" in texts(at)
    assert "estimated in pink" in texts(at)


def test_own_masks_are_shown_first_where_there_are_some(own):
    assert "With a mask" in metrics(open_page(PAGE))


def listed(at: AppTest) -> list[dict]:
    """The films to choose from; those without a mask stand in a list of their own, above."""
    found = [e.proto for e in at.main if e.type == "bidi_component"]
    *_, data = [json.loads(p.json) for p in found if p.component_name == "cxr_thumbnails"]
    return data["groups"][0]["items"]


def test_a_corrected_film_keeps_its_place_and_is_found_under_both_states(plain):
    at = open_page(PAGE)
    at.selectbox(key="estimate_state_plain").set_value("accepted")
    first = listed(again(at))
    press(correcting(at, "Leave out"), "Leave this film out")
    after = listed(at)
    assert [item["id"] for item in after] == [item["id"] for item in first]
    assert after[0]["lines"][-1] == "left out"
    at.selectbox(key="estimate_state_plain").set_value("left out")
    assert [item["id"] for item in listed(again(at))] == [first[0]["id"]]
