"""PNG and TIFF that Pillow cuts to 8 bits, or takes for inverted: read with all 16 bits.

Colours, and gray with transparency, of 16 bits a channel. Devices write 12 bits into them, which
would be almost black if only the upper 8 bits were kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from cxrcore.images import limits

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow's "L"
_ROWS = 128  # that are converted at once
_PNG_BANDS = {2: 3, 4: 2, 6: 4}  # by colour type
_WIDTH, _HEIGHT, _BITS, _COMPRESSED, _PHOTOMETRIC, _ORIENTATION = 256, 257, 258, 259, 262, 274
_BANDS, _PLANES, _EXTRA, _FORMAT = 277, 284, 338, 339
_WHITE_IS_ZERO, _RGB, _UNASSOCIATED = 0, 2, 2


@dataclass(frozen=True)
class Deep:
    """The header of such a file; `size` is (width, height) as it is stored, not yet upright."""

    data: bytes = field(repr=False)
    size: tuple[int, int]
    bands: int  # as stored
    coloured: bool = True
    blended: bool = False  # the band after gray or the colours is alpha, and not yet multiplied
    inverted: bool = False  # 0 is white
    planes: bool = False  # one band after the other
    orientation: int = 1


def find(data: bytes, orientation: int = 1) -> Deep | None:
    """What such a file claims; None for every other file.

    Args:
        data: of a PNG or TIFF.
        orientation: of EXIF, for a PNG; a TIFF has its own.

    Source:
        PNG 11.2.2 (header); TIFF 6.0 sections 3 to 6 and 18 (photometric, extra samples, orientation).
    """
    if data.startswith(b"\x89PNG") and len(data) > 25 and data[24] == 16 and data[25] in _PNG_BANDS:
        bands = _PNG_BANDS[data[25]]
        size = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
        return Deep(data, size, bands, bands > 2, bands in (2, 4), orientation=orientation)
    tags = limits.directory(data).first if data[:2] in (b"II", b"MM") else {}
    photometric, bands = tags.get(_PHOTOMETRIC), tags.get(_BANDS, 1)
    colours = 3 if photometric == _RGB else 1
    if (
        tags.get(_BITS) != 16
        or tags.get(_FORMAT, 1) != 1
        or photometric not in (_WHITE_IS_ZERO, 1, _RGB)
        or not (bands > 1 or photometric == _WHITE_IS_ZERO)
        or not colours <= bands <= 4
    ):
        return None
    turned = tags.get(_ORIENTATION, 1)
    return Deep(
        data,
        (tags.get(_WIDTH, 0), tags.get(_HEIGHT, 0)),
        bands,
        coloured=colours == 3,
        blended=bands > colours and tags.get(_EXTRA) == _UNASSOCIATED,
        inverted=photometric == _WHITE_IS_ZERO,
        planes=tags.get(_PLANES) == 2 and bands > 1,
        orientation=turned if 1 <= turned <= 8 else 1,
    )


def values(deep: Deep) -> np.ndarray:
    """(H, W) uint16 luma (ITU-R BT.601), transparent pixels blended with black; as stored."""
    gray = np.empty(deep.size[::-1], np.uint16)
    for top, rows in _rows(deep):
        luma = rows[..., :3] @ _LUMA if deep.coloured else rows[..., 0]
        luma = 65535 - luma if deep.inverted else luma
        if deep.blended:
            luma = luma * (rows[..., -1] / np.float32(65535))
        gray[top : top + _ROWS] = np.rint(luma)
    return gray


def chroma(deep: Deep, step: int) -> np.ndarray | None:
    """(h, w) uint8 of every so many pixels: the largest channel minus the smallest.

    White is the file's highest value, so that 12 bits count like 16; None without colours.
    """
    if not deep.coloured:
        return None
    colours = np.concatenate([rows[-top % step :: step, ::step, :3] for top, rows in _rows(deep)])
    span = np.ptp(colours, axis=2)
    return np.rint(span * (255 / max(1.0, float(colours.max())))).astype(np.uint8)


def _rows(deep: Deep) -> Iterator[tuple[int, np.ndarray]]:
    """(first row, (n, W, bands) float32), some rows at a time: all would take 16 bytes a pixel."""
    import imagecodecs

    if deep.data.startswith(b"\x89PNG"):
        pixels = imagecodecs.png_decode(deep.data)
    else:
        pixels = imagecodecs.tiff_decode(deep.data, index=0)
    pixels = np.moveaxis(pixels, 0, -1) if deep.planes else pixels
    width, height = deep.size
    if pixels.size != width * height * deep.bands or pixels.dtype != np.uint16:
        raise ValueError("the pixels are not those of the header")
    pixels = pixels.reshape(height, width, deep.bands)
    for top in range(0, height, _ROWS):
        yield top, pixels[top : top + _ROWS].astype(np.float32)
