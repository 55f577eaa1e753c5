"""DICOM files: their size, and their gray values as the file wants them displayed.

Only pixels leave this module: no name, date or number of a patient is returned or put into a
message.
"""

import io
from typing import Any

import numpy as np
import pydicom
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset
from pydicom.pixels import pixel_array
from pydicom.uid import DeflatedExplicitVRLittleEndian

from cxrcore.errors import ImageError
from cxrcore.images import codestreams

# What pydicom raises on damaged files, besides built-in exceptions.
DAMAGE: tuple[type[BaseException], ...] = (BytesLengthException, InvalidDicomError)
_GRAY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow's "L"


def parse(data: bytes, name: str) -> pydicom.Dataset:
    """The elements of the file; pixel data is not decoded.

    Raises:
        ImageError: several frames, no pixels, or an unsupported compression.
        Exception: any of pydicom's many, if the file is damaged; the caller translates them.
    """
    _refuse_deflated(data, name)
    found = pydicom.dcmread(io.BytesIO(data))
    if "PixelData" not in found:
        raise ImageError(
            f"{name} is a DICOM file without pixels: a report, a structure, only a header, or cut "
            "short. Choose the file that holds the picture, or copy it again."
        )
    frames = int(found.get("NumberOfFrames") or 1)
    if frames != 1:
        raise ImageError(
            f"{name} is a DICOM file of {frames} frames; one picture is wanted. "
            "Save the frame to look at as a file of its own."
        )
    syntax = found.file_meta.TransferSyntaxUID
    if syntax.is_compressed and syntax not in codestreams.SYNTAXES:
        raise ImageError(
            f"{name} is a DICOM file compressed as {syntax.name}, which is not read. "
            "Save it uncompressed, or with JPEG, JPEG-LS, JPEG 2000 or RLE pixels."
        )
    return found


def size(found: pydicom.Dataset) -> tuple[int, int]:
    """(width, height) in pixels, from the header."""
    return int(found.Columns), int(found.Rows)


def values(found: pydicom.Dataset, name: str) -> tuple[np.ndarray, float, float]:
    """Gray values (H, W) float32 and the values (low, high) shown as black and white.

    Stored values go through the rescale (or modality table), then through the first VOI table or
    window; without either, the range is that of the image without its padding. MONOCHROME1 (high
    values are dark) is inverted, so that bone is always bright.

    Raises:
        ImageError: unsupported colours, or an impossible window.

    Source:
        DICOM PS3.3 C.11.1, C.11.2.1.2 (windows), C.7.6.3.1.2 (photometric interpretation).
    """
    photometric = str(found.PhotometricInterpretation)
    if photometric in _COLOUR:
        return _luma(found, photometric, name), 0.0, 2.0 ** int(found.BitsStored) - 1
    if photometric not in _GRAY:
        raise ImageError(
            f"{name} is a DICOM file with {photometric[:16]!r} pixels; gray and RGB are read. "
            "Export the picture as PNG instead."
        )
    stored = _stored(found, name)
    if stored.ndim != 2:
        raise ImageError(
            f"{name} is a DICOM file with an array of {stored.shape}; one gray picture is wanted. "
            "Export the picture as PNG instead."
        )
    shown = _rescaled(stored, found)
    if found.get("VOILUTSequence"):
        gray, high = _looked_up(shown, found.VOILUTSequence[0], found)
        low = 0.0
    elif found.get("WindowCenter") is not None and found.get("WindowWidth") is not None:
        gray, low, high = _window(shown, found, name), 0.0, 1.0
    else:
        gray, low, high = _without_padding(shown, stored, found)
    if photometric == "MONOCHROME1":
        gray = low + high - gray
    return gray, low, high


def _stored(found: pydicom.Dataset, name: str) -> np.ndarray:
    """The values in the file, (H, W) or (H, W, 3), before any rescale or colour conversion."""
    if found.file_meta.TransferSyntaxUID in codestreams.SYNTAXES:
        return codestreams.decode(found, name)
    return pixel_array(found, raw=True)


def _luma(found: pydicom.Dataset, photometric: str, name: str) -> np.ndarray:
    """(H, W) float32 brightness of a colour image; for YBR_FULL simply the Y."""
    colours = _stored(found, name).astype(np.float32)
    if colours.ndim != 3 or colours.shape[-1] != 3:
        raise ValueError("a colour picture without three bands")
    return colours[..., 0] if photometric.startswith("YBR_FULL") else colours @ _LUMA


