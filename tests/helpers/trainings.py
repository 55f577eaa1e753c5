"""What tests of whole trainings share: a network of milliseconds, and who watches and stops it."""

import numpy as np

from cxrcore import store
from cxrcore.training.monitor import TrainingProgress


def small(recipe, classes, weights=None, report=None):
    """A frozen trunk and a head like those of chexnet-probe, in milliseconds."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(recipe.seed)
    x = inputs = keras.Input((recipe.image_size, recipe.image_size, 3), name="image")
    x = layers.Rescaling(1 / 255)(x)
    x = layers.Conv2D(8, 5, strides=4, activation="relu", trainable=False)(x)
    x = layers.Flatten(name="features")(x)
    x = layers.BatchNormalization(momentum=0.9, name="head_norm")(x)
    x = layers.Dense(len(classes), "softmax", dtype="float32", name="predictions")(x)
    return keras.Model(inputs, x)


class Watcher:
    """Keeps what a training reports, and asks it to stop when `until` says so."""

    def __init__(self, until=lambda progress: False) -> None:
        self.seen: list[TrainingProgress] = []
        self.until = until

    def report(self, progress: TrainingProgress) -> None:
        self.seen.append(progress)

    def should_stop(self) -> bool:
        return bool(self.seen) and self.until(self.seen[-1])


def figures(run: store.Run) -> np.ndarray:
    return run.history()[["loss", "accuracy", "val_loss", "val_accuracy"]].to_numpy()
