"""DarkCovidNet of Ozturk et al. 2020, as an example of a recipe file of one's own.

Copy it into the folder of recipes (`data/recipes`, or CXR_RECIPES); then

    python -m cxrcore train darkcovidnet --data NAME --folds 5

Seventeen convolutions and five poolings, after Darknet-19: each convolution is followed by batch
normalisation and a leaky ReLU. As in the published code, a 1 x 1 convolution pads by one pixel, so
that maps grow by two; without that the published parameters are not met. Trainable parameters
at 256 px: 1,164,434 for two classes, as published, and 1,167,586 for three.

Measured here on 1,123 of the study's films, five folds, `--size 128 --epochs 20` and the fast
schedule: accuracy 0.793 divided by image (`--group image --duplicates ignored`; 95 % interval
0.730 to 0.855) and 0.788 by patient (0.694 to 0.882). The study reports 0.870 at 256 px.

Source: doi 10.1016/j.compbiomed.2020.103792
"""

from cxrcore.models import Network, Recipe, Reported, layers

_POOL = None
# (filters, kernel) of each convolution, and the poolings between them.
_BODY = (
    *((8, 3), _POOL, (16, 3), _POOL),
    *((32, 3), (16, 1), (32, 3), _POOL),
    *((64, 3), (32, 1), (64, 3), _POOL),
    *((128, 3), (64, 1), (128, 3), _POOL),
    *((256, 3), (128, 1), (256, 3), (128, 1), (256, 3)),
)


def build(recipe, n_classes):
    """The network: pixels 0..255 in, probabilities out."""
    from keras.layers import Activation, Flatten, MaxPooling2D, Rescaling

    image = layers.image(recipe)
    x = Rescaling(1 / 255, dtype="float32")(image)
    for part in _BODY:
        x = MaxPooling2D(2)(x) if part is _POOL else _leaky(_normalised(_convolved(x, *part)))
    x = _normalised(Activation("relu")(_convolved(x, n_classes, 3)))
    return layers.classifier(recipe, image, Flatten()(x), n_classes)


def _convolved(x, filters, kernel):
    from keras.layers import Conv2D, ZeroPadding2D

    if kernel == 1:
        x = ZeroPadding2D(1)(x)
    return Conv2D(filters, kernel, padding="same", use_bias=False)(x)


def _normalised(x):
    from keras.layers import BatchNormalization

    return BatchNormalization(momentum=0.9, epsilon=1e-5)(x)  # PyTorch's values


def _leaky(x):
    from keras.layers import LeakyReLU

    return LeakyReLU(negative_slope=0.1)(x)


def count_parameters(recipe, n_classes):
    """All weights, those of the moving means as well: four a map."""
    side, maps, total = recipe.image_size, 3, 0
    for part in (*_BODY, (n_classes, 3)):
        if part is _POOL:
            side //= 2
            continue
        filters, kernel = part
        side += 2 if kernel == 1 else 0
        total += kernel**2 * maps * filters + layers.norm_parameters(filters)
        maps = filters
    return total + layers.dense_parameters(side**2 * maps, n_classes)


NETWORKS = (Network(name="darkcovidnet", build=build, count_parameters=count_parameters),)

RECIPES = (
    Recipe(
        name="darkcovidnet",
        study="Ozturk",
        title="DarkCovidNet",
        description="Seventeen convolutions with leaky ReLU, from random weights.",
        network="darkcovidnet",
        image_size=256,
        batch_size=32,
        epochs=100,
        learning_rate=3e-3,
        reported=Reported(
            accuracy=0.8702,
            n_test=1125,
            caveat="Mean of 5 folds divided by image: films of one patient are on both sides.",
        ),
        defects=(
            "Learning rate, batch size and number of epochs could not be checked against the paper.",
        ),
        citation="Ozturk et al. 2020, doi 10.1016/j.compbiomed.2020.103792",
        data="1,125 films: 125 COVID-19, 500 without findings, 500 pneumonia",
        class_names=("Covid-19", "No_findings", "Pneumonia"),
    ),
)
