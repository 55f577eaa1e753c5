"""Confusion matrices in a real browser: by mouse, by keyboard, by link, in light and dark."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from cxrcore import datasets, index, store
from tests.browser.harness import Dashboard, Server, opened, serving
from tests.conftest import write_tiny_dataset
from tests.helpers.tested import answered, keep

pytestmark = pytest.mark.browser

ONE, TWO, THREE = (f"cnn-plain-0000000{n}" for n in (1, 2, 3))
PAGE = f"/compare?dataset=tiny&runs={ONE},{TWO},{THREE}"
CELL = f"A called B: 8 films, {ONE}"


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on three runs; the first calls 8 films of class A B."""
    folder = tmp_path_factory.mktemp("compared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_MODELS", str(folder / "models"))
        patch.setenv("CXR_DATA", str(folder / "data"))
        dataset = datasets.register("tiny", write_tiny_dataset(folder / "tiny"))
        index.measure(dataset)
        truth = np.array([list(dataset.classes).index(name) for name in dataset.table["label"]])
        place = np.arange(36)
        called = np.where((place >= 4) & (place < 12), 1, truth)
        some = np.where(place % 5 == 0, (truth + 1) % 3, truth)
        for number, answers in enumerate((called, truth, some), start=1):
            run = keep(dataset, number, answered(dataset, answers, 0.95 - 0.01 * place))
            store.annotate(run.run_id, title=run.run_id)
        with serving(folder / "server.log") as running:
            yield running


@pytest.fixture
def compare(browser, compared: Server) -> Iterator[Dashboard]:
    """The Compare page with all three runs."""
    with opened(browser, compared) as dashboard:
        dashboard.open(PAGE)
        expect(matrices(dashboard.page).get_by_role("grid")).to_have_count(3)
        yield dashboard


def matrices(page: Page) -> Locator:
    return page.locator(".st-key-confusion_matrices")


def panel(page: Page) -> Locator:
    return page.locator(".st-key-confusion_films")


def films(page: Page) -> list[str]:
    """What stands below the thumbnails, the first line of each."""
    items = panel(page).get_by_role("listitem")
    return [text.split("\n")[0] for text in items.all_inner_texts()]


def test_a_click_shows_the_films_beside_the_matrix_next_turns_pages_and_back_returns(compare):
    page = compare.page
    cell = page.get_by_role("gridcell", name=CELL)
    cell.scroll_into_view_if_needed()
    before = cell.bounding_box()
    compare.act(cell.click)
    expect(panel(page)).to_contain_text(f"A called B · 8 films · {ONE}")
    expect(cell).to_have_attribute("aria-selected", "true")
    expect(page.locator("[role=gridcell][aria-selected=true]")).to_have_count(1)
    assert cell.bounding_box() == before  # nothing jumps
    assert films(page) == ["91 %", "90 %", "89 %", "88 %", "87 %", "86 %"]
    place = panel(page).bounding_box()
    assert place["x"] > before["x"] + before["width"]

    compare.act(panel(page).get_by_role("listitem").get_by_role("button").nth(5).click)
    expect(panel(page)).to_contain_text("Film 6 of 8")
    compare.act(panel(page).get_by_role("button", name="Next", exact=True).click)
    expect(panel(page)).to_contain_text("Film 7 of 8")
    assert films(page) == ["85 %", "84 %"]
    assert "film=" in page.url

    compare.act(page.go_back)
    expect(panel(page)).to_contain_text("Film 6 of 8")
    compare.act(page.go_back)
    expect(panel(page).get_by_text("Film 6")).to_have_count(0)
    expect(panel(page)).to_contain_text("A called B")
    other = page.get_by_role("gridcell", name=f"C called C: 12 films, {TWO}")
    compare.act(other.click)
    expect(panel(page)).to_contain_text("C called C")
    compare.act(page.go_back)  # one step, although the film left the address too
    expect(panel(page)).to_contain_text("A called B")
    expect(cell).to_have_attribute("aria-selected", "true")
    compare.act(panel(page).get_by_role("button", name="Close").click)
    expect(panel(page)).to_contain_text("Choose a cell to see its films.")
    assert "cell=" not in page.url


def active(page: Page) -> dict[str, str]:
    """Role and name of the element in focus, inside components as well."""
    return page.evaluate(
        """() => {
          let e = document.activeElement
          while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement
          return {role: e.getAttribute("role") ?? e.localName, id: e.dataset.id ?? "",
            name: e.getAttribute("aria-label") ?? e.innerText}
        }"""
    )


