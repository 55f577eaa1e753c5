"""DICOM files: recognised by content, their size, and the values that they store.

Only pixels leave this module: no name, date or number of a patient is returned or put into a
message. What the standard requires and a file lacks is taken as what viewers take it for, and a
note says so; `display` makes gray levels of the stored values.
"""

import io
import re
import struct
from dataclasses import dataclass, field

import numpy as np
import pydicom
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset
from pydicom.pixels import pixel_array
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from cxrcore.errors import ImageError
from cxrcore.images import codestreams, elements
from cxrcore.images.raster import CHROMA_SIDE

# What pydicom raises on damaged files, besides built-in exceptions.
DAMAGE: tuple[type[BaseException], ...] = (BytesLengthException, InvalidDicomError)
GRAY = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_VIEWS = {"AP", "PA", "LL", "RL", "RLD", "LLD", "RLO", "LLO", "LATERAL"}


@dataclass(frozen=True)
class Parsed:
    """The elements of a file of one picture, those of its pixels in order."""

    found: pydicom.Dataset = field(repr=False)
    name: str  # for messages
    photometric: str
    high_bit: int
    notes: list[str]  # what was missing or odd, and what it was taken for


def parse(data: bytes, name: str) -> Parsed:
    """The elements of the file; pixel data is not decoded.

    Raises:
        ImageError: several frames, no pixels, an unsupported compression, or an element that is
            needed is missing or impossible; it is named.
        Exception: any of pydicom's many, if the file is damaged; the caller translates them.
    """
    if data[:4] == b"DICM":
        data = bytes(128) + data
    _refuse_deflated(data, name)
    found = pydicom.dcmread(io.BytesIO(data), force=True)
    if "PixelData" not in found:
        raise ImageError(
            f"{name} is a DICOM file without pixels: a report, a structure, only a header, or cut "
            "short. Choose the file that holds the picture, or copy it again."
        )
    frames = elements.whole(found, "NumberOfFrames", name, 1)
    if frames > 1:
        raise ImageError(
            f"{name} is a DICOM file of {frames} frames; one picture is wanted. "
            "Save the frame to look at as a file of its own."
        )
    notes: list[str] = []
    _complete_syntax(found, name, notes)
    high_bit = _complete_pixels(found, name, notes)
    return Parsed(found, name, _photometric(found, name, notes), high_bit, notes)


def size(parsed: Parsed) -> tuple[int, int]:
    """(width, height) in pixels, from the header."""
    return int(parsed.found.Columns), int(parsed.found.Rows)


def stored(parsed: Parsed) -> np.ndarray:
    """The values in the file, (H, W) or (H, W, 3), before any rescale or colour conversion.

    Raises:
        ImageError: fewer bytes than the header asks for, or a damaged stream.
    """
    found, name = parsed.found, parsed.name
    if found.file_meta.TransferSyntaxUID in codestreams.SYNTAXES:
        return codestreams.decode(found, name)
    count = int(found.Rows) * int(found.Columns) * int(found.SamplesPerPixel)
    allocated, used = int(found.BitsAllocated), int(found.BitsStored)
    halved = str(found.PhotometricInterpretation).endswith("_422")
    needed = count * allocated // (12 if halved else 8)
    if len(found.PixelData) < needed:
        raise elements.refused(
            name, "PixelData", f"has {len(found.PixelData):,} bytes where {needed:,} are needed"
        )
    found.PixelData = found.PixelData[: needed + needed % 2]  # some devices write more
    shift = parsed.high_bit + 1 - used
    if not shift:
        return pixel_array(found, raw=True)
    # pydicom takes the lowest bits for the value; here they are not.
    found.BitsStored, found.PixelRepresentation, signed = allocated, 0, found.PixelRepresentation
    values = pixel_array(found, raw=True) >> shift
    found.BitsStored, found.PixelRepresentation = used, signed
    return codestreams.signed(values, found, allocated)


