"""Histograms: groups, distances, before and after masking, downloads."""

import json
from io import StringIO

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from PIL import Image
from scipy import stats
from streamlit.testing.v1 import AppTest

from cxrcore import datasets, index, jobs, work
from cxrcore.pixels import Preparation, prepare
from cxrcore.quality import distances as distances_module
from tests.helpers.app import again, open_page, texts

PAGE = "data/histograms"

LEVELS = np.arange(1, 255)
IMAGES = 10  # of each class


@pytest.fixture
def folder(tmp_path):
    """Two classes: alike in the lungs, 60 gray levels apart around them; two hospitals in each."""
    rng = np.random.default_rng(1)
    rows = []
    for label, around in (("Covid", 60), ("Normal", 120)):
        for kind in ("images", "masks"):
            (tmp_path / "two" / label / kind).mkdir(parents=True)
        for number in range(IMAGES):
            gray = rng.normal(around, 4, (64, 64))
            gray[16:48, 16:48] = rng.normal(170 + 3 * (number % 4), 6, (32, 32))
            mask = np.zeros((64, 64), np.uint8)
            mask[16:48, 16:48] = 255
            file = f"{label}/images/{number}.png"
            Image.fromarray(gray.clip(1, 254).astype(np.uint8)).save(tmp_path / "two" / file)
            Image.fromarray(mask).save(tmp_path / "two" / label / "masks" / f"{number}.png")
            rows.append(
                {
                    "path": file,
                    "source": ["East", "West", ""][number % 3],
                    "split": ["train", "test"][number % 2],
                }
            )
    pd.DataFrame(rows).to_csv(tmp_path / "two" / "metadata.csv", index=False)
    return tmp_path / "two"


@pytest.fixture
def two(folder):
    """The two classes, registered and measured."""
    dataset = datasets.register("two", folder)
    index.measure(dataset)
    return dataset


def masked(dataset, region: str = "lungs") -> None:
    """Do what the job does."""
    made = prepare(dataset, Preparation(224, region))
    made.brisque()
    made.histograms()


def charts(at: AppTest) -> list[dict]:
    """The figures of the page as dictionaries."""
    return [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]


def matrices(at: AppTest) -> list[list[str]]:
    """The texts in the cells of each matrix."""
    return [
        next(t["text"] for t in chart["data"] if t["type"] == "scatter")
        for chart in charts(at)
        if any(trace["type"] == "heatmap" for trace in chart["data"])
    ]


def mean_histogram(dataset, label: str, inside: bool) -> np.ndarray:
    """(254,) mean share of each gray value of a class, from the files themselves."""
    shares = []
    for row in dataset.table[dataset.table["label"] == label].itertuples():
        gray = np.asarray(Image.open(dataset.path_of(row)))
        if inside:
            gray = gray[np.asarray(Image.open(dataset.mask_of(row))) > 127]
        counts = np.bincount(gray.ravel(), minlength=256)[1:255]
        shares.append(counts / counts.sum())
    return np.mean(shares, axis=0)


def expected(dataset, inside: bool = False) -> float:
    first, second = (mean_histogram(dataset, label, inside) for label in dataset.classes)
    return float(stats.wasserstein_distance(LEVELS, LEVELS, first, second))


def test_distances_of_the_classes_are_those_of_scipy_on_the_files(two):
    at = open_page(PAGE)
    assert matrices(at)[0][1] == f"<b>{expected(two):.1f}</b>"
    assert f"Covid and Normal, {expected(two):.1f} gray levels, more than chance" in texts(at)


def test_distances_can_be_read_without_a_unit(two):
    at = open_page(PAGE)
    at.segmented_control(key="gray_distance").set_value("0 to 1 (KS)")
    first, second = (np.cumsum(mean_histogram(two, label, False)) for label in two.classes)
    assert matrices(again(at))[0][1] == f"<b>{np.abs(first - second).max():.2f}</b>"


@pytest.mark.parametrize(
    ("by", "names"),
    [("source", ["East", "West"]), ("split", ["train", "test"])],
)
def test_other_groups_are_compared_and_their_distance_set_beside_that_of_the_classes(
    by, names, two
):
    at = open_page(PAGE)
    at.segmented_control(key="gray_by").set_value(by)
    table = again(at).dataframe[0].value
    assert table.iloc[:, 0].tolist() == names
    assert "the classes are at most" in texts(at)
    assert ("6 images of unknown source: not shown." in texts(at)) == (by == "source")


def test_xray_and_ct_can_be_compared(make_tiny_dataset):
    folder = make_tiny_dataset("both/X-Ray", patients=4)
    make_tiny_dataset("both/CT", patients=2, side=40)
    index.measure(datasets.register("both", folder.parent))
    at = open_page(PAGE)
    at.segmented_control(key="gray_by").set_value("modality")
    table = again(at).dataframe[0].value
    assert dict(zip(table["X-ray or CT"], table["Images"], strict=True)) == {"X-ray": 18, "CT": 9}


def test_without_own_masks_regions_come_from_estimated_ones(tiny, monkeypatch):
    asked = []
    monkeypatch.setattr(jobs, "list_jobs", list)
    monkeypatch.setattr(work, "submit_pixels", lambda *details: asked.append(details))
    at = open_page(PAGE)
    at.selectbox(key="gray_pixels").set_value("lungs")
    again(at)
    assert "lung masks estimated). Their lungs are looked for first" in texts(at)
    next(b for b in at.main.button if b.label == "Prepare 36 images").click()
    again(at)
    assert asked == [("tiny", 224, "lungs", "estimated")]


