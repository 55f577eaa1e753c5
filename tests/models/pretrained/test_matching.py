"""Weights in the layout that Keras 2 wrote, made here by hand with h5py."""

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from cxrcore.errors import WeightsError
from cxrcore.models import RECIPES, networks, pretrained
from cxrcore.models.pretrained import matching
from tests.helpers import short_trunks

SMALL = {"image_size": 64}
PLAIN = RECIPES["cnn-plain"].override(image_size=32)

# Keras 3.15 converts variables to arrays in a way NumPy 2.4 announces the end of.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.usefixtures("short_trunks"),
]


def keras2_name(name: str) -> str:
    """Keras 2 called DenseNet's first layers conv1/conv and conv1/bn."""
    return name.replace("conv1_", "conv1/", 1) if name in ("conv1_conv", "conv1_bn") else name


def write_keras2(path: Path, layers, rename=keras2_name, group=None, cut=1) -> Path:
    """Write `layers` as Keras 2's save_weights did (or save, with group 'model_weights')."""
    with h5py.File(path, "w") as file:
        root = file.create_group(group) if group else file
        names = [rename(layer.name).encode() for layer in layers]
        for part, some in enumerate(np.array_split(np.array(names), cut)):
            root.attrs["layer_names" if cut == 1 else f"layer_names{part}"] = some
        root.attrs["backend"] = b"tensorflow"
        root.attrs["keras_version"] = b"2.1.4"
        for layer, name in zip(layers, names, strict=True):
            sub = root.create_group(name)
            variables = [*layer.trainable_weights, *layer.non_trainable_weights]
            parts = [f"{name.decode()}/{variable.name}:0".encode() for variable in variables]
            sub.attrs["weight_names"] = np.array(parts, dtype="S") if parts else []
            for part, variable in zip(parts, variables, strict=True):
                sub.create_dataset(part.decode(), data=variable.numpy())
    return path


def load_whole(model: keras.Model, path: Path) -> None:
    """Set all weights of a model from a file."""
    matching.load(path, model.layers, model.name)


def shake(model: keras.Model) -> keras.Model:
    """Random values for all weights, so that no default passes for a loaded one."""
    rng = np.random.default_rng(1)
    model.set_weights([0.05 + 0.05 * rng.random(w.shape, "float32") for w in model.weights])
    return model


@pytest.fixture(scope="module")
def donor():
    """A short DenseNet121 and Dense 14, as CheXNet-Keras built it."""
    base = short_trunks.densenet121(
        include_top=False, weights=None, input_shape=(64, 64, 3), pooling="avg"
    )
    out = keras.layers.Dense(14, "sigmoid", name="predictions")(base.output)
    return shake(keras.Model(base.input, out))


@pytest.fixture(scope="module")
def chexnet_file(donor, tmp_path_factory):
    return write_keras2(tmp_path_factory.mktemp("h5") / "chexnet.h5", donor.layers, cut=3)


def with_weights(layers) -> int:
    """How many of the layers have weights: those that a file names."""
    return sum(bool(layer.weights) for layer in layers)


def same_weights(layers, others):
    ours = [w for layer in layers for w in layer.get_weights()]
    theirs = [w for layer in others for w in layer.get_weights()]
    return len(ours) == len(theirs) and all(map(np.array_equal, ours, theirs))


def test_the_file_written_here_is_one_that_keras_itself_reads(donor, chexnet_file):
    other = keras.models.clone_model(donor)
    assert not same_weights(other.layers, donor.layers)
    other.load_weights(chexnet_file)
    assert same_weights(other.layers, donor.layers)


def test_chexnet_starts_from_the_published_file_with_its_14_findings(
    donor, chexnet_file, own_folders
):
    folder = own_folders.data / "weights"
    folder.mkdir(parents=True)
    (folder / pretrained.SOURCES["chexnet"].file_name).symlink_to(chexnet_file)
    model = networks.build(RECIPES["chexnet"].override(**SMALL), 3)
    trunk = model.get_layer("densenet121")
    assert same_weights(trunk.layers, donor.layers[:-2])
    assert same_weights([model.get_layer("findings")], [donor.get_layer("predictions")])


def test_the_probe_starts_from_the_published_file_and_stays_frozen(donor, chexnet_file):
    recipe = RECIPES["chexnet-probe"].override(**SMALL, weights=str(chexnet_file))
    model = networks.build(recipe, 3)
    assert same_weights(model.get_layer("densenet121").layers, donor.layers[:-2])
    assert len(model.trainable_weights) == 4


def test_chexnet_starts_from_a_densenet_without_findings(donor, tmp_path):
    file = write_keras2(tmp_path / "densenet.h5", donor.layers[:-1])
    model = networks.build(RECIPES["chexnet"].override(**SMALL), 3, weights=str(file))
    assert same_weights(model.get_layer("densenet121").layers, donor.layers[:-2])


def test_resnet_starts_from_a_file_of_keras_and_then_freezes(tmp_path):
    trunk = shake(keras.applications.ResNet50(include_top=False, weights=None))
    file = write_keras2(tmp_path / "resnet.h5", trunk.layers, rename=str)
    recipe = RECIPES["resnet50-masked"].override(**SMALL)
    model = networks.build(recipe, 4, weights=str(file))
    assert same_weights(model.get_layer("resnet50").layers, trunk.layers)
    assert len(model.trainable_weights) == 44


