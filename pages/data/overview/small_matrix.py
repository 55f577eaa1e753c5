"""The confusion matrix of the best run, to read; the Compare page has those to click."""

import html

import streamlit as st

from pages.shared.entries import Entry
from pages.shared.text import literal

_STYLE = """<style>
.matrix { border-collapse: separate; border-spacing: 2px; font-size: .85rem; }
.matrix th { font-weight: 400; text-align: right; padding: 0 .4rem; max-width: 7rem; }
.matrix tr:first-child th { text-align: center; }
.matrix td { min-width: 3.4rem; height: 1.7rem; text-align: center; border-radius: .2rem;
  background: color-mix(in srgb, #0072b2 calc(var(--share) * 45%), transparent); }
</style>"""


def show(entry: Entry) -> None:
    """Draw the counts; the colour is the share of the true class."""
    st.markdown("**Confusion matrix of the first in the table**")
    head = "".join(f"<th>{html.escape(name)}</th>" for name in entry.classes)
    rows = []
    for name, counts in zip(entry.classes, entry.test.confusion, strict=True):
        whole = sum(counts) or 1
        cells = "".join(f'<td style="--share:{n / whole:.3f}">{n:,}</td>' for n in counts)
        rows.append(f"<tr><th>{html.escape(name)}</th>{cells}</tr>")
    st.html(f'{_STYLE}<table class="matrix"><tr><th></th>{head}</tr>{"".join(rows)}</table>')
    st.caption(f"{literal(entry.title)}. Rows: truth. Columns: answer. Colour: share of the row.")
