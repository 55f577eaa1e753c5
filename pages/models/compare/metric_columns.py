"""Columns of tables for the metrics of the registry."""

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from cxrcore.metrics import METRICS, Metric


def number(metric: Metric, *, hidden: bool = False) -> ColumnConfig:
    """The column of a metric; a hidden one can be shown by the table's menu of columns."""
    text = "compact" if metric.whole else f"%{metric.format} {metric.unit}".rstrip()
    config = st.column_config.NumberColumn(format=text, help=metric.help)
    config["hidden"] = hidden
    return config


def title(column: str) -> str:
    """The head of a column of `store.list_runs`: "Recall COVID-19" for "recall[COVID-19]"."""
    name, _, label = column.partition("[")
    return f"{METRICS[name].symbol} {label[:-1]}" if label else METRICS[name].symbol


def of(column: str) -> Metric | None:
    """The metric of a column of `store.list_runs`; None for any other column."""
    return METRICS.get(column.partition("[")[0])
