"""Comparing runs in a real browser: a shared link, presenting, the menu of a row."""

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import expect

from cxrcore import store
from tests.browser.harness import Dashboard, Server, opened, serving
from tests.helpers.tested import answered, keep

pytestmark = pytest.mark.browser

RIGHT, WRONG = "cnn-plain-00000001", "cnn-plain-00000002"


@pytest.fixture
def server(tiny, tmp_path) -> Iterator[Server]:
    """A server on two runs: one knows all of class A, the other takes 8 of its films for B."""
    truth = np.array([list(tiny.classes).index(name) for name in tiny.table["label"]])
    called = np.where(np.arange(36) < 8, 1, truth)
    for number, answers in ((1, truth), (2, called)):
        keep(tiny, number, answered(tiny, answers, np.full(36, 0.9)))
    store.annotate(RIGHT, title="The careful one")
    store.annotate(WRONG, title="The *quick* one")
    with serving(tmp_path / "server.log") as running:
        yield running


def verdict(dashboard: Dashboard) -> str:
    return dashboard.page.locator(".verdict").inner_text()


def test_a_shared_link_shows_the_same_verdict_in_a_fresh_browser(browser, server):
    with opened(browser, server) as first:
        first.open("/compare?dataset=tiny")
        expect(first.page.locator(".verdict")).to_contain_text("calls more films correctly")
        first.page.get_by_label("Metric", exact=True).click()
        first.act(first.page.get_by_role("option", name="Recall (sensitivity)").click)
        expect(first.page.locator(".verdict")).to_contain_text("misses fewer A films")
        said, link = verdict(first), first.page.url.removeprefix(server.url)
    assert "metric=Recall" in link
    assert said.startswith("The careful one misses fewer A films than The *quick* one")
    with opened(browser, server) as second:
        second.open(link)
        expect(second.page.locator(".verdict")).to_have_text(said)


def test_presenting_hides_the_workshop_and_can_be_left(browser, server):
    with opened(browser, server) as dashboard:
        page = dashboard.page
        dashboard.open("/compare?dataset=tiny")
        train = page.get_by_role("button", name="Train a model", exact=True)
        expect(train).to_be_visible()
        dashboard.act(page.get_by_text("Present", exact=True).click)
        expect(train).to_have_count(0)
        expect(page.get_by_test_id("stSidebar")).to_be_hidden()
        expect(page.get_by_text("Download the table")).to_have_count(0)
        expect(page.locator(".verdict")).to_be_visible()
        page.get_by_role("button", name="Predict").click()
        expect(page.get_by_role("menuitem", name="Live prediction")).to_be_visible()
        page.keyboard.press("Escape")
        dashboard.act(page.get_by_text("Present", exact=True).click)
        expect(train).to_be_visible()
        train.click()
        expect(page.get_by_test_id("stSidebar").get_by_label("Model", exact=True)).to_be_visible()


def row_menu(dashboard: Dashboard, row: int, line: str) -> None:
    """Choose a line of the menu of a row of the table, which is drawn on a canvas."""
    page = dashboard.page
    box = page.get_by_test_id("stDataFrame").first.bounding_box()
    page.mouse.click(box["x"] + 52, box["y"] + 34 * (row + 1.5))
    dashboard.act(page.get_by_role("menuitem", name=line).click)


def test_a_run_is_renamed_and_deleted_from_its_own_menu(browser, server):
    with opened(browser, server) as dashboard:
        page, dialog = dashboard.page, dashboard.page.get_by_role("dialog")
        dashboard.open("/compare?dataset=tiny")
        expect(page.locator(".verdict")).to_be_visible()
        expect(page.get_by_role("grid").first).to_be_visible()
        row_menu(dashboard, 1, "Rename")
        dialog.get_by_label("Title").fill("Second <b>best</b>")
        dashboard.act(dialog.get_by_role("button", name="Save").click)
        expect(page.locator(".verdict")).to_contain_text("than Second <b>best</b> (")

        row_menu(dashboard, 1, "Delete")
        assert store.exists(WRONG)  # asked first
        dashboard.act(dialog.get_by_role("button", name="Delete 1 run").click)
        expect(page.get_by_role("button", name="Trash (1)")).to_be_visible()
        assert store.trashed() == [WRONG]
        assert store.exists(RIGHT)
