"""Many films: rows in order, a few ahead and no more, through a worker or here."""

import numpy as np
import pytest
from PIL import Image

from cxrcore.errors import ImageError
from cxrcore.films import Film
from cxrcore.inference import Prediction, batch, films_in, series


@pytest.fixture
def folder(tmp_path):
    for number in range(20):
        gray = np.full((20, 20), number, np.uint8)
        Image.fromarray(gray).save(tmp_path / f"{number:02}.png")
    (tmp_path / "05.png").write_bytes(b"no picture")
    return tmp_path


class FakeDecoder:
    """Decodes in this process and counts."""

    def __init__(self):
        self.begun = 0
        FakeDecoder.last = self

    def decode(self, file, page):
        self.begun += 1
        return Film.read(file, page=page)

    def close(self):
        self.closed = True


class FakeWorker:
    def predict(self, film, run_ids, *, methods, session):
        assert (methods, session) == ((), "me")
        return [Prediction(f"{run} of {film.gray[0, 0]}") for run in run_ids]


def test_rows_come_in_order_and_films_are_read_only_a_few_ahead(folder, monkeypatch):
    monkeypatch.setattr(series, "Decoder", FakeDecoder)
    heard = []
    rows = batch([folder], ["a", "b"], worker=FakeWorker(), session="me", report=heard.append)
    for number, row in enumerate(rows):
        assert row.file.name == f"{number:02}.png"
        assert FakeDecoder.last.begun <= number + 1 + series._AHEAD
        if number == 5:
            assert (row.film, row.predictions) == (None, ())
            assert "05.png is not an image" in row.error
        else:
            assert [said.run_id for said in row.predictions] == [f"a of {number}", f"b of {number}"]
    assert [progress.done for progress in heard] == list(range(1, 21))
    assert heard[-1].total == 20
    assert FakeDecoder.last.closed


def test_who_stops_listening_stops_the_work(folder, monkeypatch):
    monkeypatch.setattr(series, "Decoder", FakeDecoder)
    rows = batch([folder], ["a"], worker=FakeWorker(), session="me")
    next(rows)
    rows.close()
    assert FakeDecoder.last.closed
    assert FakeDecoder.last.begun < 20


def test_a_named_file_counts_whatever_its_ending(folder):
    (folder / "note.txt").write_text("x")
    assert [path.name for path in films_in([folder / "note.txt"])] == ["note.txt"]
    assert "note.txt" not in [path.name for path in films_in([folder])]
    with pytest.raises(ImageError, match="no file or folder"):
        films_in([folder / "gone"])
