"""Stored values of a DICOM file to gray levels as the file wants them displayed, see docs/decisions/0053.

Source:
    DICOM PS3.3 C.11.1 (modality), C.11.2 (window and VOI table), C.11.6 (presentation LUT shape),
    C.7.5.1.1.2 (padding), C.7.6.3.1.2 (photometric interpretation).
"""

import numpy as np
import pydicom

from cxrcore.images import dicom, elements
from cxrcore.images.elements import label

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow's "L"
_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
_SHOWS = 0.05  # of the film must lie within a window that had to be guessed


def values(parsed: dicom.Parsed) -> tuple[np.ndarray, float, float]:
    """Gray values (H, W) float32 and the values (low, high) shown as black and white.

    Stored values go through the rescale (or modality table), then through the first VOI table or
    the first possible window; without either, the range is that of the image without its padding.
    Where high values are dark (MONOCHROME1, or the presentation LUT shape INVERSE, which decides
    where both are there) they are inverted, so that bone is always bright. Padding is black.
    What was passed over is added to the notes.

    Raises:
        ImageError: damaged pixels, or an element that is needed is impossible; it is named.
    """
    stored = dicom.stored(parsed)
    if parsed.photometric in dicom.COLOUR:
        return _luma(stored, parsed), 0.0, 2.0 ** int(parsed.found.BitsStored) - 1
    found = parsed.found
    inside = _inside(stored, parsed)
    gray = _rescaled(stored, parsed)
    if found.get("VOILUTSequence"):
        gray, high = _looked_up(gray, parsed, "VOILUTSequence")
        low = 0.0
    elif window := _window(gray, parsed):
        gray, low, high = _windowed(gray, *window), 0.0, 1.0
    else:
        shown = True if inside is None else inside
        low = float(gray.min(where=shown, initial=np.inf))
        high = float(gray.max(where=shown, initial=-np.inf))
    if _dark_is_high(parsed):
        gray = low + high - gray
    return gray if inside is None else np.where(inside, gray, np.float32(low)), low, high


def _luma(stored: np.ndarray, parsed: dicom.Parsed) -> np.ndarray:
    """(H, W) float32 brightness of a colour image; for YBR_FULL simply the Y."""
    colours = stored.astype(np.float32)
    if colours.ndim != 3 or colours.shape[-1] != 3:
        raise elements.refused(parsed.name, "SamplesPerPixel", "is not 3, as colours need")
    return colours[..., 0] if parsed.photometric.startswith("YBR_FULL") else colours @ _LUMA


def _inside(stored: np.ndarray, parsed: dicom.Parsed) -> np.ndarray | None:
    """(H, W) bool, False for padding (the frame outside the exposed field); None without any.

    The value is compared in the bits that are stored: some devices write -2000 as 63,536.
    """
    found = parsed.found
    try:
        ends = elements.numbers(found, "PixelPaddingValue")[:1]
        ends += elements.numbers(found, "PixelPaddingRangeLimit")[:1] if ends else []
    except ValueError:
        parsed.notes.append(f"{label('PixelPaddingValue')} is no number and was passed over.")
        return None
    if not ends or not all(np.isfinite(ends)):
        return None
    bits = int(found.BitsStored)
    wrapped = [int(end) % (1 << bits) for end in ends]
    if found.PixelRepresentation == 1:
        wrapped = [end - (1 << bits) if end >> (bits - 1) else end for end in wrapped]
    inside = (stored < min(wrapped)) | (stored > max(wrapped))
    return inside if inside.any() and not inside.all() else None


def _rescaled(stored: np.ndarray, parsed: dicom.Parsed) -> np.ndarray:
    """Stored values in the units of the device, float32: by table, or slope and intercept."""
    found = parsed.found
    if found.get("ModalityLUTSequence"):
        return _looked_up(stored, parsed, "ModalityLUTSequence")[0]
    line = []
    for keyword in ("RescaleSlope", "RescaleIntercept"):
        try:
            line += elements.numbers(found, keyword)[:1]
        except ValueError:
            raise elements.refused(parsed.name, keyword, "is no number") from None
    gray = stored.astype(np.float32)
    if len(line) < 2:
        return gray
    if not (np.isfinite(line).all() and line[0]):
        parsed.notes.append(f"{label('RescaleSlope')} is impossible and was passed over.")
        return gray
    return gray * np.float32(line[0]) + np.float32(line[1])


