"""The layout of any CSV: columns found or named, values normalised, every bad line reported."""

import csv

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxrcore import datasets
from cxrcore.datasets import cells, csv_table, registry
from cxrcore.errors import DatasetError
from tests.helpers.layouts import mask, picture, table

HEADER = ["path", "label"]


@pytest.fixture
def root(tmp_path):
    """Four pictures in a folder `films`."""
    for name in "abcd":
        picture(tmp_path / "set" / "films" / f"{name}.png")
    return tmp_path / "set"


def lines(*cells: str) -> list[list[str]]:
    """["a ill", …] as lines of path and label."""
    return [[f"films/{name}.png", label] for name, label in (cell.split(" ", 1) for cell in cells)]


FOUR = lines("a ill", "b ill", "c well", "d well")


def load(root, rows=FOUR, header=HEADER, file="labels.csv", delimiter=",", **options):
    table(root / file, header, rows, delimiter)
    return datasets.load(root, options=options)


def refusal(root, *args, layout="csv", **options) -> str:
    with pytest.raises(DatasetError) as error:
        load(root, *args, **options) if args else datasets.load(root, layout, options)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_path_and_label_are_enough(root):
    dataset = load(root)
    assert (dataset.layout, dataset.classes) == ("csv", ("ill", "well"))
    assert list(dataset.table["path"]) == [f"films/{name}.png" for name in "abcd"]
    assert (
        dataset.table[["patient_id", "source", "view", "modality", "split", "mask"]]
        .isna()
        .to_numpy()
        .all()
    )
    assert dataset.notes == ()
    assert dataset.path_of(dataset.table["image_id"].iloc[0]).is_file()


@pytest.mark.parametrize(
    "header",
    [
        ["Path", "LABEL"],
        ["filename", "class"],
        ["Image Index", "Finding Labels"],
        ["image_path", "Finding"],
        ["File Name", "diagnosis"],
    ],
)
def test_columns_with_common_names_are_found(root, header):
    dataset = load(root, header=header)
    assert dataset.counts().to_dict() == {"ill": 2, "well": 2}
    assert dataset.layout == "csv"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(root, delimiter):
    assert len(load(root, delimiter=delimiter).table) == 4


def test_age_and_sex_of_a_table_are_kept(root):
    people = [("41", "F"), ("7,5", "male"), ("900", ""), ("", "w")]
    rows = [[*line, *who] for line, who in zip(FOUR, people, strict=True)]
    dataset = load(root, rows, [*HEADER, "Patient Age", "Gender"], delimiter=";")
    found = dataset.table.set_index("path")
    assert found["age"].tolist() == [41, 7.5, pd.NA, pd.NA]
    assert found["sex"].fillna("").tolist() == ["F", "M", "", "F"]


def test_columns_may_be_named(root):
    header = ["path", "label", "a b", "where", "pos", "what", "part", "lungs"]
    mask(root / "masks" / "a.png")
    row = ["films/a.png", "x", "ill", "Rome", "ap Supine", "CXR", "Training", "masks\\a.png"]
    rest = [["films/b.png", "y", "well", "", "oblique", "MRI", "later", "masks/b.png"]]
    dataset = load(
        root, [row, *rest], header,
        path="path", label="a b", patient_id="label", source="where", view="pos",
        modality_column="what", split="part", mask="lungs",
    )  # fmt: skip
    first = dataset.table.iloc[0]
    assert dataset.classes == ("ill", "well")
    assert (first["patient_id"], first["source"], first["view"]) == ("x", "Rome", "AP")
    assert (first["modality"], first["split"], first["mask"]) == ("xray", "train", "masks/a.png")
    second = dataset.table.iloc[1][["source", "view", "modality", "split", "mask"]]
    assert second.isna().all()
    notes = "\n".join(dataset.notes)
    for what in ("as view: oblique", "as modality: MRI", "as split: later"):
        assert f"1 value is not used {what}" in notes
    assert "1 lung mask is not in the folder: masks/b.png" in notes
    assert "label: a b" in notes


def test_options_are_registered_and_used_again(root):
    table(root / "x.csv", ["path", "label", "grade"], [[*row, row[1] * 2] for row in FOUR])
    options = {"label": "grade"}
    datasets.register("films", root, "csv", options)
    assert datasets.load("films").classes == ("illill", "wellwell")
    assert datasets.registered()[0].options == options


