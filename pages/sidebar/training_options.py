"""What the training form offers beyond size, epochs, batch size and learning rate."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from cxrcore import images
from cxrcore.datasets import Dataset
from cxrcore.errors import RecipeError
from cxrcore.images import REGION_NAMES
from cxrcore.models import FAST, Recipe, pretrained
from pages.shared.text import WEIGHTS_NAMES

Key = Callable[[str], str]  # the field's name -> the widget's key
SCHEDULES = {"fast": "Fast", "published": "As published"}
AUGMENTATIONS = {
    "none": "None",
    "published": "As published",
    "strong": "Strong: turned, zoomed, shifted, brighter or darker",
}


def schedule(recipe: Recipe, key: Key) -> dict[str, Any]:
    """Which schedule to train by, as changes to the recipe."""
    fast = recipe.fast()
    if fast is recipe:  # of our own make, with an end of its own
        return {}
    chosen = st.segmented_control(
        "Schedule",
        list(SCHEDULES),
        default="fast",
        required=True,
        format_func=SCHEDULES.__getitem__,
        key=key("schedule"),
        help="Fast: the same network and optimiser; the learning rate falls and the training ends "
        "when the validation loss stops improving, and the best epoch is kept. As published: the "
        "study's own schedule, with all its epochs unless they can change nothing any more.",
    )
    return {name: getattr(fast, name) for name in FAST} if chosen == "fast" else {}


def show(recipe: Recipe, dataset: Dataset, key: Key) -> dict[str, Any]:
    """The other options, as changes to the recipe."""
    regions = list(images.REGIONS) if dataset.table["mask"].notna().any() else ["none"]
    region = st.selectbox(
        "What the model sees",
        regions,
        index=regions.index(recipe.region) if recipe.region in regions else 0,
        format_func=REGION_NAMES.__getitem__,
        key=key("region") + dataset.name,
        help="Lung masks come with some datasets."
        if len(regions) > 1
        else "This dataset has no lung masks.",
    )
    cut = st.checkbox("Leave out poor images", recipe.max_brisque is not None, key=key("cut"))
    limit = st.number_input(
        "Highest BRISQUE score",
        0.0,
        200.0,
        recipe.max_brisque or 70.0,
        1.0,
        disabled=not cut,
        key=key("brisque"),
        help="Measured on the pixels that the model sees. Lower is better. The Quality page shows what a limit removes.",
    )
    start = st.selectbox(
        "Weights to start from",
        recipe.weights_choices,
        format_func=lambda name: WEIGHTS_NAMES.get(name, name),
        key=key("weights"),
    )
    if not _on_this_machine(recipe, start):
        st.caption(
            ":orange[Not on this computer yet: they will be downloaded, or the training stops and says where to put the file.]"
        )
    seed = st.number_input(
        "Seed",
        0,
        2**31 - 1,
        recipe.seed,
        key=key("seed"),
        help="Same seed, same split, same result.",
    )
    pixels = {"region": region, "max_brisque": limit if cut else None}
    return {**pixels, "weights": start, "seed": int(seed), **_balance(recipe, dataset, key)}


def _balance(recipe: Recipe, dataset: Dataset, key: Key) -> dict[str, Any]:
    """What changes how much single images and classes count."""
    ways = [way for way in AUGMENTATIONS if _allowed(recipe, way)]
    augmentation = st.selectbox(
        "Augmentation",
        ways,
        index=ways.index(recipe.augmentation),
        format_func=AUGMENTATIONS.__getitem__,
        key=key("augmentation"),
        help="Training images are changed a little in every epoch, so that the model learns what "
        "stays. Validation and test images never are.",
    )
    balanced = st.checkbox(
        "Rare classes count more",
        recipe.class_weights == "balanced",
        key=key("balanced"),
        help="Every class counts the same in the loss, however few images it has.",
    )
    favoured = st.selectbox(
        "Do not miss this class",
        [None, *dataset.classes],
        format_func=lambda name: "No class in particular" if name is None else name,
        key=key("favoured") + dataset.name,
        help="Its images count more, so that fewer of them are missed, at the cost of more false "
        "alarms.",
    )
    times = 1.0
    if favoured is not None:
        times = st.slider("Its images count, times", 1.5, 10.0, 3.0, 0.5, key=key("favoured_times"))
    smoothing = st.slider(
        "Label smoothing",
        0.0,
        0.3,
        recipe.label_smoothing,
        0.05,
        key=key("smoothing"),
        help="Labels count as a little less than certain; probabilities become less extreme.",
    )
    return {
        "augmentation": augmentation,
        "class_weights": "balanced" if balanced else "none",
        "favoured_class": favoured,
        "favoured_weight": times,
        "label_smoothing": smoothing,
    }


def _allowed(recipe: Recipe, augmentation: str) -> bool:
    try:
        recipe.override(augmentation=augmentation)
    except RecipeError:
        return False
    return True


def _on_this_machine(recipe: Recipe, start: str) -> bool:
    return all(map(pretrained.available, pretrained.kinds_of(recipe.override(weights=start))))
