"""Every network of keras.applications: does it build, and is it what Keras publishes?

For each row of the table: its parameters without top against the installed Keras, those with top
against the table on keras.io, where its weights lie and their checksum against what Keras itself
asks for, and whether our network with a file of weights finds the same features as Keras' own with
its own scaling, `weights="imagenet"` and that file (made here, of random weights).

`--journey NAME` trains one on a small simulated dataset, explains it by Grad-CAM, exports it, imports
the exported files and compares their answers to the test films; ONNX needs requirements-export.txt.

    python bench/applications.py                      # the small ones, about 15 s each
    python bench/applications.py --all                # 6 GB of memory and of temporary disk
    python bench/applications.py --journey keras-mobilenetv3-small --journey keras-nasnet-mobile
"""

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from cxrcore import datasets, explanations, model_files, models, store, training  # noqa: E402
from cxrcore.datasets import demo  # noqa: E402
from cxrcore.errors import StoreError  # noqa: E402
from cxrcore.inference import loading  # noqa: E402
from cxrcore.models import networks, stages  # noqa: E402
from cxrcore.models.keras_table import FAMILIES, Family, Member  # noqa: E402
from cxrcore.store import conversion  # noqa: E402

# Millions with top, from the table of https://keras.io/api/applications, without MobileNetV3 and
# B-variants that it does not list otherwise.
PUBLISHED = {
    "Xception": 22.9, "VGG16": 138.4, "VGG19": 143.7, "ResNet50": 25.6, "ResNet50V2": 25.6,
    "ResNet101": 44.7, "ResNet101V2": 44.7, "ResNet152": 60.4, "ResNet152V2": 60.4,
    "InceptionV3": 23.9, "InceptionResNetV2": 55.9, "MobileNet": 4.3, "MobileNetV2": 3.5,
    "DenseNet121": 8.1, "DenseNet169": 14.3, "DenseNet201": 20.2, "NASNetMobile": 5.3,
    "NASNetLarge": 88.9, "EfficientNetB0": 5.3, "EfficientNetB1": 7.9, "EfficientNetB2": 9.2,
    "EfficientNetB3": 12.3, "EfficientNetB4": 19.5, "EfficientNetB5": 30.6, "EfficientNetB6": 43.3,
    "EfficientNetB7": 66.7, "EfficientNetV2B0": 7.2, "EfficientNetV2B1": 8.2,
    "EfficientNetV2B2": 10.2, "EfficientNetV2B3": 14.5, "EfficientNetV2S": 21.6,
    "EfficientNetV2M": 54.4, "EfficientNetV2L": 119.0, "ConvNeXtTiny": 28.6, "ConvNeXtSmall": 50.2,
    "ConvNeXtBase": 88.5, "ConvNeXtLarge": 197.7, "ConvNeXtXLarge": 350.1,
}  # fmt: skip
SMALL = 25e6  # parameters


def row(family: Family, member: Member, folder: Path, *, with_top: bool) -> tuple[str, bool]:
    """What was found of one network, and whether all of it agrees."""
    import inspect

    import keras

    keras.backend.clear_session()
    make = getattr(keras.applications, member.function)
    begun = time.perf_counter()
    side = max(64, family.min_size) if "NASNet" not in member.function else member.size
    recipe = models.get(f"keras-{member.slug}").override(image_size=side, weights="random")
    ours = networks.build(recipe, 3)
    seconds = time.perf_counter() - begun
    built = ours.count_params() == recipe.count_parameters(3)
    trunk = stages.trunks(ours)[0]
    begin = stages._beginnings(trunk)
    cuts = sum(stages._weighs(stages._nodes(trunk)[: place + 1]) for place in begin)
    cuts -= family.scaling == "inside"  # statistics are no stage

    # Random weights, statistics included, as a file of Keras.
    file = folder / "weights.h5"
    shape = (side, side, 3)
    donor = make(include_top=False, weights=None, input_shape=shape)
    if family.scaling == "inside":  # as the published file has them
        norm = next(x for x in donor.layers if isinstance(x, keras.layers.Normalization))
        norm.adapt_mean.assign([0.485, 0.456, 0.406])
        norm.adapt_variance.assign([0.229, 0.224, 0.225])
    donor.save(file)
    asked: list[tuple] = []

    def get_file(name, origin, file_hash=None, **_):
        asked.append((name, origin, file_hash))
        return str(file)

    with mock.patch("keras.src.utils.file_utils.get_file", get_file):
        published = make(include_top=False, weights="imagenet", input_shape=shape)
    source = recipe.architecture.pretrained["imagenet"][0]
    checksum = source.checksum and source.checksum.partition(":")[2]
    same_file = asked == [(source.file_name, source.address, checksum)]
    recipe.architecture.load(ours, [file])
    pixels = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype("float32")
    scale = inspect.getmodule(make).preprocess_input
    theirs = np.mean(published(scale(pixels.copy()), training=False), axis=(1, 2))
    inside = keras.Model(ours.input, ours.get_layer("features").output)
    apart = float(np.abs(theirs - inside(pixels, training=False)).max() / np.abs(theirs).max())
    top = None
    if with_top:
        del ours, inside, published, donor
        top = make(weights=None).count_params() / 1e6
    # Some figures of that table are cut off, not rounded.
    meets = top is None or abs(top - PUBLISHED.get(member.function, top)) < 0.1
    good = built and same_file and apart < 1e-4 and cuts == family.stages and meets
    shown = "" if top is None else f"{top:.1f} / {PUBLISHED.get(member.function, '-')}"
    return (
        f"{recipe.name:28}{member.parameters:13,}  {'equal' if built else 'OTHER'}  {shown:15}"
        f"{seconds:6.1f} s  {'same file' if same_file else f'OTHER FILE {asked}'}  {apart:.0e}"
        f"  {cuts} of {family.stages}  {'ok' if good else 'NOT OK'}"
    ), good


