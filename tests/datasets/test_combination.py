"""Merged datasets: labels together, patients apart, images once, members untouched."""

import json
import shutil
import sys

import pytest

from cxrcore import cli, datasets, images, index
from cxrcore.datasets import combination
from cxrcore.datasets.masks import read as read_mask
from cxrcore.errors import DatasetError
from tests.helpers.layouts import LAYOUTS, mask, picture, table


@pytest.fixture
def first(tmp_path):
    """COVID and Normal with masks, patients 1..4 of Rome."""
    root, rows = tmp_path / "one", []
    for number, label in enumerate(["COVID", "COVID", "Normal", "Normal"], 1):
        picture(root / label / "images" / f"{number}.png")
        mask(root / label / "masks" / f"{number}.png")
        rows.append([f"{label}/images/{number}.png", str(number), "Rome"])
    table(root / "metadata.csv", ["path", "patient_id", "source"], rows)
    return datasets.register("first", root)


@pytest.fixture
def second(tmp_path):
    """covid, normal and CT, patients 1..6, no masks."""
    root, rows = tmp_path / "two", []
    for number, label in enumerate(["covid", "covid", "covid", "normal", "normal", "CT"], 1):
        picture(root / "films" / f"{number}.png")
        rows.append([f"films/{number}.png", label, str(number)])
    table(root / "labels.csv", ["path", "label", "patient"], rows)
    return datasets.register("second", root)


MAP = {"second": {"covid": "COVID", "normal": "Normal", "CT": None}}


def refusal(*args, **kwargs) -> str:
    with pytest.raises(DatasetError) as error:
        datasets.merge(*args, **kwargs)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_labels_are_mapped_and_the_notes_say_what_went_in(first, second):
    dataset = datasets.merge("both", ["first", "second"], MAP)
    assert dataset.layout == "merged"
    assert dataset.counts().to_dict() == {"COVID": 5, "Normal": 4}
    assert "Class COVID: first COVID (2), second covid (3)." in dataset.notes
    assert "Class Normal: first Normal (2), second normal (2)." in dataset.notes
    assert "second: 1 image is left out, as asked, with the label CT." in dataset.notes
    assert any(note.startswith("second: Columns used from labels.csv") for note in dataset.notes)


def test_classes_of_one_member_are_listed_and_notes_about_one_member_are_not(first, second):
    datasets.register("second", second.root, "csv", {"classes": ["covid"]})
    dataset = datasets.merge("both", ["first", "second"])
    assert dataset.notes[-2].startswith(
        "Classes of a single member, COVID: first COVID (2); Normal: "
    )
    assert not any("only one class" in note for note in dataset.notes)


def test_equal_patient_numbers_stay_different_people(first, second):
    dataset = datasets.merge("both", ["first", "second"], MAP)
    assert dataset.table["patient_id"].nunique() == 9
    assert {"first: 1", "second: 1"} <= set(dataset.table["patient_id"])
    assert set(dataset.table["source"]) == {"first: Rome", "second"}


def test_age_and_sex_stay_where_a_member_tells_them(tmp_path, first):
    root = tmp_path / "three"
    picture(root / "COVID" / "1.png")
    picture(root / "Normal" / "2.png")
    rows = [["COVID/1.png", "61", "F"], ["Normal/2.png", "", "male"]]
    table(root / "metadata.csv", ["path", "age", "sex"], rows)
    datasets.register("third", root)
    found = datasets.merge("both", ["first", "third"]).table.set_index("path")
    assert found.loc["third/COVID/1.png", ["age", "sex"]].tolist() == [61, "F"]
    assert found.loc["third/Normal/2.png", "sex"] == "M"
    assert found[["age", "sex"]].notna().sum().tolist() == [1, 2]


def test_images_and_masks_are_read_through_the_links(first, second, own_folders):
    dataset = datasets.merge("both", ["first", "second"], MAP)
    row = dataset.table.iloc[0]
    assert row["path"] == "first/COVID/images/1.png"
    gray = images.decode(dataset.path_of(row))
    assert read_mask(dataset.mask_of(row), gray.shape).any()
    assert dataset.mask_of(dataset.table.iloc[-1]) is None
    kept = [path for path in own_folders.data.rglob("*.png") if not path.is_symlink()]
    assert not [path for path in kept if not path.is_relative_to(dataset.root)]
    assert sorted(path.name for path in dataset.root.iterdir()) == [
        "first",
        "merged.json",
        "second",
    ]
    assert (dataset.root / "first").is_symlink()


