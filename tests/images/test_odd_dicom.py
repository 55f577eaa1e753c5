"""DICOM files as hospitals send them: what is missing or odd is read as viewers do, or named."""

import io
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_rescale, apply_voi_lut, apply_windowing
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from cxrcore import images
from cxrcore.errors import ImageError
from tests.helpers.dicom_files import RAMP, dicom

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "cases" / "films"
FULL = np.rint(RAMP * (255 / 3835))  # the ramp by its own range
INVERSE = {"PresentationLUTShape": "INVERSE"}
DARK = {"PhotometricInterpretation": "MONOCHROME1"}


def shown(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((values - low) / (high - low), 0, 1) * 255


def without_meta(data: bytes) -> bytes:
    """A dataset alone, as old devices write it: no preamble, no DICM, no meta information."""
    found = pydicom.dcmread(io.BytesIO(data))
    buffer = io.BytesIO()
    syntax = found.file_meta.TransferSyntaxUID
    pydicom.dcmwrite(
        buffer,
        Dataset({element.tag: element for element in found}),
        implicit_vr=syntax.is_implicit_VR,
        little_endian=True,
    )
    return buffer.getvalue()


def without_syntax(data: bytes) -> bytes:
    """The same with the tag of the transfer syntax made one that nobody knows."""
    return data.replace(b"\x02\x00\x10\x00UI", b"\x02\x00\x11\x00UI", 1)


@pytest.mark.skipif(not CASES.is_dir(), reason="the films that failed are not here")
def test_films_that_failed_are_read():
    with np.load(CASES / "expected.npz") as expected:
        for name in expected:
            gray = images.decode(CASES / name).astype(float)
            if expected[name].size > 1:
                assert np.abs(gray - expected[name]).max() <= 1.5, name
            else:
                assert gray.std() > 50, name  # any picture that shows the film


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize("change", [without_meta, lambda data: data[128:], without_syntax])
def test_files_without_preamble_or_syntax_are_dicom_by_their_content(syntax, change):
    data = change(dicom(syntax=syntax))
    assert images.is_dicom(data[: images.HEAD_BYTES])
    assert np.array_equal(images.decode(data), FULL)


def test_compressed_pixels_without_a_syntax_are_what_they_look_like():
    found = pydicom.dcmread(io.BytesIO(dicom()))
    found.compress(RLELossless, generate_instance_uid=False)
    buffer = io.BytesIO()
    found.save_as(buffer)
    look = images.look(without_syntax(buffer.getvalue()))
    assert np.array_equal(look.gray, FULL)
    assert look.notes == ("Transfer Syntax UID (0002,0010) is missing; read as RLE Lossless.",)


@pytest.mark.parametrize(
    "data", [b"\x08\0" * 80, b"II*\0" * 40, b"\x02\0" * 2 + bytes(150), b"8BPS", b""]
)
def test_other_bytes_are_not_taken_for_dicom(data):
    assert not images.is_dicom(data)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("PhotometricInterpretation", "read as MONOCHROME2"),
        ("SamplesPerPixel", "taken as 1"),
        ("PixelRepresentation", "taken as 0"),
        ("BitsStored", "taken as 16"),
    ],
)
def test_what_is_missing_is_taken_as_usual_and_named(missing, said):
    look = images.look(dicom(**{missing: None}))
    assert np.array_equal(look.gray, FULL)
    (note,) = (note for note in look.notes if "is missing" in note)
    assert said in note


@pytest.mark.parametrize("missing", ["Rows", "Columns", "BitsAllocated"])
def test_what_cannot_be_done_without_is_named(missing):
    with pytest.raises(ImageError, match=r"\(0028,0[01]\d\d\) is missing"):
        images.decode(dicom(**{missing: None}))


def test_pixels_cut_short_are_named_with_their_bytes():
    with pytest.raises(ImageError, match=r"Pixel Data \(7FE0,0010\) has 100 bytes where 1,536"):
        images.decode(dicom(PixelData=bytes(100)))


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("window", [{}, {"WindowCenter": 1500, "WindowWidth": 1000}])
def test_a_range_of_padding_is_black_and_does_not_enter_the_range(photometric, window):
    padded = np.clip(RAMP, 1000, 2000)
    padded[0], padded[1] = 0, 50
    gray = images.decode(
        dicom(
            padded,
            PixelPaddingValue=0,
            PixelPaddingRangeLimit=50,
            PhotometricInterpretation=photometric,
            **window,
        )
    )
    expected = shown(padded[2:], 1000, 2000)
    expected = 255 - expected if photometric == "MONOCHROME1" else expected
    assert (gray[:2] == 0).all()
    assert np.abs(gray[2:] - expected).max() <= 1


