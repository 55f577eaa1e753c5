"""A network from elsewhere as a run of the store."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrcore import files, pixels, predictions, store
from cxrcore.datasets.table import listed
from cxrcore.errors import ModelError
from cxrcore.foreign import Engine, Format, Interface, Layout, Outputs, Range, describe, network
from cxrcore.inference import loading
from cxrcore.metrics import evaluate
from cxrcore.model_files import recognition
from cxrcore.model_files.recognition import Trial
from cxrcore.models import Recipe
from cxrcore.models.fields import Number
from cxrcore.pixels import Pixels, Preparation
from cxrcore.predictions import titled
from cxrcore.predictions.division import TESTED
from cxrcore.predictions.run_record import UNKNOWN, table_of
from cxrcore.progress import Report, silent
from cxrcore.splits import SplitSpec
from cxrcore.store import Run
from cxrcore.store.differences import one_line
from cxrcore.training import machine
from cxrcore.training.selection import why_not

if TYPE_CHECKING:
    import keras

    from cxrcore.datasets import Dataset

VERSION = 1  # raise it when the same file gives another run
_KINDS: dict[str, Format] = {".onnx": "onnx", ".tflite": "tflite", ".keras": "keras"}


@dataclass(frozen=True)
class Imported:
    """The run of a network from elsewhere, what was tried, and sentences on what to look at."""

    run: Run
    trials: list[Trial]
    notes: tuple[str, ...]


def import_model(
    file: Path,
    dataset: "Dataset",
    title: str,
    classes: Sequence[str],
    *,
    size: int | None = None,
    layout: Layout | None = None,
    values: Range | None = None,
    outputs: Outputs | None = None,
    report: Report = silent,
) -> Imported:
    """Test a network from elsewhere on a dataset and keep it as a run that predicts.

    It answers the validation and test films of the division that trainings here use. The same file and
    answers are the same run.

    Args:
        file: .onnx, .tflite or .keras, on this machine. Nothing else is read and no code of it is run.
        dataset: registered, with labelled films of all its classes.
        title: what the model is called, one line of at most 80 characters.
        classes: those of the dataset in the order of the network's outputs.
        size: side of its input in pixels, where the file leaves it open.
        layout: of its input, where the file does not tell.
        values: the range of gray levels that it was trained on; by default ten films must show it.
        outputs: what it gives, where that cannot be recognised.
        report: receives the progress; may raise to stop.

    Raises:
        ModelError: the file cannot be used, or something has to be said.
        WeightsError: a .keras file is damaged or claims more than weights need.
        PredictionsError: the title cannot be used, or the dataset cannot be divided.
        DatasetError, ImageError, StoreError: as a training.
    """
    kind = _kind(file)
    _check_classes(classes, dataset)
    with tempfile.TemporaryDirectory(prefix="cxr-model-") as folder:
        place = Path(folder) / f"{file.stem[:60]}{file.suffix.lower()}"
        try:
            shutil.copyfile(file, place)  # what is looked at is what is kept
        except OSError as error:
            raise ModelError(
                f"{file} cannot be read: {error.strerror}. Correct the path."
            ) from error
        engine = Engine(place, kind)
        try:
            signature = engine.signature()
            shape = describe(signature, kind, size=size, layout=layout)
            if signature.classes != len(classes):
                raise ModelError(
                    f"{file.name} tells {signature.classes} classes apart, {dataset.name} has "
                    f"{len(classes)}. Choose a dataset with the classes of the network."
                )
            recipe = _recipe(title, classes, int(str(shape["size"])))
            films = _Films.of(dataset, classes, recipe, report)
            tried = films.few()
            interface, trials = recognition.recognise(
                engine,
                shape,
                films.prepared.array[films.rows[tried]],
                films.truth[tried],
                values=values,
                integer=signature.integer,
                outputs=outputs,
            )
            chosen = next(trial for trial in trials if trial.range == interface.range)
            note = recognition.order_note(chosen, films.truth[tried], classes)
            notes = (
                interface.sentence,
                recognition.told(trials, interface.range),
                *filter(None, [note]),
            )
            source = _Source(place, engine, interface, signature.parameters)
            run = _run(source, recipe, films, notes, report)
        finally:
            engine.close()
    return Imported(run, trials, notes)


@dataclass(frozen=True, eq=False)
class _Films:
    """The validation and test films of a dataset, prepared.

    `rows` are those of its table, `parts` and `truth` (the place among `classes`) go with them.
    """

    dataset: "Dataset"
    classes: Sequence[str]
    prepared: Pixels
    rows: npt.NDArray[np.intp]
    parts: npt.NDArray[np.object_]
    truth: npt.NDArray[np.intp]
    removed: list[dict[str, str]]

    @classmethod
    def of(
        cls, dataset: "Dataset", classes: Sequence[str], recipe: Recipe, report: Report
    ) -> "_Films":
        """Divide and prepare a dataset."""
        division = predictions.divide(dataset, report=report)
        prepared = pixels.prepare(dataset, Preparation(recipe.image_size), report=report)
        parts = division.reindex(dataset.table["image_id"]).to_numpy(object)
        reasons = why_not(dataset.table, prepared, None)
        rows = np.flatnonzero(np.isin(parts, TESTED) & reasons.isna().to_numpy())
        truth = pd.Index(list(classes)).get_indexer(dataset.table["label"].iloc[rows])
        excluded = dataset.table.loc[reasons.notna(), ["image_id", "path"]].astype(str)
        excluded["reason"] = reasons[reasons.notna()]
        removed = excluded.to_dict("records")
        return cls(dataset, classes, prepared, rows, parts[rows], truth, removed)

    def few(self) -> npt.NDArray[np.intp]:
        """Places of a few validation films, of all classes in turn, the same at every call."""
        table = pd.DataFrame({"truth": self.truth, "part": self.parts})
        table["image_id"] = self.dataset.table["image_id"].to_numpy(object)[self.rows]
        table = table[table["part"] == "validation"].sort_values("image_id")
        turn = table.groupby("truth").cumcount()
        return table.index[np.lexsort((table["truth"], turn))][: recognition.FILMS].to_numpy()


@dataclass(frozen=True, eq=False)
class _Source:
    """A network from elsewhere: the copy of its file, what asks it, how it is fed, its weights' number."""

    path: Path
    engine: Engine
    interface: Interface
    parameters: int

    def network(self, classes: int) -> "tuple[Path, keras.Model]":
        """What is kept of it, and the same to be asked."""
        machine.start_tensorflow()
        if self.engine.kind != "keras":
            return self.path, network(self.engine, self.interface, classes)
        kept = self.path.with_name("kept.keras")
        self.engine.keep(kept, self.interface)
        return kept, loading.load(kept, self.path.name, classes)


