"""Small files that claim much: what a visitor could upload to keep a decoder busy."""

import io
import struct
import zlib

import imagecodecs
import numpy as np
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000


def repeated_scan(side: int = 512, times: int = 3000) -> bytes:
    """A progressive JPEG of gray noise whose last scan is repeated."""
    noise = np.random.default_rng(0).integers(0, 256, (side, side), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG", progressive=True, quality=1)
    data = buffer.getvalue()
    return data[:-2] + data[data.rfind(b"\xff\xda") : -2] * times + b"\xff\xd9"


def noted_jpeg(count: int) -> bytes:
    """A JPEG with so many empty comments."""
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(buffer, "JPEG")
    data = buffer.getvalue()
    return data[:2] + b"\xff\xfe\0\x02" * count + data[2:]


def noted_png(count: int, behind: bool = False) -> bytes:
    """A PNG of 64 x 64 pixels with so many chunks of text, before or behind the pixels."""
    text = _chunk(b"tEXt", b"a\0b") * count
    pixels = _chunk(b"IDAT", zlib.compress(bytes(65 * 64)))
    return _png(64, 8, 0, pixels + text if behind else text + pixels)


def crumbled_png(count: int) -> bytes:
    """A PNG whose pixels come in so many chunks, most of them empty."""
    pixels = _chunk(b"IDAT", zlib.compress(bytes(65 * 64)))
    return _png(64, 8, 0, pixels + _chunk(b"IDAT", b"") * count)


def wide_png(side: int, depth: int = 16) -> bytes:
    """A black PNG of four channels of so many bits, packed to 0.5 %."""
    packer = zlib.compressobj(1)
    rows = b"".join(packer.compress(bytes(1 + side * depth // 2)) for _ in range(side))
    return _png(side, depth, 6, _chunk(b"IDAT", rows + packer.flush()))


def tiled_tiff(side: int, tile: int, bits: int = 8) -> bytes:
    """A gray TIFF whose tiles, each of `tile` pixels a side, are all the same bytes."""
    count = (side // tile) ** 2
    tags = [
        (256, side),
        (257, side),
        (258, bits),
        (259, 1),
        (262, 1),
        (277, 1),
        (322, tile),
        (323, tile),
    ]
    start = 8 + 2 + 12 * (len(tags) + 2) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    entries += struct.pack("<HHII", 324, 4, count, start)
    entries += struct.pack("<HHII", 325, 4, count, start + 4 * count)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags) + 2) + entries + bytes(4)
    size = tile * tile * bits // 8
    places = struct.pack("<I", start + 8 * count) * count + struct.pack("<I", size) * count
    return head + places + bytes(min(size, 1000))


def noted_gif(count: int) -> bytes:
    """A GIF of 64 x 64 pixels with a comment of so many blocks."""
    head = b"GIF89a" + struct.pack("<HHBBB", 64, 64, 0, 0, 0)
    return head + b"!\xfe" + (b"\xff" + b"a" * 255) * count + b"\0;"


def claimed_webp(side: int) -> bytes:
    """The header of a WebP of so many pixels a side, and nothing behind it."""
    sides = (side - 1).to_bytes(3, "little") * 2
    return b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + sides + bytes(8)


def tiled_jpeg_2000(side: int, tiles: int) -> bytes:
    """A DICOM file of a black square whose JPEG 2000 header claims so many tiles."""
    from tests.helpers.dicom_files import dicom  # benchmarks use the rest without it

    stream = bytearray(
        imagecodecs.jpeg2k_encode(np.zeros((side, side), np.uint16), codecformat="j2k")
    )
    tile = side // int(tiles**0.5)
    struct.pack_into(">II", stream, 24, tile, tile)
    pixels = encapsulate([bytes(stream)])
    return dicom(np.zeros((side, side), np.uint16), JPEG2000, PixelData=pixels)


def _png(side: int, depth: int, kind: int, chunks: bytes) -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunks + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)
