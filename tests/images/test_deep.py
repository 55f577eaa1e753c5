"""Pictures of 16 bits a channel, and pages of a TIFF, against the arrays that they were made of."""

import io
import struct

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from cxrcore import images
from cxrcore.errors import ImageError

RNG = np.random.default_rng(3)
TWELVE = RNG.integers(0, 4096, (24, 32, 3)).astype(np.uint16)  # 12 bits in 16
GRAY = TWELVE[..., 0]
ALPHA = np.linspace(0, 65535, 24 * 32).reshape(24, 32).astype(np.uint16)


def stretched(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) * (255 / np.ptp(values))


def tiff(array: np.ndarray, photometric: int, *, planes=False, order="<", **more: int) -> bytes:
    """A plain TIFF of 16 bits, written by hand: one strip, or one a band."""
    height, width, bands = array.shape if array.ndim == 3 else (*array.shape, 1)
    pixels = (np.moveaxis(array, 2, 0) if planes else array).astype(f"{order}u2").tobytes()
    strips = bands if planes else 1
    tags = {256: [width], 257: [height], 258: [16] * bands, 259: [1], 262: [photometric]}
    tags |= {273: [0] * strips, 277: [bands], 278: [height], 279: [len(pixels) // strips] * strips}
    tags |= {274: [more.get("orientation", 1)], 284: [2 if planes else 1]}
    if "extra" in more:
        tags[338] = [more["extra"]]
    behind = 8 + 2 + 12 * len(tags) + 4
    longer = sum(4 * len(values) for values in tags.values() if len(values) > 1)
    tags[273] = [behind + longer + at * (len(pixels) // strips) for at in range(strips)]
    entries, values_behind = b"", b""
    for tag, values in sorted(tags.items()):
        place = values[0] if len(values) == 1 else behind + len(values_behind)
        values_behind += struct.pack(f"{order}{len(values)}I", *values) if len(values) > 1 else b""
        entries += struct.pack(f"{order}HHII", tag, 4, len(values), place)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    return head + entries + bytes(4) + values_behind + pixels


@pytest.mark.parametrize(
    "data",
    [imagecodecs.png_encode(TWELVE), tiff(TWELVE, 2), tiff(TWELVE, 2, order=">"),
     tiff(TWELVE, 2, planes=True), imagecodecs.png_encode(np.dstack([TWELVE, ALPHA | 65535])),
     tiff(np.dstack([TWELVE, ALPHA]), 2, extra=0)],
    ids="PNG TIFF big-endian planes opaque unnamed-band".split(),
)  # fmt: skip
def test_colours_of_twelve_bits_use_their_own_range(data):
    luma = TWELVE @ np.array([0.299, 0.587, 0.114])
    found = images.look(data)
    assert np.abs(found.gray - stretched(luma)).max() <= 0.6
    span = np.ptp(TWELVE.astype(int), axis=2) * (255 / TWELVE.max())
    assert np.abs(found.chroma - span).max() <= 1
    assert images.header(data) == (32, 24)


@pytest.mark.parametrize(
    "data",
    [imagecodecs.png_encode(np.dstack([GRAY, ALPHA])), tiff(np.dstack([GRAY, ALPHA]), 1, extra=2),
     tiff(np.dstack([np.rint(GRAY * (ALPHA / 65535)).astype(np.uint16), ALPHA]), 1, extra=1)],
    ids=["PNG", "TIFF", "multiplied"],
)  # fmt: skip
def test_gray_with_transparency_is_laid_on_black(data):
    assert np.abs(images.decode(data) - stretched(GRAY * (ALPHA / 65535))).max() <= 0.6
    assert images.look(data).chroma is None


@pytest.mark.parametrize("order", "<>")
def test_gray_whose_zero_is_white_is_inverted(order):
    gray = images.decode(tiff(GRAY, 0, order=order))
    assert np.abs(gray - (255 - stretched(GRAY))).max() <= 0.6


def test_a_tiff_of_sixteen_bits_is_turned_upright():
    luma = np.rot90(TWELVE @ np.array([0.299, 0.587, 0.114]), 3)
    data = tiff(TWELVE, 2, orientation=6)
    assert np.abs(images.decode(data) - stretched(luma)).max() <= 0.6
    assert images.header(data) == (24, 32)


def test_a_page_that_is_only_a_preview_does_not_count():
    film = Image.fromarray(RNG.integers(0, 256, (24, 32), np.uint8))
    preview = Image.new("L", (16, 16))
    for subfile, pages in ((1, 1), (0, 2)):
        preview.encoderinfo = {"tiffinfo": {254: subfile}}
        buffer = io.BytesIO()
        film.save(buffer, "TIFF", save_all=True, append_images=[preview])
        if pages == 1:
            assert np.array_equal(images.decode(buffer.getvalue()), np.asarray(film))
        else:
            with pytest.raises(ImageError, match="of 2 pages"):
                images.decode(buffer.getvalue())


def of_pages(films: list[np.ndarray]) -> bytes:
    first, *others = map(Image.fromarray, films)
    buffer = io.BytesIO()
    first.save(buffer, "TIFF", save_all=True, append_images=others)
    return buffer.getvalue()


def test_each_page_of_a_tiff_can_be_chosen():
    films = [RNG.integers(0, 256, (20 + page, 30 + page), np.uint8) for page in range(3)]
    data = of_pages(films)
    for page, film in enumerate(films, 1):
        found = images.look(data, page=page)
        assert np.array_equal(found.gray, film)
        assert (found.pages, found.digest) == (3, images.look(data).digest)
    for page in (0, 4):
        with pytest.raises(
            ImageError, match=f"has 3 pages; there is no page {page}. Choose one of"
        ):
            images.look(data, page=page)
    with pytest.raises(ImageError, match="has 1 page; there is no page 2"):
        images.look(imagecodecs.png_encode(films[0]), page=2)


def test_the_limits_hold_for_a_page_that_is_chosen(monkeypatch):
    small, large = np.zeros((24, 32), np.uint8), np.zeros((240, 320), np.uint8)
    data = of_pages([small, large])
    monkeypatch.setenv("CXR_MAX_PIXELS", "10000")
    assert images.look(data).gray.shape == (24, 32)
    with pytest.raises(ImageError, match="320 x 240 pixels, up to 10,000"):
        images.look(data, page=2)


def test_directories_in_a_circle_end():
    data = bytearray(tiff(GRAY, 1))
    (entries,) = struct.unpack_from("<H", data, 8)
    struct.pack_into("<I", data, 10 + 12 * entries, 8)  # the next page is the first
    assert images.decode(bytes(data)).shape == (24, 32)
