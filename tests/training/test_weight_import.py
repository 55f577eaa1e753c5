"""A team's own files become runs: written here by hand with h5py, or by Keras itself."""

import json
import pickle
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from cxrcore import datasets, models, store, training
from cxrcore.errors import TrainingError, WeightsError
from cxrcore.models import networks
from cxrcore.training.weight_import import import_weights, plan_import

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SMALL = models.get("cnn-plain").override(image_size=32, batch_size=8)


def shake(model: keras.Model, seed: int = 1) -> keras.Model:
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0.02, 0.1, w.shape).astype("f4") for w in model.weights])
    return model


def arrays_by_layer(model: keras.Model) -> list[list[np.ndarray]]:
    return [layer.get_weights() for layer in model.layers if layer.get_weights()]


def write_keras2(path: Path, arrays, full: bool = False) -> Path:
    """As Keras 2's save_weights (or save, `full`) wrote a model of unnamed layers, with
    layers without weights in between."""
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if full else file
        if full:
            file.attrs["model_config"] = b'{"class_name": "Lambda", "config": "not to be opened"}'
            file.create_group("optimizer_weights")
        names = []
        for number, parts in enumerate(arrays):
            kind = "conv2d" if parts[0].ndim == 4 else "dense"
            name = f"{kind}_{number + 3}"
            group = root.create_group(name)
            words = ("kernel:0", "bias:0")[: len(parts)]
            group.attrs["weight_names"] = [f"{name}/{word}".encode() for word in words]
            for word, part in zip(words, parts, strict=True):
                group.create_dataset(f"{name}/{word}", data=part)
            root.create_group(f"dropout_{number}").attrs["weight_names"] = []
            names += [name.encode(), f"dropout_{number}".encode()]
        root.attrs["layer_names"] = names
        root.attrs["keras_version"] = b"2.3.1"
    return path


@pytest.fixture
def dataset(tiny_dataset_folder):
    return datasets.load(tiny_dataset_folder)


@pytest.fixture
def donor():
    """A trained model of the team: the recipe's network, weights that nothing else has."""
    return shake(networks.build(SMALL, 3))


def probabilities(run: store.Run) -> np.ndarray:
    return run.predictions()[[f"p_{name}" for name in run.classes]].to_numpy()


def pixels_of(run: store.Run) -> np.ndarray:
    from cxrcore import images

    root = Path(run.dataset_path)
    size = run.recipe.image_size
    gray = [images.resize(images.decode(root / path), size) for path in run.predictions()["path"]]
    return np.repeat(np.float32(gray)[..., None], 3, axis=-1)


@pytest.mark.parametrize("full", [False, True])
def test_a_keras_2_file_becomes_a_run_that_says_what_its_model_says(dataset, donor, tmp_path, full):
    file = write_keras2(tmp_path / "team.h5", arrays_by_layer(donor), full)
    spec = plan_import(SMALL, dataset, file)
    done = import_weights(spec)
    run = done.run

    np.testing.assert_allclose(
        probabilities(run), donor.predict(pixels_of(run), verbose=0), atol=1e-5
    )
    assert [row["matched by"] for row in done.matched] == ["order"] * len(arrays_by_layer(donor))
    assert done.matched[0]["in the file"] == "conv2d_3"
    assert run.imported == f"team.h5 ({spec.file_digest})"
    assert (run.epochs_run, run.leaks, len(run.history())) == (0, None, 0)
    assert "unknown" in " ".join(run.notes)
    assert "not confirmed" in " ".join(run.notes)
    assert store.list_runs()["imported"].tolist() == [run.imported]
    assert store.load_run(run.run_id) == run
    assert "conv2d_3" in run.log()
    # Once more: the same run, not scored again.
    assert import_weights(spec).run == run


def test_its_name_is_that_of_no_training_and_of_no_other_file(dataset, donor, tmp_path):
    first = write_keras2(tmp_path / "first.h5", arrays_by_layer(donor))
    second = write_keras2(tmp_path / "second.h5", arrays_by_layer(shake(donor, 2)))
    turned = ("C", "A", "B")
    names = {
        training.plan(SMALL, dataset).run_id,
        plan_import(SMALL, dataset, first).run_id,
        plan_import(SMALL, dataset, second).run_id,
        plan_import(SMALL, dataset, first, turned).run_id,
    }
    assert len(names) == 4
    moved = first.rename(tmp_path / "moved.h5")
    assert plan_import(SMALL, dataset, moved).run_id in names


@pytest.mark.parametrize("name", ["team.keras", "team.weights.h5"])
def test_files_of_keras_3_are_read_by_name(dataset, donor, tmp_path, name):
    file = tmp_path / name
    donor.save(file) if name.endswith(".keras") else donor.save_weights(file)
    done = import_weights(plan_import(SMALL, dataset, file))
    np.testing.assert_allclose(
        probabilities(done.run), donor.predict(pixels_of(done.run), verbose=0), atol=1e-5
    )
    assert {row["matched by"] for row in done.matched} == {"name"}


