"""Compressed DICOM pixels: the same values as uncompressed, and nothing that a stream claims."""

import io
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import uid
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.pixels import pixel_array

from cxrcore import images
from cxrcore.errors import ImageError
from cxrcore.images import codestreams
from tests.helpers.dicom_files import RAMP, SECRETS, dicom

TWELVE = {"BitsStored": 12, "HighBit": 11}
SIXTEEN = {"BitsStored": 16, "HighBit": 15}
EIGHT = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
NOISE = np.random.default_rng(3).integers(0, 65536, (24, 32), dtype=np.uint16)
FULL = (RAMP.astype(np.uint32) * 16 + 15).astype(np.uint16)  # 16 bits, all 12 to 15 of them used


def packed(stream: bytes, syntax: str, pixels: np.ndarray, **tags: object) -> bytes:
    """A DICOM file with that stream as its only frame."""
    return dicom(pixels, syntax=syntax, PixelData=encapsulate([stream]), **tags)


def run_lengths(pixels: np.ndarray, **tags: object) -> bytes:
    made = pydicom.dcmread(io.BytesIO(dicom(pixels, **tags)))
    made.compress(uid.RLELossless, generate_instance_uid=False)
    buffer = io.BytesIO()
    made.save_as(buffer)
    return buffer.getvalue()


def lossless_jpeg(pixels: np.ndarray, predictor: int = 1, bits: int = 16) -> bytes:
    return imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=predictor, bitspersample=bits)


def jpeg_2000(pixels: np.ndarray, **options: object) -> bytes:
    options = {"reversible": True, "codecformat": "j2k"} | options
    return imagecodecs.jpeg2k_encode(pixels, **options)


