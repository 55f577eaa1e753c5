"""The networks of `keras.applications` and what Keras publishes of each: a table.

`applications` makes networks, recipes and sources of weights from it. Parameters and checksums are
those of Keras 3; bench/applications.py compares all of them with the installed Keras.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

_HOST = "https://storage.googleapis.com/"
_KERAS_FOLDER = f"{_HOST}tensorflow/keras-applications/"

Scaling = Literal["caffe", "torch", "tf", "128", "inside"]


@dataclass(frozen=True)
class Member:
    """One network: its function in `keras.applications`, and what Keras publishes of it."""

    function: str
    parameters: int  # without top, trainable or not, at any image size
    width: int  # maps of its last layer
    size: int  # pixels of an image side by default
    checksum: str = ""  # of the file without top: MD5, or SHA-256 if longer

    @property
    def title(self) -> str:
        """The name as its authors write it, such as "EfficientNetV2-B0"."""
        variant = r"(?<=.)(B\d|[SML]|Tiny|Small|Base|X?Large|Mobile)$"
        return re.sub(variant, r"-\1", self.function)

    @property
    def slug(self) -> str:
        """In names of recipes and weights."""
        return self.title.lower()

    @property
    def part(self) -> str:
        """The variant, such as "b0"; the whole name where there is one network only."""
        return self.slug.rpartition("-")[2]


@dataclass(frozen=True, kw_only=True)
class Family:
    """What a line of networks has in common.

    `file` is the name of a member's file of weights and `address` its folder, or the whole address
    where that ends otherwise; `{name}` stands for the function in lower case, `{part}` for the
    variant, such as "tiny".
    """

    members: tuple[Member, ...]
    citation: str
    scaling: Scaling
    file: str
    address: str
    min_size: int = 32
    stages: int = 4
    options: dict[str, Any] = field(default_factory=dict)  # of the function

    def file_of(self, member: Member) -> str:
        """The name of a member's file, as Keras calls it on this machine."""
        return self.file.format(name=member.function.lower(), part=member.part)

    def address_of(self, member: Member) -> str:
        """Where a member's file is published."""
        address = self.address.format(name=member.function.lower(), part=member.part)
        return address + self.file_of(member) if address.endswith("/") else address


_TF_FILE = "{name}_weights_tf_dim_ordering_tf_kernels_notop.h5"
_OUTSIDE = {"include_preprocessing": False}  # scaled before it, in float32

