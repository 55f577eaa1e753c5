"""The training form of the sidebar: a recipe, its values, what it will cost, one button."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from cxrcore import datasets, index, jobs, settings, store, training, work
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.models import Recipe, problems
from cxrcore.models.fields import GROUPS
from cxrcore.splits import MOST_FOLDS, SplitSpec
from pages.shared import cache, comparisons, reported
from pages.shared.text import literal
from pages.sidebar import dataset_views, model_picker, sweep_form, training_options


def show(dataset: Dataset) -> None:
    """Draw the form for `dataset` and start the training when the button is pressed."""
    with st.expander("Train a model", expanded=True):
        recipe = model_picker.choose(len(dataset.classes))
        for problem in problems():
            st.warning(literal(problem))
        st.caption(literal(recipe.description))
        reported.caption(recipe, dataset)
        two = recipe.n_classes == 2 < len(dataset.classes)
        try:
            dataset = _one_against_rest(dataset) if two else dataset
            chosen, split, many = _values(recipe, dataset)
            specs = training.plan_series(chosen, dataset, split, **many)
            room = _room()
        except CxrError as error:
            st.warning(literal(str(error)))
            st.button("Train", type="primary", width="stretch", disabled=True)
            return
        _cost(specs[0].recipe, dataset, len(specs))
        _submit(specs, dataset if two else None, room)
        if not two:  # the dataset of a class against the rest is made by the button above
            sweep_form.show(chosen, dataset, split, room, _trained_on(dataset))


def _one_against_rest(dataset: Dataset) -> Dataset:
    """The class against the rest, for a model of two classes on a dataset with more."""
    of = comparisons.class_in_question(dataset.classes)
    label = st.selectbox(
        "One class against the rest",
        dataset.classes,
        index=dataset.classes.index(of) if of else 0,
        key=f"against_rest_{dataset.name}",
        help="This model distinguishes two classes, and this dataset has more.",
    )
    two = dataset_views.against_rest(dataset, label)
    one, rest = two.counts()
    st.caption(
        f"Tells **{literal(label)}** ({one:,}) from **{literal(two.classes[1])}** ({rest:,}). That "
        f"becomes a dataset of its own, **{literal(two.name)}**, and the dashboard goes on with it. No "
        "image is copied."
    )
    return two


def _values(recipe: Recipe, dataset: Dataset) -> tuple[Recipe, SplitSpec, dict[str, int]]:
    """The recipe with the values of the form, the split, and how many folds and repeats."""
    main, *others = GROUPS
    changes = training_options.fields(recipe, dataset, main, columns=2)
    changes |= training_options.schedule(recipe)
    with st.popover("More options", width="stretch"):
        for group in others:
            st.markdown(f"**{group.capitalize()}**")
            changes |= training_options.fields(recipe, dataset, group)
        st.markdown("**Training, validation and test parts**")
        split = _split(dataset)
        many = _many(split.keeps_published(dataset.table))
    return recipe.override(**changes), split, many


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


def _many(keeps_published: bool) -> dict[str, int]:
    """Folds and repeats, as `training.plan_series` wants them."""
    folds = st.number_input(
        "Cross-validation (folds, 1 is off)",
        1,
        MOST_FOLDS,
        1,
        key="folds",
        help="With 5, five models are trained, each tested on another fifth of the images, "
        "so that every image is tested once: the mean says more than one test part, and its "
        "spread how much to trust it.",
    )
    repeats = st.number_input(
        "Repeats (seeds)",
        1,
        training.MOST_REPEATS,
        1,
        key="repeats",
        help="Trains again with the next seeds: how much of a figure is chance in the training.",
    )
    if folds > 1 and keeps_published:
        st.caption("The published test part is not used in a cross-validation.")
    return {"folds": int(folds), "repeats": int(repeats)}


def _trained_on(dataset: Dataset) -> int:
    """About how many images a training has: validation and test take a fifth each of what is left."""
    return round(len(dataset.table) * 0.64)


def _cost(recipe: Recipe, dataset: Dataset, trainings: int) -> None:
    n_train = _trained_on(dataset)
    size = recipe.count_parameters(len(dataset.classes))
    seconds = training.estimate(recipe, n_train, len(dataset.classes))
    seconds = seconds and seconds * trainings
    about = "at most about" if recipe.stopping else "about"  # it may end early
    if seconds is None:
        duration = "duration known once a model has been trained here"
    elif seconds < 90:
        duration = f"{about} {max(seconds, 5):.0f} s"
    else:
        duration = f"{about} {seconds / 60:.0f} min"
    parameters = (
        "" if size is None else f" · {size / 1e6:.2f} M parameters ({4 * size / 1e6:,.0f} MB)"
    )
    times = f"{trainings} trainings × " if trainings > 1 else ""
    st.caption(
        f"{times}≈ {n_train:,} training images × {recipe.all_epochs} epochs{parameters} · **{duration}**"
    )


def _room() -> jobs.Resources | None:
    """What the training asks of a node, where a cluster does it."""
    if settings.ray_address() is None:
        return None
    usual = jobs.usual_resources()
    left, right = st.columns(2)
    cpus = left.number_input(
        "CPUs of a node",
        jobs.LEAST_CPUS,
        value=float(usual.cpus),
        step=1.0,
        format="%g",
        key="room_cpus",
        help="The training waits until a node of the cluster has so many to spare.",
    )
    gpus = right.number_input(
        "GPUs of a node",
        0.0,
        value=float(usual.gpus),
        step=1.0,
        format="%g",
        key="room_gpus",
        help="With 0.5, two trainings share one.",
    )
    return jobs.resources(cpus, gpus)


def _submit(
    specs: Sequence[training.TrainSpec], new: Dataset | None, room: jobs.Resources | None
) -> None:
    """The button. A dataset that is `new` is registered first, and the dashboard goes on with it."""
    missing = [spec for spec in specs if not store.exists(spec.run_id)]
    name = specs[0].run_id if len(specs) == 1 else specs[0].family
    label = "Train" if len(specs) == 1 else f"Train {len(missing)} models"
    if not missing:
        label = "Already trained: open it"
        title = cache.titles(specs[0].dataset).get(name, name)
        st.caption(f"Trained as **{literal(title)}**.", help=literal(name))
    if not st.button(label, key="train", type="primary", width="stretch"):
        return
    if new is not None:
        datasets.keep(new)
        if not index.missing(new):  # by content they are measured: only to be put together
            index.measure(new)
        st.session_state["next_dataset"] = new.name
    if missing:
        submitted = [work.submit_training(spec, room) for spec in missing]
        first = submitted[0]
        if len(submitted) > 1:
            st.toast(f"{len(submitted)} trainings are queued, one after the other.")
        else:
            st.toast(
                f"{literal(first.title)} is {'queued' if first.state == 'queued' else 'starting'}."
            )
        st.rerun()
    st.switch_page("pages/models/compare/page.py", query_params={"runs": name})
