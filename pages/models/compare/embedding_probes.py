"""Embeddings from elsewhere: a place to drop a file, those that are kept, and probes on them."""

import pandas as pd
import streamlit as st

from cxrcore import embeddings, work
from cxrcore.datasets import Dataset
from cxrcore.embeddings import PROBES, Record
from cxrcore.errors import CxrError, PredictionsError
from pages.shared import cache, offers, tables, waiting
from pages.shared.text import literal, plural

_ADDED = "embeddings_added"


def show(dataset: Dataset) -> None:
    """Draw it, folded."""
    with st.expander(
        "Train a probe on embeddings from elsewhere",
        icon=":material/scatter_plot:",
        on_change="rerun",
        key="embeddings_open",
    ) as opened:
        if not opened.open:
            return
        st.markdown(
            "A foundation model, such as RAD-DINO or CXR Foundation, turns each film into a vector of numbers. "
            "Bring these vectors, and a small classifier is trained on them in seconds, on the same training "
            "films as every model here. How well it does shows what the vectors know of the classes."
        )
        if said := st.session_state.pop(_ADDED, None):
            st.success(literal(said), icon=":material/check_circle:")
        try:
            kept = embeddings.listed(dataset.name)
            if kept:
                _kept(kept)
                _probe(dataset, kept)
            _form(dataset)
        except CxrError as error:
            st.error(literal(str(error)))


def _kept(kept: list[Record]) -> None:
    table = pd.DataFrame(
        {
            "Embeddings": [each.name for each in kept],
            "Films": [each.films for each in kept],
            "Numbers a film": [each.width for each in kept],
            "Films without": [each.missing for each in kept],
            "From the file": [each.file for each in kept],
        }
    )
    tables.table(table, alt="Embeddings of this dataset")


def _probe(dataset: Dataset, kept: list[Record]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Embeddings",
            [each.name for each in kept],
            key=f"probe_embeddings_{dataset.name}",
            width=230,
        )
        kind = st.selectbox(
            "Classifier",
            list(PROBES),
            format_func=lambda kind: PROBES[kind],
            key="probe_kind",
            width=190,
            help="Linear probe: multinomial logistic regression, with the penalty that fits the validation films "
            "best. Small MLP: one hidden layer, with the epoch that does.",
        )
        with st.popover("Remove …", type="tertiary", icon=":material/delete:"):
            st.markdown(f"The vectors of **{literal(name)}** are deleted. Probes on them stay.")
            if st.button("Delete the embeddings", key="embeddings_delete"):
                embeddings.remove(dataset.name, name)
                st.session_state[_ADDED] = (
                    f"The embeddings {name} are deleted. Probes on them stay."
                )
                st.rerun()
    plan = embeddings.plan(dataset, name, kind)
    if (run := embeddings.find(plan)) is not None:
        title = cache.titles(dataset.name).get(run.run_id, run.run_id)
        st.caption(
            f":material/check_circle: **{literal(title)}** is trained: it is among the runs to choose from."
        )
        return
    job = work.find("probe", **work.probes.details([plan]))
    if job is not None and job.active:
        waiting.follow(job)
        return
    offers.failure(job, "training")
    offers.start(
        "Train the probe",
        lambda: work.submit_probes([plan]),
        icon=":material/model_training:",
        primary=True,
    )


def _form(dataset: Dataset) -> None:
    with st.form("embeddings", border=False, clear_on_submit=False):
        file = st.file_uploader(
            "Embeddings: NumPy (.npz), Parquet, CSV or JSON lines",
            type=[suffix.lstrip(".") for suffix in embeddings.SUFFIXES],
            key="embeddings_file",
            help=".npz: an array (films, width) of numbers, and one of text called path, image_id or sha256. "
            "Tables: such a column, and one column of lists or the columns embedding_0, embedding_1 and so on.",
        )
        name = st.text_input(
            "What they are called, such as rad-dino", key="embeddings_name", max_chars=40, width=300
        )
        partial = st.checkbox(
            "Take what there is where rows have no film or films no row", key="embeddings_partial"
        )
        pressed = st.form_submit_button("Add the embeddings")
    if not pressed:
        return
    if file is None:
        raise PredictionsError("There is no file yet. Drop one above.")
    with st.spinner("The embeddings are being read …"):
        vectors = embeddings.read(file.getvalue(), file.name)
        added = embeddings.add(vectors, dataset, name, partial=partial)
    st.session_state[_ADDED] = " ".join(
        [f"{added.name} is added: vectors of {plural(added.films, 'film')}.", *added.notes]
    )
    st.rerun()
