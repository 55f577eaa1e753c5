"""Comparisons and intervals on disk, by what they are computed from: `models/.comparisons`.

A file that is damaged or of another version counts as absent. The oldest files are deleted when all
take more than 50 MB; what is needed again is computed again.
"""

import contextlib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cxrcore import files, settings
from cxrcore.comparison.patients import Patients
from cxrcore.comparison.subjects import Subject
from cxrcore.errors import StoreError
from cxrcore.metrics import METRICS
from cxrcore.store.record import PREDICTIONS

VERSION = 1  # raise it when the same predictions give other figures
_MOST_BYTES = 50_000_000


def path(compared: Sequence[Subject], patients: Patients, *what: str) -> Path:
    """The file of what is computed from these subjects and patients, in any order of the subjects.

    Args:
        compared: the subjects.
        patients: of their films.
        what: "comparison" with metric and class, or "intervals".
    """
    runs = {each.name: [run.files[PREDICTIONS] for run in each.runs] for each in compared}
    # Leaks and splits are told as reasons; the records hold them.
    records = sorted(run.model_dump_json(include=_TOLD) for s in compared for run in s.runs)
    facts = [VERSION, runs, records, patients.digest, patients.reasons, what, sorted(METRICS)]
    text = json.dumps(facts, sort_keys=True)
    name = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return settings.models_dir() / ".comparisons" / f"{name}.json"


_TOLD = {
    "run_id",
    "dataset",
    "fingerprint",
    "split",
    "split_counts",
    "grouping",
    "leaks",
    "imported",
}


def read(file: Path) -> Any:
    """What was kept; None if there is nothing that can be read."""
    try:
        return files.read_json(file)
    except StoreError:
        return None


def write(file: Path, value: Any) -> None:
    """Keep a value; where the store cannot be written it is computed again the next time."""
    with contextlib.suppress(StoreError):
        files.write_json(file, value)
        files.make_room(file.parent.glob("*.json"), _MOST_BYTES)
