"""DICOM files: windows, inversion, what is refused, and that nothing but pixels leaves."""

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from cxrcore import images
from cxrcore.errors import ImageError
from tests.helpers.dicom_files import RAMP, SECRETS, dicom


def refusal(data: bytes) -> str:
    with pytest.raises(ImageError) as error:
        images.decode(data, name="a.dcm")
    assert "\n" not in str(error.value)
    assert not any(secret in str(error.value) for secret in SECRETS.values())
    return str(error.value)


def test_without_a_window_the_range_of_the_picture_is_shown():
    gray = images.decode(dicom())
    assert np.array_equal(gray, np.rint(RAMP * (255 / 3835)))
    assert images.header(dicom()) == (32, 24)


def test_monochrome1_is_inverted():
    assert np.array_equal(
        images.decode(dicom(PhotometricInterpretation="MONOCHROME1")), 255 - images.decode(dicom())
    )


def test_monochrome1_is_inverted_within_its_window():
    window = {"WindowCenter": 2000, "WindowWidth": 1000}
    plain = images.decode(dicom(**window))
    inverted = images.decode(dicom(PhotometricInterpretation="MONOCHROME1", **window))
    assert np.abs(inverted.astype(int) - (255 - plain)).max() <= 1


def by_the_standard(values: np.ndarray, center: float, width: float, function: str) -> np.ndarray:
    """The pseudo-code of PS3.3 C.11.2.1.2 with output 0..255, pixel by pixel."""
    shown = np.zeros(values.shape)
    for at, x in np.ndenumerate(values):
        if function == "SIGMOID":
            shown[at] = 255 / (1 + np.exp(-4 * (x - center) / width))
        elif function == "LINEAR_EXACT":
            low, high = center - width / 2, center + width / 2
            inside = ((x - center) / width + 0.5) * 255
            shown[at] = 0 if x <= low else 255 if x > high else inside
        else:
            low, high = center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2
            shown[at] = (
                0
                if x <= low
                else 255
                if x > high
                else ((x - (center - 0.5)) / (width - 1) + 0.5) * 255
            )
    return shown


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(1500, 800), (2000, 4000), (100, 50)])
def test_the_window_is_that_of_the_standard_after_the_rescale(function, center, width):
    data = dicom(
        RescaleSlope=2,
        RescaleIntercept=-1000,
        WindowCenter=center,
        WindowWidth=width,
        VOILUTFunction=function,
    )
    expected = by_the_standard(RAMP * 2.0 - 1000, center, width, function)
    assert np.abs(images.decode(data) - expected).max() <= 0.51


def test_the_first_of_several_windows_counts():
    several = dicom(WindowCenter=[1000, 3000], WindowWidth=[500, 10])
    assert np.array_equal(
        images.decode(several), images.decode(dicom(WindowCenter=1000, WindowWidth=500))
    )


@pytest.mark.parametrize("width", [0, -5, 0.5])
def test_an_impossible_window_gives_way_to_the_range_and_a_note_names_it(width):
    found = images.look(dicom(WindowCenter=10, WindowWidth=width))
    assert np.array_equal(found.gray, images.decode(dicom()))
    assert "Window Width (0028,1051) make no possible window" in " ".join(found.notes)
    assert images.look(dicom()).notes == ()


def table_of(entries: np.ndarray, first: int, depth: int, binary: bool) -> Dataset:
    """A lookup table item; `binary` writes the entries as OW bytes instead of numbers."""
    table = Dataset()
    table.LUTDescriptor = [len(entries) % 65536, first, depth]
    table.LUTData = entries.astype("<u2").tobytes() if binary else entries.tolist()
    table["LUTDescriptor"].VR = "US"
    table["LUTData"].VR = "OW" if binary else "US"
    return table


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize(("top", "depth"), [(255, 8), (4095, 12), (65535, 16), (1023, 16)])
def test_a_voi_table_goes_before_the_window_and_its_top_is_white(top, depth, binary):
    entries = (np.linspace(0, 1, 4096) ** 2 * top).astype(np.uint16)
    table = table_of(entries, 0, depth, binary)
    gray = images.decode(dicom(VOILUTSequence=[table], WindowCenter=1, WindowWidth=1))
    assert np.abs(gray - entries[RAMP] * (255 / top)).max() <= 0.51


def test_values_beside_a_table_take_its_ends():
    table = table_of(np.array([7, 10, 20, 40], np.uint16), 1000, 16, False)
    gray = images.decode(dicom(VOILUTSequence=[table]))
    assert set(gray[RAMP < 1000].tolist()) == {round(7 / 40 * 255)}
    assert set(gray[RAMP > 1003].tolist()) == {255}


def test_a_modality_table_comes_before_the_window():
    table = table_of(np.arange(4096)[::-1].astype(np.uint16), 0, 16, True)
    table.ModalityLUTType = "US"
    window = {"WindowCenter": 2000, "WindowWidth": 1000}
    gray = images.decode(dicom(ModalityLUTSequence=[table], **window))
    expected = by_the_standard(4095.0 - RAMP, 2000, 1000, "LINEAR")
    assert np.abs(gray - expected).max() <= 0.51


def test_a_table_shorter_than_it_says_is_refused():
    table = table_of(np.arange(100, dtype=np.uint16), 0, 16, False)
    table.LUTDescriptor = [4096, 0, 16]
    assert "damaged" in refusal(dicom(VOILUTSequence=[table]))


