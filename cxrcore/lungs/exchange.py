"""All lung masks of a dataset as pictures, to correct in another program and read back."""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as Names
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from cxrcore import archives, files, images
from cxrcore.datasets import masks
from cxrcore.errors import DatasetError, ImageError
from cxrcore.lungs import corrections, estimates
from cxrcore.lungs.masking import COMPLETED, masked
from cxrcore.progress import Meter, Report, silent

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset

TABLE = "masks.csv"
MAX_BYTES, MAX_FILES = 500_000_000, 50_000  # of what a zip holds
_NAMED = 3  # pictures in a sentence

Decode = Callable[[bytes, str], np.ndarray]  # bytes of a picture and its name, to (H, W) gray


class Exported(NamedTuple):
    """How many films have the dataset's own mask, an estimated or corrected one, none."""

    own: int
    estimated: int
    without: int


class Imported(NamedTuple):
    """How many films got a mask, were left out (all black), stayed as they were; own: not changed.

    `problems` are sentences about pictures that cannot be used.
    """

    changed: int
    left_out: int
    same: int
    own: int
    problems: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What was changed."""
        text = (
            f"{self.changed:,} masks corrected, {self.left_out:,} films left out, "
            f"{self.same:,} masks unchanged."
        )
        if self.own:
            text += (
                f" {self.own:,} differ from masks of the dataset's own, which stay as they are: "
                "change those in the dataset's folder."
            )
        return text


def export(dataset: "Dataset", folder: Path, *, report: Report = silent) -> Exported:
    """Write the mask of every film as a PNG, white on the lungs, named like the film.

    `masks.csv` lists the films: where their mask comes from, and why one was refused.

    Args:
        dataset: whose films were looked at before, see `estimates.estimate`.
        folder: absent; it appears whole or not at all.
        report: receives the progress.

    Raises:
        DatasetError: lungs were not looked for yet, or the folder exists.
        StoreError: the disk is full or the folder cannot be written.
    """
    if folder.exists():
        raise DatasetError(
            f"{folder} exists already. Choose a folder that does not exist; nothing was changed."
        )
    table = masked(dataset, COMPLETED).table
    found = estimates.load(dataset)
    meter = Meter("writing masks", len(table), report)
    lines = []
    with files.whole_folder(folder) as draft:
        for done, (row, name) in enumerate(_named(dataset), 1):
            own = dataset.mask_of(row) is not None
            mask, reason = _mask(dataset, row, table["mask"].iloc[done - 1])
            if mask is not None:
                path = draft / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(images.encode_png(np.where(mask, 255, 0).astype(np.uint8)))
            elif found is not None and not own:
                reason = found.table["reason"].iloc[done - 1]
            source = "none" if mask is None else "the dataset" if own else "estimated"
            lines.append({"film": row.path, "mask": name, "from": source, "reason": reason})
            meter.update(done)
        listed = pd.DataFrame(lines)
        listed.to_csv(draft / TABLE, index=False, lineterminator="\n")
    counts = listed["from"].value_counts()
    return Exported(*(int(counts.get(s, 0)) for s in ("the dataset", "estimated", "none")))


def _decoded(data: bytes, name: str) -> np.ndarray:
    return images.decode(data, name=name)


def read_back(
    dataset: "Dataset",
    source: Path | bytes,
    *,
    report: Report = silent,
    decode: Decode = _decoded,
) -> Imported:
    """Take over the masks that people changed in an exported folder.

    A picture that is all black leaves its film out. Films with a mask of the dataset's own keep
    it, and pictures that are missing change nothing.

    Args:
        dataset: whose films were looked at before.
        source: the folder, a zip of it, or the bytes of such a zip; the zip may hold the folder or
            what is in it.
        report: receives the progress.
        decode: reads a picture, in another process if it should.

    Raises:
        DatasetError: lungs were not looked for yet, a zip is damaged, dangerous or too large, or
            there is no mask of this dataset.
        StoreError: the disk is full or the data folder cannot be written.
    """
    if isinstance(source, Path) and source.is_file():
        source = source.read_bytes()
    folder = source if isinstance(source, Path) else None
    inside: dict[str, bytes] = {}
    if not isinstance(source, Path):
        inside = _inside(source, {name for _, name in _named(dataset)})
    table = masked(dataset, COMPLETED).table
    decided: dict[str, np.ndarray | None] = {}
    problems: list[str] = []
    present = same = own = 0
    meter = Meter("reading masks", len(table), report)
    for done, (row, name) in enumerate(_named(dataset), 1):
        meter.update(done)
        data = inside.pop(name, None) if folder is None else _content(folder, name)
        if data is None:
            continue
        present += 1
        before, _ = _mask(dataset, row, table["mask"].iloc[done - 1])
        called = f"The lung mask {name}"
        try:
            mask = images.as_mask(decode(data, called), _shape(row), called)
        except ImageError as error:
            problems.append(str(error))
            continue
        if before is not None and np.array_equal(mask, before):
            same += 1
        elif dataset.mask_of(row) is not None:
            own += 1
        else:
            decided[str(row.image_id)] = mask if mask.any() else None
    if not present:
        raise DatasetError(
            f"{folder or 'The zip'} has no mask of a film of {dataset.name}. Export the masks first: "
            f"python -m cxrcore masks export {dataset.name} FOLDER"
        )
    if inside:
        problems.append(_strangers(list(inside)))
    if decided:
        corrections.correct(decided)
    out = sum(mask is None for mask in decided.values())
    return Imported(len(decided) - out, out, same, own, tuple(problems))


def _inside(data: bytes, wanted: Names[str]) -> dict[str, bytes]:
    """The pictures of a zip by name; those of masks below a folder without it."""
    found = archives.contents(data, "The zip", max_bytes=MAX_BYTES, max_files=MAX_FILES)
    pictures = {
        path: content
        for path, content in found
        if path.rpartition("/")[2] != TABLE and not path.startswith("__MACOSX")
    }
    tops = {path.partition("/")[0] for path in pictures}
    if len(tops) == 1 and not wanted & pictures.keys():
        return {path.partition("/")[2]: content for path, content in pictures.items()}
    return pictures


def _content(folder: Path, name: str) -> bytes | None:
    return (folder / name).read_bytes() if (folder / name).is_file() else None


def _strangers(names: Sequence[str]) -> str:
    """What is said of pictures that belong to no film."""
    listed = ", ".join(sorted(names)[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    return (
        f"{len(names):,} of the files belong to no film of the dataset: {listed}. A mask has the "
        "name of its film, as they were exported."
    )


def _named(dataset: "Dataset") -> Iterator[tuple[Any, str]]:
    """Each film with the name of its mask: its own with the ending .png."""
    paths = [PurePosixPath(path) for path in dataset.table["path"]]
    plain = pd.Series([str(path.with_suffix(".png")) for path in paths])
    double = plain.duplicated(keep=False)
    for row, path, name, shared in zip(
        dataset.table.itertuples(), paths, plain, double, strict=True
    ):
        yield row, f"{path}.png" if shared else name


def _mask(dataset: "Dataset", row: Any, reference: Any) -> tuple[np.ndarray | None, str]:
    """(H, W) bool of the film's size, or why there is none."""
    if pd.isna(reference):
        return None, ""
    path = dataset.root / reference
    try:
        return masks.read(path, _shape(row)), ""
    except ImageError as error:
        return None, str(error)


def _shape(row: Any) -> tuple[int, int]:
    """(H, W) of the film.

    Raises:
        ImageError: it is damaged.
    """
    if pd.isna(row.height):
        raise ImageError(f"{row.path} cannot be read, so that it has no mask.")
    return int(row.height), int(row.width)
