"""The table of the best runs, with intervals and the ranks that they may have."""

import html
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from cxrcore.comparison import Comparison
from cxrcore.figures import bar_axis, interval_bar
from cxrcore.metrics import METRICS
from pages.shared import comparisons, run_marks
from pages.shared.entries import Entry

_STYLE = """<style>
.runs { border-collapse: collapse; width: 100%; font-size: .92rem; }
.runs th { font-weight: 500; text-align: left; opacity: .75; padding: .3rem .5rem .3rem 0; }
.runs td { padding: .45rem .5rem .45rem 0; vertical-align: middle;
  border-top: 1px solid color-mix(in srgb, currentColor 14%, transparent); }
.runs i { display: inline-block; width: .7rem; height: .7rem; border-radius: .15rem; margin-right: .4rem; }
.runs td.number { white-space: nowrap; font-variant-numeric: tabular-nums; }
.runs img { vertical-align: middle; width: 128px; margin-right: .5rem; }
.runs small { opacity: .75; }
</style>"""


def show(entries: Sequence[Entry], found: Comparison, of: int) -> None:
    """Draw the runs, the best first, on the metric in question and on accuracy.

    Args:
        entries: the compared runs and families, the best first.
        found: their comparison on the metric in question.
        of: how many there are in all.
    """
    chosen = of > len(entries)
    st.subheader(f"The {len(entries)} most accurate of {of} models" if chosen else "Models")
    names = [entry.name for entry in entries]
    columns = {(found.metric, found.class_name): found, ("accuracy", ""): None}
    table = comparisons.intervals(names, found.metric, found.class_name)
    heads, cells = ["Rank", "Run"], [_ranks(found), _titles(entries)]
    for metric, class_name in columns:
        heads.append(f"{comparisons.name_of(metric, class_name)}, 95 %")
        cells.append(_bars(entries, table, metric, class_name))
    if any(shares := [_in_lungs(entry) for entry in entries]):
        heads.append("Maps in the lungs")
        cells.append([f'<td class="number">{share or "–"}</td>' for share in shares])
    rows = "".join(f"<tr>{''.join(row)}</tr>" for row in zip(*cells, strict=True))
    head = "".join(f"<th>{html.escape(text)}</th>" for text in heads)
    st.html(f'{_STYLE}<table class="runs"><tr>{head}</tr>{rows}</table>')
    if len(entries) > 1:
        flattered = " The best of many on the same test images look a little better than they are."
        st.caption(
            "A range of ranks: nothing closer can be proven on these images. The line is the 95 % "
            f"interval.{flattered if chosen else ''}"
        )


def _ranks(found: Comparison) -> list[str]:
    texts = []
    for figure in found.figures:
        best, worst = figure.ranks or ("–", "–")
        texts.append(f'<td class="number">{best if best == worst else f"{best}–{worst}"}</td>')
    return texts


def _titles(entries: Sequence[Entry]) -> list[str]:
    return [
        f'<td><i style="background:{entry.colour}"></i>{html.escape(entry.title)}'
        f"<small> {html.escape(', '.join(run_marks.marks(*entry.runs)))}</small></td>"
        for entry in entries
    ]


def _in_lungs(entry: Entry) -> str:
    """How much of a run's maps lies inside the lungs; "" where that is not known."""
    if len(entry.runs) > 1 or (share := entry.runs[0].lung_share) is None:
        return ""
    said = html.escape(share.sentence)
    return (
        f'<span title="{said}">{share.mean:.0%}<br><small>{share.area:.0%} by chance</small></span>'
    )


def _bars(entries: Sequence[Entry], table: pd.DataFrame, metric: str, class_name: str) -> list[str]:
    name = f"{metric}[{class_name}]" if class_name else metric
    rows = [
        [
            None if pd.isna(value := table.at[entry.name, f"{name}{end}"]) else float(value)
            for end in ("", "_low", "_high")
        ]
        for entry in entries
    ]
    axis = bar_axis([value for row in rows for value in row], METRICS[metric].bounds)
    cells = []
    for entry, (value, low, high) in zip(entries, rows, strict=True):
        reach = "" if low is None or high is None else f"{low:.2f} to {high:.2f}"
        text = "–" if value is None else f"{value:.2f}"
        cells.append(
            f'<td class="number"><img src="{interval_bar(value, low, high, axis, entry.colour)}" '
            f'alt="95 % interval {reach}" title="{reach}">{text}</td>'
        )
    return cells
