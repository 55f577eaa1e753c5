"""The loop over epochs: train, validate, adjust the schedule, save a checkpoint, report."""

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cxrcore.errors import TrainingError
from cxrcore.models import Plateau, Recipe, Stopping
from cxrcore.training import schedule
from cxrcore.training.checkpoint import Checkpoint, State
from cxrcore.training.data import Feed
from cxrcore.training.monitor import Reporter

if TYPE_CHECKING:
    import keras


def fit(
    model: "keras.Model",
    recipe: Recipe,
    train: Feed,
    validation: Feed,
    state: State,
    checkpoint: Checkpoint,
    reporter: Reporter,
    class_weights: Mapping[int, float] | None = None,
) -> None:
    """Train the compiled `model` for the epochs that `state` says are left.

    `class_weights` is the weight of an image of each class, by class number; validation images
    all count the same. `state` is updated and saved in `checkpoint` after each epoch; at the end
    `state.finished` says why training ended.

    Raises:
        Cancelled: the training was stopped; the checkpoint has the last complete epoch.
        TrainingError: the loss is not finite, or TensorFlow failed.
        StoreError: the checkpoint cannot be written.
    """
    if not state.begins_phase:
        checkpoint.restore(model, state.epoch)
        checkpoint.restore_optimizer(model, state.epoch)
    batches = train.dataset(), validation.dataset()
    plateau = schedule.PlateauState(state.plateau_best, state.wait)
    stopping = schedule.StoppingState(state.stopping_best, state.stopping_wait)
    pace = Pace(train, validation, recipe.epochs)
    while not state.finished:
        if state.learning_rate is not None:
            model.optimizer.learning_rate = state.learning_rate
        rate = float(model.optimizer.learning_rate)
        train.epoch = state.epoch
        logs = _one_epoch(model, batches, (train, validation), pace, state, reporter, class_weights)

        seconds = pace.end_epoch()
        state.epoch += 1
        state.seconds += seconds
        state.training_seconds += pace.training_seconds
        state.history.append({"epoch": state.epoch, **logs, "learning_rate": rate})
        state.history[-1]["seconds"] = round(seconds, 3)
        state.log.append(_line(state, recipe.epochs))
        if recipe.best_by and (state.best_loss is None or logs["val_loss"] < state.best_loss):
            state.best_loss, state.best_epoch = logs["val_loss"], state.epoch
        if recipe.plateau and _applies(recipe.plateau, state, train):
            rate = plateau.rate_after(recipe.plateau, logs[recipe.plateau.monitor], rate)
            state.learning_rate, state.wait = rate, plateau.wait
            state.plateau_best = plateau.best
        state.finished = _reason_to_end(state, recipe, rate)
        rule = recipe.stopping
        if rule and not state.finished and _applies(rule, state, train):
            ends = stopping.ends_after(rule, logs[rule.monitor])
            state.stopping_best, state.stopping_wait = stopping.best, stopping.wait
            state.finished = _why_it_stops(rule, state, recipe) if ends else ""
        checkpoint.save(state, model)
        reporter.history = list(state.history)
        reporter.board.follow(state.history, state.log)
        reporter.report(
            "training", epoch=state.epoch, batch=len(train), batches=len(train), now=True
        )


def _one_epoch(
    model: "keras.Model",
    batches: tuple[object, object],
    feeds: tuple[Feed, Feed],
    pace: "Pace",
    state: State,
    reporter: Reporter,
    class_weights: Mapping[int, float] | None,
) -> dict[str, float]:
    """Loss and accuracy of training and validation, named as in `Run.history`."""
    import keras
    import tensorflow as tf

    def end_batch(batch: int, logs: Mapping[str, float]) -> None:
        _require_finite(logs["loss"], state.epoch + 1, float(model.optimizer.learning_rate))
        pace.end_batch()
        # While the head trains alone, nobody knows how long an epoch of the rest takes.
        last = pace.epochs == reporter.epochs
        reporter.report(
            "training",
            epoch=state.epoch + 1,
            batch=batch + 1,
            batches=len(feeds[0]),
            images_per_second=pace.images_per_second,
            eta_seconds=pace.eta_seconds(state.epoch, batch + 1) if last else None,
        )

    def end_validation_batch(_batch: int, logs: Mapping[str, float]) -> None:  # noqa: ARG001 - Keras' names
        reporter.stop_if_asked()

    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=end_batch, on_test_batch_end=end_validation_batch
    )
    reporter.stop_if_asked()
    pace.begin_epoch()
    try:
        history = model.fit(
            batches[0],
            validation_data=batches[1],
            callbacks=[watch],
            class_weight=class_weights,
            shuffle=False,  # the feed shuffles
            verbose=0,
        )
    except tf.errors.ResourceExhaustedError:
        raise  # explained by machine.explain_memory_errors
    except tf.errors.OpError as error:
        if failure := next((feed.failure for feed in feeds if feed.failure), None):
            raise failure from error
        first_line = str(error.message).strip().partition("\n")[0]
        raise TrainingError(
            f"TensorFlow failed in epoch {state.epoch + 1}: {first_line}. The epochs before are "
            "kept; start the training again to continue."
        ) from error
    logs = {name: float(values[-1]) for name, values in history.history.items()}
    _require_finite(logs["val_loss"], state.epoch + 1, float(model.optimizer.learning_rate))
    return {name: logs[name] for name in ("loss", "accuracy", "val_loss", "val_accuracy")}


