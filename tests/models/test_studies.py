"""The figures of the five studies' text, written out again and compared."""

import pytest

from cxrcore.models import FAST, RECIPES, SETTLING_STEPS, schedule_of
from tests.helpers.recipes import HERE

# name: network, size, batch, epochs, rate, optimizer, weights, classes, accuracy, loss, test images
PUBLISHED = {
    "cnn-plain": (192, 32, 50, 1e-3, "adam", "random", 3, 0.9781, 0.0712, 778),
    "cnn-batchnorm": (192, 32, 50, 1e-3, "adam", "random", 3, 0.9717, 0.0927, 778),
    "cnn-batchnorm-dropout": (192, 32, 50, 1e-3, "adam", "random", 3, 0.7172, 2.377, 778),
    "chexnet": (192, 32, 50, 1e-3, "adam", "chexnet", 3, 0.9871, 0.0670, 778),
    "chexnet-probe": (192, 32, 50, 1e-3, "adam", "chexnet", 3, None, None, None),
    "resnet50-masked": (200, 128, 20, 1e-3, "adam", "imagenet", 4, 0.846, 0.379, 3178),
    "cnn-five": (200, 32, 25, 1e-5, "rmsprop", "random", 3, 0.93, None, 689),
    "binary-baseline": (224, 64, 50, 1e-3, "adam", "random", 2, 0.4301, None, None),
    "binary-pool": (224, 32, 10, 1e-3, "adam", "random", 2, 0.9083, 0.350, None),
    "binary-l2": (224, 32, 10, 1e-3, "adam", "random", 2, 0.8397, None, None),
    "binary-deep": (224, 32, 20, 1e-3, "adam", "random", 2, None, None, None),
    "binary-l2-lr01": (224, 32, 10, 1e-2, "adam", "random", 2, 0.5699, None, None),
    "binary-l2-64": (224, 32, 10, 1e-3, "adam", "random", 2, 0.8318, None, None),
    "compact": (160, 32, 60, 1e-3, "adam", "random", 3, None, None, None),
    "resnet50v2-xception": (224, 20, 150, 1e-4, "adam", "imagenet", 5, 0.95, None, None),
}


def test_every_recipe_is_written_out_here():
    assert set(PUBLISHED) == set(HERE)


@pytest.mark.parametrize("name", PUBLISHED)
def test_settings_and_figures_are_the_published_ones(name):
    r = RECIPES[name]
    assert PUBLISHED[name] == (
        r.image_size,
        r.batch_size,
        r.epochs,
        r.learning_rate,
        r.optimizer,
        r.weights,
        r.n_classes_published,
        r.reported.accuracy,
        r.reported.loss,
        r.reported.n_test,
    )


@pytest.mark.parametrize("recipe", HERE.values(), ids=HERE)
def test_texts_are_there_and_the_description_is_one_line(recipe):
    assert 20 < len(recipe.description) < 90
    assert "\n" not in recipe.description
    for text in (recipe.description, recipe.reported.caveat, *recipe.defects):
        assert text.endswith("."), text
    assert recipe.title
    assert recipe.citation
    assert recipe.data


def test_study_a_reports_every_class_on_masked_lungs():
    recipe = RECIPES["resnet50-masked"]
    rows = [(c.name, c.precision, c.recall, c.f1, c.support) for c in recipe.reported.per_class]
    assert rows == [
        ("Bacterial pneumonia", 0.88, 0.80, 0.84, 1405),
        ("Healthy", 0.93, 0.95, 0.94, 816),
        ("Viral pneumonia", 0.69, 0.76, 0.73, 734),
        ("COVID-19", 0.87, 0.99, 0.92, 223),
    ]
    assert sum(row[-1] for row in rows) == recipe.reported.n_test
    assert recipe.reported.macro_f1 == 0.86
    assert tuple(row[0] for row in rows) == recipe.class_names
    assert (recipe.region, recipe.max_brisque, recipe.best_by) == ("lungs", 70, "val_loss")
    assert recipe.augmentation == "published"


def test_study_b_divides_the_rate_by_ten_on_validation_accuracy():
    for name in ("cnn-plain", "cnn-batchnorm", "cnn-batchnorm-dropout", "chexnet"):
        plateau = RECIPES[name].plateau
        assert (plateau.monitor, plateau.factor, plateau.patience, plateau.mode) == (
            "val_accuracy",
            0.1,
            3,
            "max",
        )
        assert "validation" in RECIPES[name].reported.caveat


def test_study_b_reports_the_classes_it_names():
    assert [c.f1 for c in RECIPES["chexnet"].reported.per_class] == [1.00, 0.99, 0.98]
    (normal,) = RECIPES["cnn-batchnorm-dropout"].reported.per_class
    assert (normal.name, normal.recall) == ("Normal", 0.28)


def test_study_e_keeps_its_class_order():
    assert RECIPES["cnn-five"].class_names == ("COVID-19", "Normal", "Viral Pneumonia")


def test_study_c_names_the_class_that_its_figures_are_of():
    for name in ("binary-pool", "binary-l2", "binary-l2-64"):
        (of_class,) = RECIPES[name].reported.per_class
        assert of_class.name == "Non-COVID"
    binary = [r for r in HERE.values() if r.study == "C"]
    assert all(r.n_classes == 2 for r in binary)
    stopping = RECIPES["binary-baseline"].stopping
    assert (stopping.monitor, stopping.min_delta, stopping.patience) == ("accuracy", 1e-2, 5)


def test_study_d_reports_single_classes():
    recipe = RECIPES["resnet50v2-xception"]
    assert tuple(c.name for c in recipe.reported.per_class) == recipe.class_names
    assert (recipe.reported.macro_f1, recipe.augmentation) == (0.951, "published")


def test_the_fast_schedule_changes_nothing_but_the_schedule():
    for recipe in HERE.values():
        fast = recipe.fast()
        # Ours that ends by itself has no other schedule.
        assert schedule_of(fast) == ("published" if recipe.name == "compact" else "fast")
        assert schedule_of(recipe) == "published"
        assert schedule_of(recipe.override(plateau=None, best_by=None, stopping=None)) in (
            "own",
            "published",
        )
        assert fast.model_copy(update={name: getattr(recipe, name) for name in FAST}) == recipe


def test_only_the_probe_trains_on_cached_features():
    assert [r.name for r in HERE.values() if r.architecture.features] == ["chexnet-probe"]


def test_networks_whose_means_settle_slowly_are_not_ended_before_they_have():
    for name, recipe in HERE.items():
        fast = recipe.fast()
        settles = 300 if name in ("cnn-batchnorm", "cnn-batchnorm-dropout", "cnn-five") else 0
        assert fast.plateau.settling_steps == fast.stopping.settling_steps == settles
    assert 0.99**SETTLING_STEPS < 0.05


def test_runs_from_before_there_were_settling_steps_keep_their_names():
    plain = RECIPES["cnn-plain"].fast().weights_fields()
    assert plain["plateau"].keys() == {"monitor", "factor", "patience", "mode"}
    assert plain["stopping"].keys() == {"monitor", "min_delta", "patience"}
    settling = RECIPES["cnn-batchnorm"].fast().weights_fields()
    assert settling["stopping"]["settling_steps"] == SETTLING_STEPS
