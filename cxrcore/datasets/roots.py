"""Which folders a visitor of the dashboard may add; the command line may add any.

Whether a folder outside exists is not told: the refusal depends on its path alone.
"""

import os
from pathlib import Path

from cxrcore import settings
from cxrcore.datasets import registry
from cxrcore.errors import DatasetError

MOST_FILES = 500_000  # and folders; the largest public collection of chest films has 377,000
# Of the system and never of a team, wherever the roots lie.
_SYSTEM = frozenset(
    "bin boot dev etc lib lib32 lib64 libx32 lost+found proc run sbin sys usr Library System "
    "Windows".split()
) | {"Program Files"}


def allowed(path: str | Path) -> None:
    """Raise unless a folder, or a table in one, may be added in the browser.

    It must lie in one of CXR_ROOTS; by default in the home folder, the data folder, or what the
    command line registered. Folders of the system, hidden ones, and trees of more than MOST_FILES
    files are refused.

    Raises:
        DatasetError: it may not be added, and why.
    """
    try:
        place = Path(path).expanduser().resolve()
    except (OSError, RuntimeError, ValueError):  # too long, links in a circle, no such user, NUL
        raise _outside(path) from None
    root = next((root for root in _roots() if place.is_relative_to(root)), None)
    own = place.parts[1:2]
    if root is None or not own or own[0] in _SYSTEM:
        raise _outside(path)
    if any(part.startswith(".") for part in place.relative_to(root).parts):
        raise _outside(path)
    count = _count(place if place.is_dir() else place.parent)
    if count > MOST_FILES:
        raise DatasetError(
            f"{place} holds more than {MOST_FILES:,} files and folders, too many for one dataset. "
            "Add the folder inside it that holds the images."
        )


def _roots() -> list[Path]:
    return settings.roots() or [
        Path.home().resolve(), settings.data_dir(), *(entry.path for entry in registry.entries())
    ]  # fmt: skip


def _outside(path: str | Path) -> DatasetError:
    return DatasetError(
        f"{str(path)[:200]} may not be added in the browser. Choose a folder in the home folder of "
        "this server, or let those who run it add it: python -m cxrcore data add NAME FOLDER. "
        "CXR_ROOTS allows other folders."
    )


def _count(folder: Path) -> int:
    """Files and folders in a tree; it stops counting beyond MOST_FILES."""
    count = 0
    for _, folders, files in os.walk(folder):  # links to folders are not followed
        count += len(folders) + len(files)
        if count > MOST_FILES:
            break
    return count
