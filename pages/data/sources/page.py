"""Public datasets page: the collections that the studies used, and the commands that fetch them."""

import pandas as pd
import streamlit as st

from cxrcore import datasets
from cxrcore.datasets import collections, retrieval
from cxrcore.datasets.collections import Archive, ByHand, Collection
from pages.shared import charts, tables
from pages.shared.text import literal

NOT_STATED = "not stated"


def main() -> None:
    """Draw the page."""
    st.title("Public datasets")
    st.markdown(
        "The collections that the published studies used. Type the command in a terminal, in this "
        "project's folder: it downloads, checks, unpacks and registers the collection, and resumes "
        "where it was interrupted. Without internet it says which file to bring and where to put "
        "it. This page itself downloads nothing."
    )
    st.caption(
        ":material/balance: Each collection has its own licence and asks to be cited. Many contain "
        "the same images: read *Notes* before you test on one what was trained on another."
    )
    entries = {entry.name: entry for entry in datasets.registered()}
    cards = charts.halves()
    for collection in collections.COLLECTIONS.values():
        with cards.cell(), st.container(border=True):
            _card(collection, entries.get(collection.name))
    _download()


def _card(collection: Collection, entry: datasets.Entry | None) -> None:
    st.subheader(collection.title, anchor=collection.name)
    _state(collection, entry)
    st.markdown(collection.what)
    st.table(
        _properties(collection),
        border="horizontal",
        hide_header=True,
        alt=f"Properties of {collection.title}",
    )
    if entry is None:
        _command(collection)
    elif st.button(
        "Open in the gallery", key=f"open_{collection.name}", icon=":material/photo_library:"
    ):
        st.session_state["next_dataset"] = collection.name
        st.switch_page("pages/data/gallery/page.py")
    with st.expander("Notes, and how to cite it"):
        for note in collection.notes:
            st.markdown(f"- {note}")
        st.markdown(f"**Cite:** {literal(collection.citation)}")
        st.link_button("Home page", collection.home, icon=":material/open_in_new:", type="tertiary")


def _state(collection: Collection, entry: datasets.Entry | None) -> None:
    """Whether the collection is on this computer."""
    if entry is None and retrieval.archive_at(collection.name):
        st.badge("Downloaded, not unpacked yet", icon=":material/folder_zip:", color="orange")
    elif entry is None:
        st.badge("Not on this computer", icon=":material/cloud_download:", color="gray")
    elif entry.path.is_dir():
        st.badge("On this computer", icon=":material/check:", color="green")
        st.caption(literal(str(entry.path)))
    else:
        st.badge("Registered, but its folder is gone", icon=":material/error:", color="red")
        st.caption(literal(str(entry.path)))


def _properties(collection: Collection) -> dict[str, str]:
    properties = {
        "Images": f"{collection.images:,}" if collection.images else NOT_STATED,
        "Classes": collection.class_list(),
        "Kind": collection.modality,
        "Masks": collection.masks or "none",
        "Download": collection.size or f"size {NOT_STATED}",
        "Licence": collection.licence or f"{NOT_STATED}: see its home page before you use it",
        "Used in": collection.studies or "none of the five studies; a common small collection",
        "Layout": collection.layout,
    }
    return {name: literal(text) for name, text in properties.items()}


def _command(collection: Collection) -> None:
    """What to type to fetch the collection."""
    command = f"python -m cxrcore data fetch {collection.name}"
    how = collection.how
    if isinstance(how, ByHand):
        st.code("\n".join((*how.commands, command)), language="bash", wrap_lines=True)
        return
    st.code(command, language="bash", wrap_lines=True)
    if not isinstance(how, Archive):
        st.caption("This needs Kaggle's own package: `pip install kagglehub` first.")
    with st.popover("Without internet"):
        st.markdown(literal(retrieval.by_hand(collection)))


def _download() -> None:
    rows = [
        {
            "name": c.name,
            "title": c.title,
            "images": c.images,
            "classes": c.class_list(),
            "modality": c.modality,
            "bytes": c.size_bytes,
            "licence": c.licence,
            "citation": c.citation,
            "home": c.home,
            "layout": c.layout,
            "by": c.how.word,
        }
        for c in collections.COLLECTIONS.values()
    ]
    table = pd.DataFrame(rows).astype({"images": "Int64", "bytes": "Int64"})
    tables.download("Download this list (CSV)", lambda: table, "public-datasets.csv")


main()
