"""Tags and notes of single films."""

import threading

import pytest

from cxrcore import mistakes
from cxrcore.errors import CxrError, DatasetError, StoreError
from cxrcore.mistakes import film_notes


def test_what_is_said_about_a_film_is_kept_and_an_empty_note_is_removed(tiny):
    first, second = tiny.table["image_id"].iloc[:2]
    mistakes.note("tiny", first, tags=("label", "crop", "label"))
    mistakes.note("tiny", first, text="Left lung is cut off.")
    mistakes.note("tiny", second, tags=("device",))
    said = mistakes.notes("tiny")
    assert said[first].tags == ("crop", "label")
    assert said[first].text == "Left lung is cut off."
    assert film_notes.counts(said) == {
        "Tube, line or device": 1, "Cropped or tilted": 1, "Label doubtful": 1,
    }  # fmt: skip
    mistakes.note("tiny", second, tags=())
    assert set(mistakes.notes("tiny")) == {first}


def test_the_export_names_the_files(tiny):
    row = tiny.table.iloc[3]
    mistakes.note("tiny", row["image_id"], tags=("other",), text="A letter.")
    mistakes.note("tiny", "of a film that is gone", tags=("other",))
    [line] = film_notes.frame(tiny).to_dict("records")
    assert line == {
        "path": row["path"], "label": row["label"], "tags": "Something else", "note": "A letter.",
        "image_id": row["image_id"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tags": ("blurry",)}, "no tag 'blurry'; choose from exposure"),
        ({"text": "x" * 501}, "500"),
        ({"text": "a\u202eb"}, "cannot be shown"),
    ],
)
def test_what_is_not_allowed_changes_nothing(changes, message, tiny):
    mistakes.note("tiny", "a", text="before")
    with pytest.raises(StoreError, match=message):
        mistakes.note("tiny", "a", **changes)
    assert mistakes.notes("tiny")["a"].text == "before"


def test_a_damaged_file_is_named_and_stays_as_it_is(tiny):
    mistakes.note("tiny", "a", text="x")
    path = film_notes.file_of("tiny")
    path.write_text('{"a": {"tags": ["blurry"]}}')
    for action in (lambda: mistakes.notes("tiny"), lambda: mistakes.note("tiny", "b", text="y")):
        with pytest.raises(StoreError, match=r"tiny\.films\.json.* is damaged"):
            action()
    assert "blurry" in path.read_text()


@pytest.mark.parametrize("name", ["../x", "a/b", ""])
def test_a_name_leads_nowhere_else(name):
    with pytest.raises(DatasetError):
        mistakes.note(name, "a", text="x")


def test_notes_of_two_writers_are_all_kept(tiny):
    def write(place):
        try:
            mistakes.note("tiny", f"film {place}", text="x")
        except CxrError as error:
            failed.append(error)

    failed = []
    writers = [threading.Thread(target=write, args=(place,)) for place in range(12)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not failed
    assert len(mistakes.notes("tiny")) == 12
