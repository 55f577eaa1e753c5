"""Duplicates and leaks page: films that are there twice, and what they would give away."""

from collections.abc import Callable
from typing import NoReturn

import pandas as pd
import streamlit as st

from cxrcore import work
from cxrcore.datasets import Dataset
from cxrcore.duplicates import Duplicates
from cxrcore.errors import CxrError
from pages.data.duplicates import duplicates_cache, shared_images
from pages.data.duplicates.duplicates_cache import (
    LABELS,
    ORDINARY,
    OURS,
    PARTS,
    PATIENTS,
    PUBLISHED,
    Groups,
)
from pages.shared import cache, details, image_groups, run_marks, waiting
from pages.shared.image_groups import Group, Picture
from pages.shared.text import literal, plural

PER_PAGE = 12  # groups
MOST = 12  # images of a group that are shown
# column of Groups.table -> what it says about a group
FLAGS = {
    LABELS: "different classes: one label must be wrong",
    PATIENTS: "different patients: the numbering hides that they are one",
    PARTS: "in two published parts",
}
# name on the page -> column of Groups.table; None for all groups
FILTERS = {
    "All": None,
    "Different classes": LABELS,
    "Different patients": PATIENTS,
    "Two published parts": PARTS,
}


def main() -> None:
    """Draw the page."""
    st.title("Duplicates and leaks")
    dataset = cache.chosen_dataset()
    measured = cache.measured_index(dataset)
    details.remarks(dataset, measured)
    st.markdown(
        "The same film is often in a collection twice: copied, resized, compressed anew. If one "
        "copy trains and the other one tests, or one patient is in both, a model is tested on what "
        "it has seen, and its figures are too good: they **leak**."
    )
    try:
        found = duplicates_cache.found(dataset)
        if found is None:
            _offer(dataset)
        kept = duplicates_cache.groups(dataset, found)
    except CxrError as error:
        st.error(str(error))
        st.stop()
    _headline(dataset, kept)
    _leaks(dataset, found)
    _groups(dataset, kept)
    _copies(dataset)
    shared_images.show(dataset)


def _offer(dataset: Dataset) -> NoReturn:
    """Offer to search the duplicates, show how far it is; ends the run."""
    job = work.find("duplicates", dataset=dataset.name)
    ended = waiting.follow_if_active(
        job, "Duplicates are being searched.", ":material/content_copy:"
    )
    many = plural(len(dataset.table), "image")
    st.info(
        f"**Duplicates of {literal(dataset.name)} were not searched yet.** Each of the {many} is "
        "compared with every other one by its look, and what is alike is confirmed on the pixels. "
        "This is done once; a training does it as well if it was not done before.",
        icon=":material/content_copy:",
    )
    if ended:
        st.warning(f"The last search ended early. {ended.message}")
    if st.button("Search duplicates", type="primary", icon=":material/search:"):
        try:
            work.submit_duplicates(dataset.name)
        except CxrError as error:
            st.error(str(error))
            st.stop()
        st.rerun()
    st.stop()


# --- what is there --------------------------------------------------------------------------


def _headline(dataset: Dataset, kept: Groups) -> None:
    grid = st.grid(4, min_column_width=190)
    grid.cell().metric(
        "Exact copies left out",
        f"{len(dataset.doubles):,}",
        help="Files with the same bytes as another one. They are left out of the dataset.",
    )
    grid.cell().metric(
        "Groups of duplicates",
        f"{len(kept.table):,}",
        help="Different files that show one film: resized, compressed anew, cropped or brightened.",
    )
    grid.cell().metric("Images in these groups", f"{len(kept.members):,}")
    grid.cell().metric(
        "Groups with different classes",
        f"{int(kept.table[LABELS].sum()):,}",
        help="One film under two classes: one of the labels must be wrong.",
    )


