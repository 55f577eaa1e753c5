import errno
import os

import numpy as np
import pytest

from cxrcore import files
from cxrcore.errors import StoreError
from cxrcore.training.checkpoint import Checkpoint, State


@pytest.fixture
def model():
    import keras

    keras.utils.set_random_seed(0)
    net = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dropout(0.5), keras.layers.Dense(3, "softmax")]
    )
    net.compile("adam", "sparse_categorical_crossentropy")
    net.optimizer.build(net.trainable_variables)
    disturb(net)
    return net


def disturb(net) -> None:
    """Change every variable, as a step of training would."""
    for variable in [*net.variables, *net.optimizer.variables]:
        variable.assign(variable + 1)


def values(variables):
    return [np.asarray(variable).copy() for variable in variables]


def state(epoch: int, **changes: object) -> State:
    known = {"run_id": "a-1", "precision": "float32", "weights_used": "random", "epoch": epoch}
    return State(**(known | changes))


def test_weights_dropout_state_and_optimiser_come_back(model, tmp_path):
    checkpoint = Checkpoint(tmp_path / "new" / "folder")
    before = values(model.variables), values(model.optimizer.variables)
    assert any(v.dtype == np.int64 for v in before[0])  # the seed generator of the dropout
    checkpoint.save(state(1), model)
    disturb(model)
    checkpoint.restore(model, 1)
    checkpoint.restore_optimizer(model, 1)
    after = values(model.variables), values(model.optimizer.variables)
    for expected, found in zip(before, after, strict=True):
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_array_equal(one, other)
    assert checkpoint.load("a-1") == state(1)


def test_only_the_last_and_the_best_epoch_are_kept(model, tmp_path):
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save(state(1), model)
    checkpoint.save(state(2, best_epoch=2), model)
    checkpoint.save(state(3, best_epoch=2), model)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["model-2.npz", "model-3.npz", "optimizer-3.npz", "state.json"]
    assert state(3, best_epoch=2).chosen_epoch == 2
    assert state(3).chosen_epoch == 3
    checkpoint.remove()
    assert not tmp_path.exists()


def test_no_epoch_done_is_no_state(tmp_path):
    assert Checkpoint(tmp_path / "missing").load("a-1") is None


def test_a_full_disk_keeps_the_checkpoint_of_the_epoch_before(model, tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save(state(1), model)
    before = sorted(path.name for path in tmp_path.iterdir())

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        checkpoint.save(state(2), model)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert checkpoint.load("a-1").epoch == 1


@pytest.mark.parametrize("name", ["model-2.npz", "optimizer-2.npz", "state.json"])
def test_what_was_written_before_the_disk_was_full_takes_up_no_room(
    model, tmp_path, monkeypatch, name
):
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save(state(1), model)
    before = sorted(path.name for path in tmp_path.iterdir())
    replace = os.replace

    def full(source, target):
        if target.name == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StoreError, match=rf"{name} could not be written.*kB needed"):
        checkpoint.save(state(2), model)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    checkpoint.restore(model, checkpoint.load("a-1").epoch)


def test_a_power_cut_at_any_moment_leaves_a_state_with_its_arrays(model, tmp_path, monkeypatch):
    """Names reach the disk in any order, unless the folder is synchronised in between."""
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save(state(1), model)
    on_disk = []

    def sync(folder):
        on_disk.append({path.name for path in folder.iterdir()} | {checkpoint.load("a-1").epoch})

    monkeypatch.setattr(files, "sync_folder", sync)
    checkpoint.save(state(2), model)
    both = {f"{kind}-{epoch}.npz" for kind in ("model", "optimizer") for epoch in (1, 2)}
    assert on_disk == [both | {"state.json", 1}, both | {"state.json", 2}]
    assert not (tmp_path / "model-1.npz").exists()


def test_what_a_killed_process_left_half_written_is_removed(model, tmp_path):
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save(state(1), model)
    (tmp_path / ".model-2.npz.0123456789ab").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("somebody else's")
    assert checkpoint.load("a-1").epoch == 1
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["model-1.npz", "notes.txt", "optimizer-1.npz", "state.json"]


def test_a_flipped_bit_is_damage(model, tmp_path):
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save(state(1), model)
    path = tmp_path / "model-1.npz"
    content = bytearray(path.read_bytes())
    weights = np.asarray(model.variables[-2]).tobytes()
    content[content.index(weights)] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged: model-1\.npz"):
        checkpoint.restore(model, 1)


@pytest.mark.parametrize("name", ["state.json", "model-1.npz", "optimizer-1.npz"])
@pytest.mark.parametrize("damage", [b"", b"{}", None])
def test_a_damaged_checkpoint_says_so_and_does_not_begin_again_silently(
    model, tmp_path, name, damage
):
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save(state(1), model)
    if damage is None:
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
    else:
        (tmp_path / name).write_bytes(damage)
    with pytest.raises(StoreError, match=rf"damaged: {name}.*Delete that folder"):
        checkpoint.load("a-1")
        checkpoint.restore(model, 1)
        checkpoint.restore_optimizer(model, 1)


def test_a_checkpoint_without_its_arrays_is_damaged(model, tmp_path):
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save(state(1), model)
    (tmp_path / "model-1.npz").unlink()
    with pytest.raises(StoreError, match=r"damaged: model-1\.npz"):
        checkpoint.load("a-1")


def test_the_checkpoint_of_another_network_does_not_fit(model, tmp_path):
    import keras

    Checkpoint(tmp_path).save(state(1), model)
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(StoreError, match="damaged"):
        Checkpoint(tmp_path).restore(other, 1)


def test_the_checkpoint_of_another_run_is_refused(model, tmp_path):
    Checkpoint(tmp_path).save(state(1), model)
    with pytest.raises(StoreError, match="belongs to a-1, not to b-2"):
        Checkpoint(tmp_path).load("b-2")
