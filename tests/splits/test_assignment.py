"""Who goes to training, validation and test."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from cxrcore.errors import DatasetError
from cxrcore.splits import PARTS, SplitSpec, assign, leaks
from cxrcore.splits import folds as folds_module


def table_of(rows):
    """An image table from (label, patient or None, published part or None)."""
    frame = pd.DataFrame(rows, columns=["label", "patient_id", "split"]).astype("string")
    frame.insert(0, "image_id", pd.Series([f"{n:032x}" for n in range(len(rows))], dtype="string"))
    return frame


def even_table(patients=40, images=2, classes="ABC"):
    return table_of(
        [(c, f"{c}{p}", None) for c in classes for p in range(patients) for _ in range(images)]
    )


def parts_of(table, split):
    frame = table.assign(part=split.assignment.to_numpy())
    return frame, frame.groupby("part")["label"].value_counts().unstack(fill_value=0)


@st.composite
def tables(draw):
    """Classes of several patients of their own, and some images whose patient is unknown."""
    rows = []
    for label in "ABCD"[: draw(st.integers(1, 4))]:
        for patient in range(draw(st.integers(3, 25))):
            name = draw(st.sampled_from([f"{label}{patient}", None]))
            rows += [(label, name, None)] * (draw(st.integers(1, 4)) if name else 1)
    return table_of(draw(st.permutations(rows)))


@settings(max_examples=60, deadline=None)
@given(table=tables(), seed=st.integers(0, 2**32 - 1))
def test_every_image_is_in_one_part_no_patient_in_two_every_class_in_all(table, seed):
    split = assign(table, SplitSpec(seed=seed))
    assert split.assignment.index.tolist() == table["image_id"].tolist()
    frame, counts = parts_of(table, split)
    assert set(frame["part"]) == set(PARTS)
    assert (frame.dropna(subset=["patient_id"]).groupby("patient_id")["part"].nunique() == 1).all()
    assert (counts > 0).all(axis=None)
    largest = table["patient_id"].value_counts().max() if split.patients_known else 1
    renamed = assign(table.sample(frac=1, random_state=seed), SplitSpec(seed=seed))
    assert renamed.assignment.to_dict() == split.assignment.to_dict()
    assert renamed.digest == split.digest
    tolerance = (1.5 * table["label"].nunique() * largest + 1) / len(table) + 0.02
    assert abs((frame["part"] == "test").mean() - 0.20) <= tolerance
    assert abs((frame["part"] == "validation").mean() - 0.16) <= tolerance


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from("AB"), st.sampled_from([None, *"pqrstuvw"]), st.none()),
        min_size=1,
        max_size=40,
    )
)
def test_whatever_is_given_is_divided_properly_or_refused(rows):
    table = table_of(rows)
    try:
        split = assign(table, SplitSpec())
    except DatasetError:
        return
    frame, counts = parts_of(table, split)
    assert (frame.dropna(subset=["patient_id"]).groupby("patient_id")["part"].nunique() == 1).all()
    assert (counts > 0).all(axis=None)


@st.composite
def tables_with_groups(draw):
    """As `tables`, some images of each class tied to one another; never so that a class is torn."""
    table = draw(tables())
    groups = {}
    for number in range(draw(st.integers(0, 6))):
        label = draw(st.sampled_from(sorted(set(table["label"]))))
        ids = table.loc[table["label"] == label, "image_id"].tolist()
        members = draw(st.lists(st.sampled_from(ids), min_size=2, max_size=4, unique=True))
        groups |= {image_id: number for image_id in members if image_id not in groups}
    return table, pd.Series(groups, dtype="int64")


@settings(max_examples=80, deadline=None)
@given(given_=tables_with_groups(), seed=st.integers(0, 2**32 - 1))
def test_neither_a_patient_nor_a_group_of_duplicates_is_ever_in_two_parts(given_, seed):
    table, groups = given_
    try:
        split = assign(table, SplitSpec(seed=seed), groups)
    except DatasetError:  # tied together so that a class has too few left to divide
        return
    frame, counts = parts_of(table, split)
    frame["group"] = groups.reindex(frame["image_id"]).to_numpy()
    for key in ("patient_id", "group"):
        assert (frame.dropna(subset=[key]).groupby(key)["part"].nunique() == 1).all()
    assert (counts > 0).all(axis=None)
    assert leaks.find(table, split.assignment, groups).found == ()


def grouped(table, *groups):
    """`Duplicates.groups` from lists of row numbers."""
    ids = table["image_id"].tolist()
    pairs = {ids[row]: number for number, rows in enumerate(groups) for row in rows}
    return pd.Series(pairs, dtype="int64")


def test_patients_and_duplicates_that_are_tied_stay_together():
    # p0 and p1 share a film, p1 and p2 another one: all six images are one unit.
    table = table_of([("A", f"p{n // 2}", None) for n in range(60)])
    groups = grouped(table, [1, 2], [3, 4])
    for seed in range(8):
        split = assign(table, SplitSpec(seed=seed), groups)
        assert split.assignment.iloc[:6].nunique() == 1
    assert split.group_key == "patient+duplicates"
    assert "2 groups of duplicates (4 images) are kept together" in split.note
    assert "ties 6 images of different or unknown patients" in split.note


def test_without_patients_duplicates_alone_stay_together():
    table = table_of([("A", None, None)] * 60)
    split = assign(table, SplitSpec(), grouped(table, [0, 20, 40, 59]))
    assert split.assignment.iloc[[0, 20, 40, 59]].nunique() == 1
    assert split.group_key == "image+duplicates"
    assert "1 group of duplicates (4 images) is kept together." in split.note


def test_duplicates_can_be_ignored_and_the_note_says_so():
    table = even_table()
    groups = grouped(table, [0, 5], [7, 90])
    ignored = assign(table, SplitSpec(duplicates="ignored"), groups)
    pd.testing.assert_series_equal(ignored.assignment, assign(table, SplitSpec()).assignment)
    assert ignored.group_key == "patient"
    assert "Duplicates may be in two parts, as asked." in ignored.note


def test_no_duplicates_found_and_not_searched_differ():
    table = even_table()
    assert "No duplicates were found." in assign(table, SplitSpec(), grouped(table)).note
    assert "Duplicates were not searched." in assign(table, SplitSpec()).note


def test_duplicates_of_images_that_are_not_in_the_table_do_no_harm():
    table = even_table()
    stranger = pd.Series({"f" * 32: 0, table["image_id"][3]: 0})
    assert assign(table, SplitSpec(), stranger).assignment.notna().all()


def test_a_published_split_is_kept_though_it_divides_duplicates():
    table = published(["train"] * 60 + ["test"] * 20)
    split = assign(table, SplitSpec(), grouped(table, [0, 61], [3, 62], [4, 6]))
    was_test = (table["split"] == "test").to_numpy()
    np.testing.assert_array_equal((split.assignment == "test").to_numpy(), was_test)
    assert "2 groups of duplicates are in more than one part" in split.note
    assert "3 groups of duplicates (6 images) were found." in split.note
    assert split.assignment.iloc[4] == split.assignment.iloc[6]


def test_an_image_without_a_published_part_follows_its_duplicate():
    rows = [("A" if n % 2 else "B", None, "test" if n < 10 else "train") for n in range(50)]
    table = table_of([*rows, ("A", None, None)])
    assert assign(table, SplitSpec(), grouped(table, [3, 50])).assignment.iloc[50] == "test"


def test_shares_are_those_of_the_spec_class_by_class():
    table = even_table()
    _, counts = parts_of(table, assign(table, SplitSpec()))
    shares = counts.div(counts.sum(axis=0), axis=1)
    np.testing.assert_allclose(shares.loc["test"], 0.20, atol=0.03)
    np.testing.assert_allclose(shares.loc["validation"], 0.16, atol=0.03)


@pytest.mark.parametrize(
    ("test", "validation"), [(0.15, 0.15), (0.1, 0.3), (0.33, 0.02), (0.5, 0.25)]
)
def test_other_shares_are_met_as_well(test, validation):
    table = even_table(patients=100, images=1)
    frame, _ = parts_of(table, assign(table, SplitSpec(test=test, validation=validation)))
    assert (frame["part"] == "test").mean() == pytest.approx(test, abs=0.035)
    assert (frame["part"] == "validation").mean() == pytest.approx(validation, abs=0.035)


def test_the_same_seed_gives_the_same_split_and_another_one_another():
    table = even_table()
    first, again, other = (assign(table, SplitSpec(seed=seed)).assignment for seed in (1, 1, 2))
    pd.testing.assert_series_equal(first, again)
    assert (first != other).any()


def test_the_table_is_not_changed():
    table = even_table()
    before = table.copy()
    assign(table, SplitSpec())
    pd.testing.assert_frame_equal(table, before)


def test_a_class_of_three_patients_is_in_every_part():
    table = table_of(
        [("common", f"c{n}", None) for n in range(200)]
        + [("rare", f"r{n}", None) for n in range(3)]
    )
    for seed in range(10):
        frame, counts = parts_of(table, assign(table, SplitSpec(seed=seed)))
        assert counts["rare"].tolist() == [1, 1, 1]
        assert (frame["part"] == "test").mean() == pytest.approx(0.2, abs=0.02)


def test_many_rare_classes_cause_no_warning():
    rows = [("common", f"c{n}", None) for n in range(60)]
    rows += [(f"rare{k}", f"r{k}{n}", None) for k in range(6) for n in range(3)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, counts = parts_of(table_of(rows), assign(table_of(rows), SplitSpec()))
    assert (counts > 0).all(axis=None)


def test_a_class_that_is_too_small_is_named_with_its_count_and_the_need():
    table = table_of([("A", f"a{n}", None) for n in range(9)] + [("tiny", "x", None)] * 5)
    with pytest.raises(DatasetError, match=r"'tiny'.* it has 1 .*3 are needed"):
        assign(table, SplitSpec())


def test_by_image_a_single_patient_can_be_divided():
    table = table_of([("A", "a", None)] * 10 + [("B", "b", None)] * 10)
    with pytest.raises(DatasetError):
        assign(table, SplitSpec())
    split = assign(table, SplitSpec(group="image"))
    assert split.group_key == "image"
    assert "may be in two parts, as asked" in split.note


def test_patients_with_images_of_all_classes_are_kept_together():
    table = table_of([(c, f"p{n}", None) for n in range(30) for c in "ABC"])
    frame, counts = parts_of(table, assign(table, SplitSpec()))
    assert (frame.groupby("patient_id")["part"].nunique() == 1).all()
    assert (counts.nunique(axis=1) == 1).all()


def test_entangled_patients_are_refused_with_advice():
    # 3 and 4 must each be apart from 1 and 2, so in one part; but class C needs them apart.
    members = {"A": "123", "B": "124", "C": "345"}
    table = table_of([(c, patient, None) for c in members for patient in members[c]])
    with pytest.raises(DatasetError, match="divide by image instead of by patient"):
        assign(table, SplitSpec())


def test_how_many_patients_are_known_is_reported():
    table = table_of([("A", None if n % 4 else f"a{n}", None) for n in range(40)])
    split = assign(table, SplitSpec())
    assert split.patients_known == 0.25
    assert split.group_key == "patient"
    assert "known for 25 %" in split.note


def test_without_any_patient_the_note_warns():
    split = assign(table_of([("A", None, None)] * 20), SplitSpec())
    assert split.group_key == "image"
    assert "may be in two parts" in split.note


def published(parts, patients=lambda n: f"p{n}"):
    rows = []
    for number, part in enumerate(parts):
        rows.append(("AB"[number % 2], patients(number), part))
    return table_of(rows)


def test_a_published_test_part_is_kept_and_validation_is_taken_from_training():
    table = published(["train"] * 60 + ["test"] * 20)
    split = assign(table, SplitSpec())
    was_test = (table["split"] == "test").to_numpy()
    np.testing.assert_array_equal((split.assignment == "test").to_numpy(), was_test)
    share = (split.assignment[~was_test] == "validation").mean()
    assert share == pytest.approx(0.2, abs=0.04)
    assert "published test part is kept (20 images)" in split.note
    assert "No patient is in two parts" in split.note


def test_a_published_validation_part_is_kept():
    table = published(["train"] * 30 + ["validation"] * 6 + ["test"] * 10)
    split = assign(table, SplitSpec())
    assert split.assignment.tolist() == table["split"].tolist()


def test_validation_from_published_training_keeps_patients_together():
    table = published(["train"] * 60 + ["test"] * 20, patients=lambda n: f"p{n // 4}")
    frame, _ = parts_of(table, assign(table, SplitSpec()))
    assert (frame.groupby("patient_id")["part"].nunique() == 1).all()


def test_patients_that_the_published_split_shares_are_counted_in_the_note():
    table = published(["train"] * 60 + ["test"] * 20, patients=lambda n: f"p{n % 62}")
    split = assign(table, SplitSpec())
    shared = table.assign(part=split.assignment.to_numpy()).groupby("patient_id")["part"].nunique()
    assert (shared > 1).sum() == 18
    assert "18 patients are in more than one part" in split.note


def test_images_without_a_published_part_follow_their_patient():
    rows = [("A" if n % 2 else "B", f"p{n}", "test" if n < 10 else "train") for n in range(50)]
    rows += [("A", "p3", None), ("A", "new", None)]
    split = assign(table_of(rows), SplitSpec())
    assert split.assignment.iloc[50] == "test"
    assert split.assignment.iloc[51] in ("train", "validation")
    assert "2 images without a published part" in split.note


def test_a_published_split_without_test_is_not_used_and_the_note_says_so():
    table = published(["train"] * 60 + ["validation"] * 20)
    split = assign(table, SplitSpec())
    assert set(split.assignment) == set(PARTS)
    assert "has no test part" in split.note


def test_a_published_split_can_be_set_aside():
    table = published(["train"] * 60 + ["test"] * 20)
    split = assign(table, SplitSpec(published=False))
    assert split.assignment.tolist() != table["split"].tolist()
    assert "not used, as asked" in split.note


def test_a_class_that_the_published_test_part_lacks_is_named():
    rows = [("AB"[n % 2], f"p{n}", "train") for n in range(40)]
    rows += [("A", f"q{n}", "test") for n in range(10)]
    with pytest.raises(DatasetError, match=r"no image of class 'B' in test.*Divide anew"):
        assign(table_of(rows), SplitSpec())


def test_an_unknown_part_is_refused():
    table = published(["train"] * 20 + ["test"] * 10 + ["holdout"] * 4)
    with pytest.raises(DatasetError, match="holdout"):
        assign(table, SplitSpec())


def test_images_without_a_label_are_refused():
    table = even_table()
    table.loc[3, "label"] = pd.NA
    with pytest.raises(DatasetError, match="1 of 240 images have no label"):
        assign(table, SplitSpec())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"test": 0}, "test"),
        ({"validation": 0.9}, "0.9"),
        ({"test": 0.5, "validation": 0.4}, "fifth"),
    ],
)
def test_shares_that_make_no_sense_are_refused(values, expected):
    with pytest.raises(DatasetError, match=expected):
        SplitSpec(**values)


def test_a_spec_survives_json():
    spec = SplitSpec(seed=7, group="image")
    assert SplitSpec.model_validate_json(spec.model_dump_json()) == spec


def test_folds_are_those_of_scikit_learn():
    table = even_table(images=3)
    labels = pd.factorize(table["label"])[0]
    groups = pd.factorize(table["patient_id"])[0]
    found = folds_module._fold_of_rows(labels, groups, 5, 3)
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=3)
    for number, (_, rows) in enumerate(splitter.split(labels, labels, groups)):
        assert (found[rows] == number).all()


# --- cross-validation -----------------------------------------------------------------------


def folds_of(table, folds, groups=None, **changes):
    """(n, folds) the part of each image in each fold."""
    specs = [SplitSpec(fold=fold, folds=folds, **changes) for fold in range(1, folds + 1)]
    parts = [assign(table, spec, groups).assignment.to_numpy() for spec in specs]
    return np.stack(parts, axis=1)


@settings(max_examples=60, deadline=None)
@given(given_=tables_with_groups(), seed=st.integers(0, 2**32 - 1), folds=st.integers(2, 10))
def test_every_image_is_tested_once_and_no_group_is_divided(given_, seed, folds):
    table, groups = given_
    try:
        parts = folds_of(table, folds, groups, seed=seed)
    except DatasetError:  # a class has too few patients for so many folds
        return
    assert ((parts == "test").sum(axis=1) == 1).all()
    for column in parts.T:
        frame = table.assign(part=column)
        frame["group"] = groups.reindex(frame["image_id"]).to_numpy()
        for key in ("patient_id", "group"):
            assert (frame.dropna(subset=[key]).groupby(key)["part"].nunique() == 1).all()
        counts = frame.groupby("part")["label"].value_counts().unstack(fill_value=0)
        assert set(counts.index) == set(PARTS)
        assert (counts > 0).all(axis=None)
        assert leaks.find(table, pd.Series(column, table["image_id"]), groups).found == ()


@settings(max_examples=60, deadline=None)
@given(table=tables(), folds=st.integers(2, 10))
def test_folds_are_refused_only_where_a_class_has_too_few_patients(table, folds):
    patients = table["patient_id"].fillna(table["image_id"]).groupby(table["label"]).nunique()
    needed = folds if folds > 2 else 4
    if patients.min() >= needed:
        folds_of(table, folds)
        return
    with pytest.raises(DatasetError, match=r"too small for .* folds.*Take fewer folds"):
        folds_of(table, folds)


def test_the_tested_parts_are_the_folds_of_scikit_learn():
    table = even_table(images=3)
    labels = pd.factorize(table["label"])[0]
    groups = pd.factorize(table["patient_id"])[0]
    parts = folds_of(table, 5, seed=3)
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=3)
    for number, (_, rows) in enumerate(splitter.split(labels, labels, groups)):
        assert np.flatnonzero(parts[:, number] == "test").tolist() == rows.tolist()
    shares = (parts == "validation").mean(axis=0)
    np.testing.assert_allclose(shares, 0.16, atol=0.04)


def test_a_published_split_is_not_kept_in_cross_validation_and_the_note_says_so():
    table = published(["train"] * 60 + ["test"] * 20)
    split = assign(table, SplitSpec(fold=2, folds=4))
    assert "Cross-validation: tested on part 2 of 4. Divided by patient" in split.note
    assert "published split is not used: in cross-validation every image is tested" in split.note
    assert not SplitSpec(fold=2, folds=4).keeps_published(table)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"fold": 1}, "2 to 10 folds"),
        ({"folds": 5}, "one of 1 to 5"),
        ({"fold": 1, "folds": 1}, "2 to 10 folds"),
        ({"fold": 1, "folds": 11}, "2 to 10 folds"),
        ({"fold": 0, "folds": 5}, "one of 1 to 5"),
        ({"fold": 6, "folds": 5}, "one of 1 to 5"),
        ({"fold": 1, "folds": 2, "validation": 0.35}, "fifth"),
    ],
)
def test_folds_that_make_no_sense_are_refused(values, expected):
    with pytest.raises(DatasetError, match=expected):
        SplitSpec(**values)


def test_entangled_patients_cannot_be_divided_into_folds():
    # Four units that hold a class each fill four folds, so that the fifth class has no room.
    members = {"A": "1234", "B": "1256", "C": "3456"}
    table = table_of([(c, patient, None) for c in members for patient in members[c]])
    with pytest.raises(DatasetError, match=r"cannot be in each of 4 folds.*Take fewer folds"):
        folds_of(table, 4)