FAMILIES = (
    Family(
        members=(
            Member("MobileNetV3Small", 939_120, 576, 224, "d3e8ec802a04aa4fc771ee12a9a9b836"),
            Member("MobileNetV3Large", 2_996_352, 960, 224, "07fb09a5933dd0c8eaafa16978110389"),
        ),
        citation="MobileNetV3: Howard et al. 2019, arXiv:1905.02244",
        scaling="tf",
        file="weights_mobilenet_v3_{part}_224_1.0_float_no_top_v2.h5",
        address=f"{_KERAS_FOLDER}mobilenet_v3/",
        options=_OUTSIDE,
    ),
    Family(
        members=(Member("MobileNet", 3_228_864, 1024, 224),),
        citation="MobileNet: Howard et al. 2017, arXiv:1704.04861",
        scaling="tf",
        file="mobilenet_1_0_224_tf_no_top.h5",
        address=f"{_KERAS_FOLDER}mobilenet/",
    ),
    Family(
        members=(Member("MobileNetV2", 2_257_984, 1280, 224),),
        citation="MobileNetV2: Sandler et al. 2018, arXiv:1801.04381",
        scaling="tf",
        file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        address=f"{_KERAS_FOLDER}mobilenet_v2/",
    ),
    Family(
        members=(
            Member("EfficientNetB0", 4_049_571, 1280, 224, "50bc09e76180e00e4465e1a485ddc09d"),
            Member("EfficientNetB1", 6_575_239, 1280, 240, "74c4e6b3e1f6a1eea24c589628592432"),
            Member("EfficientNetB2", 7_768_569, 1408, 260, "111f8e2ac8aa800a7a99e3239f7bfb39"),
            Member("EfficientNetB3", 10_783_535, 1536, 300, "af6d107764bb5b1abb91932881670226"),
            Member("EfficientNetB4", 17_673_823, 1792, 380, "ebc24e6d6c33eaebbd558eafbeedf1ba"),
            Member("EfficientNetB5", 28_513_527, 2048, 456, "38879255a25d3c92d5e44e04ae6cec6f"),
            Member("EfficientNetB6", 40_960_143, 2304, 528, "9ecce42647a20130c1f39a5d4cb75743"),
            Member("EfficientNetB7", 64_097_687, 2560, 600, "cbcfe4450ddf6f3ad90b1b398090fe4a"),
        ),
        citation="EfficientNet: Tan and Le 2019, arXiv:1905.11946",
        scaling="inside",
        file="{name}_notop.h5",
        address=f"{_HOST}keras-applications/",
    ),
    Family(
        members=(
            Member("EfficientNetV2B0", 5_919_312, 1280, 224, "893217f2bb855e2983157299931e43ff"),
            Member("EfficientNetV2B1", 6_931_124, 1280, 240, "0e80663031ca32d657f9caa404b6ec37"),
            Member("EfficientNetV2B2", 8_769_374, 1408, 260, "1dfe2e7a5d45b6632553a8961ea609eb"),
            Member("EfficientNetV2B3", 12_930_622, 1536, 300, "f6abf7b5849ac99a89b50dd3fd532856"),
        ),
        citation="EfficientNetV2: Tan and Le 2021, arXiv:2104.00298",
        scaling="torch",
        file="efficientnetv2-{part}_notop.h5",
        address=f"{_KERAS_FOLDER}efficientnet_v2/",
        options=_OUTSIDE,
    ),
    Family(
        members=(
            Member("EfficientNetV2S", 20_331_360, 1280, 384, "af0682fb74e8c54910f2d4393339c070"),
            Member("EfficientNetV2M", 53_150_388, 1280, 480, "1b8dc055df72dde80d614482840fe342"),
            Member("EfficientNetV2L", 117_746_848, 1280, 480, "b0b66b5c863aef5b46e8608fe1711615"),
        ),
        citation="EfficientNetV2: Tan and Le 2021, arXiv:2104.00298",
        scaling="128",
        file="efficientnetv2-{part}_notop.h5",
        address=f"{_KERAS_FOLDER}efficientnet_v2/",
        options=_OUTSIDE,
    ),
    Family(
        members=(
            Member("DenseNet121", 7_037_504, 1024, 224),
            Member("DenseNet169", 12_642_880, 1664, 224, "b8c4d4c20dd625c148057b9ff1c1176b"),
            Member("DenseNet201", 18_321_984, 1920, 224, "c13680b51ded0fb44dff2d8f86ac8bb1"),
        ),
        citation="DenseNet: Huang et al. 2017, arXiv:1608.06993",
        scaling="torch",
        file=_TF_FILE,
        address=f"{_KERAS_FOLDER}densenet/",
    ),
    Family(
        members=(
            Member("ResNet50", 23_587_712, 2048, 224),
            Member("ResNet101", 42_658_176, 2048, 224, "88cf7a10940856eca736dc7b7e228a21"),
            Member("ResNet152", 58_370_944, 2048, 224, "ee4c566cf9a93f14d82f913c2dc6dd0c"),
        ),
        citation="ResNet: He et al. 2016, arXiv:1512.03385",
        scaling="caffe",
        file=_TF_FILE,
        address=f"{_KERAS_FOLDER}resnet/",
    ),
    Family(
        members=(
            Member("ResNet50V2", 23_564_800, 2048, 224),
            Member("ResNet101V2", 42_626_560, 2048, 224, "c0ed64b8031c3730f411d2eb4eea35b5"),
            Member("ResNet152V2", 58_331_648, 2048, 224, "ed17cf2e0169df9d443503ef94b23b33"),
        ),
        citation="ResNetV2: He et al. 2016, arXiv:1603.05027",
        scaling="tf",
        file=_TF_FILE,
        address=f"{_KERAS_FOLDER}resnet/",
    ),
    Family(
        members=(Member("InceptionV3", 21_802_784, 2048, 299, "bcbd6486424b2319ff4ef7d526e38f63"),),
        citation="InceptionV3: Szegedy et al. 2016, arXiv:1512.00567",
        scaling="tf",
        file="inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        address=f"{_KERAS_FOLDER}inception_v3/",
        min_size=75,
    ),
    Family(
        members=(
            Member("InceptionResNetV2", 54_336_736, 1536, 299, "d19885ff4a710c122648d3b5c3b684e4"),
        ),
        citation="InceptionResNetV2: Szegedy et al. 2017, arXiv:1602.07261",
        scaling="tf",
        file="inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        address=f"{_KERAS_FOLDER}inception_resnet_v2/",
        min_size=75,
    ),
    Family(
        members=(Member("Xception", 20_861_480, 2048, 299),),
        citation="Xception: Chollet 2017, arXiv:1610.02357",
        scaling="tf",
        file=_TF_FILE,
        address=f"{_KERAS_FOLDER}xception/",
        min_size=71,
    ),
    Family(
        members=(
            Member("NASNetMobile", 4_269_716, 1056, 224, "1ed92395b5b598bdda52abe5c0dbfd63"),
            Member("NASNetLarge", 84_916_818, 4032, 331, "d81d89dc07e6e56530c4e77faddd61b5"),
        ),
        citation="NASNet: Zoph et al. 2018, arXiv:1707.07012",
        scaling="tf",
        file="nasnet_{part}_no_top.h5",
        address=f"{_KERAS_FOLDER}nasnet/NASNet-{{part}}-no-top.h5",
        stages=1,  # each cell reads the two before it, so that there is no other place to cut
    ),
    Family(
        members=(
            Member(
                "ConvNeXtTiny",
                27_820_128,
                768,
                224,
                "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
            ),
            Member(
                "ConvNeXtSmall",
                49_454_688,
                768,
                224,
                "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
            ),
            Member(
                "ConvNeXtBase",
                87_566_464,
                1024,
                224,
                "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
            ),
            Member(
                "ConvNeXtLarge",
                196_230_336,
                1536,
                224,
                "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
            ),
            Member(
                "ConvNeXtXLarge",
                348_147_968,
                2048,
                224,
                "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
            ),
        ),
        citation="ConvNeXt: Liu et al. 2022, arXiv:2201.03545",
        scaling="torch",
        file="convnext_{part}_notop.h5",
        address=f"{_KERAS_FOLDER}convnext/",
        stages=3,
        options=_OUTSIDE,
    ),
    Family(
        members=(
            Member("VGG16", 14_714_688, 512, 224, "6d6bbae143d832006294945121d1f1fc"),
            Member("VGG19", 20_024_384, 512, 224, "253f8cb515780f3b799900260a226db6"),
        ),
        citation="VGG: Simonyan and Zisserman 2015, arXiv:1409.1556",
        scaling="caffe",
        file=_TF_FILE,
        address=f"{_KERAS_FOLDER}{{name}}/",
    ),
)
