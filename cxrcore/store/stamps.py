"""Whether runs were added, changed or deleted since the last look."""

from pathlib import Path

from cxrcore import files
from cxrcore.store import listing


def stamp(run_id: str | None = None) -> files.Stamp:
    """Changes whenever a file of a run is written or deleted.

    Args:
        run_id: the run; None for all runs.

    Raises:
        StoreError: no run can have this name.
    """
    folders = listing.folders() if run_id is None else [listing.folder_of(run_id)]
    return files.stamp([file for folder in folders for file in (folder, *_inside(folder))])


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # not there, or deleted by another process a moment ago
        return []
