"""Your own trained weights as a run: loaded into a recipe's network and scored on a dataset.

Nothing is trained, and nothing of the file is executed (see `pretrained.reader`). The run is
marked as imported. Leaks cannot be counted, as its training images are unknown.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cxrcore import files, store
from cxrcore.datasets import Dataset
from cxrcore.errors import TrainingError, WeightsError
from cxrcore.models import Recipe, networks
from cxrcore.models.pretrained import matching
from cxrcore.models.pretrained.matching import Arrays, Match
from cxrcore.models.pretrained.reader import open_weights
from cxrcore.splits import SplitSpec
from cxrcore.store import Run
from cxrcore.training import examples, machine
from cxrcore.training.checkpoint import State
from cxrcore.training.data import Rows
from cxrcore.training.evaluation import evaluate_network
from cxrcore.training.inputs import load_inputs
from cxrcore.training.monitor import Reporter, TrainingProgress
from cxrcore.training.network import Network
from cxrcore.training.plan import TrainSpec, plan
from cxrcore.training.run_record import build_record

if TYPE_CHECKING:
    import keras


class ImportSpec(TrainSpec):
    """What is imported: a recipe's network, a file and the order of its outputs."""

    file: str
    file_digest: str  # BLAKE2b-128 of its content
    outputs: tuple[str, ...]  # the dataset's classes in the order of the file's outputs

    @property
    def run_id(self) -> str:
        """From the content of the file, not its place; never equal to that of a training."""
        source = f"imported {self.file_digest} {'|'.join(self.outputs)} {self.grouping}"
        return store.run_id(self.recipe, self.fingerprint, self.split, self.classes, source)


@dataclass(frozen=True)
class Imported:
    """The run, and one row per layer: layer, in the file, shapes, matched by."""

    run: Run
    matched: list[dict[str, str]]


def plan_import(
    recipe: Recipe,
    dataset: Dataset,
    file: Path,
    outputs: Sequence[str] | None = None,
    split: SplitSpec | None = None,
) -> ImportSpec:
    """The specification of an import; the file is digested, TensorFlow is not needed.

    Args:
        recipe: whose network the file was trained with, at its image size.
        dataset: to score it on; as many classes as the file has outputs.
        file: .h5, .weights.h5 or .keras.
        outputs: the dataset's classes in the order of the file's outputs; case and
            punctuation do not count, and "Viral" stands for the only class that begins so.
            None for the order of the dataset.
        split: as for a training.

    Raises:
        WeightsError: the file cannot be read.
        TrainingError: `outputs` are not the dataset's classes.
    """
    path = Path(file).expanduser().resolve()
    if not path.is_file():
        raise WeightsError(f"There is no file {path}. Correct the path of the weights to import.")
    order = _same_classes(outputs, dataset) if outputs is not None else dataset.classes
    planned = plan(recipe.override(weights="random"), dataset, split)
    notes = list(planned.notes)
    notes.append(
        f"Imported from {path.name}, not trained here: which images it was trained on is unknown, "
        "so test images may be among them. The recipe's own scaling of the pixels is used."
    )
    source = "as given" if outputs is not None else "the dataset's order, which was not confirmed"
    notes.append(f"The outputs of the file are read as {', '.join(order)} ({source}).")
    return ImportSpec(
        **planned.model_dump(exclude={"notes"}),
        notes=tuple(notes),
        file=str(path),
        file_digest=files.digest(path),
        outputs=order,
    )


def import_weights(
    spec: ImportSpec, *, report: Callable[[TrainingProgress], None] = lambda _: None
) -> Imported:
    """Load the file, score it and keep it as a run; a run that exists is not scored again.

    Raises:
        WeightsError: the file is damaged, changed, or does not fit the network; names the first
            layer that does not.
        TrainingError, DatasetError, StoreError: as for `train`.
    """
    begun = time.monotonic()
    reporter = Reporter(report, lambda: False, 0)
    machine.start_tensorflow()
    with machine.precision_policy("float32"):
        whole = networks.build(spec.recipe, list(spec.classes), "random")
    matched = load_foreign(whole, spec)
    if store.exists(spec.run_id):
        return Imported(store.load_run(spec.run_id), matched)
    inputs = load_inputs(spec, reporter)
    net = Network(whole, whole, Rows(inputs.pixels.array))
    try:
        chosen, size = inputs.selection, spec.recipe.batch_size
        evaluation = evaluate_network(net, inputs.dataset, spec.classes, chosen, size, reporter)
    finally:
        net.rows.close()
    name = Path(spec.file).name
    state = State(
        run_id=spec.run_id,
        precision="float32",
        weights_used=f"imported {name} ({spec.file_digest[:8]})",
        finished="imported, not trained here",
    )
    run = build_record(spec, inputs, state, evaluation, net, time.monotonic() - begun)
    run = run.model_copy(update={"imported": f"{name} ({spec.file_digest})", "leaks": None})
    reporter.report("saving", now=True)
    history = pd.DataFrame(columns=list(store.HISTORY_COLUMNS))
    log = "\n".join(_log(spec, run, matched)) + "\n"
    saved = store.save(run, whole.save, evaluation.predictions, history, evaluation.embeddings, log)
    examples.try_to_make(saved, inputs.dataset, whole)
    return Imported(saved, matched)