def test_signed_pixels_are_read_as_signed():
    signed = (RAMP.astype(np.int16) - 1000).astype(np.int16)
    data = dicom(signed, PixelRepresentation=1, BitsStored=16, HighBit=15)
    assert np.array_equal(images.decode(data), images.decode(dicom()))


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_does_not_enter_the_range(photometric):
    padded = np.clip(RAMP, 1000, 2000)
    padded[:4] = 4095
    gray = images.decode(
        dicom(padded, PixelPaddingValue=4095, PhotometricInterpretation=photometric)
    )
    assert (gray[:4] == 0).all()
    assert set(gray[4:].ravel().tolist()) >= {0, 255}


def test_a_picture_of_only_padding_is_black():
    assert images.decode(dicom(np.full((24, 32), 7, np.uint16), PixelPaddingValue=7)).max() == 0


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_both_uncompressed_encodings_read_alike(syntax):
    assert np.array_equal(images.decode(dicom(syntax=syntax)), images.decode(dicom()))


def compressed() -> bytes:
    import pydicom

    made = pydicom.dcmread(io.BytesIO(dicom()))
    made.compress(RLELossless, generate_instance_uid=False)
    buffer = io.BytesIO()
    made.save_as(buffer)
    return buffer.getvalue()


def test_run_length_compression_is_read():
    assert np.array_equal(images.decode(compressed()), images.decode(dicom()))


def jpeg_in_dicom(picture: np.ndarray, photometric: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=95)
    return dicom(
        picture,
        syntax=JPEGBaseline8Bit,
        SamplesPerPixel=1 if picture.ndim == 2 else 3,
        PlanarConfiguration=None if picture.ndim == 2 else 0,
        PhotometricInterpretation=photometric,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelData=encapsulate([buffer.getvalue()]),
    )


@pytest.mark.parametrize(("photometric", "bands"), [("MONOCHROME2", 1), ("YBR_FULL_422", 3)])
def test_jpeg_compression_is_read(photometric, bands):
    ramp = np.add.outer(np.arange(24) * 4, np.arange(32) * 5).astype(np.uint8)
    picture = ramp if bands == 1 else np.dstack([ramp, ramp // 2, 255 - ramp])
    luma = picture if bands == 1 else picture @ np.array([0.299, 0.587, 0.114])
    # A gray picture without a window is shown by its own range.
    expected = (luma - luma.min()) * (255 / np.ptp(luma)) if bands == 1 else luma
    assert np.abs(images.decode(jpeg_in_dicom(picture, photometric)) - expected).mean() < 2


def test_colour_becomes_luma():
    rgb = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    data = dicom(
        rgb,
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=0,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
    )
    assert np.abs(images.decode(data) - rgb @ np.array([0.299, 0.587, 0.114])).max() <= 0.51


def test_three_frames_are_refused():
    data = dicom(NumberOfFrames=3, PixelData=np.stack([RAMP] * 3).tobytes())
    assert "3 frames" in refusal(data)
    with pytest.raises(ImageError, match="3 frames"):
        images.header(data)


def test_one_declared_frame_is_read():
    assert images.decode(dicom(NumberOfFrames=1)).shape == (24, 32)


def test_a_file_without_pixels_is_refused():
    assert "without pixels" in refusal(dicom(PixelData=None))


def test_palette_colours_are_refused():
    assert "PALETTE COLOR" in refusal(dicom(PhotometricInterpretation="PALETTE COLOR"))


def test_a_huge_picture_is_refused_from_its_header():
    assert "is too large: 20000 x 20000" in refusal(dicom(Rows=20000, Columns=20000))


def test_a_picture_of_one_pixel_is_refused():
    assert "is too small: 1 x 1" in refusal(dicom(np.zeros((1, 1), np.uint16)))


def test_a_deflated_file_is_refused_before_it_is_inflated():
    assert "deflated DICOM" in refusal(dicom(syntax=DeflatedExplicitVRLittleEndian))


def test_a_compression_that_is_not_read_is_named():
    message = refusal(dicom(syntax=MPEG2MPML, PixelData=encapsulate([b"film"])))
    assert "compressed as MPEG2 Main Profile / Main Level, which is not read" in message
    assert "JPEG 2000" in message


@pytest.mark.parametrize("share", [0.2, 0.5, 0.95])
def test_a_file_that_is_cut_short_is_refused(share):
    data = dicom()
    assert refusal(data[: int(len(data) * share)]).startswith("a.dcm ")


def test_messages_never_quote_what_the_file_says_of_the_patient():
    center = b"\x28\x00\x50\x10DS\x08\x00"  # (0028,1050), 8 characters
    good = dicom(WindowCenter="12345.67", WindowWidth=5)
    assert good.count(center) == 1
    found = images.look(good.replace(center + b"12345.67", center + b"MrSecret"))
    assert "Window Center (0028,1050)" in found.notes[0]
    assert "Secret" not in " ".join(found.notes)
    refused = refusal(dicom(Rows=("LO", b"MrSecret")))
    assert "Rows (0028,0010) is no number" in refused


SEEDS = [dicom(), dicom(WindowCenter=1000, WindowWidth=50, PixelPaddingValue=0), compressed()]


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(SEEDS),
    # Most of the small files is pixels: aim at the 900 bytes of elements before them.
    st.lists(
        st.tuples(st.integers(128, 900), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4
    ),
    st.one_of(st.none(), st.integers(132, 2000)),
)
def test_mutated_files_give_a_picture_or_an_image_error(seed, changes, cut):
    data = bytearray(seed)
    for at, what in changes:
        data[at : at + len(what)] = what
    for read in (images.decode, images.header):
        try:
            read(bytes(data[:cut]))
        except ImageError as error:
            assert "\n" not in str(error)  # noqa: PT017
