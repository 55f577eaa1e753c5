"""The network that finds lungs, as Keras trains it. Loads TensorFlow: only training imports this."""

from typing import Any

from cxrcore.lungs.grid import OUTPUT_SIDE, SIDE

WIDTHS = (24, 40, 64, 96, 128)  # channels from 96 px to 6 px


def build() -> Any:
    """A U-Net of 0.9 million parameters; half the size of the picture is its finest level.

    Returns:
        keras.Model from (n, 192, 192, 1) standardised gray (`grid.standardised`) to
        (n, 96, 96, 3) probabilities of background, the patient's right lung and left lung.

    Source:
        Ronneberger, Fischer and Brox 2015, arXiv:1505.04597, with batch normalisation and padding.
    """
    from keras import Input, Model, layers

    picture = Input((SIDE, SIDE, 1), name="picture")
    x = _convolution(picture, WIDTHS[0], kernel=4, strides=2)
    skipped: list[Any] = []
    for width in WIDTHS:
        if skipped:
            x = layers.MaxPooling2D(2)(x)
        x = _convolution(x, width)
        if skipped:
            x = _convolution(x, width)
        skipped.append(x)
    for width, skip in zip(WIDTHS[-2::-1], skipped[-2::-1], strict=True):
        x = layers.Concatenate()([layers.UpSampling2D(2, interpolation="nearest")(x), skip])
        x = _convolution(_convolution(x, width), width)
    x = layers.Conv2D(3, 1, dtype="float32")(x)
    model = Model(picture, layers.Softmax(dtype="float32", name="lungs")(x))
    assert model.output_shape[1] == OUTPUT_SIDE  # noqa: S101 (the two constants belong together)
    return model


def _convolution(x: Any, width: int, *, kernel: int = 3, strides: int = 1) -> Any:
    from keras import layers

    x = layers.Conv2D(width, kernel, strides, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