def team_network(donor: keras.Model) -> keras.Model:
    """The same layers as the recipe's, built as another team would: a convolutional base put
    into a Sequential, all names Keras' own."""
    blocks, head = [], []
    for layer in donor.layers[1:]:
        config = layer.get_config()
        config.pop("name")
        copy = type(layer).from_config(config)
        (blocks if not head and not isinstance(layer, layers.Flatten) else head).append(copy)
    base = keras.Sequential([keras.Input((32, 32, 3)), *blocks])
    model = keras.Sequential([base, *head])
    model.build((None, 32, 32, 3))
    model.set_weights(donor.get_weights())
    return model


@pytest.mark.parametrize("name", ["nested.keras", "nested.h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_model_inside_a_model_is_taken_apart(dataset, donor, tmp_path, name):
    file = tmp_path / name
    team_network(donor).save(file)
    done = import_weights(plan_import(SMALL, dataset, file))
    np.testing.assert_allclose(
        probabilities(done.run), donor.predict(pixels_of(done.run), verbose=0), atol=1e-5
    )


def test_weights_only_of_keras_3_with_an_unknown_order_are_refused(dataset, donor, tmp_path):
    model = team_network(donor)
    inner = model.layers[0]
    outer = keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(3, 1), inner])
    outer.save_weights(tmp_path / "x.weights.h5")
    with pytest.raises(WeightsError, match=r"does not give the order of its conv2d layers"):
        import_weights(plan_import(SMALL, dataset, tmp_path / "x.weights.h5"))


def test_outputs_in_another_order_are_mapped_to_the_classes_of_the_dataset(
    dataset, donor, tmp_path, examples_made
):
    file = write_keras2(tmp_path / "team.h5", arrays_by_layer(donor))
    run = import_weights(plan_import(SMALL, dataset, file, ("c", "A", " b "))).run
    said = donor.predict(pixels_of(run), verbose=0)
    np.testing.assert_allclose(probabilities(run), said[:, [1, 2, 0]], atol=1e-5)
    assert "C, A, B (as given)" in " ".join(run.notes)
    shown = [film.label for film in store.examples(run).films]
    assert shown == sorted(shown)
    assert set(shown) == {"A", "B", "C"}
    with pytest.raises(
        TrainingError, match=r"name each class of tiny once: A, B, C\. Received: A, B"
    ):
        plan_import(SMALL, dataset, file, ("A", "B"))


def test_the_names_of_a_study_are_those_of_the_dataset_that_begin_alike(
    make_tiny_dataset, donor, tmp_path
):
    names = ("Viral Pneumonia", "COVID", "Normal")
    dataset = datasets.load(make_tiny_dataset("radiography", classes=names))
    file = write_keras2(tmp_path / "team.h5", arrays_by_layer(donor))
    study = ("COVID-19", "Normal", "Viral")
    assert plan_import(SMALL, dataset, file, study).outputs == (
        "COVID",
        "Normal",
        "Viral Pneumonia",
    )
    for wrong in (("COVID", "COVID-19", "Normal"), ("COVID", "", "Normal"), ("x", "y", "z")):
        with pytest.raises(TrainingError, match="must name each class of radiography once"):
            plan_import(SMALL, dataset, file, wrong)


@pytest.mark.parametrize("order", [("A", "B"), ("B", "A")])
def test_a_file_that_ends_in_one_sigmoid_fits_a_binary_network(make_tiny_dataset, tmp_path, order):
    recipe = models.get("binary-pool").override(image_size=32, batch_size=8)
    dataset = datasets.load(make_tiny_dataset("two", classes=("A", "B")))
    own = networks.build(recipe, 2)
    # The study's network by its own words: gray, 0..1, one sigmoid.
    study = keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    study.set_weights(own.get_weights()[:-1])
    file = write_keras2(tmp_path / "study.h5", arrays_by_layer(study))
    run = import_weights(plan_import(recipe, dataset, file, order)).run
    second = study.predict(pixels_of(run)[..., :1] / 255, verbose=0)[:, 0]
    assert np.ptp(second) > 0.003  # not all alike
    np.testing.assert_allclose(run.predictions()[f"p_{order[1]}"], second, atol=1e-5)


def test_a_binary_model_of_ours_comes_back(make_tiny_dataset, tmp_path):
    recipe = models.get("binary-baseline").override(image_size=32, batch_size=8)
    dataset = datasets.load(make_tiny_dataset("two", classes=("A", "B")))
    own = networks.build(recipe, 2)
    own.save(tmp_path / "own.keras")
    run = import_weights(plan_import(recipe, dataset, tmp_path / "own.keras")).run
    np.testing.assert_allclose(
        probabilities(run), own.predict(pixels_of(run), verbose=0), atol=1e-5
    )

    own.layers[-1].set_weights([np.array([[-1.0, 1.0]], "f4")])
    own.save(tmp_path / "other.keras")
    with pytest.raises(WeightsError, match="ends in Dense"):
        import_weights(plan_import(recipe, dataset, tmp_path / "other.keras"))


