"""The end of a job's log, as text that is safe to show."""

import re
from pathlib import Path

# Enough for 200 long lines; progress bars can fill hundreds of megabytes.
_MOST_BYTES = 256 * 1024
_MOST_CHARACTERS = 1_000  # of one line

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def last_lines(path: Path, tail: int) -> str:
    """The last `tail` lines of `path`; "" if there is no such file.

    Reads 256 KB at most and cuts lines after 1,000 characters. Bytes that are not UTF-8 become
    U+FFFD, control characters are dropped, and only the last state of a progress bar is kept.
    """
    if tail < 1:
        return ""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _MOST_BYTES))
            data = file.read(_MOST_BYTES)
    except FileNotFoundError:
        return ""
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    if size > _MOST_BYTES and len(lines) > 1:
        del lines[0]  # begins somewhere inside a line, perhaps inside a character
    if lines and not lines[-1]:
        del lines[-1]
    return "\n".join(_plain(line) for line in lines[-tail:])


def _plain(line: bytes) -> str:
    drawn = [part for part in line.split(b"\r") if part.strip()]
    text = drawn[-1].decode("utf-8", errors="replace") if drawn else ""
    text = _CONTROLS.sub("", _ESCAPES.sub("", text)).rstrip()
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
