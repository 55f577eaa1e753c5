"""One training from its specification to the run in the store."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from cxrcore import priority, store
from cxrcore.errors import TrainingError
from cxrcore.files import cannot_write
from cxrcore.models import Recipe, networks, pretrained
from cxrcore.store import Run
from cxrcore.tracking.tensorboard import Board
from cxrcore.training import machine
from cxrcore.training.augment import strength_of
from cxrcore.training.checkpoint import Checkpoint, State
from cxrcore.training.data import Feed
from cxrcore.training.evaluation import examine
from cxrcore.training.fit import fit
from cxrcore.training.inputs import Material, gather
from cxrcore.training.monitor import Reporter, TrainingProgress
from cxrcore.training.network import Network, opened
from cxrcore.training.plan import TrainSpec
from cxrcore.training.run_record import opening, record, save
from cxrcore.training.schedule import class_weights
from cxrcore.training.selection import Selection
from cxrcore.training.slices import at_once, sliced


def train(
    spec: TrainSpec,
    *,
    checkpoint: Path | None = None,
    report: Callable[[TrainingProgress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
    precision: str | None = None,
) -> Run:
    """Train what `spec` says and keep it; a run that is there already is returned at once.

    The model is kept in float32 whatever the precision of training, so that
    it says the same on every machine; the run's numbers are those of the kept model.

    Args:
        spec: from `plan`.
        checkpoint: folder that a later call continues from; None for none. It is
            emptied once the run is in the store.
        report: told about twice a second how far it is.
        should_stop: asked at every batch.
        precision: "float32" or "mixed_bfloat16"; None for what suits the machine.
            A resumed training goes on with what it began with.

    Raises:
        Cancelled: asked to stop; the checkpoint is kept.
        TrainingError: the dataset changed, a class has no images left, the loss is
            not a number, or the memory is not enough.
        DatasetError, WeightsError, StoreError: the dataset is gone, pretrained
            weights are missing, or the disk is full. After a full disk the
            checkpoint is kept, and the next call saves without training again.
    """
    if store.exists(spec.run_id):
        return store.load_run(spec.run_id)
    reporter = Reporter(report, should_stop, spec.recipe.epochs)
    with _folder(checkpoint) as folder:
        return _train(spec, Checkpoint(folder), reporter, precision)


def _train(
    spec: TrainSpec, checkpoint: Checkpoint, reporter: Reporter, precision: str | None
) -> Run:
    begun = time.monotonic()
    priority.give_way()
    recipe = spec.recipe
    state = checkpoint.load(spec.run_id)
    if state and state.features is None:
        state.features = recipe.architecture.features
    reporter.history = list(state.history) if state else []
    weights_used = _first_weights(recipe, reporter, needed=state is None or bool(state.features))
    material = gather(spec, reporter)
    begun += material.seconds_once
    _same_division(state, material)

    reporter.tell("building")
    machine.start_tensorflow()
    if state is None:
        chosen = (
            "float32" if recipe.architecture.features else precision or machine.best_precision()
        )
        state = State(run_id=spec.run_id, precision=chosen, weights_used=weights_used)
        state.features, state.division = recipe.frozen_first, material.split.digest
        state.log = opening(spec, material, state)
    else:
        state.log.append(f"continued after epoch {state.epoch}")
    reporter.board = Board.of_training(spec.run_id, recipe, material.selection.counts["train"])
    reporter.board.follow(state.history, state.log)
    before = state.seconds

    def finish(net: Network) -> Run:
        checkpoint.restore(net.part, state.chosen_epoch)
        chosen, leaking = material.selection, material.leaks.image_ids
        asked = material.dataset, spec.classes, chosen, recipe.batch_size, reporter, leaking
        outcome = examine(net, *asked)
        outside_epochs = time.monotonic() - begun - (state.seconds - before)
        run = record(spec, material, state, outcome, net, state.seconds + outside_epochs)
        reporter.tell("saving", now=True)
        return save(run, state, outcome, net)

    with machine.memory_explained(recipe.batch_size, recipe.image_size):
        run = _fit_and_finish(spec, material, state, checkpoint, reporter, finish)
    checkpoint.remove()
    return run


def _same_division(state: State | None, material: Material) -> None:
    """Whoever was trained on must not be tested after a break."""
    if state is not None and state.division not in (None, material.split.digest):
        raise TrainingError(
            f"Since epoch {state.epoch} other images are found to be duplicates, and the images "
            "are divided differently: some that were trained on would be tested. Remove this job, "
            "then start the training again from its first epoch."
        )


def _fit_and_finish(
    spec: TrainSpec,
    material: Material,
    state: State,
    checkpoint: Checkpoint,
    reporter: Reporter,
    finish: Callable[[Network], Run],
) -> Run:
    """Train what is left to train, then finish with a network in float32."""
    recipe = spec.recipe

    def network(precision: str, *, new: bool) -> contextlib.AbstractContextManager[Network]:
        data = spec.classes, material.pixels
        on_features = bool(state.features)
        return opened(
            recipe, *data, reporter, precision=precision, new=new, on_features=on_features
        )

    if not state.finished:
        with network(state.precision, new=state.epoch == 0) as net:
            state.features = net.on_features
            state.log += [net.note] if net.note else []
            part = sliced(net.part, recipe.batch_size)
            networks.compile(part, recipe)
            if not machine.has_gpu():
                part.jit_compile = False  # XLA on a CPU was measured 3-5 times slower
            train, validation = _feeds(net, recipe, material.selection)
            labels = material.selection.labels[material.selection.rows["train"]]
            counting = class_weights(recipe, labels, spec.classes)
            fit(part, recipe, train, validation, state, checkpoint, reporter, counting)
            if net.on_features and state.precision == "float32":
                # Only the head is compiled: the whole model is kept without an optimiser.
                return finish(net)
    with network("float32", new=False) as net:
        return finish(net)


def _feeds(net: Network, recipe: Recipe, chosen: Selection) -> tuple[Feed, Feed]:
    train, validation = chosen.rows["train"], chosen.rows["validation"]
    size = recipe.batch_size
    return (
        Feed(net.rows, train, chosen.labels[train], size, recipe.seed, strength_of(recipe)),
        Feed(net.rows, validation, chosen.labels[validation], at_once(net.part, size)),
    )


def _first_weights(recipe: Recipe, reporter: Reporter, *, needed: bool) -> str:
    """Where training starts from, for `Run.weights_used`; missing weights are found out early."""
    kinds = pretrained.kinds_of(recipe)
    if not kinds:
        return "random"
    for kind in kinds if needed else ():
        pretrained.locate(kind, report=reporter.of("building"))
    if recipe.weights_digest:
        return f"file {Path(recipe.weights).name} ({recipe.weights_digest[:8]})"
    return recipe.weights


@contextlib.contextmanager
def _folder(checkpoint: Path | None) -> Iterator[Path]:
    """The checkpoint's folder; a temporary one where none was asked for."""
    if checkpoint is not None:
        yield checkpoint
        return
    try:
        temporary = tempfile.TemporaryDirectory(prefix="cxr-training-")
    except OSError as error:
        raise cannot_write(Path(tempfile.gettempdir()) / "cxr-training", error) from error
    with temporary as name:
        yield Path(name) / "checkpoint"
