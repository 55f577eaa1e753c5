"""Grad-CAM and saliency with prediction: ours against tf-keras-vis, in one run.

    python -m bench.explain [--rounds N]

ResNet50 and DenseNet121 at 224 px with random weights, one picture at a time. The
reference is called as its manual does: a network made linear once, then Gradcam or
Saliency for each picture, and the network itself for the probabilities that ours
returns with the map. The two take turns, so that other work on the machine meets both.
"""

import argparse
import os
import statistics
import time
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from cxrcore import explanations

SIDE = 224
CLASSES = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="timed pictures for each method")
    rounds = parser.parse_args().rounds
    print(
        f"{'network':<12} {'method':<9} {'ours':>8} {'tf-keras-vis':>13} {'ratio':>6} {'differ':>8}"
    )
    for name in ("ResNet50", "DenseNet121"):
        network, linear = classifiers(name)
        for method, reference in references(linear).items():
            ours, theirs, difference = race(network, method, reference, rounds)
            print(
                f"{name:<12} {method:<9} {ours:>5.1f} ms {theirs:>10.1f} ms "
                f"{theirs / ours:>5.1f}x {difference:>8.1e}"
            )
    print("Medians. 'differ': largest difference of the maps, as a share of the largest value.")


def classifiers(name):
    """A softmax classifier for ours, and the same layers without softmax for the reference."""
    import keras

    keras.utils.set_random_seed(0)
    trunk = getattr(keras.applications, name)(
        include_top=False, weights=None, input_shape=(SIDE, SIDE, 3), pooling="avg"
    )
    logits = keras.layers.Dense(CLASSES, name="logits")(trunk.output)
    softmax = keras.layers.Softmax()(logits)
    return keras.Model(trunk.input, softmax), keras.Model(trunk.input, logits)


def references(linear):
    """Method -> function of picture and class index that gives (probabilities, map)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package imports names that SciPy has moved
        from tf_keras_vis.gradcam import Gradcam
        from tf_keras_vis.saliency import Saliency
        from tf_keras_vis.utils.scores import CategoricalScore

    gradcam, saliency = Gradcam(linear), Saliency(linear)

    def with_prediction(explainer, **options):
        def both(image, index):
            heat = explainer(CategoricalScore(index), image, **options)[0]
            return linear(image, training=False).numpy()[0], np.asarray(heat)

        return both

    return {
        "grad-cam": with_prediction(gradcam, normalize_cam=False),
        "saliency": with_prediction(saliency, normalize_map=False),
    }


def race(network, method, reference, rounds):
    """Median ms of ours and of the reference, and the largest relative difference of the maps."""
    random = np.random.default_rng(0)
    seconds = ([], [])
    difference = 0.0
    for number in range(-2, rounds):  # the first two compile and warm up
        picture = (
            random.integers(0, 256, (SIDE // 8, SIDE // 8), np.uint8).repeat(8, 0).repeat(8, 1)
        )
        batch = np.repeat(picture[None, :, :, None], 3, 3).astype(np.float32)
        index = number % CLASSES
        results = []
        for call, arguments, times in (
            (explanations.predict_and_explain, (network, picture, method, index), seconds[0]),
            (reference, (batch, index), seconds[1]),
        ):
            start = time.perf_counter()
            results.append(call(*arguments)[1])
            if number >= 0:
                times.append(time.perf_counter() - start)
        if (largest := results[1].max()) > 0:
            difference = max(difference, float(np.abs(results[0] - results[1]).max() / largest))
    ours, theirs = (1000 * statistics.median(times) for times in seconds)
    return ours, theirs, difference


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="(?s).*structure of `inputs`")  # the reference's list
    main()
