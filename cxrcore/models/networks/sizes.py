"""How many weights a network has, computed without TensorFlow for the form's estimate."""

from cxrcore.models import Recipe
from cxrcore.models.networks import binary, compact, fusion
from cxrcore.models.networks.chexnet import FINDINGS
from cxrcore.models.networks.plain import PLAIN
from cxrcore.models.networks.residual import HIDDEN_UNITS

# Of keras.applications without top, trainable or not; they do not depend on the image size.
RESNET50 = 23_587_712
DENSENET121 = 7_037_504
RESNET50V2 = 23_564_800
XCEPTION = 20_861_480
_RESNET50_MAPS = 2048
_DENSENET121_MAPS = 1024
_XCEPTION_MAPS = 2048


def count_parameters(recipe: Recipe, n_classes: int) -> int:
    """All weights of `build(recipe, n_classes)`, as Keras' `count_params` counts them.

    Raises:
        KeyError: `recipe.network` is not one of this package's.
    """
    match recipe.network:
        case "resnet50":
            side = -(-recipe.image_size // 32)  # halved five times, rounded up
            hidden = _dense(side * side * _RESNET50_MAPS, HIDDEN_UNITS)
            return RESNET50 + hidden + _dense(HIDDEN_UNITS, n_classes)
        case "chexnet":
            return DENSENET121 + _dense(_DENSENET121_MAPS, FINDINGS) + _dense(FINDINGS, n_classes)
        case "chexnet-probe":
            return DENSENET121 + _norm(_DENSENET121_MAPS) + _dense(_DENSENET121_MAPS, n_classes)
        case "resnet50v2-xception":
            return RESNET50V2 + XCEPTION + _fusion() + _dense(fusion.OUTER, n_classes)
        case "compact":
            return _compact() + _dense(compact.STAGES[-1], n_classes)
        case network if network in binary.BINARY:
            return _binary(binary.BINARY[network], recipe.image_size, n_classes)
        case _:
            return _plain(recipe, n_classes)


def _plain(recipe: Recipe, n_classes: int) -> int:
    spec = PLAIN[recipe.network]
    side, maps, total = recipe.image_size, 3, 0
    for filters in spec.filters:
        total += _dense(spec.kernel**2 * maps, filters)  # a convolution is one at every place
        total += _norm(filters) if spec.norm != "none" else 0
        side = (side - (spec.kernel - 1 if spec.padding == "valid" else 0)) // 2
        maps = filters
    width = side * side * maps
    for units in spec.hidden:
        total += _dense(width, units) + (_norm(units) if spec.hidden_norm else 0)
        width = units
    return total + _dense(width, n_classes)


def _compact() -> int:
    """All but its last layer; its convolutions have a normalisation in place of a bias."""

    def convolution(kernel: int, maps_in: int, maps_out: int) -> int:
        return kernel**2 * maps_in * maps_out + _norm(maps_out)

    total, before = convolution(5, 3, compact.STEM), compact.STEM
    for maps in compact.STAGES:
        total += convolution(3, before, maps) + convolution(1, before, maps)
        total += (2 * compact.BLOCKS - 1) * convolution(3, maps, maps)
        before = maps
    return total


def _binary(spec: binary.Binary, side: int, n_classes: int) -> int:
    maps, total = 1, 0
    for filters, pooled in spec.blocks:
        total += _dense(binary.KERNEL**2 * maps, filters)
        side -= binary.KERNEL - 1
        side //= 2 if pooled else 1
        maps = filters
    width = side * side * maps
    for units in spec.hidden:
        total += _dense(width, units)
        width = units
    return total + _dense(width, 1) + n_classes


def _fusion() -> int:
    """The bottleneck blocks on top of the joined trunks."""
    total, maps = 0, _RESNET50_MAPS + _XCEPTION_MAPS
    for _ in range(fusion.BLOCKS):
        for inputs, kernel, outputs in (
            (maps, 1, fusion.INNER),
            (fusion.INNER, 3, fusion.INNER),
            (fusion.INNER, 1, fusion.OUTER),
        ):
            total += _dense(kernel**2 * inputs, outputs) + _norm(outputs)
        if maps != fusion.OUTER:
            total += _dense(maps, fusion.OUTER) + _norm(fusion.OUTER)
        maps = fusion.OUTER
    return total


def _dense(inputs: int, units: int) -> int:
    return (inputs + 1) * units


def _norm(maps: int) -> int:
    return 4 * maps  # scale, shift, moving mean, moving variance
