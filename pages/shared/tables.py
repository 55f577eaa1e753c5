"""Tables of numbers, and tables to download."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

TITLE_WIDTH = 360  # pixels of a column of titles: what tells two runs apart often stands at the end


def table(
    data: pd.DataFrame,
    *,
    alt: str,
    formats: Mapping[str, str] | None = None,
    helps: Mapping[str, str] | None = None,
    wide: Sequence[str] = (),
) -> None:
    """Draw a table that can be sorted and searched.

    Args:
        data: the column names are shown as they are.
        alt: what it holds, for those who cannot see it.
        formats: column -> how its numbers are written, such as "%.1f".
        helps: column -> an explanation of its head.
        wide: columns of sentences.
    """
    helps = helps or {}
    columns: dict[str, ColumnConfig] = {
        name: st.column_config.NumberColumn(format=format_, help=helps.get(name))
        for name, format_ in (formats or {}).items()
    }
    columns |= {name: st.column_config.TextColumn(width="large") for name in wide}
    st.dataframe(data, hide_index=True, column_config=columns, alt=alt)


def download(
    label: str, data: Callable[[], pd.DataFrame], name: str, *, key: str | None = None
) -> None:
    """A button that downloads a table as CSV, which is made when it is clicked.

    Args:
        label: of the button.
        data: makes the table.
        name: of the file.
        key: where the same label stands twice on a page.
    """
    st.download_button(
        label,
        lambda: _plain(data()).to_csv(index=False),
        name,
        "text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        key=key,
    )


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Text that a spreadsheet would take for a formula begins with an apostrophe."""
    texts = table.select_dtypes(include=["object", "string"]).columns

    def cell(value: object) -> object:
        formula = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
        return f"'{value}" if formula else value

    return table.assign(**{name: table[name].map(cell) for name in texts})