def _looked_up(gray: np.ndarray, parsed: dicom.Parsed, keyword: str) -> tuple[np.ndarray, float]:
    """Values (float32) through the first lookup table, and the table's highest entry.

    pydicom 3.0.2 is not used, since it keeps the indexes of tables with 8-bit entries in 8 bits:
    beyond the 256th entry it returns a wrong gray. White is the highest entry and not the declared
    depth, which some devices (Agfa CR) do not reach; viewers do the same.

    Source:
        DICOM PS3.3 C.11.1.1.1 and C.11.2.1.1.
    """
    item: pydicom.Dataset = parsed.found[keyword][0]
    try:
        length, first, _ = (int(number) for number in elements.numbers(item, "LUTDescriptor"))
    except ValueError:
        raise elements.refused(parsed.name, "LUTDescriptor", "is not three numbers") from None
    length = length % 65536 or 65536  # 2 ** 16 does not fit into 16 bits
    if gray.min() < 0 and first > 32767:
        first -= 65536  # written as US where SS was meant
    entries = item.get("LUTData")
    if isinstance(entries, bytes):
        order = "<" if parsed.found.original_encoding[1] is not False else ">"
        entries = np.frombuffer(entries, np.uint8 if len(entries) < 2 * length else f"{order}u2")
    if entries is None or np.size(entries) < length:
        raise elements.refused(parsed.name, "LUTData", "is damaged: shorter than it says")
    table = np.asarray(entries).astype(np.int64) & 0xFFFF  # always unsigned, whatever the VR
    places = np.clip(gray - np.float32(first), 0, length - 1).astype(np.int32)
    return table[:length].astype(np.float32)[places], float(table[:length].max())


def _window(gray: np.ndarray, parsed: dicom.Parsed) -> tuple[float, float, str] | None:
    """Center, width and function of the first possible window; None if there is none."""
    found, notes = parsed.found, parsed.notes
    written = [elements.texts(found, keyword) for keyword in ("WindowCenter", "WindowWidth")]
    if not any(written):
        return None
    function = "".join(elements.texts(found, "VOILUTFunction")).upper() or "LINEAR"
    if function not in _FUNCTIONS:
        notes.append(f"{label('VOILUTFunction')} is unknown; LINEAR is used.")
        function = "LINEAR"
    smallest = 1.0 if function == "LINEAR" else np.nextafter(0.0, 1.0)
    try:
        centers, widths = (elements.numbers(found, k) for k in ("WindowCenter", "WindowWidth"))
    except ValueError:
        centers = widths = []
    possible = (
        (center, width)
        for center, width in zip(centers, widths, strict=False)
        if np.isfinite(center) and np.isfinite(width) and width >= smallest
    )
    chosen = next(possible, None)
    if chosen is None or (
        any("," in text for texts in written for text in texts)
        and np.mean(np.abs(gray - chosen[0]) <= chosen[1] / 2) < _SHOWS
    ):
        notes.append(
            f"{label('WindowCenter')} and {label('WindowWidth')} make no possible window; "
            "the film is shown by its own range."
        )
        return None
    return *chosen, function


def _windowed(gray: np.ndarray, center: float, width: float, function: str) -> np.ndarray:
    """Values as shares of a window, 0..1."""
    shares = gray.copy()  # changed in place: a large film has no room for intermediate arrays
    if function == "SIGMOID":
        shares -= center
        shares *= -4 / width
        np.exp(np.clip(shares, -80, 80, out=shares), out=shares)
        shares += 1
        return np.reciprocal(shares, out=shares)
    # C.11.2.1.2.1: the width counts both ends, and a width of 1 is a threshold.
    exact = function == "LINEAR_EXACT"
    shares -= center if exact else center - 0.5
    shares /= width if exact else max(width - 1, 1e-6)
    shares += 0.5
    return np.clip(shares, 0, 1, out=shares)


def _dark_is_high(parsed: dicom.Parsed) -> bool:
    """Whether high values are to be shown dark; the presentation LUT shape decides if it is there."""
    shape = "".join(elements.texts(parsed.found, "PresentationLUTShape")).upper()
    if shape in ("IDENTITY", "INVERSE"):
        return shape == "INVERSE"
    return parsed.photometric == "MONOCHROME1"
