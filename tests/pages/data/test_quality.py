"""The quality page: whether quality is a shortcut, which pixels are scored, unusual images."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cxrcore import datasets, index, jobs, pixels, quality, work
from cxrcore.pixels import Preparation
from cxrcore.quality import limits
from cxrcore.regions import MASK_NAMES
from pages.data.quality import quality_cache
from pages.data.quality.quality_cache import Scores
from tests.conftest import write_masked_dataset
from tests.helpers.app import again, metrics, open_page, read, texts

PAGE = "data/quality"

SIDE = 200  # pixels, chosen at first


@pytest.fixture(autouse=True)
def _no_logs(monkeypatch):
    """Jobs of these tests have no folder, so no log either."""
    monkeypatch.setattr(jobs, "log", lambda *_, **__: "")


@pytest.fixture
def sourced(tiny_dataset_folder):
    """36 images of 3 classes; two of three have a source, named after their class."""
    paths = sorted(p.relative_to(tiny_dataset_folder) for p in tiny_dataset_folder.glob("*/*.png"))
    rows = [{"path": str(p), "source": f"Hospital {p.parent}"} for p in paths]
    table = pd.DataFrame([row for number, row in enumerate(rows) if number % 3])
    table.to_csv(tiny_dataset_folder / "metadata.csv", index=False)
    return registered("sourced", tiny_dataset_folder)


@pytest.fixture
def scored(monkeypatch):
    """Give the images, in the order of their paths, these scores in place of BRISQUE's."""

    def give(scores: np.ndarray) -> None:
        monkeypatch.setattr(quality_cache, "stored", lambda *_: Scores(scores, key=f"{scores}"))

    return give


@pytest.fixture
def masked(tmp_path):
    """Two classes of six images, all but one with a lung mask."""
    return registered("masked", write_masked_dataset(tmp_path / "masked", images=6))


@pytest.fixture
def submitted(monkeypatch) -> list[tuple[str, int, str]]:
    """The preparations that were asked for; nothing is really started."""
    asked: list[tuple[str, int, str]] = []
    monkeypatch.setattr(work, "submit_pixels", lambda *args: asked.append(args))
    return asked


def registered(name: str, folder: Path) -> datasets.Dataset:
    dataset = datasets.register(name, folder)
    index.measure(dataset)
    return dataset


def make_pixels(dataset: datasets.Dataset, region: str = "none") -> pixels.Pixels:
    made = pixels.prepare(dataset, Preparation(SIDE, region))
    made.brisque()
    made.histograms()
    return made


def as_a_model_sees(at: AppTest, region: str | None = None) -> AppTest:
    at.segmented_control(key="quality_pixels").set_value("As a model sees them")
    again(at)
    if region is not None:
        at.selectbox(key="quality_arm").set_value(region)
        again(at)
    return at


def pixels_job(state: str, **details: object) -> jobs.Job:
    start = {"job_id": f"pixels-tiny-{SIDE}-none", "kind": "pixels", "title": "Preparing tiny"}
    now = datetime.now(UTC)
    return jobs.Job(**start, state=state, dataset="tiny", created=now, **details)


# --- shortcut -------------------------------------------------------------------------------


def test_a_class_that_brisque_gives_away_is_said_in_a_box_with_what_to_do(sourced, scored):
    scores = np.random.default_rng(0).normal(50, 3, 36) + np.repeat([0, 0, 20], 12)
    scored(scores)
    at = open_page(PAGE)
    found = quality.dependence(scores, sourced.table["label"], "class", names=sourced.classes)
    (box,) = at.main.warning
    said = read(box.value)
    assert "would tell C, by its higher scores, from the other classes in 100 of 100" in said
    assert found.sentence in said
    assert "right for 100 of 100" in said
    assert "cannot be told whether the class or the source" in said  # each source has one class
    assert "What to do" in said
    assert "24 of 36 images have a known source (3 sources)" in texts(at)


def test_the_numbers_of_the_test_are_those_computed(sourced, scored):
    scores = np.random.default_rng(0).normal(50, 3, 36) + np.repeat([0, 5, 20], 12)
    scored(scores)
    at = open_page(PAGE)
    tests = next(d.value for d in at.dataframe if "Compared by" in d.value.columns)
    by_class = quality.dependence(scores, sourced.table["label"], "class", names=sourced.classes)
    by_source = quality.dependence(scores, sourced.table["source"], "source")
    assert tests["Compared by"].tolist() == ["Class", "Source"]
    assert tests["H"].tolist() == pytest.approx([by_class.h, by_source.h])
    assert tests["η²"].tolist() == pytest.approx([by_class.effect, by_source.effect])
    assert tests["Images"].tolist() == [36, 24]
    groups = next(d.value for d in at.dataframe if "95% interval" in d.value.columns)
    assert groups["Class"].tolist() == list(sourced.classes)
    assert groups["Pairs"].tolist() == pytest.approx([100 * g.higher for g in by_class.groups])


@pytest.mark.parametrize(
    ("region", "said"),
    [
        ("none", "also train on the lungs alone"),
        ("lungs", "part of this may be the disease itself"),
        ("lungs-erased", "disease can hardly be the reason"),
    ],
)
def test_the_advice_fits_what_is_scored(region, said, masked, monkeypatch):
    scores = np.where(masked.table["label"] == "A", 10.0, 50.0) + np.arange(12)
    monkeypatch.setattr(quality_cache, "prepared", lambda *_: Scores(scores, key=region))
    at = as_a_model_sees(open_page(PAGE), region)
    assert said in at.main.warning[0].value