@pytest.mark.parametrize(
    "written",
    [("SS", b"\x30\xf8"), ("US", b"\x30\xf8"), ("OW", b"\x30\xf8"), ("DS", b"-2000 ")],
)
def test_padding_counts_whatever_its_vr(written):
    signed = (RAMP.astype(np.int16) - 1000).astype(np.int16)
    signed[0] = -2000
    data = dicom(
        signed, PixelRepresentation=1, BitsStored=16, HighBit=15, PixelPaddingValue=written
    )
    gray = images.decode(data)
    assert (gray[0] == 0).all()
    inside = signed[1:].astype(float)
    assert np.abs(gray[1:] - shown(inside, inside.min(), inside.max())).max() <= 0.51


@pytest.mark.parametrize(("center", "width"), [(b"2000,5", b"1000,5"), (b"2000.5", b"1000.5")])
def test_a_decimal_comma_is_a_point(center, width):
    look = images.look(dicom(WindowCenter=("DS", center), WindowWidth=("DS", width)))
    expected = shown(RAMP, 2000 - 999.5 / 2, 2000 + 999.5 / 2)
    assert np.abs(look.gray - expected).max() <= 0.51
    assert look.notes == ()


def test_a_comma_also_counts_in_the_rescale():
    line = {"RescaleSlope": ("DS", b"2,5 "), "RescaleIntercept": ("DS", b"-100,5")}
    window = {"WindowCenter": 2000, "WindowWidth": 1001, "VOILUTFunction": "LINEAR_EXACT"}
    expected = shown(RAMP * 2.5 - 100.5, 2000 - 500.5, 2000 + 500.5)
    assert np.abs(images.decode(dicom(**line, **window)) - expected).max() <= 0.51


def test_the_first_possible_window_counts():
    several = dicom(WindowCenter=[0, 2000], WindowWidth=[0, 1000])
    one = dicom(WindowCenter=2000, WindowWidth=1000)
    assert np.array_equal(images.decode(several), images.decode(one))


@pytest.mark.parametrize("first", [dicom(RAMP * 16, HighBit=15), dicom(RAMP | 0x8000)])
def test_only_the_stored_bits_count(first):
    assert np.array_equal(images.decode(first), FULL)


@pytest.mark.parametrize(
    ("tags", "inverted"),
    [(INVERSE, True), (DARK, True), (DARK | INVERSE, True),
     (DARK | {"PresentationLUTShape": "IDENTITY"}, False)],
)  # fmt: skip
def test_the_shape_of_the_presentation_table_decides_what_is_dark(tags, inverted):
    assert np.array_equal(images.decode(dicom(**tags)), 255 - FULL if inverted else FULL)


def test_rescale_and_window_are_those_of_pydicom():
    data = dicom(RescaleSlope=1.5, RescaleIntercept=-300, WindowCenter=1200, WindowWidth=900)
    found = pydicom.dcmread(io.BytesIO(data))
    theirs = apply_windowing(apply_rescale(found.pixel_array, found), found)
    low, high = -300.0, 4095 * 1.5 - 300  # pydicom's output range
    assert np.abs(images.decode(data) - shown(theirs, low, high)).max() <= 1


def test_a_voi_table_is_that_of_pydicom():
    table = Dataset()
    table.LUTDescriptor = [4096, 0, 16]
    table.LUTData = (np.linspace(0, 1, 4096) ** 2 * 65535).astype(int).tolist()
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    data = dicom(VOILUTSequence=[table])
    theirs = apply_voi_lut(RAMP, pydicom.dcmread(io.BytesIO(data)))
    assert np.abs(images.decode(data) - theirs / 65535 * 255).max() <= 0.51
    del table.LUTData
    with pytest.raises(ImageError, match=r"LUT Data \(0028,3006\)"):
        images.decode(dicom(VOILUTSequence=[table]))


@pytest.mark.skipif(not shutil.which("dcm2pnm"), reason="dcmtk is not installed")
@pytest.mark.parametrize(
    ("tags", "option"),
    [({}, "+Wm"), (DARK, "+Wm"), (INVERSE, "+Wm"), (DARK | {"PresentationLUTShape": "IDENTITY"}, "+Wm"),
     ({"WindowCenter": 1500, "WindowWidth": 800, "RescaleSlope": 2, "RescaleIntercept": -1000}, "+Wi"),
     ({"WindowCenter": 1500, "WindowWidth": 800, "VOILUTFunction": "SIGMOID"}, "+Wi"),
     ({"WindowCenter": ("DS", b"1500,5"), "WindowWidth": 800} | DARK, "+Wi")],
)  # fmt: skip
def test_gray_levels_are_those_of_dcmtk(tmp_path, tags, option):
    film, shown_by_dcmtk = tmp_path / "film", tmp_path / "film.pgm"
    film.write_bytes(dicom(**tags))
    words = [option, "1"] if option == "+Wi" else [option]
    subprocess.run(["dcm2pnm", "+op", *words, film, shown_by_dcmtk], check=True)
    theirs = cv2.imread(str(shown_by_dcmtk), cv2.IMREAD_UNCHANGED)
    assert np.abs(images.decode(film).astype(int) - theirs).max() <= 2
