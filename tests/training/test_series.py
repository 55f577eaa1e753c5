"""Folds and seeds of one training, planned together."""

import pytest

from cxrcore import datasets, models, store
from cxrcore.errors import DatasetError, TrainingError
from cxrcore.splits import SplitSpec, assign
from cxrcore.training import plan, plan_series

RECIPE = models.get("cnn-plain").override(image_size=32, epochs=1)


@pytest.fixture
def dataset(tiny_dataset_folder):
    return datasets.load(tiny_dataset_folder)


def test_one_fold_and_one_repeat_is_the_ordinary_training(dataset):
    assert plan_series(RECIPE, dataset) == [plan(RECIPE, dataset)]


def test_the_first_seed_goes_through_all_folds_before_the_next(dataset):
    specs = plan_series(RECIPE, dataset, SplitSpec(validation=0.2), folds=3, repeats=2)
    assert [(s.recipe.seed - RECIPE.seed, s.split.fold) for s in specs] == [
        (0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3),
    ]  # fmt: skip
    assert {(s.split.folds, s.split.validation, s.split.seed) for s in specs} == {(3, 0.2, 42)}
    assert len({s.grouping for s in specs}) == len({s.family for s in specs}) == 1
    assert len({s.run_id for s in specs}) == 6


def test_the_folds_of_a_plan_test_every_image_once(dataset):
    specs = plan_series(RECIPE, dataset, folds=4)
    parts = [assign(dataset.table, spec.split).assignment for spec in specs]
    assert (sum((part == "test").astype(int) for part in parts) == 1).all()


def test_the_family_of_a_plan_is_that_of_its_run(dataset):
    spec = plan_series(RECIPE, dataset, folds=2)[0]
    decided = spec.recipe, spec.fingerprint, spec.split, spec.classes, spec.grouping
    assert spec.family == store.family_id(*decided)
    assert plan(RECIPE, dataset).family != spec.family


def test_a_published_split_is_no_part_of_the_grouping_of_a_fold(dataset):
    dataset.table["split"] = ["test", *["train"] * (len(dataset.table) - 1)]
    kept, crossed = plan(RECIPE, dataset), plan_series(RECIPE, dataset, folds=2)[0]
    assert kept.grouping != crossed.grouping


@pytest.mark.parametrize(
    ("folds", "repeats", "error", "said"),
    [
        (1, 0, TrainingError, "1 to 20"),
        (1, 21, TrainingError, "1 to 20"),
        (10, 6, TrainingError, "60 trainings"),
        (0, 1, DatasetError, "2 to 10"),
        (11, 1, DatasetError, "2 to 10"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(dataset, folds, repeats, error, said):
    with pytest.raises(error, match=said):
        plan_series(RECIPE, dataset, folds=folds, repeats=repeats)