def test_without_a_difference_nothing_is_highlighted(tiny, scored):
    scored(np.tile(np.arange(12.0), 3))
    at = open_page(PAGE)
    assert not at.main.warning
    assert "No sign that quality depends on the class" in texts(at)
    assert "No image has a known source" in texts(at)


def test_what_is_computed_is_computed_once_and_not_at_every_rerun(sourced, monkeypatch):
    calls = []
    for module, name in ((quality, "dependence"), (quality.outliers, "ranks")):
        real = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *a, real=real, **k: calls.append(1) or real(*a, **k)
        )
    at = open_page(PAGE)
    first = len(calls)
    again(again(at))
    assert len(calls) == first > 0


# --- classes and sources --------------------------------------------------------------------


def test_a_limit_can_be_looked_at_by_source(sourced):
    at = open_page(PAGE)
    at.segmented_control(key="quality_by").set_value("source")
    again(at)
    table = next(t.value for t in at.table if "Median" in t.value.columns)
    assert sorted(table["Score"]) == ["Hospital A", "Hospital B", "Hospital C", "unknown"]


def test_without_sources_there_is_no_choice_of_them(tiny):
    at = open_page(PAGE)
    assert not [c for c in at.segmented_control if c.key == "quality_by"]


# --- which pixels ---------------------------------------------------------------------------


def test_pixels_are_prepared_only_when_the_button_is_pressed(tiny, submitted):
    at = as_a_model_sees(open_page(PAGE))
    assert submitted == []
    assert "are not prepared yet" in texts(at)
    assert not at.metric
    (button,) = [b for b in at.main.button if b.label == "Prepare 36 images"]
    button.click()
    again(at)
    assert submitted == [("tiny", SIDE, "none", "given")]


def test_the_page_shows_how_far_the_preparation_is_and_then_the_scores(tiny, monkeypatch):
    running = pixels_job("running", stage="preparing pixels", message="9 of 36", share=0.25)
    monkeypatch.setattr(jobs, "list_jobs", lambda: [running])
    at = as_a_model_sees(open_page(PAGE))
    assert "being prepared and measured" in texts(at)
    assert not [b for b in at.main.button if b.label.startswith("Prepare")]
    made = make_pixels(tiny)
    monkeypatch.setattr(jobs, "list_jobs", lambda: [pixels_job("done")])
    again(at)
    limit = limits.limit(made.brisque(), "fence")
    assert metrics(at)["Limit"] == f"{limit:.1f}"
    assert metrics(at)["Median score"] == f"{np.median(made.brisque()):.1f}"


def test_a_preparation_that_ended_early_says_why(tiny, monkeypatch):
    ended = pixels_job("failed", message="The disk is full.")
    monkeypatch.setattr(jobs, "list_jobs", lambda: [ended])
    assert "The disk is full." in texts(as_a_model_sees(open_page(PAGE)))


def test_the_scores_are_those_that_a_training_cuts_on(tiny):
    made = make_pixels(tiny)
    at = as_a_model_sees(open_page(PAGE))
    at.segmented_control(key="limit_rule").set_value("Fixed score")
    again(at)
    at.number_input(key="limit_score").set_value(float(np.median(made.brisque())))
    again(at)
    out = made.brisque() > np.median(made.brisque())
    assert metrics(at)["Images excluded"] == str(out.sum())
    listed = next(d.value for d in at.dataframe if "BRISQUE" in d.value.columns)
    assert sorted(listed["File"]) == sorted(tiny.table["path"][out])
    assert "applies the limit to exactly these scores" in texts(at)


def test_where_masks_come_from_is_chosen_where_there_is_a_choice(tiny, masked, submitted):
    at = as_a_model_sees(open_page(PAGE, dataset="masked"), "lungs")
    masks = at.selectbox(key="quality_masks")
    assert masks.options == list(MASK_NAMES.values())
    assert masks.value == "given"
    at.selectbox(key="dataset").set_value("tiny")  # has none of its own
    masks = again(at).selectbox(key="quality_masks")
    assert (masks.value, masks.disabled) == ("estimated", True)
    next(b for b in at.main.button if b.label == "Prepare 36 images").click()
    again(at)
    assert submitted == [("tiny", SIDE, "lungs", "estimated")]


def test_images_without_a_mask_are_listed_with_the_reason(masked):
    make_pixels(masked, "lungs")
    at = as_a_model_sees(open_page(PAGE), "lungs")
    assert "1 image can't be used here" in texts(at)
    listed = next(d.value for d in at.dataframe if "Reason" in d.value.columns)
    assert listed["File"].tolist() == ["B/images/2.png"]
    assert "has no lung mask" in listed["Reason"].iloc[0]


# --- unusual --------------------------------------------------------------------------------


def test_images_are_ranked_within_their_source_and_those_without_one_together(sourced):
    at = open_page(PAGE)
    assert "12 images without a known source are compared with one another" in texts(at)
    choice = at.multiselect(key="unusual_sourced")
    assert choice.options[-1] == "unknown"
    assert len(choice.options) == 4


def test_an_unusual_image_is_listed_with_its_rank(tiny, scored):
    scores = np.arange(36.0)
    scores[7] = -500
    scored(scores)
    at = open_page(PAGE)
    table = next(d.value for d in at.dataframe if "Rank in its source" in d.value.columns)
    assert table["File"].tolist() == [tiny.table["path"].iloc[7]]
    assert table["Rank in its source"].tolist() == ["1 of 36"]
    assert table["z"].iloc[0] < -3.5
    assert "All images" in texts(at)
