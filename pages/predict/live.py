"""Live page: one image, what every model says and where it looked."""

import numpy as np
import streamlit as st

from cxrcore import figures, images
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.inference import Prediction
from pages.parts import cached, charts

METHODS = {"grad-cam": "Grad-CAM", "saliency": "Saliency"}
MOST_MODELS = 8
NOTE = "For research and teaching only. Never for diagnosis."


def main() -> None:
    """Draw the page."""
    st.title("Live prediction")
    dataset = cached.chosen_dataset()
    table = cached.runs_table(dataset.name)
    usable = table.loc[table["state"] == "ok", "run_id"].tolist() if len(table) else []
    if not usable:
        st.info(
            f"No model has been trained on **{dataset.name}** yet. Choose one in the sidebar and press **Train**; "
            "then drop an image here and see what it says.",
            icon=":material/arrow_back:",
        )
        st.stop()
    source, controls = st.columns([2, 3], gap="large")
    with source:
        picked = _pick_image(dataset)
    with controls:
        runs, label, opacity, colours = _controls(usable, dataset)
    if picked is None:
        st.info("Upload an image or pick one from the dataset.", icon=":material/radiology:")
        st.stop()
    if not runs:
        st.info("Choose at least one model.")
        st.stop()
    try:
        predictions = cached.predict(
            *picked, tuple(runs), None if label == "Most likely" else label
        )
    except CxrError as error:
        st.error(str(error))
        st.stop()
    _show(predictions, opacity, colours)


def _pick_image(dataset: Dataset) -> tuple[str, bytes, str | None] | None:
    """(name, bytes, path of its lung mask) of the image to explain."""
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
            help="PNG, JPEG, TIFF, BMP or DICOM. It stays in memory and is not stored.",
        )
        return None if file is None else (file.name, file.getvalue(), None)
    return _pick_from_dataset(dataset, wanted)


def _pick_from_dataset(
    dataset: Dataset, wanted: str | None
) -> tuple[str, bytes, str | None] | None:
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
    mask = dataset.mask_of(image_id)
    try:
        data = dataset.path_of(image_id).read_bytes()
    except OSError as error:
        st.error(
            f"{paths[image_id]} can't be read: {error.strerror}. Check that the dataset's folder is still there."
        )
        return None
    return paths[image_id], data, None if mask is None else str(mask)


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
        help="Grad-CAM and saliency show what speaks for this class.",
    )
    opacity = middle.slider("Overlay opacity", 0, 100, 45, 5, format="%d%%", key="opacity") / 100
    colours = right.selectbox("Colours", list(figures.COLORMAPS), key="colours")
    st.caption(NOTE)
    if len(runs) > MOST_MODELS:
        st.caption(f"The first {MOST_MODELS} of {len(runs)} are shown.")
    return runs[:MOST_MODELS], label, opacity, colours


def _show(predictions: list[Prediction], opacity: float, colours: str) -> None:
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
        "Grad-CAM: the regions that speak for the class. Saliency: the pixels whose change would change the answer most. "
        "Each map is scaled to its own maximum; a map shows what the model used, not what is true."
    )
    pictures = [_card(prediction, opacity, colours) for prediction in working]
    rows = [
        (p.run_id, figures.verdicts(dict(zip(p.classes, p.probabilities, strict=True))))
        for p in working
    ]
    sheet = figures.sheet(rows, pictures, NOTE)
    st.download_button(
        "Download the picture",
        images.encode_png(sheet),
        "prediction.png",
        "image/png",
        icon=":material/download:",
    )


def _card(prediction: Prediction, opacity: float, colours: str) -> list[np.ndarray]:
    chance = prediction.probabilities[prediction.classes.index(prediction.predicted)]
    with st.container(border=True):
        st.markdown(
            f"**{prediction.run_id}** says **{prediction.predicted}** ({chance:.0%}); explained: {prediction.explained}"
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
        for note in prediction.notes:
            st.caption(note)
    return shown


main()