def test_the_csv_itself_may_be_given(root):
    table(root / "one.csv", HEADER, FOUR)
    table(root / "two.csv", HEADER, FOUR[:3])
    datasets.register("two", root / "two.csv")
    assert len(datasets.load("two").table) == 3
    assert datasets.load("two").root == root
    assert len(datasets.load(root / "one.csv").table) == 4


def test_classes_and_names_may_be_asked_for(root):
    dataset = load(root, lines("a ill", "b sick", "c well", "d what"),
                rename={"sick": "ill"}, classes=("well", "ill"))  # fmt: skip
    assert dataset.classes == ("well", "ill")
    assert "1 image is left out, of classes that were not chosen, what (1)." in dataset.notes


def test_a_bare_name_is_the_only_image_of_that_name(root):
    picture(root / "other" / "d.png")
    dataset = load(root, [["a.png", "ill"], ["b", "ill"], ["c.png", "well"], ["d.png", "well"]])
    assert list(dataset.table["path"]) == ["films/a.png", "films/b.png", "films/c.png"]
    assert "no such image: d.png" in "\n".join(dataset.notes)


def test_an_absolute_path_into_the_folder_is_taken(root):
    dataset = load(root, [[str(root / "films" / "a.png"), "ill"], [".\\films\\b.png", "well"]])
    assert list(dataset.table["path"]) == ["films/a.png", "films/b.png"]


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside.png", "films/../../outside.png", "C:\\x.png"])  # fmt: skip
def test_a_path_that_leads_out_of_the_folder_is_left_out(root, path):
    picture(root.parent / "outside.png")
    dataset = load(root, [*FOUR, [path, "ill"]])
    assert len(dataset.table) == 4
    assert "no such image" in "\n".join(dataset.notes)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (["films/x.png", "ill"], "because there is no such image: films/x.png"),
        (["films/a.png", ""], "because there is no label: films/a.png"),
        (["", "ill"], "because no image is named"),
        (["films/a.png", "ill"], "because the image is listed earlier: films/a.png"),
        (["labels.csv", "ill"], "because there is no such image: labels.csv"),
    ],
)
def test_a_line_that_cannot_be_used_is_reported(root, row, expected):
    dataset = load(root, [*FOUR, row])
    assert len(dataset.table) == 4
    assert dataset.notes == (f"In labels.csv, 1 line is left out {expected}.",)


def test_an_image_with_two_labels_is_asked_about(root):
    rows = [*FOUR, ["films/a.png", "well"]]
    assert "1 of 4 images of set have several findings, such as ill, well" in refusal(root, rows)
    dataset = load(root, rows, several="one")
    assert list(dataset.table["path"]) == ["films/b.png", "films/c.png", "films/d.png"]
    assert "1 image is left out because of several findings." in dataset.notes


@pytest.mark.parametrize("several", ["", "one"])
def test_one_class_against_the_rest_is_loaded_again_as_it_was_made(root, several):
    rows = [["films/a.png", "ill|old"], *FOUR[1:], ["films/d.png", "ill"]]
    table(root / "labels.csv", HEADER, rows)
    if several:  # made from a dataset in which one class was chosen
        parent = datasets.register("films", root, options={"several": "one"})
        made = datasets.against_rest(parent, "ill")
        datasets.keep(made)
    else:
        made = datasets.register("films", root, options={"against_rest": "ill"})
    assert made.counts().to_dict() == {"ill": 1 if several else 3, "not ill": 1}
    loaded = datasets.load(made.name)
    assert loaded.fingerprint == made.fingerprint
    assert loaded.options == made.options


def test_what_an_earlier_version_registered_still_opens_as_it_was(root):
    rows = [["films/a.png", "ill|old"], *FOUR[1:], ["films/d.png", "ill"]]
    table(root / "labels.csv", HEADER, rows)
    registry.add(registry.Entry("films", root))
    dataset = datasets.load("films")
    assert dataset.counts().to_dict() == {"ill": 1, "ill|old": 1, "well": 1}
    assert dataset.options == {}


