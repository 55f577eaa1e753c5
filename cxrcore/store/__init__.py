"""The store of trained runs: one folder for each run, whole or absent.

    models/<run_id>/
        run.json             the Run record          run.digest  BLAKE2b-128 of run.json
        model.keras          the whole network, float32; an imported one may be model.onnx or .tflite
        predictions.parquet  validation and test     embeddings.npy  float16, rows as predictions
        history.csv          one row an epoch        log.txt  messages of the training
    models/.trash/           deleted runs, until the trash is emptied
    models/.metrics/         metrics that were added after a run was saved
    models/.annotations/     titles, tags and notes that people gave to runs and families
    models/.examples/        what runs say about a few films, with maps, and their latency
    models/.profiles/        how a run sees its training films, see cxrcore.profiles
    models/.maps/            maps of runs for the films of a split
    models/.lung-shares/     how much of a run's maps lies inside the lungs
    models/.controls/        what runs say of their test films without lungs, see cxrcore.controls

External tests and imported predictions are runs without a network (docs/decisions/0055).
A file that is not the one that was saved is reported in `list_runs` and never used.
"""

from cxrcore.store import lung_shares, maps
from cxrcore.store.annotations import (
    Annotation,
    annotate,
    annotation,
    damaged_annotations,
)
from cxrcore.store.example_films import Example, Examples, examples, keep_examples
from cxrcore.store.families import families, members, summary_of
from cxrcore.store.initial_weights import missing_pretraining, random_start
from cxrcore.store.listing import exists, load_run, runs
from cxrcore.store.record import HISTORY_COLUMNS, TRAINING_VERSION, Home, Run, now, run_id
from cxrcore.store.run_names import family_id, family_of
from cxrcore.store.run_table import list_runs
from cxrcore.store.stamps import stamp
from cxrcore.store.titles import by_creation, title, titles, varying
from cxrcore.store.trash import delete, empty_trash, restore, trashed
from cxrcore.store.writer import export, save

__all__ = [
    "HISTORY_COLUMNS",
    "TRAINING_VERSION",
    "Annotation",
    "Example",
    "Examples",
    "Home",
    "Run",
    "annotate",
    "annotation",
    "by_creation",
    "damaged_annotations",
    "delete",
    "empty_trash",
    "examples",
    "exists",
    "export",
    "families",
    "family_id",
    "family_of",
    "keep_examples",
    "list_runs",
    "load_run",
    "lung_shares",
    "maps",
    "members",
    "missing_pretraining",
    "now",
    "random_start",
    "restore",
    "run_id",
    "runs",
    "save",
    "stamp",
    "summary_of",
    "title",
    "titles",
    "trashed",
    "varying",
]
