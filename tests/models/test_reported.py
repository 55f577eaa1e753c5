"""What the five studies report, written out again from their text, and compared.

A figure that is not here must not be in a recipe either.
"""

import pytest

from cxrcore.models import RECIPES, Reported
from tests.helpers.recipes import HERE

NOT_COVID = "Non-COVID"


def binary(precision=None, recall=None, **figures):
    given = {("precision", NOT_COVID): precision, ("recall", NOT_COVID): recall} | figures
    return {name: value for name, value in given.items() if value is not None}


def rows(**columns):
    """precision, recall, f1, support by class."""
    names = ("precision", "recall", "f1", "support")
    return {
        (n, label): v for label, row in columns.items() for n, v in zip(names, row, strict=True)
    }


STUDY_A = {
    "Bacterial pneumonia": (0.88, 0.80, 0.84, 1405),
    "Healthy": (0.93, 0.95, 0.94, 816),
    "Viral pneumonia": (0.69, 0.76, 0.73, 734),
    "COVID-19": (0.87, 0.99, 0.92, 223),
}
XRAY = {
    "resnet50-masked": {
        "accuracy": 0.846,
        "loss": 0.379,
        "macro_f1": 0.86,
        "n_test": 3178,
        **rows(**STUDY_A),
    },
    "cnn-plain": {"accuracy": 0.9781, "loss": 0.0712, "n_test": 778},
    "cnn-batchnorm": {"accuracy": 0.9717, "loss": 0.0927, "n_test": 778},
    "cnn-batchnorm-dropout": {
        "accuracy": 0.7172,
        "loss": 2.377,
        "n_test": 778,
        ("recall", "Normal"): 0.28,
    },
    "chexnet": {
        "accuracy": 0.9871,
        "loss": 0.0670,
        "n_test": 778,
        ("f1", "COVID"): 1.00,
        ("f1", "Normal"): 0.99,
        ("f1", "Viral pneumonia"): 0.98,
    },
    "chexnet-probe": {},
    "cnn-five": {"accuracy": 0.93, "macro_f1": 0.93, "n_test": 689},
    "binary-baseline": {"accuracy": 0.4301},
    "binary-pool": binary(0.9360, 0.9007, accuracy=0.9083, loss=0.350),
    "binary-l2": binary(0.8641, 0.8529, accuracy=0.8397),
    "binary-deep": {},
    "binary-l2-lr01": {"accuracy": 0.5699},
    "binary-l2-64": binary(0.8483, 0.8585, accuracy=0.8318),
    "resnet50v2-xception": {
        "accuracy": 0.95,
        "macro_precision": 0.949,
        "macro_recall": 0.954,
        "macro_f1": 0.951,
        ("accuracy", "Tuberculosis"): 0.97,
        ("accuracy", "Viral pneumonia"): 0.96,
        ("accuracy", "COVID-19"): 0.96,
        ("accuracy", "Lung opacity"): 0.94,
        ("accuracy", "Normal"): 0.93,
        ("precision", "Viral pneumonia"): 0.989,
        ("precision", "Tuberculosis"): 0.982,
        ("recall", "Tuberculosis"): 0.974,
        ("recall", "COVID-19"): 0.964,
    },
}
CT = {
    "binary-baseline": {"accuracy": 0.6574},
    "binary-pool": {"accuracy": 0.9174, "loss": 0.353},
    "binary-l2": binary(0.7170, 0.9638, accuracy=0.8572),
    "binary-l2-lr01": binary(0.8895, 0.8170, accuracy=0.9025),
    "binary-l2-64": binary(0.8895, 0.8170, accuracy=0.9025),
}
# What a reader must be told beside the figures.
CAVEATS = {
    "resnet50-masked": "not by patient",
    "cnn-plain": "also used for validation",
    "cnn-batchnorm": "also used for validation",
    "cnn-batchnorm-dropout": "also used for validation",
    "chexnet": "also used for validation",
    "chexnet-probe": "no published figure",
    "cnn-five": "without validation images of its own",
    "binary-baseline": "share of one class",
    "binary-pool": "those of Non-COVID",
    "binary-l2": "those of Non-COVID",
    "binary-deep": "reports no figure",
    "binary-l2-lr01": "one class for every X-ray",
    "binary-l2-64": "those of Non-COVID",
    "resnet50v2-xception": "not split by patient",
}


def figures_of(reported: Reported) -> dict:
    """Every figure of a record, by its field, or its field and class."""
    figures = reported.model_dump(exclude={"per_class", "caveat", "timing"}, exclude_none=True)
    for row in reported.per_class:
        fields = row.model_dump(exclude={"name"}, exclude_none=True)
        figures |= {(field, row.name): value for field, value in fields.items()}
    return figures


PUBLISHED = [name for name, recipe in HERE.items() if recipe.study != "ours"]


def test_every_published_recipe_is_written_out_here():
    assert set(PUBLISHED) <= set(XRAY)
    assert set(CT) == {name for name, recipe in RECIPES.items() if recipe.reported_ct}


@pytest.mark.parametrize("name", XRAY)
def test_it_reports_what_its_study_reports(name):
    recipe = RECIPES[name]
    assert figures_of(recipe.reported) == XRAY[name]
    assert CAVEATS[name] in recipe.reported.caveat
    classes = {row.name for row in recipe.reported.per_class}
    assert classes <= set(recipe.class_names)


@pytest.mark.parametrize("name", CT)
def test_ct_slices_have_figures_of_their_own(name):
    recipe = RECIPES[name]
    assert figures_of(recipe.reported_ct) == CT[name]
    assert recipe.reported_on("ct") is recipe.reported_ct
    assert recipe.reported_on("xray") is recipe.reported_on(None) is recipe.reported


def test_a_figure_of_another_model_says_so():
    caveat = RECIPES["binary-l2-lr01"].reported_ct.caveat
    assert "figures of the next model" in caveat
    assert "0.6796" in caveat


@pytest.mark.parametrize("name", [n for n, r in RECIPES.items() if r.study == "ours"])
def test_a_recipe_of_our_own_reports_nothing_and_says_so(name):
    assert figures_of(RECIPES[name].reported) == {}
    assert "ours" in RECIPES[name].reported.caveat
