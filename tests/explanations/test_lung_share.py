"""The share of a run's maps inside the lungs."""

import numpy as np
import pytest

from cxrcore import datasets, models
from cxrcore.datasets import masks
from cxrcore.errors import ExplainError
from cxrcore.explanations.lung_share import lung_share
from cxrcore.store import maps
from tests.conftest import write_masked_dataset
from tests.helpers import runs


@pytest.fixture
def masked(tmp_path, own_folders):
    """Ten films of 60 x 50 pixels, nine of which have the same mask, rows 10-39, columns 5-24."""
    from cxrcore import lungs

    dataset = datasets.load(write_masked_dataset(tmp_path / "masked", 5))
    lungs.estimate(dataset)  # noise: the tenth film is refused
    return dataset


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
    assert "which are 20% of what it saw. 1 more could not be judged." in found.sentence


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
