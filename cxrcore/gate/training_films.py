"""Was a model trained on this film, or on a near copy of it?"""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from cxrcore import duplicates, files
from cxrcore.errors import CxrError
from cxrcore.gate import copies
from cxrcore.gate.report import Finding
from cxrcore.profiles import Profile

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset
    from cxrcore.inference import Film

_NONE = Finding("known", "Not in the training data, and no near copy of it", "passed")
_FILE_ONLY = Finding(
    "known",
    "This very file is not in the training data",
    "passed",
    "Near copies could not be looked for yet: the films of the dataset are not described.",
)
_UNKNOWN = Finding(
    "known",
    "Whether the model was trained on this film is unknown",
    "warning",
    "Its weights were imported, so nobody here knows its training films.",
)


class _Same(NamedTuple):
    """The films of the dataset that show the same as a film; None where nobody looked."""

    exact: str | None
    near: tuple[str, ...] | None


def findings(
    film: "Film", profiles: Mapping[str, Profile], dataset: "Dataset"
) -> dict[str, Finding]:
    """What is to be said of each run: by run_id, for runs with a profile."""
    if not profiles:
        return {}
    same = _same(film, dataset)
    return {run_id: _finding(same, profile) for run_id, profile in profiles.items()}


def _finding(same: _Same, profile: Profile) -> Finding:
    if not profile.trained:
        return _UNKNOWN
    if same.exact is not None and profile.knows(same.exact):
        title = "The model was trained on this film: its answer proves nothing"
        return Finding("known", title, "warning", "The very file is among the training films.")
    if any(profile.knows(image_id) for image_id in same.near or ()):
        title = "The model was trained on a near copy of this film: its answer proves little"
        detail = "Another file among the training films shows the same film."
        return Finding("known", title, "warning", detail)
    return _NONE if same.near is not None else _FILE_ONLY


def _same(film: "Film", dataset: "Dataset") -> _Same:
    exact = film.digest if (dataset.table["image_id"] == film.digest).any() else None
    kept = _duplicates(dataset, duplicates.stamp(dataset)) if exact is not None else None
    if kept is not None:
        group = kept.groups.get(exact)
        members = () if group is None else kept.groups.index[kept.groups == group]
        return _Same(exact, tuple(str(image_id) for image_id in members if image_id != exact))
    try:
        found = copies.find(film.gray, dataset)
    except CxrError:  # a file of the dataset is gone; what is said below tells that nobody looked
        return _Same(exact, None)
    return _Same(exact, None if found is None else tuple(copy.image_id for copy in found))


@functools.lru_cache(maxsize=4)
def _duplicates(dataset: "Dataset", _stamp: files.Stamp) -> duplicates.Duplicates | None:
    return duplicates.load(dataset)
