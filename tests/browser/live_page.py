"""What the tests do on the page of live prediction, and waiting until it is done."""

from playwright.sync_api import Page, expect

from tests.browser.harness import Dashboard


def answered(dashboard: Dashboard) -> None:
    """Wait until no map is still to come."""
    expect(dashboard.page.locator(".live[data-ready]")).to_have_count(1)
    expect(dashboard.page.get_by_text("Being computed")).to_have_count(0, timeout=120_000)
    dashboard.settle()


def upload(dashboard: Dashboard, *files: tuple[str, bytes], by_mouse: bool = True) -> None:
    """Give the page films and wait for the answers to the first, which the checks may hold back."""
    page = dashboard.page
    before = page.locator(".live").get_attribute("data-ready")
    given = [{"name": n, "mimeType": "image/png", "buffer": data} for n, data in files]
    drop = page.get_by_test_id("stFileUploaderDropzoneInput")
    dashboard.act(lambda: drop.set_input_files(given))
    drawn = page.locator(f'.live[data-ready]:not([data-ready="{before}"])')
    held_back = page.get_by_role("button", name="Show anyway")  # the films are noise
    expect(drawn.or_(held_back).first).to_be_visible()
    if held_back.count() and by_mouse:
        held_back.click()
    elif held_back.count():
        tab_to(page, "Show anyway")
        page.keyboard.press("Enter")
    expect(drawn).to_have_count(1)
    answered(dashboard)


def focused(page: Page) -> str:
    """The label or title of the element in focus."""
    return page.evaluate(
        """() => { let e = document.activeElement
          while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement
          return e.ariaLabel || e.title || e.textContent.trim() }"""
    )


def tab_to(page: Page, name: str, most: int = 60) -> None:
    """Press Tab until an element whose name begins like this has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if focused(page).startswith(name):
            return
    raise AssertionError(f"Tab does not reach {name!r}; it ends at {focused(page)!r}")
