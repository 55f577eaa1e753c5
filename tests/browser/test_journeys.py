"""The journeys that people make, in a real browser, on tiny networks."""

import io
import re
import time

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import TimeoutError, expect

from cxrcore import datasets, duplicates, index, jobs, models, store, training, work
from tests.browser.harness import Dashboard, opened, serving
from tests.browser.live_page import answered, upload

pytestmark = pytest.mark.browser

EPOCH = re.compile(r"epoch \d+ of \d+")  # the line of a job that trains

PAGES = {
    "/": "Overview",
    "/overview": "Overview",
    "/gallery": "Gallery",
    "/histograms": "Histograms",
    "/quality": "Quality",
    "/duplicates": "Duplicates and leaks",
    "/masks": "Lung masks",
    "/sources": "Public datasets",
    "/compare": "Compare",
    "/errors": "Errors",
    "/thresholds": "Operating points",
    "/live": "Live prediction",
    "/batch": "Many films",
}


@pytest.fixture
def server(tiny, server):
    """The server starts after the dataset is there."""
    return server


def wait_until(condition, page=None, seconds: float = 90):
    """The condition's first true value; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        if page is None:
            time.sleep(0.1)
        else:
            page.wait_for_timeout(100)  # keeps the browser's events going
    raise AssertionError("It did not happen in time.")


def number(dashboard, label: str, value) -> None:
    """Type a value into a number field of the sidebar."""
    field = dashboard.page.get_by_test_id("stSidebar").get_by_label(label, exact=True)
    in_sidebar(dashboard, lambda wait: field.fill(str(value), timeout=wait))
    dashboard.act(lambda: field.press("Enter"))


def in_sidebar(dashboard, action) -> None:
    """Do something in the sidebar, which now and then folds as a fresh page draws itself again."""
    for _ in range(3):
        try:
            return action(5_000)
        except TimeoutError:
            open_sidebar(dashboard.page)
    return action(30_000)


def open_sidebar(page):
    """Unfold the sidebar by the header's button, which needs no rerun."""
    sidebar = page.get_by_test_id("stSidebar")
    page.get_by_role("button", name="Train a model", exact=True).click()
    expect(sidebar.get_by_label("Model", exact=True)).to_be_visible()
    return sidebar


def fill_form(dashboard, epochs: int) -> None:
    """The form of the default model, at 32 px."""
    open_sidebar(dashboard.page)
    number(dashboard, "Image side (px)", 32)
    number(dashboard, "Epochs", epochs)


def start_training(dashboard) -> None:
    train = dashboard.page.get_by_role("button", name="Train", exact=True)
    dashboard.act(lambda: in_sidebar(dashboard, lambda wait: train.click(timeout=wait)))


def png(side: int = 64) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 255, (side, side), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_first_deep_link_to_a_fresh_server_shows_navigation_and_header(dashboard):
    shows_navigation_and_header(dashboard, "/masks", PAGES["/masks"])


@pytest.mark.parametrize(("path", "title"), PAGES.items())
def test_a_deep_link_shows_navigation_and_header(path, title, shared_dashboard):
    shows_navigation_and_header(shared_dashboard, path, title)


