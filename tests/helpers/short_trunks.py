"""The trunks of the studies with few and narrow blocks: built and traced in a tenth of the time.

Their blocks, layer names, strides and paddings are those of Keras, so that what builds on a trunk runs
the same code. tests/models/networks looks at the trunks at full depth.
"""

import contextlib
from collections.abc import Iterator

import keras
import pytest
from keras import layers
from keras.src.applications import densenet, resnet  # their building blocks are not public

from cxrcore.models import ours, study_d


def resnet50(name: str = "resnet50", **options: object) -> keras.Model:
    """ResNet50, one block a stage; stage 5 is complete, since study A trains it."""

    def stages(x):
        for stage, (maps, blocks) in enumerate(((8, 1), (8, 1), (8, 1), (16, 3)), start=2):
            stride = 1 if stage == 2 else 2
            x = resnet.stack_residual_blocks_v1(x, maps, blocks, stride, name=f"conv{stage}")
        return x

    return resnet.ResNet(stages, preact=False, use_bias=True, name=name, **options)


def resnet50v2(name: str = "resnet50v2", **options: object) -> keras.Model:
    """ResNet50V2, one block a stage; the last does not halve."""

    def stages(x):
        for stage in (2, 3, 4, 5):
            stride, block = 2 if stage < 5 else 1, f"conv{stage}_block1"
            x = resnet.residual_block_v2(x, 8, stride=stride, conv_shortcut=True, name=block)
        return x

    return resnet.ResNet(stages, preact=True, use_bias=True, name=name, **options)


def densenet121(name: str = "densenet121", **options: object) -> keras.Model:
    """DenseNet121, one layer a block."""
    return densenet.DenseNet([1, 1, 1, 1], name=name, **options)


def xception(name: str = "xception", *, input_shape: tuple[int, int, int], **_: object):
    """Xception without top: its entry without padding, then four halving blocks."""
    inputs = x = keras.Input(input_shape)
    for number, stride in ((1, 2), (2, 1)):
        x = layers.Conv2D(8, 3, stride, use_bias=False, name=f"block1_conv{number}")(x)
        x = layers.BatchNormalization(name=f"block1_conv{number}_bn")(x)
        x = layers.Activation("relu", name=f"block1_conv{number}_act")(x)
    for block in (2, 3, 4, 13):
        shortcut = layers.Conv2D(16, 1, 2, padding="same", use_bias=False)(x)
        shortcut = layers.BatchNormalization()(shortcut)
        sepconv = f"block{block}_sepconv1"
        x = layers.SeparableConv2D(16, 3, padding="same", use_bias=False, name=sepconv)(x)
        x = layers.BatchNormalization(name=f"{sepconv}_bn")(x)
        x = layers.MaxPooling2D(3, 2, padding="same", name=f"block{block}_pool")(x)
        x = layers.add([x, shortcut])
    return keras.Model(inputs, x, name=name)


@contextlib.contextmanager
def in_place() -> Iterator[None]:
    """Let keras.applications build the short trunks, and our studies few narrow blocks on them."""
    short = {
        "ResNet50": resnet50,
        "ResNet50V2": resnet50v2,
        "DenseNet121": densenet121,
        "Xception": xception,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, make in short.items():
            patch.setattr(keras.applications, name, make)
        patch.setattr(study_d, "BLOCKS", 2)  # one with a projected shortcut, one without
        patch.setattr(study_d, "INNER", 16)
        patch.setattr(study_d, "OUTER", 64)
        patch.setattr(ours, "STAGES", (32, 64))
        yield
