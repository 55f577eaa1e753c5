"""All masks as pictures to correct in another program, and the way back."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import streamlit as st

from cxrcore import lungs
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.progress import Progress
from pages.shared import prediction_cache
from pages.shared.text import literal

_RESULT = "masks_read_back"  # in the session: what was read, until the next upload
_LISTED = 20  # problems that are listed
MOST = 300  # films of a download; more are written by the command


def show(dataset: Dataset) -> None:
    """Draw the section."""
    st.subheader("Correct masks in another program")
    st.markdown(
        "Every mask as a PNG picture, white on the lungs, with the name of its film; `masks.csv` "
        "lists them with the reason where one is missing. Where the dataset has its own mask, that "
        "is the one written."
    )
    command = f"python -m cxrcore masks export {dataset.name} FOLDER"
    if len(dataset.table) <= MOST:
        st.download_button(
            "Download all masks (ZIP)",
            lambda: _archive(dataset),
            f"{dataset.name}-lung-masks.zip",
            "application/zip",
            icon=":material/download:",
            on_click="ignore",
        )
    else:
        st.code(command, language=None)
    st.markdown(
        "Paint lungs white and all else black; all black leaves a film out. Then bring them back, as a "
        "zip here or a folder of this computer by the command: only masks that were changed count as "
        "corrected, and *Undo* above takes each back."
    )
    _upload(dataset)
    st.code(f"python -m cxrcore masks import {dataset.name} FOLDER", language=None)


def _upload(dataset: Dataset) -> None:
    """A zip of corrected masks, and what came of the last one."""
    with st.form("masks_zip", border=False, clear_on_submit=True):
        file = st.file_uploader("Corrected masks (ZIP)", type="zip", key="masks_upload")
        if st.form_submit_button("Take over the masks", icon=":material/upload:") and file:
            st.session_state[_RESULT] = dataset.name, *_read(dataset, file.getvalue())
            st.rerun()  # with the masks that are new
    of, said, problems = st.session_state.get(_RESULT, ("", "", ()))
    if of != dataset.name:
        return
    if said:
        st.success(literal(said))
    for problem in problems[:_LISTED]:
        st.warning(literal(problem))
    if len(problems) > _LISTED:
        st.warning(f"{len(problems) - _LISTED:,} more could not be used.")


def _read(dataset: Dataset, data: bytes) -> tuple[str, tuple[str, ...]]:
    """What was taken over, and what could not be used."""
    bar = st.progress(0.0, "Reading the masks …")

    def report(progress: Progress) -> None:
        bar.progress(progress.share, "Reading the masks …")

    try:
        found = lungs.read_back(dataset, data, report=report, decode=_decode)
    except CxrError as error:
        return "", (str(error),)
    return found.sentence, found.problems


def _decode(data: bytes, name: str) -> np.ndarray:
    """In a process with limits: anybody may have written the picture."""
    return prediction_cache.decoder().decode(data, name=name).gray


def _archive(dataset: Dataset) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        lungs.export(dataset, Path(folder) / "masks")
        packed = shutil.make_archive(str(Path(folder) / "packed"), "zip", folder, "masks")
        return Path(packed).read_bytes()
