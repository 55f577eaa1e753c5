"""The image table, fingerprints, duplicates and what a Dataset answers."""

import hashlib
import pickle
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrcore.datasets.table import (
    COLUMNS,
    Dataset,
    build_table,
    count,
    listed,
    patient_of,
    without_duplicates,
)
from cxrcore.errors import DatasetError


def row(image_id: str, label: str | None = "A", **more: object) -> dict[str, object]:
    return {"image_id": image_id, "path": f"{label}/{image_id}.png", "label": label, **more}


def dataset(*rows: dict[str, object], classes: tuple[str, ...] = ("A", "B")) -> Dataset:
    return Dataset("d", Path("/images"), "folders", build_table(rows), classes)


def test_a_table_has_all_columns_with_their_types_and_missing_is_missing():
    table = build_table([row("x", patient_id="", source="  ", width=3)])
    assert list(table.columns) == list(COLUMNS)
    assert {str(t) for c, t in table.dtypes.items() if c not in ("width", "height")} == {"string"}
    assert str(table["width"].dtype) == str(table["height"].dtype) == "Int64"
    for column in ("patient_id", "source", "view", "split", "mask", "height"):
        assert table[column][0] is pd.NA


def test_a_table_without_rows_has_the_same_columns():
    assert list(build_table([]).columns) == list(COLUMNS)


def test_rows_are_sorted_by_path_and_numbered():
    table = build_table([row("c"), row("a"), row("b", "B")])
    assert table["path"].tolist() == ["A/a.png", "A/c.png", "B/b.png"]
    assert table.index.tolist() == [0, 1, 2]


def test_building_a_table_leaves_the_frame_it_is_given_alone():
    frame = pd.DataFrame([row("b"), row("a")])
    before = frame.copy()
    build_table(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_the_fingerprint_is_that_of_the_sorted_pairs():
    expected = hashlib.blake2b(b"a\tB\nb\tA\n", digest_size=8).hexdigest()
    assert dataset(row("b"), row("a", "B")).fingerprint == expected


def test_the_fingerprint_ignores_paths_and_order_but_not_labels():
    one = dataset(row("a"), row("b", "B"))
    moved = dataset(row("b", "B", path="z.png"), row("a", path="y.png", split="test"))
    relabelled = dataset(row("a"), row("b", "A"))
    assert one.fingerprint == moved.fingerprint != relabelled.fingerprint
    assert re.fullmatch("[0-9a-f]{16}", one.fingerprint)


def test_paths_and_masks_are_found_by_id_and_by_any_kind_of_row():
    loaded = dataset(row("a", mask="A/masks/a.png"), row("b", "B"))
    for image in (
        "a",
        loaded.table.iloc[0],
        next(loaded.table.itertuples()),
        dict(loaded.table.iloc[0]),
    ):
        assert loaded.path_of(image) == Path("/images/A/a.png")
        assert loaded.mask_of(image) == Path("/images/A/masks/a.png")
    for image in ("b", loaded.table.iloc[1], list(loaded.table.itertuples())[1]):
        assert loaded.mask_of(image) is None


def test_an_unknown_image_is_refused():
    with pytest.raises(DatasetError, match="has no image 'nobody'"):
        dataset(row("a")).path_of("nobody")


def test_counts_follow_the_order_of_the_classes():
    loaded = dataset(row("a"), row("b", "B"), row("c"), classes=("B", "A"))
    assert loaded.counts().to_dict() == {"B": 1, "A": 2}
    assert loaded.counts().index.tolist() == ["B", "A"]


def test_a_dataset_survives_the_way_to_another_process():
    loaded = dataset(row("a"))
    assert loaded.fingerprint
    copy = pickle.loads(pickle.dumps(loaded))
    assert copy.fingerprint == loaded.fingerprint
    assert copy.path_of("a") == loaded.path_of("a")


def test_of_the_same_content_the_first_by_path_is_kept():
    table = build_table([row("x", path="A/2.png"), row("x", path="A/1.png"), row("y")])
    kept, dropped, notes = without_duplicates(table)
    assert kept["path"].tolist() == ["A/1.png", "A/y.png"]
    assert dropped[["path", "image_id", "reason"]].to_numpy().tolist() == [
        ["A/2.png", "x", "same content"]
    ]
    assert kept.index.tolist() == [0, 1]
    assert notes == ["1 file is left out because another file has the same content: A/2.png."]


def test_the_same_content_under_two_labels_is_left_out_entirely():
    table = build_table([row("x"), row("x", "B"), row("y")])
    kept, dropped, notes = without_duplicates(table)
    assert dropped["path"].tolist() == ["A/x.png", "B/x.png"]
    assert set(dropped["reason"]) == {"other label"}
    assert kept["image_id"].tolist() == ["y"]
    assert len(notes) == 1
    assert "2 files are left out" in notes[0]
    assert "A/x.png, B/x.png" in notes[0]


def test_an_image_in_two_published_splits_is_reported():
    table = build_table([row("x", path="1", split="test"), row("x", path="2", split="train")])
    kept, _, notes = without_duplicates(table)
    assert kept["split"].tolist() == ["test"]
    assert any("more than one published split" in note for note in notes)


@pytest.mark.parametrize(
    ("path", "patient"),
    [
        ("Pneumonia/00011097_002.png", "00011097"),
        ("00011097_002.jpeg", "00011097"),
        ("00011097_002_mask.png", None),
        ("0011097_002.png", None),
        ("00011097_0002.png", None),
        ("a00011097_002.png", None),
        ("00011097.png", None),
    ],
)
def test_patients_are_read_from_names_of_eight_and_three_digits_only(path, patient):
    assert patient_of(path) == patient


@given(st.text())
def test_any_other_name_has_no_patient(text):
    found = patient_of(text)
    assert found is None or (len(found) == 8 and found in text)


def test_counts_and_lists_read_like_sentences():
    assert [count(n, "file") for n in (0, 1, 2000)] == [
        "0 files are",
        "1 file is",
        "2,000 files are",
    ]
    assert listed([]) == ""
    assert listed(["a", "b", "c"]) == "a, b, c"
    assert listed("abcd", most=2) == "a, b and 2 more"
