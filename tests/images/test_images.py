"""Pictures in: every kind that is read, every kind that is refused, and the regions."""

import contextlib
import io
import os
import struct
import threading
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps
from PIL.PngImagePlugin import PngInfo

from cxrcore import images
from cxrcore.errors import ImageError

RNG = np.random.default_rng(1)
GRAY = RNG.integers(0, 256, (24, 32), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (24, 32, 3), dtype=np.uint8)
LUMA = np.rint(COLOUR @ np.array([0.299, 0.587, 0.114])).astype(int)


def saved(picture: Image.Image | np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png_of_size(width: int, height: int, pixels: bytes = b"") -> bytes:
    """A PNG whose header claims a size, whatever the pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(pixels))
        + chunk(b"IEND", b"")
    )


def refusal(data: bytes | Path, **options: object) -> str:
    """The message of `decode`, which is one line."""
    with pytest.raises(ImageError) as error:
        images.decode(data, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF", "WEBP"])
def test_gray_pictures_come_back_as_they_were_saved(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    assert np.array_equal(images.decode(saved(GRAY, kind, **options)), GRAY)
    assert images.header(saved(GRAY, kind, **options)) == (32, 24)


def test_a_gray_jpeg_equals_what_opencv_reads():
    data = saved(GRAY, "JPEG", quality=95)
    theirs = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert np.abs(images.decode(data).astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_colour_becomes_luma(kind):
    assert np.abs(images.decode(saved(COLOUR, kind)) - LUMA).max() <= 1


@pytest.mark.parametrize("progressive", [False, True])
def test_a_colour_jpeg_gives_its_luma_channel(progressive):
    smooth = cv2.resize(COLOUR, (64, 48), interpolation=cv2.INTER_CUBIC)
    data = saved(smooth, "JPEG", quality=95, progressive=progressive)
    rgb = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    expected = rgb @ np.array([0.299, 0.587, 0.114])
    assert np.abs(images.decode(data) - expected).mean() < 1


def test_the_result_is_contiguous_bytes_also_when_turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = images.decode(saved(GRAY, "PNG", exif=exif))
    assert turned.dtype == np.uint8
    assert turned.flags.c_contiguous
    assert turned.shape == (32, 24)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_orientation_is_applied_as_pillow_does(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(GRAY, kind, exif=exif)
    with Image.open(io.BytesIO(data)) as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture))
    assert np.array_equal(images.decode(data), expected)
    assert images.header(data) == expected.shape[::-1]


def test_broken_camera_notes_do_not_make_a_picture_unusable():
    data = saved(GRAY, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff garbage")
    assert images.decode(data).shape == GRAY.shape


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_by_the_range_of_the_picture(kind):
    wide = np.linspace(1000, 3000, 24 * 32).reshape(24, 32).astype(np.uint16)
    expected = np.rint((wide - 1000.0) * 255 / 2000)
    assert np.array_equal(images.decode(saved(wide, kind)), expected)


def test_floating_point_is_scaled_by_its_finite_range():
    values = np.linspace(-1, 1, 24 * 32, dtype=np.float32).reshape(24, 32)
    values[0, 0], values[5, 5], values[6, 6] = np.nan, np.inf, -np.inf
    gray = images.decode(saved(values, "TIFF"))
    assert (gray[0, 0], gray[5, 5], gray[6, 6], gray[-1, -1]) == (0, 255, 0, 255)
    assert gray[12, 0] == round((values[12, 0] - values[0, 1]) / (1 - values[0, 1]) * 255)


def test_floating_point_without_a_finite_pixel_is_refused():
    assert "infinite" in refusal(saved(np.full((24, 32), np.nan, np.float32), "TIFF"))


def test_a_flat_sixteen_bit_picture_is_black():
    assert images.decode(saved(np.full((24, 32), 700, np.uint16))).max() == 0


def test_transparency_is_laid_on_black():
    alpha = np.linspace(0, 255, 24 * 32).reshape(24, 32).astype(np.uint8)
    data = saved(np.dstack([COLOUR, alpha]))
    expected = LUMA * (alpha / 255.0)
    assert np.abs(images.decode(data) - expected).max() <= 1.5


def test_a_transparent_palette_colour_is_black():
    palette = Image.fromarray(GRAY).convert("P")
    data = saved(palette, transparency=int(GRAY[0, 0]))
    gray = images.decode(data)
    assert gray[0, 0] == 0
    assert np.array_equal(gray, np.where(GRAY[0, 0] == GRAY, 0, GRAY))


def test_a_palette_with_alpha_bytes_reads_without_a_warning():
    palette = Image.fromarray(GRAY).convert("P")
    gray = images.decode(saved(palette, transparency=bytes([255] * 256)))
    assert np.array_equal(gray, GRAY)


@pytest.mark.parametrize(("mode", "kind"), [("1", "PNG"), ("1", "TIFF"), ("LA", "PNG")])
def test_other_gray_modes_are_read(mode, kind):
    black_and_white = np.where(GRAY > 127, 255, 0).astype(np.uint8)
    picture = Image.fromarray(black_and_white).convert(mode)
    assert np.array_equal(images.decode(saved(picture, kind)), black_and_white)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_white_is_white_and_black_is_black(kind):
    ink = np.zeros((32, 32, 4), np.uint8)
    ink[16:, :, 3] = 255
    gray = images.decode(saved(Image.fromarray(ink, "CMYK"), kind))
    assert gray[2, 2] > 250
    assert gray[-3, -3] < 5


def test_content_decides_and_not_the_name(tmp_path):
    path = tmp_path / "chest.dcm"
    path.write_bytes(saved(GRAY, "PNG"))
    assert np.array_equal(images.decode(path), GRAY)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "is empty (0 bytes)"),
        (b"hello, I am a text", "is not an image"),
        (b"GIF89a" + bytes(50), "is damaged or cut short"),
        (b"RIFF\x10\0\0\0WEBPVP8 " + bytes(50), "is too small: 0 x 0"),
        (b"RIFF\x10\0\0\0WAVEfmt " + bytes(50), "is not an image"),
        (b"%PDF-1.7" + bytes(50), "is a PDF document"),
        (b"PK\x03\x04" + bytes(50), "is a ZIP archive"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"\x89PNG\r\n\x1a\n", "is damaged or cut short"),
        (b"\xff\xd8\xff\xe0", "is damaged or cut short"),
        (b"II*\0\x08\0\0\0", "is damaged or cut short"),
        (b"BM", "is damaged or cut short"),
        (saved(GRAY[:1, :1]), "is too small: 1 x 1"),
        (saved(GRAY[:15, :]), "is too small: 32 x 15"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_used_is_named(data, what):
    assert refusal(data, name="a.png").startswith(f"a.png {what}")
    with pytest.raises(ImageError, match=r"a\.png"):
        images.header(data, name="a.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_picture_that_is_cut_short_is_refused(kind, share):
    data = saved(GRAY, kind)
    assert "damaged or cut short" in refusal(data[: int(len(data) * share)])


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "WEBP"])
def test_several_pictures_in_one_file_are_refused(kind):
    frames = [Image.fromarray(GRAY), Image.fromarray(255 - GRAY)]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    assert ("of 2 pages" if kind == "TIFF" else "several pictures") in refusal(data)
    with pytest.raises(ImageError):
        images.header(data)


def test_a_huge_picture_is_refused_from_its_header(monkeypatch):
    def decode_is_not_reached(*_: object) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode_is_not_reached)
    data = png_of_size(20_000, 20_000)
    assert "is too large: 20000 x 20000 pixels" in refusal(data)
    with pytest.raises(ImageError, match="CXR_MAX_PIXELS"):
        images.header(data)


@pytest.mark.parametrize("exif", [None, 6])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_the_header_is_read_without_decoding(kind, exif, monkeypatch):
    tags = Image.Exif()
    if exif:
        tags[0x0112] = exif
    data = saved(COLOUR, kind, exif=tags) if kind != "BMP" else saved(COLOUR, kind)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
    turned = exif and kind != "BMP"
    assert images.header(data) == ((24, 32) if turned else (32, 24))


def test_the_pixel_cap_is_the_setting(monkeypatch):
    monkeypatch.setenv("CXR_MAX_PIXELS", str(24 * 32 - 1))
    assert "up to 767 are decoded" in refusal(saved(GRAY))
    monkeypatch.setenv("CXR_MAX_PIXELS", str(24 * 32))
    assert images.decode(saved(GRAY)).shape == (24, 32)


def test_a_bomb_of_text_in_a_png_is_refused():
    # A kilobyte that would inflate to 64 MB of comment: Pillow stops it with a bare ValueError.
    notes = PngInfo()
    notes.add_text("comment", "x" * 64_000_000, zip=True)
    assert "damaged" in refusal(saved(GRAY, "PNG", pnginfo=notes))


def test_a_file_heavier_than_any_picture_is_refused_before_reading(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MAX_BYTES", 100)
    path = tmp_path / "a.png"
    path.write_bytes(saved(GRAY))
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("read"))
    assert "MB are read" in refusal(path)
    assert "MB are read" in refusal(saved(GRAY))


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path):
    assert "cannot be read: No such file" in refusal(tmp_path / "gone.png")
    assert "is not a file" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    assert "is not a file" in refusal(tmp_path / "pipe.png")  # and does not wait for a writer


def test_a_file_without_permission_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "closed.png"
    path.write_bytes(saved(GRAY))

    def closed(self: Path) -> bytes:  # the user who runs the tests may be allowed everything
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", closed)
    message = refusal(path)
    assert message.startswith("closed.png cannot be read: Permission denied")


def test_a_name_with_line_breaks_leaves_the_message_one_line():
    assert refusal(b"x", name="a\nb\udcff" + "c" * 500).startswith("a?b?ccc")


def test_decoding_warns_of_nothing_and_leaves_the_filters_alone():
    before = list(warnings.filters)
    palette = saved(Image.fromarray(GRAY).convert("P"), transparency=bytes([255] * 256))
    threads = [
        threading.Thread(target=lambda: [images.decode(palette) for _ in range(30)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


SEEDS = [
    saved(GRAY),
    saved(COLOUR),
    saved(Image.fromarray(GRAY).convert("P")),
    saved(GRAY, "JPEG"),
    saved(COLOUR, "JPEG", progressive=True),
    saved(COLOUR, "TIFF", compression="tiff_deflate"),
    saved(GRAY, "BMP"),
]


def assert_nothing_but_image_error(data: bytes) -> None:
    try:
        gray = images.decode(data)
    except ImageError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert gray.dtype == np.uint8
        assert gray.ndim == 2
        assert images.header(data) == gray.shape[::-1]
    with contextlib.suppress(ImageError):
        images.header(data)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=400), st.sampled_from([b"", *(seed[:8] for seed in SEEDS)]))
def test_random_bytes_give_a_picture_or_an_image_error(data, start):
    assert_nothing_but_image_error(start + data)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), max_size=4),
    st.floats(0.02, 1),
)
def test_mutated_pictures_give_a_picture_or_an_image_error(seed, changes, kept):
    data = bytearray(seed)
    for where, what in changes:
        at = int(where * (len(data) - 1))
        data[at : at + len(what)] = what
    assert_nothing_but_image_error(bytes(data[: int(kept * len(data))]))


def test_resize_averages_areas_when_it_shrinks():
    gray = RNG.integers(0, 256, (64, 96), dtype=np.uint8)
    expected = gray.reshape(32, 2, 32, 3).mean(axis=(1, 3))
    assert np.abs(images.resize(gray, 32) - expected).max() <= 0.5


def test_resize_is_linear_when_it_grows():
    ramp = np.tile(np.arange(0, 160, 10, dtype=np.uint8), (16, 1))
    grown = images.resize(ramp, 32)[0]
    assert (np.diff(grown.astype(int)) >= 0).all()
    # Pixel centres lie at quarters of the old pixels: 0.25 and 0.75 of the step of 10.
    assert np.abs(grown[1:31] - np.arange(2.5, 152, 5)).max() <= 0.5


def test_resize_averages_along_the_side_that_shrinks_even_if_the_other_grows():
    stripes = np.tile(np.array([0, 200], np.uint8), (16, 64))  # (16, 128)
    assert (images.resize(stripes, 32) == 100).all()


def test_resize_to_the_same_size_is_a_copy():
    square = GRAY[:24, :24].copy()
    same = images.resize(square, 24)
    assert np.array_equal(same, square)
    assert not np.shares_memory(same, square)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((400, 200), (64, 128)), ((50, 100), (128, 64)), ((16, 4000), (128, 1))],
)
def test_a_thumbnail_keeps_the_aspect(shape, expected):
    data = images.thumbnail(np.full(shape, 90, np.uint8))
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.size) == ("JPEG", expected)


@pytest.mark.parametrize("array", [GRAY, COLOUR], ids=["gray", "rgb"])
def test_encoded_png_reads_back(array):
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(images.encode_png(array)))), array)


@pytest.mark.parametrize("array", [GRAY.astype(float), np.zeros((4, 4, 4), np.uint8)])
def test_what_is_no_picture_is_not_encoded(array):
    with pytest.raises(ImageError, match="uint8"):
        images.encode_png(array)


@pytest.mark.parametrize("white", [1, 255])
def test_a_mask_is_read_and_brought_to_the_shape_of_its_image(tmp_path, white):
    mask = np.zeros((20, 20), np.uint8)
    mask[5:10, 5:15] = white
    (tmp_path / "m.png").write_bytes(saved(mask))
    inside = images.read_mask(tmp_path / "m.png", (60, 60))
    assert inside.dtype == bool
    assert np.array_equal(inside, np.kron(mask > 0, np.ones((3, 3), bool)))


# Sides of a real picture and of masks made for it: halved and rounded, or one pixel short.
@pytest.mark.parametrize("made", [(1511, 1268), (1510, 1267), (256, 215), (255, 215), (20, 17)])
def test_a_mask_of_the_same_proportions_is_used_at_any_size(tmp_path, made):
    (tmp_path / "m.png").write_bytes(saved(np.full(made, 255, np.uint8)))
    assert images.read_mask(tmp_path / "m.png", (3021, 2536)).all()


@pytest.mark.parametrize("made", [(150, 300), (300, 150), (256, 280), (96, 100)])
def test_a_mask_of_other_proportions_is_refused_and_not_stretched(tmp_path, made):
    (tmp_path / "m.png").write_bytes(saved(np.full(made, 255, np.uint8)))
    with pytest.raises(ImageError, match=rf"m\.png is {made[1]} x {made[0]} .*400 x 400: other"):
        images.read_mask(tmp_path / "m.png", (400, 400))


def test_soft_edges_of_a_mask_are_cut_in_the_middle(tmp_path):
    mask = np.tile(np.array([0, 127, 128, 255], np.uint8), (16, 4))
    (tmp_path / "m.png").write_bytes(saved(mask))
    inside = images.read_mask(tmp_path / "m.png", (16, 16))
    assert inside[0, :4].tolist() == [False, False, True, True]


MASK = np.zeros((24, 32), bool)
MASK[4:20, 3:13] = MASK[6:22, 18:30] = True


def test_the_arms_show_what_they_say():
    gray = np.maximum(GRAY, 1)
    lungs = images.apply_region(gray, MASK, "lungs")
    erased = images.apply_region(gray, MASK, "lungs-erased")
    crop = images.apply_region(gray, MASK, "lungs-crop")
    border = images.apply_region(gray, MASK, "border")
    assert np.array_equal(lungs + erased, gray)
    assert np.array_equal(lungs > 0, MASK)
    assert np.array_equal(crop, gray[4:22, 3:30])
    assert (border[4:22, 3:30] == 0).all()
    assert np.count_nonzero(border) == gray.size - 18 * 27
    assert np.array_equal(images.apply_region(gray, None, "none"), gray)


def test_the_arms_of_a_picture_worked_out_by_hand():
    gray = np.arange(1, 21, dtype=np.uint8).reshape(4, 5)
    mask = np.zeros((4, 5), bool)
    mask[1, 1] = mask[2, 3] = True  # two lungs of one pixel; their box is rows 1-2, columns 1-3
    expected = {
        "none": gray.tolist(),
        "lungs": [[0, 0, 0, 0, 0], [0, 7, 0, 0, 0], [0, 0, 0, 14, 0], [0, 0, 0, 0, 0]],
        "lungs-crop": [[7, 8, 9], [12, 13, 14]],
        "lungs-erased": [
            [1, 2, 3, 4, 5],
            [6, 0, 8, 9, 10],
            [11, 12, 13, 0, 15],
            [16, 17, 18, 19, 20],
        ],
        "border": [[1, 2, 3, 4, 5], [6, 0, 0, 0, 10], [11, 0, 0, 0, 15], [16, 17, 18, 19, 20]],
    }
    assert tuple(expected) == images.REGIONS
    for region, pixels in expected.items():
        assert images.apply_region(gray, mask, region).tolist() == pixels


@pytest.mark.parametrize("region", images.REGIONS)
def test_a_region_with_lungs_all_over_the_picture(region):
    whole = np.ones_like(MASK)
    result = images.apply_region(GRAY, whole, region)
    expected = np.zeros_like(GRAY) if region in ("lungs-erased", "border") else GRAY
    assert np.array_equal(result, expected)


@pytest.mark.parametrize("region", images.REGIONS)
def test_a_region_leaves_its_arguments_as_they_are(region):
    gray, mask = GRAY.copy(), MASK.copy()
    result = images.apply_region(gray, mask, region)
    assert result.dtype == np.uint8
    assert np.array_equal(gray, GRAY)
    assert np.array_equal(mask, MASK)


@pytest.mark.parametrize(
    ("mask", "region", "why"),
    [
        (None, "lungs", "needs a lung mask"),
        (None, "border", "needs a lung mask"),
        (MASK[:10], "lungs", "lung mask is"),
        (np.zeros_like(MASK), "lungs-crop", "is empty"),
        (MASK, "heart", "no region 'heart'"),
    ],
)
def test_a_region_without_a_usable_mask_is_refused(mask, region, why):
    with pytest.raises(ImageError, match=why):
        images.apply_region(GRAY, mask, region)


@pytest.mark.real
def test_every_real_picture_is_read(real_data):
    files = [
        path
        for path in sorted(real_data.rglob("*"))[::20]
        if path.suffix.lower() in images.SUFFIXES
    ]
    assert files
    for path in files:
        # In colour first: to gray at once, OpenCV lets libpng apply the file's gamma.
        theirs = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2GRAY)
        ours = images.decode(path)
        assert images.header(path) == ours.shape[::-1]
        assert np.abs(ours.astype(int) - theirs).mean() < 0.5
