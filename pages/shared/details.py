"""What there is to know about a dataset before looking at it, and about one image."""

import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.index import Index
from pages.shared.text import literal, plural

_UNKNOWN = "unknown"


def remarks(dataset: Dataset, measured: Index) -> None:
    """One closed line with what was skipped or is damaged, only where there is something."""
    damaged = damaged_images(dataset, measured)
    if damaged.empty and not dataset.notes:
        return
    parts = [f"{plural(len(damaged), 'image')} can't be read"] if len(damaged) else []
    parts += [plural(len(dataset.notes), "remark")] if dataset.notes else []
    with st.expander(f"{' and '.join(parts)} on this dataset", icon=":material/info:"):
        for note in dataset.notes:
            st.markdown(f"- {literal(note)}")
        if len(damaged):
            st.dataframe(
                damaged,
                hide_index=True,
                column_config={"Reason": st.column_config.TextColumn(width="large")},
                alt="Images that can't be read, with the reason",
            )


def damaged_images(dataset: Dataset, measured: Index) -> pd.DataFrame:
    """File, Class and Reason of each image that could not be measured."""
    rows = measured.table["error"].notna().to_numpy(bool)
    return pd.DataFrame(
        {
            "File": dataset.table["path"].to_numpy(object)[rows],
            "Class": dataset.table["label"].to_numpy(object)[rows],
            "Reason": measured.table["error"].to_numpy(object)[rows],
        }
    )


def of_image(row: pd.Series, images: pd.DataFrame) -> dict[str, str]:
    """The facts of one image as Markdown, name -> value; what is missing says unknown.

    Args:
        row: of `images`.
        images: from `cached.images`.
    """
    facts = {"File": literal(row["path"]), "Class": literal(row["label"])}
    for name, column in (("Patient", "patient_id"), ("Source", "source"), ("View", "view")):
        facts[name] = _UNKNOWN if pd.isna(row[column]) else literal(row[column])
    if pd.notna(row["patient_id"]):
        others = int((images["patient_id"] == row["patient_id"]).sum()) - 1
        facts["Patient"] += f" ({plural(others, 'other image')})" if others else ""
    facts["Split"] = "not published" if pd.isna(row["split"]) else literal(row["split"])
    facts["Lung mask"] = "none" if pd.isna(row["mask"]) else "yes"
    if pd.isna(row["width"]):
        return facts
    facts["Size"] = f"{row['width']} × {row['height']} px"
    if pd.isna(row["error"]):
        facts |= _measurements(row, images)
    return facts


def _measurements(row: pd.Series, images: pd.DataFrame) -> dict[str, str]:
    score = float(row["brisque"])
    quality = "none (too small, or of too few gray values)"
    if score == score:  # not NaN
        rank = float((images["brisque"] < score).sum() / max(images["brisque"].notna().sum(), 1))
        quality = f"{score:.1f}, higher than {rank:.0%} of the images"
    return {
        "Mean gray": f"{row['mean']:.0f} of 255",
        "Contrast": f"{row['std']:.0f} (standard deviation of the gray values)",
        "Pure black": f"{row['black']:.1%} of the pixels",
        "Pure white": f"{row['white']:.1%} of the pixels",
        "BRISQUE": quality,
    }
