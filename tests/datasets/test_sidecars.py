"""metadata.csv and dataset.json beside the images."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from cxrcore import datasets
from cxrcore.datasets import sidecars
from cxrcore.datasets.table import build_table
from cxrcore.errors import DatasetError


@pytest.fixture
def root(tmp_path):
    """A/1.png, A/2.png and B/3.png, with a mask for the first."""
    for value, name in enumerate(("A/1.png", "A/2.png", "B/3.png", "B/4.png", "A/masks/1.png")):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((20, 20), value, np.uint8)).save(path)
    return tmp_path / "set"


def load(root, metadata: str | bytes | None = None, about: object = None):
    if metadata is not None:
        data = metadata if isinstance(metadata, bytes) else metadata.encode()
        (root / "metadata.csv").write_bytes(data)
    if about is not None:
        (root / "dataset.json").write_text(about if isinstance(about, str) else json.dumps(about))
    return datasets.load(root)


def cell(dataset, path: str, column: str):
    value = dataset.table.set_index("path").loc[path, column]
    return None if pd.isna(value) else value


def test_metadata_fills_its_columns_and_leaves_the_rest(root):
    dataset = load(
        root,
        "path,patient_id,source,view,modality,split,mask,age\n"
        "A/1.png, P7 ,Hospital NA,pa,CT,Valid,,44\n"
        "./A\\2.png,,NA,AP Supine,,,A/masks/1.png,\n",
    )
    assert cell(dataset, "A/1.png", "patient_id") == "P7"
    assert cell(dataset, "A/1.png", "source") == "Hospital NA"
    assert cell(dataset, "A/1.png", "view") == "PA"
    assert cell(dataset, "A/1.png", "modality") == "ct"
    assert cell(dataset, "A/1.png", "split") == "validation"
    assert cell(dataset, "A/1.png", "mask") == "A/masks/1.png"  # an empty cell leaves the folder's
    assert cell(dataset, "A/2.png", "source") == "NA"
    assert cell(dataset, "A/2.png", "view") == "AP"
    assert cell(dataset, "A/2.png", "mask") == "A/masks/1.png"
    assert cell(dataset, "A/2.png", "modality") == "xray"
    assert cell(dataset, "B/3.png", "source") is None
    assert dataset.notes == ()


def test_age_and_sex_are_read_as_collections_write_them(root):
    dataset = load(root, "path,age,sex\nA/1.png,058Y,Female\nA/2.png,018M,m\nB/3.png,old,?\n")
    assert cell(dataset, "A/1.png", "age") == 58
    assert cell(dataset, "A/2.png", "age") == 1.5
    assert [cell(dataset, f"{name}.png", "sex") for name in ("A/1", "A/2", "B/3")] == [
        "F",
        "M",
        None,
    ]
    assert cell(dataset, "B/3.png", "age") is None
    assert "1 value is not used as age: old." in " ".join(dataset.notes)


def test_a_byte_order_mark_and_quoted_line_breaks_are_read(root):
    dataset = load(root, '\ufeffpath,source\n"A/1.png","a ""b"", c"\r\n\r\nB/3.png,x\r\n')
    assert cell(dataset, "A/1.png", "source") == 'a "b", c'
    assert cell(dataset, "B/3.png", "source") == "x"


def test_lines_without_an_image_are_reported(root):
    dataset = load(root, "path,source\nA/1.png,x\nA/9.png,y\n/etc/passwd,z\n")
    assert "2 lines are in metadata.csv without an image in the folder" in "".join(dataset.notes)


def test_words_that_are_not_known_are_reported_and_not_used(root):
    dataset = load(root, "path,view,split,modality\nA/1.png,upside down,holdout,mri\n")
    text = " ".join(dataset.notes)
    for word, column in (("upside down", "view"), ("holdout", "split"), ("mri", "modality")):
        assert f"1 value is not used as {column}: {word}." in text
    assert cell(dataset, "A/1.png", "view") is None
    assert cell(dataset, "A/1.png", "modality") == "xray"


@pytest.mark.parametrize("mask", ["../outside.png", "/etc/passwd", "A/masks/9.png", "A/../B/3.png"])
def test_a_mask_that_is_no_file_of_the_dataset_is_not_used(root, mask):
    (root.parent / "outside.png").write_bytes(b"x")
    dataset = load(root, f"path,mask\nA/2.png,{mask}\n")
    assert cell(dataset, "A/2.png", "mask") is None
    assert f"not used as mask: {mask}." in " ".join(dataset.notes)


def test_a_table_of_something_else_is_reported_and_not_used(root):
    dataset = load(root, "filename,finding\n1.png,A\n")
    assert "it has no column `path`; it has filename, finding." in " ".join(dataset.notes)


def test_no_lines_and_an_empty_file_are_no_error(root):
    assert len(load(root, "path,source\n").table) == 4
    assert "no column `path`" in " ".join(load(root, "").notes)


@pytest.mark.parametrize(
    ("metadata", "what"),
    [
        ("path,source\nA/1.png,x\nA/1.png,y\n", "lists images twice: A/1.png"),
        ("path,source\nA/1.png,x,y\n", "line 2 has 3 cells, the first has 2"),
        ("path,source\nA/1.png\n", "line 2 has 1 cells, the first has 2"),
        ("path,path\nA/1.png,x\n", "columns of the same name"),
        ('path,source\n"A/1.png,x\n', "cannot be read as a table"),
        (b"path,source\nA/1.png," + b"x" * 200_000, "cannot be read as a table"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 60 else "bytes",
)
def test_a_table_that_contradicts_itself_is_refused(root, metadata, what):
    with pytest.raises(DatasetError) as error:
        load(root, metadata)
    assert what in str(error.value)
    assert "metadata.csv" in str(error.value)


def test_about_gives_synthetic_order_and_notes(root):
    dataset = load(
        root, about={"synthetic": True, "classes": ["B", "A"], "notes": ["Hello."], "x": 1}
    )
    assert (dataset.synthetic, dataset.classes, dataset.notes[0]) == (True, ("B", "A"), "Hello.")


def test_a_listed_class_without_images_is_reported_and_left_out(root):
    dataset = load(root, about={"classes": ["A", "B", "Z"]})
    assert dataset.classes == ("A", "B")
    assert "No images of the listed classes Z" in " ".join(dataset.notes)


def test_a_class_that_is_not_listed_is_refused(root):
    with pytest.raises(DatasetError, match=r"also folders \['B'\]"):
        load(root, about={"classes": ["A"]})


@pytest.mark.parametrize(
    "about",
    [
        "{",
        "",
        "[" * 100_000,
        ["A"],
        7,
        {"synthetic": "yes"},
        {"synthetic": 1},
        {"classes": "A"},
        {"classes": [1]},
        {"classes": ["A", "B", "A"]},
        {"notes": "x"},
        {"notes": None},
    ],
    ids=lambda value: str(value)[:20],
)
def test_an_about_of_the_wrong_kind_is_refused(root, about):
    with pytest.raises(DatasetError, match=r"dataset\.json"):
        load(root, about=about)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.one_of(st.binary(max_size=80), st.text('path,mask\n"A/1.png\\ ', max_size=80)))
def test_any_bytes_are_a_table_or_a_dataset_error(data, tmp_path):
    raw = data if isinstance(data, bytes) else b"path,mask\n" + data.encode()
    (tmp_path / "metadata.csv").write_bytes(raw)
    table = build_table([{"image_id": "x", "path": "A/1.png", "label": "A"}])
    try:
        filled, _ = sidecars.fill(table, tmp_path, {"A/1.png"})
    except DatasetError:
        return
    assert filled["path"].tolist() == ["A/1.png"]
    assert (filled.dtypes == table.dtypes).all()
