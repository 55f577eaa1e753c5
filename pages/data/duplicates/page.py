"""Duplicates and leaks page: films that occur twice, and the leaks they cause."""

from typing import NoReturn

import pandas as pd
import streamlit as st

from cxrcore import work
from cxrcore.datasets import Dataset
from cxrcore.duplicates import Duplicates
from cxrcore.duplicates.groups import GroupTables
from cxrcore.errors import CxrError
from pages.data.duplicates import duplicates_cache, shared_images
from pages.shared import data_page, leak_pairs, offers, tables, thumbnails
from pages.shared.paging import paginate
from pages.shared.text import literal, plural
from pages.shared.thumbnails import Group, Thumbnail

PER_PAGE = 12  # groups
MOST = 12  # images shown of one group
# column of GroupTables.groups -> a remark on groups in which it differs
FLAGS = {
    "label": "different classes: one label must be wrong",
    "patient_id": "different patients: they are the same person",
    "split": "in two published splits",
}
# name on the page -> column of GroupTables.groups; None for all groups
FILTERS = {
    "All": None,
    "Different classes": "label",
    "Different patients": "patient_id",
    "Two published splits": "split",
}


def main() -> None:
    """Draw the page."""
    dataset = data_page.begin("Duplicates and leaks").dataset
    st.markdown(
        "Collections often contain the same film twice: copied, resized, recompressed. If one "
        "copy is used for training and the other for testing, or one patient is in both, a model "
        "is tested on what it has seen and its figures are too good: the split **leaks**."
    )
    try:
        found = duplicates_cache.load(dataset)
        if found is None:
            _offer(dataset)
        groups = duplicates_cache.groups(dataset, found)
    except CxrError as error:
        st.error(literal(str(error)))
        st.stop()
    _headline(dataset, groups)
    _leaks(dataset, found)
    _groups(dataset, groups)
    _copies(dataset)
    shared_images.show(dataset)


def _offer(dataset: Dataset) -> NoReturn:
    """Offer to search for duplicates, or show how far that is; ends the run."""
    offers.required(
        work.find("duplicates", dataset=dataset.name),
        doing="The search for duplicates is running.",
        offer=f"**Nobody has searched {literal(dataset.name)} for duplicates yet.** Each of the "
        f"{plural(len(dataset.table), 'image')} is compared with every other, and similar images "
        "are confirmed pixel by pixel. This is done once; a training does it if it was not done "
        "before.",
        button="Search duplicates",
        icon=":material/content_copy:",
        failed="search",
        submit=lambda: work.submit_duplicates(dataset.name),
    )


def _headline(dataset: Dataset, groups: GroupTables) -> None:
    grid = st.grid(4, min_column_width=190)
    grid.cell().metric(
        "Exact copies excluded",
        f"{len(dataset.doubles):,}",
        help="Files with the same bytes as another file. They are not part of the dataset.",
    )
    grid.cell().metric(
        "Groups of duplicates",
        f"{len(groups.groups):,}",
        help="Different files that show the same film: resized, recompressed, mirrored, turned by up to "
        "5 degrees, brightened, or cropped to 55 % of its area or more. Not every copy is found.",
    )
    grid.cell().metric("Images in these groups", f"{len(groups.members):,}")
    grid.cell().metric(
        "Groups with different classes",
        f"{int(groups.groups['label'].sum()):,}",
        help="The same film in two classes: one of the labels must be wrong.",
    )


def _leaks(dataset: Dataset, found: Duplicates) -> None:
    """What an ordinary split would leak, and what the splits used here leak."""
    st.subheader("Leaks")
    splits = duplicates_cache.splits(dataset, found)
    if isinstance(splits, str):
        st.info(f"Leaks can't be counted: {literal(splits)}", icon=":material/call_split:")
        return
    trainings = "By the published split, which trainings here keep"
    if splits.published is None:
        trainings = "As trainings here divide"
    st.markdown(
        "Divided at random by image, as is often done: "
        f"**{literal(splits.by_image.sentence)}**  \n"
        f"{trainings}: **{literal(splits.default.sentence)}**"
    )
    if splits.default.count:
        st.warning(
            "Models trained with the published split are marked wherever their figures appear. "
            "To divide it again, untick *Keep the published test part* under *More options* of the "
            "training form.",
            icon=":material/warning:",
        )
    named = {
        "Ordinary: by image": splits.by_image,
        "Published": splits.published,
        "By patient and duplicate": splits.by_patient,
    }
    rows = [
        {
            "Split": name + (" (trainings here)" if leaks is splits.default else ""),
            "Test images": f"{leaks.test_images:,}",
            "Patient also in training": f"{leaks.by_patient:,}",
            "Duplicate in training": f"{leaks.by_duplicate:,}",
            "Leaking test images": f"{leaks.count:,} ({100 * leaks.share:.0f} %)",
        }
        for name, leaks in named.items()
        if leaks is not None
    ]
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True, alt="Leaks of each split")
    st.caption(
        f"{splits.by_patient.unproven} Validation images count as training: they choose when "
        "training ends. All splits have the shares and the seed of the training form."
    )
    for name in ("Published", "By patient and duplicate"):
        leaks = named[name]
        if leaks is not None and leaks.count:
            title = f"{name} split: the {plural(leaks.count, 'leaking test image')}"
            with st.expander(title, icon=":material/warning:"):
                leak_pairs.show(leaks, dataset, key=f"{name}_{dataset.name}")