def _rescaled(stored: np.ndarray, found: pydicom.Dataset) -> np.ndarray:
    """Stored values in the units of the device, float32: by table, or slope and intercept."""
    if found.get("ModalityLUTSequence"):
        return _looked_up(stored, found.ModalityLUTSequence[0], found)[0]
    gray = stored.astype(np.float32)
    if found.get("RescaleSlope") is not None and found.get("RescaleIntercept") is not None:
        gray = gray * np.float32(found.RescaleSlope) + np.float32(found.RescaleIntercept)
    return gray


def _looked_up(
    gray: np.ndarray, item: pydicom.Dataset, found: pydicom.Dataset
) -> tuple[np.ndarray, float]:
    """Values (float32) through a lookup table, and the table's highest entry.

    pydicom 3.0.2 is not used, since it keeps the indexes of tables with 8-bit entries in 8 bits:
    beyond the 256th entry it returns a wrong gray. White is the highest entry and not the declared
    depth, which some devices (Agfa CR) do not reach; viewers do the same.

    Source:
        DICOM PS3.3 C.11.1.1.1 and C.11.2.1.1.
    """
    length, first, _ = (int(number) for number in item.LUTDescriptor)
    length = length or 65536  # 2 ** 16 does not fit into 16 bits
    entries = item.LUTData
    if isinstance(entries, bytes):
        order = "<" if found.original_encoding[1] else ">"
        entries = np.frombuffer(entries, np.uint8 if len(entries) < 2 * length else f"{order}u2")
    table = np.asarray(entries).astype(np.int64) & 0xFFFF  # always unsigned, whatever the VR
    if len(table) < length:
        raise ValueError("a lookup table is shorter than it says")
    places = np.clip(gray - np.float32(first), 0, length - 1).astype(np.int32)
    return table[:length].astype(np.float32)[places], float(table[:length].max())


def _window(gray: np.ndarray, found: pydicom.Dataset, name: str) -> np.ndarray:
    """Values as shares of the first window of the file, 0..1, by the function it names."""
    center, width = _first(found.WindowCenter), _first(found.WindowWidth)
    function = str(found.get("VOILUTFunction") or "LINEAR")
    smallest = 1.0 if function == "LINEAR" else np.nextafter(0.0, 1.0)
    if not (np.isfinite(center) and np.isfinite(width) and width >= smallest):
        raise ImageError(
            f"{name} has an impossible DICOM window: center {center:g}, width {width:g}. "
            "Correct the window in the file, or export the picture as PNG."
        )
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (gray - center) / width, -80, 80)))
    if function == "LINEAR_EXACT":
        return np.clip((gray - center) / width + 0.5, 0, 1)
    # C.11.2.1.2.1: the width counts both ends, and a width of 1 is a threshold.
    return np.clip((gray - (center - 0.5)) / max(width - 1, 1e-6) + 0.5, 0, 1)


def _without_padding(
    gray: np.ndarray, stored: np.ndarray, found: pydicom.Dataset
) -> tuple[np.ndarray, float, float]:
    """Values and their range; padding (the frame outside the exposed field) becomes the lowest."""
    padding = found.get("PixelPaddingValue")
    inside = np.ones(stored.shape, bool) if padding is None else stored != int(padding)
    if not inside.any():
        inside[:] = True
    low, high = float(gray[inside].min()), float(gray[inside].max())
    dark = high if found.PhotometricInterpretation == "MONOCHROME1" else low
    return np.where(inside, gray, np.float32(dark)), low, high


def _first(value: Any) -> float:
    """A number that DICOM may give alone or as a list of alternatives."""
    return float(value[0] if isinstance(value, pydicom.multival.MultiValue) else value)


def _refuse_deflated(data: bytes, name: str) -> None:
    """Refuse deflated files: reading would inflate them to an unlimited size."""
    stream = io.BytesIO(data)
    stream.seek(132)
    meta = read_dataset(
        stream,
        is_implicit_VR=False,
        is_little_endian=True,
        stop_when=lambda tag, _vr, _length: tag.group != 2,
    )
    if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        raise ImageError(
            f"{name} is a deflated DICOM file, which is not read: its true size is unknown. "
            "Save it uncompressed, or with JPEG or JPEG 2000 pixels."
        )
