"""A prediction to take away: one picture, and one web page."""

import base64
import html.parser
import re

import cv2
import numpy as np

from cxrcore.figures.prediction_image import TILE, prediction_image
from cxrcore.figures.prediction_page import Part, prediction_page

TALL, WIDE = np.full((400, 100), 200, np.uint8), np.full((50, 200, 3), 90, np.uint8)


def test_the_picture_keeps_the_aspect_of_films_and_grows_with_rows():
    rows = [("One", "A 90%"), ("Two", "B 80%")]
    one = prediction_image("film.png", rows[:1], [[("Film", TALL), ("Map", WIDE)]], "note")
    two = prediction_image("film.png", rows, [[("Film", TALL), ("Map", WIDE)]] * 2, "note")
    assert two.shape[1] == one.shape[1]
    assert two.shape[0] > one.shape[0] + TILE
    film = (one == 200).all(axis=2)
    assert (film.any(axis=1).sum(), film.any(axis=0).sum()) == (TILE, TILE // 4)
    shown = (one == 90).all(axis=2)
    assert (shown.any(axis=1).sum(), shown.any(axis=0).sum()) == (TILE // 4, TILE)


def test_text_that_is_too_long_is_cut_within_the_picture():
    page = prediction_image("x" * 4000, [("y" * 4000, "z")], [[("n" * 400, TALL)]], "note")
    assert (page[:, -8:] == 255).all()


class _Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def test_the_page_holds_its_pictures_needs_nothing_else_and_shows_names_as_text():
    bad = "<script>alert(1)</script>\"'&"
    part = Part(bad, "#0072b2", bad, [(bad, "9%")], [bad], [(bad, WIDE)])
    page = prediction_page(bad, [bad], [part], bad)
    tags = _Tags()
    tags.feed(page)
    assert "script" not in tags.tags
    assert (
        tags.text.count(bad) == 9
    )  # title, heading, finding, title, answer, class, sentence, name, note
    assert re.findall(r'(?:src|href)="(?!data:image/png;base64,)', page) == []
    [picture] = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(picture), np.uint8), cv2.IMREAD_COLOR)
    assert (decoded == WIDE).all()