def shows_navigation_and_header(dashboard: Dashboard, path: str, title: str) -> None:
    dashboard.open(path)
    expect(dashboard.page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    expect(dashboard.page.get_by_test_id("stTopNavLink").first).to_be_visible()
    expect(dashboard.page.get_by_text("Page not found")).to_have_count(0)
    expect(dashboard.page.get_by_label("Dataset", exact=True)).to_be_visible()
    expect(dashboard.page.get_by_role("button", name="Train a model")).to_be_visible()


def test_train_reload_compare_click_a_cell_and_predict_an_upload(dashboard):
    page = dashboard.page
    dashboard.open("/?dataset=tiny")
    fill_form(dashboard, epochs=60)
    start_training(dashboard)
    sidebar = page.get_by_test_id("stSidebar")
    expect(sidebar.get_by_text(EPOCH)).to_be_visible(timeout=240_000)
    seen = {sidebar.get_by_test_id("stProgress").inner_text()}
    wait_until(
        lambda: seen.add(sidebar.get_by_test_id("stProgress").inner_text()) or len(seen) > 2, page
    )

    dashboard.open("/?dataset=tiny")  # a reload in the middle
    open_sidebar(page)
    expect(sidebar.get_by_role("button", name="Cancel")).to_be_visible()
    expect(sidebar.get_by_role("link", name="Open the run")).to_be_visible(timeout=240_000)

    dashboard.act(lambda: sidebar.get_by_role("link", name="Open the run").click())
    expect(page.get_by_role("heading", name="Confusion matrices")).to_be_visible()
    dashboard.act(page.get_by_role("gridcell", name="B called A").click)
    expect(page.get_by_text(re.compile(r"^B called A · \d+ films?"))).to_be_visible()

    dashboard.open("/live?dataset=tiny")
    answered(dashboard)
    upload(dashboard, ("x.png", png()))
    row = page.get_by_role("region", name=re.compile("^Plain CNN"))
    for name in ("Film", "Grad-CAM", "Saliency"):
        expect(row.get_by_text(name, exact=True)).to_be_visible()
    expect(row.locator("canvas")).to_have_count(3)

    broken = {"name": "broken.png", "mimeType": "image/png", "buffer": png()[:200]}
    dashboard.act(
        lambda: page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(broken)
    )
    expect(page.get_by_test_id("stAlert").get_by_text("broken.png")).to_be_visible()


def test_a_training_can_be_cancelled_from_the_sidebar(dashboard):
    dashboard.open("/?dataset=tiny")
    fill_form(dashboard, epochs=500)
    start_training(dashboard)
    sidebar = dashboard.page.get_by_test_id("stSidebar")
    expect(sidebar.get_by_text(EPOCH)).to_be_visible(timeout=240_000)
    sidebar.get_by_role("button", name="Cancel").click()
    expect(sidebar.get_by_role("button", name="Resume")).to_be_visible(timeout=240_000)
    assert store.list_runs().empty
    assert [job.state for job in jobs.list_jobs()] == ["cancelled"]


def test_a_training_outlives_a_killed_server_and_shows_up_when_it_is_back(dashboard, server, tiny):
    dashboard.open("/?dataset=tiny")
    fill_form(dashboard, epochs=40)
    start_training(dashboard)
    expect(dashboard.page.get_by_test_id("stSidebar").get_by_text(EPOCH)).to_be_visible(
        timeout=240_000
    )
    server.kill()
    job = jobs.list_jobs()[0]
    wait_until(lambda: not jobs.get(job.job_id).active)
    assert jobs.get(job.job_id).state == "done"
    server.start()
    dashboard.open("/compare?dataset=tiny")
    open_sidebar(dashboard.page)
    expect(dashboard.page.get_by_role("link", name="Open the run")).to_be_visible()
    expect(dashboard.page.get_by_role("heading", name="Confusion matrices")).to_be_visible()


def test_asking_again_for_a_trained_model_opens_its_run(dashboard, tiny):
    recipe = models.get("cnn-plain").fast().override(image_size=32, epochs=1)
    job = work.submit_training(training.plan(recipe, tiny))
    wait_until(lambda: not jobs.get(job.job_id).active)
    dashboard.open("/?dataset=tiny")
    fill_form(dashboard, epochs=1)
    dashboard.act(
        lambda: dashboard.page.get_by_role("button", name="Already trained: open it").click()
    )
    expect(dashboard.page.get_by_role("heading", name="Compare", exact=True)).to_be_visible()
    assert job.job_id in dashboard.page.url


def test_a_thumbnail_of_the_gallery_opens_its_image_and_leads_to_the_prediction(shared_dashboard):
    dashboard, page = shared_dashboard, shared_dashboard.page
    dashboard.open("/gallery?dataset=tiny")
    thumbnail = page.get_by_test_id("stMain").get_by_role("listitem").get_by_role("button").nth(4)
    name = thumbnail.get_attribute("title").split(", ")[1]  # "class, path"
    dashboard.act(thumbnail.click)
    expect(page.get_by_test_id("stTableStyledTable").get_by_text(name)).to_be_visible()
    dashboard.act(page.get_by_role("link", name="What do the models say?").click)
    expect(page.get_by_role("heading", name="Live prediction")).to_be_visible()


def test_duplicates_are_searched_shown_and_lead_to_the_gallery(
    browser, tmp_path, own_folders, tiny_dataset_folder
):
    """The same film under another name and format, in another class: one label must be wrong."""
    film = next(iter(sorted((tiny_dataset_folder / "A").glob("*.png"))))
    textured = np.random.default_rng(0).normal(110, 60, (24, 24)).clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(textured).resize((256, 256), Image.Resampling.BICUBIC)
    picture.save(film)
    picture.resize((200, 200)).save(tiny_dataset_folder / "B" / "copy.jpg", quality=80)
    dataset = datasets.register("tiny", tiny_dataset_folder)
    index.measure(dataset)
    with serving(tmp_path / "server.log") as server, opened(browser, server) as dashboard:
        dashboard.open("/duplicates?dataset=tiny")
        page = dashboard.page
        dashboard.act(lambda: page.get_by_role("button", name="Search duplicates").click())
        expect(page.get_by_text("2 images · correlation")).to_be_visible(timeout=240_000)
        expect(page.get_by_text("Groups with different classes")).to_be_visible()
        assert duplicates.load(dataset).groups.size == 2

        dashboard.open("/masks?dataset=tiny")
        expect(page.get_by_text("were not looked for yet", exact=False).first).to_be_visible()
