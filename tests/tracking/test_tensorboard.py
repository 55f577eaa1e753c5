"""Event files, read back by TensorFlow and by TensorBoard."""

import sys

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cxrcore import models
from cxrcore.errors import StoreError, TrackingError
from cxrcore.tracking.tensorboard import Board, write_events
from tests.helpers.events import scalars

COLUMNS = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")


def rows(*losses: float) -> list[dict[str, float | int]]:
    return [
        {
            "epoch": number,
            "loss": loss,
            "accuracy": 0.5,
            "val_loss": 2 * loss,
            "val_accuracy": 0.25,
            "learning_rate": 1e-3,
            "seconds": 4.0,
        }
        for number, loss in enumerate(losses, 1)
    ]


def test_a_run_read_back_is_its_history(kept_run, tmp_path):
    run = kept_run()
    place = write_events(run, tmp_path)
    assert place == tmp_path / run.run_id
    found, history = scalars(place), run.history()
    for name in COLUMNS:
        expected = history[name].astype(np.float32).tolist()  # what the format holds
        assert found[name] == list(zip(history["epoch"], expected, strict=True)), name
    rates = np.float32(70 / history["seconds"]).tolist()
    assert [value for _, value in found["images_per_second"]] == rates
    assert set(found) == {*COLUMNS, "images_per_second"}
    write_events(run, tmp_path)
    assert scalars(place) == found


def test_tensorboard_itself_reads_them(kept_run, tmp_path):
    run = kept_run()
    board = EventAccumulator(str(write_events(run, tmp_path)))
    board.Reload()
    history = run.history()
    for name in COLUMNS:
        found = [(event.step, event.value) for event in board.Scalars(name)]
        assert found == list(zip(history["epoch"], history[name].astype("f4"), strict=True))
    assert board.summary_metadata["recipe"].plugin_data.plugin_name == "text"


def test_epochs_can_be_watched_as_they_end(tmp_path):
    board, log = Board(tmp_path / "run", models.get("cnn-plain"), 100), []
    board.follow([], log)
    assert scalars(tmp_path / "run") == {}
    for count in (1, 2, 3):
        board.follow(rows(0.9, 0.8, 0.7)[:count], log)
        found = scalars(tmp_path / "run")
        assert [step for step, _ in found["val_loss"]] == list(range(1, count + 1))
        assert found["images_per_second"] == [(step, 25.0) for step in range(1, count + 1)]
    assert log == []


@pytest.mark.parametrize("kept", [1, 2, 4])
def test_a_resumed_training_has_each_epoch_once_as_it_went_on(tmp_path, kept):
    """Whether the process before wrote an epoch too many (1, 2 are kept), or one too few (4)."""
    folder, log = tmp_path / "run", []
    Board(folder).follow(rows(0.9, 0.8, 0.7), log)
    for file in folder.iterdir():  # as if it had begun a while ago
        file.rename(folder / "events.out.tfevents.1000000000.cxr")
    other = folder / "events.out.tfevents.1.somebody"
    other.write_bytes(b"")
    history = rows(0.9, 0.6, 0.5, 0.4, 0.3)
    again = Board(folder)
    for count in range(kept, 6):
        again.follow(history[:count], log)
    found = scalars(folder)["loss"]
    assert found == [(row["epoch"], np.float32(row["loss"])) for row in history]
    assert other.exists()
    # A TensorBoard that is open stays at a file that vanishes; emptied, it goes on to the next.
    assert sorted(file.stat().st_size > 0 for file in folder.glob("*.cxr")) == [False, True]
    for file in folder.glob("*.cxr"):
        file.rename(folder / f"events.out.tfevents.{file.stat().st_size}.cxr")
    Board(folder).follow(history, log)
    assert len(list(folder.glob("*.cxr"))) == 2
    assert (scalars(folder)["loss"], log) == (found, [])


def test_a_folder_that_cannot_be_written_is_told_once_and_ends_nothing(tmp_path, capfd):
    (tmp_path / "file").write_text("in the way")
    board, log = Board(tmp_path / "file" / "run"), []
    board.follow(rows(0.9), log)
    board.follow(rows(0.9, 0.8), log)
    [line] = log
    assert "could not be written" in line
    assert "the training goes on without" in line
    assert line in capfd.readouterr().err


def test_a_run_that_cannot_be_written_is_an_error_with_the_folder(kept_run, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"file/.* could not be written: .*another folder"):
        write_events(kept_run(), tmp_path / "file")


def test_without_the_package_a_training_goes_on_and_says_what_to_install(
    kept_run, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)
    board, log = Board(tmp_path / "run"), []
    board.follow(rows(0.9), log)
    board.follow(rows(0.9, 0.8), log)
    [line] = log
    assert "tensorboard is not installed" in line
    assert "pip install -r requirements-tensorboard.txt" in line
    assert "the training goes on without" in line
    with pytest.raises(TrackingError, match=r"requirements-tensorboard\.txt"):
        write_events(kept_run(), tmp_path)
    assert not (tmp_path / "run").exists()


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Board().follow(rows(0.9), [])
    assert list(tmp_path.iterdir()) == []
