"""Study A: ResNet50 on lung-masked X-rays, four classes; its last stage and a dense head train.

image -> [augmentation, only in training] -> caffe (BGR, means removed) -> resnet50 ->
flatten -> hidden (512, relu) -> dropout 0.2 -> predictions
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cxrcore.models import layers as shared
from cxrcore.models.layers import scaling
from cxrcore.models.pretrained import matching, sources
from cxrcore.models.recipe import Recipe
from cxrcore.models.records import ClassReport, Network, Reported

if TYPE_CHECKING:
    import keras

ORDER = 2

TRAINABLE_LAYERS = 32  # the last ones of ResNet50: all of conv5, with 40 trainable tensors
HIDDEN_UNITS = 512
_RESNET50_PARAMETERS = 23_587_712  # without top, trainable or not, at any image size
_RESNET50_MAPS = 2048


def _build(recipe: Recipe, n_classes: int) -> "keras.Model":
    """ResNet50 without top, its last 32 layers trainable, and a dense head.

    The other layers are frozen even with random first weights. A frozen batch normalisation works as Keras defines
    it: with its stored mean and variance, also while the rest is trained.
    """
    import keras
    from keras import layers

    shape = (recipe.image_size, recipe.image_size, 3)
    trunk = keras.applications.ResNet50(include_top=False, weights=None, input_shape=shape)
    for layer in trunk.layers[:-TRAINABLE_LAYERS]:
        layer.trainable = False

    inputs = x = shared.image(recipe)
    if recipe.augmentation == "published":
        x = _augment(x, recipe.seed)
    x = trunk(scaling.caffe(shape)(x))
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(HIDDEN_UNITS, activation="relu", name="hidden")(x)
    x = layers.Dropout(0.2, name="dropout")(x)
    return shared.classifier(recipe, inputs, x, n_classes)


def _load(model: "keras.Model", files: Sequence[Path]) -> None:
    matching.load(files[0], model.get_layer("resnet50").layers, model.name)


def _augment(x: "keras.KerasTensor", seed: int) -> "keras.KerasTensor":
    """The published augmentation; at inference these layers pass the image on unchanged."""
    from keras import layers

    # In float32 under any precision policy: bfloat16 has too few digits for pixel places.
    x = layers.RandomRotation(
        0.1, fill_mode="constant", fill_value=0.0, seed=seed, dtype="float32", name="rotate"
    )(x)
    x = layers.RandomZoom(0.1, seed=seed + 1, dtype="float32", name="zoom")(x)
    return layers.RandomTranslation(
        0.1,
        0.1,
        fill_mode="constant",
        fill_value=0.0,
        seed=seed + 2,
        dtype="float32",
        name="translate",
    )(x)


def _count(recipe: Recipe, n_classes: int) -> int:
    side = -(-recipe.image_size // 32)  # halved five times, rounded up
    hidden = shared.dense_parameters(side * side * _RESNET50_MAPS, HIDDEN_UNITS)
    return _RESNET50_PARAMETERS + hidden + shared.dense_parameters(HIDDEN_UNITS, n_classes)


NETWORKS = (
    Network(
        name="resnet50",
        build=_build,
        count_parameters=_count,
        pretrained={"imagenet": (sources.RESNET50,)},
        load=_load,
        augmentation="layers",
        frozen_first=True,
        trunks=1,
    ),
)

RECIPES = (
    Recipe(
        name="resnet50-masked",
        study="A",
        title="ResNet50 on masked lungs",
        description="ImageNet ResNet50 with its last stage retrained, on the lungs only.",
        network="resnet50",
        image_size=200,
        batch_size=128,
        epochs=20,
        learning_rate=1e-3,
        weights="imagenet",
        region="lungs",
        max_brisque=70.0,
        best_by="val_loss",
        augmentation="published",
        reported=Reported(
            accuracy=0.846,
            loss=0.379,
            macro_f1=0.86,
            per_class=(
                ClassReport(
                    name="Bacterial pneumonia", precision=0.88, recall=0.80, f1=0.84, support=1405
                ),
                ClassReport(name="Healthy", precision=0.93, recall=0.95, f1=0.94, support=816),
                ClassReport(
                    name="Viral pneumonia", precision=0.69, recall=0.76, f1=0.73, support=734
                ),
                ClassReport(name="COVID-19", precision=0.87, recall=0.99, f1=0.92, support=223),
            ),
            n_test=3178,
            caveat=(
                "Reported on 3,178 lung-masked images, split by image and not by patient, "
                "after poor images were removed."
            ),
            timing=(
                "Masks about 4 h, applying them 50 min, resizing 15 min, BRISQUE 50 min; "
                "the training time is not stated."
            ),
        ),
        defects=(
            "A Rescaling layer is built and thrown away; ResNet50's own preprocessing is what "
            "the network receives, and that is kept here.",
            "The confusion matrix is drawn with its axes swapped; here rows are true classes.",
            "The split is by image, not by patient; here all images of a patient are in one part.",
            "The text removes images above the third quartile of the BRISQUE scores (62.43), the "
            "notebook scores of 70 and more (314 of 6,287 images); 70 is used here.",
            "The text trains for 40 epochs, the notebook for 20; 20 is used here, and the weights "
            "of the epoch with the lowest validation loss are kept, as published.",
        ),
        citation=(
            "ResNet50: He et al. 2016, arXiv:1512.03385; images: V7 Labs COVID-19 chest X-ray "
            "dataset"
        ),
        data="V7 Labs COVID-19 chest X-ray dataset, 6,504 images with polygon lung masks",
        class_names=("Bacterial pneumonia", "Healthy", "Viral pneumonia", "COVID-19"),
    ),
)