def test_a_merged_dataset_is_measured_as_any_other(first, second):
    dataset = datasets.merge("both", ["first", "second"], MAP)
    measured = index.measure(dataset, workers=1)
    assert len(measured.table) == 9
    assert measured.damaged.empty


def test_the_registered_name_loads_it_again(first, second):
    dataset = datasets.merge("both", ["first", "second"], MAP)
    assert datasets.load("both").fingerprint == dataset.fingerprint
    assert datasets.registered()[0].name == "both"


def test_the_same_content_in_two_members_is_kept_once(first, second):
    shutil.copy(first.root / "COVID" / "images" / "1.png", second.root / "films" / "1.png")
    shutil.copy(first.root / "Normal" / "images" / "3.png", second.root / "films" / "2.png")
    dataset = datasets.merge("both", ["first", "second"], MAP)
    notes = "\n".join(dataset.notes)
    # 1 is COVID in both; 3 is Normal in one and COVID in the other.
    assert dataset.counts().to_dict() == {"COVID": 3, "Normal": 3}
    assert "another file has the same content: second/films/1.png" in notes
    assert "different labels: first/Normal/images/3.png, second/films/2.png" in notes
    reasons = dataset.doubles.set_index("path")["reason"].to_dict()
    assert reasons == {
        "second/films/1.png": "same content",
        "first/Normal/images/3.png": "other label",
        "second/films/2.png": "other label",
    }


def test_doubles_within_a_member_are_carried_along(first, second):
    shutil.copy(
        first.root / "COVID" / "images" / "1.png", first.root / "COVID" / "images" / "9.png"
    )
    dataset = datasets.merge("both", ["first", "second"], MAP)
    assert "first/COVID/images/9.png" in set(dataset.doubles["path"])


def test_similar_class_names_are_reported(first, second):
    dataset = datasets.merge("both", ["first", "second"])
    assert dataset.classes == ("COVID", "CT", "Normal", "covid", "normal")
    notes = "\n".join(dataset.notes)
    assert "The classes 'COVID' and 'covid' have nearly the same name." in notes
    # The larger one is the proposal: three covid, two COVID.
    assert '--map "first:COVID=covid"' in notes


def test_published_splits_need_a_test_split_in_every_member(tmp_path, first):
    LAYOUTS["kermany"](tmp_path / "kermany")
    datasets.register("kermany", tmp_path / "kermany")
    dataset = datasets.merge("both", ["first", "kermany"])
    assert dataset.table["split"].isna().all()
    assert "Published splits are not used, because first has no test split." in dataset.notes
    LAYOUTS["kermany"](tmp_path / "more")
    datasets.register("more", tmp_path / "more")
    split = datasets.merge("third", ["kermany", "more"])
    assert split.table["split"].value_counts().to_dict() == {"train": 4, "validation": 4, "test": 4}


def test_a_merged_dataset_can_be_merged(tmp_path, first, second):
    datasets.merge("both", ["first", "second"], MAP)
    LAYOUTS["folders"](tmp_path / "third")
    datasets.register("third", tmp_path / "third")
    dataset = datasets.merge(
        "all", ["both", "third"], {"third": {"well": "Normal", "ill": "COVID"}}
    )
    assert dataset.counts().to_dict() == {"COVID": 8, "Normal": 7}
    assert "both: first: 1" in set(dataset.table["patient_id"])
    assert all(dataset.path_of(row).is_file() for row in dataset.table.itertuples())


def test_options_of_the_members_are_kept(first, second):
    datasets.register("second", second.root, "csv", {"classes": ["covid", "normal"]})
    dataset = datasets.merge("both", ["first", "second"])
    assert "CT" not in dataset.classes


def test_forgetting_leaves_the_members_and_the_name_can_be_used_again(first, second):
    before = sorted(path for path in second.root.rglob("*"))
    datasets.merge("both", ["first", "second"])
    datasets.forget("both")
    assert {entry.name for entry in datasets.registered()} == {"first", "second"}
    assert datasets.merge("both", ["first", "second"], MAP).classes == ("COVID", "Normal")
    assert sorted(path for path in second.root.rglob("*")) == before
    assert len(datasets.load("first").table) == 4


