"""Images that the chosen dataset shares with another one: the offer to search, pairs, CSV."""

import pandas as pd
import streamlit as st

from cxrcore import datasets, work
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from pages.data.duplicates import duplicates_cache
from pages.shared import cache, image_groups, waiting
from pages.shared.image_groups import Group, Picture
from pages.shared.text import literal, plural

PER_PAGE = 12  # pairs


def show(dataset: Dataset) -> None:
    """Draw the section; nothing but a sentence where there is no other dataset."""
    st.subheader("Images shared with another dataset")
    st.markdown(
        "Testing a model on another collection shows whether it works elsewhere. It shows nothing "
        "if both hold the same films: public collections often copied from one another."
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
        if pairs is None:
            _offer(dataset, other)
            return
    except CxrError as error:
        st.error(str(error))
        return
    _pairs(pairs, dataset, other)


def _offer(dataset: Dataset, other: Dataset) -> None:
    job = work.find("duplicates", dataset=dataset.name, other=other.name)
    if job is not None and job.active:
        st.caption("The images of both are being compared.")
        waiting.follow(job)
        return
    if job is not None and job.state != "done" and job.message:
        st.warning(f"The last search ended early. {job.message}")
    label = f"Compare {dataset.name} with {other.name}"
    if st.button(label, type="primary", icon=":material/search:"):
        work.submit_duplicates(dataset.name, other.name)
        st.rerun()


def _pairs(pairs: pd.DataFrame, dataset: Dataset, other: Dataset) -> None:
    one, two = literal(dataset.name), literal(other.name)
    if pairs.empty:
        st.success(f"{one} and {two} share no image.", icon=":material/check_circle:")
        return
    number, exact = pairs["first"].nunique(), pairs["first"][pairs["kind"] == "exact"].nunique()
    st.warning(
        f"**{plural(number, 'image')} of {one} ({number / len(dataset.table):.1%}) "
        f"{'is' if number == 1 else 'are'} in {two} as well**, {exact:,} of them as the same file. "
        "What was trained on one of the two is not tested by them in the other.",
        icon=":material/warning:",
    )
    table = duplicates_cache.described(pairs, dataset, other)
    count = -(-len(pairs) // PER_PAGE)
    page = 1
    slot = st.container()
    if count > 1:
        key = f"shared_{dataset.name}_{other.name}"
        page = st.pagination(count, key=key, max_visible_pages=7)
    with slot:
        image_groups.show(
            [
                _group(row, dataset, other)
                for _, row in table.iloc[(page - 1) * PER_PAGE : page * PER_PAGE].iterrows()
            ],
            key=f"pairs_{dataset.name}_{other.name}",
            label=f"Images of {dataset.name} beside those of {other.name}",
        )
    st.download_button(
        "Download the pairs (CSV)",
        lambda: table.to_csv(index=False),
        f"{dataset.name}-{other.name}-shared.csv",
        "text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        key="shared_csv",
    )


def _group(row: pd.Series, dataset: Dataset, other: Dataset) -> Group:
    pictures = []
    for end, of in (("first", dataset), ("second", other)):
        known = of.table.iloc[cache.places(of)[row[end]]]
        lines = (of.name, *image_groups.facts(known))
        pictures.append(Picture(of, row[end], lines, own=of is dataset))
    title = (
        "The same file"
        if row["kind"] == "exact"
        else f"The same film · correlation {row['correlation']:.2f}"
    )
    return Group(title, tuple(pictures))