def chroma(parsed: Parsed) -> np.ndarray | None:
    """(h, w) uint8 of a small copy: the largest channel minus the smallest; None without colours."""
    if parsed.photometric not in COLOUR:
        return None
    step = -(-max(size(parsed)) // CHROMA_SIDE)
    colours = stored(parsed)[::step, ::step].astype(np.float32)  # (h, w, 3)
    colours *= 255 / (2.0 ** int(parsed.found.BitsStored) - 1)
    if parsed.photometric.startswith("YBR_FULL"):
        luma, blue, red = np.moveaxis(colours - np.array([0, 128, 128], np.float32), 2, 0)
        green = luma - 0.344136 * blue - 0.714136 * red  # PS3.3 C.7.6.3.1.2
        colours = np.stack([luma + 1.402 * red, green, luma + 1.772 * blue], axis=2)
    return np.ptp(np.rint(colours.clip(0, 255)), axis=2).astype(np.uint8)


def view(parsed: Parsed) -> str | None:
    """The view position, if it is one of the standard's terms; None otherwise.

    Source:
        DICOM PS3.3 C.8.11.5, View Position (0018,5101).
    """
    told = "".join(elements.texts(parsed.found, "ViewPosition")).upper()
    return told if told in _VIEWS else None


def _complete_syntax(found: pydicom.Dataset, name: str, notes: list[str]) -> None:
    """Set the transfer syntax where it is missing, as the bytes look; refuse what is not read."""
    told = elements.texts(found.file_meta, "TransferSyntaxUID")
    syntax = UID(told[0] if told else "")
    if not syntax:
        if found["PixelData"].is_undefined_length:
            syntax = codestreams.syntax_of(found, name)
        else:
            implicit, little = found.original_encoding
            syntax = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
            syntax = ImplicitVRLittleEndian if implicit else syntax
        notes.append(f"{elements.label('TransferSyntaxUID')} is missing; read as {syntax.name}.")
    if not (syntax.is_transfer_syntax and not syntax.is_private):
        raise elements.refused(name, "TransferSyntaxUID", "is not one of the standard's")
    if syntax.is_compressed and syntax not in codestreams.SYNTAXES:
        raise ImageError(
            f"{name} is a DICOM file compressed as {syntax.name}, which is not read. "
            "Save it uncompressed, or with JPEG, JPEG-LS, JPEG 2000 or RLE pixels."
        )
    found.file_meta.TransferSyntaxUID = syntax


def _complete_pixels(found: pydicom.Dataset, name: str, notes: list[str]) -> int:
    """Make the elements that describe the pixels whole numbers; the high bit is returned.

    Source:
        DICOM PS3.3 C.7.6.3 (which are required), PS3.5 8.1.1 (bits stored, high bit).
    """
    needed = ("Rows", "Columns", "BitsAllocated")
    described = {keyword: elements.whole(found, keyword, name) for keyword in needed}
    allocated = described["BitsAllocated"]
    if allocated not in (1, 8, 16, 32, 64):
        raise elements.refused(name, "BitsAllocated", "is none of 1, 8, 16 and 32")
    usual = {"SamplesPerPixel": 1, "PixelRepresentation": 0, "BitsStored": allocated}
    for keyword, value in usual.items():
        described[keyword] = elements.whole(found, keyword, name, value)
        if not elements.texts(found, keyword):
            notes.append(f"{elements.label(keyword)} is missing; taken as {value}.")
    for keyword, value in described.items():
        setattr(found, keyword, value)
    used = described["BitsStored"]
    if not 1 <= used <= allocated:
        raise elements.refused(name, "BitsStored", "does not fit the bits allocated")
    high = elements.whole(found, "HighBit", name, used - 1)
    if used - 1 <= high < allocated:
        return high
    notes.append(f"{elements.label('HighBit')} is impossible; taken as {used - 1}.")
    return used - 1


def _photometric(found: pydicom.Dataset, name: str, notes: list[str]) -> str:
    """What the values mean; where nothing says so, gray or RGB by the samples of a pixel."""
    told = "".join(elements.texts(found, "PhotometricInterpretation")).upper()
    if not told:
        told = "MONOCHROME2" if found.SamplesPerPixel == 1 else "RGB"
        notes.append(f"{elements.label('PhotometricInterpretation')} is missing; read as {told}.")
    if told not in GRAY + COLOUR:
        kind = told if re.fullmatch(r"[A-Z_ 0-9]{1,16}", told) else "unknown"
        raise ImageError(
            f"{name} is a DICOM file with {kind!r} pixels; gray and RGB are read. "
            "Export the picture as PNG instead."
        )
    if (told in GRAY) != (found.SamplesPerPixel == 1):
        raise elements.refused(
            name, "SamplesPerPixel", f"is {found.SamplesPerPixel}, which {told} does not allow"
        )
    found.PhotometricInterpretation = told
    return told


def _refuse_deflated(data: bytes, name: str) -> None:
    """Refuse deflated files: reading would inflate them to an unlimited size."""
    stream = io.BytesIO(data)
    stream.seek(132 if data[128:132] == b"DICM" else 0)
    if stream.read(2) != struct.pack("<H", 2):
        return  # no file meta information
    stream.seek(-2, io.SEEK_CUR)
    meta = read_dataset(
        stream,
        is_implicit_VR=False,
        is_little_endian=True,
        stop_when=lambda tag, _vr, _length: tag.group != 2,
    )
    if "".join(elements.texts(meta, "TransferSyntaxUID")) == DeflatedExplicitVRLittleEndian:
        raise ImageError(
            f"{name} is a deflated DICOM file, which is not read: its true size is unknown. "
            "Save it uncompressed, or with JPEG or JPEG 2000 pixels."
        )
