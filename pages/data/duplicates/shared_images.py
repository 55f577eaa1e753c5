"""Images that the chosen dataset shares with another one."""

import pandas as pd
import streamlit as st

from cxrcore import datasets, work
from cxrcore.datasets import Dataset
from cxrcore.duplicates.groups import describe_pairs
from cxrcore.errors import CxrError
from pages.data.duplicates import duplicates_cache
from pages.shared import cache, offers, tables, thumbnails, waiting
from pages.shared.paging import paginate
from pages.shared.text import literal, plural
from pages.shared.thumbnails import Group, Thumbnail

PER_PAGE = 12  # pairs


def show(dataset: Dataset) -> None:
    """Draw the section; only a sentence if there is no other dataset."""
    st.subheader("Images shared with another dataset")
    st.markdown(
        "Testing a model on another collection shows whether it works elsewhere, unless both "
        "contain the same films: public collections often copied from one another."
    )
    names = [entry.name for entry in datasets.registered() if entry.name != dataset.name]
    if not names:
        st.caption("There is no other dataset yet. Add one in the sidebar to compare.")
        return
    chosen = st.selectbox(
        "Compare with",
        names,
        index=None,
        placeholder="Choose a dataset",
        key="compared_with",
        bind="query-params",
        width=320,
    )
    if chosen is None:
        return
    try:
        other = cache.dataset(chosen)
        pairs = duplicates_cache.shared(dataset, other)
    except CxrError as error:
        st.error(literal(str(error)))
        return
    if pairs is None:
        _offer(dataset, other)
    else:
        _pairs(pairs, dataset, other)


def _offer(dataset: Dataset, other: Dataset) -> None:
    job = work.find("duplicates", dataset=dataset.name, other=other.name)
    if job is not None and job.active:
        st.caption("The images of both are being compared.")
        waiting.follow(job)
        return
    offers.failure(job, "search")
    offers.start(
        f"Compare {dataset.name} with {other.name}",
        lambda: work.submit_duplicates(dataset.name, other.name),
        icon=":material/search:",
        primary=True,
    )


def _pairs(pairs: pd.DataFrame, dataset: Dataset, other: Dataset) -> None:
    one, two = literal(dataset.name), literal(other.name)
    if pairs.empty:
        st.success(f"{one} and {two} share no image.", icon=":material/check_circle:")
        return
    number, exact = pairs["first"].nunique(), pairs["first"][pairs["kind"] == "exact"].nunique()
    st.warning(
        f"**{plural(number, 'image')} of {one} ({number / len(dataset.table):.1%}) "
        f"{'is' if number == 1 else 'are'} also in {two}**, {exact:,} of them as the same file. "
        "A model trained on one of the two is not tested by these images in the other.",
        icon=":material/warning:",
    )
    table = describe_pairs(pairs, dataset, other)
    key = f"shared_{dataset.name}_{other.name}"
    place, part = paginate(len(pairs), PER_PAGE, key=key)
    with place:
        thumbnails.groups(
            [_group(row, dataset, other) for _, row in table.iloc[part].iterrows()],
            key=f"pairs_{dataset.name}_{other.name}",
            label=f"Images of {dataset.name} beside those of {other.name}",
        )
    tables.download(
        "Download the pairs (CSV)",
        lambda: table,
        f"{dataset.name}-{other.name}-shared.csv",
        key="shared_csv",
    )


def _group(row: pd.Series, dataset: Dataset, other: Dataset) -> Group:
    pair = []
    for end, of in (("first", dataset), ("second", other)):
        lines = thumbnails.description(of.table.iloc[cache.places(of)[row[end]]])
        pair.append(Thumbnail(of, row[end], (of.name, *lines), own=of is dataset))
    title = "The same file"
    if row["kind"] != "exact":
        title = f"The same film · correlation {row['correlation']:.2f}"
    return Group(title, tuple(pair))
