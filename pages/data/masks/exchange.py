"""All masks as pictures to correct in another program, and the way back."""

import shutil
import tempfile
from pathlib import Path

import streamlit as st

from cxrcore import lungs
from cxrcore.datasets import Dataset

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
        "Paint lungs white and all else black; all black leaves a film out. Then read the folder "
        "back: only masks that were changed count as corrected, and *Undo* above takes each back."
    )
    st.code(f"python -m cxrcore masks import {dataset.name} FOLDER", language=None)


def _archive(dataset: Dataset) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        lungs.export(dataset, Path(folder) / "masks")
        packed = shutil.make_archive(str(Path(folder) / "packed"), "zip", folder, "masks")
        return Path(packed).read_bytes()