def test_pixels_that_are_not_made_yet_are_made_by_a_job(two, monkeypatch):
    asked = []
    monkeypatch.setattr(jobs, "list_jobs", list)
    monkeypatch.setattr(work, "submit_pixels", lambda *details: asked.append(details))
    at = open_page(PAGE)
    at.selectbox(key="gray_pixels").set_value("lungs")
    again(at)
    assert "are not prepared yet" in texts(at)
    assert asked == []
    next(b for b in at.main.button if b.label == f"Prepare {2 * IMAGES} images").click()
    again(at)
    assert asked == [("two", 224, "lungs", "given")]


def test_before_and_after_masking_stand_side_by_side_on_one_scale(two):
    masked(two)
    at = open_page(PAGE)
    at.selectbox(key="gray_pixels").set_value("lungs")
    again(at)
    lines = [c for c in charts(at) if all(t["type"] == "scatter" for t in c["data"])]
    assert len(lines) == 2
    assert lines[0]["layout"]["yaxis"]["range"] == lines[1]["layout"]["yaxis"]["range"]
    before, after = matrices(at)
    assert before[1] == f"<b>{expected(two):.1f}</b>"
    assert float(after[1]) == pytest.approx(expected(two, inside=True), abs=0.3)
    assert "So most of that difference is outside the lungs." in texts(at)
    assert "what the mask blackens does not count" in texts(at)
    assert f"the same {2 * IMAGES} images" in texts(at)
    assert not [c for c in at.main.segmented_control if c.label == "View"]


def test_what_is_left_without_the_lungs_is_said_to_need_no_lungs(two):
    masked(two, "lungs-erased")
    at = open_page(PAGE)
    at.selectbox(key="gray_pixels").set_value("lungs-erased")
    assert "a model can use it without looking at them" in texts(again(at))


def test_images_without_a_mask_are_on_neither_side(folder):
    (folder / "Covid" / "masks" / "3.png").unlink()
    dataset = datasets.register("two", folder)
    index.measure(dataset)
    masked(dataset)
    at = open_page(PAGE)
    at.selectbox(key="gray_pixels").set_value("lungs")
    again(at)
    assert at.dataframe[0].value["Images"].tolist() == [IMAGES - 1, IMAGES]
    assert "1 image damaged or without a lung mask: not shown." in texts(at)


def test_lungs_that_are_all_black_do_not_break_the_page(folder):
    for file in (folder / "Covid" / "images").iterdir():
        gray = np.array(Image.open(file))
        gray[16:48, 16:48] = 0
        Image.fromarray(gray).save(file)
    dataset = datasets.register("two", folder)
    index.measure(dataset)
    masked(dataset)
    at = open_page(PAGE)
    at.selectbox(key="gray_pixels").set_value("lungs")
    assert "Not enough images have pixels that count." in texts(again(at))


def test_nothing_is_computed_again_at_a_rerun(two, monkeypatch):
    calls = []
    real = distances_module.distances
    masked(two)
    monkeypatch.setattr(
        "pages.data.histograms.gray_cache.distances",
        lambda *a, **k: calls.append(1) or real(*a, **k),
    )
    at = open_page(PAGE)
    at.selectbox(key="gray_pixels").set_value("lungs")
    again(again(again(at)))
    assert len(calls) == 3  # the whole image alone, then of the masked ones before and after


def test_lines_and_distances_can_be_downloaded(two, monkeypatch):
    masked(two)
    given = {}
    monkeypatch.setattr(
        st, "download_button", lambda label, data, name, *_, **__: given.update({name: data()})
    )
    at = open_page(PAGE)
    at.selectbox(key="gray_pixels").set_value("lungs")
    again(at)
    lines = pd.read_csv(StringIO(given["two-gray-values.csv"]))
    assert lines["gray_value"].tolist() == LEVELS.tolist()
    found = lines["Covid whole image mean"]
    np.testing.assert_allclose(found, mean_histogram(two, "Covid", inside=False), atol=1e-9)
    assert "Normal lungs only q3" in lines
    distances = pd.read_csv(StringIO(given["two-gray-distances.csv"]))
    assert distances["pixels"].tolist() == ["whole image"] * 2 + ["lungs only"] * 2
    assert distances["measure"].tolist() == ["wasserstein", "ks"] * 2
    assert distances["distance"].iloc[0] == pytest.approx(expected(two))
    assert distances["beyond_chance"].iloc[0]


def test_one_class_has_no_distance(tmp_path):
    (tmp_path / "one" / "A").mkdir(parents=True)
    (tmp_path / "one" / "B").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for label in "AB":
        picture = Image.fromarray(rng.integers(0, 255, (32, 32), np.uint8))
        picture.save(tmp_path / "one" / label / "x.png")
    damaged = tmp_path / "one" / "B" / "x.png"
    damaged.write_bytes(damaged.read_bytes()[:400])
    index.measure(datasets.register("one", tmp_path / "one"))
    at = open_page(PAGE)
    assert "How far apart" not in [s.value for s in at.subheader]
