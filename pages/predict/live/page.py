"""Live prediction page: one film, the answer of every model and where it looked."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.store import Run
from cxrcore.store.card import NOTICE
from pages.header import header
from pages.predict.live import (
    answers,
    controls,
    downloads,
    examples,
    films,
    gate_panel,
    response,
    rows,
    rows_component,
    stages,
    strip,
    what_if,
)
from pages.predict.live.answers import Request
from pages.predict.live.films import Picked
from pages.predict.live.rows import Scene
from pages.predict.live.what_if import Changes
from pages.shared import background, cache, run_choice
from pages.shared.text import literal

TITLE = "Live prediction"
_REFRESH_SECONDS = 3.0  # while training films are described
# The columns stand side by side only where both have room. Below each other, the answers come before
# "What if?": the left column's parts take their places among those of the right one.
_STYLE = """<style>
@media (max-width: 1020px) {
  .st-key-live [data-testid=stHorizontalBlock]:has(.st-key-live_checks) { flex-direction: column; }
  .st-key-live [data-testid=stColumn] { width: 100%; flex: none; order: 1; }
  .st-key-live [data-testid=stColumn]:has(.st-key-live_checks),
  .st-key-live [data-testid=stColumn]:has(.st-key-live_checks) > div { display: contents; }
  .st-key-live [data-testid=stLayoutWrapper]:has(> .st-key-live_what_if) { order: 2; }
}
</style>"""
_LEGEND = (
    "Bright: where the evidence for the class is; each map is scaled to its own maximum. A map "
    "shows what the model used, not what is true. Arrow keys choose a picture, + and − zoom, Shift "
    "with arrows moves all of them."
)


def main() -> None:
    """Draw the page."""
    if not st.session_state.get("dataset"):
        st.title(TITLE)
        cache.chosen_dataset()  # says what to do, and ends the run
    st.html(_STYLE)
    with st.container(key="live"):
        left, right = st.columns([10, 33], gap="medium")
    with left:
        st.title(TITLE)
        dataset = cache.chosen_dataset()
    with right:
        usable = run_choice.usable(dataset, "; then give it a film here.")
    try:
        with right, st.container(horizontal=True, vertical_alignment="center", gap="small"):
            request = controls.show(usable, dataset, cache.titles(dataset.name))
            menu = st.container(width="content")
        runs = [cache.run(run_id) for run_id in request.runs]
        with left:
            picked = strip.pick(dataset, runs, examples.first(runs, dataset))
            checks = st.container(key="live_checks")
            changes = st.container(key="live_what_if")
        with right:
            _answer(picked, runs, request, dataset, checks, changes, menu)
    except CxrError as error:
        right.error(literal(str(error)))


def _answer(
    picked: Picked | None,
    runs: Sequence[Run],
    request: Request,
    dataset: Dataset,
    checks: DeltaGenerator,
    changes: DeltaGenerator,
    menu: DeltaGenerator,
) -> None:
    """What the runs say of the film; draws the page again once all of it is there."""
    if not runs:
        st.info("Choose at least one model.")
        return
    if picked is None:
        st.info("Drop a film on the left, or choose one.", icon=":material/radiology:")
        return
    place = st.empty()
    stage = stages.now(picked, runs, request, dataset, place)
    controls.remember_layers(stage.answers)
    with checks:
        gate_panel.show(stage.report, cache.titles(dataset.name))
    with changes:
        what_if.show(stage.original, stage.as_it_came, gate_panel.marks(stage.report))
    lacking = [run for run in runs if not answers.has_profile(run)]
    preparing = background.make_missing("profiles", lacking, dataset)
    if not header.presenting():
        with checks:
            background.again("profiles", lacking, dataset)
    held_out = {run.run_id: films.held_out(run, picked) for run in runs}
    _head(picked, held_out, stage.changes)
    scene = Scene(
        dataset=dataset,
        picked=picked,
        film=stage.film,
        lungs=stage.lungs,
        request=request,
        titles=cache.titles(dataset.name),
        colours=cache.run_colours(dataset.name),
        held_out={} if len(set(held_out.values())) == 1 else held_out,
        raw=bool(st.session_state.get(controls.RAW)),
        preparing=preparing,
    )
    if not gate_panel.withheld(stage.report, stage.original.digest):
        drawn = [rows.row(answer, scene) for answer in stage.answers]
        rows_component.draw(
            rows.film(scene), drawn, _LEGEND, on_explain=controls.explain, key="live_rows"
        )
        for sentence in filter(
            None, (rows.in_lungs(stage.answers, scene), rows.agreement(stage.answers, scene))
        ):
            st.caption(literal(sentence))
        response.show(stage, request, dataset, scene)
        with menu:
            downloads.menu(drawn, stage, scene)
    st.caption(NOTICE)
    if not stage.complete:
        stages.complete(stage, picked, request, place)
    if preparing:
        st.fragment(_follow, run_every=_REFRESH_SECONDS)(dataset)


def _follow(dataset: Dataset) -> None:
    """Draw the page again once the training films are described."""
    if not background.active("profiles", dataset):
        st.rerun()


def _head(picked: Picked, held_out: dict[str, str], changes: Changes) -> None:
    """The name of the film, its true class, and what is the same for all models."""
    parts = [f"**{literal(picked.title)}**"]
    if picked.label is not None:
        parts.append(f"truth: **{literal(picked.label)}**")
    if len(said := set(held_out.values())) == 1:
        parts += filter(None, said)
    if changes:
        parts.append(f":orange-background[changed: {literal(changes.text)}]")
    st.markdown(" · ".join(parts))


main()
