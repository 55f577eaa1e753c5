"""What the studies reported stands beside what was measured here, with its caveat."""

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cxrcore import datasets, index
from cxrcore.models import RECIPES
from cxrcore.training import plan
from tests.helpers.app import open_compare
from tests.helpers.recipes import HERE
from tests.helpers.tested import of_spec

# Accuracy on X-rays and on CT slices, from the studies' text; None where they give none.
ACCURACY = {
    "cnn-plain": (0.9781, 0.9781),
    "cnn-batchnorm": (0.9717, 0.9717),
    "cnn-batchnorm-dropout": (0.7172, 0.7172),
    "chexnet": (0.9871, 0.9871),
    "chexnet-probe": (None, None),
    "resnet50-masked": (0.846, 0.846),
    "cnn-five": (0.93, 0.93),
    "binary-baseline": (0.4301, 0.6574),
    "binary-pool": (0.9083, 0.9174),
    "binary-l2": (0.8397, 0.8572),
    "binary-deep": (None, None),
    "binary-l2-lr01": (0.5699, 0.9025),
    "binary-l2-64": (0.8318, 0.9025),
    "resnet50v2-xception": (0.95, 0.95),
}


def part(recipe: str, folder: str, modality: str, classes: tuple[str, str]) -> None:
    """A page with nothing but the figures of one recipe."""
    import dataclasses

    from cxrcore import datasets
    from cxrcore.metrics import evaluate
    from cxrcore.models import RECIPES
    from pages.shared import reported

    dataset = datasets.load(folder)
    kinds = [modality or ("xray", "ct")[row % 2] for row in range(len(dataset.table))]
    dataset = dataclasses.replace(dataset, table=dataset.table.assign(modality=kinds))
    measured = evaluate([0, 0, 1, 1], [[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9]], classes)
    reported.beside(RECIPES[recipe], measured, dataset)
    reported.caption(RECIPES[recipe], dataset)


def show(recipe, folder, modality="", classes=("COVID", "Non-COVID")) -> AppTest:
    arguments = {"recipe": recipe, "folder": str(folder), "modality": modality, "classes": classes}
    at = AppTest.from_function(part, kwargs=arguments, default_timeout=30).run()
    assert not at.exception, at.exception
    return at


def said(at: AppTest) -> str:
    return "\n".join(f"{c.value} {c.help or ''}" for c in at.caption)


def test_every_published_recipe_is_written_out_here():
    assert {n for n, r in HERE.items() if r.study != "ours"} <= set(ACCURACY)


@pytest.mark.parametrize("name", ACCURACY)
@pytest.mark.parametrize("modality", ["xray", "ct"])
def test_figure_caveat_and_measured_stand_together(tiny_dataset_folder, name, modality):
    recipe = RECIPES[name]
    at = show(name, tiny_dataset_folder, modality)
    expected = ACCURACY[name][modality == "ct"]
    figures = recipe.reported_on(modality)
    # Also the form's line, above the button.
    *_, form = at.caption
    assert figures.caveat in at.caption[0].value
    assert figures.caveat in form.help
    assert all(defect in form.help for defect in recipe.defects)
    if expected is None:
        assert not at.dataframe
        assert form.value == figures.caveat
        return
    table = at.dataframe[0].value
    column = next(c for c in table if c.startswith("Reported"))
    row = table[table["Figure"] == "Accuracy"].iloc[0]
    assert row[column] == expected
    assert row["Measured here"] == 0.75
    assert f"**{expected:.3f}**" in form.value
    assert recipe.data in form.value


def test_ct_slices_are_compared_with_ct_slices(tiny_dataset_folder):
    table = show("binary-pool", tiny_dataset_folder, "ct").dataframe[0].value
    assert list(table) == ["Figure", "Reported on CT slices", "Measured here"]
    table = show("binary-pool", tiny_dataset_folder, "xray").dataframe[0].value
    assert list(table) == ["Figure", "Reported on X-rays", "Measured here"]
    row = table[table["Figure"] == "Recall Non-COVID"].iloc[0]
    assert (row["Reported on X-rays"], row["Measured here"]) == (0.9007, 0.5)


@pytest.mark.parametrize(
    ("here", "shown"),
    [
        (("COVID-19", "not COVID-19"), "Recall Non-COVID (here not COVID-19)"),
        (("COVID", "non covid"), "Recall Non-COVID (here non covid)"),
        (("sick", "Normal"), "Recall Non-COVID"),
    ],
)
def test_classes_that_are_called_alike_are_compared(tiny_dataset_folder, here, shown):
    table = show("binary-pool", tiny_dataset_folder, "xray", here).dataframe[0].value
    row = table[table["Figure"] == shown].iloc[0]
    assert row["Reported on X-rays"] == 0.9007
    if "here" in shown:
        assert row["Measured here"] == 0.5
    else:
        assert pd.isna(row["Measured here"])


def test_where_the_dataset_has_both_kinds_both_are_shown(tiny_dataset_folder):
    at = show("binary-l2-lr01", tiny_dataset_folder)
    table = at.dataframe[0].value
    columns = ["Reported on X-rays", "Reported on CT slices"]
    assert table.loc[0, columns].tolist() == [0.5699, 0.9025]
    recall = table[table["Figure"] == "Recall Non-COVID"].iloc[0]
    assert pd.isna(recall["Reported on X-rays"])
    text = said(at)
    assert "X-rays: It predicts one class for every X-ray." in text
    assert "CT slices: These are figures of the next model" in text
    assert "**0.570** on X-rays, **0.902** on CT slices" in text


@pytest.fixture
def two_runs(make_tiny_dataset):
    """A run of a binary recipe, and one of a recipe that has no published figure."""
    folder = make_tiny_dataset("ct", classes=("COVID", "Non-COVID"))
    rows = [f"{p.relative_to(folder).as_posix()},ct" for p in folder.glob("*/*.png")]
    (folder / "metadata.csv").write_text("\n".join(["path,modality", *rows]))
    dataset = datasets.register("ct", folder)
    index.measure(dataset)
    specs = [plan(RECIPES[name], dataset) for name in ("binary-l2", "chexnet-probe")]
    return [of_spec(spec, dataset, wrong=1) for spec in specs]


def test_compare_shows_it_for_every_run(two_runs):
    at = open_compare()
    shown = at.dataframe[0].value.set_index("Id")["Published"]
    assert shown[two_runs[0].run_id] == 0.8572
    assert pd.isna(shown[two_runs[1].run_id])
    [table] = [d.value for d in at.dataframe if "Reported on CT slices" in d.value]
    accuracy = table[table["Figure"] == "Accuracy"].iloc[0]
    assert accuracy["Reported on CT slices"] == 0.8572
    assert accuracy["Measured here"] == pytest.approx(two_runs[0].metrics["test"].accuracy)
    text = said(at)
    assert "those of Non-COVID" in text
    assert "There is no published figure: this recipe is ours." in text
