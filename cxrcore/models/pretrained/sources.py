"""Published files of pretrained weights that more than one network may start from.

Addresses and MD5 sums are those of `keras.applications` (Keras 3.15; a test compares). The
author of the CheXNet file offers it on a file-sharing page without a checksum, so it is never
downloaded by program: the message says where it is and which folder it belongs in.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cxrcore.models.records import Source

if TYPE_CHECKING:
    import keras

FINDINGS = 14  # the labels of ChestX-ray14, in CheXNet's last layer
_SIDE = 96  # pixels; the shapes of convolutions do not depend on it, Xception needs 71


def _layers(function: str, findings: int = 0) -> "Callable[[], Sequence[keras.Layer]]":
    """Builds a network of keras.applications without its top, and a sigmoid layer on it."""

    def build() -> "Sequence[keras.Layer]":
        import keras

        make = getattr(keras.applications, function)
        trunk = make(include_top=False, weights=None, input_shape=(_SIDE, _SIDE, 3))
        if not findings:
            return trunk.layers
        head = keras.layers.Dense(findings, activation="sigmoid", name="predictions")
        head.build((None, trunk.output.shape[-1]))
        return [*trunk.layers, head]

    return build


def _imagenet(name: str, folder: str, function: str, md5: str) -> Source:
    file_name = f"{name}_weights_tf_dim_ordering_tf_kernels_notop.h5"
    return Source(
        kind=f"imagenet:{name}",
        file_name=file_name,
        address="https://storage.googleapis.com/tensorflow/keras-applications/"
        f"{folder}/{file_name}",
        layers=_layers(function),
        md5=md5,
    )


RESNET50 = _imagenet("resnet50", "resnet", "ResNet50", "4d473c1dd8becc155b73f8504c6f6626")
RESNET50V2 = _imagenet("resnet50v2", "resnet", "ResNet50V2", "fac2f116257151a9d068a22e544a4917")
XCEPTION = _imagenet("xception", "xception", "Xception", "b0042744bf5b25fce3cb969f33bebb97")
DENSENET121 = _imagenet(
    "densenet121", "densenet", "DenseNet121", "30ee3e1110167f948a6b9946edeeb738"
)
CHEXNET = Source(
    kind="chexnet",
    file_name="brucechou1983_CheXNet_Keras_0.3.0_weights.h5",
    # The link in the section "Trained model weights" of the author's README.
    address=(
        "https://github.com/brucechou1983/CheXNet-Keras (section 'Trained model weights', "
        "https://drive.google.com/open?id=19BllaOvs2x5PLV_vlWMy4i8LapLb2j6b)"
    ),
    layers=_layers("DenseNet121", FINDINGS),
)
# The others of keras.applications are made from their table, by `cxrcore.models.applications`.
OF_STUDIES = {one.kind: one for one in (RESNET50, RESNET50V2, XCEPTION, DENSENET121)}
