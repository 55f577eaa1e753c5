"""A real server and a real Chromium; `Dashboard.act` waits for the rerun that an action causes."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
CHROMIUM_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
DONE = (
    "[data-testid=stApp][data-test-connection-state=CONNECTED][data-test-script-state=notRunning]"
)


def free_port() -> int:
    """A TCP port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`streamlit run app.py` in a process of its own, which a test may kill and start again."""

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until the server answers."""
        command = [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            "app.py",
            "--server.port",
            str(self.port),
        ]
        flags = ["--server.headless", "true", "--server.fileWatcherType", "none"]
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen(
                command + flags, cwd=ROOT, env=dict(os.environ), stdout=log, stderr=log
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if urllib.request.urlopen(self.url + "/_stcore/health", timeout=1).read() == b"ok":
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"The server did not start:\n{self._log.read_text()}")

    def kill(self) -> None:
        """Kill -9, as a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(15)

    def stop(self) -> None:
        """Stop as Ctrl-C would."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()


@contextlib.contextmanager
def serving(log: Path) -> Iterator[Server]:
    """A running server, stopped at the end."""
    server = Server(log)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Dashboard:
    """A browser page on the dashboard. Counts `script_finished` messages: the page's marker alone races."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url, self.runs = page, url, 0
        self.external: list[str] = []
        page.on("websocket", lambda socket: socket.on("framereceived", self._frame))
        page.on("request", self._request)

    def _frame(self, data: bytes) -> None:
        message = ForwardMsg.FromString(data)
        # A run that ends early for another one, as the way from / to /overview, is no end.
        self.runs += (
            message.WhichOneof("type") == "script_finished"
            and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
        )

    def _request(self, request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:", self.url.replace("http", "ws"))):
            self.external.append(request.url)

    def open(self, path: str = "/") -> None:
        """Go to a page and wait until it is drawn."""
        self.act(lambda: self.page.goto(self.url + path, wait_until="commit"))

    def act(self, action: Callable[[], object], timeout: float = 60) -> None:
        """Do something that causes a rerun, and wait for its end; an exception on the page fails."""
        wanted, deadline = self.runs + 1, time.monotonic() + timeout
        action()
        while self.runs < wanted:
            if time.monotonic() > deadline:
                raise TimeoutError("The page did not run again.")
            self.page.wait_for_timeout(20)
        self.settle()

    def settle(self) -> None:
        """Wait until the page is drawn; an exception on it fails."""
        self.page.wait_for_selector(DONE, timeout=60_000)
        expect(self.page.get_by_test_id("stException")).to_have_count(0)


@contextlib.contextmanager
def opened(browser: Browser, server: Server, **options: Any) -> Iterator[Dashboard]:
    """A fresh browser page on a server; it fails if the page asked for anything outside.

    Options are those of Playwright's `new_context`, such as `color_scheme`.
    """
    # Without a graphics card each frame of an animation is drawn by the processor.
    usual = {"viewport": {"width": 1440, "height": 1000}, "reduced_motion": "reduce"}
    context = browser.new_context(**usual | options)
    page = Dashboard(context.new_page(), server.url)
    yield page
    context.close()
    assert not page.external, f"requests left this machine: {page.external}"
