"""Downloads from a real server on this machine, with every mishap that a network has."""

import contextlib
import hashlib
import http.server
import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from cxrcore import downloads
from cxrcore.downloads import part, transfer
from cxrcore.errors import DatasetError, StoreError

MB = 1 << 20
CONTENT = os.urandom(5 * MB + 123)
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Server:
    """One file, and how it is served; `asked` has the Range of each request, or None."""

    def __init__(self) -> None:
        self.content, self.etag, self.modified = CONTENT, '"v1"', None
        self.ranges = self.sized = True  # does it offer ranges, does it tell the length
        self.heeds_if_range = True
        self.cuts: list[int | None] = []  # bytes after which the connection ends, per request
        self.status, self.content_type, self.wait, self.location = 200, None, 0.0, None
        self.asked: list[str | None] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}/file.zip"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        wanted = handler.headers["Range"]
        self.asked.append(wanted)
        time.sleep(self.wait)
        if self.location:
            location, self.location = self.location, None
            handler.send_response(302)
            handler.send_header("Location", location)
            handler.end_headers()
            return
        if self.status != 200:
            handler.send_error(self.status)
            return
        body, start = self.content, 0
        current = handler.headers["If-Range"] in (None, self.etag, self.modified)
        if wanted and self.ranges and (current or not self.heeds_if_range):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                handler.send_error(416)
                return
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            handler.send_response(200)
        for name, value in (
            ("ETag", self.etag),
            ("Last-Modified", self.modified),
            ("Content-Type", self.content_type),
            ("Accept-Ranges", "bytes" if self.ranges else None),
            ("Content-Length", str(len(body) - start) if self.sized else None),
        ):
            if value:
                handler.send_header(name, value)
        handler.end_headers()
        cut = self.cuts.pop(0) if self.cuts else None
        with contextlib.suppress(ConnectionError):  # the client gave up
            handler.wfile.write(body[start:] if cut is None else body[start : start + cut])


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(downloads, "PAUSES", ())  # no second try unless a test wants it
    made = Server()
    yield made
    made.close()


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "here" / "file.zip"


def explain(reason: str) -> DatasetError:
    return DatasetError(f"No file: {reason}.")


def get(server: Server, target: Path, **options) -> Path:
    return downloads.download(server.address, target, explain=explain, **options)


def names(target: Path) -> set[str]:
    return {path.name for path in target.parent.iterdir()}


PART = {".file.zip.part", ".file.zip.part.json"}


def test_a_file_arrives_whole_with_progress_and_nothing_beside_it(server, target):
    seen = []
    assert get(server, target, checksum=SHA256, report=seen.append) == target
    assert target.read_bytes() == CONTENT
    assert names(target) == {"file.zip"}
    assert seen[0].stage == "downloading file.zip"
    assert (seen[0].done, seen[0].total) == (0, len(CONTENT))
    assert (seen[-1].done, seen[-1].share) == (len(CONTENT), 1.0)
    assert seen[-1].rate > 0
    assert len(seen) > 3


def test_a_file_that_is_there_is_not_asked_for_again(server, target):
    get(server, target)
    get(server, target)
    assert len(server.asked) == 1


def test_a_server_that_tells_no_length_is_believed(server, target):
    server.sized = server.ranges = False
    get(server, target, checksum=SHA256)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("version", ["etag", "date"])
def test_a_broken_download_goes_on_where_it_ended(server, target, version):
    if version == "date":
        server.etag, server.modified = None, "Wed, 21 Oct 2020 07:28:00 GMT"
    server.cuts = [2 * MB]
    with pytest.raises(
        DatasetError, match=r"ended after 2,097,152 of 5,243,003 bytes; 2,097,152 bytes are kept"
    ):
        get(server, target)
    assert names(target) == PART
    seen = []
    get(server, target, report=seen.append, checksum=SHA256)
    assert server.asked == [None, f"bytes={2 * MB}-"]
    assert target.read_bytes() == CONTENT
    assert names(target) == {"file.zip"}
    assert seen[0].done == 2 * MB


def test_a_download_that_keeps_breaking_goes_on_by_itself(server, target, monkeypatch):
    monkeypatch.setattr(downloads, "PAUSES", (0, 0))
    server.cuts = [2 * MB, MB]
    get(server, target, checksum=SHA256)
    assert server.asked == [None, f"bytes={2 * MB}-", f"bytes={3 * MB}-"]
    assert target.read_bytes() == CONTENT


def test_it_gives_up_when_nothing_more_comes(server, target, monkeypatch):
    monkeypatch.setattr(downloads, "PAUSES", (0, 0))
    server.cuts = [2 * MB, 0, 0, 0]
    with pytest.raises(DatasetError, match=r"ended after 2,097,152 .* are kept"):
        get(server, target)
    assert len(server.asked) == 2


def test_an_interrupted_download_goes_on_too(server, target):
    def stop(progress):
        if progress.done > 2 * MB:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(server, target, report=stop)
    assert names(target) == PART
    get(server, target, checksum=SHA256)
    assert server.asked[1].startswith("bytes=")
    assert target.read_bytes() == CONTENT


def test_a_server_that_ignores_ranges_is_asked_for_all_again(server, target):
    server.cuts = [2 * MB]
    with pytest.raises(DatasetError):
        get(server, target)
    server.ranges = False
    get(server, target, checksum=SHA256)
    assert target.read_bytes() == CONTENT
    assert names(target) == {"file.zip"}


