"""The part of the training form for a sweep: fields, their values, what it will cost."""

from collections.abc import Callable

import streamlit as st

from cxrcore import jobs, sweeps, work
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.models import Recipe
from cxrcore.models.fields import Choice, Number
from cxrcore.splits import SplitSpec
from pages.shared.text import duration, literal


def show(
    recipe: Recipe, dataset: Dataset, split: SplitSpec, room: jobs.Resources | None, n_train: int
) -> None:
    """Draw it in a popover; the other values are those of the form. Queue when asked to."""
    # Planning dozens of trainings takes time: not at every rerun of every page.
    with st.popover(
        "Try many values", width="stretch", on_change="rerun", key="sweep_open"
    ) as opened:
        if not opened.open:
            return
        st.caption(
            "Trains this model with each of the values below, all else as in the form. Trainings "
            "that the others have left behind end early."
        )
        options = {n: o for n, o in recipe.options().items() if o.flags and n != "seed"}
        fields = st.multiselect(
            "Fields",
            list(options),
            ["learning_rate"],
            format_func=lambda name: options[name].title,
            max_selections=4,
            key=f"sweep_fields_{recipe.name}",
        )
        written = {name: _values(name, recipe) for name in fields}
        drawn = st.number_input(
            "Sets drawn at random (0 is every combination)",
            0,
            sweeps.MOST_RUNS,
            0,
            key="sweep_drawn",
            help="With a range such as 1e-5..1e-2, values are drawn between its ends.",
        )
        try:
            tried = {name: sweeps.values_of(recipe, name, text) for name, text in written.items()}
            planned, specs = sweeps.plan_sweep(recipe, dataset, tried, split, drawn=drawn or None)
        except CxrError as error:
            st.warning(literal(str(error)))
            return
        seconds = sweeps.estimate(specs, n_train)
        cost = "duration known once a model has been trained here"
        if seconds is not None:
            cost = f"at most about {duration(seconds)}"
        st.caption(f"{len(specs)} trainings · **{cost}**. Results: **Sweeps** on the page Compare.")
        if st.button(f"Train {len(specs)} models", key="sweep_start", type="primary"):
            _queue(lambda: work.submit_sweep(planned, specs, room))


def _values(name: str, recipe: Recipe) -> str:
    option = recipe.option(name)
    value = getattr(recipe, name)
    begin, hint = str(value), "Values with commas between them."
    if isinstance(option, Number):
        hint = f"{hint} {option.wanted[:1].upper()}{option.wanted[1:]}."
        if name == "learning_rate":
            begin = f"{value:g}, {value / 3:.1g}, {value / 10:g}"
    elif isinstance(option, Choice):
        begin = ", ".join(map(str, option.labels))
    text = st.text_input(option.title, begin, key=f"sweep_{name}_{recipe.name}", help=literal(hint))
    return text or ""


def _queue(submit: Callable[[], list[jobs.Job]]) -> None:
    try:
        queued = submit()
    except CxrError as error:
        st.error(literal(str(error)))
        return
    st.toast(f"{len(queued)} trainings are queued, one after the other.")
