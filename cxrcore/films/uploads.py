"""What a visitor uploads: a film, or a zip of films."""

import posixpath

from cxrcore import archives, images
from cxrcore.errors import ImageError

MAX_BYTES, MAX_FILES = 256_000_000, 2_000  # of what a zip holds


def unpacked(name: str, data: bytes) -> list[tuple[str, bytes]]:
    """(name, bytes) of each film of an upload: the upload itself, or those in a zip, in its order.

    Raises:
        DatasetError: a zip that is damaged, dangerous or too large.
        ImageError: a zip without a film.
    """
    if not archives.is_zip(data):
        return [(name, data)]
    inside = archives.contents(data, name, max_bytes=MAX_BYTES, max_files=MAX_FILES)
    films = [(path, content) for path, content in inside if is_film(path, content)]
    if not films:
        raise ImageError(f"{name} is a ZIP archive without a film. Choose the films themselves.")
    return films


def is_film(path: str, content: bytes) -> bool:
    """Whether a file in a folder or zip is a film: by its ending, or DICOM by its content.

    Hidden files, and the copies that macOS adds to a zip, are not.
    """
    if any(part.startswith((".", "__MACOSX")) for part in path.split("/")):
        return False
    return posixpath.splitext(path)[1].lower() in images.SUFFIXES or images.is_dicom(content)
