"""Live prediction in a real browser: by mouse, by keyboard, in dark and on a narrow window."""

import base64
import io
import json
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from streamlit.proto.BackMsg_pb2 import BackMsg

from cxrcore import datasets, index
from tests.browser.harness import Server, opened, serving
from tests.browser.live_page import answered, focused, tab_to, upload
from tests.conftest import write_tiny_dataset
from tests.helpers import live

pytestmark = pytest.mark.browser
SIDE = 32


def network(kernel: list[float], bias: list[float]):
    """The mean of some bright maps of the image decides, each class by its factor."""
    import keras

    network = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(2, 3, kernel_initializer=keras.initializers.Constant(0.1)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, activation="softmax", name="predictions"),
        ]
    )
    network.layers[-1].set_weights([np.float32([kernel, kernel]), np.float32(bias)])
    return network


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on two runs with networks; the older answers A, and nothing speaks for A."""
    folder = tmp_path_factory.mktemp("live")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_MODELS", str(folder / "models"))
        patch.setenv("CXR_DATA", str(folder / "data"))
        dataset = datasets.register("tiny", write_tiny_dataset(folder / "tiny"))
        index.measure(dataset)
        networks = [network([-1, 1, 0], [20, 0, 0]), network([1, -1, 0], [1, 0, 0])]
        for run in live.runs(dataset, networks=networks):
            live.keep_examples(run, dataset.table["image_id"].iloc[:2])
        with serving(folder / "server.log") as running:
            yield running


def png(shape: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(1).integers(60, 255, shape, np.uint8)
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def messages(page: Page) -> list[BackMsg]:
    """What is sent to the server from now on, but for what fragments ask by themselves."""
    found: list[BackMsg] = []

    def keep(data: bytes) -> None:
        message = BackMsg.FromString(data)
        if not message.rerun_script.is_auto_rerun:
            found.append(message)

    page.on("websocket", lambda socket: socket.on("framesent", keep))
    return found


def overprinted(page: Page) -> list[str]:
    """Pieces of text in rows that lie over one another."""
    return page.locator(".live").evaluate(
        """root => {
          const found = [...root.querySelectorAll("h3, p, li > span:first-child, li b, figcaption, canvas")]
            .filter(e => e.offsetWidth > 1).map(e => [e.textContent || "canvas", e.getBoundingClientRect()])
          const over = []
          found.forEach(([text, a], i) => found.slice(i + 1).forEach(([other, b]) => {
            if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
              over.push(`${text} / ${other}`)
          }))
          return over }"""
    )


_PASTE = """text => {
  const files = new DataTransfer()
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0))
  files.items.add(new File([bytes], "pasted.png", { type: "image/png" }))
  document.body.dispatchEvent(new ClipboardEvent("paste",
    { clipboardData: files, bubbles: true, cancelable: true }))
}"""


def test_by_mouse_upload_look_at_maps_and_explain_the_class_that_has_evidence(browser, served):
    with opened(browser, served, viewport={"width": 1440, "height": 900}) as dashboard:
        page = dashboard.page
        sent = messages(page)
        dashboard.open("/live?dataset=tiny")
        answered(dashboard)
        upload(dashboard, ("wide.png", png((40, 80))), ("tall <b>.png", png((80, 40))))
        expect(page.get_by_text("wide.png", exact=True).last).to_be_visible()
        picture = page.locator(".rows canvas").first.bounding_box()
        assert picture["width"] / picture["height"] == pytest.approx(2, abs=0.05)
        plain = page.locator(".rows canvas").nth(1).evaluate("canvas => canvas.toDataURL()")

        heard = len(sent)
        page.get_by_role("button", name="Contours").click()
        page.get_by_label("Swipe").fill("50")
        page.get_by_role("button", name="Zoom in").click()
        page.wait_for_timeout(200)
        assert page.locator(".rows canvas").nth(1).evaluate("c => c.toDataURL()") != plain
        assert len(sent) == heard  # the server has heard nothing

        words = page.get_by_text("Nothing in this film speaks for A.")
        expect(words).to_have_count(1)
        dashboard.act(page.get_by_role("button", name="Explain B").click)
        answered(dashboard)
        expect(page.get_by_text("Maps: the evidence for B.").first).to_be_visible()
        page.get_by_role("button", name="Download").click()
        with page.expect_download() as sheet:
            page.get_by_role("button", name="One sheet (PNG)").click()
        with Image.open(sheet.value.path()) as picture:
            assert picture.width >= 760

        # A picture that is pasted anywhere on the page.
        dashboard.act(lambda: page.evaluate(_PASTE, base64.b64encode(png((30, 30))).decode()))
        expect(page.get_by_text("pasted.png", exact=True).last).to_be_visible()


def test_by_keyboard_alone_upload_next_film_maps_and_download(browser, served):
    with opened(browser, served, viewport={"width": 1440, "height": 900}) as dashboard:
        page = dashboard.page
        dashboard.open("/live?dataset=tiny")
        answered(dashboard)
        tab_to(page, "A, A/")  # the film that is shown
        before = focused(page)
        dashboard.act(lambda: page.keyboard.press("ArrowRight"))
        answered(dashboard)
        assert focused(page) != before
        assert "image=" in page.url
        tab_to(page, "Plain CNN")
        first = focused(page)
        assert ", Film: " in first
        page.keyboard.press("ArrowRight")
        assert ", Grad-CAM: evidence for" in focused(page) or "Nothing" in focused(page)
        page.keyboard.press("ArrowDown")
        assert focused(page) != first
        page.keyboard.press("+")
        page.keyboard.press("Shift+ArrowLeft")
        page.keyboard.press("0")

        page.get_by_label("Help for Drop").focus()
        page.keyboard.press("Tab")
        assert focused(page).endswith("Upload")  # Chromium without a screen opens no dialog for it
        upload(dashboard, ("mine.png", png((50, 50))), by_mouse=False)
        page.get_by_role("button", name="Download").focus()
        page.keyboard.press("Enter")
        tab_to(page, "The numbers")
        with page.expect_download() as numbers:
            page.keyboard.press("Enter")
        found = json.loads(numbers.value.path().read_text())
        assert found["film"] == "mine.png"
        assert len(found["models"]) == 2


@pytest.mark.parametrize(("width", "scheme"), [(800, "light"), (1440, "dark")])
def test_no_text_lies_over_another(browser, served, width, scheme):
    view = {"width": width, "height": 900}
    with opened(browser, served, viewport=view, color_scheme=scheme) as dashboard:
        dashboard.open("/live?dataset=tiny")
        answered(dashboard)
        assert overprinted(dashboard.page) == []
        main = dashboard.page.get_by_test_id("stMain")
        assert main.evaluate("e => e.scrollWidth <= e.clientWidth")
