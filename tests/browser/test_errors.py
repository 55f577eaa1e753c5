"""Errors and operating points in a real browser: thresholds by keyboard, a lasso on the map, a tag."""

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import expect

from cxrcore import store
from tests.browser.harness import Server, opened, serving
from tests.helpers import tested

pytestmark = pytest.mark.browser


@pytest.fixture
def server(tiny, tmp_path) -> Iterator[Server]:
    """A server on a run with validation films, what its last layer sees, and a network that opens."""
    import keras

    network = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Conv2D(2, 3),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, activation="softmax", name="predictions"),
        ]
    )
    features = np.random.default_rng(0).normal(size=(len(tiny.table), 3))
    tested.divided(tiny, 1, 0.3, features=features, write=network.save)
    with serving(tmp_path / "server.log") as running:
        yield running


def test_a_threshold_moved_by_keyboard_moves_the_matrices_and_live_prediction(browser, server):
    with opened(browser, server) as dashboard:
        page = dashboard.page
        dashboard.open("/thresholds?dataset=tiny")
        cells = page.locator(".matrices button")
        before = cells.all_inner_texts()
        slider = page.get_by_role("slider", name="Recall wanted")
        slider.focus()
        dashboard.act(lambda: page.keyboard.press("Home"))
        expect(slider).to_have_value("50")
        expect(cells).not_to_have_text(before)
        use = page.get_by_role("button", name="Use in live prediction")
        dashboard.act(lambda: use.press("Enter"))
        expect(page.get_by_text("In use in live prediction")).to_be_visible()
        [saved] = store.annotation("cnn-plain-00000001").thresholds.items()
        dashboard.open("/live?dataset=tiny")
        expect(page.locator(".live")).to_contain_text(f"{saved[0]} from {saved[1]:.0%}")


def test_films_drawn_around_are_opened_and_tagged_and_the_tag_stays(browser, server):
    with opened(browser, server) as dashboard:
        page = dashboard.page
        dashboard.open("/errors?dataset=tiny&errors_kind=Map+of+films")
        chart = page.locator(".js-plotly-plot .nsewdrag").bounding_box()

        def draw() -> None:
            corners = [(0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99), (0.01, 0.01)]
            for number, (x, y) in enumerate(corners):
                page.mouse.move(
                    chart["x"] + x * chart["width"], chart["y"] + y * chart["height"], steps=5
                )
                if number == 0:
                    page.mouse.down()
            page.mouse.up()

        dashboard.act(draw)
        films = page.locator(".thumbnails button")
        expect(films).to_have_count(18)
        dashboard.act(lambda: films.nth(2).press("Enter"))
        tag = page.get_by_role("button", name="Label doubtful")
        dashboard.act(lambda: tag.press("Enter"))
        expect(films).to_have_count(18)  # what was drawn around stays
        dashboard.act(page.reload)
        expect(page.get_by_text("1 film with a tag or a note.")).to_be_visible()