def tab_to(page: Page, wanted, most: int = 120) -> None:
    """Press Tab until the element in focus is the one wanted."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if wanted(active(page)):
            return
    raise AssertionError("Tab never came there.")


def test_everything_works_by_keyboard_alone(compare):
    page = compare.page
    order = [e.get_attribute("aria-label") for e in matrices(page).get_by_role("grid").all()]
    tab_to(page, lambda e: e["role"] == "gridcell" and " called " in e["name"])
    for _ in range(order.index(ONE)):
        page.keyboard.press("Tab")  # one stop a matrix
    assert active(page)["name"].endswith(ONE)
    steps = {"ArrowRight": "A called B", "ArrowDown": "B called B", "End": "B called C"}
    steps |= {"ArrowUp": "A called C", "ArrowLeft": "A called B", "Control+End": "C called C"}
    steps |= {"Home": "C called A", "Control+Home": "A called A"}
    for key, name in steps.items():
        page.keyboard.press(key)
        assert active(page)["name"].startswith(name), key
    page.keyboard.press("ArrowRight")
    compare.act(lambda: page.keyboard.press("Enter"))
    expect(panel(page)).to_contain_text("A called B · 8 films")
    assert active(page)["name"] == CELL  # the focus has not moved

    tab_to(page, lambda e: e["id"])
    compare.act(lambda: page.keyboard.press("Enter"))
    expect(panel(page)).to_contain_text("Film 1 of 8")
    tab_to(page, lambda e: e["name"].strip() == "Next")
    compare.act(lambda: page.keyboard.press("Enter"))
    expect(panel(page)).to_contain_text("Film 2 of 8")


def test_the_table_of_errors_opens_a_cell_by_keyboard(compare):
    page = compare.page
    tab_to(page, lambda e: e["role"] == "summary" and "largest errors" in e["name"])
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert active(page)["name"] == "A → B"
    compare.act(lambda: page.keyboard.press("Enter"))
    expect(panel(page)).to_contain_text("A called B · 8 films")


def test_a_link_shows_the_same_in_a_fresh_browser(browser, compared, compare):
    page = compare.page
    compare.act(page.get_by_text("Share of true class", exact=True).click)
    compare.act(page.get_by_role("gridcell", name=CELL).click)
    compare.act(panel(page).get_by_role("listitem").get_by_role("button").nth(2).click)
    expect(panel(page)).to_contain_text("Film 3 of 8")
    with opened(browser, compared) as fresh:
        fresh.open(page.url.removeprefix(compare.url))
        for one in (page, fresh.page):  # to its last line
            expect(panel(one)).to_contain_text("Film 3 of 8")
            expect(panel(one)).to_contain_text("Gallery")
            expect(panel(one).get_by_role("listitem")).to_have_count(6)
        assert panel(fresh.page).inner_text().split() == panel(page).inner_text().split()
        expect(matrices(fresh.page).get_by_role("grid")).to_have_count(3)
        grids = [matrices(p).get_by_role("grid").all_inner_texts() for p in (page, fresh.page)]
        assert grids[0] == grids[1]
        assert "67 %" in "".join(grids[0])


CONTRAST = """cells => {
  const light = css => css.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0)
  return cells.map(cell => {
    const style = getComputedStyle(cell)
    const [low, high] = [light(style.color), light(style.backgroundColor)].sort((a, b) => a - b)
    return (high + .05) / (low + .05)
  })
}"""


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 800)])
def test_text_in_cells_can_be_read_and_labels_sit_on_their_columns(
    browser, compared, scheme, width
):
    size = {"width": width, "height": 1000}
    with opened(browser, compared, color_scheme=scheme, viewport=size) as dashboard:
        page = dashboard.page
        for shown in ("", "&cells=Difference"):
            dashboard.open(PAGE + shown)
            cells = matrices(page).get_by_role("gridcell")
            expect(cells.first).to_be_visible()
            found = cells.evaluate_all(CONTRAST)
            assert len(found) == (18 if "Difference" in shown else 27)
            assert min(found) >= 4.5
        background = page.locator(".stApp").evaluate("e => getComputedStyle(e).backgroundColor")
        assert (background == "rgb(255, 255, 255)") == (scheme == "light")
        table = matrices(page).get_by_role("grid").first
        for head, cell in zip(
            table.get_by_role("columnheader").all(), table.get_by_role("gridcell").all()[:3], strict=True
        ):  # fmt: skip
            middles = [
                box["x"] + box["width"] / 2 for box in (head.bounding_box(), cell.bounding_box())
            ]
            assert abs(middles[0] - middles[1]) < 1
        beside = panel(page).bounding_box()["x"] > table.bounding_box()["x"] + 100
        assert beside == (width == 1440)
        assert not page.evaluate("document.body.scrollWidth > innerWidth")


def test_the_colours_follow_when_the_theme_changes(compare):
    """The system turns dark while the page is open."""
    page = compare.page
    cells = matrices(page).get_by_role("gridcell")
    light = cells.first.evaluate("e => e.style.background")
    page.emulate_media(color_scheme="dark")
    expect(cells.first).not_to_have_attribute("style", re.compile(re.escape(light)))
    assert min(cells.evaluate_all(CONTRAST)) >= 4.5
