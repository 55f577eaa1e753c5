"""weights list|get|check|import and import-weights, on files in the layouts that were published."""

import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from cxrcore import models, store
from cxrcore.models import networks, pretrained, registry
from tests.helpers import short_trunks

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.usefixtures("short_trunks"),
]

CHEXNET = pretrained.SOURCES["chexnet"].file_name


@pytest.fixture(autouse=True)
def no_cache_of_keras(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


def write_keras2(path: Path, model: keras.Model) -> Path:
    """As CheXNet-Keras (Keras 2) wrote weights: the first layers are conv1/conv and conv1/bn."""
    with h5py.File(path, "w") as file:
        names = []
        for layer in model.layers:
            old = {"conv1_conv": "conv1/conv", "conv1_bn": "conv1/bn"}.get(layer.name, layer.name)
            names.append(old.encode())
            group = file.create_group(old)
            variables = [*layer.trainable_weights, *layer.non_trainable_weights]
            words = [f"{old}/{variable.name}:0" for variable in variables]
            group.attrs["weight_names"] = [word.encode() for word in words]
            for word, variable in zip(words, variables, strict=True):
                group.create_dataset(word, data=variable.numpy())
        file.attrs["layer_names"] = names
    return path


def densenet(outputs: int) -> keras.Model:
    base = short_trunks.densenet121(
        include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg"
    )
    end = keras.layers.Dense(outputs, "sigmoid", name="predictions")(base.output)
    model = keras.Model(base.input, end)
    rng = np.random.default_rng(3)
    model.set_weights([0.05 + 0.05 * rng.random(w.shape, "float32") for w in model.weights])
    return model


@pytest.fixture(scope="module")
def donor():
    return densenet(14)


@pytest.fixture(scope="module")
def chexnet_file(donor, tmp_path_factory):
    return write_keras2(tmp_path_factory.mktemp("weights") / "downloaded (1).h5", donor)


def test_the_list_names_every_file_its_recipes_hash_and_origin(run):
    code, out, _ = run("weights", "list", "--json")
    found = {row["kind"]: row for row in json.loads(out)["weights"]}
    assert code == 0
    assert set(found) == set(pretrained.SOURCES)
    assert found["chexnet"]["recipes"] == ["chexnet", "chexnet-probe"]
    assert found["imagenet:resnet50"]["md5"] == pretrained.SOURCES["imagenet:resnet50"].md5
    assert "resnet50-masked" in found["imagenet:resnet50"]["recipes"]
    assert all(row["path"] is None for row in found.values())
    for row in found.values():
        assert row["address"] in row["advice"]
        assert f"weights import {row['file']}" in row["advice"]
        assert (row["md5_here"], row["as_published"], row["state"]) == (None, None, "missing")
    code, out, _ = run("weights", "list")
    assert code == 0
    assert "missing" in out
    assert "--weights random" in out


def test_of_a_file_that_is_here_the_list_says_where_it_came_from_and_whether_it_is_that_one(
    run, own_folders, monkeypatch
):
    folder = own_folders.data / "weights"
    folder.mkdir(parents=True)
    for kind in ("imagenet:resnet50", "imagenet:xception", "chexnet"):
        (folder / pretrained.SOURCES[kind].file_name).write_bytes(b"what was downloaded")
    own = hashlib.md5(b"what was downloaded").hexdigest()
    right = replace(pretrained.SOURCES["imagenet:resnet50"], md5=own)
    monkeypatch.setitem(registry.models().sources, "imagenet:resnet50", right)

    found = {r["kind"]: r for r in json.loads(run("weights", "list", "--json")[1])["weights"]}
    told = {kind: (row["state"], row["as_published"]) for kind, row in found.items()}
    assert told["imagenet:resnet50"] == ("here, as published", True)
    assert told["imagenet:xception"] == ("here, another file", False)
    assert told["chexnet"] == ("here, not compared", None)
    assert told["imagenet:densenet121"] == ("missing", None)
    assert found["imagenet:xception"]["md5"] == pretrained.SOURCES["imagenet:xception"].md5
    assert {found[kind]["md5_here"] for kind in ("imagenet:xception", "chexnet")} == {own}
    for row in found.values():
        assert row["address"] in row["advice"]
    assert "Nothing to do" in found["imagenet:resnet50"]["advice"]
    assert "weights get imagenet:xception" in found["imagenet:xception"]["advice"]
    out = run("weights", "list")[1]
    assert "published checksum" in out
    assert f"Its own MD5 is {own}." in out


def test_the_chexnet_file_is_recognised_put_in_its_place_checked_and_used(
    run, donor, chexnet_file, own_folders
):
    code, out, err = run("weights", "import", chexnet_file, "--json")
    assert code == 0, err
    place = own_folders.data / "weights" / CHEXNET
    assert json.loads(out) == {"kind": "chexnet", "path": str(place)}
    assert place.read_bytes() == chexnet_file.read_bytes()
    assert [path.name for path in place.parent.iterdir()] == [CHEXNET]

    code, out, _ = run("weights", "check", "--json")
    rows = {row["kind"]: row for row in json.loads(out)["weights"]}
    assert code == 0
    assert rows["chexnet"]["state"] == "ok"
    assert rows["chexnet"]["md5"] == hashlib.md5(chexnet_file.read_bytes()).hexdigest()
    layers = sum(bool(layer.weights) for layer in donor.layers)
    assert f"all {layers} layers" in rows["chexnet"]["found"]
    assert rows["imagenet:xception"]["state"] == "missing"
    listed = json.loads(run("weights", "list", "--json")[1])["weights"]
    assert {row["kind"]: row["path"] for row in listed}["chexnet"] == str(place)
    assert run("weights", "get", "chexnet", "--json")[0] == 0
    assert run("weights", "import", chexnet_file)[0] == 0  # once more changes nothing

    model = networks.build(models.get("chexnet").override(image_size=32), 3)
    trunk, findings = model.get_layer("densenet121"), model.get_layer("findings")
    ours = [*trunk.get_weights(), *findings.get_weights()]
    assert all(map(np.array_equal, ours, donor.get_weights()))


def test_a_file_with_other_layers_is_refused_and_named(run, tmp_path, own_folders):
    file = write_keras2(tmp_path / "three.h5", densenet(3))
    code, _, err = run("weights", "import", file)
    assert code == 2
    assert f"{file} is not one of imagenet:convnext-base, " in err
    assert "import-weights RECIPE three.h5" in err
    assert "distinguishes 3 classes, here there are 14" in err
    assert not (own_folders.data / "weights").exists()


def test_another_file_in_its_place_is_not_overwritten(run, chexnet_file, own_folders):
    place = own_folders.data / "weights" / CHEXNET
    place.parent.mkdir(parents=True)
    place.write_bytes(b"mine")
    code, _, err = run("weights", "import", chexnet_file)
    assert code == 2
    assert "is another file" in err
    assert place.read_bytes() == b"mine"


def test_a_damaged_file_is_found_by_check(run, chexnet_file, own_folders):
    folder = own_folders.data / "weights"
    folder.mkdir(parents=True)
    (folder / CHEXNET).write_bytes(chexnet_file.read_bytes()[:5000])
    code, out, _ = run("weights", "check", "--json")
    rows = {row["kind"]: row for row in json.loads(out)["weights"]}
    assert (code, rows["chexnet"]["state"]) == (1, "bad")
    code, _, err = run("weights", "check", "chexnet")
    assert code == 2
    assert "cannot be read as Keras weights" in err

    name = pretrained.SOURCES["imagenet:resnet50"].file_name
    (folder / name).write_bytes(b"half a download")
    code, _, err = run("weights", "check", "imagenet:resnet50")
    assert code == 2
    assert "is damaged or is another file: its MD5 is" in err


def test_a_published_file_is_recognised_by_its_checksum_alone(
    run, tmp_path, monkeypatch, own_folders
):
    trunk = keras.applications.ResNet50(include_top=False, weights=None)
    file = write_keras2(tmp_path / "x.h5", trunk)
    code, _, err = run("weights", "import", file)  # the layers fit, the content is not Keras'
    assert code == 2
    assert "has the layers of imagenet:resnet50, but its MD5 is" in err

    source = pretrained.SOURCES["imagenet:resnet50"]
    md5 = hashlib.md5(file.read_bytes()).hexdigest()
    monkeypatch.setitem(registry.models().sources, "imagenet:resnet50", replace(source, md5=md5))
    assert run("weights", "import", file)[0] == 0
    assert (own_folders.data / "weights" / source.file_name).is_file()
    code, out, _ = run("weights", "check", "imagenet:resnet50")
    assert code == 0
    layers = sum(bool(layer.weights) for layer in trunk.layers)
    assert f"checksum as published; all {layers} layers" in " ".join(out.split())


def test_missing_weights_unknown_kinds_and_torch_files_are_one_clear_line(
    run, tmp_path, tiny_dataset_folder
):
    code, _, err = run("weights", "check", "chexnet")
    assert code == 2
    assert "must be fetched by hand" in err
    for command in ("get", "check"):
        code, _, err = run("weights", command, "nothing")
        assert code == 2
        assert "no weights called 'nothing'. Choose one of: imagenet:convnext-base, " in err
    assert run("weights", "import", tmp_path / "nowhere.h5")[0] == 2
    torch = tmp_path / "nih-densenet121.pth"
    with zipfile.ZipFile(torch, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
    code, _, err = run("weights", "import", torch)
    assert code == 2
    assert "PyTorch checkpoint (TorchXRayVision's are), which is not supported" in err
    words = ("train", "chexnet", "--data", tiny_dataset_folder, "--weights", torch)
    code, _, at_training = run(*words)
    assert code == 2
    same = err.partition(" Use weights")[0]
    assert at_training.startswith(f"{same} Give the path of an .h5 file")


def test_own_weights_are_imported_scored_and_listed(run, tmp_path, tiny_dataset_folder):
    model = networks.build(models.get("cnn-plain").override(image_size=32), 3)
    file = tmp_path / "team.keras"
    model.save(file)
    words = ("import-weights", "cnn-plain", file, "--data", tiny_dataset_folder, "--size", 32)
    code, out, err = run(*words, "--classes", "B,A,C", "--json")
    assert code == 0, err
    facts = json.loads(out)
    assert facts["imported"].startswith("team.keras (")
    assert facts["test"]["n"] > 0
    assert {row["matched by"] for row in facts["layers"]} == {"name"}

    code, out, _ = run("runs")
    assert code == 0
    assert "imported" in out
    assert json.loads(run("runs", "--json")[1])["runs"][0]["imported"] == facts["imported"]
    assert json.loads(run("show", facts["run_id"])[1])["imported"] == facts["imported"]
    code, out, _ = run("evaluate", facts["run_id"])
    assert "cannot be counted" in " ".join(out.split())
    code, out, err = run(*words)
    assert code == 0
    assert ", imported): test accuracy" in " ".join(out.split())
    for stage in ("preparing pixels", "saving"):
        assert stage in err  # the bars
    assert len(store.list_runs()) == 2  # another order of the outputs is another run

    code, _, err = run("import-weights", "cnn-plain", file, "--data", tiny_dataset_folder)
    assert code == 2
    assert "needs arrays of shapes" in err
    code, _, err = run(*words, "--classes", "COVID-19,Normal,Viral")
    assert code == 2
    assert "A, B, C. Received: COVID-19, Normal, Viral" in err
