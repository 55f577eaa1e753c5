"""The training form of the sidebar: a recipe, its values, what it will cost, one button."""

from typing import Any

import streamlit as st

from cxrcore import jobs, networks, store, training
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.recipes import RECIPES, Recipe
from cxrcore.splits import SplitSpec
from pages.parts import training_options


def show(dataset: Dataset) -> None:
    """Draw the form for `dataset` and start the training when the button is pressed."""
    with st.expander("Train a model", expanded=True):
        recipe = RECIPES[
            st.selectbox(
                "Model", list(RECIPES), key="recipe", help="The models of the published studies."
            )
        ]
        st.caption(recipe.description)
        _reported(recipe)
        try:
            spec = training.plan(*_values(recipe, dataset))
        except CxrError as error:
            st.warning(str(error))
            st.button("Train", type="primary", width="stretch", disabled=True)
            return
        _cost(spec.recipe, dataset)
        _submit(spec)


def _reported(recipe: Recipe) -> None:
    if recipe.reported.accuracy is None:
        return
    st.caption(
        f"Published accuracy **{recipe.reported.accuracy:.3f}** on {recipe.data}.",
        help=" ".join(
            part for part in (recipe.reported.caveat, *recipe.defects, recipe.citation) if part
        ),
    )


def _values(recipe: Recipe, dataset: Dataset) -> tuple[Recipe, Dataset, SplitSpec]:
    """The recipe with the values of the form, and the split: what `training.plan` wants. Keys name the recipe, so that each keeps its own."""

    def key(field: str) -> str:
        return f"form_{field}_{recipe.name}"

    left, right = st.columns(2)
    size = left.number_input(
        "Image side (px)", recipe.min_size, 512, recipe.image_size, 8, key=key("size")
    )
    epochs = right.number_input("Epochs", 1, 500, recipe.epochs, key=key("epochs"))
    batch = left.number_input("Batch size", 1, 512, recipe.batch_size, key=key("batch"))
    rate = right.number_input(
        "Learning rate", 1e-7, 1.0, recipe.learning_rate, format="%.1e", step=None, key=key("rate")
    )
    changes = training_options.schedule(key)
    with st.popover("More options", width="stretch"):
        changes |= training_options.show(recipe, dataset, key)
        split = _split(dataset)
    changed = recipe.override(
        image_size=int(size),
        epochs=int(epochs),
        batch_size=int(batch),
        learning_rate=float(rate),
        **changes,
    )
    return changed, dataset, split


def _split(dataset: Dataset) -> SplitSpec:
    """How the images are divided; the same for every model, so that figures can be compared."""
    ways: dict[str, dict[str, Any]] = {
        "Patients and duplicates": {},
        "Patients": {"duplicates": "ignored"},
        "Nothing: by image": {"group": "image", "duplicates": "ignored"},
    }
    way = st.selectbox(
        "Kept together in one part",
        list(ways),
        key=f"split_{dataset.name}",
        help="What is kept together can't be trained on and tested at once. The page Duplicates "
        "and leaks shows what would leak otherwise.",
    )
    published = True
    if SplitSpec().keeps_published(dataset.table):
        published = st.checkbox(
            "Keep the published test part",
            True,
            key=f"published_{dataset.name}",
            help="Figures can then be compared with those that others published. It is kept even "
            "if it leaks; the run is marked then.",
        )
    return SplitSpec(published=published, **ways[way])


def _cost(recipe: Recipe, dataset: Dataset) -> None:
    n_train = round(len(dataset.table) * 0.64)
    size = networks.count_parameters(recipe, len(dataset.classes))
    seconds = training.estimate(recipe, n_train, len(dataset.classes))
    about = "at most about" if recipe.stopping else "about"  # it may end early
    if seconds is None:
        duration = "duration known once a model has been trained here"
    elif seconds < 90:
        duration = f"{about} {max(seconds, 5):.0f} s"
    else:
        duration = f"{about} {seconds / 60:.0f} min"
    st.caption(
        f"≈ {n_train:,} training images × {recipe.epochs} epochs · {size / 1e6:.2f} M parameters · **{duration}**"
    )


def _submit(spec: training.TrainSpec) -> None:
    trained = store.exists(spec.run_id)
    label = "Already trained: open it" if trained else "Train"
    if not st.button(label, key="train", type="primary", width="stretch"):
        return
    if not trained:
        job = jobs.submit_training(spec)
        st.toast(f"{job.title} is {'queued' if job.state == 'queued' else 'starting'}.")
        st.rerun()
    st.switch_page("pages/models/compare.py", query_params={"runs": spec.run_id})
