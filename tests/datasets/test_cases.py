"""Inputs that failed once, in ../shared/cases; a README there says what is right."""

import pytest

from cxrcore import datasets
from cxrcore.errors import DatasetError
from tests.conftest import ROOT

CASES = ROOT.parent / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is not on this machine")


@pytest.mark.parametrize("kind", ["full", "one"])
def test_chestxray14_has_findings_and_patients(kind):
    root = CASES / "chestxray14-as-unpacked" / kind
    with pytest.raises(DatasetError, match="No Finding 8, Cardiomegaly 6, Effusion 6"):
        datasets.register("films", root)
    dataset = datasets.register("films", root, options={"against_rest": "Effusion"})
    assert dataset.counts().to_dict() == {"Effusion": 6, "not Effusion": 10}
    assert dataset.table["patient_id"].nunique() == 8


@pytest.mark.parametrize("inside", ["", "CheXpert-v1.0-small"])
def test_chexpert_has_findings_and_patients_of_the_path(inside):
    root = CASES / "chexpert-as-unpacked" / inside
    with pytest.raises(DatasetError, match="Uncertain findings of films: Pneumonia"):
        datasets.register("films", root)
    options = {"uncertain": "out", "against_rest": "Pneumonia"}
    table = datasets.register("films", root, options=options).table
    train = table[table["split"] == "train"]
    assert train["label"].value_counts().to_dict() == {"Pneumonia": 8, "not Pneumonia": 8}
    assert (
        table.groupby("patient_id")["path"]
        .agg(lambda p: p.str.split("/").str[-3].nunique())
        .eq(1)
        .all()
    )


@pytest.mark.parametrize("kind", ["full", "one"])
def test_rsna_has_each_labelled_film_once(kind):
    dataset = datasets.register("films", CASES / "rsna-as-unpacked" / kind)
    assert dataset.counts().to_dict() == {"Lung Opacity": 6, "No Lung Opacity": 6}
    assert "4 images are not listed" in "\n".join(dataset.notes)


def test_vindr_asks_where_readers_disagree():
    root = CASES / "vindr-dicom-ending"
    with pytest.raises(DatasetError, match="Aortic enlargement 4"):
        datasets.register("films", root)
    dataset = datasets.register("films", root, options={"uncertain": "negative"})
    assert dataset.counts().to_dict() == {"Cardiomegaly": 4, "No finding": 4}


@pytest.mark.parametrize(
    ("case", "counts"),
    [
        ("one-hot-table", {"COVID": 4, "Normal": 4, "Pneumonia": 4}),
        ("tables/cp1252", {"Normal": 4, "Überblähung": 4}),
        ("tables/paths-of-another-machine", {"A": 4, "B": 4}),
        ("tables/case-differs", {"a": 4, "b": 4}),
        ("masks/prefix", {"A": 3, "B": 3}),
        ("masks/suffix", {"A": 3, "B": 3}),
        ("dicom-without-ending/set", {"Normal": 6, "Pneumonia": 6}),
    ],
)
def test_a_case_is_registered_as_its_readme_says(case, counts):
    dataset = datasets.register("films", CASES / case)
    assert dataset.counts().to_dict() == counts
    assert dataset.table["mask"].notna().all() == case.startswith("masks")


def test_near_equal_names_are_shown_and_merged_on_a_word():
    root = CASES / "names" / "near-equal-classes"
    shown = "The classes 'Normal' and 'Normal ' differ only by case, blanks or look-alikes"
    assert shown in "\n".join(datasets.load(root).notes)
    merged = datasets.load(root, options={"spellings": "merge"})
    assert merged.classes == ("COVID", "Normal")
