"""What a film shows itself: letters, borders, colour."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrcore.datasets.phantom.film import lead_letter
from cxrcore.gate import appearance, marks
from tests.helpers import other_images
from tests.helpers.chests import film


def found(gray, view="", **facts):
    return {f.kind: f for f in appearance.findings(film(gray, **facts), view)}


def chest(seed=5, side=320):
    gray = other_images.chest(np.random.default_rng(seed), side)
    return cv2.GaussianBlur(gray, (0, 0), 1)


def marked(gray, centre, letter="L", height=0.055):
    lead = lead_letter(letter, len(gray), centre, height)
    return np.maximum(gray, (250 * lead).astype(np.uint8))


@given(
    st.sampled_from("LRHKNT"),
    st.sampled_from([(0.12, 0.1), (0.88, 0.12), (0.9, 0.9), (0.1, 0.88)]),
    st.integers(0, 3),
)
def test_a_letter_near_a_corner_is_found_where_it_is(letter, centre, seed):
    gray = chest(seed)
    boxes = marks.find(marked(gray, centre, letter))
    assert len(boxes) == 1
    [box] = boxes
    middle = (box.x + box.width / 2) / 320, (box.y + box.height / 2) / 320
    np.testing.assert_allclose(middle, centre, atol=0.03)
    assert 0.02 < box.height / 320 < 0.09


def test_a_chest_without_letters_has_none():
    assert marks.find(chest()) == ()


def test_boxes_are_in_pixels_of_the_film_whatever_its_size():
    gray = marked(chest(side=320), (0.88, 0.12))
    large = cv2.resize(gray, (1600, 1600), interpolation=cv2.INTER_CUBIC)
    [small], [box] = marks.find(gray), marks.find(large)
    np.testing.assert_allclose(np.array(box) / 5, small, atol=4)


def test_the_place_of_a_letter_is_told():
    letter = found(marked(chest(), (0.88, 0.12)))["letters"]
    assert letter.title == "A letter or marker is burnt in, top right"
    assert letter.severity == "warning"
    two = found(marked(marked(chest(), (0.88, 0.12)), (0.12, 0.9)))["letters"]
    assert two.title == "2 letters or markers are burnt in, top right, bottom left"
    assert len(two.boxes) == 2


def test_a_wide_empty_border_is_told_with_its_sides():
    gray = cv2.copyMakeBorder(chest(), 0, 0, 60, 0, cv2.BORDER_CONSTANT, value=0)
    border = found(gray)["border"]
    # 60 of 380 pixels, and the one that mixes border and picture.
    assert border.detail.startswith("Of the film's side: 17% left.")
    assert "border" not in found(chest())


def test_a_picture_in_colour_and_coloured_marks_are_told_apart():
    plain = np.full((64, 64), 3, np.uint8)  # what a compressed gray film has
    marks_only, coloured = plain.copy(), plain.copy()
    marks_only[8:12, 40:56] = 200
    coloured[:32] = 90
    assert "colour" not in found(chest(), chroma=plain)
    assert "colour" not in found(chest())
    assert found(chest(), chroma=coloured)["colour"].title.startswith("In colour")
    mark = found(chest(), chroma=marks_only)["colour"]
    assert mark.title == "Coloured marks are drawn on it"
    assert mark.boxes == ((200, 40, 80, 20),)  # the film is five times as large


@pytest.mark.parametrize(
    ("view", "title"),
    [
        ("LL", "A lateral film, not a frontal one"),
        ("l", "A lateral film, not a frontal one"),
        ("RLO", "An oblique film, not a frontal one"),
        ("PA", None),
        ("AP", None),
        ("LLD", None),
        ("", None),
    ],
)
def test_views_that_are_not_frontal_are_withheld(view, title):
    lateral = found(chest(), view=view).get("lateral")
    assert (lateral and lateral.title) == title
    assert lateral is None or lateral.severity == "withheld"


def test_what_is_odd_in_the_file_is_said():
    assert "file" not in found(chest())
    note = "Bits Stored (0028,0101) is missing; taken as 16."
    assert found(chest(), notes=(note,))["file"].detail == note


@pytest.mark.parametrize(
    ("rows", "columns", "sides"),
    [
        (np.s_[20:100], np.s_[10:118], None),
        (np.s_[20:128], np.s_[10:118], "bottom"),
        (np.s_[20:100], np.s_[0:128], "left, right"),
        (np.s_[0:100], np.s_[60:68], None),  # an apex that touches it
        (np.s_[:], np.s_[:], None),  # people take the whole film for lungs
    ],
)  # fmt: skip
def test_lungs_that_reach_the_edge_are_a_warning(rows, columns, sides):
    gray = np.random.default_rng(0).integers(0, 255, (128, 128), np.uint8)
    lungs = np.zeros(gray.shape, bool)
    lungs[rows, columns] = True
    found = [f for f in appearance.findings(film(gray), "", lungs) if f.kind == "cropped"]
    said = [f"On these sides: {sides}. A part of them may be cut off."] if sides else []
    assert [finding.detail for finding in found] == said
    assert all(finding.severity == "warning" for finding in found)


def test_a_page_of_several_is_said():
    found = {
        f.kind: f
        for f in appearance.findings(film(np.zeros((90, 90), np.uint8), page=2, pages=3), "")
    }
    assert found["pages"].detail == "This is page 2 of 3 of the file."
