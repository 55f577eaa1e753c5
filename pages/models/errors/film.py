"""One film: what every model says about it, what is known of it, what people say about it."""

import html
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from cxrcore import mistakes
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from pages.header import header
from pages.shared import cache, thumbnails
from pages.shared.entries import Entry
from pages.shared.text import literal

_STYLE = """<style>
.said { width: 100%; font-size: .85rem; border-spacing: 0 .25rem; }
.said th { text-align: left; font-weight: 400; opacity: .85; }
.said td { padding-right: .5rem; vertical-align: top; overflow-wrap: anywhere; }
.said i { display: inline-block; width: .7rem; height: .7rem; border-radius: 2px; }
</style>"""


def show(image_id: str, row: pd.Series, entries: Sequence[Entry], dataset: Dataset) -> None:
    """Draw the film into the container that is open.

    Args:
        image_id: of a film of the dataset.
        row: of `Mistakes.films`.
        entries: the runs.
        dataset: of the film.
    """
    known = dataset.table.iloc[cache.places(dataset)[image_id]]
    try:
        picture = cache.large_image(dataset, image_id)
        st.image(picture, width="stretch", alt=f"Chest X-ray of class {row['label']}")
    except CxrError as error:
        st.warning(literal(str(error)))
    st.html(_said(row, entries))
    if pd.notna(row["suspect"]):
        st.warning(f"By all models together it may be **{literal(row['suspect'])}**.")
    st.caption(literal(" · ".join(_facts(image_id, known, dataset))))
    target = {"dataset": dataset.name, "image": image_id}
    runs = ",".join(entry.name for entry in entries if entry.runs[0].has_network)
    st.page_link(
        thumbnails.LIVE,
        label="Where the models looked: live prediction",
        icon=":material/visibility:",
        query_params=target | {"runs": runs},
    )
    if not header.presenting():
        _note(image_id, dataset)


def _said(row: pd.Series, entries: Sequence[Entry]) -> str:
    lines = []
    for entry in entries:
        answer = row[f"answer[{entry.name}]"]
        right = answer == row["label"]
        of_label = "" if right else f"{row[f'of_label[{entry.name}]']:.0%}"
        lines.append(
            f'<tr><td><i style="background:{html.escape(entry.colour)}"></i> '
            f"{html.escape(entry.title)}</td><td>{'✓' if right else '✗'} {html.escape(answer)} "
            f"{row[f'of_answer[{entry.name}]']:.0%}</td><td>{of_label}</td></tr>"
        )
    head = f"<tr><th>Model</th><th>Answer</th><th>{html.escape(row['label'])}</th></tr>"
    return f'{_STYLE}<table class="said">{head}{"".join(lines)}</table>'


def _facts(image_id: str, known: pd.Series, dataset: Dataset) -> list[str]:
    """Its file, class, source, size and quality."""
    facts = [str(known["path"]), f"labelled {known['label']}"]
    facts += [f"{name} {known[name]}" for name in ("source", "view") if pd.notna(known[name])]
    facts.append(f"{known['width']} × {known['height']} px")
    measured = cache.index(dataset)
    if measured is not None:
        scores = measured.table.loc[measured.table["image_id"] == image_id, "brisque"]
        if len(scores) and pd.notna(scores.iloc[0]):
            facts.append(f"BRISQUE {scores.iloc[0]:.0f}")
    return facts


def _note(image_id: str, dataset: Dataset) -> None:
    """Tags and a note, saved as soon as they are changed."""
    said = mistakes.notes(dataset.name).get(image_id, mistakes.FilmNote())
    tags, text = f"tags_{image_id}", f"note_{image_id}"
    st.pills(
        "Why might a model fail on it?",
        list(mistakes.TAGS),
        selection_mode="multi",
        default=list(said.tags),
        format_func=mistakes.TAGS.__getitem__,
        key=tags,
        on_change=lambda: _save(dataset, image_id, tags=tuple(st.session_state[tags])),
    )
    st.text_area(
        "Note",
        said.text,
        max_chars=500,
        height=68,
        key=text,
        on_change=lambda: _save(dataset, image_id, text=st.session_state[text]),
    )


def _save(dataset: Dataset, image_id: str, **changes: object) -> None:
    try:
        mistakes.note(dataset.name, image_id, **changes)
        st.toast("Saved.", icon=":material/check:")
    except CxrError as error:
        st.toast(literal(str(error)), icon=":material/error:")