def _groups(dataset: Dataset, tables_: GroupTables) -> None:
    """The groups side by side, those with conflicts first."""
    st.subheader("Groups of duplicates")
    if tables_.groups.empty:
        st.success("No two different files show the same film.", icon=":material/check_circle:")
        return
    groups = _filtered(tables_.groups)
    key = f"groups_{dataset.name}_{len(groups)}"
    place, part = paginate(len(groups), PER_PAGE, key=key)
    with place:
        thumbnails.groups(
            [
                _group(dataset, row, tables_.members[tables_.members["group"] == number])
                for number, row in groups.iloc[part].iterrows()
            ],
            key=f"sheet_{dataset.name}",
            label="Groups of duplicates; choose an image to see it large in the gallery",
        )
    st.caption(
        f"{plural(len(groups), 'group')}. Correlation compares the fine detail after one image was "
        "aligned with the other: 1 means identical. An image similar to two others joins them in "
        "one group. Click an image to see it large in the gallery."
    )
    tables.download(
        "Download the pairs (CSV)", lambda: tables_.pairs, f"{dataset.name}-duplicates.csv"
    )


def _filtered(groups: pd.DataFrame) -> pd.DataFrame:
    """The groups of the chosen kind; only kinds that exist can be chosen."""
    counts = {
        name: len(groups) if column is None else int(groups[column].sum())
        for name, column in FILTERS.items()
    }
    names = [name for name, count in counts.items() if count]
    if len(names) == 1:
        return groups
    chosen = st.segmented_control(
        "Show",
        names,
        default="All",
        required=True,
        key="groups_shown",
        bind="query-params",
    )
    column = FILTERS[chosen]
    return groups if column is None else groups[groups[column]]


def _group(dataset: Dataset, row: pd.Series, members: pd.DataFrame) -> Group:
    correlation = f"{row['lowest']:.2f}"
    if f"{row['highest']:.2f}" != correlation:
        correlation += f" to {row['highest']:.2f}"
    title = f"{plural(len(members), 'image')} · correlation {correlation}"
    if len(members) > MOST:
        title += f" · the first {MOST}"
    return Group(
        title,
        tuple(
            Thumbnail(dataset, member["image_id"], thumbnails.description(member))
            for _, member in members.head(MOST).iterrows()
        ),
        tuple(text for column, text in FLAGS.items() if row[column]),
    )


def _copies(dataset: Dataset) -> None:
    """The files that the dataset excludes because their content occurs before."""
    copies = dataset.doubles
    if copies.empty:
        return
    st.subheader("Exact copies excluded")
    conflicts = int((copies["reason"] == "other label").sum())
    if conflicts:
        st.caption(
            f":material/warning: {plural(conflicts, 'file')} excluded: the same content "
            "occurs in different classes, and nobody knows which is right."
        )
    with st.expander(f"The {plural(len(copies), 'file')}"):
        kept = dataset.table.set_index("image_id")["path"]
        heads = {
            "path": "File",
            "label": "Class",
            "split": "Published split",
            "reason": "Reason",
            "kept": "Kept instead",
        }
        shown = copies.assign(kept=copies["image_id"].map(kept).fillna("none"))[list(heads)]
        tables.table(
            shown.dropna(axis="columns", how="all").rename(columns=heads),
            alt="Files excluded because they are exact copies",
        )
    tables.download("Download the list (CSV)", lambda: copies, f"{dataset.name}-exact-copies.csv")


main()
