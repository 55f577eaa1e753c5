"""A training, from its specification to the stored run."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cxrcore import priority, store
from cxrcore.errors import TrainingError
from cxrcore.files import cannot_write
from cxrcore.models import Recipe, networks, pretrained, stages
from cxrcore.store import Run
from cxrcore.tracking.tensorboard import Board
from cxrcore.training import examples, machine
from cxrcore.training.augment import strength_of
from cxrcore.training.checkpoint import Checkpoint, State
from cxrcore.training.data import Feed
from cxrcore.training.evaluation import evaluate_network
from cxrcore.training.fit import fit
from cxrcore.training.inputs import Inputs, load_inputs
from cxrcore.training.monitor import Reporter, TrainingProgress
from cxrcore.training.network import Network, open_network
from cxrcore.training.plan import TrainSpec
from cxrcore.training.run_record import build_record, first_lines, save
from cxrcore.training.schedule import class_weights
from cxrcore.training.slices import in_slices, slice_size

if TYPE_CHECKING:
    import keras


def train(
    spec: TrainSpec,
    *,
    checkpoint: Path | None = None,
    report: Callable[[TrainingProgress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
    precision: str | None = None,
) -> Run:
    """Train according to `spec` and store the run; an existing run is returned at once.

    The model is stored in float32 whatever the precision of training, so that it predicts the
    same on every machine; the run's metrics are those of the stored model.

    Args:
        spec: from `plan`.
        checkpoint: folder from which a later call continues; None for none. It is removed
            once the run is stored.
        report: called about twice a second with the progress.
        should_stop: called at every batch.
        precision: "float32" or "mixed_bfloat16"; None for what is fastest on this machine.
            A resumed training keeps its precision.

    Raises:
        Cancelled: `should_stop` returned True; the checkpoint is kept.
        TrainingError: the dataset changed, a class has no images left, the loss is not finite,
            or there is not enough memory.
        DatasetError, WeightsError, StoreError: the dataset is gone, pretrained weights are
            missing, or the disk is full. After a full disk the checkpoint is kept, and the next
            call stores the run without training again.
    """
    if store.exists(spec.run_id):
        return store.load_run(spec.run_id)
    reporter = Reporter(report, should_stop, spec.recipe.all_epochs)
    with _folder(checkpoint) as folder:
        return _train(spec, Checkpoint(folder), reporter, precision)


def _train(
    spec: TrainSpec, checkpoint: Checkpoint, reporter: Reporter, precision: str | None
) -> Run:
    start = time.monotonic()
    priority.give_way()
    recipe = spec.recipe
    state = checkpoint.load(spec.run_id)
    if state and state.features is None:
        state.features = recipe.architecture.features
    reporter.history = list(state.history) if state else []
    needed = state is None or bool(state.features) or recipe.head_epochs is not None
    weights_used = _first_weights(recipe, reporter, needed=needed)
    inputs = load_inputs(spec, reporter, state.division if state else None)
    start += inputs.seconds_once
    _require_same_division(state, inputs)

    reporter.report("building")
    machine.start_tensorflow()
    if state is None:
        chosen = (
            "float32" if recipe.architecture.features else precision or machine.best_precision()
        )
        state = State(run_id=spec.run_id, precision=chosen, weights_used=weights_used)
        state.features, state.division = recipe.phases()[0].frozen_first, inputs.split.digest
        state.log = first_lines(spec, inputs, state)
    else:
        state.log.append(f"continued after epoch {state.epoch}")
    reporter.board = Board.of_training(spec.run_id, recipe, inputs.selection.counts["train"])
    reporter.board.follow(state.history, state.log)
    before = state.seconds

    def finish(net: Network) -> Run:
        checkpoint.restore(net.part, state.chosen_epoch)
        chosen, leaking = inputs.selection, inputs.leaks.image_ids
        arguments = inputs.dataset, spec.classes, chosen, recipe.batch_size, reporter, leaking
        evaluation = evaluate_network(net, *arguments)
        outside_epochs = time.monotonic() - start - (state.seconds - before)
        run = build_record(spec, inputs, state, evaluation, net, state.seconds + outside_epochs)
        reporter.report("saving", now=True)
        run = save(run, state, evaluation, net)
        examples.try_to_make(run, inputs.dataset, net.whole)
        return run

    with machine.explain_memory_errors(recipe.batch_size, recipe.image_size):
        run = _fit_and_finish(spec, inputs, state, checkpoint, reporter, finish)
    checkpoint.remove()
    return run


def _require_same_division(state: State | None, inputs: Inputs) -> None:
    """Refuse to resume where images that were trained on would be tested."""
    if state is not None and state.division not in (None, inputs.split.digest):
        raise TrainingError(
            f"Since epoch {state.epoch} the duplicates found have changed, and with them the split: "
            "some images that were trained on would be tested. Remove this job, then start the "
            "training again from its first epoch.",
            final=True,
        )


def _fit_and_finish(
    spec: TrainSpec,
    inputs: Inputs,
    state: State,
    checkpoint: Checkpoint,
    reporter: Reporter,
    finish: Callable[[Network], Run],
) -> Run:
    """Train the remaining epochs, then finish with a network in float32."""
    phases = spec.recipe.phases()

    def network(phase: int, precision: str, *, new: bool) -> contextlib.AbstractContextManager:
        on_features = bool(state.features if phase == state.phase else state.head_features)
        data = spec.classes, inputs.pixels, reporter
        return open_network(
            phases[phase], *data, precision=precision, new=new, on_features=on_features
        )

    while not (state.finished and state.phase == len(phases) - 1):
        if state.finished:
            _begin_fine_tuning(phases[state.phase + 1], state, checkpoint)
        recipe = phases[state.phase]
        with network(state.phase, state.precision, new=state.begins_phase) as net:
            if state.phase and state.begins_phase:
                _take_head(net.whole, state, checkpoint)
            state.features = net.on_features
            state.log += [net.note] if net.note else []
            part = in_slices(net.part, recipe.batch_size)
            networks.compile(part, recipe)
            if not machine.has_gpu():
                part.jit_compile = False  # XLA on a CPU was 3-5 times slower
            rows, size = inputs.selection.rows, recipe.batch_size
            labels = {name: inputs.selection.labels[numbers] for name, numbers in rows.items()}
            own = rows["train"], labels["train"], size, recipe.seed, strength_of(recipe)
            train = Feed(net.rows, *own)
            size = slice_size(net.part, size)
            validation = Feed(net.rows, rows["validation"], labels["validation"], size)
            weights = class_weights(recipe, labels["train"], spec.classes)
            fit(part, recipe, train, validation, state, checkpoint, reporter, weights)
            last = state.phase == len(phases) - 1 == state.chosen_phase
            if last and net.on_features and state.precision == "float32":
                # Only the head is compiled: the whole model is stored without an optimiser.
                return finish(net)
    with network(state.chosen_phase, "float32", new=False) as net:
        return finish(net)


def _begin_fine_tuning(recipe: Recipe, state: State, checkpoint: Checkpoint) -> None:
    state.begin_next_phase()
    state.features = recipe.frozen_first
    state.log.append(
        f"the head has trained alone for {state.epoch} epochs; from its weights after epoch "
        f"{state.chosen_epoch} on, stages that train: {recipe.describe('trained_stages')}, at "
        f"{recipe.learning_rate:g}"
    )
    checkpoint.note(state)


def _take_head(whole: "keras.Model", state: State, checkpoint: Checkpoint) -> None:
    """Set the head to what it was at the chosen epoch of the phase before."""
    variables = whole.variables
    if state.head_features:
        variables = [v for layer in stages.after_trunks(whole) for v in layer.variables]
    checkpoint.restore_variables(variables, state.chosen_epoch)


def _first_weights(recipe: Recipe, reporter: Reporter, *, needed: bool) -> str:
    """The first weights, for `Run.weights_used`; missing ones are noticed early."""
    kinds = pretrained.kinds_of(recipe)
    if not kinds:
        return "random"
    for kind in kinds if needed else ():
        pretrained.locate(kind, report=reporter.for_stage("building"))
    if recipe.weights_digest:
        return f"file {Path(recipe.weights).name} ({recipe.weights_digest[:8]})"
    return recipe.weights


@contextlib.contextmanager
def _folder(checkpoint: Path | None) -> Iterator[Path]:
    """The checkpoint's folder; a temporary one where none is given."""
    if checkpoint is not None:
        yield checkpoint
        return
    try:
        temporary = tempfile.TemporaryDirectory(prefix="cxr-training-")
    except OSError as error:
        raise cannot_write(Path(tempfile.gettempdir()) / "cxr-training", error) from error
    with temporary as name:
        yield Path(name) / "checkpoint"