def test_without_ranges_or_a_version_no_part_is_kept(server, target):
    for server.ranges, server.etag in ((False, '"v1"'), (True, None), (True, 'W/"weak"')):
        server.cuts = [2 * MB]
        with pytest.raises(DatasetError, match=r"of 5,243,003 bytes\."):
            get(server, target)
        assert names(target) == set()


@pytest.mark.parametrize("heeds", [True, False])
@pytest.mark.parametrize("size", [len(CONTENT), len(CONTENT) + 7, MB])
def test_two_versions_of_a_file_are_never_glued_together(server, target, heeds, size):
    server.cuts = [2 * MB]
    with pytest.raises(DatasetError):
        get(server, target)
    server.content, server.etag = os.urandom(size), '"v2"'
    server.heeds_if_range = heeds
    get(server, target)
    assert target.read_bytes() == server.content
    assert names(target) == {"file.zip"}


def test_a_part_of_another_address_is_not_continued(server, target):
    server.cuts = [2 * MB]
    with pytest.raises(DatasetError):
        get(server, target)
    server.address += "?other"
    get(server, target, checksum=SHA256)
    assert server.asked == [None, None]


def test_a_part_without_its_description_is_not_continued(server, target):
    for damaged in ("", "[]", '{"address": 1}', "{}"):
        target.parent.mkdir(exist_ok=True)
        target.with_name(".file.zip.part").write_bytes(b"who knows what")
        target.with_name(".file.zip.part.json").write_text(damaged)
        get(server, target, checksum=SHA256)
        assert names(target) == {"file.zip"}
        target.unlink()


def test_a_part_that_is_whole_is_used_without_a_request(server, target):
    target.parent.mkdir()
    target.with_name(".file.zip.part").write_bytes(CONTENT)
    told = {"address": server.address, "etag": '"v1"', "modified": None, "total": len(CONTENT)}
    target.with_name(".file.zip.part.json").write_text(json.dumps(told))
    get(server, target, checksum=SHA256)
    assert server.asked == []
    assert names(target) == {"file.zip"}


@pytest.mark.parametrize("kind", ["md5", "sha256"])
def test_a_wrong_checksum_drops_all_that_came(server, target, kind):
    with pytest.raises(
        DatasetError, match=rf"arrived damaged \({kind.upper()} [0-9a-f]+, not 00\)"
    ):
        get(server, target, checksum=f"{kind}:00")
    assert names(target) == set()


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_an_answer_that_is_no_file_is_named(server, target, status):
    server.status = status
    with pytest.raises(DatasetError, match=f"its address answers {status} "):
        get(server, target)
    assert names(target) == set()


def test_a_part_outlives_a_server_that_is_down_for_a_while(server, target):
    server.cuts = [2 * MB]
    with pytest.raises(DatasetError):
        get(server, target)
    server.status = 503
    with pytest.raises(DatasetError, match="503"):
        get(server, target)
    server.status = 200
    get(server, target, checksum=SHA256)
    assert server.asked[-1] == f"bytes={2 * MB}-"


def test_a_web_page_instead_of_the_file_is_refused(server, target):
    server.content, server.content_type = b"<html>Please log in", "text/html; charset=utf-8"
    with pytest.raises(DatasetError, match="a web page instead of the file"):
        get(server, target)
    assert names(target) == set()


def test_a_redirection_is_followed(server, target):
    server.location = "/elsewhere"
    get(server, target, checksum=SHA256)
    assert target.read_bytes() == CONTENT


def test_a_redirection_away_from_encryption_is_refused():
    class Answer:
        def geturl(self):
            return "http://example.org/file.zip"

    with pytest.raises(transfer.Final, match="not encrypted"):
        transfer._require_file(Answer(), "https://example.org/file.zip")


def test_a_server_that_says_nothing_is_given_up(server, target):
    server.wait = 0.6
    with pytest.raises(DatasetError, match="timed out"):
        get(server, target, timeout=0.2)
    assert names(target) == set()


def test_a_connection_that_is_refused_is_named(target):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(DatasetError, match=r"could not be downloaded \(.*refused"):
        downloads.download(f"http://127.0.0.1:{port}/x", target, explain=explain)


def test_a_host_without_an_address_is_named(target, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(DatasetError, match="Name or service not known"):
        downloads.download("https://no.such.host.invalid/x", target, explain=explain)


def test_a_file_that_does_not_fit_is_not_begun(server, target, monkeypatch):
    usage = type("Usage", (), {"free": MB})
    monkeypatch.setattr(part.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StoreError, match="needs 5 MB, but 1 MB are free"):
        get(server, target)
    assert not target.exists()


def test_a_file_without_a_length_that_does_not_end_is_stopped(server, target, monkeypatch):
    server.sized = server.ranges = False
    usage = type("Usage", (), {"free": 2 * MB})
    monkeypatch.setattr(part.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StoreError, match="are free"):
        get(server, target)
    assert names(target) == set()


def test_a_folder_that_cannot_be_made_is_explained(server, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="could not be written"):
        get(server, tmp_path / "file" / "file.zip")


def test_two_at_a_time_download_once(server, target):
    server.wait = 0.2
    threads = [threading.Thread(target=get, args=(server, target)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 1
    assert target.read_bytes() == CONTENT
