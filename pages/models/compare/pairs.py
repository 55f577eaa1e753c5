"""Every pair of the compared runs: difference, interval, p, and a sentence."""

import html
from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from cxrcore import comparison
from cxrcore.comparison import Comparison, Pair
from cxrcore.metrics import METRICS
from pages.shared import tables
from pages.shared.entries import Entry
from pages.shared.text import literal

_MOST_IN_MATRIX = 8  # runs; more do not fit the width

_STYLE = """<style>
.pairs { border-collapse: separate; border-spacing: 3px; font-size: .85rem; }
.pairs th { font-weight: 500; text-align: left; padding: .2rem .5rem; max-width: 11rem; }
.pairs td { padding: .25rem .6rem; border-radius: .3rem; text-align: center; white-space: nowrap;
  background: color-mix(in srgb, currentColor 5%, transparent); }
.pairs td.better { background: color-mix(in srgb, #0072b2 26%, transparent); }
.pairs td.worse { background: color-mix(in srgb, #d55e00 26%, transparent); }
.pairs td small { display: block; opacity: .85; }
</style>"""


def show(found: Comparison, entries: Sequence[Entry]) -> None:
    """Draw the matrix of pairs, a sentence for each, and a download."""
    if not found.pairs:
        return
    titles = {entry.name: entry.title for entry in entries}
    metric = METRICS[found.metric]
    st.subheader("Every pair")
    what = literal(f"{metric.title} {found.class_name}")
    st.caption(
        f"Difference in {what}, row minus column, with its 95 % interval, on the same "
        f"{found.relevant:,} images. p after Holm over all pairs. Blue: the row is "
        "proven better. Orange: proven worse."
    )
    names = [figure.name for figure in found.figures]
    if len(names) <= _MOST_IN_MATRIX:
        _matrix(found, names, titles)
    with st.expander("In words", expanded=len(names) > _MOST_IN_MATRIX):
        for pair in found.pairs:
            st.text(comparison.sentence(pair, found, titles))
        tables.download("Download the pairs (CSV)", lambda: frame(found, titles), "pairs.csv")


def frame(found: Comparison, titles: Mapping[str, str]) -> pd.DataFrame:
    """The pairs as plain columns."""
    table = pd.DataFrame([pair.model_dump() for pair in found.pairs])
    for column in ("first", "second"):
        table.insert(0, f"{column}_title", table[column].map(titles))
    return table


def _matrix(found: Comparison, names: Sequence[str], titles: Mapping[str, str]) -> None:
    pairs = {(pair.first, pair.second): pair for pair in found.pairs}
    digits = METRICS[found.metric].format
    head = "".join(f"<th>{html.escape(titles[name])}</th>" for name in names)
    rows = []
    for row in names:
        cells = "".join(_cell(pairs, row, column, digits) for column in names)
        rows.append(f"<tr><th>{html.escape(titles[row])}</th>{cells}</tr>")
    table = f'<table class="pairs"><tr><th></th>{head}</tr>{"".join(rows)}</table>'
    st.html(f'{_STYLE}<div style="overflow-x: auto">{table}</div>')


def _cell(pairs: Mapping[tuple[str, str], Pair], row: str, column: str, digits: str) -> str:
    if row == column:
        return "<td>·</td>"
    pair, sign = pairs.get((row, column)), 1
    if pair is None:
        pair, sign = pairs[column, row], -1
    if pair.difference is None:
        return "<td>–</td>"
    low, high = pair.low, pair.high
    if sign < 0 and low is not None and high is not None:
        low, high = -high, -low
    kind = "" if pair.better is None else "better" if pair.better == row else "worse"
    interval = (
        "" if low is None or high is None else f"<small>{low:+{digits}} to {high:+{digits}}</small>"
    )
    p = "" if pair.adjusted is None else f"<small>p {_p(pair.adjusted)}</small>"
    difference = sign * pair.difference + 0.0  # never minus zero
    return f'<td class="{kind}">{difference:+{digits}}{interval}{p}</td>'


def _p(p: float) -> str:
    return "&lt; 0.001" if p < 0.001 else f"= {p:.3f}" if p < 0.1 else f"= {p:.2f}"
