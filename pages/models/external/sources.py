"""Leave one source out: a model trained without each hospital of the dataset, and tested on it."""

import pandas as pd
import streamlit as st

from cxrcore import external, models, work
from cxrcore.datasets import Dataset
from cxrcore.errors import ComparisonError, RecipeError, TrainingError
from cxrcore.external import LeftOut
from pages.header import header
from pages.shared import cache, comparisons, offers, tables, waiting
from pages.shared.selection import Question
from pages.shared.text import duration, literal, plural, shown


def show(dataset: Dataset, question: Question) -> None:
    """Draw it, folded; nothing where fewer than two sources are known.

    Raises:
        StoreError: a run is damaged.
    """
    if dataset.table["source"].nunique() < 2:
        return
    with st.expander(
        "Leave one source out: does it hold in a hospital of this dataset that it never saw?",
        icon=":material/domain_disabled:",
        on_change="rerun",
        key="sources_open",
    ) as opened:
        if opened.open:
            _section(dataset, question)


def _section(dataset: Dataset, question: Question) -> None:
    st.markdown(
        "The dataset's films come from several sources. A model is trained without each of them in turn, and "
        "tested on it. Films of the same patients and copies are left out with it."
    )
    runs = cache.runs_table(dataset.name)
    tried = runs.loc[runs["without_source"].notna(), "recipe"].tolist()
    names = list(models.RECIPES)
    recipe = st.selectbox(
        "Model",
        names,
        index=next((names.index(name) for name in tried if name in names), 0),
        format_func=lambda name: shown(models.RECIPES[name].title),
        key=f"sources_recipe_{dataset.name}",
        width=330,
    )
    try:
        found = external.leave_one_out(models.get(recipe).fast(), dataset)
        table = external.frame(found, question.metric, question.class_name)
    except (ComparisonError, RecipeError, TrainingError) as error:
        st.caption(literal(str(error)))
        return
    _table(table, comparisons.name_of(question.metric, question.class_name).replace("*", ""))
    if not header.presenting():
        _train(found)


def _table(found: pd.DataFrame, name: str) -> None:
    table = pd.DataFrame(
        {
            "Source left out": found["source"],
            "Films there": found["films"],
            "At home": _intervals(found, "home_value", "home_low", "home_high"),
            "On that source": _intervals(found, "value", "low", "high"),
            "Lost": _intervals(found, "drop", "drop_low", "drop_high"),
            "Classes there": [
                f"not trained: {row.obstacle}" if row.obstacle else row.classes
                for row in found.itertuples()
            ],
        }
    )
    tables.table(table, alt="What is reached on each source that was left out of the training")
    st.caption(
        f"{name} with its 95 % interval. At home: on test films of the other sources. Lost: what is reached at "
        "home on test films of the same classes, less what is reached on the source, with the interval of "
        "the difference of two groups of films. A class whose films all come from one source vanishes "
        "with it: no model can be trained for that. Of a merged dataset each member is a source."
    )


def _intervals(found: pd.DataFrame, *columns: str) -> list[str]:
    """ "0.51 (0.40 to 0.62)"; "–" where nothing is known yet."""
    return [
        "–" if pd.isna(value) else f"{value:.2f} ({low:.2f} to {high:.2f})"
        for value, low, high in found[list(columns)].itertuples(index=False)
    ]


def _train(found: LeftOut) -> None:
    specs = list(found.missing.values())
    jobs = [work.find("train", run_id=spec.run_id) for spec in specs]
    jobs += [work.find("external", run_id=r.run_id, dataset=r.dataset) for r in found.untested]
    active = [job for job in jobs if job and job.active]
    if active:
        st.caption(f"{plural(len(active), 'job')} running or waiting.")
        waiting.follow(next((job for job in active if job.state == "running"), active[0]))
        return
    for job in jobs:
        offers.failure(job, "training")
    if not specs and not found.untested:
        return
    if specs and found.seconds is not None:
        st.caption(f"The trainings take about {duration(max(60.0, found.seconds))}.")

    def start() -> None:
        for spec in specs:
            work.submit_training(spec)
        for run in found.untested:
            work.submit_external(run.run_id, run.dataset)

    label = f"Train {plural(len(specs), 'model')} and test" if specs else "Test on the sources"
    offers.start(label, start, icon=":material/model_training:", primary=True)
