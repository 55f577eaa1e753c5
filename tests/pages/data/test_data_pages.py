"""Gallery, Histograms and Quality: what they show, and what they say before there is anything."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from cxrcore import datasets, index, jobs, quality, work
from cxrcore.files import write_json
from cxrcore.quality import limits
from pages.shared import waiting
from tests.helpers.app import again, metrics, open_page, read, texts

DATA_PAGES = ["gallery", "histograms", "quality"]


@pytest.fixture(autouse=True)
def _no_logs(monkeypatch):
    """Jobs of these tests have no folder, so no log either."""
    monkeypatch.setattr(jobs, "log", lambda *_, **__: "")


def facts(at: AppTest) -> dict[str, str]:
    """The facts of the large image, without Markdown's backslashes."""
    table = at.table[0].value
    return {str(k): read(str(v)) for k, v in table.iloc[:, 0].items()}


@pytest.fixture
def scores(tiny) -> np.ndarray:
    """BRISQUE of the 36 images."""
    return index.load(tiny).table["brisque"].to_numpy(np.float64, na_value=np.nan)


@pytest.fixture
def submitted(monkeypatch) -> list[str]:
    """Names of the datasets whose measuring was asked for; nothing is really started."""
    asked: list[str] = []
    running: list[jobs.Job] = []

    def submit(name: str) -> jobs.Job:
        asked.append(name)
        job = index_job("running", name, message="9 of 36", share=0.25, eta_seconds=21)
        running[:] = [job]
        return job

    monkeypatch.setattr(work, "submit_index", submit)
    monkeypatch.setattr(jobs, "list_jobs", lambda: list(running))
    return asked


def index_job(state: str, dataset: str = "tiny", **details: object) -> jobs.Job:
    now = datetime.now(UTC)
    start = {"job_id": f"index-{dataset}", "kind": "index", "title": f"Measuring {dataset}"}
    return jobs.Job(
        **start, state=state, dataset=dataset, stage="measuring images", created=now, **details
    )


# --- before there is anything ---------------------------------------------------------------


@pytest.mark.parametrize("page", DATA_PAGES)
def test_without_a_dataset_a_page_says_how_to_get_one(page):
    said = texts(open_page(f"data/{page}"))
    assert "No dataset yet" in said
    assert "Make the demonstration" in said
    assert "Add your own X-rays" in said


@pytest.mark.parametrize("page", DATA_PAGES)
def test_a_small_dataset_is_measured_without_asking(page, tiny_dataset_folder, submitted):
    datasets.register("tiny", tiny_dataset_folder)
    at = open_page(f"data/{page}")
    assert submitted == ["tiny"]
    assert "being measured" in texts(at)
    again(at)
    assert submitted == ["tiny"]  # once


def test_a_large_dataset_is_measured_when_the_button_is_pressed(
    tiny_dataset_folder, submitted, monkeypatch
):
    monkeypatch.setattr(waiting, "AUTO_MEASURE", 10)
    datasets.register("tiny", tiny_dataset_folder)
    at = open_page("data/gallery")
    assert submitted == []
    (button,) = [b for b in at.main.button if b.label == "Measure 36 images"]
    button.click()
    again(at)
    assert submitted == ["tiny"]
    assert "being measured" in texts(at)


def test_the_page_shows_itself_when_measuring_is_done(tiny_dataset_folder, submitted, monkeypatch):
    dataset = datasets.register("tiny", tiny_dataset_folder)
    at = open_page("data/gallery")
    assert "Class balance" not in [s.value for s in at.subheader]
    index.measure(dataset)
    monkeypatch.setattr(jobs, "list_jobs", lambda: [index_job("done")])
    again(at)
    assert "Class balance" in [s.value for s in at.subheader]


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_measuring_that_ended_early_says_why_and_waits_for_the_user(
    state, tiny_dataset_folder, submitted, monkeypatch
):
    datasets.register("tiny", tiny_dataset_folder)
    ended = index_job(state, message="The disk is full.")
    monkeypatch.setattr(jobs, "list_jobs", lambda: [ended])
    at = open_page("data/quality")
    assert submitted == []
    assert "The disk is full." in texts(at)
    assert any(b.label == "Measure 36 images" for b in at.main.button)


# --- on every page --------------------------------------------------------------------------