def test_a_member_that_is_missing_is_reported_in_one_line(first, second):
    datasets.merge("both", ["first", "second"], MAP)
    second.root.rename(second.root.with_name("moved"))
    with pytest.raises(DatasetError) as error:
        datasets.load("both")
    message = str(error.value)
    assert message.startswith("second, a member of the merged dataset 'both', is missing: ")
    assert str(second.root) in message


@pytest.mark.parametrize(
    ("name", "members", "labels", "expected"),
    [
        ("both", ["first"], {}, "needs two datasets or more"),
        ("both", [], {}, "needs two datasets or more"),
        ("both", ["first", "first"], {}, "A dataset cannot be merged with itself"),
        ("first", ["first", "second"], {}, "The name 'first' already stands for"),
        ("Both!", ["first", "second"], {}, "cannot be a dataset's name"),
        ("both", ["first", "nothing"], {}, "no registered dataset 'nothing'"),
        ("both", ["first", "second"], {"third": {"a": "b"}}, "'third' is not one of the members"),
        ("both", ["first", "second"], {"second": {"no": "b"}}, "No image of second has the label 'no'"),
        ("both", ["first", "second"],
         {"first": {"COVID": None, "Normal": None}, "second": dict.fromkeys(["covid", "normal", "CT"])},
         "No image of both is left"),
    ],
)  # fmt: skip
def test_what_cannot_be_merged_is_refused_and_leaves_nothing(
    name, members, labels, expected, first, second, own_folders
):
    assert expected in refusal(name, members, labels)
    assert {entry.name for entry in datasets.registered()} == {"first", "second"}
    assert not (own_folders.data / "merged" / "both").exists()


def test_the_same_folder_under_two_names_is_refused(first):
    datasets.register("again", first.root)
    assert "A dataset cannot be merged with itself" in refusal("both", ["first", "again"])


def test_a_circle_is_refused(first, second, own_folders):
    datasets.merge("both", ["first", "second"], MAP)
    datasets.merge("more", ["both", "first"])
    datasets.forget("both")
    assert "more contains the new dataset both" in refusal("both", ["more", "second"])
    assert len(datasets.load("more").table) == 9


def test_a_damaged_list_of_members_is_reported(first, second):
    dataset = datasets.merge("both", ["first", "second"], MAP)
    for text in ("{", "[]", '{"members": [{"name": 1}]}', '{"members": 7}'):
        (dataset.root / "merged.json").write_text(text)
        with pytest.raises(DatasetError, match=r"merged\.json is damaged"):
            datasets.load("both")


@pytest.mark.parametrize("word", ["", "a", "a:b", "a=b", ":b=c", "a:=c"])
def test_texts_that_map_nothing_are_refused(word):
    with pytest.raises(DatasetError, match="MEMBER:LABEL=CLASS"):
        combination.parse_map([word])


def test_the_command_line_merges(first, second, monkeypatch, capsys):
    words = ["data", "merge", "both", "first", "second", "--json"]
    words += ["--map", "second:covid=COVID", "--map", "second:CT=", "--map", "second:normal=Normal"]
    monkeypatch.setattr(sys, "argv", ["cxrcore", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
        raise SystemExit(0)
    assert not ended.value.code
    answer = json.loads(capsys.readouterr().out)
    assert (answer["name"], answer["images"]) == ("both", 9)
    assert answer["classes"] == {"COVID": 5, "Normal": 4}


@pytest.mark.real
def test_the_studys_images_and_cohens_become_one(real_data):
    datasets.register("cxr3", real_data / "cxr3")
    cohen = datasets.register("cohen", real_data / "ieee8023-covid-chestxray-dataset")
    first = datasets.load("cxr3")
    dataset = datasets.merge("both", ["cxr3", "cohen"])
    together = set(first.table["image_id"]) | set(cohen.table["image_id"])
    assert set(dataset.table["image_id"]) <= together
    gone = {str(i) for i in dataset.doubles["image_id"]}
    assert together - set(dataset.table["image_id"]) <= gone
    assert all(dataset.path_of(row).is_file() for row in dataset.table.itertuples())
