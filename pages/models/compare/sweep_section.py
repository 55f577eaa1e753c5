"""Sweeps of the dataset: what was tried, how it did on validation images, which is best."""

import pandas as pd
import streamlit as st

from cxrcore import figures, sweeps
from cxrcore.datasets import Dataset
from cxrcore.models import Recipe
from cxrcore.models.fields import Number
from cxrcore.sweeps import Sweep, Trial
from pages.shared import cache, charts, text
from pages.shared.text import literal, plural

_SCORE = "Validation accuracy"


def show(dataset: Dataset) -> None:
    """Draw the section; nothing where there is no sweep."""
    found = sweeps.sweeps(dataset.name)
    if not found:
        return
    with st.expander(
        "Sweeps: many values of one recipe", on_change="rerun", key="sweeps"
    ) as opened:
        if opened.open:
            _one(found)


def _one(found: list[Sweep]) -> None:
    names = {sweep.sweep_id: sweep for sweep in found}
    name = st.selectbox(
        "Sweep",
        list(names),
        format_func=lambda name: text.shown(
            f"{names[name].recipe}: {_fields(names[name])}, "
            f"{plural(len(names[name].trials), 'training')}, {names[name].created[:10]}"
        ),
        key="sweep",
    )
    sweep = names[name]
    trials = sweeps.trials(sweep)
    st.markdown(literal(sweeps.verdict(trials)))
    _chart(sweep, [trial for trial in trials if trial.accuracy is not None])
    _table(sweep, trials)


def _titles(sweep: Sweep) -> dict[str, str]:
    options = Recipe.options()
    return {field: options[field].title for field in sweep.fields if field in options}


def _fields(sweep: Sweep) -> str:
    return ", ".join(_titles(sweep).values()).lower()


def _chart(sweep: Sweep, reached: list[Trial]) -> None:
    if len(reached) < 2:
        return
    options = Recipe.options()
    log = []
    for field in _titles(sweep):
        option = options[field]
        if isinstance(option, Number) and option.format and option.format.endswith("e"):
            log.append(field)
    rows = [{**trial.values, _SCORE: trial.accuracy} for trial in reached]
    charts.plotly(
        figures.parallel_coordinates(rows, _titles(sweep), _SCORE, log=log),
        key=f"sweep_{sweep.sweep_id}",
        alt="The values of each training and its validation accuracy",
    )
    st.caption(
        "One line a training, across its values: from blue, the least accurate on validation images, to green."
    )


def _table(sweep: Sweep, trials: list[Trial]) -> None:
    titles, options = _titles(sweep), Recipe.options()
    shown = cache.titles(sweep.dataset)
    rows = [
        {
            "Run": shown.get(trial.run_id, trial.run_id),
            **{titles[field]: options[field].text(trial.values[field]) for field in titles},
            "State": trial.state,
            "Epochs": trial.epochs,
            _SCORE: trial.accuracy,
            "95 % interval": "" if trial.low is None else f"{trial.low:.3f} to {trial.high:.3f}",
            "Why it ended": trial.message,
        }
        for trial in trials
    ]
    number = st.column_config.NumberColumn(
        format="%.3f", help="The best so far where it is not done."
    )
    st.dataframe(
        pd.DataFrame(rows).astype({_SCORE: float}),
        hide_index=True,
        column_config={_SCORE: number},
        alt=f"The trainings of {sweep.sweep_id}",
    )
    done = [trial.run_id for trial in trials if trial.low is not None]
    if done:
        st.page_link(
            "pages/models/compare/page.py",
            label="Compare the best of them on test images",
            icon=":material/unfold_more:",
            query_params={"runs": ",".join(done[:5])},
        )
