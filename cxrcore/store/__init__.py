"""The store of trained runs: one folder for each run, whole or absent.

    models/<run_id>/
        run.json             the Run record          run.digest  BLAKE2b-128 of run.json
        model.keras          the whole network, float32
        predictions.parquet  validation and test     embeddings.npy  float16, rows as predictions
        history.csv          one row an epoch        log.txt  messages of the training
    models/.trash/           deleted runs, until the trash is emptied
    models/.metrics/         metrics that were added after a run was saved

A file that is not the one that was saved is reported in `list_runs` and never used.
"""

from cxrcore.store.families import families, members, summary_of
from cxrcore.store.initial_weights import missing_pretraining, random_start
from cxrcore.store.listing import exists, list_runs, load_run, runs
from cxrcore.store.record import HISTORY_COLUMNS, TRAINING_VERSION, Run, run_id
from cxrcore.store.run_names import family_id, family_of
from cxrcore.store.stamps import stamp
from cxrcore.store.trash import delete, empty_trash, restore, trashed
from cxrcore.store.writer import export, save

__all__ = [
    "HISTORY_COLUMNS",
    "TRAINING_VERSION",
    "Run",
    "delete",
    "empty_trash",
    "exists",
    "export",
    "families",
    "family_id",
    "family_of",
    "list_runs",
    "load_run",
    "members",
    "missing_pretraining",
    "random_start",
    "restore",
    "run_id",
    "runs",
    "save",
    "stamp",
    "summary_of",
    "trashed",
]
