"""Many films, one after the other: a table of answers instead of a page."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from cxrcore import images
from cxrcore.datasets import scan
from cxrcore.errors import ImageError
from cxrcore.films import Decoder, Film
from cxrcore.inference.models import Models, predict
from cxrcore.inference.pictures import Picture
from cxrcore.inference.prediction import Prediction
from cxrcore.inference.worker import Worker
from cxrcore.progress import Meter, Report, silent

_AHEAD = 4  # films that are decoded before they are asked for; each takes up to 64 MB


class Row(NamedTuple):
    """What the runs say of a file, or why it cannot be read."""

    file: Path
    film: Film | None
    predictions: tuple[Prediction, ...] = ()  # in the order of the runs; each may have an `error`
    error: str = ""


def batch(
    places: Sequence[Path],
    run_ids: Sequence[str],
    *,
    worker: Worker | None = None,
    session: str = "",
    report: Report = silent,
    page: int | None = None,
) -> Iterator[Row]:
    """Predict films one by one; those that cannot be read are rows with the reason.

    Films are decoded apart, a few ahead, and dropped once their row was used. Their lungs are
    estimated for runs trained on them; where none are found the run gets the whole film, and a note
    says so.

    Args:
        places: files, and folders with what is in them, see `films_in`.
        run_ids: runs of the store.
        worker: predicts; without it this process does, which loads TensorFlow.
        session: the visitor for whom the worker works.
        report: called after each film.
        page: of TIFF files of several, from 1; None for the first, which `film.about_pages` says.

    Raises:
        ImageError: a place does not exist, or there is no film.
        JobError: the worker's line is full, or its process died.
    """
    files = films_in(places)
    models = Models(len(run_ids))
    meter = Meter("predicting", len(files), report)
    with closing(Decoder()) as decoder:
        for done, (file, found) in enumerate(_decoded(files, decoder, page or 1), 1):
            if isinstance(found, ImageError):
                yield Row(file, None, error=str(found))
            elif worker is None:
                answers = predict(
                    models, Picture(found.gray, None, found.digest), run_ids, methods=()
                )
                yield Row(file, found, tuple(answers))
            else:
                answers = worker.predict(found, run_ids, methods=(), session=session)
                yield Row(file, found, tuple(answers))
            meter.update(done)


def films_in(places: Sequence[Path]) -> list[Path]:
    """The files named, and those in folders and their sub-folders that look like films, sorted.

    In a folder, an ending decides, or the content of a DICOM file without one. Hidden files, and
    links that lead out of the folder, are left out.

    Raises:
        ImageError: a place does not exist, or there is no film.
    """
    files: list[Path] = []
    for place in places:
        if place.is_dir():
            listed = [file.path for file in scan.find(place).files]
            files += [
                place / path for path in listed if scan.is_image(path) or _dicom(place / path)
            ]
        elif place.exists():
            files.append(place)
        else:
            raise ImageError(f"There is no file or folder {place}. Check the path.")
    if not files:
        raise ImageError(
            f"There is no film in {', '.join(map(str, places)) or 'nothing'}. Files that end in "
            f"{', '.join(sorted(images.SUFFIXES))} are looked for, and DICOM files."
        )
    return files


def _decoded(
    files: Sequence[Path], decoder: Decoder, page: int
) -> Iterator[tuple[Path, Film | ImageError]]:
    """Each film or the reason why there is none, in order."""

    def read(file: Path) -> Film | ImageError:
        try:
            return decoder.decode(file, page=page)
        except ImageError as error:
            return error

    ahead: deque[tuple[Path, Future[Film | ImageError]]] = deque()
    with ThreadPoolExecutor(2) as pool:
        try:
            for file in files:
                ahead.append((file, pool.submit(read, file)))
                if len(ahead) > _AHEAD:
                    file, found = ahead.popleft()
                    yield file, found.result()
            while ahead:
                file, found = ahead.popleft()
                yield file, found.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _dicom(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return images.is_dicom(opened.read(images.HEAD_BYTES))
    except OSError:
        return False