def _run(
    source: _Source, recipe: Recipe, films: _Films, notes: Sequence[str], report: Report
) -> Run:
    """The run in the store."""
    digest, name = files.digest(source.path), one_line(source.path.name)
    run_id = _run_id(recipe, digest, source.interface, films)
    if store.exists(run_id):
        return store.load_run(run_id)
    dataset, classes = films.dataset, list(films.classes)
    kept, model = source.network(len(classes))
    answers = loading.ask(model, films.prepared.array, films.rows, report)
    table = dataset.table.iloc[films.rows]
    counts = {part: int((films.parts == part).sum()) for part in TESTED}
    run = Run(
        run_id=run_id,
        recipe=recipe,
        dataset=dataset.name,
        dataset_path=str(dataset.root.absolute()),
        layout=dataset.layout,
        fingerprint=dataset.fingerprint,
        synthetic=dataset.synthetic,
        classes=classes,
        split=SplitSpec(),
        grouping=digest[:16],
        # At most: what the model was trained on is not known.
        split_counts={
            "train": len(dataset.table) - sum(counts.values()) - len(films.removed),
            **counts,
        },
        group_key=UNKNOWN,
        patients_known=float(table["patient_id"].notna().mean()),
        split_note="The validation and test films of trainings here; what the model was trained on is not known.",
        weights_used=UNKNOWN,
        imported=f"{name} ({digest})",
        interface=source.interface,
        removed=films.removed,
        versions=machine.versions(),
        device=machine.device(),
        precision="float32",
        seconds=answers.seconds,
        images_per_second=len(films.rows) / max(answers.seconds, 1e-9),
        peak_memory_mb=machine.peak_memory_mb(),
        parameters=source.parameters,
        epochs_run=0,
        stopped_because=f"imported from {name}, nothing was trained here",
        metrics={
            part: evaluate(
                films.truth[films.parts == part],
                answers.probabilities[films.parts == part],
                classes,
            )
            for part in TESTED
        },
        notes=list(notes),
    )
    rows = table_of(table, films.parts, classes, answers.probabilities)
    history = pd.DataFrame(columns=list(store.HISTORY_COLUMNS))
    log = "\n".join((f"{recipe.title}: {name}", *run.notes)) + "\n"

    def write(target: Path) -> None:
        shutil.copyfile(kept, target)

    return store.save(run, write, rows, history, answers.embeddings, log)


def _run_id(recipe: Recipe, digest: str, interface: Interface, films: _Films) -> str:
    ids = films.dataset.table["image_id"].to_numpy(object)[films.rows]
    told = hashlib.blake2b(
        "\n".join(f"{i} {p}" for i, p in zip(ids, films.parts, strict=True)).encode()
    )
    facts: list[object] = [recipe.title, films.dataset.fingerprint, list(films.classes), digest]
    facts += [interface.model_dump(), told.hexdigest(), VERSION, pixels.VERSION]
    name = hashlib.blake2b(json.dumps(facts).encode(), digest_size=4).hexdigest()
    return f"{recipe.name}-{name}"


def _kind(file: Path) -> Format:
    if (kind := _KINDS.get(file.suffix.lower())) is None:
        raise ModelError(
            f"{file.name} is none of the kinds {', '.join(_KINDS)}. Export the network as one of them: from "
            "PyTorch by torch.onnx.export."
        )
    if not file.is_file():
        raise ModelError(f"There is no file {file}. Check the path.")
    return kind


def _recipe(title: str, classes: Sequence[str], size: int) -> Recipe:
    side = cast(Number, Recipe.options()["image_size"])
    if not side.bounds[0] <= size <= side.bounds[1]:
        raise ModelError(
            f"The network takes images of {size} pixels a side; {side.wanted} are possible here. Export it "
            "for another size."
        )
    return titled.recipe(title, "imported", classes, image_size=size)


def _check_classes(classes: Sequence[str], dataset: "Dataset") -> None:
    if sorted(classes) == sorted(dataset.classes):
        return
    raise ModelError(
        "Say the classes of the network in the order of its outputs, which no file tells: those of "
        f"{dataset.name}, such as --classes {','.join(dataset.classes)!r}. Received: {listed(classes, 30) or 'none'}."
    )
