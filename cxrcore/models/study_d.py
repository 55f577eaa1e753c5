"""Study D: ResNet50V2 and Xception see the same image, and their maps are joined; five classes.

image -> scale (-1..1) -> resnet50v2 ─┐
                       -> xception  ──┴─ joined -> four bottleneck blocks -> features (average)
                                                                          -> predictions

Source: Rahimzadeh and Attar 2020, doi 10.1016/j.imu.2020.100360.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cxrcore.models import layers as shared
from cxrcore.models.layers import scaling
from cxrcore.models.pretrained import matching, sources
from cxrcore.models.recipe import Recipe
from cxrcore.models.records import ClassReport, Network, Reported, Strength

if TYPE_CHECKING:
    import keras

ORDER = 5

BLOCKS = 4  # one with a projected shortcut and three with their input as shortcut
INNER, OUTER = 512, 2048  # maps of a block: of its 1x1 and 3x3, and of its last 1x1
# Without top, trainable or not, at any image size.
_RESNET50V2_PARAMETERS, _XCEPTION_PARAMETERS = 23_564_800, 20_861_480
_JOINED_MAPS = 2 * 2048


def _build(recipe: Recipe, n_classes: int) -> "keras.Model":
    """Both trunks without top, the blocks and the softmax; all of it trainable."""
    from keras import applications, layers

    shape = (recipe.image_size, recipe.image_size, 3)
    options = {"include_top": False, "weights": None, "input_shape": shape}
    trunks = applications.ResNet50V2(**options), applications.Xception(**options)
    inputs = shared.image(recipe)
    x = scaling.symmetric()(inputs)  # both were trained on -1..1
    residual, separable = (trunk(x) for trunk in trunks)
    x = layers.Concatenate(name="joined")([residual, _same_size(separable, residual)])
    for number in range(1, BLOCKS + 1):
        x = _bottleneck(x, number)
    x = layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    return shared.classifier(recipe, inputs, x, n_classes)


def _load(model: "keras.Model", files: Sequence[Path]) -> None:
    """ResNet50V2's and Xception's weights without top, in this order; or one file of the whole."""
    if len(files) == 1:
        matching.load(files[0], model.layers, model.name)
        return
    for name, file in zip(("resnet50v2", "xception"), files, strict=True):
        matching.load(file, model.get_layer(name).layers, model.name)


def _same_size(maps: "keras.KerasTensor", like: "keras.KerasTensor") -> "keras.KerasTensor":
    """Xception does not pad its first convolutions: at some image sizes a row is missing."""
    from keras import layers

    rows = like.shape[1] - maps.shape[1]
    return layers.ZeroPadding2D(((0, rows), (0, rows)), name="padded")(maps) if rows else maps


def _bottleneck(x: "keras.KerasTensor", number: int) -> "keras.KerasTensor":
    """1x1, 3x3 and 1x1 convolutions beside a shortcut, as in ResNet50 (He et al. 2015)."""
    from keras import layers

    name = f"block{number}"
    shortcut = x
    if x.shape[-1] != OUTER:
        shortcut = layers.Conv2D(OUTER, 1, name=f"{name}_shortcut")(x)
        shortcut = layers.BatchNormalization(name=f"{name}_shortcut_norm")(shortcut)
    for step, (maps, kernel) in enumerate(((INNER, 1), (INNER, 3), (OUTER, 1)), start=1):
        x = layers.Conv2D(maps, kernel, padding="same", name=f"{name}_conv{step}")(x)
        x = layers.BatchNormalization(name=f"{name}_norm{step}")(x)
        if step < 3:
            x = layers.ReLU(name=f"{name}_relu{step}")(x)
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_sum")([shortcut, x]))


def _count(_: Recipe, n_classes: int) -> int:
    total, maps = _RESNET50V2_PARAMETERS + _XCEPTION_PARAMETERS, _JOINED_MAPS
    for _block in range(BLOCKS):
        for inputs, kernel, outputs in ((maps, 1, INNER), (INNER, 3, INNER), (INNER, 1, OUTER)):
            total += shared.dense_parameters(kernel**2 * inputs, outputs)
            total += shared.norm_parameters(outputs)
        if maps != OUTER:
            total += shared.dense_parameters(maps, OUTER) + shared.norm_parameters(OUTER)
        maps = OUTER
    return total + shared.dense_parameters(OUTER, n_classes)


NETWORKS = (
    Network(
        name="resnet50v2-xception",
        build=_build,
        count_parameters=_count,
        pretrained={"imagenet": (sources.RESNET50V2, sources.XCEPTION)},
        load=_load,
        min_size=71,
        trunks=2,
        augmentation=Strength(degrees=5, zoom=0.05, shift=0.05, brightness=0.10, contrast=0.0),
    ),
)

RECIPES = (
    Recipe(
        name="resnet50v2-xception",
        study="D",
        title="ResNet50V2 and Xception",
        description="Two large pretrained networks look at the image; their findings are joined.",
        network="resnet50v2-xception",
        image_size=224,
        batch_size=20,
        epochs=150,
        learning_rate=1e-4,
        weights="imagenet",
        augmentation="published",
        reported=Reported(
            accuracy=0.95,
            macro_f1=0.951,
            macro_precision=0.949,
            macro_recall=0.954,
            per_class=(
                ClassReport(name="COVID-19", recall=0.964, accuracy=0.96),
                ClassReport(name="Lung opacity", accuracy=0.94),
                ClassReport(name="Normal", accuracy=0.93),
                ClassReport(name="Tuberculosis", precision=0.982, recall=0.974, accuracy=0.97),
                ClassReport(name="Viral pneumonia", precision=0.989, accuracy=0.96),
            ),
            caveat=(
                "Reported on images of several sources, not split by patient, so that a class may "
                "be recognised by its source; it does not state how the accuracy of a class was counted."
            ),
            timing="150 epochs; seconds are not stated",
        ),
        defects=(
            "Image size, optimiser, learning rate and the widths of the upper blocks are not "
            "stated; 224 pixels, Adam with 1e-4 and the widths of ResNet50's last stage are used.",
            "Its augmentation is called mild brightness and geometry without numbers; here it is "
            "rotation of up to 5 degrees, zoom and shift of up to 5 %, brightness of up to 10 %.",
        ),
        citation="Rahimzadeh and Attar 2020, doi 10.1016/j.imu.2020.100360",
        data="COVID-19, lung opacity, normal, tuberculosis, viral pneumonia, from several sources",
        class_names=("COVID-19", "Lung opacity", "Normal", "Tuberculosis", "Viral pneumonia"),
    ),
)
