"""Public datasets page: what the studies used, and what to type to have it. It downloads nothing."""

import pandas as pd
import streamlit as st

from cxrcore import datasets
from cxrcore.datasets import collections, retrieval
from cxrcore.datasets.collections import Archive, ByHand, Collection
from pages.shared import charts
from pages.shared.text import literal

NOT_STATED = "not stated"


def main() -> None:
    """Draw the page."""
    st.title("Public datasets")
    st.markdown(
        "The collections that the published studies used. Type the command in a terminal, in this "
        "project's folder: it downloads, checks, unpacks and registers the collection, and goes on where "
        "it was interrupted. Without internet it says which file to bring and where to put it. "
        "Nothing is downloaded from this page."
    )
    st.caption(
        ":material/balance: Each collection has its own licence and asks to be cited. Many hold the same "
        "images: read *What to know* before you test on one what was trained on another."
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
        _facts(collection),
        border="horizontal",
        hide_header=True,
        alt=f"Facts about {collection.title}",
    )
    if entry is None:
        _how(collection)
    elif st.button(
        "Open in the gallery", key=f"open_{collection.name}", icon=":material/photo_library:"
    ):
        st.session_state["next_dataset"] = collection.name
        st.switch_page("pages/data/gallery/page.py")
    with st.expander("What to know, how to cite it"):
        for note in collection.notes:
            st.markdown(f"- {note}")
        st.markdown(f"**Cite:** {literal(collection.citation)}")
        st.link_button("Home page", collection.home, icon=":material/open_in_new:", type="tertiary")


def _state(collection: Collection, entry: datasets.Entry | None) -> None:
    """Whether it is on this computer."""
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


def _facts(collection: Collection) -> dict[str, str]:
    facts = {
        "Images": f"{collection.images:,}" if collection.images else NOT_STATED,
        "Classes": collection.class_list(),
        "Kind": collection.modality,
        "Masks": collection.masks or "none",
        "Download": collection.size or f"size {NOT_STATED}",
        "Licence": collection.licence or f"{NOT_STATED}: see its home page before you use it",
        "Used in": collection.studies or "none of the five studies; a common small set",
        "Layout": collection.layout,
    }
    return {name: literal(text) for name, text in facts.items()}


def _how(collection: Collection) -> None:
    command = f"python -m cxrcore data fetch {collection.name}"
    how = collection.how
    if isinstance(how, ByHand):
        st.code("\n".join((*how.commands, command)), language="bash", wrap_lines=True)
        return
    st.code(command, language="bash", wrap_lines=True)
    if not isinstance(how, Archive):
        st.caption("Kaggle's own package does it: `pip install kagglehub` first.")
    with st.popover("Without internet here"):
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
    st.download_button(
        "Download this list (CSV)",
        lambda: (
            pd.DataFrame(rows).astype({"images": "Int64", "bytes": "Int64"}).to_csv(index=False)
        ),
        "public-datasets.csv",
        "text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )


main()