def _leaks(dataset: Dataset, found: Duplicates) -> None:
    """What would leak otherwise, and what leaks here."""
    st.subheader("What would leak")
    counted = duplicates_cache.splits_of(dataset, found)
    if isinstance(counted, str):
        st.info(f"It can't be told: {literal(counted)}", icon=":material/call_split:")
        return
    ordinary, ours = counted[ORDINARY], counted[OURS]
    here = counted.get(PUBLISHED, ours)
    st.markdown(
        f"Divided at random by image, as is often done: **{literal(ordinary.sentence)}**  \n"
        + (
            f"By the published split, which trainings here keep: **{literal(here.sentence)}**"
            if PUBLISHED in counted
            else f"As trainings here divide: **{literal(ours.sentence)}**"
        )
    )
    if here.count:
        st.warning(
            "Models trained with the published split are marked wherever their figures appear. "
            "To divide anew, untick *Keep the published test part* under *More options* of the "
            "training form.",
            icon=":material/warning:",
        )
    rows = [
        {
            "Split": name + (" (trainings here)" if leaking is here else ""),
            "Test images": f"{leaking.test_images:,}",
            "Patient also in training": f"{leaking.by_patient:,}",
            "Duplicate in training": f"{leaking.by_duplicate:,}",
            "Leaking test images": f"{leaking.count:,} ({100 * leaking.share:.0f} %)",
        }
        for name, leaking in counted.items()
    ]
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True, alt="Leaks of each split")
    st.caption(
        f"{ours.unproven} Validation images count as training: they choose when training ends. "
        "All splits have the shares and the seed of the training form."
    )
    for name, leaking in counted.items():
        if leaking.count and name != ORDINARY:
            title = f"{name} split: the {plural(leaking.count, 'leaking test image')}"
            with st.expander(title, icon=":material/warning:"):
                run_marks.pairs(leaking, dataset, key=f"{name}_{dataset.name}")


def _groups(dataset: Dataset, kept: Groups) -> None:
    """The groups side by side, the odd ones first."""
    st.subheader("Groups of duplicates")
    if kept.table.empty:
        st.success("No two different files show the same film.", icon=":material/check_circle:")
        return
    table = _filtered(kept.table)
    pages = -(-len(table) // PER_PAGE)
    page = 1
    slot = st.container()
    if pages > 1:
        key = f"groups_{dataset.name}_{len(table)}"
        page = st.pagination(pages, key=key, max_visible_pages=7)
    part = table.iloc[(page - 1) * PER_PAGE : page * PER_PAGE]
    members = kept.members[kept.members["group"].isin(part.index)]
    with slot:
        image_groups.show(
            [
                _group(dataset, row, members[members["group"] == number])
                for number, row in part.iterrows()
            ],
            key=f"sheet_{dataset.name}",
            label="Groups of duplicates; choose an image to see it large in the gallery",
        )
    st.caption(
        f"{plural(len(table), 'group')}. Correlation is that of the fine detail after one image was "
        "laid over the other: 1 is the same picture. What is like two others joins them. "
        "Click an image to see it large in the gallery."
    )
    _download(
        "Download the pairs (CSV)",
        lambda: kept.pairs.to_csv(index=False),
        f"{dataset.name}-duplicates.csv",
    )


def _filtered(table: pd.DataFrame) -> pd.DataFrame:
    """The groups of the chosen kind; only kinds that there are can be chosen."""
    counts = {
        name: len(table) if column is None else int(table[column].sum())
        for name, column in FILTERS.items()
    }
    names = [name for name, count in counts.items() if count]
    if len(names) == 1:
        return table
    chosen = st.segmented_control(
        "Show",
        names,
        default="All",
        required=True,
        key="groups_shown",
        bind="query-params",
    )
    column = FILTERS[chosen]
    return table if column is None else table[table[column]]


def _group(dataset: Dataset, row: pd.Series, members: pd.DataFrame) -> Group:
    span = f"{row['lowest']:.2f}"
    if f"{row['highest']:.2f}" != span:
        span += f" to {row['highest']:.2f}"
    title = f"{plural(len(members), 'image')} · correlation {span}"
    if len(members) > MOST:
        title += f" · the first {MOST}"
    return Group(
        title,
        tuple(
            Picture(dataset, member["image_id"], image_groups.facts(member))
            for _, member in members.head(MOST).iterrows()
        ),
        tuple(text for column, text in FLAGS.items() if row[column]),
    )


def _copies(dataset: Dataset) -> None:
    """The files that the dataset leaves out because their content is there already."""
    copies = dataset.doubles
    if copies.empty:
        return
    st.subheader("Exact copies left out")
    torn = int((copies["reason"] == "other label").sum())
    if torn:
        st.caption(
            f":material/warning: {plural(torn, 'file')} left out altogether: the same content "
            "stands under different classes, and nobody knows which is right."
        )
    with st.expander(f"The {plural(len(copies), 'file')}"):
        kept = dataset.table.set_index("image_id")["path"]
        shown = copies.assign(kept=copies["image_id"].map(kept).fillna("none"))
        names = {
            "path": "File",
            "label": "Class",
            "split": "Published part",
            "reason": "Why",
            "kept": "Kept instead",
        }
        shown = shown[list(names)].dropna(axis="columns", how="all").rename(columns=names)
        st.dataframe(shown, hide_index=True, alt="Files left out because they are exact copies")
    _download(
        "Download the list (CSV)",
        lambda: copies.to_csv(index=False),
        f"{dataset.name}-exact-copies.csv",
    )


def _download(label: str, data: Callable[[], str], name: str) -> None:
    st.download_button(
        label,
        data,
        name,
        "text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )


main()
