"""What is compared: the metric, the class it is of, and the runs; all of it stands in the address."""

from dataclasses import dataclass

import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.metrics import METRICS
from pages.shared import cache, comparisons, entries
from pages.shared.run_choice import of_address
from pages.shared.text import plural

MOST_AT_FIRST = 8  # runs; more can be added
_EVERY = "every_run"


@dataclass(frozen=True)
class Question:
    """The metric that the verdict speaks of, and its class; "" for metrics of all classes."""

    metric: str
    class_name: str

    @property
    def column(self) -> str:
        """As in tables of runs: "accuracy", "recall[COVID-19]"."""
        return f"{self.metric}[{self.class_name}]" if self.class_name else self.metric


def choose(dataset: Dataset) -> tuple[Question, list[str]]:
    """Draw the controls; the question and the names of the runs and families to compare."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        question = ask(dataset)
        return question, _runs(dataset)


def ask(dataset: Dataset, prefix: str = "") -> Question:
    """Draw the choice of a metric and its class; `prefix` of their keys, one per place on a page."""
    classes = cache.run_classes(dataset)
    first, of = comparisons.metric_in_question(classes)
    names = [metric.name for metric in comparisons.choices()]
    metric = st.selectbox(
        "Metric",
        names,
        index=names.index(first),
        format_func=lambda name: METRICS[name].title,
        key=f"{prefix}metric",
        bind="query-params",
        help="What the verdict and the ranks speak of. Every metric is in the table below.",
        width=230,
    )
    if METRICS[metric].scope == "overall":
        return Question(metric, "")
    label = st.selectbox(
        "of the class",
        classes,
        index=classes.index(of) if of else 0,
        key=f"{prefix}of_{dataset.name}",
        bind="query-params",
        width=200,
    )
    return Question(metric, label)


def _runs(dataset: Dataset) -> list[str]:
    """The runs of the address; else the newest, just trained perhaps, and the most accurate others."""
    families = entries.names(dataset.name)
    every = cache.runs_table(dataset.name)
    single = every.loc[(every["state"] == "ok") & every["accuracy"].notna(), "run_id"].tolist()
    wanted = of_address({*families, *single})
    alone = st.session_state.get(_EVERY, any(name not in families for name in wanted))
    options = single if alone else families
    titles = cache.titles(dataset.name)
    first = {*options[:1], *entries.best(dataset.name, MOST_AT_FIRST - 1, options[1:])}
    at_first = [name for name in options if name in first]
    chosen = [name for name in wanted if name in options] or at_first
    with st.popover(f"{plural(len(chosen), 'run')} of {len(options)}", icon=":material/checklist:"):
        if len(single) > len(families):
            st.toggle(
                "Every run by itself",
                value=alone,
                key=_EVERY,
                help="Otherwise the folds of a cross-validation and the seeds of one training are "
                "one row, with their mean.",
            )
        picked = st.multiselect(
            "Compared runs",
            options,
            default=chosen,
            format_func=lambda name: titles.get(name, name),
            key=f"compared_{dataset.name}_{alone}",
            placeholder="The most accurate, and the newest",
            help="The best of many on the same test images look a little better than they are.",
        )
    picked = picked or at_first
    if picked != (wanted or at_first):
        st.query_params["runs"] = ",".join(picked)
    return picked
