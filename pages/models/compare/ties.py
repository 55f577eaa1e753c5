"""Study C's way to choose: recall first, accuracy where recall ties."""

import pandas as pd
import streamlit as st

from cxrcore.comparison import Comparison
from cxrcore.metrics import METRICS
from pages.shared import cache
from pages.shared.text import literal, plural


def order(found: Comparison, intervals: pd.DataFrame, dataset_name: str) -> list[str]:
    """Draw the switch; the names of the runs in the order of the page, the best first.

    Args:
        found: their comparison.
        intervals: as `comparison.intervals`.
        dataset_name: of the runs.
    """
    names = [figure.name for figure in found.figures]
    switched = st.toggle(
        "Recall first, accuracy where it ties",
        key="by_accuracy",
        bind="query-params",
        on_change=_ask_for_recall,
        help="How study C chose its model. The ranks say which differences are proven. Another metric "
        "can be chosen above in place of recall.",
    )
    if not switched:
        return names
    values = {figure.name: figure.value for figure in found.figures}
    place: dict[float | None, int] = {}  # of the first with that value
    for number, value in enumerate(values.values()):
        place.setdefault(value, number)
    accuracy = intervals["accuracy"].reindex(names).astype(float)
    ordered = sorted(names, key=lambda name: (place[values[name]], -accuracy[name]))
    _sentence(found, ordered[0], accuracy[ordered[0]], dataset_name)
    return ordered


def _sentence(found: Comparison, best: str, accuracy: float, dataset_name: str) -> None:
    metric = METRICS[found.metric]
    what = f"{metric.spoken} of {found.class_name}" if found.class_name else metric.spoken
    values = {figure.name: figure.value for figure in found.figures}
    if values[best] is None:
        return
    title = literal(cache.titles(dataset_name).get(best, best))
    said = f"**{title}** has the best {literal(what)}, {metric.text(values[best])}"
    if (tied := list(values.values()).count(values[best])) > 1:
        said += (
            f", as {plural(tied - 1, 'other')}, and of them the highest accuracy, {accuracy:.3f}"
        )
    st.caption(f"{said}.")


def _ask_for_recall() -> None:
    if st.session_state["by_accuracy"]:
        st.session_state["metric"] = "recall"
