"""A zip of films: what is in it, what is left out, and what is refused."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from cxrcore import films
from cxrcore.errors import DatasetError, ImageError
from cxrcore.films import uploads
from tests.helpers.dicom_files import dicom

BUFFER = io.BytesIO()
Image.fromarray(np.zeros((20, 20), np.uint8)).save(BUFFER, "PNG")
PNG = BUFFER.getvalue()


def zipped(**content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in content.items():
            opened.writestr(name, data)
    return buffer.getvalue()


def test_a_film_is_itself_and_a_zip_is_its_films():
    assert films.unpacked("a.png", PNG) == [("a.png", PNG)]
    inside = {"ward/b.png": PNG, "IM000001": dicom(), "ward/list.csv": b"a,b"}
    inside |= {"__MACOSX/ward/._b.png": b"x", "ward/.hidden.png": PNG}
    assert films.unpacked("films.zip", zipped(**inside)) == [
        ("ward/b.png", PNG),
        ("IM000001", dicom()),
    ]


@pytest.mark.parametrize(
    ("data", "error", "why"),
    [
        (zipped(**{"notes.txt": b"x"}), ImageError, "without a film"),
        (zipped(**{"../b.png": PNG}), DatasetError, "leads out of the folder"),
        (zipped(**{"b.png": bytes(40_000_000)}), DatasetError, "a zip bomb"),
        (zipped(**{f"{n}.png": b"" for n in range(2_001)}), DatasetError, "more than 2,000 files"),
        (zipped(**{"b.png": PNG})[:-30], DatasetError, "damaged"),
    ],
    ids="no-film outside bomb many cut".split(),
)
def test_a_zip_that_cannot_be_used_is_refused(data, error, why):
    with pytest.raises(error, match=why):
        films.unpacked("films.zip", data)


def test_what_an_entry_says_of_its_size_is_not_believed(monkeypatch):
    data = bytearray(zipped(**{"b.png": bytes(3_000_000)}))
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")  # in the list: 10 bytes
    monkeypatch.setattr(uploads, "MAX_BYTES", 1_000_000)
    with pytest.raises(DatasetError):
        films.unpacked("films.zip", bytes(data))
