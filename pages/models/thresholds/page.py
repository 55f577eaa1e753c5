"""Operating points page: catch a class as often as it must be, and see what that costs."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from cxrcore import thresholds
from cxrcore.errors import ComparisonError, CxrError
from cxrcore.thresholds import OperatingPoint
from pages.header import header
from pages.models.thresholds import aim as aims
from pages.models.thresholds import costs, curves, matrices, points
from pages.models.thresholds.aim import Aim
from pages.shared import cache, run_choice
from pages.shared import entries as shown_entries
from pages.shared.entries import Entry
from pages.shared.text import literal


def main() -> None:
    """Draw the page."""
    st.title("Operating points")
    dataset = cache.chosen_dataset()
    usable = run_choice.usable(dataset, ": it appears here when it is finished.", tested=True)
    try:
        aim = aims.choose(dataset, usable)
        entries = shown_entries.load(aim.runs, dataset.name)
        found = _points(entries, aim)
        have = [entry for entry in entries if entry.name in found]
        if have:
            _verdict(have, found, aim)
            costs.show(have, found, aim)
            live = [entry for entry in have if entry.runs[0].has_network]
            if live and not header.presenting():
                costs.use(live, found, aim)
            matrices.show(have, found, dataset, aim)
        of_class = [entry for entry in entries if aim.class_name in entry.classes]
        if of_class:
            curves.show(of_class, found, aim)
    except CxrError as error:
        st.error(literal(str(error)))


def _points(entries: Sequence[Entry], aim: Aim) -> dict[str, OperatingPoint]:
    """Those of the runs that have one; why others have none is said."""
    found = {}
    for entry in entries:
        try:
            found[entry.name] = points.find(entry.runs[0], aim.class_name, aim.recall)
        except ComparisonError as error:
            st.warning(f"**{literal(entry.title)}**: {literal(str(error))}")
    return found


def _verdict(entries: Sequence[Entry], found: Mapping[str, OperatingPoint], aim: Aim) -> None:
    """The run that keeps the recall at the fewest false alarms, in words, and what is promised."""

    def alarms(entry: Entry) -> float:
        return -np.nan_to_num(found[entry.name].cost.specificity.value)

    able = [e for e in entries if found[e.name].cost.recall.high >= aim.recall]
    best = min(able or entries, key=alarms)
    point = found[best.name]
    with st.container(border=True):
        st.markdown(literal(thresholds.sentence(point, best.title, aim.prevalence)))
        st.caption(literal(thresholds.promise(point.choice, aim.class_name)))
        if not able:
            st.caption(f"None of these runs reaches {aim.recall:.0%} on the test films.")
        elif len(entries) > 1:
            st.caption(
                f"Of the runs whose recall on test films may be {aim.recall:.0%}, it raises the fewest "
                "false alarms."
            )


main()
