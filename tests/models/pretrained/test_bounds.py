"""Files of weights that claim more than weights need: refused before anything is read."""

import resource
import tempfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from cxrcore.errors import WeightsError
from cxrcore.models.pretrained import bounds
from cxrcore.models.pretrained.reader import open_weights

KERNEL = np.random.default_rng(0).normal(size=(3, 3, 1, 8)).astype(np.float32)


def weights(path: Path) -> Path:
    """One layer in the layout of Keras 3."""
    with h5py.File(path, "w") as file:
        file["layers/conv2d/vars/0"] = KERNEL
    return path


def circle(file: h5py.File) -> None:
    file["layers/conv2d/again"] = file["layers"]


def twice(file: h5py.File) -> None:
    for number in range(1, 1000):
        file[f"layers/conv2d/vars/{number}"] = file["layers/conv2d/vars/0"]


def soft(file: h5py.File) -> None:
    file["layers/dense"] = h5py.SoftLink("/layers/conv2d")


def elsewhere(file: h5py.File) -> None:
    file["layers/dense"] = h5py.ExternalLink("other.h5", "/layers")


def outside(file: h5py.File) -> None:
    parts = [("/etc/hostname", 0, 16)]
    file.create_dataset("layers/dense/vars/0", (4,), "f4", external=parts)


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "a", (4,))
    file.create_virtual_dataset("layers/dense/vars", layout)


def bomb(file: h5py.File) -> None:
    file.create_dataset("layers/dense/vars/0", (1 << 20, 1 << 10), "f4", chunks=(1024, 1024))


def packed(file: h5py.File) -> None:
    zeros = np.zeros((6 << 20, 4), np.float32)
    file.create_dataset("layers/dense/vars/0", data=zeros, compression="gzip", chunks=(1 << 20, 4))


def deep(file: h5py.File) -> None:
    file.create_group("layers/" + "/".join("a" * 100))


def crowded(file: h5py.File) -> None:
    for number in range(60):
        file.create_group(f"layers/{number}")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (circle, "leads to one place twice, at 'again'"),
        (twice, "leads to one place twice"),
        (soft, "refers to other files at 'dense'"),
        (elsewhere, "refers to other files at 'dense'"),
        (outside, "refers to other files at '0'"),
        (virtual, "refers to other files at 'vars'"),
        (bomb, "unpacks to more than"),
        (packed, "unpacks to more than"),
        (deep, "groups in groups"),
        (crowded, "more than 50 parts"),
    ],
)
def test_what_weights_never_need_is_refused(tmp_path, spoil, said, monkeypatch):
    monkeypatch.setattr(bounds, "_MOST_PARTS", 50 if spoil is crowded else 100_000)
    file = weights(tmp_path / "m.weights.h5")
    with h5py.File(file, "a") as opened:
        spoil(opened)
    with pytest.raises(WeightsError, match=said) as error, open_weights(file):
        pass
    assert str(error.value).startswith(str(file))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("compression", [None, "gzip", "lzf"])
def test_plain_weights_are_read(tmp_path, compression):
    file = weights(tmp_path / "m.weights.h5")
    with h5py.File(file, "a") as opened:
        opened.create_dataset("layers/dense/vars/0", data=KERNEL, compression=compression)
    with open_weights(file) as content:
        assert [layer.name for layer in content.layers] == ["conv2d", "dense"]
        np.testing.assert_array_equal(content.layers[1].arrays[0], KERNEL)


def test_a_packed_archive_of_zeros_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    file = tmp_path / "m.keras"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(40_000_000))
        archive.writestr("config.json", "{}")
    with pytest.raises(WeightsError, match="times its size"), open_weights(file):
        pass
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_text_that_claims_gigabytes_is_tried_elsewhere_and_refused(tmp_path):
    file = weights(tmp_path / "m.weights.h5")
    with h5py.File(file, "a") as opened:
        opened["layers/conv2d/vars"].attrs["name"] = "a name of my own"
    data = bytearray(file.read_bytes())
    at = data.find(len("a name of my own").to_bytes(4, "little"), data.find(b"name\0"))
    data[at : at + 4] = (0xF000_0000).to_bytes(4, "little")  # the length in the reference
    file.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WeightsError, match="cannot be read as Keras weights"), open_weights(file):
        pass
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB
