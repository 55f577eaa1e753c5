"""What may be corrected before X-rays are added: the layout, the columns, the classes."""

import json
import re
from collections.abc import Mapping
from typing import Any

import streamlit as st

from cxrcore import datasets
from cxrcore.datasets import Dataset, Table
from cxrcore.errors import CxrError
from pages.shared.text import shown

_TABLE, _FOLDERS = "csv", "folders"
_LAYOUTS = {
    "": "Recognise it",
    _TABLE: "A table names the images and their classes",
    _FOLDERS: "Each folder is a class",
}
_COLUMNS = {  # option -> what it is called here
    "path": "File of the image",
    "patient_id": "Patient",
    "source": "Hospital or collection",
    "view": "View (PA, AP, L)",
    "modality_column": "X-ray or CT",
    "split": "Published split",
    "mask": "File of the lung mask",
}
_SEVERAL = {
    "": "ask",
    "one": "leave such images out",
    "priority": "the first of an order counts",
    "whole": "each combination is a class",
}
_UNCERTAIN = {
    "": "ask",
    "out": "leave such images out",
    "positive": "present",
    "negative": "absent",
}


def look(path: str, layout: str | None, options: Mapping[str, Any]) -> Dataset:
    """The dataset as it would be added, kept for a minute.

    Raises:
        DatasetError: as for `datasets.proposed`.
    """
    return _look(path, layout, json.dumps(options, sort_keys=True))


@st.cache_resource(max_entries=8, ttl=60, show_spinner="Reading the files…")
def _look(path: str, layout: str | None, options: str) -> Dataset:
    return datasets.proposed("this folder", path, layout, json.loads(options))


def without_commands(text: str) -> str:
    """A message without what is only to be typed in a terminal.

    >>> without_commands("Choose: --option several=one, or --layout folders.")
    'Choose: several=one, or the layout folders.'
    """
    text = re.sub(r" Name it: python -m cxrcore data add .*?(?= Or, |$)", "", text)
    return text.replace("--option ", "").replace("--layout ", "the layout ")


def mapping(tables: list[Table]) -> tuple[str | None, dict[str, Any]]:
    """The layout and the columns that are chosen."""
    others = [name for name in datasets.LAYOUTS if name not in (_TABLE, _FOLDERS, "merged")]
    chosen_layout = st.selectbox(
        "How the files lie",
        [*_LAYOUTS, *others],
        format_func=lambda name: _LAYOUTS.get(name, f"As published: {name}"),
        key="add_layout",
    )
    layout = chosen_layout or None
    if layout == _FOLDERS or (layout == _TABLE and tables):
        constant = st.text_input(
            "One class for all images", key="add_constant", help="Instead of columns or folders."
        ).strip()
        chosen = {"constant_label": constant} if constant else {}
        return layout, {**chosen, **(_columns(tables) if layout == _TABLE else {})}
    return layout, {}


def _columns(tables: list[Table]) -> dict[str, Any]:
    """The tables and their columns, as told by their names until somebody corrects it."""
    readable = [table for table in tables if table.columns]
    if not readable:
        return {}
    files = st.multiselect(
        "Tables",
        [table.file for table in readable],
        default=[readable[0].file],
        help="Several of one form are put together; their names tell the split.",
        key="add_files",
    )
    table = next((table for table in readable if table.file in files), readable[0])
    names = [column.name for column in table.columns]
    roles = {
        column.role.replace("modality", "modality_column"): column.name for column in table.columns
    }
    labels = st.multiselect(
        "Class",
        names,
        default=[column.name for column in table.columns if column.role.startswith("label")],
        help="One column, or one a class with 1 (present), 0 and -1 (uncertain).",
        key=f"add_label_{table.file}",
    )
    cells = st.columns(3)
    chosen: dict[str, Any] = {"file": ",".join(files), "label": ",".join(labels)}
    for number, (option, title) in enumerate(_COLUMNS.items()):
        chosen[option] = cells[number % 3].selectbox(
            title,
            ["", *names],
            index=names.index(roles[option]) + 1 if option in roles else 0,
            format_func=lambda name: shown(name) or "none",
            key=f"add_{option}_{table.file}",
        )
    return {option: value for option, value in chosen.items() if value}


def classes(path: str, layout: str | None, mapped: Mapping[str, Any]) -> dict[str, Any]:
    """What is chosen about classes: which, of several, uncertain ones, one against the rest.

    Raises:
        DatasetError: the further options are not of the form KEY=VALUE.
    """
    known, several = _known(path, layout, mapped)
    options: dict[str, Any] = {}
    with st.container(border=True):
        st.markdown("**Classes**")
        left, right = st.columns(2)
        options["against_rest"] = left.selectbox(
            "One class against the rest", known, index=None, format_func=shown, key="add_rest"
        )
        options["classes"] = right.multiselect(
            "Only these classes", known, format_func=shown, key="add_classes"
        )
        if several:
            options["several"] = left.selectbox(
                "Images with several findings",
                list(_SEVERAL),
                format_func=_SEVERAL.__getitem__,
                key="add_several",
            )
            options["uncertain"] = right.selectbox(
                "Uncertain findings count as",
                list(_UNCERTAIN),
                format_func=_UNCERTAIN.__getitem__,
                key="add_uncertain",
            )
            if options["several"] == "priority":
                options["priority"] = st.multiselect(
                    "Order of the classes", known, format_func=shown, key="add_priority"
                )
        if st.checkbox("Class names that differ only by case, blanks or look-alikes are one"):
            options["spellings"] = "merge"
        further = st.text_input(
            "Further options",
            placeholder="rename=OLD:NEW; views=PA,AP; modality=xray",
            help="As for the command `data add`, separated by semicolons.",
            key="add_further",
        )
        options |= datasets.parse_options(part for part in further.split(";") if part.strip())
    return {option: value for option, value in options.items() if value}


def _known(path: str, layout: str | None, mapped: Mapping[str, Any]) -> tuple[list[str], bool]:
    """The classes before anything is chosen, and whether images may have several."""
    undecided = {"several": "whole", "uncertain": "positive"}
    for kind, extra in ((layout, {}), (layout, undecided), (layout or _FOLDERS, {})):
        try:
            dataset = look(path, kind, {**mapped, **extra})
        except CxrError:
            continue
        parts = {p for label in dataset.classes for p in (label.split("|") if extra else [label])}
        return sorted(parts), bool(extra)
    return [], False
