"""One large image with its data."""

import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from pages.shared import cache
from pages.shared.text import literal, plural

_UNKNOWN = "unknown"


def show(images: pd.DataFrame, image_id: str, dataset: Dataset) -> None:
    """Draw the image, its properties, and the way to the models.

    Args:
        images: from `cache.images`.
        image_id: which of them.
        dataset: of the images.
    """
    row = images.iloc[cache.places(dataset)[image_id]]
    try:
        st.image(
            cache.large_image(dataset, image_id),
            width="stretch",
            alt=f"Chest X-ray of class {row['label']}, file {row['path']}",
        )
    except CxrError as error:
        st.warning(literal(str(error)))
    st.table(
        _properties(row, images),
        border="horizontal",
        hide_header=True,
        alt=f"Properties of {row['path']}",
    )
    st.page_link(
        "pages/predict/live/page.py",
        label="What do the models say?",
        icon=":material/arrow_forward:",
        query_params={"dataset": dataset.name, "image": image_id},
    )


def _properties(row: pd.Series, images: pd.DataFrame) -> dict[str, str]:
    """Name -> value as Markdown."""
    found = {"File": literal(row["path"]), "Class": literal(row["label"])}
    for name, column in (("Patient", "patient_id"), ("Source", "source"), ("View", "view")):
        found[name] = _UNKNOWN if pd.isna(row[column]) else literal(row[column])
    if pd.notna(row["patient_id"]):
        others = int((images["patient_id"] == row["patient_id"]).sum()) - 1
        found["Patient"] += f" ({plural(others, 'other image')})" if others else ""
    found["Split"] = "not published" if pd.isna(row["split"]) else literal(row["split"])
    found["Lung mask"] = "none" if pd.isna(row["mask"]) else "yes"
    if pd.isna(row["width"]):
        return found
    found["Size"] = f"{row['width']} × {row['height']} px"
    return found | _measurements(row, images) if pd.isna(row["error"]) else found


def _measurements(row: pd.Series, images: pd.DataFrame) -> dict[str, str]:
    score = float(row["brisque"])
    quality = "none (image too small, or too few gray values)"
    if score == score:  # not NaN
        share = float((images["brisque"] < score).sum() / max(images["brisque"].notna().sum(), 1))
        quality = f"{score:.1f}, higher than {share:.0%} of the images"
    return {
        "Mean gray": f"{row['mean']:.0f} of 255",
        "Contrast": f"{row['std']:.0f} (standard deviation of the gray values)",
        "Pure black": f"{row['black']:.1%} of the pixels",
        "Pure white": f"{row['white']:.1%} of the pixels",
        "BRISQUE": quality,
    }
