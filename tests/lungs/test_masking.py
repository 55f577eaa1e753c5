"""Datasets whose films have their own masks, estimated ones or both; what is trained on them."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from cxrcore import images, lungs, models, pixels, work
from cxrcore.errors import DatasetError
from cxrcore.pixels import Preparation, prepare_one
from cxrcore.progress import silent
from cxrcore.training.plan import plan


@pytest.fixture
def half(simulated):
    """Every second film has its own mask."""
    own = simulated.table["mask"].where(simulated.table.index % 2 == 0, pd.NA)
    return dataclasses.replace(simulated, table=simulated.table.assign(mask=own))


def test_own_masks_win_unless_estimated_ones_are_asked_for(half, simulated):
    found = lungs.estimate(half).table
    completed = lungs.masked(half, "completed").table["mask"]
    own = half.table["mask"]
    assert list(completed[own.notna()]) == list(own.dropna())
    assert list(completed[own.isna()]) == list(found["file"][own.isna()])
    assert list(lungs.masked(half, "estimated").table["mask"]) == list(found["file"])
    assert lungs.masked(half, "given") is half
    assert lungs.source_of(simulated, "completed") == "given"  # nothing is missing


def test_masks_that_nobody_estimated_are_not_made_by_reading(unmasked):
    with pytest.raises(DatasetError, match="python -m cxrcore masks estimate plain"):
        lungs.masked(unmasked, "estimated")
    assert pixels.find(unmasked, Preparation(64, "lungs")) is None


def test_any_region_of_a_dataset_without_masks_is_prepared(unmasked):
    preparation = Preparation(64, "lungs-erased")
    made = pixels.prepare(unmasked, preparation)
    refused = lungs.load(unmasked).refused
    assert made.reasons == dict(zip(refused["image_id"], refused["reason"], strict=True))
    row = int(np.flatnonzero(made.usable)[0])
    gray = images.decode(unmasked.path_of(unmasked.table["image_id"].iloc[row]))
    mask = lungs.segment(gray).mask > 0
    np.testing.assert_array_equal(made.array[row], prepare_one(gray, mask, preparation))
    assert pixels.find(unmasked, preparation).folder == made.folder


def test_estimated_and_own_masks_are_pixels_of_their_own(simulated):
    own, estimated = (
        pixels.prepare(simulated, Preparation(32, "lungs", masks)) for masks in lungs_of()
    )
    assert own.folder != estimated.folder
    assert not np.array_equal(own.array, estimated.array)


def lungs_of() -> tuple[str, str]:
    return lungs.GIVEN, lungs.ESTIMATED


def test_a_training_on_estimated_lungs_says_so_and_has_a_name_of_its_own(half, simulated):
    recipe = models.get("cnn-plain").override(region="lungs")
    own = plan(recipe, simulated)
    assert own.lungs == ""
    assert own.notes == ()
    assert own.recipe.lung_masks == "given"
    assert plan(recipe.override(lung_masks="completed"), simulated).run_id == own.run_id

    estimated = plan(recipe.override(lung_masks="estimated"), simulated)
    assert estimated.lungs == lungs.DIGEST
    assert estimated.run_id != own.run_id
    assert lungs.DIGEST[:8] in estimated.notes[0]
    names = {plan(recipe.override(lung_masks=m), half).run_id for m in ("given", "completed")}
    assert len(names) == 2


def test_a_dataset_without_masks_is_trained_on_estimated_ones(unmasked):
    spec = plan(models.get("resnet50-masked"), unmasked)
    assert (spec.recipe.region, spec.recipe.lung_masks) == ("lungs", "estimated")
    assert spec.lungs == lungs.DIGEST
    assert "estimated for every film" in spec.notes[0]
    whole = plan(models.get("cnn-plain"), unmasked)
    assert (whole.lungs, whole.notes) == ("", ())


def test_a_corrected_mask_is_another_training(unmasked):
    recipe = models.get("cnn-plain").override(region="border")
    before = plan(recipe, unmasked).run_id
    lungs.correct({"f" * 32: None})  # a film of another dataset
    assert plan(recipe, unmasked).run_id == before
    lungs.correct({unmasked.table["image_id"].iloc[0]: None})
    assert plan(recipe, unmasked).run_id != before


def test_the_job_of_pixels_says_where_masks_come_from():
    job = work.pixels.job_id
    assert job("d", 64, "lungs") == "pixels-d-64-lungs"
    assert job("d", 64, "lungs", "estimated") == "pixels-d-64-lungs-estimated"


def test_estimating_is_not_done_twice_for_a_masked_dataset(unmasked):
    lungs.masked(unmasked, "estimated", report=silent)
    again = lungs.masked(unmasked, "completed").table["mask"]
    assert again.notna().sum() == len(unmasked.table) - 1
