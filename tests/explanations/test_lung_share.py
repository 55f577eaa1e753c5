"""The share of a run's maps inside the lungs."""

import numpy as np
import pytest

from cxrcore import datasets, lungs, models, store
from cxrcore.datasets import masks
from cxrcore.errors import ExplainError
from cxrcore.explanations.lung_share import lung_share
from cxrcore.metrics import METRICS
from cxrcore.store import maps
from cxrcore.store.card import model_card
from cxrcore.store.lung_shares import KeptShare
from tests.conftest import write_masked_dataset
from tests.helpers import runs


@pytest.fixture
def masked(tmp_path, own_folders):
    """Ten films of 60 x 50 pixels; nine have the same mask, rows 10-39, columns 5-24.

    The tenth is noise, on which no lungs are found.
    """
    return datasets.load(write_masked_dataset(tmp_path / "masked", 5))


def kept_run(dataset, heats: np.ndarray, region: str = "none"):
    recipe = models.get("cnn-plain").override(region=region)
    made = runs.made_up(recipe=recipe, dataset=dataset.name)
    run = runs.kept(made, lambda path: path.write_bytes(b"a network"))
    ids = dataset.table["image_id"]
    maps.keep(run, "grad-cam", maps.Maps.of(ids, ["A"] * len(ids), heats))
    return run


def test_it_is_the_mean_of_the_shares_of_the_films(masked):
    rng = np.random.default_rng(0)
    heats = rng.random((10, 60, 50)).astype(np.float32)
    found = lung_share(kept_run(masked, heats), masked)
    expected = {}
    for image_id, heat in zip(masked.table["image_id"], heats, strict=True):
        if (reference := masked.mask_of(image_id)) is not None:
            inside = masks.read(reference, (60, 50))
            expected[image_id] = heat[inside].sum() / heat.sum()
    shares = found.films.set_index("image_id")["share"].to_dict()
    assert shares == pytest.approx(expected, abs=0.01)
    assert found.mean == pytest.approx(np.mean(list(expected.values())), abs=0.003)
    assert found.low < found.mean < found.high
    assert found.without == 1
    assert found.films["area"].to_numpy() == pytest.approx(600 / 3000, abs=0.01)
    assert found.kept.sentence.endswith(
        "what it saw: no more than by chance. 1 more could not be judged."
    )


def test_a_model_of_the_box_of_the_lungs_is_judged_in_that_box(masked):
    heats = np.ones((10, 30, 20), np.float32)
    found = lung_share(kept_run(masked, heats, "lungs-crop"), masked)
    assert found.mean == pytest.approx(1)  # the mask fills its box
    assert np.isnan(found.low)


def test_without_maps_there_is_nothing_and_empty_ones_are_an_error(masked):
    run = kept_run(masked, np.zeros((10, 8, 8), np.float32))
    assert lung_share(run, masked, "layercam") is None
    with pytest.raises(ExplainError, match="None of the 10 mapped films"):
        lung_share(run, masked)


def test_that_of_the_test_films_is_a_metric_of_the_run_until_their_masks_change(masked):
    run = kept_run(masked, np.random.default_rng(1).random((10, 60, 50)).astype(np.float32))
    metric = METRICS["lung_share"]
    assert metric.compute(run) is None
    assert metric.interval(run) is None
    found = lung_share(run, masked)
    assert metric.compute(run) == found.mean
    assert metric.interval(run) == (found.low, found.high)
    assert store.list_runs()["lung_share"].tolist() == [found.mean]
    assert f"| In-lung share | {found.mean:.3f} ({found.low:.3f}-" in model_card(run)
    tenth = masked.table.loc[masked.table["mask"].isna(), "image_id"].item()
    lungs.correct({"f" * 32: None})  # a film of another dataset
    assert metric.compute(run) == found.mean
    lungs.correct({tenth: np.ones((60, 50), bool)})
    assert metric.compute(run) is None
    assert lung_share(run, masked).without == 0
    assert metric.compute(run) != found.mean
    lungs.restore([tenth])
    assert metric.compute(run) is None


def test_only_grad_cams_of_the_test_films_count(masked):
    run = kept_run(masked, np.ones((10, 8, 8), np.float32))
    maps.keep(run, "layercam", maps.load(run, "grad-cam"))
    maps.keep(run, "grad-cam", maps.load(run, "grad-cam"), split="validation")
    assert (
        lung_share(run, masked, "layercam").mean == lung_share(run, masked, split="validation").mean
    )
    assert run.lung_share is None


def test_a_damaged_file_is_as_none_and_goes_with_the_run(masked):
    run = kept_run(masked, np.ones((10, 8, 8), np.float32))
    lung_share(run, masked)
    [file] = (run.folder.parent / store.lung_shares.FOLDER).iterdir()
    file.write_bytes(b"{")
    assert run.lung_share is None
    store.delete(run.run_id)
    store.empty_trash()
    assert not file.exists()


@pytest.mark.parametrize(
    ("mean", "low", "high", "said"),
    [(0.37, 0.34, 0.40, "more than"), (0.27, 0.25, 0.29, "no more than"), (0.1, 0.05, 0.2, "less than")],
)  # fmt: skip
def test_a_share_is_told_beside_that_of_chance(mean, low, high, said):
    found = KeptShare(mean=mean, low=low, high=high, area=0.27, films=96, masks="")
    assert found.sentence == (
        f"On average {mean:.0%} (95 % interval {low:.0%} to {high:.0%}) of its maps of 96 films lies "
        f"inside the lungs, which are 27% of what it saw: {said} by chance."
    )


def test_the_planted_marker_is_exposed(masked):
    """Maps of a model that reads a corner, and of one that looks at the lungs."""
    rng = np.random.default_rng(0)
    corner, inside = np.zeros((2, 10, 60, 50), np.float32)
    corner[:, :8, -8:] = rng.random((10, 8, 8)) + 1
    inside[:, 12:38, 6:24] = rng.random((10, 26, 18)) + 1
    shares = [lung_share(kept_run(masked, heats), masked).kept for heats in (corner, inside)]
    assert [share.mean > share.area for share in shares] == [False, True]
    assert "less than by chance" in shares[0].sentence