def journey(name: str, folder: Path) -> None:
    """Train, explain, export, import what was exported, and compare the answers to the test films."""
    begun = time.perf_counter()
    demo.make(folder / "films", patients=24, seed=1, size=96)
    dataset = datasets.register(f"films-{name}"[:40], folder / "films")
    recipe = models.get(name)
    size = max(64, recipe.architecture.min_size)
    changes = {"image_size": size, "epochs": 12, "batch_size": 8, "weights": "random"}
    run = training.train(training.plan(recipe.override(**changes), dataset))
    own = answers(run)
    model = loading.load(run.model_path(), run.run_id, len(run.classes))
    film = np.random.default_rng(0).integers(0, 256, (size, size), np.uint8)
    heat = explanations.explain(model, film, "grad-cam")
    print(
        f"{name}: test n = {len(own)}, probabilities spread by {own.std(axis=0).max():.1e}; ",
        end="",
    )
    print(f"Grad-CAM {heat.shape}, at most {heat.max():.1e}", end="")
    exports = {"keras": shutil.copyfile, "tflite": conversion.tflite, "onnx": conversion.onnx}
    for kind, export in exports.items():
        file = folder / f"{name}.{kind}"
        try:
            export(run.model_path(), file)
        except StoreError as error:  # its packages are not installed
            print(f"; {error}", end="")
            continue
        again = model_files.import_model(
            file, dataset, f"{name} {kind}", run.classes, values="0..255"
        )
        apart = np.abs(answers(again.run) - own).max()
        print(f"; {kind} imported again within {apart:.0e}", end="")
    print(f"; {time.perf_counter() - begun:.0f} s", flush=True)


def answers(run: store.Run) -> np.ndarray:
    """(n, classes) probabilities of the test films, in the order of their content."""
    table = run.predictions()
    table = table[table["split"] == "test"].sort_values("image_id")
    return table[[f"p_{name}" for name in run.classes]].to_numpy()


@contextlib.contextmanager
def own_store() -> Iterator[Path]:
    """A store and a data folder that go when the block ends."""
    with tempfile.TemporaryDirectory(prefix="cxr-bench-") as name:
        places = {"CXR_DATA": f"{name}/data", "CXR_MODELS": f"{name}/models", "CXR_ROOTS": name}
        with mock.patch.dict(os.environ, places):
            yield Path(name)


def main() -> None:
    """Print the table; exit code 1 where something is not as published."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", action="store_true", help="also those of 25 million and more")
    parser.add_argument("--with-top", action="store_true", help="also compare with keras.io")
    parser.add_argument("--journey", action="append", default=[], metavar="RECIPE")
    options = parser.parse_args()
    good = True
    with own_store() as folder:
        for name in options.journey:
            journey(name, folder / name)
        rows = [(family, member) for family in FAMILIES for member in family.members]
        for family, member in sorted(rows, key=lambda pair: pair[1].parameters):
            if not options.journey and (options.all or member.parameters < SMALL):
                text, same = row(family, member, folder, with_top=options.with_top)
                print(text, flush=True)
                good = good and same
    sys.exit(not good)


if __name__ == "__main__":
    main()
