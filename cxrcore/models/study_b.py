"""Study B: three plain CNNs and CheXNet, three classes; and our probe of the same CheXNet.

cnn-*:         see `layers.plain`
chexnet:       image -> normalise -> densenet121 -> findings (14, sigmoid, at every place of the
               last map) -> features (average) -> predictions; all layers trainable
chexnet-probe: image -> normalise -> densenet121, frozen -> features (average) -> head_norm
               -> predictions

CheXNet is DenseNet121, pretrained on the X-rays of ChestX-ray14. The probe reads its features, not
its findings (docs/decisions/0006).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxrcore.models import layers as shared
from cxrcore.models.layers import plain, scaling
from cxrcore.models.pretrained import matching, sources
from cxrcore.models.pretrained.sources import FINDINGS
from cxrcore.models.recipe import Recipe
from cxrcore.models.records import ClassReport, Network, Plateau, Reported

if TYPE_CHECKING:
    import keras

ORDER = 1

_SMALL: dict[str, Any] = {
    "filters": (128, 64, 32, 32),
    "kernel": 2,
    "padding": "same",
    "hidden": (100, 50),
}
_DENSENET121_PARAMETERS = 7_037_504  # without top, trainable or not, at any image size
_DENSENET121_MAPS = 1024


def _build(recipe: Recipe, n_classes: int) -> "keras.Model":
    from keras import layers

    inputs, _, maps = _trunk(recipe)
    # (batch, h, w, 14): the dense layer is applied at every place
    x = layers.Dense(FINDINGS, activation="sigmoid", name="findings")(maps)
    x = layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    return shared.classifier(recipe, inputs, x, n_classes)


def _load(model: "keras.Model", files: Sequence[Path]) -> None:
    """The CheXNet file with its 14 findings, or DenseNet121 alone; then findings stay random."""
    (file,) = files
    trunk, findings = model.get_layer("densenet121"), model.get_layer("findings")
    if "predictions" in matching.names(file):
        loaded = [*trunk.layers, findings]
        matching.load(file, loaded, model.name, renamed={"findings": "predictions"})
    else:
        matching.load(file, trunk.layers, model.name)


def _build_probe(recipe: Recipe, n_classes: int) -> "keras.Model":
    from keras import layers

    inputs, trunk, maps = _trunk(recipe)
    trunk.trainable = False
    # float32 under any precision policy: these are the numbers that are cached.
    x = layers.GlobalAveragePooling2D(dtype="float32", name="features")(maps)
    # Averaged features differ in size by a factor of a hundred, and many vary by less than
    # 0.03; a short training needs them alike, so Keras' epsilon of 1e-3 is too coarse.
    # Momentum 0.9, because the moving averages must settle within few steps.
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, dtype="float32", name="head_norm")(x)
    return shared.classifier(recipe, inputs, x, n_classes)


def _load_probe(model: "keras.Model", files: Sequence[Path]) -> None:
    """DenseNet121; the 14 findings of the CheXNet file are not used."""
    trunk = model.get_layer("densenet121")
    matching.load(files[0], trunk.layers, model.name, unused=("predictions",))


def _trunk(recipe: Recipe) -> tuple["keras.KerasTensor", "keras.Model", "keras.KerasTensor"]:
    """Input, DenseNet121 without top, and its last maps (batch, S/32, S/32, 1024)."""
    import keras

    shape = (recipe.image_size, recipe.image_size, 3)
    trunk = keras.applications.DenseNet121(include_top=False, weights=None, input_shape=shape)
    inputs = shared.image(recipe)
    return inputs, trunk, trunk(scaling.normalised()(inputs))


def _count(_: Recipe, n_classes: int) -> int:
    findings = shared.dense_parameters(_DENSENET121_MAPS, FINDINGS)
    return _DENSENET121_PARAMETERS + findings + shared.dense_parameters(FINDINGS, n_classes)


def _count_probe(_: Recipe, n_classes: int) -> int:
    norm = shared.norm_parameters(_DENSENET121_MAPS)
    return _DENSENET121_PARAMETERS + norm + shared.dense_parameters(_DENSENET121_MAPS, n_classes)


_PRETRAINED = {"chexnet": (sources.CHEXNET,), "imagenet": (sources.DENSENET121,)}

NETWORKS = (
    plain.network("cnn-plain", plain.Plain(**_SMALL)),
    plain.network("cnn-batchnorm", plain.Plain(**_SMALL, norm="after pooling"), slow_means=True),
    plain.network(
        "cnn-batchnorm-dropout",
        # The second dropout as in the notebook; the text says the last.
        plain.Plain(**_SMALL, norm="after pooling", dropouts=(0.8, 0.0, 0.2, 0.0)),
        slow_means=True,
    ),
    Network(
        name="chexnet",
        build=_build,
        count_parameters=_count,
        pretrained=_PRETRAINED,
        load=_load,
        trunks=1,
    ),
    Network(
        name="chexnet-probe",
        build=_build_probe,
        count_parameters=_count_probe,
        pretrained=_PRETRAINED,
        load=_load_probe,
        frozen_first=True,
        features=True,
    ),
)

_VALIDATION_IS_TEST = (
    "The study validated on its test images and chose the learning rate by them, so its "
    "figures are optimistic; here validation images are held out of the training images."
)
_RATE_VANISHES = (
    "The learning rate has no floor and falls to 1e-16 by epoch 50; from about epoch 12 on "
    "nothing changes."
)
_CAVEAT = "Reported on 778 test images that were also used for validation."
_CNN_TIMING = "55-62 ms a step of 32 images on a Colab GPU"

_CLASSES = ("COVID", "Normal", "Viral pneumonia")
_SHARED: dict[str, Any] = {
    "image_size": 192,
    "batch_size": 32,
    "epochs": 50,
    "learning_rate": 1e-3,
    "data": (
        "COVID-19 Radiography Database, 2021-03 subset: 1,200 COVID, 1,341 normal, "
        "1,345 viral pneumonia"
    ),
    "class_names": _CLASSES,
}
_PUBLISHED: dict[str, Any] = {
    **_SHARED,
    "study": "B",
    "plateau": Plateau(monitor="val_accuracy", factor=0.1, patience=3, mode="max"),
}
_CITATION = "Images: COVID-19 Radiography Database"
_CHEXNET_CITATION = (
    "CheXNet: Rajpurkar et al. 2017, arXiv:1711.05225; weights: CheXNet-Keras 0.3.0 by "
    "Bruce Chou (MIT licence); DenseNet: Huang et al. 2017, arXiv:1608.06993"
)
_INPUT_NOT_NORMALISED = (
    "The study divides pixels by 255 for every model, but the CheXNet weights were trained on "
    "images normalised by ImageNet's mean and deviation; here the network normalises."
)


def _of_all_test_images(**figures: Any) -> Reported:
    return Reported(n_test=778, caveat=_CAVEAT, **figures)


RECIPES = (
    Recipe(
        **_PUBLISHED,
        name="cnn-plain",
        title="Plain CNN",
        description="Four small convolutions and three dense layers, trained from scratch.",
        network="cnn-plain",
        reported=_of_all_test_images(accuracy=0.9781, loss=0.0712, timing=_CNN_TIMING),
        defects=(_VALIDATION_IS_TEST, _RATE_VANISHES),
        citation=_CITATION,
    ),
    Recipe(
        **_PUBLISHED,
        name="cnn-batchnorm",
        title="Plain CNN with batch normalisation",
        description="The plain CNN with a batch normalisation after every pooling.",
        network="cnn-batchnorm",
        reported=_of_all_test_images(accuracy=0.9717, loss=0.0927, timing=_CNN_TIMING),
        defects=(_VALIDATION_IS_TEST, _RATE_VANISHES),
        citation=_CITATION,
    ),
    Recipe(
        **_PUBLISHED,
        name="cnn-batchnorm-dropout",
        title="Plain CNN with batch normalisation and dropout",
        description="The same with dropout of 80 % after the first block: shown as a warning.",
        network="cnn-batchnorm-dropout",
        reported=_of_all_test_images(
            accuracy=0.7172,
            loss=2.377,
            per_class=(ClassReport(name="Normal", recall=0.28),),
            timing=_CNN_TIMING,
        ),
        defects=(
            _VALIDATION_IS_TEST,
            _RATE_VANISHES,
            "Dropout of 0.8 after the first normalisation removes most of what the network sees; "
            "it is kept, because it is what was published.",
            "The text puts the dropout of 0.2 after the last normalisation, the notebook after "
            "the third; the third is used here.",
        ),
        citation=_CITATION,
    ),
    Recipe(
        **_PUBLISHED,
        name="chexnet",
        title="CheXNet, retrained",
        description="DenseNet121 pretrained on 112,120 chest X-rays, every layer trained on.",
        network="chexnet",
        weights="chexnet",
        reported=_of_all_test_images(
            accuracy=0.9871,
            loss=0.0670,
            per_class=(
                ClassReport(name="COVID", f1=1.00),
                ClassReport(name="Normal", f1=0.99),
                ClassReport(name="Viral pneumonia", f1=0.98),
            ),
            timing="158 ms a step of 32 images on a Colab GPU",
        ),
        defects=(_VALIDATION_IS_TEST, _RATE_VANISHES, _INPUT_NOT_NORMALISED),
        citation=_CHEXNET_CITATION,
    ),
    Recipe(
        **_SHARED,
        name="chexnet-probe",
        study="ours",
        title="CheXNet, frozen",
        description="CheXNet's features as they are; only the last layer trains, in seconds.",
        network="chexnet-probe",
        weights="chexnet",
        best_by="val_loss",
        reported=Reported(caveat="There is no published figure: this recipe is ours."),
        defects=(
            "Its last layer reads the 1,024 averaged feature maps of DenseNet121, not the 14 "
            "findings that the retrained CheXNet reads: with the trunk frozen, 14 numbers an "
            "image are too few to tell the classes apart.",
            _INPUT_NOT_NORMALISED,
        ),
        citation=_CHEXNET_CITATION,
    ),
)
