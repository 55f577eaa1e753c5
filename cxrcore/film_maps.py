"""The test films of a run in two dimensions: those that are alike to its last layer lie together.

Principal components take a moment; t-SNE takes a minute (`work.submit_film_map`) and is kept in
`.maps/<digest of run.json>/films-t-sne.npz` of the store (docs/decisions/0054).
"""

import contextlib
import io
import re
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrcore import files
from cxrcore.errors import ComparisonError
from cxrcore.progress import Meter, Report, silent
from cxrcore.statistics.components import principal
from cxrcore.store import Run, maps

MOST = 10_000  # films of a map; of more so many are drawn at random
_FEWEST = 5
_AXES = 50  # principal components that t-SNE begins from
_PERPLEXITY = 30
_STEPS = 1_000


def pca(run: Run) -> pd.DataFrame:
    """The films on the first two principal components of the run's last layer.

    Returns:
        Columns x and y, float32; a row an image_id.

    Raises:
        ComparisonError: too few films, all are alike to the run, or what it sees of them is not known.
        StoreError: the run's files are missing or were changed.
    """
    films, values = _embedded(run)
    places = principal(values, 2)
    return _frame(films, np.pad(places, ((0, 0), (0, 2 - places.shape[1]))))


def tsne(run: Run, report: Report = silent) -> pd.DataFrame:
    """The films by t-SNE, as `pca`: only who is near whom means something, not how far apart.

    Computed once and kept; the same run always has the same map.

    Args:
        run: in the store.
        report: receives the progress; may raise to stop.

    Raises:
        ComparisonError, StoreError: as `pca`.

    Source: van der Maaten and Hinton 2008, J. Mach. Learn. Res. 9, 2579-2605; begun from principal
    components as in Kobak and Berens 2019, doi 10.1038/s41467-019-13056-x.
    """
    if (kept := load_tsne(run)) is not None:
        return kept
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    films, values = _embedded(run)
    found = TSNE(
        perplexity=min(_PERPLEXITY, (len(films) - 1) / 3),
        init="pca",
        max_iter=_STEPS,
        random_state=0,
        verbose=2,
    )
    # Threads that wait for each other at every step take minutes where a training runs beside them.
    with threadpool_limits(1, "openmp"), contextlib.redirect_stdout(_Steps(report)):
        places = found.fit_transform(principal(values, _AXES))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, image_ids=np.array(films, str), places=places.astype(np.float32))
    files.write_atomic(_file(run), buffer.getvalue())
    return _frame(films, places)


def load_tsne(run: Run) -> pd.DataFrame | None:
    """The kept map of `tsne`; None where there is none, or a damaged one.

    Raises:
        StoreError: the run is gone.
    """
    try:
        with np.load(_file(run), allow_pickle=False) as kept:
            return _frame(kept["image_ids"].astype(object), kept["places"])
    except (OSError, ValueError, LookupError, zipfile.BadZipFile, EOFError):
        return None


def nearest(places: pd.DataFrame, image_id: str, count: int) -> pd.Index:
    """The image_ids of a film on a map and of those that lie nearest to it, `count` in all.

    Args:
        places: of `pca` or `tsne`; the film is one of them.
        image_id: the film; it comes first.
        count: of films, with the film itself.
    """
    away = ((places - places.loc[image_id]) ** 2).sum(axis=1)
    away[image_id] = -1.0  # before another film at the same place
    return away.sort_values(kind="stable").index[:count]


def _embedded(run: Run) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.float16]]:
    """(n,) image_ids of the run's test films, and (n, d) what its last layer sees of them."""
    table = run.predictions()
    rows = np.flatnonzero(table["split"] == "test")
    if len(rows) > MOST:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST, replace=False))
    values = run.embeddings()[rows]
    if len(rows) < _FEWEST:
        raise ComparisonError(
            f"A map needs {_FEWEST} films. {run.run_id} was tested on {len(rows)}. Choose a run that "
            "was tested on more."
        )
    if not values.shape[1]:
        raise ComparisonError(
            f"Only the answers of {run.run_id} are known, not what its last layer sees, so there is no map. "
            "Choose a run trained here."
        )
    if not np.ptp(values, axis=0).any():
        raise ComparisonError(
            f"All test films are alike to {run.run_id}, so there is nothing to map. Train it again, or "
            "choose another run."
        )
    return table["image_id"].to_numpy(object)[rows], values


def _frame(films: npt.NDArray[np.object_], places: npt.NDArray[np.floating]) -> pd.DataFrame:
    return pd.DataFrame(places, index=pd.Index(films, name="image_id"), columns=["x", "y"])


def _file(run: Run) -> Path:
    return run.folder.parent / maps.FOLDER / run.seal / "films-t-sne.npz"


class _Steps(io.TextIOBase):
    """Counts the steps of t-SNE, which scikit-learn only prints."""

    def __init__(self, report: Report) -> None:
        self._meter = Meter("placing films", _STEPS, report)
        self._meter.update(0)

    def write(self, text: str) -> int:
        """Take what is printed."""
        if found := re.match(r"\[t-SNE\] Iteration (\d+):", text):
            self._meter.update(int(found[1]))
        return len(text)
