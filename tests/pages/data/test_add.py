"""Add X-rays: what is asked, what may be corrected, and that nothing is added before a word."""

import pytest
from streamlit.testing.v1 import AppTest

from cxrcore import datasets
from tests.helpers.app import again, open_page, read, texts
from tests.helpers.layouts import LAYOUTS, picture, table

PAGE = "data/add"


def opened(path, name: str = "") -> AppTest:
    at = open_page(PAGE)
    at.text_input(key="add_path").set_value(str(path))
    at.text_input(key="add_name").set_value(name)
    return again(at)


def findings(root) -> None:
    rows = []
    for number, label in enumerate(["Mass", "Mass|Effusion", "Effusion", "No Finding"] * 3):
        picture(root / "films" / f"{number}.png")
        rows.append([f"D:\\far\\films\\{number}.PNG", label, f"p{number}"])
    table(root / "list.csv", ["scan", "grade", "who"], rows, ";")


def test_columns_are_shown_with_examples_and_nothing_is_added(tmp_path):
    findings(tmp_path)
    at = opened(tmp_path, "films")
    [columns] = [frame.value for frame in at.main.dataframe]
    assert columns["Column"].tolist() == ["scan", "grade", "who"]
    assert columns["Used as"].tolist() == ["path", "label?", ""]
    assert columns["Examples"][1] == "Mass | Mass|Effusion | Effusion"
    assert "a table that is not used" in texts(at) or "no class folders" in texts(at)
    assert datasets.registered() == []


def test_columns_may_be_corrected_and_several_findings_are_asked_about(tmp_path):
    findings(tmp_path)
    at = opened(tmp_path, "films")
    at.selectbox(key="add_layout").set_value("csv")
    again(at)
    at.multiselect(key="add_label_list.csv").set_value(["grade"])
    at.selectbox(key="add_patient_id_list.csv").set_value("who")
    again(at)
    assert "3 of 12 images of this folder have several findings" in texts(at)
    assert "--option" not in texts(at)
    at.selectbox(key="add_several").set_value("one")
    again(at)
    assert "What would be added" in [part.value for part in at.main.subheader]
    at.button(key="add_confirmed").click()
    again(at)
    dataset = datasets.load("films")
    assert dataset.counts().to_dict() == {"Effusion": 3, "Mass": 3, "No Finding": 3}
    assert dataset.table["patient_id"].nunique() == 9
    assert dataset.options == {
        "file": "list.csv", "label": "grade", "path": "scan", "patient_id": "who", "several": "one",
    }  # fmt: skip


def test_one_class_against_the_rest_is_chosen_from_what_was_found(tmp_path):
    findings(tmp_path)
    at = opened(tmp_path / "list.csv", "films")
    at.selectbox(key="add_layout").set_value("csv")
    again(at)
    at.multiselect(key="add_label_list.csv").set_value(["grade"])
    again(at)
    rest = at.selectbox(key="add_rest")
    assert [read(option) for option in rest.options] == ["Effusion", "Mass", "No Finding"]
    rest.set_value("Mass")
    again(at)
    assert at.main.dataframe[-1].value["Images"].tolist() == [6, 6]


def test_what_is_plain_is_shown_and_the_few_patients_said(tmp_path):
    LAYOUTS["folders"](tmp_path / "set")
    picture(tmp_path / "set" / "rare" / "1.png")
    at = opened(tmp_path / "set")
    assert at.main.dataframe[-1].value["Class"].tolist() == ["ill", "rare", "well"]
    assert "Classes of too few patients: rare (1)." in texts(at)
    at.text_input(key="add_name").set_value("")
    again(at)
    assert at.button(key="add_confirmed").disabled


def test_a_folder_that_is_not_there_is_said(tmp_path):
    at = opened(tmp_path / "none")
    assert "There is no folder and no registered dataset" in texts(at)


@pytest.mark.parametrize("button", ["Look at it first", "Add"])
def test_the_form_of_the_sidebar_leads_here_with_what_was_typed(tmp_path, button):
    findings(tmp_path)
    at = open_page("data/gallery")
    folder, name = (next(t for t in at.sidebar.text_input if t.label == label) for label in ("Folder", "Short name"))  # fmt: skip
    folder.set_value(str(tmp_path))
    name.set_value("films")
    next(b for b in at.sidebar.button if b.label == button).click()
    again(at)
    assert at.title[0].value == "Add X-rays"
    assert at.text_input(key="add_path").value == str(tmp_path)
    assert at.text_input(key="add_name").value == "films"
    assert datasets.registered() == []


def test_the_name_of_the_folder_is_proposed_until_another_one_is_typed(tmp_path):
    for folder in ("My Films", "Others"):
        findings(tmp_path / folder)
    at = open_page(PAGE)

    def named(folder: str = "", name: str = "") -> str:
        if folder:
            at.text_input(key="add_path").set_value(str(tmp_path / folder))
        if name:
            at.text_input(key="add_name").set_value(name)
        again(at)
        return at.text_input(key="add_name").value

    assert named("My Films") == "my-films"
    assert named("Others") == "others"
    assert named(name="ours") == "ours"
    assert named("My Films") == "ours"
