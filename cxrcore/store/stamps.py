"""Whether runs were added, changed or deleted since the last look."""

import itertools

from cxrcore import files, settings
from cxrcore.store import annotations, example_films, listing, lung_shares


def stamp(run_id: str | None = None) -> files.Stamp:
    """Changes whenever a file of a run, or what people say about it, is written or deleted.

    That of all runs also changes with their example films and in-lung shares.

    Args:
        run_id: the run; None for all runs.

    Raises:
        StoreError: no run can have this name.
    """
    beside = (example_films.FOLDER, lung_shares.FOLDER)
    folders = [*(settings.models_dir() / name for name in beside), *listing.folders()]
    if run_id is not None:
        folders = [listing.folder_of(run_id)]
    parts = [files.folder_stamp(folder) for folder in folders]
    return tuple(itertools.chain(*parts, files.stamp(annotations.paths(run_id))))
