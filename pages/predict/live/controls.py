"""What is shown of a film: which models, which maps, which class, in which matrix."""

from collections.abc import Mapping, Sequence

import streamlit as st

from cxrcore import explanations, store
from cxrcore.datasets import Dataset
from pages.predict.live import answers
from pages.predict.live.answers import Answer, Request
from pages.shared import run_choice
from pages.shared.text import literal

MOST_MODELS, AT_FIRST, MOST_CLASSES = 8, 5, 8
ANSWER = "Each model's answer"
METHODS, CLASSES = "Models × maps", "Models × classes"
LAST, _LAYERS = "The last of each model", "live_layers"
EXPLAINED, RAW = "explained", "live_raw"


def show(usable: Sequence[str], dataset: Dataset, titles: Mapping[str, str]) -> Request:
    """Draw the controls and return what they ask for; it may have no run.

    Args:
        usable: ids of the undamaged runs, in the order offered.
        dataset: of the runs.
        titles: of runs.

    Raises:
        StoreError: what people said about a run is damaged.
    """
    with st.popover("Models", icon=":material/model_training:"):
        runs = _runs(usable, titles)
    view = st.segmented_control(
        "Matrix",
        [METHODS, CLASSES],
        default=METHODS,
        required=True,
        key="live_view",
        label_visibility="collapsed",
        help="One column for each kind of map, or one for each class.",
    )
    by_class = view == CLASSES
    with st.popover("Maps", icon=":material/layers:"):
        methods = _methods(several=not by_class)
        layer = _layer(runs, titles)
    if any(store.annotation(run).temperature is not None for run in runs):
        st.toggle(
            "Raw probabilities",
            key=RAW,
            help="Before they are calibrated: as the network was trained.",
        )
    if by_class:
        return Request(runs, methods[:1], None, dataset.classes[:MOST_CLASSES], layer)
    label = st.selectbox(
        "Explain",
        [ANSWER, *dataset.classes],
        key=EXPLAINED,
        label_visibility="collapsed",
        width=190,
        help="The class whose evidence the maps show.",
    )
    return Request(runs, methods, None if label == ANSWER else label, layer=layer)


def explain(name: str) -> None:
    """Choose the class to explain, before the page runs again."""
    st.session_state[EXPLAINED] = name
    st.session_state["live_view"] = METHODS


def _runs(usable: Sequence[str], titles: Mapping[str, str]) -> tuple[str, ...]:
    wanted = run_choice.of_address(usable)
    at_first = wanted or list(usable[:AT_FIRST])
    chosen = st.pills(
        "Models",
        usable,
        selection_mode="multi",
        default=at_first,
        format_func=lambda run_id: literal(titles[run_id]),
        key="live_runs",
    )
    runs = tuple(run for run in usable if run in set(chosen))
    if runs and set(runs) != set(at_first):
        st.query_params["runs"] = ",".join(runs)  # so that the address can be passed on
    if len(runs) > MOST_MODELS:
        st.caption(f"The first {MOST_MODELS} of {len(runs)} are shown.")
    return runs[:MOST_MODELS]


def _methods(*, several: bool) -> tuple[str, ...]:
    """The chosen methods in the order of the registry; the default ones where none is chosen."""
    every = explanations.METHODS
    if several:
        chosen = st.pills(
            "Kinds of map",
            list(every),
            selection_mode="multi",
            default=list(explanations.BY_DEFAULT),
            format_func=lambda name: every[name].title,
            key="live_methods",
        )
    else:
        chosen = [
            st.pills(
                "Kind of map",
                list(every),
                default=explanations.BY_DEFAULT[0],
                required=True,
                format_func=lambda name: every[name].title,
                key="live_method",
            )
        ]
    for name in (name for name in every if name in chosen):
        time = " Takes some seconds." if answers.slow(name) else ""
        st.caption(f"**{every[name].title}**: {every[name].meaning}.{time}")
    return tuple(name for name in every if name in chosen) or explanations.BY_DEFAULT


def remember_layers(given: Sequence[Answer]) -> None:
    """Keep which layers the maps of runs can look at, to be offered from the next drawing on."""
    known = st.session_state.setdefault(_LAYERS, {})
    known.update({a.prediction.run_id: a.prediction.layers for a in given if a.prediction.layers})


def _layer(runs: Sequence[str], titles: Mapping[str, str]) -> str | None:
    """The layer that class activation maps look at; None for the last one."""
    known = st.session_state.get(_LAYERS, {})
    models: dict[tuple[str, str], list[str]] = {}  # layer -> the models that have it
    for run in runs:
        for place in known.get(run, ()):
            models.setdefault((place.name, place.title), []).append(titles[run])
    offered = {
        name: title if len(having) == len(runs) else f"{title} ({', '.join(having)})"
        for (name, title), having in models.items()
    }
    if not offered:
        return None
    name = st.selectbox(
        "Layer",
        [LAST, *offered],
        format_func=lambda name: offered.get(name, LAST),
        key="live_layer",
        help="Where Grad-CAM and the maps like it look. Earlier layers are finer and less sure; a "
        "model that does not have the layer shows its last one.",
    )
    return None if name == LAST else name
