"""What a picture may claim before it is decoded, beyond its size in pixels.

A file of a megabyte can keep a decoder busy for minutes: a JPEG that repeats a scan, a PNG of a
million chunks, a TIFF of a million tiles. The counts are read here from the bytes, before any
decoder sees them, and compared with what encoders write (docs/decisions/0048).
"""

import contextlib
import re
import struct
from collections.abc import Callable
from typing import NamedTuple

from cxrcore import settings
from cxrcore.errors import ImageError

MIN_SIDE = 16  # pixels; smaller images show no finding and suit no network
# libjpeg's own progressive script has 6 scans for gray, 10 for colours, 18 for CMYK.
MOST_SCANS = 32
MOST_SEGMENTS = 1000  # of a JPEG: tables, notes; the longest colour profile takes 255
# libpng cuts pixels into chunks of 8 kB: 31,250 for 256 MB that do not compress.
MOST_CHUNKS = 50_000
MOST_NOTES = 1000  # chunks of a PNG that hold no pixels
# TIFF 6.0 advises strips of 8 kB: 16,000 for 64 megapixels of 16 bits.
MOST_PARTS = 20_000
MOST_TILES = 1024  # of JPEG 2000; a radiograph has one, slides have tiles of 256 pixels or more
MOST_PAGES = 100  # of a TIFF that are counted
_MOST_TAGS = 1000  # of a page of a TIFF
PIXEL_BYTES = 4  # that a pixel may take on average, once the file is unpacked

# Within compressed JPEG data, FF is followed by 00, by a restart or, in JPEG-LS, by less than 80.
_MARKER = re.compile(rb"\xff([\xc0-\xcf\xd8-\xfe])")
_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_PNG_BANDS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
# Tags of a TIFF.
_SUBFILE, _SIZES, _BITS, _BANDS, _PARTS = 254, (256, 257), 258, 277, (273, 324)
_TIFF_TYPES = {3: "H", 4: "I"}


def check(data: bytes, name: str) -> None:
    """Raise ImageError if a PNG, JPEG, TIFF, WebP or GIF claims more than a picture of its kind needs.

    Damage is not looked for: what is cut short or out of order is left to the decoder.
    """
    for magic, function in _CHECKS.items():
        if data.startswith(magic):
            function(data, name)


def check_size(size: tuple[int, int], name: str) -> None:
    """Raise ImageError if (width, height) is too small to show anything, or too large."""
    width, height = size
    if width < MIN_SIDE or height < MIN_SIDE:
        raise ImageError(
            f"{name} is too small: {width} x {height} pixels, at least {MIN_SIDE} x {MIN_SIDE} "
            "are needed. Use the original picture."
        )
    if width * height > settings.max_pixels():
        raise ImageError(
            f"{name} is too large: {width} x {height} pixels, up to {settings.max_pixels():,} "
            "are decoded. Make it smaller, or raise CXR_MAX_PIXELS."
        )


def check_scans(stream: bytes, name: str) -> None:
    """Raise ImageError if a JPEG or JPEG-LS stream has more scans or segments than encoders write.

    Source:
        ITU-T T.81, B.1.1 (markers) and T.87, C.1 (bit stuffing of JPEG-LS).
    """
    at, scans, segments = 2, 0, 0
    while found := _MARKER.search(stream, at):
        marker, at = found[1][0], found.end()
        if marker == _END_OF_IMAGE:
            return
        segments += 1
        scans += marker == _SCAN
        _require(scans, MOST_SCANS, "scans", name)
        _require(segments, MOST_SEGMENTS, "segments", name)
        if at + 2 <= len(stream):
            at += max(2, struct.unpack_from(">H", stream, at)[0])


def check_tiles(count: int, name: str) -> None:
    """Raise ImageError if a JPEG 2000 stream has more tiles than encoders write."""
    _require(count, MOST_TILES, "tiles", name)


def check_bytes(pixels: int, bytes_each: float, name: str) -> None:
    """Raise ImageError if pixels, not too many, take too many bytes each."""
    allowed = PIXEL_BYTES * settings.max_pixels()
    if pixels <= settings.max_pixels() and pixels * bytes_each > allowed:
        raise ImageError(
            f"{name} is too large: {pixels:,} pixels of {bytes_each:g} bytes, up to "
            f"{allowed / 1e6:,.0f} MB are unpacked. Save it as gray of 8 or 16 bits, or raise "
            "CXR_MAX_PIXELS."
        )


def _check_png(data: bytes, name: str) -> None:
    at, chunks, notes = 8, 0, 0
    if len(data) >= 26:
        width, height, depth, kind = struct.unpack_from(">IIBB", data, 16)
        check_bytes(width * height, _PNG_BANDS.get(kind, 4) * depth / 8, name)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IEND":
            return
        chunks += 1
        notes += kind != b"IDAT"
        _require(chunks, MOST_CHUNKS, "chunks", name)
        _require(notes, MOST_NOTES, "chunks of text and notes", name)
        at += 12 + length


class Directory(NamedTuple):
    """A directory of a TIFF: one page."""

    first: dict[int, int]  # tag -> its first value, of those that are whole numbers
    counts: dict[int, int]  # tag -> how many values
    following: int  # where the next one is; 0 for none


