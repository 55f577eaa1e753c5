"""The table of the compared runs: ranks, every metric with its interval, what a run costs."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from cxrcore import files, lungs, store
from cxrcore.comparison import Comparison
from cxrcore.datasets import Dataset
from cxrcore.figures import bar_axis, interval_bar, swatch
from cxrcore.metrics import Metric, select
from cxrcore.metrics import column as column_of
from cxrcore.models.fields import WEIGHTS_NAMES
from pages.models.compare import metric_columns
from pages.shared import reported, run_marks, tables
from pages.shared.entries import Entry, Family
from pages.shared.selection import Question

_BAR = ", 95 %"
_MENU = ["Rename, tags and notes", "Delete …"]


def show(
    entries: Sequence[Entry],
    found: Comparison | None,
    intervals: pd.DataFrame,
    question: Question,
    dataset: Dataset,
    on_menu: Callable[[Entry, str], None] | None,
) -> None:
    """Draw the table and its download.

    Args:
        entries: in the order of the rows.
        found: their comparison on the question; None where they have nothing in common.
        intervals: as `comparison.intervals`, with the metrics of maps.
        question: whose column comes first.
        dataset: for what was published.
        on_menu: called with an entry and the chosen line of its menu; None: no menus.
    """
    classes = list(dict.fromkeys(name for entry in entries for name in entry.classes))
    columns = _metric_columns(question, classes)
    table = _ranked(entries, found)
    colours = {entry.name: entry.colour for entry in entries}
    stamp = (*store.stamp(), *lungs.stamp())
    metrics = _metrics(tuple(colours.items()), question, tuple(classes), stamp, intervals)
    differing = store.varying(dataset.name, list(table.index))
    table = pd.concat([table, metrics, _costs(entries, dataset), differing], axis=1)
    configs: dict[str, Any] = _configs()
    for name, metric, hidden in columns:
        title = metric_columns.title(name)
        configs[f"{title}{_BAR}"] = _bar_config(metric, hidden)
        configs[title] = metric_columns.number(metric, hidden=hidden)
    table.insert(0, " ", [swatch(entry.colour) for entry in entries])
    if on_menu:
        table.insert(1, "Menu", [_MENU] * len(entries))
        configs["Menu"] = st.column_config.ButtonColumn(
            "", type="tertiary", width=44, pinned=True, key="row_menu"
        )
    st.dataframe(
        table,
        hide_index=True,
        column_config=configs,
        placeholder="–",
        row_height=34,
        key=f"leaderboard_{question.column}",
        alt="The compared runs, the best first, with their ranks and metrics",
    )
    click = st.session_state.get("row_menu")
    if on_menu and click:
        on_menu(entries[click["row"]], click["label"])


def download(entries: Sequence[Entry], found: Comparison | None, intervals: pd.DataFrame) -> None:
    """A button that downloads ranks, metrics and interval ends as plain columns."""
    ranks = _ranks(found)

    def data() -> pd.DataFrame:
        plain = pd.DataFrame({"title": {entry.name: entry.title for entry in entries}})
        for place, column in enumerate(("best_rank", "worst_rank")):
            plain[column] = [ranks[name][place] if name in ranks else None for name in plain.index]
        return plain.join(intervals).rename_axis("run").reset_index()

    tables.download("Download the table (CSV)", data, "comparison.csv")


def _metric_columns(question: Question, classes: Sequence[str]) -> list[tuple[str, Metric, bool]]:
    """Column, metric, and whether it is hidden at first; the question before all others."""
    found = [(metric.name, metric) for metric in select("confusion", "predictions", "maps")]
    for metric in select("confusion", "predictions", scope="class"):
        found += [(column_of(metric, name), metric) for name in classes]
    found.sort(key=lambda item: item[0] != question.column)
    asked = question.column
    return [(name, metric, not metric.shown and name != asked) for name, metric in found]


def _ranks(found: Comparison | None) -> dict[str, tuple[int, int]]:
    """The best and the worst rank of each run that has them."""
    return {figure.name: figure.ranks for figure in found.figures if figure.ranks} if found else {}


def _ranked(entries: Sequence[Entry], found: Comparison | None) -> pd.DataFrame:
    """Rank and title, one row an entry."""
    names, ranks = [entry.name for entry in entries], _ranks(found)
    table = pd.DataFrame({"Rank": [_rank(ranks.get(name)) for name in names]}, index=names)
    table["Run"] = [entry.title for entry in entries]
    if any(isinstance(entry.item, Family) for entry in entries):
        table["Runs"] = [_members(entry) for entry in entries]
    return table


def _rank(ranks: tuple[int, int] | None) -> str:
    if ranks is None:
        return "–"
    best, worst = ranks
    return str(best) if best == worst else f"{best}–{worst}"


def _members(entry: Entry) -> str:
    return entry.item.summary.members if isinstance(entry.item, Family) else "1 run"


# Drawn once for as long as no run changes: hundreds of bars, most of them in hidden columns.
@st.cache_resource(max_entries=16, show_spinner=False)
def _metrics(
    colours: tuple[tuple[str, str], ...],
    question: Question,
    classes: tuple[str, ...],
    stamp: files.Stamp,  # noqa: ARG001 - part of the key
    _intervals: pd.DataFrame,
) -> pd.DataFrame:
    """Each metric as a bar with its interval and as a number, one row an entry."""
    table = _intervals.reindex([name for name, _ in colours])
    found: dict[str, Any] = {}
    for name, metric, _ in _metric_columns(question, classes):
        title = metric_columns.title(name)
        ends = table.reindex(columns=[f"{name}{end}" for end in ("", "_low", "_high")])
        rows = [[_known(value) for value in row] for row in ends.itertuples(index=False)]
        axis = bar_axis([value for row in rows for value in row], metric.bounds)
        found[f"{title}{_BAR}"] = [
            interval_bar(value, low, high, axis, colour)
            for (value, low, high), (_, colour) in zip(rows, colours, strict=True)
        ]
        found[title] = pd.array([row[0] for row in rows], dtype="Float64")
    return pd.DataFrame(found, index=table.index)


def _known(value: float | None) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _costs(entries: Sequence[Entry], dataset: Dataset) -> pd.DataFrame:
    """What a run takes, where it comes from, and what to know before trusting it."""
    first = {entry.name: entry.runs[0] for entry in entries}
    table = pd.DataFrame(index=list(first))
    for metric in select("run"):
        values = [[metric.compute(run) for run in entry.runs] for entry in entries]
        table[metric.symbol] = [
            None if None in each else sum(each) / (1 if metric.summed else len(each))
            for each in values
        ]
    table["Leaks"] = [_leaks(entry) for entry in entries]
    table["Published"] = [reported.accuracy(run.recipe.name, dataset) for run in first.values()]
    table["Starts from"] = [_start(run.recipe.name, run.weights_used) for run in first.values()]
    table["Trained"] = pd.to_datetime([run.created for run in first.values()])
    table["Id"] = list(first)
    return table


def _leaks(entry: Entry) -> str:
    if any(run.imported for run in entry.runs):
        return "imported"
    if any(run.leaks is None for run in entry.runs):
        return "not checked"
    leaking = sum(run.leaks.count for run in entry.runs if run_marks.leaking(run) and run.leaks)
    return f"⚠ {leaking:,} images" if leaking else "none"


def _start(recipe: str, used: str) -> str:
    if published := store.missing_pretraining(recipe, used):
        return f"⚠ {used} (published: {WEIGHTS_NAMES.get(published, published)})"
    return WEIGHTS_NAMES.get(used, used)


def _bar_config(metric: Metric, hidden: bool) -> ColumnConfig:
    config = st.column_config.ImageColumn(
        width=160, help=f"{metric.help} The line is the 95 % interval."
    )
    config["hidden"] = hidden
    return config


def _configs() -> dict[str, ColumnConfig]:
    text = st.column_config.TextColumn
    configs: dict[str, ColumnConfig] = {
        " ": st.column_config.ImageColumn(width=30, pinned=True),
        "Rank": text(
            width=60,
            pinned=True,
            help="From 1 plus the runs that are proven better to all minus those proven worse, on "
            "the chosen metric. Runs that share ranks cannot be told apart on these images.",
        ),
        "Run": text(width=tables.TITLE_WIDTH, pinned=True),
        "Published": st.column_config.NumberColumn(
            format="%.3f",
            help="Accuracy that the study reported on its own images; its caveat is in the report "
            "below.",
        ),
        "Leaks": text(
            help="Test images known from training, where the same patient or a duplicate is: the "
            "metrics of the run are too good. Not checked: trained before leaks were counted. "
            "Imported: what the weights were trained on is unknown."
        ),
        "Starts from": text(
            help="The weights before the training. ⚠: random weights where the study used "
            "pretrained ones; the metrics then say little about the published model."
        ),
        "Trained": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm"),
    }
    configs["Id"] = text(help="As in links, files and commands.")
    configs["Id"]["hidden"] = True
    return configs | {metric.symbol: metric_columns.number(metric) for metric in select("run")}
