"""Lung masks from pictures or from polygons in Darwin JSON files.

The column `mask` of an image table holds a reference, relative to the dataset's root:

    COVID/masks/a.png                     a picture, white inside the lungs
    leftMask/a.png#and-right              the left lung, and rightMask/a.png: both together
    annotations/a.json                    the Lung polygons of a Darwin record
    annotations/a.json#without-ignored    the same without its Ignore regions
"""

from pathlib import Path

import numpy as np

from cxrcore import images
from cxrcore.datasets import darwin, mask_files


def file_of(reference: Path) -> Path:
    """The file of a reference.

    >>> file_of(Path("annotations/a.json#without-ignored")).name
    'a.json'
    """
    name = reference.name.removesuffix(darwin.WITHOUT_IGNORED).removesuffix(mask_files.BOTH)
    return reference.with_name(name)


def stamp(reference: Path | None) -> str:
    """Changes with the file of a reference; "" for None and where the file is missing."""
    if reference is None:
        return ""
    file = file_of(reference)
    try:
        status = file.stat()
    except OSError:
        return ""
    return f"{reference.name[len(file.name) :]}{status.st_size} {status.st_mtime_ns}"


def read(reference: Path, shape: tuple[int, int]) -> np.ndarray:
    """The lungs as a mask for an image of that shape (docs/decisions/0017).

    Args:
        reference: as `Dataset.mask_of` gives it.
        shape: (H, W) of the image; masks of another size are scaled.

    Returns:
        (H, W) bool, True inside the lungs.

    Raises:
        ImageError: the file is missing, or is neither a picture nor a Darwin record.
    """
    path = file_of(reference)
    if path.suffix.lower() == ".json":
        return darwin.lung_mask(path, shape, without_ignored=path != reference)
    mask = images.read_mask(path, shape)
    if path != reference:
        mask |= images.read_mask(Path(mask_files.right_of(path.as_posix())), shape)
    return mask
