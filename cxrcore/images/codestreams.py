"""Compressed pixels of a DICOM file: JPEG, JPEG-LS, JPEG 2000 and run lengths to stored values.

Uploads are untrusted and the decoders are written in C. The stream's own header is therefore
read here first. It must match the DICOM header, whose size was already checked, and each decoder
writes into an array of that size, which it checks again. The decoders are those of imagecodecs
(docs/decisions/0012).
"""

import struct
from typing import Any, NamedTuple

import numpy as np
import pydicom
from pydicom import uid
from pydicom.encaps import get_frame

from cxrcore.errors import ImageError
from cxrcore.images import limits

_JPEG = {uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1}
_JPEG_LS = {uid.JPEGLSLossless, uid.JPEGLSNearLossless}
_JPEG_2000 = {uid.JPEG2000Lossless, uid.JPEG2000}
_JPEG_2000 |= {uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K}
SYNTAXES = frozenset(_JPEG | _JPEG_LS | _JPEG_2000 | {uid.RLELossless})

# JPEG markers that open a frame: SOF0-15 without the tables DHT, JPG, DAC; and JPEG-LS's SOF55.
_FRAMES = {0xF7, *range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_END = b"\xff\xd9"  # end of image in all JPEG families; cannot occur within compressed data
_RLE_HEADER = 64  # bytes
_RLE_SLACK = 256  # bytes that the padding of a run-length segment may decode to


class Frame(NamedTuple):
    """The header of a codestream."""

    rows: int
    columns: int
    bands: int
    precision: int  # bits per sample
    signed: bool = False


def decode(found: pydicom.Dataset, name: str) -> np.ndarray:
    """The stored values of a compressed file, before any rescale.

    Args:
        found: a DICOM dataset of one frame, its image description complete (`dicom.parse`),
            with its transfer syntax in SYNTAXES and its size within the limits.
        name: of the file, for messages.

    Returns:
        (H, W) or, with colours, (H, W, 3) of integers. Colours stay as the file names them, such
        as YBR_FULL; only JPEG 2000 undoes its own YBR_ICT and YBR_RCT.

    Raises:
        ImageError: the stream is damaged, cut short, or does not match the header.

    Source:
        DICOM PS3.5 A.4 and annex G; ITU-T T.81 annex B, T.87 annex C, T.800 annex A.
    """
    syntax = found.file_meta.TransferSyntaxUID
    kind = "run-length" if syntax == uid.RLELossless else "JPEG"
    bands = int(found.SamplesPerPixel)
    expected = (int(found.Rows), int(found.Columns), bands)
    try:
        stream = get_frame(found.PixelData, 0, number_of_frames=1)
        if syntax == uid.RLELossless:
            stored = _run_lengths(stream, expected, int(found.BitsAllocated) // 8)
            return signed(stored, found, 8 * stored.dtype.itemsize)
        stream, frame = _parsed(stream, syntax, name)
    except (ValueError, LookupError, struct.error, RuntimeError) as error:
        raise _damaged(name, kind) from error
    if frame[:3] != expected:
        raise ImageError(
            f"{name} is a DICOM file whose header says {_size(expected)} and whose compressed "
            f"picture says {_size(frame[:3])}. Export the picture again."
        )
    try:
        stored = _decoded(stream, syntax, frame, str(found.PhotometricInterpretation))
    except (ValueError, RuntimeError, MemoryError) as error:
        raise _damaged(name, kind) from error
    return stored if frame.signed else signed(stored, found, frame.precision)


def syntax_of(found: pydicom.Dataset, name: str) -> uid.UID:
    """The transfer syntax that compressed pixels look like, for a file that does not say it.

    Raises:
        ImageError: they look like none that is read.
    """
    try:
        stream = get_frame(found.PixelData, 0, number_of_frames=1)
        if _without_boxes(stream)[:4] == b"\xff\x4f\xff\x51":
            return uid.JPEG2000
        if stream[:3] == b"\xff\xd8\xff":
            return uid.JPEGLSLossless if b"\xff\xf7" in stream[:4096] else uid.JPEGBaseline8Bit
        if 1 <= struct.unpack_from("<I", stream)[0] <= 15:
            return uid.RLELossless
    except (ValueError, LookupError, struct.error, RuntimeError) as error:
        raise _damaged(name, "compressed") from error
    raise _damaged(name, "compressed")


def _parsed(stream: bytes, syntax: str, name: str) -> tuple[bytes, Frame]:
    """The bare codestream, within the limits, and its header."""
    if syntax in _JPEG_2000:
        stream = _without_boxes(stream)
    end = stream.rfind(_END)
    if end < 0:
        raise ValueError("the end of the image is missing")
    stream = stream[: end + len(_END)]
    if syntax in _JPEG_2000:
        return stream, _jpeg_2000_frame(stream, name)
    limits.check_scans(stream, name)
    return stream, _jpeg_frame(stream)


def _jpeg_frame(stream: bytes) -> Frame:
    """The frame header of a JPEG or JPEG-LS stream; only complete segments may precede it."""
    if stream[:2] != b"\xff\xd8":
        raise ValueError("no start of image")
    at = 2
    while True:
        if stream[at] != 0xFF:
            raise ValueError("no marker where one should be")
        if stream[at + 1] == 0xFF:  # fill
            at += 1
            continue
        marker = stream[at + 1]
        (length,) = struct.unpack_from(">H", stream, at + 2)
        if marker in _FRAMES:
            precision, rows, columns, bands = struct.unpack_from(">BHHB", stream, at + 4)
            return Frame(rows, columns, bands, precision)
        if length < 2 or not 0xC4 <= marker <= 0xFE or marker == 0xDA:
            raise ValueError("no frame before the scan")
        at += 2 + length


def _jpeg_2000_frame(stream: bytes, name: str) -> Frame:
    """The image and tile sizes of a JPEG 2000 codestream (SIZ, always its first segment)."""
    if stream[:4] != b"\xff\x4f\xff\x51":
        raise ValueError("no start of codestream")
    x1, y1, x0, y0, wide, high, tile_x, tile_y, bands = struct.unpack_from(">8IH", stream, 8)
    parts = {struct.unpack_from(">BBB", stream, 42 + 3 * band) for band in range(min(bands, 4))}
    if len(parts) != 1:
        raise ValueError("colours of different kinds")
    depth, *steps = parts.pop()
    if steps != [1, 1] or not (wide and high and x1 > x0 and y1 > y0):
        raise ValueError("subsampled or without size")
    limits.check_tiles(-(-(x1 - tile_x) // wide) * -(-(y1 - tile_y) // high), name)
    return Frame(y1 - y0, x1 - x0, bands, (depth & 0x7F) + 1, bool(depth & 0x80))


def _without_boxes(stream: bytes) -> bytes:
    """The codestream of a JP2 file, which DICOM does not allow but some devices write."""
    if stream[4:8] != b"jP  ":
        return stream
    at = 0
    while True:
        length, box = struct.unpack_from(">I4s", stream, at)
        start = at + 8
        if length == 1:  # the real length follows, in 8 bytes
            (length,) = struct.unpack_from(">Q", stream, start)
            start += 8
        if box == b"jp2c":
            return stream[start : at + length] if length else stream[start:]
        if length < start - at:
            raise ValueError("a box that is shorter than its header")
        at += length


def _decoded(stream: bytes, syntax: str, frame: Frame, photometric: str) -> np.ndarray:
    """The decoded frame, written into an array that limits what the decoder may write."""
    import imagecodecs

    shape = (frame.rows, frame.columns) + ((frame.bands,) if frame.bands > 1 else ())
    size = 1 if frame.precision <= 8 else 2 if frame.precision <= 16 else 4
    out = np.empty(shape, f"{'i' if frame.signed else 'u'}{size}")
    if syntax in _JPEG_2000:
        imagecodecs.jpeg2k_decode(stream, out=out, numthreads=1)
    elif syntax in _JPEG_LS:
        imagecodecs.jpegls_decode(stream, out=out)
    else:
        imagecodecs.jpeg_decode(stream, out=out, **_colours(stream, photometric))
    return out


def _colours(stream: bytes, photometric: str) -> dict[str, Any]:
    """The colour space for libjpeg: that of the DICOM header, unless the stream has its own.

    Without a JFIF or Adobe segment libjpeg would guess, and take RGB for YCbCr.
    """
    if photometric.startswith("YBR"):
        return {"colorspace": "YCBCR", "outcolorspace": "YCBCR"}
    head = stream[:4096]
    if photometric == "RGB" and b"JFIF\0" not in head and b"Adobe" not in head:
        return {"colorspace": "RGB", "outcolorspace": "RGB"}
    return {}


def _run_lengths(stream: bytes, expected: tuple[int, int, int], size: int) -> np.ndarray:
    """DICOM's run-length segments, one per byte of each band, high bytes first."""
    import imagecodecs

    rows, columns, bands = expected
    segments, *starts = struct.unpack_from("<16I", stream)
    if segments != bands * size or size not in (1, 2, 4):
        raise ValueError("another number of segments than the header asks for")
    planes = np.empty((segments, rows * columns), np.uint8)
    room = bytearray(rows * columns + _RLE_SLACK)
    ends = [*starts[1:segments], len(stream)]
    for plane, start, end in zip(planes, starts, ends, strict=False):
        if not _RLE_HEADER <= start < end <= len(stream):
            raise ValueError("segments out of order")
        filled = imagecodecs.packbits_decode(stream[start:end], out=room)
        if len(filled) < rows * columns:
            raise ValueError("a segment that is too short")
        plane[:] = np.frombuffer(filled, np.uint8, rows * columns)
    values = planes.reshape(bands, size, rows, columns).transpose(2, 3, 0, 1)  # H, W, band, byte
    values = np.ascontiguousarray(values).view(f">u{size}").astype(f"u{size}")[..., 0]
    return values[..., 0] if bands == 1 else values


def signed(stored: np.ndarray, found: pydicom.Dataset, precision: int) -> np.ndarray:
    """Values without unused high bits, and with their sign if the file says they are signed."""
    used = int(found.BitsStored)
    if not 1 <= used <= precision:
        used = precision
    values = stored.astype(np.int64) & ((1 << used) - 1) if used < precision else stored
    if int(found.PixelRepresentation) == 1:
        values = values.astype(np.int64)
        values = np.where(values >> (used - 1), values - (1 << used), values)
    return values.astype(np.int32) if values.dtype == np.int64 else values


def _size(frame: tuple[int, int, int]) -> str:
    rows, columns, bands = frame
    return f"{columns} x {rows} pixels" + ("" if bands == 1 else f" of {bands} bands")


def _damaged(name: str, kind: str) -> ImageError:
    return ImageError(
        f"{name} is damaged or cut short: its {kind} pixels cannot be decoded. "
        "Copy or export the picture again."
    )