def _require_finite(loss: float, epoch: int, rate: float) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"The loss is no longer a finite number in epoch {epoch}, at a learning rate of {rate:g}. "
            f"Start again with a lower learning rate, such as {rate / 10:g}.",
            final=True,
        )


def _applies(rule: Plateau | Stopping, state: State, train: Feed) -> bool:
    """Whether the rule applies to the epoch that has ended, or the network is still settling."""
    return state.epoch * len(train) >= rule.settling_steps


def _reason_to_end(state: State, recipe: Recipe, next_rate: float) -> str:
    if state.epoch >= recipe.epochs:
        return "all epochs are done"
    if recipe.plateau and schedule.is_negligible(next_rate, recipe.learning_rate):
        return (
            f"the learning rate fell to {next_rate:.0e} after {state.epoch} of {recipe.epochs} "
            "epochs; more of them would change nothing"
        )
    return ""


def _why_it_stops(rule: Stopping, state: State, recipe: Recipe) -> str:
    what = {"accuracy": "training accuracy", "val_loss": "validation loss"}[rule.monitor]
    return (
        f"the {what} has not improved for {rule.patience} epochs, after {state.epoch} of "
        f"{recipe.epochs}"
    )


def _line(state: State, epochs: int) -> str:
    row = state.history[-1]
    return (
        f"epoch {state.epoch} of {epochs}: loss {row['loss']:.4f}, accuracy {row['accuracy']:.4f}, "
        f"validation loss {row['val_loss']:.4f}, accuracy {row['val_accuracy']:.4f}, "
        f"learning rate {row['learning_rate']:.3g}, {row['seconds']:.1f} s"
    )


class Pace:
    """Speed of this session of a training.

    The first batch does not count in rates, since it includes tracing the graph, which happens
    once; `training_seconds` includes it.
    """

    def __init__(
        self,
        train: Feed,
        validation: Feed,
        epochs: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._train, self.epochs, self._clock = train, epochs, clock
        # Until it is measured: validation only runs forward, about a third of the work.
        self._expected_rest = validation.images / train.images / 3  # of the training part
        self._batches, self._seconds = 0, 0.0  # for the rate
        self._rest: float | None = None  # seconds of an epoch after its last batch
        self._first = True
        self._start = self._last = 0.0

    @property
    def training_seconds(self) -> float:
        """Seconds of the current epoch until its latest batch."""
        return self._last - self._start

    @property
    def images_per_second(self) -> float | None:
        """Training images per second, or None after the first batch."""
        batch_seconds = self._batch_seconds
        if not batch_seconds:
            return None
        return self._train.images / len(self._train) / batch_seconds

    def begin_epoch(self) -> None:
        """An epoch begins now."""
        self._start = self._last = self._clock()

    def end_batch(self) -> None:
        """A batch has just ended."""
        now = self._clock()
        if not self._first:
            self._batches += 1
            self._seconds += now - self._last
        self._first = False
        self._last = now

    def end_epoch(self) -> float:
        """The epoch's validation has ended; its seconds."""
        now = self._clock()
        self._rest = now - self._last
        return now - self._start

    def eta_seconds(self, epochs_done: int, batch: int) -> float | None:
        """Seconds until the last epoch is done, or None after the first batch."""
        batch_seconds = self._batch_seconds
        if batch_seconds is None:
            return None
        rest = self._rest
        if rest is None:
            rest = self._expected_rest * len(self._train) * batch_seconds
        epochs = self.epochs - epochs_done
        batches = epochs * len(self._train) - batch
        return batches * batch_seconds + epochs * rest

    @property
    def _batch_seconds(self) -> float | None:
        return self._seconds / self._batches if self._batches else None
