"""Decoding apart: what comes back, what a hostile file can do, and who waits for it."""

import io
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from cxrcore import images
from cxrcore.errors import ImageError
from cxrcore.films import Decoder, Film
from cxrcore.films import decoder as decoders
from tests.helpers import hostile
from tests.helpers.dicom_files import RAMP, dicom

RED = np.random.default_rng(0).integers(0, 256, (60, 40, 3), np.uint8)


def png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def decoder():
    """Two processes for the whole file."""
    decoder = Decoder()
    yield decoder
    decoder.close()


def test_a_film_comes_back_as_it_is_read_here(decoder, tmp_path):
    file = tmp_path / "film.dcm"
    file.write_bytes(dicom(ViewPosition="LL"))
    for source in (png(RED), file, dicom(), dicom(PixelRepresentation=None)):
        there, here = decoder.decode(source), Film.read(source)
        assert (there.name, there.digest, there.view) == (here.name, here.digest, here.view)
        assert there.notes == here.notes
        np.testing.assert_array_equal(there.gray, here.gray)
        if here.chroma is None:
            assert there.chroma is None
        else:
            np.testing.assert_array_equal(there.chroma, here.chroma)


def test_the_digest_is_the_image_id_that_a_dataset_gives(tiny, decoder):
    image_id = tiny.table["image_id"].iloc[0]
    assert decoder.decode(tiny.path_of(image_id)).digest == image_id


def test_a_file_that_cannot_be_used_is_refused_with_the_sentence_of_here(decoder, monkeypatch):
    with pytest.raises(ImageError) as here:
        images.decode(b"no picture", name="my film")
    with pytest.raises(ImageError) as there:
        decoder.decode(b"no picture", name="my film")
    assert str(there.value) == str(here.value)
    with pytest.raises(ImageError, match=r"nowhere\.png cannot be read"):
        decoder.decode(Path("nowhere.png"))
    monkeypatch.setenv("CXR_MAX_PIXELS", "100")
    with pytest.raises(ImageError, match="up to 100 are decoded"):
        decoder.decode(png(RED))


@pytest.mark.parametrize(
    "make",
    [
        lambda: hostile.repeated_scan(times=3000),
        lambda: hostile.noted_png(2_000_000),
        lambda: hostile.wide_png(8000),
        lambda: hostile.tiled_jpeg_2000(RAMP.shape[0] * 64, 4096),
    ],
    ids=["repeated scan", "text chunks", "RGBA16", "JPEG 2000 tiles"],
)
def test_files_that_claim_much_are_refused_in_time_and_memory(decoder, make):
    data = make()
    start = time.monotonic()
    with pytest.raises(ImageError, match=r"more than|too large"):
        decoder.decode(data)
    assert time.monotonic() - start < 5
    assert all(peak_mb(pid) < 500 for pid in decoder.pids)


def test_a_large_film_is_read_or_refused_within_the_memory(decoder):
    large = np.zeros((4000, 4000), np.uint16)
    film = decoder.decode(dicom(large, WindowCenter=9, WindowWidth=9, RescaleSlope=1))
    assert film.gray.shape == (4000, 4000)
    with pytest.raises(ImageError, match="more memory"):
        decoder.decode(hostile.wide_png(8000, depth=8))
    assert all(peak_mb(pid) < 500 for pid in decoder.pids)
    assert decoder.decode(png(RED)).gray.shape == (60, 40)


def peak_mb(pid):
    """The largest resident set that a process ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


# Files that hang or crash it


@pytest.fixture
def hung():
    """A decoder whose first process stands still, and that process."""
    decoder = Decoder(seconds=1)
    for _ in range(2):
        decoder.decode(png(RED))  # both have started
    process = psutil.Process(decoder.pids[0])
    process.suspend()
    yield decoder, process
    decoder.close()


def test_what_outlives_its_time_is_given_up_while_the_next_visitor_does_not_wait(hung):
    decoder, process = hung
    caught = []

    def give_up():
        with pytest.raises(ImageError, match=r"slow\.png could not be read in 1 s") as error:
            decoder.decode(png(RED), name="slow.png", session="a")
        caught.append(error)

    thread = threading.Thread(target=give_up)
    thread.start()
    while process.pid in decoder.pids:
        time.sleep(0.01)
    start = time.monotonic()
    decoder.decode(png(RED), session="b")
    assert time.monotonic() - start < 0.9  # the other waits for a second
    assert thread.is_alive()
    thread.join()
    assert caught
    assert not process.is_running()
    assert len(decoder.pids) == 2
    for _ in range(2):  # the new process works as well
        assert decoder.decode(png(RED)).gray.shape == (60, 40)


def test_a_file_that_kills_the_process_is_refused_and_the_process_replaced(hung):
    decoder, process = hung
    threading.Timer(0.2, process.kill).start()
    with pytest.raises(ImageError, match="the process that tried it ended"):
        decoder.decode(png(RED))
    assert process.pid not in decoder.pids
    assert len(decoder.pids) == 2


def test_a_process_that_died_unused_is_replaced_without_a_word(hung):
    decoder, process = hung
    process.kill()
    process.wait(10)
    assert decoder.decode(png(RED)).gray.shape == (60, 40)


def test_a_visitor_who_leaves_ends_the_work_on_the_file(hung):
    decoder, process = hung

    def leave(wait):
        raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        decoder.decode(png(RED), on_wait=leave)
    assert time.monotonic() - start < 0.9
    assert not process.is_running()


def test_the_process_loads_neither_tensorflow_nor_pandas(decoder):
    files = {Path(entry.path).name for entry in psutil.Process(decoder.pids[0]).memory_maps()}
    assert any("numpy" in name or "multiarray" in name for name in files)
    assert not any("tensorflow" in name or "pandas" in name or "arrow" in name for name in files)


def test_an_altered_film_has_a_digest_of_its_own():
    film = Film.read(png(RED))
    brighter = film.altered(film.gray // 2, "darker")
    assert brighter.digest != film.digest
    assert brighter.digest == film.altered(film.gray, "darker").digest
    assert (brighter.name, brighter.chroma is film.chroma) == (film.name, True)


def test_the_limit_of_memory_leaves_room_for_libraries():
    assert decoders.DATA_BYTES + 60e6 < 500e6
