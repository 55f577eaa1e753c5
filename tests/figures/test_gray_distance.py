"""The matrix of distances between groups."""

import numpy as np

from cxrcore.figures import distance_matrix
from cxrcore.quality.distances import Distances
from tests.helpers.distances import made


def cells(fig) -> np.ndarray:
    """The texts as a square."""
    (texts,) = [trace for trace in fig.data if trace.type == "scatter"]
    square = np.empty((3, 3), object)
    for x, y, text in zip(texts.x, texts.y, texts.text, strict=True):
        square[y, x] = text
    return square


def heat(fig):
    return next(trace for trace in fig.data if trace.type == "heatmap")


def test_every_distance_stands_in_its_cell_and_bold_is_beyond_chance():
    square = cells(distance_matrix(made()))
    assert square[0, 1] == square[1, 0] == "<b>23.1</b>"
    assert square[0, 2] == "<b>6.0</b>"
    assert square[1, 2] == "5.0"


def test_the_diagonal_says_what_chance_does_and_has_no_colour():
    fig = distance_matrix(made(chance=np.array([4.0, np.nan, 5.2])))
    assert cells(fig).diagonal().tolist() == ["(4.0)", "", "(5.2)"]
    assert np.isnan(np.array(heat(fig).z).diagonal()).all()
    assert "too few images" in heat(fig).text[1][1]
    assert "too few images" in heat(fig).text[1][0]
    assert "<b>" not in cells(fig)[0, 1]


def test_a_pointer_on_a_cell_reads_a_sentence():
    said = heat(distance_matrix(made())).text
    assert (
        said[0][1] == "COVID-19 and Normal:<br>23.1 gray levels, more than random halves of either"
    )
    assert "it may be chance" in said[1][2]
    assert said[0][0].startswith("Random halves of COVID-19:<br>up to 4.0 gray levels")


def test_names_with_markup_are_shown_literally_in_lines():
    fig = distance_matrix(made())
    assert fig.layout.xaxis.ticktext[2] == "&lt;b&gt;Viral&lt;/b&gt;<br>pneumonia"
    assert "<b>Viral" not in heat(fig).text[0][2]


def test_figures_side_by_side_have_one_scale():
    assert heat(distance_matrix(made(), highest=40)).zmax == 40
    assert heat(distance_matrix(made())).zmax == 23.1


def test_groups_that_are_all_the_same_can_be_drawn():
    assert heat(distance_matrix(made(0, 0, 0))).zmax > 0


def test_many_groups_stay_a_small_figure():
    many = 10
    groups = Distances(
        kind="ks",
        names=tuple(f"Hospital number {n}" for n in range(many)),
        images=np.full(many, 9),
        between=np.full((many, many), 0.25),
        chance=np.full(many, 0.1),
        single=np.full(many, 0.3),
    )
    fig = distance_matrix(groups)
    assert fig.layout.height <= 620
    assert "<b>0.25</b>" in next(t for t in fig.data if t.type == "scatter").text
