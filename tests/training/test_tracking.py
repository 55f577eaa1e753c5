"""A training as TensorBoard shows it while it goes on, and across an interruption."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from cxrcore import training
from cxrcore.errors import Cancelled, StoreError
from cxrcore.models import networks
from cxrcore.training import session
from tests.helpers.events import scalars

pytestmark = [
    pytest.mark.usefixtures("prepared"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def small(recipe, classes, weights=None, report=None):
    """A network that is quick to trace."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(recipe.seed)
    inputs = keras.Input((recipe.image_size, recipe.image_size, 3), name="image")
    x = layers.Flatten()(layers.Conv2D(4, 5, strides=4, activation="relu")(inputs))
    return keras.Model(inputs, layers.Dense(len(classes), "softmax", name="predictions")(x))


@pytest.fixture(autouse=True)
def small_network(monkeypatch):
    monkeypatch.setattr(networks, "build", small)


def losses(folder: Path) -> list[tuple[int, float]]:
    return scalars(folder).get("val_loss", [])


def test_each_epoch_is_there_when_it_ends_and_once_after_a_resume(make_spec, tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_TENSORBOARD", str(tmp_path / "boards"))
    spec = make_spec(epochs=4)
    place, seen = tmp_path / "boards" / spec.run_id, []

    def report(progress):
        if progress.stage == "training" and len(progress.history) > len(seen):
            seen.append(losses(place))

    options = {"checkpoint": tmp_path / "checkpoint", "report": report}
    with pytest.raises(Cancelled):
        training.train(spec, **options, should_stop=lambda: len(seen) >= 2)
    assert [len(found) for found in seen] == [1, 2]
    run = training.train(spec, **options)
    expected = run.history()["val_loss"].astype(np.float32)
    assert losses(place) == list(zip(range(1, 5), expected, strict=True))
    shutil.rmtree(place)
    training.train(spec)  # it is in the store: nothing is trained, nothing written
    assert not place.exists()


def test_an_epoch_that_was_kept_but_not_written_is_written_by_the_next_sitting(
    make_spec, tmp_path, monkeypatch
):
    monkeypatch.setenv("CXR_TENSORBOARD", str(tmp_path / "boards"))
    spec = make_spec(epochs=1)

    def full(*_):
        raise StoreError("full")

    with monkeypatch.context() as patched:
        patched.setattr(session, "save", full)
        with pytest.raises(StoreError, match="full"):
            training.train(spec, checkpoint=tmp_path / "checkpoint")
    shutil.rmtree(tmp_path / "boards")  # as if it had been killed after it kept the last epoch
    run = training.train(spec, checkpoint=tmp_path / "checkpoint")
    expected = [(1, np.float32(run.history()["val_loss"][0]))]
    assert losses(tmp_path / "boards" / spec.run_id) == expected


def test_a_training_goes_on_where_its_board_cannot_be_written(make_spec, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CXR_TENSORBOARD", str(tmp_path / "file"))
    run = training.train(make_spec(epochs=1))
    assert run.log().count("could not be written") == 1
    assert not any("could not be written" in note for note in run.notes)  # notes leave the machine
