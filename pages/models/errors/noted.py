"""What people found: tags counted, and a table to take away."""

import html

import streamlit as st

from cxrcore import mistakes
from cxrcore.datasets import Dataset
from cxrcore.mistakes import film_notes
from pages.shared import tables
from pages.shared.text import plural

_STYLE = """<style>
.tags { font-size: .875rem; border-spacing: 0 .2rem; }
.tags td { padding-right: .6rem; white-space: nowrap; }
.tags i { display: block; height: .7rem; border-radius: 2px; background: #0072b2; }
</style>"""


def show(dataset: Dataset) -> None:
    """Draw how many films have each tag, and the download; nothing where nothing is said.

    Raises:
        StoreError: the notes are damaged.
    """
    said = mistakes.notes(dataset.name)
    if not said:
        st.caption("Open a film to tag it: why might a model fail on it? Tags are counted here.")
        return
    st.subheader("Tagged films")
    counts = film_notes.counts(said)
    most = max(counts.values(), default=1)
    lines = "".join(
        f"<tr><td>{html.escape(title)}</td><td>{films:,}</td>"
        f'<td><i style="width:{12 * films / most:.2f}rem"></i></td></tr>'
        for title, films in counts.items()
    )
    st.html(f'{_STYLE}<table class="tags">{lines}</table>')
    st.caption(f"{plural(len(said), 'film')} with a tag or a note.")
    tables.download(
        "Download tags and notes (CSV)", lambda: film_notes.frame(dataset), "film_notes.csv"
    )
