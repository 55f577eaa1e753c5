"""Marks of runs whose figures say less than they seem to.

Test images leak, the model was imported, or the training started from random weights although
the published one did not.
"""

import streamlit as st

from cxrcore import store
from cxrcore.datasets import Dataset
from cxrcore.store import Run
from pages.shared import leak_pairs
from pages.shared.text import literal, plural

IMPORTED = (
    "Imported, not trained here: the images that the model was trained on are unknown, so test "
    "images may be among them and the figures too good."
)


def leaking(run: Run) -> bool:
    """Whether test images of a run are known to be among its training or validation images."""
    return run.leaks is not None and run.leaks.count > 0


def marks(*runs: Run) -> list[str]:
    """The words of the badges of a run or a family, as plain text."""
    found = {
        "imported": any(run.imported for run in runs),
        "leaks": any(leaking(run) and not run.imported for run in runs),
        "random start": any(map(store.random_start, runs)),
    }
    return [mark for mark, applies in found.items() if applies]


_BADGES = {
    "imported": " :blue-badge[:material/upload_file: imported]",
    "leaks": " :orange-badge[:material/warning: leaks]",
    "random start": " :orange-badge[:material/shuffle: random start]",
}


def badge(*runs: Run) -> str:
    """The badges of a run or a family, as Markdown beside a figure or a name."""
    return "".join(_BADGES[mark] for mark in marks(*runs))


def name(shown: str, *runs: Run) -> str:
    """The name or title of a run or a family with its marks, as plain text for legends."""
    found = marks(*runs)
    return f"{shown} ({', '.join(found)})" if found else shown


def tooltip(run: Run) -> str | None:
    """What the badges mean, for `help=`; None without a badge."""
    sentences = [store.random_start(run)]
    if run.imported:
        sentences.insert(0, IMPORTED)
    elif leaking(run) and run.leaks is not None:
        worse = "Figures are better than they would be on new patients."
        sentences.insert(0, f"{run.leaks.sentence} {worse}")
    return " ".join(filter(None, sentences)) or None


def known_by(run: Run, image_id: str) -> str | None:
    """How a test image of a run is known from training, as a phrase; None if it is not."""
    phrases = {"patient": "its patient", "duplicate": "a duplicate"}
    for leak in run.leaks.found if run.leaks else ():
        if leak.image_id == image_id:
            return phrases.get(leak.why, "its patient and a duplicate")
    return None


def warning(run: Run, title: str) -> None:
    """Warn of leaks and of a random start; nothing without them."""
    _leaks_warning(run, title)
    random_warning(title, run)


def random_warning(shown: str, *runs: Run) -> None:
    """Warn that a run, or several shown under one name or title, started from random weights."""
    for sentence in dict.fromkeys(filter(None, map(store.random_start, runs))):
        st.warning(f"**{literal(shown)}**: {sentence}", icon=":material/shuffle:")


def _leaks_warning(run: Run, title: str) -> None:
    if not leaking(run) or run.leaks is None:
        return
    text = f"**{literal(title)}** · leaks: {run.leaks.sentence} "
    measured, clean = run.metrics.get("test"), run.metrics_clean
    if clean is None:
        text += "There are no others to measure on. "
    elif measured is not None:
        text += (
            f"Test accuracy is {measured.accuracy:.3f} on all, **{clean.accuracy:.3f}** on the "
            f"{plural(clean.n, 'image')} that do not leak. "
        )
    text += "Divide the images again (More options of the training form) for reliable figures."
    st.warning(text, icon=":material/warning:")


def details(run: Run, dataset: Dataset) -> None:
    """What was checked for leaks in a run, and its leaking images beside their partners."""
    leaks = run.leaks
    if run.imported:
        st.caption(f":material/upload_file: {IMPORTED} From: {literal(run.imported)}.")
        return
    if leaks is None:
        st.caption(
            ":material/help: Trained before leaks were counted: whether test images are known from "
            "training was not checked."
        )
        return
    icon = ":material/warning:" if leaks.count else ":material/check_circle:"
    st.caption(f"{icon} {leaks.sentence} {leaks.unproven}")
    if leaks.validation:
        st.caption(
            f"{plural(leaks.validation, 'validation image')} shared with training: the choice of "
            "the epoch was flattered, the test figures are not affected."
        )
    if leaks.count:
        title = f"The {plural(leaks.count, 'test image')} known from training or validation"
        with st.expander(title, icon=":material/warning:"):
            leak_pairs.show(leaks, dataset, key=f"leaks_{run.run_id}")
