"""The marks of runs whose figures say less than they seem to, and what is behind them.

Their test images are known from training, their weights were imported, or they started from
random weights although their study did not.
"""

import pandas as pd
import streamlit as st

from cxrcore import store
from cxrcore.datasets import Dataset
from cxrcore.splits import Leak, Leaks
from cxrcore.store import Run
from pages.shared import cache, image_groups
from pages.shared.image_groups import Group, Picture
from pages.shared.text import plural

PAIRS = 12  # leaking images shown with the one they are known from
WHY = {"patient": "Same patient", "duplicate": "Duplicate", "both": "Same patient, duplicate"}


def leaking(run: Run) -> bool:
    """Whether test images of a run are known to be in its training or validation images too."""
    return run.leaks is not None and run.leaks.count > 0


IMPORTED = (
    "Imported weights, not trained here: which images they were trained on is unknown, so that "
    "test images may be among them and figures too good."
)


def badge(*runs: Run) -> str:
    """The badges of a run, or of several told as one, for Markdown beside a figure or a name."""
    text = ""
    if any(run.imported for run in runs):
        text += " :blue-badge[:material/upload_file: imported]"
    if any(leaking(run) and not run.imported for run in runs):
        text += " :orange-badge[:material/warning: leaks]"
    if any(map(store.random_start, runs)):
        text += " :orange-badge[:material/shuffle: random start]"
    return text


def tooltip(run: Run) -> str | None:
    """What the badges mean, for `help=`; None where there is none."""
    said = []
    if run.imported:
        said.append(IMPORTED)
    elif leaking(run) and run.leaks is not None:
        said.append(f"{run.leaks.sentence} Figures are better than they would be on new patients.")
    said.append(store.random_start(run))
    return " ".join(filter(None, said)) or None


def known_by(run: Run, image_id: str) -> str | None:
    """By what a test image of a run is known from training, as a phrase; None if it is not."""
    phrases = {"patient": "its patient", "duplicate": "a duplicate"}
    for leak in run.leaks.found if run.leaks else ():
        if leak.image_id == image_id:
            return phrases.get(leak.why, "its patient and a duplicate")
    return None


def name(shown: str, *runs: Run) -> str:
    """The name of a run, or of several told as one, with the marks: for legends and tabs."""
    marks = ["imported"] if any(run.imported for run in runs) else []
    marks += ["leaks"] if any(leaking(run) and not run.imported for run in runs) else []
    marks += ["random start"] if any(map(store.random_start, runs)) else []
    return f"{shown} ({', '.join(marks)})" if marks else shown


def warning(run: Run) -> None:
    """What a reader must know before the figures of a run; nothing where that is nothing."""
    _leaks_warning(run)
    random_warning(run.run_id, run)


def random_warning(shown: str, *runs: Run) -> None:
    """That a run, or several shown under one name, started from random weights; else nothing."""
    for sentence in dict.fromkeys(filter(None, map(store.random_start, runs))):
        st.warning(f"**{shown}**: {sentence}", icon=":material/shuffle:")


def _leaks_warning(run: Run) -> None:
    if not leaking(run) or run.leaks is None:
        return
    text = f"**{run.run_id}** · leaks: {run.leaks.sentence} "
    measured, clean = run.metrics.get("test"), run.metrics_clean
    if clean is None:
        text += "There are no others to measure on. "
    elif measured is not None:
        text += (
            f"Test accuracy is {measured.accuracy:.3f} on all, **{clean.accuracy:.3f}** on the "
            f"{plural(clean.n, 'image')} that are not. "
        )
    text += "Divide the images anew (More options of the training form) for figures to rely on."
    st.warning(text, icon=":material/warning:")


def details(run: Run, dataset: Dataset) -> None:
    """How far leaks of a run were looked for, and the images that leak beside their partners."""
    found = run.leaks
    if run.imported:
        st.caption(f":material/upload_file: {IMPORTED} From: {run.imported}.")
        return
    if found is None:
        st.caption(
            ":material/help: Trained before leaks were counted: whether test images are known from "
            "training was not checked."
        )
        return
    icon = ":material/warning:" if found.count else ":material/check_circle:"
    st.caption(f"{icon} {found.sentence} {found.unproven}")
    if found.validation:
        st.caption(
            f"{plural(found.validation, 'validation image')} shared with training: the epoch "
            "was chosen too kindly; the test figures do not depend on it."
        )
    if found.count:
        title = f"The {plural(found.count, 'test image')} known from training or validation"
        with st.expander(title, icon=":material/warning:"):
            pairs(found, dataset, key=f"leaks_{run.run_id}")


def pairs(found: Leaks, dataset: Dataset, *, key: str) -> None:
    """Leaking test images, each beside an image it is known from, with pages and a CSV."""
    places = cache.places(dataset)
    shown = [leak for leak in found.found if {leak.image_id, leak.partner} <= places.keys()]
    if gone := found.count - len(shown):
        st.caption(f"{plural(gone, 'image')} not in the dataset any more.")
    shown.sort(key=lambda leak: leak.why == "patient")  # duplicates are seen at a glance
    count = -(-len(shown) // PAIRS)
    page = st.pagination(count, key=f"{key}_page", max_visible_pages=5) if count > 1 else 1
    part = shown[(page - 1) * PAIRS : page * PAIRS]
    if part:
        groups = [_group(leak, dataset) for leak in part]
        image_groups.show(
            groups, key=key, label="Test images beside the images they are known from"
        )
    st.download_button(
        "Download the list (CSV)",
        lambda: _table(found, dataset).to_csv(index=False),
        f"{dataset.name}-leaks.csv",
        "text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        key=f"{key}_csv",
    )


def _group(leak: Leak, dataset: Dataset) -> Group:
    rows = dataset.table.iloc[[cache.places(dataset)[i] for i in (leak.image_id, leak.partner)]]
    pictures = [
        Picture(dataset, row["image_id"], (what, *image_groups.facts(row, part=False)))
        for what, (_, row) in zip(("Test", "Training or validation"), rows.iterrows(), strict=True)
    ]
    return Group(WHY[leak.why], tuple(pictures))


def _table(found: Leaks, dataset: Dataset) -> pd.DataFrame:
    table = pd.DataFrame([leak.model_dump() for leak in found.found])
    paths = dataset.table.set_index("image_id")["path"]
    table.insert(1, "path", table["image_id"].map(paths))
    table.insert(3, "partner_path", table["partner"].map(paths))
    return table
