"""Live prediction page: one image, the answer of every model and where it looked."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from cxrcore import explanations, figures, images, store
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.inference import Prediction
from pages.predict.live import prediction_cache
from pages.shared import cache, charts, run_marks

METHODS = {name: explanations.METHODS[name].title for name in explanations.BY_DEFAULT}
MOST_MODELS = 8
NOTE = "For research and teaching only. Never for diagnosis."


def main() -> None:
    """Draw the page."""
    st.title("Live prediction")
    dataset = cache.chosen_dataset()
    table = cache.runs_table(dataset.name)
    usable = table.loc[table["state"] == "ok", "run_id"].tolist() if len(table) else []
    if not usable:
        st.info(
            f"No model has been trained on **{dataset.name}** yet. Choose one in the sidebar and "
            "press **Train**; then give it an image here.",
            icon=":material/arrow_back:",
        )
        st.stop()
    source, controls = st.columns([2, 3], gap="large")
    with source:
        picked = _pick_image(dataset)
    with controls:
        runs, label, opacity, colours = _controls(usable, dataset)
    if picked is None:
        st.info("Upload an image or choose one from the dataset.", icon=":material/radiology:")
        st.stop()
    if not runs:
        st.info("Choose at least one model.")
        st.stop()
    try:
        explained = None if label == "Most likely" else label
        predictions = prediction_cache.predict(
            picked.name, picked.data, picked.mask, tuple(runs), explained
        )
        held_out = {run: _held_out(run, picked) for run in runs}
        _show(predictions, opacity, colours, held_out)
    except CxrError as error:
        st.error(str(error))
        st.stop()


@dataclass(frozen=True)
class Picked:
    """The image to explain. Those of the dataset have an id, and a mask if there is one."""

    name: str
    data: bytes
    mask: str | None = None
    image_id: str | None = None


def _pick_image(dataset: Dataset) -> Picked | None:
    tabs = ["Upload", "From the dataset"]
    wanted = st.query_params.get("image")
    kind = st.segmented_control(
        "Image", tabs, default=tabs[1] if wanted else tabs[0], required=True, key="origin"
    )
    if kind == tabs[0]:
        file = st.file_uploader(
            "A chest X-ray",
            type=[s.lstrip(".") for s in sorted(images.SUFFIXES)],
            key="upload",
            help="PNG, JPEG, TIFF, BMP or DICOM. The image stays in memory and is not stored.",
        )
        st.query_params.pop("image", None)
        return None if file is None else Picked(file.name, file.getvalue())
    return _pick_from_dataset(dataset, wanted)


def _pick_from_dataset(dataset: Dataset, wanted: str | None) -> Picked | None:
    rows = dataset.table
    labels = list(dataset.classes)
    known = rows.loc[rows["image_id"] == wanted, "label"]
    label = st.selectbox(
        "Class",
        labels,
        index=labels.index(known.iloc[0]) if len(known) else 0,
        key=f"class_{dataset.name}",
    )
    of_class = rows[rows["label"] == label]
    ids = of_class["image_id"].tolist()
    paths = dict(zip(ids, of_class["path"], strict=True))
    image_id = st.selectbox(
        "File",
        ids,
        index=ids.index(wanted) if wanted in ids else 0,
        format_func=paths.__getitem__,
        key=f"file_{dataset.name}_{label}",
    )
    st.query_params["image"] = image_id  # so that the address can be passed on
    mask = dataset.mask_of(image_id)
    try:
        data = dataset.path_of(image_id).read_bytes()
    except OSError as error:
        st.error(
            f"{paths[image_id]} can't be read: {error.strerror}. Check that the dataset's folder "
            "still exists."
        )
        return None
    return Picked(paths[image_id], data, None if mask is None else str(mask), image_id)


def _held_out(run_id: str, picked: Picked) -> str:
    """Whether a run may have learned from the image, as a sentence; empty for an upload."""
    if picked.image_id is None:
        return ""
    run = cache.run(run_id)
    if run.imported:
        return "Imported weights: whether they were trained on this image is not known."
    predictions = run.predictions()
    part = predictions.loc[predictions["image_id"] == picked.image_id, "split"].tolist()
    if part == ["test"] and (known := run_marks.known_by(run, picked.image_id)):
        return f"A test image of this model, but known from training or validation by {known}."
    if part == ["test"]:
        return "A test image of this model: it has never seen it before."
    if part == ["validation"]:
        return "A validation image of this model: used to choose the epoch, not to learn from."
    return "Not a test image of this model: it may have learned from it."


def _controls(usable: list[str], dataset: Dataset) -> tuple[list[str], str, float, str]:
    wanted = [run for run in st.query_params.get("runs", "").split(",") if run in usable]
    runs = st.pills(
        "Models", usable, selection_mode="multi", default=wanted or usable[:5], key="live_runs"
    )
    left, middle, right = st.columns(3)
    label = left.selectbox(
        "Explain the class",
        ["Most likely", *dataset.classes],
        key="explained",
        help="Grad-CAM and saliency show the evidence for this class.",
    )
    opacity = middle.slider("Overlay opacity", 0, 100, 45, 5, format="%d%%", key="opacity") / 100
    colours = right.selectbox("Colours", list(figures.COLORMAPS), key="colours")
    st.caption(NOTE)
    if len(runs) > MOST_MODELS:
        st.caption(f"The first {MOST_MODELS} of {len(runs)} are shown.")
    return runs[:MOST_MODELS], label, opacity, colours


def _show(
    predictions: list[Prediction], opacity: float, colours: str, held_out: dict[str, str]
) -> None:
    working = [p for p in predictions if p.error is None]
    for failed in (p for p in predictions if p.error is not None):
        st.error(f"**{failed.run_id}**: {failed.error}")
    if not working:
        st.stop()
    charts.plotly(
        figures.probability_bars(working), key="bars", alt="Probability of each class by each model"
    )
    st.subheader("Where each model looked")
    st.caption(
        " ".join(f"{m.title}: {m.meaning}." for m in map(explanations.METHODS.__getitem__, METHODS))
        + " Each map is scaled to its own maximum. A map shows what the model used, not what is true."
    )
    pictures = [_card(p, opacity, colours, held_out[p.run_id]) for p in working]
    rows = [
        (
            run_marks.name(p.run_id, cache.run(p.run_id)),
            _probabilities(p),
        )
        for p in working
    ]
    st.download_button(
        "Download as an image",
        images.encode_png(figures.prediction_image(rows, pictures, NOTE)),
        "prediction.png",
        "image/png",
        icon=":material/download:",
    )


def _probabilities(prediction: Prediction) -> str:
    """All classes, the most likely first: "A 91%, B 7%, C 2%"."""
    named = zip(prediction.classes, prediction.probabilities, strict=True)
    ranked = sorted(named, key=lambda item: -item[1])
    return ", ".join(f"{name} {probability:.0%}" for name, probability in ranked)


def _card(prediction: Prediction, opacity: float, colours: str, held_out: str) -> list[np.ndarray]:
    probability = max(prediction.probabilities)
    with st.container(border=True):
        run = cache.run(prediction.run_id)
        st.markdown(
            f"**{prediction.run_id}**{run_marks.badge(run)} says **{prediction.predicted}** "
            f"({probability:.0%}); explained: {prediction.explained}",
            help=run_marks.tooltip(run),
        )
        shown = [
            prediction.seen,
            *(
                figures.overlay(prediction.seen, prediction.maps[m], opacity, colours)
                for m in METHODS
            ),
        ]
        names = ["What the model saw", *METHODS.values()]
        for column, picture, name in zip(st.columns(3), shown, names, strict=True):
            column.image(picture, caption=name, width="stretch", alt=f"{name}, {prediction.run_id}")
        for note in filter(None, (store.random_start(run), held_out, *prediction.notes)):
            st.caption(note)
    return shown


main()
