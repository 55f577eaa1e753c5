"""Do models fail some films or people more? A metric by groups of films, and the worst of them."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore import comparison, slices, store
from cxrcore.comparison import patients
from cxrcore.comparison.films import align
from cxrcore.datasets import Dataset
from cxrcore.figures import bar_axis, interval_bar
from cxrcore.metrics import METRICS
from cxrcore.slices import Slice, Worst
from pages.shared import cache, selection, tables
from pages.shared.entries import Entry
from pages.shared.selection import Question
from pages.shared.text import literal


def show(entries: Sequence[Entry], dataset: Dataset) -> None:
    """Draw an expander with the table, which is computed once it is opened.

    Raises:
        ComparisonError, StoreError: as `slices` and `align`.
    """
    with st.expander(
        "Does it fail some films more? By source, view, quality and groups of like films",
        on_change="rerun",
        key="slices",
    ) as expander:
        if not expander.open:
            return
        with st.container(horizontal=True, vertical_alignment="bottom"):
            entry = _entry(entries)
            question = selection.ask(dataset, "slices_")
        measured = cache.index(dataset)
        with st.spinner("Comparing groups of films …"):
            found, worst = _slices(
                entry.name, question.metric, question.class_name, dataset, store.stamp(entry.name),
                measured is not None,
            )  # fmt: skip
        if not found:
            st.info(
                "These films cannot be told apart: no source, view or other column differs, and they "
                "are not measured yet (Quality page)."
            )
            return
        _sentence(worst, entry, question)
        _modalities(found, entry, question)
        _table(found, entry, question.metric)


def _entry(entries: Sequence[Entry]) -> Entry:
    titles = {entry.name: entry.title for entry in entries}
    name = st.selectbox(
        "Model", list(titles), format_func=titles.__getitem__, key="slices_of", width=320
    )
    return next(entry for entry in entries if entry.name == name)


@st.cache_data(max_entries=32, show_spinner=False)
def _slices(
    name: str, metric: str, class_name: str, _dataset: Dataset, stamp: object, measured: bool
) -> tuple[list[Slice], Worst | None]:
    """Every slice of a run, and the worst; `stamp` and `measured` are part of the key."""
    subjects = comparison.subjects([name])
    run = subjects[0].runs[0]
    aligned = align(subjects, patients.find([run]))
    ids = aligned.image_ids
    films = _dataset.table.set_index("image_id").reindex(ids)
    index = cache.index(_dataset)
    scores = None
    if index is not None:
        scores = index.table.set_index("image_id")["brisque"].reindex(ids).to_numpy(float)
    told = slices.attributes(films, scores, _embeddings(run, ids))
    answers = aligned.answers[name][0]
    number = aligned.classes.index(class_name) if class_name else 0
    found = [
        part
        for attribute in told
        for part in slices.measure(METRICS[metric], number, answers, attribute)
    ]
    return found, slices.worst(METRICS[metric], number, answers, told)


def _embeddings(run: store.Run, ids: pd.Index) -> np.ndarray:
    """(n, d) of the test films, as the run's last layer sees them."""
    places = pd.Index(run.predictions()["image_id"]).get_indexer(ids)
    return np.asarray(run.embeddings()[places], np.float32)


def _sentence(worst: Worst | None, entry: Entry, question: Question) -> None:
    record, of_class = METRICS[question.metric], question.class_name
    what = f"{record.spoken} of {of_class}" if of_class else record.spoken
    if not slices.searchable(record):
        st.caption(
            "The worst group is searched by metrics that count films or are a mean over them, such as "
            "recall and log loss; by this one read the intervals."
        )
        return
    if worst is None:
        st.caption("No group has enough films (20, and 20 others) to look for the worst.")
        return
    inside, outside = record.text(worst.inside), record.text(worst.outside)
    of = f"{worst.attribute.lower()}: {worst.value}"
    # What a model sees decides what it answers: groups made of that differ in its answers by nature.
    by_nature = worst.attribute == slices.ALIKE
    if worst.p <= 0.05:
        st.warning(
            f"**{literal(entry.title)}** does worse on {literal(of)}: {literal(what)} {inside} against "
            f"{outside} on the others (p = {worst.p:.3f} after searching {worst.slices} groups)."
            + (
                " These groups are made of what it sees, which also decides what it answers: look at the "
                "films on the map before you call it unfair."
                if by_nature
                else ""
            )
        )
    else:
        st.success(
            f"No group is proven worse. The farthest off is {literal(of)}: {literal(what)} {inside} "
            f"against {outside} on the others, which chance alone makes of the worst of {worst.slices} "
            f"groups in {worst.p:.0%} of cases."
        )


def _modalities(found: Sequence[Slice], entry: Entry, question: Question) -> None:
    """CT against X-ray, where the run was tested on both."""
    by_value = {part.value: part for part in found if part.attribute == "Modality"}
    if not {"ct", "xray"} <= set(by_value):
        return
    ct, xray = by_value["ct"], by_value["xray"]
    difference = slices.unpaired(ct, xray)
    record, of_class = METRICS[question.metric], question.class_name
    if difference is None:
        return
    what = f"{record.spoken} of {of_class}" if of_class else record.spoken
    change, low, high = difference
    st.caption(
        f"CT against X-ray: **{literal(entry.title)}** has a {literal(what)} of {record.text(ct.estimate)} "
        f"on {ct.films:,} CT slices and {record.text(xray.estimate)} on {xray.films:,} X-rays, a difference "
        f"of {change:+.3f} ({low:+.3f} to {high:+.3f}). Unpaired: they are other films, often of other "
        "people, so the films may be harder and not the model worse."
    )


def _table(found: Sequence[Slice], entry: Entry, metric: str) -> None:
    record = METRICS[metric]
    rows = [(part.estimate, part.low, part.high) for part in found]
    axis = bar_axis([value for row in rows for value in row], record.bounds)
    table = pd.DataFrame(
        {
            "By": [part.attribute for part in found],
            "Films": [part.value for part in found],
            "Number": [part.films for part in found],
            "Patients": pd.array([part.patients for part in found], dtype="Int64"),
            f"{record.title}, 95 %": [
                interval_bar(*row, axis, "#8a949c" if part.small else entry.colour)
                for part, row in zip(found, rows, strict=True)
            ],
            record.title: [part.estimate for part in found],
            "from": [part.low for part in found],
            "to": [part.high for part in found],
            "Remark": ["fewer than 20 films" if part.small else "" for part in found],
        }
    )
    number = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(
        table,
        hide_index=True,
        row_height=34,
        placeholder="–",
        column_config={
            f"{record.title}, 95 %": st.column_config.ImageColumn(width=160),
            **dict.fromkeys([record.title, "from", "to"], number),
        },
        key="slice_table",
        alt=f"{record.title} by groups of films",
    )
    tables.download(
        "Download the groups (CSV)",
        lambda: table.drop(columns=f"{record.title}, 95 %"),
        "slices.csv",
    )
