"""Each layout, from files as its original lays them out to images in the gallery."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cxrcore import datasets, images, index
from cxrcore.datasets import masks
from tests.helpers.app import open_page, read
from tests.helpers.layouts import LAYOUTS, SIDE

MASKED = {"darwin", "radiography"}


def shown(at: AppTest) -> tuple[str, list[str], dict[str, str]]:
    """What is said, the classes that can be filtered, the facts of the large image."""
    said = "\n".join(part.value for part in [*at.main.markdown, *at.main.caption, *at.main.info])
    classes = next(choice for choice in at.multiselect if choice.label == "Class").options
    facts = at.table[0].value.iloc[:, 0]
    return said, classes, {str(k): read(str(v)) for k, v in facts.items()}


def check(dataset: datasets.Dataset, classes: tuple[str, ...]) -> None:
    """Measure the dataset, open the gallery, and compare what it shows with the table."""
    assert dataset.classes == classes
    measured = index.measure(dataset, workers=1)
    assert measured.damaged.empty
    said, offered, facts = shown(open_page())
    assert f"of {len(dataset.table)}." in said
    assert offered == list(classes)
    row = dataset.table.sort_values("image_id").iloc[0]
    assert facts["File"] == row["path"]
    assert facts["Class"] == row["label"]
    assert facts["Size"] == f"{SIDE} × {SIDE} px"
    assert re.match(r"-?\d", facts["BRISQUE"])
    gray = images.decode(dataset.path_of(row))
    assert gray.shape == (SIDE, SIDE)
    if (mask := dataset.mask_of(row)) is not None:
        assert 0.2 < masks.read(mask, gray.shape).mean() < 0.4


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_folder_like_the_original_is_shown_in_the_gallery(kind, tmp_path):
    classes = LAYOUTS[kind](tmp_path / "set")
    dataset = datasets.register("films", tmp_path / "set")
    assert dataset.layout == kind.split()[0]
    assert dataset.table["mask"].notna().all() == (kind in MASKED)
    check(dataset, classes)


def test_a_merged_dataset_is_shown_in_the_gallery(tmp_path):
    for kind in ("darwin", "cohen"):
        LAYOUTS[kind](tmp_path / kind)
        datasets.register(kind, tmp_path / kind)
    labels = {
        "darwin": {"No Pneumonia (healthy)": "No Finding", "Bacterial Pneumonia": "Bacterial"}
    }
    dataset = datasets.merge("both", ["darwin", "cohen"], labels)
    for name in ("darwin", "cohen"):
        datasets.forget(name)  # so that the gallery opens with the merged one
    check(dataset, ("Bacterial", "COVID-19", "No Finding", "Viral Pneumonia"))
    assert dataset.counts()["COVID-19"] == 6


def test_compressed_dicom_files_are_shown_in_the_gallery(tmp_path):
    LAYOUTS["folders"](tmp_path / "set", ".dcm")
    compress(tmp_path / "set")
    check(datasets.register("films", tmp_path / "set"), ("ill", "well"))


def compress(root: Path) -> None:
    """Every file below in another of the compressions."""
    import imagecodecs
    import pydicom
    from pydicom import uid
    from pydicom.encaps import encapsulate

    coders = [
        (uid.JPEGLosslessSV1, lambda p: imagecodecs.jpeg8_encode(p, lossless=True)),
        (uid.JPEGLSLossless, imagecodecs.jpegls_encode),
        (uid.JPEG2000Lossless, lambda p: imagecodecs.jpeg2k_encode(p, reversible=True)),
    ]
    for number, file in enumerate(sorted(root.rglob("*.dcm"))):
        found = pydicom.dcmread(file)
        syntax, coder = coders[number % len(coders)]
        found.PixelData = encapsulate([coder(found.pixel_array)])
        found["PixelData"].VR = "OB"
        found.file_meta.TransferSyntaxUID = syntax
        found.save_as(file)