def test_densenet_weights_do_not_pass_for_resnet(donor, chexnet_file):
    recipe = RECIPES["resnet50-masked"].override(**SMALL)
    needed = with_weights(
        networks.build(recipe.override(weights="random"), 4).get_layer("resnet50").layers
    )
    message = rf"does not fit resnet50: .* of {needed}.*\({with_weights(donor.layers)} layers"
    with pytest.raises(WeightsError, match=message):
        networks.build(recipe, 4, weights=str(chexnet_file))


def test_a_model_saved_by_keras_2_loads_by_order_when_its_layers_are_only_numbered(tmp_path):
    donor = shake(networks.build(PLAIN, 3))
    numbers = iter(range(7, 99))
    file = write_keras2(
        tmp_path / "m.h5", donor.layers, lambda _: f"layer_{next(numbers)}", "model_weights"
    )
    model = networks.build(PLAIN, 3, weights=str(file))
    assert same_weights(model.layers, donor.layers)


@pytest.mark.filterwarnings("ignore:.*HDF5 file via:UserWarning")
def test_a_model_saved_as_h5_by_the_installed_keras_loads(tmp_path):
    donor = shake(networks.build(PLAIN, 3))
    donor.save(tmp_path / "m.h5")
    model = networks.build(PLAIN, 3)
    load_whole(model, tmp_path / "m.h5")
    assert same_weights(model.layers, donor.layers)


def test_layers_are_matched_by_name_whatever_their_order(tmp_path):
    donor = shake(networks.build(PLAIN, 3))
    file = write_keras2(tmp_path / "m.h5", donor.layers[::-1])
    model = networks.build(PLAIN, 3)
    load_whole(model, file)
    assert same_weights(model.layers, donor.layers)


def test_names_at_each_others_places_are_not_matched_by_order(tmp_path):
    donor = networks.build(PLAIN, 3)
    swap = {"conv3": "conv4", "conv4": "conv3", "dense1": "other"}
    file = write_keras2(tmp_path / "m.h5", donor.layers, lambda name: swap.get(name, name))
    with pytest.raises(WeightsError, match=r"'conv3', needs .*has 'conv4' .* in another order"):
        load_whole(networks.build(PLAIN, 3), file)


def test_another_number_of_classes_is_refused_and_nothing_is_changed(tmp_path):
    file = write_keras2(tmp_path / "m.h5", shake(networks.build(PLAIN, 4)).layers)
    model = networks.build(PLAIN, 3)
    before = model.get_weights()
    with pytest.raises(WeightsError, match=r"'predictions', needs arrays .*\(50, 3\).*\(50, 4\)"):
        load_whole(model, file)
    assert all(map(np.array_equal, before, model.get_weights()))


def not_hdf5(path):
    path.write_bytes(b"not an HDF5 file")


def no_names(path):
    with h5py.File(path, "w") as file:
        file["x"] = 1


def cut_off(path):
    write_keras2(path, networks.build(PLAIN, 3).layers)
    path.write_bytes(path.read_bytes()[:20_000])


def names_without_groups(path):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"conv1"]


UNREADABLE = "cannot be read as Keras weights"
NO_KERAS = "is neither an HDF5 file"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (not_hdf5, NO_KERAS),
        (no_names, UNREADABLE),
        (cut_off, UNREADABLE),
        (names_without_groups, UNREADABLE),
    ],
)
def test_a_file_that_is_not_weights_is_refused(tmp_path, spoil, message):
    file = tmp_path / "m.h5"
    spoil(file)
    with pytest.raises(WeightsError, match=rf"m\.h5 {message}"):
        load_whole(networks.build(PLAIN, 3), file)


def test_values_that_are_not_finite_are_refused(tmp_path):
    donor = networks.build(PLAIN, 3)
    donor.get_layer("conv1").bias.assign(np.full(128, np.nan))
    file = write_keras2(tmp_path / "m.h5", donor.layers)
    with pytest.raises(WeightsError, match="'conv1' holds values that are not finite"):
        load_whole(networks.build(PLAIN, 3), file)


def test_a_file_that_points_into_another_is_refused(tmp_path):
    donor = networks.build(PLAIN, 3)
    write_keras2(tmp_path / "other.h5", donor.layers)
    file = write_keras2(tmp_path / "m.h5", donor.layers)
    with h5py.File(file, "a") as open_file:
        del open_file["conv1/conv1/bias:0"]
        open_file["conv1/conv1/bias:0"] = h5py.ExternalLink(
            str(tmp_path / "other.h5"), "conv1/conv1/bias:0"
        )
    with pytest.raises(WeightsError, match="refers to other files at"):
        load_whole(networks.build(PLAIN, 3), file)


def test_a_file_that_changed_since_it_was_chosen_is_refused(tmp_path):
    file = write_keras2(tmp_path / "m.h5", networks.build(PLAIN, 3).layers)
    recipe = PLAIN.override(weights=str(file))
    write_keras2(file, shake(networks.build(PLAIN, 3)).layers)
    with pytest.raises(WeightsError, match="has changed since it was chosen"):
        networks.build(recipe, 3)


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5"])
def test_files_of_keras_3_are_read_as_well(tmp_path, name):
    donor = shake(networks.build(PLAIN, 3))
    (donor.save if name == "m.keras" else donor.save_weights)(tmp_path / name)
    model = networks.build(PLAIN, 3)
    load_whole(model, tmp_path / name)
    assert same_weights(model.layers, donor.layers)


def test_names_are_listed_without_reading_the_weights(donor, chexnet_file):
    names = matching.names(chexnet_file)
    assert names == [layer.name for layer in donor.layers if layer.weights]