def directory(data: bytes, at: int | None = None) -> Directory:
    """The directory at a place of a TIFF, by default the first; what is cut short is left out.

    Raises:
        ValueError: more tags than any picture has.

    Source:
        TIFF 6.0, section 2.
    """
    order = "<" if data[:2] == b"II" else ">"
    first, counts, following = {}, {}, 0
    with contextlib.suppress(struct.error):
        at = struct.unpack_from(order + "I", data, 4)[0] if at is None else at
        (entries,) = struct.unpack_from(order + "H", data, at)
        if entries > _MOST_TAGS:
            raise ValueError("a page with more than a thousand tags")
        end = at + 2 + 12 * entries
        for entry in range(at + 2, end, 12):
            tag, kind, count = struct.unpack_from(order + "HHI", data, entry)
            letter = _TIFF_TYPES.get(kind, "B")
            place = entry + 8
            if count * struct.calcsize(letter) > 4:
                (place,) = struct.unpack_from(order + "I", data, place)
            counts[tag] = count
            if count:
                with contextlib.suppress(struct.error):
                    first[tag] = struct.unpack_from(order + letter, data, place)[0]
        (following,) = struct.unpack_from(order + "I", data, end)
    return Directory(first, counts, following)


def pages(data: bytes) -> tuple[int, ...]:
    """Where the pages of a TIFF begin, without previews and masks; MOST_PAGES are looked at.

    Source:
        TIFF 6.0, section 8 (NewSubfileType: bit 0 a reduced copy, bit 2 a mask).
    """
    at = int.from_bytes(data[4:8], "little" if data[:2] == b"II" else "big")
    found, seen = [], set[int]()
    while at and at not in seen and len(seen) < MOST_PAGES:
        page = directory(data, at)
        if not (seen and page.first.get(_SUBFILE, 0) & 0b101):
            found.append(at)
        seen.add(at)
        at = page.following
    return tuple(found)


def one_page(data: bytes, name: str, page: int) -> tuple[bytes, int]:
    """A picture with this page alone, from 1, and how many it has; only a TIFF has several.

    Pixels stay where they are in the file.

    Raises:
        ImageError: there is no such page.

    Source:
        TIFF 6.0, section 2 (the header tells where the first page begins, a page where the next).
    """
    places = pages(data) if data[:4] in (b"II*\0", b"MM\0*") else ()
    count = max(1, len(places))
    if not 1 <= page <= count:
        raise ImageError(
            f"{name} has {count} page{'s' * (count > 1)}; there is no page {page}. Choose one of 1 to "
            f"{count}."
        )
    if count == 1:
        return data, 1
    at, order = places[page - 1], "<" if data[:2] == b"II" else ">"
    (entries,) = struct.unpack_from(order + "H", data, at)
    alone = bytearray(data)
    struct.pack_into(order + "I", alone, 4, at)
    struct.pack_into(order + "I", alone, at + 2 + 12 * entries, 0)
    return bytes(alone), count


def _check_tiff(data: bytes, name: str) -> None:
    """Of the first page: strips or tiles, and bytes of a pixel.

    Source:
        TIFF 6.0, sections 3 and 15 (strips and tiles).
    """
    first, counts, _ = directory(data)
    for tag in _PARTS:
        _require(counts.get(tag, 0), MOST_PARTS, "strips or tiles", name)
    width, height = (first.get(tag, 0) for tag in _SIZES)
    check_bytes(width * height, first.get(_BITS, 1) * first.get(_BANDS, 1) / 8, name)


def _check_webp(data: bytes, name: str) -> None:
    """The size: the decoder makes room for the picture as it opens the file.

    Source:
        RFC 9649, 2.5 to 2.7 (simple and extended file format).
    """
    kind, at = data[12:16], 20
    if len(data) < 30:
        return
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[s : s + 3], "little") + 1 for s in (at + 4, at + 7))
    elif kind == b"VP8L":
        bits = int.from_bytes(data[at + 1 : at + 5], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, at + 6))
    check_size((width, height), name)
    check_bytes(width * height, 8, name)  # two copies of RGBA


def _check_gif(data: bytes, name: str) -> None:
    """Blocks of text and notes, which decoders join one by one.

    Source:
        GIF89a, 15 and appendix A (blocks).
    """
    if len(data) < 13:
        return
    at, notes = 13 + _colours(data[10]), 0
    while at + 10 < len(data) and data[at] in (0x21, 0x2C):
        note = data[at] == 0x21
        at += 2 if note else 11 + _colours(data[at + 9])
        while at < len(data) and data[at]:
            at += 1 + data[at]
            notes += note
            _require(notes, MOST_NOTES, "blocks of text and notes", name)
        at += 1


def _colours(packed: int) -> int:
    """Bytes of a table of colours."""
    return 3 << (packed & 7) + 1 if packed & 0x80 else 0


def _require(count: int, most: int, what: str, name: str) -> None:
    if count > most:
        raise ImageError(
            f"{name} has more than {most:,} {what}, far more than such a picture needs. "
            "Open it in a picture program and save it again."
        )


_CHECKS: dict[bytes, Callable[[bytes, str], None]] = {
    b"\x89PNG\r\n\x1a\n": _check_png,
    b"\xff\xd8\xff": check_scans,
    b"II*\0": _check_tiff,
    b"MM\0*": _check_tiff,
    b"RIFF": _check_webp,
    b"GIF8": _check_gif,
}
