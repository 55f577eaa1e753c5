"""What leaks from training into the test images, counted by hand and by brute force."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrcore.splits import Leaks, SplitSpec, leaks


def table_of(patients, labels=None):
    """An image table of images "0", "1", … with these patients."""
    count = len(patients)
    return pd.DataFrame(
        {
            "image_id": [str(n) for n in range(count)],
            "label": labels or ["A"] * count,
            "patient_id": patients,
            "split": [None] * count,
        },
        dtype="string",
    )


def parts(*names):
    return pd.Series(list(names), index=[str(n) for n in range(len(names))])


def groups_of(**groups):
    """`Duplicates.groups` from a string of one-digit image ids a group."""
    return pd.Series(
        {image: number for number, ids in enumerate(groups.values()) for image in ids},
        dtype="int64",
    )


def test_each_leaking_test_image_is_named_with_what_it_shares_and_with_whom():
    #                 0    1    2    3     4     5    6
    table = table_of(["p", "p", "q", None, None, "r", "r"])
    where = parts("train", "test", "test", "validation", "test", "train", "test")
    found = leaks.find(table, where, groups_of(a="34", b="56"))
    assert [(leak.image_id, leak.partner, leak.why) for leak in found.found] == [
        ("1", "0", "patient"),
        ("4", "3", "duplicate"),
        ("6", "5", "both"),
    ]
    assert found.image_ids == ("1", "4", "6")
    assert (found.test_images, found.count, found.share) == (4, 3, 0.75)
    assert (found.by_patient, found.by_duplicate, found.validation) == (2, 2, 0)
    assert found.patients_known == pytest.approx(5 / 7)
    assert found.sentence == (
        "3 of 4 test images (75 %) are known from training or validation: "
        "2 by the patient, 2 by a duplicate."
    )
    assert "not known for 29 % of the images; leaks among them" in found.unproven


def test_a_duplicate_is_shown_as_partner_before_another_image_of_the_patient():
    table = table_of(["p", "p", "p"])
    found = leaks.find(table, parts("train", "train", "test"), groups_of(a="12"))
    assert found.found[0].partner == "1"


def test_unknown_patients_are_not_shared():
    found = leaks.find(table_of([None, None]), parts("train", "test"), None)
    assert found.found == ()
    assert found.sentence == "Whether test images are known from training cannot be determined."
    assert found.unproven == (
        "Patients are not known; leaks by patient cannot be excluded. Duplicates were not searched."
    )


def test_leaks_into_validation_are_counted_separately():
    table = table_of(["p", "p", "q", "q", "s"])
    where = parts("train", "validation", "validation", "test", "test")
    found = leaks.find(table, where, groups_of())
    assert (found.validation, found.image_ids) == (1, ("3",))


def test_an_image_that_is_left_out_of_training_leaks_nothing():
    table = table_of(["p", "p", "q"])
    where = parts("train", "test", "train")
    assert leaks.find(table, where, None).count == 1
    assert leaks.find(table.iloc[1:], where, None).count == 0


@pytest.mark.parametrize(
    ("patients", "groups", "expected"),
    [
        (["p", "q"], "", "No test image shares a patient or a duplicate with training"),
        (["p", "p"], "", "1 of 1 test images (100 %) shows a patient who is also in training"),
        (["p", "q"], "01", "1 of 1 test images (100 %) has a duplicate in training"),
    ],
)
def test_leaks_are_described_in_a_plain_sentence(patients, groups, expected):
    found = leaks.find(table_of(patients), parts("train", "test"), groups_of(a=groups))
    assert expected in found.sentence
    assert found.unproven == ""


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from([None, *"pqrs"]),
            st.sampled_from([None, 0, 1, 2]),
            st.sampled_from(["train", "validation", "test"]),
        ),
        min_size=1,
        max_size=24,
    )
)
def test_leaks_are_those_that_comparing_every_pair_finds(rows):
    table = table_of([row[0] for row in rows])
    where = parts(*(row[2] for row in rows))
    groups = pd.Series(
        {str(n): r[1] for n, r in enumerate(rows) if r[1] is not None}, dtype="int64"
    )
    expected = {}
    for n, (patient, group, part) in enumerate(rows):
        others = [row for row in rows if row[2] != "test"] if part == "test" else []
        same_patient = any(patient is not None and o[0] == patient for o in others)
        same_group = any(group is not None and o[1] == group for o in others)
        if same_patient or same_group:
            both = same_patient and same_group
            expected[str(n)] = "both" if both else "patient" if same_patient else "duplicate"
    found = leaks.find(table, where, groups)
    assert {leak.image_id: leak.why for leak in found.found} == expected
    assert found.test_images == sum(row[2] == "test" for row in rows)
    for leak in found.found:
        assert where[leak.partner] != "test"
    assert Leaks.model_validate_json(found.model_dump_json()) == found


def test_an_ordinary_split_by_image_leaks_what_ours_keeps_together():
    # Each patient has two images: whoever divides by image divides many of the patients.
    patients = [f"p{n // 2}" for n in range(200)]
    table = table_of(patients, ["AB"[n // 2 % 2] for n in range(200)])
    would = leaks.would_leak(table, SplitSpec(), None)
    assert would.test_images == 40
    # The other image of a test image is elsewhere with a chance of about 160 in 199.
    assert 20 <= would.by_patient <= 40


def test_an_ordinary_split_takes_no_notice_of_a_published_one():
    table = table_of([f"p{n}" for n in range(100)])
    table["split"] = pd.array(["train"] * 90 + ["test"] * 10, dtype="string")
    assert leaks.would_leak(table, SplitSpec(), None).test_images == 20