@pytest.mark.parametrize("page", DATA_PAGES)
def test_synthetic_data_is_said_to_be_synthetic(page, tiny_dataset_folder):
    write_json(tiny_dataset_folder / "dataset.json", {"synthetic": True})
    index.measure(datasets.register("tiny", tiny_dataset_folder))
    assert "Synthetic demonstration data" in texts(open_page(f"data/{page}"))


@pytest.mark.parametrize("page", DATA_PAGES)
def test_damaged_images_are_counted_and_named_with_the_reason(page, tiny_dataset_folder):
    whole = (tiny_dataset_folder / "A" / "00000000_000.png").read_bytes()
    (tiny_dataset_folder / "A" / "cut_[off].png").write_bytes(whole[: len(whole) // 2])
    index.measure(datasets.register("tiny", tiny_dataset_folder))
    at = open_page(f"data/{page}")
    assert any("1 image can't be read" in e.label for e in at.expander)
    damaged = next(d.value for d in at.dataframe if "Reason" in d.value.columns)
    assert damaged["File"].tolist() == ["A/cut_[off].png"]
    assert damaged["Reason"].str.len().min() > 20


@pytest.mark.parametrize("page", DATA_PAGES)
def test_class_names_with_markup_are_no_trouble(page, make_tiny_dataset):
    folder = make_tiny_dataset("odd", classes=("<b>A_*x*", "B [1](y) $z$"))
    index.measure(datasets.register("odd", folder))
    assert open_page(f"data/{page}").title


# --- gallery --------------------------------------------------------------------------------


def test_the_gallery_shows_a_page_of_images_and_one_large_with_its_facts(tiny):
    at = open_page("data/gallery")
    assert "Images 1 to 24 of 36." in texts(at)
    shown = facts(at)
    row = tiny.table.sort_values("image_id").iloc[0]  # the default order
    assert shown["File"] == row["path"]
    assert shown["Class"] == row["label"]
    assert shown["Size"] == "48 × 48 px"
    assert shown["Source"] == "unknown"
    assert float(shown["BRISQUE"].split(",")[0]) == pytest.approx(
        index.load(tiny).table.set_index("image_id").loc[row["image_id"], "brisque"], abs=0.06
    )


def test_a_link_to_an_image_shows_it_and_the_page_it_is_on(tiny):
    ordered = tiny.table.sort_values("image_id")
    at = open_page("data/gallery", image=ordered["image_id"].iloc[30])
    assert facts(at)["File"] == ordered["path"].iloc[30]
    assert "Images 25 to 36 of 36." in texts(at)


def test_a_link_to_an_image_of_another_dataset_says_so(tiny):
    at = open_page("data/gallery", image="0" * 32)
    assert "is not in tiny" in texts(at)
    assert "Images 1 to 24" in texts(at)


def test_filters_keep_the_images_that_match(tiny):
    at = open_page("data/gallery")
    at.multiselect(key="filter_label_tiny").set_value(["B"])
    again(at)
    assert "Images 1 to 12 of 12." in texts(at)
    assert facts(at)["Class"] == "B"


def test_split_and_source_can_be_filtered_where_they_are_known(tiny_dataset_folder):
    paths = [p.relative_to(tiny_dataset_folder) for p in tiny_dataset_folder.glob("*/*.png")]
    rows = [{"path": str(p), "source": f"Hospital {i % 2}"} for i, p in enumerate(paths[:30])]
    pd.DataFrame(rows).to_csv(tiny_dataset_folder / "metadata.csv", index=False)
    index.measure(datasets.register("tiny", tiny_dataset_folder))
    at = open_page("data/gallery")
    choice = at.multiselect(key="filter_source_tiny")
    assert choice.options == ["Hospital 0", "Hospital 1", "unknown"]
    choice.set_value(["unknown"])
    again(at)
    assert "of 6." in texts(at)
    assert not [m for m in at.multiselect if m.label in ("Split", "View")]


@pytest.mark.parametrize(
    ("order", "place"), [("BRISQUE, highest first", -1), ("BRISQUE, lowest first", 0)]
)
def test_images_can_be_ordered_by_score(order, place, tiny, scores):
    at = open_page("data/gallery")
    at.selectbox(key="order").set_value(order)
    again(at)
    expected = tiny.table["path"].iloc[np.argsort(scores)[place]]
    assert facts(at)["File"] == expected


# --- histograms -----------------------------------------------------------------------------


def test_the_table_of_the_histograms_page_agrees_with_the_pixels(tiny):
    table = open_page("data/histograms").dataframe[0].value.set_index("Class")
    for label, rows in tiny.table.groupby("label"):
        pictures = [np.asarray(Image.open(tiny.path_of(row))) for row in rows.itertuples()]
        assert table.loc[label, "Images"] == len(pictures)
        assert table.loc[label, "Mean gray"] == pytest.approx(np.mean(pictures))


def test_histograms_can_be_overlaid_or_apart_linear_or_logarithmic(tiny):
    at = open_page("data/histograms")
    for key, value in (("gray_view", "Small multiples"), ("gray_scale", "Logarithmic")):
        at.segmented_control(key=key).set_value(value)
        again(at)
        assert at.get("plotly_chart")


def test_ct_and_xray_are_never_added_up(make_tiny_dataset):
    folder = make_tiny_dataset("both/X-Ray", patients=4)
    make_tiny_dataset("both/CT", patients=2, side=40)  # other sizes, so other pictures
    index.measure(datasets.register("both", folder.parent))
    at = open_page("data/histograms")
    assert at.dataframe[0].value["Images"].tolist() == [6, 6, 6]
    at.segmented_control(key="gray_modality").set_value("ct")
    again(at)
    assert at.dataframe[0].value["Images"].tolist() == [3, 3, 3]


def test_histograms_are_added_up_once_and_not_at_every_rerun(tiny, monkeypatch):
    calls = []
    real = quality.gray_profiles
    monkeypatch.setattr(quality, "gray_profiles", lambda *a: calls.append(1) or real(*a))
    at = open_page("data/histograms")
    again(again(at))
    assert len(calls) == 1


# --- quality --------------------------------------------------------------------------------


def test_the_quality_page_says_that_brisque_was_made_for_photographs(tiny):
    assert "natural photographs" in texts(open_page("data/quality"))


@pytest.mark.parametrize(
    ("rule", "key", "value", "limit"),
    [
        ("Upper quartile (Q3)", None, None, lambda s: np.quantile(s, 0.75)),
        ("Q3 + 1.5 × IQR", None, None, lambda s: limits.limit(s, "fence")),
        ("Fixed score", "limit_score", 42.0, lambda _: 42.0),
        ("Percentile", "limit_percent", 90.0, lambda s: np.percentile(s, 90)),
    ],
)
def test_a_limit_tells_how_many_images_it_leaves_out(rule, key, value, limit, tiny, scores):
    at = open_page("data/quality")
    at.segmented_control(key="limit_rule").set_value(rule)
    again(at)
    if key:
        at.number_input(key=key).set_value(value)
        again(at)
    out = scores > limit(scores)
    assert metrics(at)["Limit"] == f"{limit(scores):.1f}"
    assert metrics(at)["Images excluded"] == str(out.sum())
    listed = [d.value for d in at.dataframe if "BRISQUE" in d.value.columns]
    assert sum(len(table) for table in listed) == out.sum()


def test_a_flat_image_has_no_score_and_is_never_left_out(tiny_dataset_folder):
    Image.fromarray(np.full((48, 48), 7, np.uint8)).save(tiny_dataset_folder / "A" / "flat.png")
    index.measure(datasets.register("tiny", tiny_dataset_folder))
    at = open_page("data/quality")
    assert "1 image without a score" in texts(at)
    at.segmented_control(key="limit_rule").set_value("Fixed score")
    at = again(at)
    at.number_input(key="limit_score").set_value(-1000.0)
    again(at)
    assert metrics(at)["Images excluded"] == "36"


def test_a_dataset_without_any_score_says_so(tmp_path):
    for label, gray in (("A", 5), ("B", 9)):
        (tmp_path / "flat" / label).mkdir(parents=True)
        picture = Image.fromarray(np.full((32, 32), gray, np.uint8))
        picture.save(tmp_path / "flat" / label / "x.png")
    index.measure(datasets.register("flat", tmp_path / "flat"))
    assert "No image has a score" in texts(open_page("data/quality"))


# --- contact sheet --------------------------------------------------------------------------


def test_images_that_left_the_dataset_are_counted_and_do_no_harm(tiny):
    def page() -> None:
        from pages.shared import cache, thumbnails

        dataset = cache.dataset("tiny")
        here = dataset.table["image_id"].iloc[0]
        thumbnails.grid(dataset, [here, "0" * 32], ["here", "gone"], key="sheet")

    at = AppTest.from_function(page, default_timeout=60).run()
    assert not at.exception
    assert [c.value for c in at.caption] == ["1 image no longer in the dataset."]
