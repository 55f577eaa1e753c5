"""Predictions of a model from elsewhere: a file to fill in, and a place to drop it."""

import streamlit as st

from cxrcore import duplicates, predictions
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError, PredictionsError
from cxrcore.predictions import Matched
from pages.shared import tables
from pages.shared.text import literal, plural

_RECOGNISE = "recognised"


def show(dataset: Dataset) -> None:
    """Draw it, folded."""
    with st.expander(
        "Add a model from elsewhere by its predictions",
        icon=":material/upload_file:",
        on_change="rerun",
        key="predictions_open",
    ) as opened:
        if not opened.open:
            return
        st.markdown(
            "Any model of any framework can be compared by what it says about the test films. Fill in the "
            "file below, with one row a film and one column a class, and drop it here. No network is "
            "needed; without one there is no live prediction, no map and no export. A network itself (ONNX, "
            "TFLite or Keras) is added on the server: `python -m cxrcore import-model --help`."
        )
        if duplicates.load(dataset) is not None:
            tables.download(
                "Download the file to fill in (CSV)",
                lambda: predictions.template(dataset, predictions.divide(dataset)),
                f"{dataset.name}-predictions.csv",
            )
        else:
            st.caption("The file to fill in is here once the duplicates of the dataset are known.")
        try:
            _form(dataset)
        except CxrError as error:
            st.error(literal(str(error)))


def _form(dataset: Dataset) -> None:
    with st.form("predictions", border=False):
        file = st.file_uploader(
            "Predictions: CSV, Parquet or JSON lines",
            type=[suffix.lstrip(".") for suffix in predictions.SUFFIXES],
            key="predictions_file",
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            title = st.text_input("What the model is called", key="predictions_title", max_chars=80)
            said = st.selectbox(
                "The numbers are",
                [_RECOGNISE, *predictions.KINDS],
                key="predictions_kind",
                width=190,
                help="Recognised where it is clear beyond doubt.",
            )
        own = st.checkbox(
            "The model was tested on films of its own choice",
            key="predictions_own",
            help="Then those of a column split count, or all. Otherwise the test films are those of trainings "
            "here, and each needs a row.",
        )
        partial = st.checkbox(
            "Take what there is where rows have no film or films no row", key="predictions_partial"
        )
        pressed = st.form_submit_button("Add the model", type="primary")
    if not pressed:
        return
    if file is None:
        raise PredictionsError("There is no file yet. Drop one above.")
    with st.spinner("The predictions are being read …"):
        table = predictions.read(file.getvalue(), file.name)
        kind = next((k for k in predictions.KINDS if k == said), None)
        if not own and duplicates.load(dataset) is None:
            raise PredictionsError(
                "Which films are test films here is known once the duplicates are: search them on the page "
                "Duplicates and leaks, or train a model."
            )
        division = None if own else predictions.divide(dataset)
        found = predictions.match(table, dataset, division, kind=kind, partial=partial)
        predictions.keep(found, title)
    st.session_state[_DONE] = _said(found, title)
    st.rerun()


_DONE = "predictions_added"


def _said(found: Matched, title: str) -> str:
    tested = int((found.parts == "test").sum())
    return f"{title} is added: {plural(tested, 'test film')}. It is among the runs to choose from. {' '.join(found.notes)}"


def confirmation() -> None:
    """Say once what was added by the last run of the page."""
    if said := st.session_state.pop(_DONE, None):
        st.success(literal(said), icon=":material/check_circle:")