def test_the_first_layer_that_does_not_fit_is_named(dataset, donor, tmp_path):
    arrays = arrays_by_layer(donor)
    arrays[1] = [np.zeros((5, 5, *arrays[1][0].shape[2:]), "f4"), arrays[1][1]]
    file = write_keras2(tmp_path / "team.h5", arrays)
    name = [layer.name for layer in donor.layers if layer.weights][1]
    with pytest.raises(WeightsError, match=rf"layer 2 of \d+, '{name}', needs .*'conv2d_4' with"):
        import_weights(plan_import(SMALL, dataset, file))
    assert store.list_runs().empty


def test_another_number_of_classes_or_layers_or_another_size_is_told(dataset, donor, tmp_path):
    fourteen = write_keras2(tmp_path / "14.h5", arrays_by_layer(networks.build(SMALL, 14)))
    with pytest.raises(WeightsError, match="distinguishes 14 classes, here there are 3"):
        import_weights(plan_import(SMALL, dataset, fourteen))
    short = write_keras2(tmp_path / "short.h5", arrays_by_layer(donor)[:-1])
    with pytest.raises(WeightsError, match="no more layers of that kind"):
        import_weights(plan_import(SMALL, dataset, short))
    longer = write_keras2(tmp_path / "long.h5", [*arrays_by_layer(donor), [np.zeros(3)]])
    with pytest.raises(WeightsError, match="1 more, the first is 'dense_"):
        import_weights(plan_import(SMALL, dataset, longer))
    larger = networks.build(SMALL.override(image_size=48), 3)
    sized = write_keras2(tmp_path / "48.h5", arrays_by_layer(larger))
    with pytest.raises(WeightsError, match=r"another size: give that size \(--size\)"):
        import_weights(plan_import(SMALL, dataset, sized))


def test_a_file_that_changed_after_it_was_chosen_is_refused(dataset, donor, tmp_path):
    file = write_keras2(tmp_path / "team.h5", arrays_by_layer(donor))
    spec = plan_import(SMALL, dataset, file)
    write_keras2(file, arrays_by_layer(shake(donor, 3)))
    with pytest.raises(WeightsError, match="has changed since it was chosen"):
        import_weights(spec)


class Bomb:
    """Leaves a file if anybody unpickles it."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self):
        return Path.touch, (self.place,)


@pytest.mark.parametrize("kind", ["zip", "bare pickle", "suffix"])
def test_a_torch_checkpoint_is_named_as_unsupported_and_never_opened(dataset, tmp_path, kind):
    file, mark = tmp_path / "densenet121-res224-all.pt", tmp_path / "mark"
    data = pickle.dumps(Bomb(mark), protocol=2)
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("archive/data.pkl", data)
    else:
        file.write_bytes(data if kind == "bare pickle" else b"\x00" * 64)
    with pytest.raises(
        WeightsError, match=r"PyTorch checkpoint \(TorchXRayVision's are\), which is not"
    ):
        import_weights(plan_import(SMALL, dataset, file))
    assert not mark.exists()


def test_nothing_of_a_keras_archive_is_executed(dataset, donor, tmp_path):
    """A Lambda with marshalled code in config.json is a name like any other."""
    source, file = tmp_path / "a.keras", tmp_path / "b.keras"
    donor.save(source)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(file, "w") as new:
        config = json.loads(old.read("config.json"))
        config["config"]["layers"].insert(
            1,
            {
                "module": "builtins",
                "class_name": "__import__",
                "config": {"name": "os", "function": {"class_name": "__lambda__"}},
            },
        )
        new.writestr("config.json", json.dumps(config))
        new.writestr("model.weights.h5", old.read("model.weights.h5"))
    done = import_weights(plan_import(SMALL, dataset, file))
    assert {row["matched by"] for row in done.matched} == {"name"}


@pytest.mark.parametrize(
    "damage", ["cut", "text", "no config", "bad config", "link", "nan", "ints"]
)
def test_a_damaged_or_hostile_file_is_one_clear_line(dataset, donor, tmp_path, damage):
    file = tmp_path / "bad.keras"
    donor.save(file)
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:2000])
    elif damage == "text":
        file.write_text("no weights")
    elif damage in ("no config", "bad config"):
        with zipfile.ZipFile(file) as old:
            weights = old.read("model.weights.h5")
        with zipfile.ZipFile(file, "w") as new:
            new.writestr("model.weights.h5", weights)
            if damage == "bad config":
                new.writestr("config.json", '{"config": {"layers": [3]}}')
    else:
        file = tmp_path / "bad.weights.h5"
        donor.save_weights(file)
        with h5py.File(file, "a") as opened:
            place = opened["layers/conv2d/vars"]
            values = place["0"][:]
            del place["0"]
            if damage == "link":
                donor.save_weights(tmp_path / "other.weights.h5")
                place["0"] = h5py.ExternalLink("other.weights.h5", "layers/conv2d/vars/0")
            else:
                place["0"] = values * np.nan if damage == "nan" else values.astype("i4")
    words = {
        "text": "neither an HDF5 file",
        "link": "refers to other files",
        "nan": "not finite",
        "ints": "not as floating-point",
    }
    with pytest.raises(WeightsError, match=words.get(damage, "cannot be read as Keras weights")):
        import_weights(plan_import(SMALL, dataset, file))
    assert store.list_runs().empty
