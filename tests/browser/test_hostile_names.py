"""Names that try to be more than text, on every page, while a listener waits for requests."""

import ast
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxrcore import datasets, duplicates, index, store
from tests.browser.harness import ROOT, Server, opened
from tests.helpers.tested import keep

# Whatever became markup has this word as its only text, or a link or picture to the listener.
WORD = "zqx"
FOUND = """([word, port]) => {
  const tags = 'b, strong, em, i, code, del, s, mark, h1, h2, h3, h4, li, .katex, tspan, [style*=color], [class*=color]';
  const said = [...document.querySelectorAll(tags)]
    .filter(e => e.textContent.trim() === word && !e.closest('.own'));
  const asked = document.querySelectorAll(`[href*="${port}"], [src*="${port}"], [href*="${word}"], [src*="${word}.png"]`);
  return [...said, ...asked].map(e => e.parentElement.outerHTML.slice(0, 300));
}"""

UNFOLD = "document.querySelectorAll('details:not([open]) > summary').forEach(e => e.click())"


@pytest.fixture(scope="module")
def listener():
    """A server that answers nothing; yields its address and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def hostile(url: str, number: int) -> str:
    """Everything that Streamlit, Markdown, Plotly or a browser could take for markup."""
    return (
        f"{number} **{WORD}** `{WORD}` ~~{WORD}~~ :red[{WORD}] :blue-background[{WORD}] ${WORD}$ "
        f"<b>{WORD}</b> <img src='{url}/{WORD}.png'> ![{WORD}]({url}/i) [{WORD}]({url}/l) {url}/a "
        f"www.{WORD}.org a@{WORD}.org :material/home: -> {{{WORD}}} %{{{WORD}}}"
    )


@pytest.fixture(scope="module")
def named(tmp_path_factory, listener):
    """A server on a dataset and two runs whose every name is hostile."""
    folder, (url, _) = tmp_path_factory.mktemp("named"), listener
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_MODELS", str(folder / "models"))
        patch.setenv("CXR_DATA", str(folder / "data"))
        rng, rows = np.random.default_rng(0), []
        film = f"**{WORD}** [{WORD}](www.{WORD}.org) <b>{WORD} :red[{WORD}]"
        (folder / "set").mkdir()
        for number in range(30):
            path = f"{film} {number:02}.png"
            pixels = rng.normal(90 + 40 * (number % 2), 20, (48, 48)).clip(0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / "set" / path)
            patient, view = hostile(url, number // 2), hostile(url, number % 3)
            rows.append((path, hostile(url, number % 2), patient, view))
        table = pd.DataFrame(rows, columns=["path", "label", "patient_id", "view"])
        table.to_csv(folder / "set" / "labels.csv", index=False)
        dataset = datasets.register("named", folder / "set", "csv")
        duplicates.find(dataset, index.measure(dataset))
        for number in range(2):
            shares = rng.dirichlet([1, 1], 30)
            run = keep(dataset, number, shares, split_note=hostile(url, 7), notes=[hostile(url, 8)])
            title = f"{number} **{WORD}** :red[{WORD}] ![{WORD}]({url}/t)"
            store.annotate(run.run_id, title=title, notes=hostile(url, 9), tags=[f"`{WORD}`"])
        server = Server(folder / "server.log")
        server.start()
    yield server
    server.stop()


def pages() -> list[str]:
    """The addresses of all pages of the navigation."""
    for node in ast.parse((ROOT / "app.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SECTIONS":
            sections = ast.literal_eval(node.value)
            return [path.split("/")[-2] for found in sections.values() for path in found]
    raise AssertionError("app.py has no SECTIONS")


def test_names_are_plain_text_on_every_page_and_nothing_is_fetched(browser, named, listener):
    url, asked = listener
    with opened(browser, named) as dashboard:
        page, found, blocked = dashboard.page, {}, []
        page.on(
            "console", lambda m: blocked.append(m.text) if "Security Policy" in m.text else None
        )

        def look(where):
            if bad := page.evaluate(FOUND, [WORD, url.rpartition(":")[2]]):
                found.setdefault(where, set()).update(bad)

        for address in pages():
            dashboard.open(f"/{address}")
            assert WORD in page.content(), address
            look(address)
            page.evaluate(UNFOLD)
            page.wait_for_timeout(200)
            dashboard.settle()
            look(f"{address} unfolded")
            for button in page.get_by_test_id("stPopoverButton").all():
                if button.is_visible():
                    button.evaluate("e => e.click()")
                    page.wait_for_timeout(200)
                    look(f"{address} popover")
                    page.keyboard.press("Escape")
        assert found == {}
        assert asked == []
        assert blocked == []  # the pages need nothing that their own policy forbids
