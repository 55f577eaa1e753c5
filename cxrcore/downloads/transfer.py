"""One request: ask for the missing bytes, and append them if the file is unchanged."""

import http.client
import os
import time
import urllib.error
import urllib.request

from cxrcore import __version__
from cxrcore.downloads.part import Part, Version, require_space
from cxrcore.progress import Progress, Report

_CHUNK = 1 << 20


class Broken(Exception):  # noqa: N818 (never leaves this package)
    """The connection failed or ended early; another attempt may succeed."""


class Changed(Exception):  # noqa: N818
    """The file on the server has changed since the part was received."""


class Final(Exception):  # noqa: N818
    """The server refused; another attempt would get the same answer."""


class Pace:
    """Reports bytes; the rate counts only this download, not what was there before."""

    def __init__(self, stage: str, report: Report) -> None:
        self._stage, self._report = stage, report
        self._start, self._first = time.monotonic(), -1

    def update(self, done: int, total: int | None) -> None:
        """Report `done` of `total` bytes."""
        if self._first < 0:
            self._first = done
        total = max(total or 0, done)
        seconds, new = time.monotonic() - self._start, done - self._first
        rate = new / seconds if new > 0 and seconds > 0 else None
        eta = (total - done) / rate if rate else None
        self._report(Progress(self._stage, done, total, eta, rate))


def attempt(address: str, part: Part, pace: Pace, timeout: float) -> None:
    """Complete the part from its current size.

    Raises:
        Broken: no connection, or it ended early; the part has what arrived.
        Changed: the part belongs to another version; drop it first.
        Final: the server answers with something else.
        StoreError: the disk is full.
    """
    start, version = part.size, part.version
    headers = {"User-Agent": f"cxrcore/{__version__}"}
    if start and version and version.condition:
        if start == version.total:
            return  # complete when the process ended
        headers |= {"Range": f"bytes={start}-", "If-Range": version.condition}
    # The address comes from this project's records (http or https), never from a user.
    request = urllib.request.Request(address, headers=headers)  # noqa: S310
    try:
        answer = urllib.request.urlopen(request, timeout=timeout)  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()  # it is an open response as well
        if error.code == 416 and start:
            raise Changed from error
        raise Final(f"its address answers {error.code} {error.reason}") from error
    except (http.client.HTTPException, OSError) as error:  # URLError is an OSError
        raise Broken(_failure(getattr(error, "reason", error))) from error
    with answer:
        _require_file(answer, address)
        done, total = _begin(answer, address, part, start)
        _receive(answer, part, done, total, pace)


def _require_file(answer: http.client.HTTPResponse, address: str) -> None:
    """Refuse a log-in page, and a redirection from https to http."""
    if address.startswith("https:") and not answer.geturl().startswith("https:"):
        raise Final("its address redirects to one that is not encrypted")
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        raise Final("its address answers with a web page instead of the file")


def _begin(
    answer: http.client.HTTPResponse, address: str, part: Part, start: int
) -> tuple[int, int | None]:
    """The bytes already there and the total; empties the part if the server sends everything."""
    etag, version = answer.headers["ETag"], part.version
    if answer.status != 206:
        resumable = answer.headers["Accept-Ranges"] == "bytes"
        modified = answer.headers["Last-Modified"] if resumable else None
        part.begin(Version(address, etag if resumable else None, modified, answer.length))
        return 0, answer.length
    # Some servers ignore If-Range: the answer itself must show that it continues the same file.
    sent, _, size = (answer.headers["Content-Range"] or "").rpartition("/")  # bytes 100-199/200
    unchanged = version is not None and version.total in (None, _number(size))
    if version is not None and version.etag:
        unchanged &= etag == version.etag
    elif version is not None:
        unchanged &= answer.headers["Last-Modified"] in (None, version.modified)
    if not start or not unchanged or not sent.startswith(f"bytes {start}-"):
        raise Changed
    return start, _number(size)


def _receive(
    answer: http.client.HTTPResponse, part: Part, done: int, total: int | None, pace: Pace
) -> None:
    """Append the answer to the part."""
    free = require_space(part.target, (total or done) - done)
    last = done + free
    with open(part.path, "ab") as file:
        pace.update(done, total)
        while chunk := _read(answer):
            file.write(chunk)
            done += len(chunk)
            pace.update(done, total)
            if done > last:
                require_space(part.target, free + 1)  # a server that never ends
        file.flush()
        os.fsync(file.fileno())
    if total is not None and done < total:
        raise Broken(f"the connection ended after {done:,} of {total:,} bytes")


def _read(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read(_CHUNK)
    except (http.client.HTTPException, OSError) as error:
        raise Broken(_failure(error)) from error


def _failure(error: object) -> str:
    return f"it could not be downloaded ({' '.join(str(error).split())})"


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