def load_foreign(model: "keras.Model", spec: ImportSpec) -> list[dict[str, str]]:
    """Set all weights of a built network from the file, outputs in the dataset's order.

    Returns:
        One row per layer, for a table.

    Raises:
        WeightsError: the file does not fit; the network is as it was.
    """
    path = Path(spec.file)
    if files.digest(path) != spec.file_digest:
        raise WeightsError(f"{path} has changed since it was chosen. Import it again.")
    binary = not model.layers[-1].trainable  # it only makes two probabilities of one sigmoid
    targets = matching.leaves(model.layers)
    with open_weights(path) as content:
        fixed: Match | None = None
        if not binary:
            matched = matching.match(content, targets, spec.recipe.name)
        elif len(content.layers) == len(targets):
            *matched, fixed = matching.match(content, targets, spec.recipe.name)
        else:  # as published: the last layer is one unit with a sigmoid
            matched = matching.match(content, targets[:-1], spec.recipe.name)
        arrays = [matching.read(content, one) for one in matched]
        if fixed is not None:
            _require_same(path, fixed, matching.read(content, fixed))
        rows = [one.row() for one in matched]
    arrays[-1] = _in_order(arrays[-1], spec, binary)
    for one, values in zip(matched, arrays, strict=True):
        matching.assign(one.layer, values)
    return rows


def _in_order(last: Arrays, spec: ImportSpec, binary: bool) -> Arrays:
    """The last layer's arrays with its outputs in the order of the dataset's classes."""
    order = [spec.outputs.index(name) for name in spec.classes]
    if not binary:
        return [array[..., order] for array in last]
    # One sigmoid s for the second class; the other way round it is 1 - s(z) = s(-z).
    return last if order == [0, 1] else [-array for array in last]


def _require_same(path: Path, fixed: Match, arrays: Arrays) -> None:
    """The last layer of a binary network is fixed: the file's must be the same."""
    own = fixed.layer.get_weights()
    if not all(np.array_equal(a, b) for a, b in zip(own, arrays, strict=True)):
        raise WeightsError(
            f"{path} does not fit: its last layer {fixed.stored.name!r} makes other probabilities "
            "of the one sigmoid than this recipe. Import a file that ends in Dense(1, sigmoid)."
        )


def _same_classes(outputs: Sequence[str], dataset: Dataset) -> tuple[str, ...]:
    found = [same_class(name, dataset.classes) for name in outputs]
    order = tuple(name for name in found if name is not None)
    if sorted(order) != sorted(dataset.classes):
        raise TrainingError(
            f"The order of the outputs must name each class of {dataset.name} once: "
            f"{', '.join(dataset.classes)}. Received: {', '.join(outputs)}. Write the names of "
            "the dataset in the order in which the weights were trained."
        )
    return order


def same_class(name: str, classes: Sequence[str]) -> str | None:
    """The class with the same letters, else the only one that begins with them."""

    def plain(text: str) -> str:
        return re.sub(r"[\W_]+", "", text).casefold()

    wanted = plain(name)
    same = [known for known in classes if plain(known) == wanted]
    alike = [k for k in classes if wanted and plain(k).startswith(wanted)]
    alike += [k for k in classes if k not in alike and plain(k) and wanted.startswith(plain(k))]
    chosen = same or alike
    return chosen[0] if len(chosen) == 1 else None


def _log(spec: ImportSpec, run: Run, matched: list[dict[str, str]]) -> list[str]:
    test: Any = run.metrics["test"]
    return [
        f"{run.run_id}: {spec.recipe.title}, imported from {Path(spec.file).name}",
        f"digest (BLAKE2b-128): {spec.file_digest}",
        *(
            f"{r['layer']} <- {r['in the file']} ({r['shapes']}), by {r['matched by']}"
            for r in matched
        ),
        *spec.notes,
        f"done: test accuracy {test.accuracy:.4f}, loss {test.loss:.4f}",
    ]
