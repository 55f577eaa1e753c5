"""Small files that would keep a decoder busy: refused from their bytes, before any decoder."""

import io
import struct
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from cxrcore import images
from cxrcore.errors import ImageError
from cxrcore.images import limits
from tests.helpers import hostile
from tests.helpers.dicom_files import dicom

NOISE = np.random.default_rng(0).integers(0, 256, (64, 48, 3), np.uint8)


def saved(kind, mode="RGB", **options):
    buffer = io.BytesIO()
    Image.fromarray(NOISE).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def no_pillow(monkeypatch):
    """Fails when Pillow opens a file at all."""

    def reached(*_):
        raise AssertionError("a decoder was asked")

    monkeypatch.setattr(
        "cxrcore.images.raster._READERS",
        tuple((magic, reached) for magic, _ in images.raster._READERS),
    )


@pytest.mark.usefixtures("no_pillow")
@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: hostile.repeated_scan(times=3000), "more than 32 scans"),
        (lambda: hostile.noted_jpeg(2_000_000), "more than 1,000 segments"),
        (lambda: hostile.noted_png(2_000_000), "more than 1,000 chunks of text"),
        (lambda: hostile.noted_png(2_000_000, behind=True), "more than 1,000 chunks of text"),
        (lambda: hostile.crumbled_png(60_000), "more than 50,000 chunks"),
        (lambda: hostile.wide_png(8000), "64,000,000 pixels of 8 bytes"),
        (lambda: hostile.tiled_tiff(8000, 16), "more than 20,000 strips or tiles"),
        (lambda: hostile.tiled_tiff(8000, 4000, bits=64), "64,000,000 pixels of 8 bytes"),
        (lambda: hostile.noted_gif(200_000), "more than 1,000 blocks of text"),
        (lambda: hostile.claimed_webp(16_384), "too large: 16384 x 16384"),
    ],
    ids="scans segments notes behind crumbs RGBA16 tiles 64-bits GIF WebP".split(),
)
def test_what_claims_too_much_is_refused_unopened(make, what):
    data = make()
    for read in (images.decode, images.header):
        tracemalloc.start()
        with pytest.raises(ImageError, match=what):
            read(data)
        assert tracemalloc.get_traced_memory()[1] < 1e6
        tracemalloc.stop()


def test_the_scans_of_a_jpeg_within_dicom_are_counted_too():
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGBaseline8Bit

    pixels = encapsulate([hostile.repeated_scan(side=64, times=40)])
    size = {"Rows": 64, "Columns": 64, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    with pytest.raises(ImageError, match="more than 32 scans"):
        images.decode(dicom(syntax=JPEGBaseline8Bit, PixelData=pixels, **size))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_what_encoders_write_is_within_the_limits(mode):
    data = saved(
        "JPEG", mode, progressive=True, restart_marker_blocks=1, exif=b"Exif\0\0" + b"x" * 9
    )
    scans = data.count(b"\xff\xda")
    assert scans == {"L": 6, "RGB": 10, "CMYK": 18}[mode]
    assert images.decode(data).shape == NOISE.shape[:2]


def test_scans_within_a_note_are_not_counted():
    data = saved("JPEG", "L")
    note = b"\xff\xda\0\x02" * 100
    padded = data[:2] + b"\xff\xed" + struct.pack(">H", len(note) + 2) + note + data[2:]
    np.testing.assert_array_equal(images.decode(padded), images.decode(data))


def test_scans_after_the_end_of_the_picture_are_not_counted():
    data = saved("JPEG", "L")
    np.testing.assert_array_equal(
        images.decode(data + b"\xff\xda\0\x02" * 100), images.decode(data)
    )


@pytest.mark.parametrize("cut", [3, 20, 27, 40, 200])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_what_is_cut_short_is_left_to_the_decoder(kind, cut):
    limits.check(saved(kind)[:cut], "x")


# Colour and view


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
def test_the_chroma_of_a_half_red_picture_is_in_its_red_half(kind):
    picture = np.full((400, 200, 3), 100, np.uint8)
    picture[:, 100:] = (220, 100, 100)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind)
    found = images.look(buffer.getvalue())
    np.testing.assert_array_equal(found.gray, images.decode(buffer.getvalue()))
    assert max(found.chroma.shape) <= 128
    assert found.chroma.shape[0] == 2 * found.chroma.shape[1]
    middle = found.chroma.shape[1] // 2
    assert found.chroma[:, : middle - 4].max() <= 3
    np.testing.assert_allclose(found.chroma[:, middle + 4 :], 120, atol=3)


@pytest.mark.parametrize("mode", ["L", "1", "I;16"])
def test_a_gray_file_has_no_chroma(mode):
    buffer = io.BytesIO()
    Image.fromarray(NOISE[..., 0]).convert(mode).save(buffer, "PNG")
    assert images.look(buffer.getvalue()).chroma is None


def test_a_palette_picture_has_the_chroma_of_its_colours():
    data = saved("PNG", "P")
    with Image.open(io.BytesIO(data)) as picture:
        expected = np.ptp(np.asarray(picture.convert("RGB")), axis=2)
    np.testing.assert_array_equal(images.look(data).chroma, expected)


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_a_colour_dicom_has_the_chroma_of_its_colours(photometric):
    import pydicom.pixels

    eight = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PlanarConfiguration": 0}
    stored = NOISE // 4 + 90  # so that no colour is beyond the range
    data = dicom(stored, SamplesPerPixel=3, PhotometricInterpretation=photometric, **eight)
    colours = pydicom.pixels.convert_color_space(stored, photometric, "RGB").astype(int)
    np.testing.assert_allclose(images.look(data).chroma, np.ptp(colours, axis=2), atol=2)


@pytest.mark.parametrize(
    ("told", "view"), [("PA", "PA"), ("LL ", "LL"), ("", None), ("DOE JOHN", None), (None, None)]
)
def test_the_view_is_one_of_the_standard_and_nothing_else(told, view):
    found = images.look(dicom(ViewPosition=told))
    assert (found.view, found.chroma) == (view, None)
