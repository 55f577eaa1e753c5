"""Maps with prediction: ours against tf-keras-vis, in one run; and mapping against predicting.

    python -m bench.explain [--rounds N] [--networks ResNet50 DenseNet121] [--methods NAME ...]

Networks at 224 px with random weights, one picture at a time. The reference is called as its
manual does: a network made linear once, then its class for each picture, and the network itself
for the probabilities that ours returns with the map. The two take turns, so that other work on
the machine meets both. Integrated gradients, occlusion and RISE have no reference there.

The second table is of many films at 96 px: films a second through the network alone, compiled,
and with the map of each (`explanations.maps`, as `explain RUN --all` does).
"""

import argparse
import os
import statistics
import time
import warnings
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from cxrcore import explanations
from cxrcore.explanations import computation
from cxrcore.explanations.methods import scorecam, smoothgrad

SIDE = 224
CLASSES = 4
SLOW_ROUNDS = 2  # of methods that take a hundred passes
FILMS, FILM_SIDE = 96, 96


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="timed pictures for each method")
    parser.add_argument("--networks", nargs="*", default=["ResNet50", "DenseNet121"])
    parser.add_argument("--methods", nargs="*", help="by default all with a reference")
    chosen = parser.parse_args()
    print(
        f"{'network':<12} {'method':<11} {'ours':>9} {'tf-keras-vis':>13} {'ratio':>6} {'differ':>8}"
    )
    for name in chosen.networks:
        network, linear = classifiers(name)
        for method, reference in references(linear).items():
            if chosen.methods and method not in chosen.methods:
                continue
            slow = explanations.METHODS[method].slow
            turns = (min(chosen.rounds, SLOW_ROUNDS), 1) if slow else (chosen.rounds, 2)
            ours, theirs, difference = race(network, method, reference, *turns)
            print(
                f"{name:<12} {method:<11} {ours:>6.1f} ms {theirs:>10.1f} ms "
                f"{theirs / ours:>5.1f}x {difference:>8.1e}",
                flush=True,
            )
    print("Medians. 'differ': largest difference of the maps, as a share of the largest value.")
    for name in chosen.networks:
        for method in ("grad-cam", "saliency"):
            predicting, mapping = throughput(name, method)
            print(
                f"{name} at {FILM_SIDE} px, {method}: {predicting:.0f} films a second predicted, "
                f"{mapping:.0f} mapped ({mapping / predicting:.0%})",
                flush=True,
            )


def classifiers(name, side=SIDE):
    """A softmax classifier for ours, and the same layers without softmax for the reference."""
    import keras

    keras.utils.set_random_seed(0)
    trunk = getattr(keras.applications, name)(
        include_top=False, weights=None, input_shape=(side, side, 3), pooling="avg"
    )
    logits = keras.layers.Dense(CLASSES, name="logits")(trunk.output)
    softmax = keras.layers.Softmax()(logits)
    return keras.Model(trunk.input, softmax), keras.Model(trunk.input, logits)


def references(linear):
    """Method -> function of picture and class index that gives (probabilities, map)."""
    import keras

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package imports names that SciPy has moved
        from tf_keras_vis.gradcam import Gradcam, GradcamPlusPlus
        from tf_keras_vis.layercam import Layercam
        from tf_keras_vis.saliency import Saliency
        from tf_keras_vis.scorecam import Scorecam
        from tf_keras_vis.utils.scores import CategoricalScore

    def with_prediction(explainer, **options):
        def both(image, index):
            heat = explainer(CategoricalScore(index), image, **options)[0]
            return linear(image, training=False).numpy()[0], np.asarray(heat)

        return both

    def scaled(both):
        """Grad-CAM++ of the logit instead of its exponential, see gradcam_plus_plus."""

        def run(image, index):
            logits, heat = both(image, index)
            return logits, heat / np.exp(logits[index])

        return run

    keras.utils.disable_interactive_logging()  # Score-CAM's progress bars
    last = [layer for layer in linear.layers if isinstance(layer, keras.layers.Conv2D)][-1]
    most = min(scorecam.CHANNELS, last.filters)  # the reference refuses more than there are
    smooth = {"smooth_samples": smoothgrad.SAMPLES, "smooth_noise": smoothgrad.NOISE}
    cam = {"normalize_cam": False}
    return {
        "grad-cam": with_prediction(Gradcam(linear), **cam),
        "grad-cam++": scaled(with_prediction(GradcamPlusPlus(linear), **cam)),
        "layercam": with_prediction(Layercam(linear), **cam),
        "saliency": with_prediction(Saliency(linear), normalize_map=False),
        "smoothgrad": with_the_same_noise(
            with_prediction(Saliency(linear), normalize_map=False, **smooth)
        ),
        "score-cam": with_prediction(Scorecam(linear), max_N=most, **cam),
    }


def with_the_same_noise(both):
    """The reference draws its noise from NumPy's global generator; it gets ours."""
    shape = (SIDE, SIDE, 3)
    noise = np.stack([smoothgrad.noise(number, shape) for number in range(smoothgrad.SAMPLES)])

    def run(image, index):
        with mock.patch.object(np.random, "normal", lambda _, sigma, __: sigma * noise[:, None]):
            return both(image, index)

    return run


def throughput(name, method):
    """Films a second that a network predicts, and that it maps; medians of turns."""
    import tensorflow as tf

    network, _ = classifiers(name, FILM_SIDE)
    films = np.random.default_rng(0).integers(0, 256, (FILMS, FILM_SIDE, FILM_SIDE), np.uint8)
    through = tf.function(lambda batch: network(batch, training=False), autograph=False)

    def predict():
        for batch in computation.batches(network, films):
            through(batch).numpy()

    def explain():
        for _ in explanations.maps(network, films, method):
            pass

    seconds = {predict: [], explain: []}
    for number in range(6):  # the first turn compiles
        for run, times in seconds.items():
            start = time.perf_counter()
            run()
            if number:
                times.append(time.perf_counter() - start)
    return tuple(FILMS / statistics.median(times) for times in seconds.values())


def race(network, method, reference, rounds, warm=2):
    """Median ms of ours and of the reference, and the largest relative difference of the maps."""
    random = np.random.default_rng(0)
    seconds = ([], [])
    difference = 0.0
    for number in range(-warm, rounds):  # the first ones compile and warm up
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
