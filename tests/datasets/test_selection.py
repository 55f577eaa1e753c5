"""What may be asked of any layout: classes, names, modality, views."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrcore import datasets
from cxrcore.datasets import selection
from cxrcore.errors import DatasetError

CSV = "path,modality,view\nA/00000000_000.png,ct,\nB/00001000_000.png,xray,PA\n"


@pytest.fixture
def folder(tiny_dataset_folder):
    (tiny_dataset_folder / "metadata.csv").write_text(CSV)
    return tiny_dataset_folder


def test_without_options_nothing_is_noted(folder):
    dataset = datasets.load(folder)
    assert dataset.options == {}
    assert dataset.classes == ("A", "B", "C")


def test_only_the_classes_that_are_asked_for_are_kept_in_their_order(folder):
    dataset = datasets.load(folder, options={"classes": ["C", "A"]})
    assert dataset.classes == ("C", "A")
    assert set(dataset.table["label"]) == {"A", "C"}
    assert dataset.table.index.tolist() == list(range(24))
    assert "12 images are left out, of classes that were not chosen, B (12)." in dataset.notes
    assert dataset.fingerprint != datasets.load(folder).fingerprint


def test_labels_become_classes(folder):
    dataset = datasets.load(folder, options={"rename": {"A": "sick", "B": "sick", "C": "Normal"}})
    assert dataset.counts().to_dict() == {"Normal": 12, "sick": 24}


def test_classes_are_named_after_the_renaming(folder):
    options = {"rename": {"A": "sick"}, "classes": ["sick", "B"]}
    assert datasets.load(folder, options=options).counts().to_dict() == {"sick": 12, "B": 12}


def test_only_one_modality_or_view_is_kept(folder):
    ct = datasets.load(folder, options={"modality": "ct"})
    assert ct.table["path"].tolist() == ["A/00000000_000.png"]
    pa = datasets.load(folder, options={"views": ["PA", "AP"]})
    assert pa.table["path"].tolist() == ["B/00001000_000.png"]
    assert "35 images are left out, of another view than PA or AP: not told (35)." in pa.notes


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"classes": ["A", "Z"]}, "No image of tiny has the class Z. Its classes are A, B, C."),
        ({"rename": {"Z": "A"}}, "No image of tiny has the label Z"),
        ({"colour": 1}, "has no option 'colour'. Its options are: rename (label -> class"),
        ({"modality": "mri"}, "cannot have modality = 'mri': input should be 'xray' or 'ct'"),
        ({"views": ["L"]}, "No image of tiny is left. 36 images are left out"),
    ],
)
def test_what_cannot_be_is_one_clear_line(folder, options, words):
    with pytest.raises(DatasetError) as caught:
        datasets.load(folder, options=options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_registered_dataset_remembers_its_options(folder):
    datasets.register("two", folder, options={"classes": ["A", "B"]})
    assert datasets.load("two").classes == ("A", "B")
    assert datasets.registered()[0].options == {"classes": ["A", "B"]}
    assert datasets.load("two", options={}).classes == ("A", "B", "C")


@pytest.mark.parametrize("word", ["classes", "=A", "rename=a", "rename=a:", "rename=:b"])
def test_words_of_another_form_are_refused(word):
    with pytest.raises(DatasetError):
        selection.parse([word])


@given(st.lists(st.text(min_size=1, max_size=12), max_size=4))
def test_any_words_are_parsed_or_refused(words):
    try:
        options = selection.parse(words)
    except DatasetError:
        return
    assert all("=" in word for word in words)
    assert set(options) == {word.partition("=")[0].strip() for word in words}


@given(st.dictionaries(st.sampled_from("ABC"), st.sampled_from("XYZ")))
def test_renaming_is_that_of_pandas(names):
    table = pd.DataFrame({"label": list("ABCABC")})
    expected = [names.get(label, label) for label in table["label"]]
    assert selection._renamed(table, names, "d")["label"].tolist() == expected


def test_one_class_stands_against_the_rest(folder):
    dataset = datasets.load(folder, options={"against_rest": "B"})
    assert dataset.classes == ("B", "not B")
    assert dataset.counts().to_dict() == {"B": 12, "not B": 24}
    assert dataset.table["path"].tolist() == datasets.load(folder).table["path"].tolist()
    assert dataset.options == {"against_rest": "B"}


def test_it_comes_after_renaming_and_choosing(folder):
    options = {"rename": {"A": "sick"}, "classes": ["sick", "B"], "against_rest": "sick"}
    dataset = datasets.load(folder, options=options)
    assert dataset.counts().to_dict() == {"sick": 12, "not sick": 12}


def test_from_a_loaded_dataset_the_same_is_made_and_kept_under_its_own_name(folder):
    options = {"rename": {"A": "COVID-19", "B": "Normal"}}
    loaded = datasets.register("mine", folder, options=options)
    dataset = datasets.against_rest(loaded, "COVID-19")
    assert dataset.name == "mine-covid-19-against-rest"
    assert [entry.name for entry in datasets.registered()] == ["mine"]
    datasets.keep(dataset)
    again = datasets.load("mine-covid-19-against-rest")
    assert again.classes == dataset.classes == ("COVID-19", "not COVID-19")
    assert again.fingerprint == dataset.fingerprint != loaded.fingerprint
    assert again.options == dataset.options
    assert loaded.classes == ("C", "COVID-19", "Normal")  # as it was


def test_a_name_does_not_come_to_mean_another_class(folder):
    loaded = datasets.load(folder, options={"rename": {"A": "covid", "B": "COVID"}})
    datasets.keep(datasets.against_rest(loaded, "covid"))
    with pytest.raises(
        DatasetError, match="'tiny-covid-against-rest' already stands for 'covid' of"
    ):
        datasets.keep(datasets.against_rest(loaded, "COVID"))
    datasets.keep(datasets.against_rest(loaded, "covid"))  # the same again is no change
    assert datasets.load("tiny-covid-against-rest").classes == ("covid", "not covid")


def test_against_the_rest_needs_a_class_and_a_rest(folder):
    with pytest.raises(DatasetError, match="no class 'Z' to separate from others"):
        datasets.load(folder, options={"against_rest": "Z"})
    with pytest.raises(DatasetError, match="no class 'A' to separate from others"):
        datasets.load(folder, options={"classes": ["A"], "against_rest": "A"})
