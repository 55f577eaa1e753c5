"""The widgets of the training form for the fields of a recipe, made from their records."""

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cxrcore import lungs
from cxrcore.datasets import Dataset
from cxrcore.errors import RecipeError
from cxrcore.models import FAST, SCHEDULE, Recipe, pretrained
from cxrcore.models.fields import Choice, ClassChoice, Group, Number, Option, Weights

NO_MASKS = "This dataset has none of its own."


def schedule(recipe: Recipe) -> dict[str, Any]:
    """Which schedule to train by, as changes to the recipe."""
    fast = recipe.fast()
    if fast is recipe:  # one of ours, which ends by itself
        return {}
    chosen = st.segmented_control(
        SCHEDULE.title,
        list(SCHEDULE.labels),
        default="fast",
        required=True,
        format_func=SCHEDULE.text,
        key=_key("schedule", recipe),
        help=SCHEDULE.help,
    )
    return {name: getattr(fast, name) for name in FAST} if chosen == "fast" else {}


def fields(recipe: Recipe, dataset: Dataset, group: Group, columns: int = 1) -> dict[str, Any]:
    """Draw the fields of one group, row by row.

    Returns:
        The values, as changes to the recipe.
    """
    changes: dict[str, Any] = {}
    options = recipe.options()
    offered = [n for n, option in options.items() if option.group == group and recipe.offers(n)]
    row: list[DeltaGenerator] = []
    for name in offered:
        option = recipe.option(name)
        if option.requires and changes.get(option.requires) is None:
            continue
        if not row:  # fields side by side end at one height, however long their labels are
            row = st.columns(columns, vertical_alignment="bottom")
        with row.pop(0):
            changes[name] = _widget(name, option, recipe, dataset)
    return changes


def _widget(name: str, option: Option, recipe: Recipe, dataset: Dataset) -> Any:
    key = _key(name, recipe)
    value = option.start if option.requires else getattr(recipe, name)
    match option:
        case Number():
            return _number(option, value, key)
        case Choice() if list(option.labels.values()) == ["no", "yes"]:
            off, on = option.labels
            checked = st.checkbox(option.title, value == on, key=key, help=option.help)
            return on if checked else off
        case Choice():
            return _choice(name, option, recipe, dataset)
        case ClassChoice():
            return _select(option, [None, *dataset.classes], value, key + dataset.name)
        case Weights():
            start = _select(option, recipe.weights_choices, value, key)
            if not all(
                map(pretrained.available, pretrained.kinds_of(recipe.override(**{name: start})))
            ):
                st.caption(
                    ":orange[Not on this computer yet: they will be downloaded, or the training "
                    "stops and says where to put the file.]"
                )
            return start
    raise TypeError(f"There is no widget for a {type(option).__name__}, which {name} is.")


def _number(option: Number, value: float | None, key: str) -> float | None:
    on = True
    if option.switch:
        on = st.checkbox(option.switch, value is not None, key=f"{key}_on")
    kind = option.argument
    low, high = map(kind, option.bounds)
    value = min(high, kind(option.start if value is None else value))
    step = option.step and kind(option.step)
    if option.slider:
        return st.slider(option.label, low, high, value, step, key=key, help=option.help)
    number = st.number_input(
        option.label,
        low,
        high,
        value,
        step,
        format=option.format,
        disabled=not on,
        key=key,
        help=option.help,
    )
    return kind(number) if on else None


def _choice(name: str, option: Choice, recipe: Recipe, dataset: Dataset) -> Any:
    """Of the values, those that this recipe can have and these images allow."""
    key, help_text = _key(name, recipe), option.help
    values = [value for value in option.labels if _allowed(recipe, name, value)]
    if name == "lung_masks":
        key += dataset.name
        if not dataset.table["mask"].notna().any():
            values, help_text = [lungs.ESTIMATED], f"{help_text} {NO_MASKS}"
    return _select(option, values, getattr(recipe, name), key, help_text)


def _select(
    option: Option, values: Sequence[Any], value: Any, key: str, help_text: str = ""
) -> Any:
    return st.selectbox(
        option.title,
        values,
        index=values.index(value) if value in values else 0,
        format_func=option.text,
        key=key,
        help=help_text or option.help,
    )


def _allowed(recipe: Recipe, name: str, value: Any) -> bool:
    try:
        recipe.override(**{name: value})
    except RecipeError:
        return False
    return True


def _key(name: str, recipe: Recipe) -> str:
    """The key of a widget; each recipe keeps its own values."""
    return f"form_{name}_{recipe.name}"
