"""Our own: a small residual network, trained from scratch on few images and without a GPU.

image -> standardised -> stem (half size) -> pool (a quarter) -> four stages of two residual
blocks, each stage at half the size of the one before -> features (average) -> predictions

Sources: residual blocks from He et al. 2015 (arXiv:1512.03385); the shortcut of a halving
stage is averaged before its 1x1 convolution, and the last scale of a block begins at 0 (He et
al. 2018, arXiv:1812.01187). Running means move by a tenth per step, not by Keras' hundredth: a
thousand training images make 20 to 30 steps per epoch.
"""

from typing import TYPE_CHECKING

from cxrcore.models import layers as shared
from cxrcore.models.recipe import Recipe
from cxrcore.models.records import Network, Plateau, Reported, Stopping

if TYPE_CHECKING:
    import keras

ORDER = 6

STEM = 24  # maps of the first convolution
STAGES = (32, 64, 128, 192)  # maps
BLOCKS = 2  # a stage
MOMENTUM = 0.9
DROPPED = 0.3  # share of the features


def _build(recipe: Recipe, n_classes: int) -> "keras.Model":
    from keras import layers

    inputs = shared.image(recipe)
    # Every image to mean 0 and deviation 1: exposure would tell the model where it is from.
    x = layers.LayerNormalization(
        axis=(1, 2, 3), center=False, scale=False, dtype="float32", name="standardised"
    )(inputs)
    x = _convolution(x, STEM, "stem", kernel=5, strides=2)
    x = layers.ReLU(name="stem_relu")(x)
    x = layers.MaxPooling2D(3, 2, padding="same", name="stem_pool")(x)
    for stage, maps in enumerate(STAGES, start=1):
        for block in range(1, BLOCKS + 1):
            halves = stage > 1 and block == 1
            x = _block(x, maps, f"stage{stage}_block{block}", strides=2 if halves else 1)
    x = layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    x = layers.Dropout(DROPPED, dtype="float32", name="dropped")(x)
    return shared.classifier(recipe, inputs, x, n_classes)


def _block(x: "keras.KerasTensor", maps: int, name: str, strides: int) -> "keras.KerasTensor":
    from keras import layers

    shortcut = x
    if strides > 1:
        shortcut = layers.AveragePooling2D(2, padding="same", name=f"{name}_shortcut_pool")(x)
    if x.shape[-1] != maps:
        shortcut = _convolution(shortcut, maps, f"{name}_shortcut", kernel=1)
    x = _convolution(x, maps, f"{name}_conv1", strides=strides)
    x = layers.ReLU(name=f"{name}_relu1")(x)
    x = _convolution(x, maps, f"{name}_conv2", first_scale="zeros")
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_sum")([shortcut, x]))


def _convolution(
    x: "keras.KerasTensor",
    maps: int,
    name: str,
    *,
    kernel: int = 3,
    strides: int = 1,
    first_scale: str = "ones",
) -> "keras.KerasTensor":
    """A convolution and its batch normalisation."""
    from keras import layers

    x = layers.Conv2D(
        maps,
        kernel,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return layers.BatchNormalization(
        momentum=MOMENTUM, gamma_initializer=first_scale, name=f"{name}_norm"
    )(x)


def _count(_: Recipe, n_classes: int) -> int:
    def convolution(kernel: int, maps_in: int, maps_out: int) -> int:  # without bias, normalised
        return kernel**2 * maps_in * maps_out + shared.norm_parameters(maps_out)

    total, before = convolution(5, 3, STEM), STEM
    for maps in STAGES:
        total += convolution(3, before, maps) + convolution(1, before, maps)
        total += (2 * BLOCKS - 1) * convolution(3, maps, maps)
        before = maps
    return total + shared.dense_parameters(STAGES[-1], n_classes)


NETWORKS = (Network(name="compact", build=_build, count_parameters=_count),)

RECIPES = (
    Recipe(
        name="compact",
        study="ours",
        title="Compact residual CNN",
        description="A small modern network with strong augmentation; minutes on two cores.",
        network="compact",
        image_size=160,
        batch_size=32,
        epochs=60,
        learning_rate=1e-3,
        plateau=Plateau(monitor="val_loss", factor=0.3, patience=5, mode="min"),
        best_by="val_loss",
        stopping=Stopping(monitor="val_loss", min_delta=0.0, patience=14),
        augmentation="strong",
        label_smoothing=0.1,
        reported=Reported(caveat="There is no published figure: this recipe is ours."),
        citation="Residual blocks: He et al. 2015, arXiv:1512.03385, and 2018, arXiv:1812.01187",
        data="made on the 3-class set of Ozturk et al. 2020 (1,125 images), by its first fold alone",
        class_names=("COVID-19", "No findings", "Pneumonia"),
    ),
)