def test_without_a_common_name_the_error_lists_the_columns_and_the_command(root):
    table(root / "x.csv", ["file", "my grade"], [["films/a.png", "ill"]])
    message = refusal(root)
    assert "it has the columns file, my grade" in message
    typed = f"data add NAME {root / 'x.csv'} --option path=file --option label=COLUMN"
    assert message.endswith(f"Name it: python -m cxrcore {typed}")
    datasets.register("films", root / "x.csv", options={"path": "file", "label": "my grade"})


def test_of_two_fitting_columns_none_is_guessed(root):
    table(root / "x.csv", ["path", "filename", "label"], [["films/a.png", "a", "ill"]])
    assert "path, filename all fit" in refusal(root)


def test_a_folder_with_such_a_csv_is_taken_for_class_folders(root):
    table(root / "x.csv", ["path", "filename", "label"], [["films/a.png", "a", "ill"]])
    assert datasets.load(root).layout == "folders"
    (root / "x.csv").rename(root / "metadata.csv")
    assert not csv_table.detect(root)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"label": "nope"}, "has no column 'nope'; it has the columns path, label"),
        ({"file": "nope.csv"}, "There is no file 'nope.csv'"),
        ({"file": "../x.csv"}, "There is no file '../x.csv'"),
        ({"lable": "label"}, "The layout 'csv' has no option 'lable'"),
    ],
)
def test_options_that_cannot_be_are_refused(root, options, expected):
    table(root.parent / "x.csv", HEADER, FOUR)
    table(root / "x.csv", HEADER, FOUR)
    assert expected in refusal(root, **options)


def test_no_csv_and_several_are_refused(root):
    assert "holds no table" in refusal(root)
    for name in ("x.csv", "Y.CSV"):
        table(root / name, HEADER, FOUR)
    assert "holds 2 tables: Y.CSV, x.csv. Name one: --option file=NAME.csv" in refusal(root)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "it is empty"),
        (b"path,label\nfilms/a.png\n", "line 2 has 1 cells, the first has 2"),
        (b"path,label\nfilms/a.png,ill,x\n", "line 2 has 3 cells"),
        (b"path,path\nfilms/a.png,ill\n", "columns of the same name"),
        (b'path,label\n"films/a.png,ill\n', "cannot be read as a table"),
        (b"path,label\n", "names no labelled image"),
        (b"path,label\nfilms/none.png,ill\n", "names no labelled image"),
    ],
)
def test_a_csv_that_is_not_a_table_is_refused(root, content, expected):
    (root / "x.csv").write_bytes(content)
    assert expected in refusal(root)


def test_utf_8_with_a_mark_and_other_line_ends_is_read(root):
    text = "\ufeffpath,label\r\nfilms/a.png,kränk\r\nfilms/b.png,well\r\n\r\n"
    (root / "x.csv").write_text(text, encoding="utf-8", newline="")
    assert datasets.load(root).classes == ("kränk", "well")


def test_a_long_csv_is_read_quickly_enough(root):
    many = [[f"films/{number}.png", "ill"] for number in range(100_000)]
    dataset = load(root, [*FOUR, *many])
    assert len(dataset.table) == 4
    assert "100,000 lines are left out because there is no such image" in "\n".join(dataset.notes)


def test_a_damaged_image_is_listed_with_a_note(root):
    (root / "films" / "a.png").write_bytes(b"no picture")
    dataset = load(root)
    assert pd.isna(dataset.table["width"].iloc[0])
    assert "1 image is listed but cannot be used" in "\n".join(dataset.notes)


CELL = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=6), st.sampled_from(",;\t|"))
def test_what_the_csv_writer_writes_is_read_back(tmp_path, rows, delimiter):
    file = tmp_path / "x.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out, delimiter=delimiter).writerows([["path", "label", "third"], *rows])
    stripped = [[cell.strip() for cell in row] for row in rows]
    assert cells.read(file).fillna("").to_numpy().tolist() == [row for row in stripped if any(row)]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace"))))  # fmt: skip
def test_any_bytes_are_a_table_or_a_dataset_error(tmp_path, content):
    file = tmp_path / "x.csv"
    file.write_bytes(b"path,label\n" + content)
    try:
        datasets.load(tmp_path, "csv")
    except DatasetError as error:
        assert "\n" not in str(error)  # noqa: PT017
