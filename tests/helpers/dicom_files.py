"""Small DICOM files for tests: one gray ramp of 12 bits, uncompressed or in any syntax."""

import io

import numpy as np
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

# What must never leave a file: looked for in messages, tables and everything on disk.
SECRETS = {
    "PatientName": "Secret^Person",
    "PatientID": "SECRET-4711",
    "PatientBirthDate": "19010203",
    "StudyDate": "20190807",
    "InstitutionName": "Secret Hospital",
    "AccessionNumber": "SECRETACC99",
}
RAMP = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) * 5  # 0..3835, 12 bits


def dicom(pixels: np.ndarray = RAMP, syntax: str = ExplicitVRLittleEndian, **tags: object) -> bytes:
    """A small DICOM file of one gray picture; tags replace or add elements, None removes.

    A pair of a VR and bytes is written as it is, however wrong.
    """
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    made.SOPClassUID, made.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3"
    for tag, value in SECRETS.items():
        setattr(made, tag, value)
    made.Rows, made.Columns = pixels.shape[:2]
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 12, 11
    made.PixelRepresentation = 0
    made.PixelData = pixels.tobytes()
    for tag, value in tags.items():
        if isinstance(value, tuple):
            key = Tag(tag_for_keyword(tag))
            made[key] = RawDataElement(key, value[0], len(value[1]), value[1], 0, False, True)
        elif value is not None:
            setattr(made, tag, value)
        elif tag in made:
            delattr(made, tag)
    if "PixelData" in made:
        made["PixelData"].VR = "OW" if made.get("BitsAllocated") == 16 else "OB"
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