EXACT = {
    "RLE": lambda p, tags: run_lengths(p, **tags),
    "JPEG lossless SV1": lambda p, tags: packed(lossless_jpeg(p), uid.JPEGLosslessSV1, p, **tags),
    "JPEG lossless P14": lambda p, tags: packed(lossless_jpeg(p, 6), uid.JPEGLossless, p, **tags),
    "JPEG-LS": lambda p, tags: packed(imagecodecs.jpegls_encode(p), uid.JPEGLSLossless, p, **tags),
    "JPEG 2000": lambda p, tags: packed(jpeg_2000(p), uid.JPEG2000Lossless, p, **tags),
    "JP2 boxes": lambda p, tags: packed(
        jpeg_2000(p, codecformat="jp2"), uid.JPEG2000Lossless, p, **tags
    ),
    "HTJ2K": lambda p, tags: packed(
        imagecodecs.htj2k_encode(p, reversible=True), uid.HTJ2KLossless, p, **tags
    ),
}
KINDS = {"ramp of 12 bits": (RAMP, TWELVE), "16 bits": (FULL, SIXTEEN), "noise": (NOISE, SIXTEEN)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("syntax", EXACT)
def test_lossless_compression_gives_exactly_the_grays_of_the_uncompressed_file(syntax, kind):
    pixels, tags = KINDS[kind]
    window = (
        {"WindowCenter": 20000, "WindowWidth": 30000, "RescaleSlope": 2} if kind[:1] == "n" else {}
    )
    compressed = EXACT[syntax](pixels, tags | window)
    assert np.array_equal(images.decode(compressed), images.decode(dicom(pixels, **tags, **window)))
    assert images.header(compressed) == (32, 24)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("syntax", EXACT)
def test_inversion_and_windows_are_applied_to_compressed_pixels_too(syntax, photometric):
    tags = TWELVE | {"PhotometricInterpretation": photometric, "RescaleIntercept": -100}
    tags |= {"RescaleSlope": 1.5, "WindowCenter": 1500, "WindowWidth": 2500}
    compressed = EXACT[syntax](RAMP, tags)
    assert np.array_equal(images.decode(compressed), images.decode(dicom(RAMP, **tags)))


@pytest.mark.parametrize("predictor", range(1, 8))
def test_every_predictor_of_lossless_jpeg_is_read(predictor):
    data = packed(lossless_jpeg(RAMP, predictor, 12), uid.JPEGLossless, RAMP)
    assert np.array_equal(images.decode(data), images.decode(dicom()))


def stored(data: bytes) -> np.ndarray:
    return codestreams.decode(pydicom.dcmread(io.BytesIO(data)), "a.dcm")


@pytest.mark.parametrize(
    ("name", "data", "tolerance"),
    [
        # Of 3,835: about one percent; JPEG-LS exactly the bound that was asked for.
        (
            "JPEG of 12 bits",
            packed(
                imagecodecs.jpeg8_encode(RAMP, level=98, bitspersample=12),
                uid.JPEGExtended12Bit,
                RAMP,
            ),
            40,
        ),
        (
            "JPEG-LS near lossless",
            packed(imagecodecs.jpegls_encode(RAMP, level=3), uid.JPEGLSNearLossless, RAMP),
            3,
        ),
        (
            "JPEG 2000",
            packed(jpeg_2000(RAMP, reversible=False, level=80), uid.JPEG2000, RAMP),
            40,
        ),
    ],
)
def test_lossy_compression_stays_within_its_tolerance(name, data, tolerance):
    assert 0 <= np.abs(stored(data).astype(int) - RAMP).max() <= tolerance


@pytest.mark.parametrize("syntax", [name for name in EXACT if name != "JP2 boxes"])
def test_signed_pixels_keep_their_sign(syntax):
    signed = RAMP.astype(np.int16) - 1000  # 12 bits: -1000..2835
    tags = {"PixelRepresentation": 1, "BitsStored": 13, "HighBit": 12}
    bits = signed.view(np.uint16) & 0x1FFF
    compressed = EXACT[syntax](bits, tags)
    assert np.array_equal(stored(compressed), signed)


def test_a_jpeg_2000_stream_of_signed_values_keeps_their_sign():
    signed = RAMP.astype(np.int16) - 1000
    data = packed(jpeg_2000(signed), uid.JPEG2000Lossless, signed, PixelRepresentation=1, **SIXTEEN)
    assert np.array_equal(stored(data), signed)


# Files that other programs compressed (GDCM, DCMTK, Kakadu); pydicom brings them along.
@pytest.mark.parametrize("twin", ["RLE", "jp2klossless", "jpeg_ls_lossless"])
def test_files_of_other_programs_read_as_their_uncompressed_twins(twin):
    plain, other = (
        get_testdata_file(f"MR_small{part}.dcm", download=False) for part in ("", f"_{twin}")
    )
    assert np.array_equal(
        codestreams.decode(pydicom.dcmread(other), "a"), pixel_array(pydicom.dcmread(plain))
    )


def test_a_jpeg_of_12_bits_by_another_program_is_its_jpeg_2000_twin():
    first, second = (
        codestreams.decode(pydicom.dcmread(get_testdata_file(name, download=False)), "a")
        for name in ("JPGExtended.dcm", "JPEG2000.dcm")
    )
    # Both are lossy, of a noisy bone scan with values up to 264.
    assert np.abs(first.astype(int) - second).mean() < 5
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.95


@pytest.mark.parametrize(
    "name",
    [
        "SC_rgb_dcmtk_+eb+cr",
        "SC_rgb_dcmtk_+eb+cy+n1",
        "SC_rgb_dcmtk_+eb+cy+np",
        "SC_rgb_dcmtk_+eb+cy+s4",
        "SC_rgb_gdcm_KY",
        "SC_rgb_jls_lossy_line",
        "SC_rgb_jls_lossy_sample",
        "SC_rgb_jpeg_gdcm",
        "SC_rgb_rle",
    ],
)
def test_the_same_colours_in_every_compression_are_the_same_grays(name):
    bars = images.decode(get_path("SC_rgb_rle"))
    gray = images.decode(get_path(name))
    assert np.abs(gray.astype(int) - bars).mean() < 2


def get_path(name: str) -> bytes:
    with open(get_testdata_file(f"{name}.dcm", download=False), "rb") as file:
        return file.read()


def refusal(data: bytes) -> str:
    with warnings.catch_warnings(), pytest.raises(ImageError) as error:
        warnings.simplefilter("error")
        images.decode(data, name="a.dcm")
    message = str(error.value)
    assert message.startswith("a.dcm ")
    assert "\n" not in message
    assert not any(secret in message for secret in SECRETS.values())
    return message


@pytest.fixture
def no_decoder(monkeypatch):
    """Fails when a decoder is reached at all, so that no memory can have been taken."""

    def reached(*_: object, **__: object) -> None:
        raise AssertionError("a decoder was asked")

    for name in ("jpeg_decode", "jpegls_decode", "jpeg2k_decode", "packbits_decode"):
        monkeypatch.setattr(imagecodecs, name, reached)


def lying(stream: bytes, rows: int, columns: int) -> bytes:
    """The stream with another size in its own header."""
    changed = bytearray(stream)
    if stream[:4] == b"\xff\x4f\xff\x51":
        # The image and its tile.
        struct.pack_into(">II", changed, 8, columns, rows)
        struct.pack_into(">II", changed, 24, columns, rows)
    else:
        at = next(
            at
            for at in range(2, len(stream) - 1)
            if stream[at] == 0xFF and stream[at + 1] in (0xC0, 0xC1, 0xC3, 0xF7)
        )
        struct.pack_into(">HH", changed, at + 5, rows, columns)
    return bytes(changed)


STREAMS = {
    "JPEG lossless": (lossless_jpeg(RAMP), uid.JPEGLosslessSV1),
    "JPEG of 12 bits": (
        imagecodecs.jpeg8_encode(RAMP, level=95, bitspersample=12),
        uid.JPEGExtended12Bit,
    ),
    "JPEG-LS": (imagecodecs.jpegls_encode(RAMP), uid.JPEGLSLossless),
    "JPEG 2000": (jpeg_2000(RAMP), uid.JPEG2000Lossless),
}


@pytest.mark.parametrize(("rows", "columns"), [(60000, 60000), (24, 33), (25, 32), (8, 8)])
@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_of_another_size_is_refused_before_it_is_decoded(kind, rows, columns, no_decoder):
    stream, syntax = STREAMS[kind]
    message = refusal(packed(lying(stream, rows, columns), syntax, RAMP))
    assert f"says 32 x 24 pixels and whose compressed picture says {columns} x {rows}" in message


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_and_header_that_both_claim_too_much_are_refused_from_the_header(kind, no_decoder):
    stream, syntax = STREAMS[kind]
    data = packed(lying(stream, 60000, 60000), syntax, RAMP, Rows=60000, Columns=60000)
    assert "is too large: 60000 x 60000" in refusal(data)


def test_a_jpeg_2000_stream_of_a_million_tiles_is_refused_before_it_is_decoded(no_decoder):
    stream = bytearray(jpeg_2000(np.zeros((1000, 1000), np.uint16)))
    struct.pack_into(">II", stream, 24, 1, 1)
    pixels = np.zeros((1000, 1000), np.uint16)
    assert "more than 1,024 tiles" in refusal(packed(bytes(stream), uid.JPEG2000Lossless, pixels))


def test_run_lengths_cannot_grow_beyond_the_picture():
    bomb = struct.pack("<16I", 2, 64, 64 + 40000, *[0] * 13) + b"\x81\0" * 40000
    assert "run-length pixels cannot be decoded" in refusal(packed(bomb, uid.RLELossless, RAMP))


@pytest.mark.parametrize(
    "starts", [(3, 64, 70, 80), (2, 64, 64), (2, 90, 70), (2, 0, 70), (2, 64, 4000000), (0, 0, 0)]
)
def test_run_length_headers_that_cannot_be_are_refused(starts):
    header = struct.pack("<16I", *starts, *[0] * (16 - len(starts)))
    assert "run-length" in refusal(packed(header + b"\x81\0" * 50, uid.RLELossless, RAMP))


def test_padding_after_a_run_length_segment_is_allowed():
    data = pydicom.dcmread(io.BytesIO(run_lengths(RAMP)))
    frame = next(pydicom.encaps.generate_frames(data.PixelData, number_of_frames=1))
    padded = packed(frame + b"\0\0\0\0", uid.RLELossless, RAMP)
    assert np.array_equal(images.decode(padded), images.decode(dicom()))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_that_is_cut_short_is_refused(kind, share):
    stream, syntax = STREAMS[kind]
    cut = packed(stream[: int(len(stream) * share)], syntax, RAMP)
    assert "JPEG pixels cannot be decoded" in refusal(cut)


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("syntax", EXACT)
def test_a_compressed_file_that_is_cut_short_is_refused(syntax, share):
    data = EXACT[syntax](NOISE, SIXTEEN)
    assert "cut short" in refusal(data[: int(len(data) * share)])


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("other", [b"", b"\xff\xd8\xff\xd9", b"\x89PNG\r\n", b"\xff" * 300])
def test_a_stream_of_another_kind_is_refused(kind, other):
    assert "damaged" in refusal(packed(other + b"\xff\xd9", STREAMS[kind][1], RAMP))


@pytest.mark.parametrize("bands", [3, 4])
def test_a_stream_with_other_bands_is_refused(bands):
    colours = np.zeros((24, 32, bands), np.uint8)
    data = packed(jpeg_2000(colours), uid.JPEG2000Lossless, RAMP)
    assert f"32 x 24 pixels of {bands} bands" in refusal(data)


def test_decoders_may_run_in_many_threads_at_once():
    expected = images.decode(dicom(NOISE, **SIXTEEN))
    files = [EXACT[name](NOISE, SIXTEEN) for name in EXACT] * 20
    with ThreadPoolExecutor(8) as pool:
        for gray in pool.map(images.decode, files):
            assert np.array_equal(gray, expected)


SEEDS = [EXACT[name](RAMP, TWELVE) for name in EXACT]
SEEDS += [packed(stream, syntax, RAMP) for stream, syntax in STREAMS.values()]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=5),
    st.one_of(st.just(1.0), st.floats(0.3, 1)),
)
def test_damaged_streams_give_a_picture_or_an_image_error(seed, changes, share):
    data = bytearray(seed)
    start = seed.rindex(b"\xe0\x7f\x10\x00")  # the pixel data element
    for place, what in changes:
        at = start + int(place**3 * (len(data) - start - 1))  # mostly into the stream's header
        data[at : at + len(what)] = what
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            gray = images.decode(bytes(data[: int(len(data) * share)]), name="a.dcm")
        except ImageError as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:
            assert gray.shape == (24, 32)
