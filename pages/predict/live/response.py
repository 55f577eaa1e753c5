"""How the answers follow a change: the probability of a class against its strength."""

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from cxrcore import figures
from cxrcore.datasets import Dataset
from cxrcore.figures import NEUTRAL
from cxrcore.inference import decision
from cxrcore.perturbations import PERTURBATIONS
from pages.predict.live import answers, what_if
from pages.predict.live.answers import Request
from pages.predict.live.rows import Scene
from pages.predict.live.stages import Stage
from pages.shared import charts
from pages.shared.text import literal


def show(stage: Stage, request: Request, dataset: Dataset, scene: Scene) -> None:
    """Draw an expander with the chart, which is computed once it is opened.

    Args:
        stage: for the film as it came and what else is changed.
        request: for the models.
        dataset: of the classes.
        scene: for titles and colours.

    Raises:
        ImageError, JobError: as `answers.ask`.
    """
    with st.expander(
        "How the answers follow a change", on_change="rerun", key="live_response"
    ) as expander:
        if not expander.open:
            return
        with st.container(horizontal=True):
            name = st.selectbox(
                "Change",
                list(PERTURBATIONS),
                format_func=lambda name: PERTURBATIONS[name].title,
                key="response_change",
                width=220,
            )
            class_name = st.selectbox(
                "Probability of", _classes(stage, dataset), key="response_class", width=220
            )
        shares = _shares(stage, request, name, class_name)
        _draw(shares, name, class_name, scene)


def _classes(stage: Stage, dataset: Dataset) -> list[str]:
    """The classes of the dataset, the one that is explained first."""
    first = next((a.prediction.explained for a in stage.answers if not a.prediction.error), "")
    return sorted(dataset.classes, key=lambda name: name != first)


def _shares(stage: Stage, request: Request, name: str, class_name: str) -> dict[str, list[float]]:
    """run_id -> calibrated probability of the class at each strength of a change."""
    change, made = PERTURBATIONS[name], stage.changes
    others = tuple(step for step in made.strengths if step[0] != name)
    plain = replace(request, methods=(), classes=(), class_name=None)
    shares: dict[str, list[float]] = {}
    bar, strengths = st.empty(), change.strengths()
    for place, strength in enumerate(strengths):
        # Writing here also ends the run where the visitor has changed something.
        bar.progress(place / len(strengths), f"Asking the models: {what_if.said(change, strength)}")
        step = () if strength == change.neutral else ((name, strength),)
        film, lungs = what_if.apply(
            stage.original, stage.as_it_came, replace(made, strengths=(*others, *step))
        )
        for answer in answers.ask(film, lungs.mask, plain):
            found = answer.prediction
            if found.error is None and class_name in found.classes:
                value = float(decision(found).shares[found.classes.index(class_name)])
                shares.setdefault(found.run_id, []).append(value)
    bar.empty()
    return {run: values for run, values in shares.items() if len(values) == len(strengths)}


def _draw(shares: Mapping[str, list[float]], name: str, class_name: str, scene: Scene) -> None:
    change = PERTURBATIONS[name]
    titles = {run: scene.titles.get(run, run) for run in shares}
    charts.plotly(
        figures.response_curves(
            change.strengths(),
            {titles[run]: values for run, values in shares.items()},
            {titles[run]: scene.colours.get(run, NEUTRAL) for run in shares},
            change=f"{change.title} ({change.unit})" if change.unit else change.title,
            class_name=class_name,
            marked=change.neutral,
        ),
        key="response",
        alt=f"Probability of {class_name} by each model while the film's "
        f"{change.title.lower()} changes",
    )
    spans = {run: max(values) - min(values) for run, values in shares.items()}
    if spans:
        run = max(spans, key=spans.__getitem__)
        st.caption(
            f"Dotted: the film as it is. Most affected: **{literal(titles[run])}**, whose "
            f"probability moves by {100 * spans[run]:.0f} percentage points."
        )
