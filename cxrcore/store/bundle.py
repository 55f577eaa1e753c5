"""A run for others: the model, a model card and metrics, without anything about single images."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from cxrcore import files
from cxrcore.errors import StoreError
from cxrcore.store import conversion
from cxrcore.store.annotations import annotation
from cxrcore.store.card import model_card
from cxrcore.store.listing import load_run
from cxrcore.store.record import MODEL, Run

Format = Literal["keras", "tflite", "onnx"]

_CONVERTERS: dict[str, tuple[str, Callable[[Path, Path], float]]] = {
    "tflite": ("model.tflite", conversion.tflite),
    "onnx": ("model.onnx", conversion.onnx),
}
_PUBLIC = {
    "run_id",
    "dataset",
    "fingerprint",
    "synthetic",
    "classes",
    "split_counts",
    "patients_known",
    "split_note",
    "weights_used",
    "imported",
    "versions",
    "precision",
    "parameters",
    "epochs_run",
    "stopped_because",
    "created",
    "metrics",
    "metrics_clean",
}


def publish(run_id: str, folder: Path, kind: Format = "keras") -> Path:
    """Write `folder`/<run_id>: model.keras, README.md, figures.json and, if asked, another format.

    Neither paths of this machine nor names of images or patients are in it, unlike in
    `store.export`, which copies a run for another store. The card has the title and the notes
    that people gave to the run, as they wrote them.

    Args:
        run_id: of an undamaged run.
        folder: made if it does not exist.
        kind: "tflite" and "onnx" are written beside "keras" and compared with it.

    Returns:
        The new folder; it is there whole or not at all.

    Raises:
        StoreError: the run or its annotation is damaged, its network is none of Keras, the place is taken
            or cannot be written, or the conversion fails or its predictions differ from the model's.
    """
    run = load_run(run_id)
    if run.has_network and not run.has_layers:
        raise StoreError(
            f"The network of {run_id} came as {run.model_file} and cannot be converted. Pass on the file "
            f"that was imported: {run.imported}."
        )
    place = Path(folder).expanduser().absolute() / run_id
    if place.exists():
        raise StoreError(f"{place} exists. Choose another folder, or remove it first.")
    model, said = run.model_path(), annotation(run_id)
    differences: dict[str, float] = {}
    with files.whole_folder(place) as temporary:
        shutil.copyfile(model, temporary / MODEL)
        if kind in _CONVERTERS:
            name, convert = _CONVERTERS[kind]
            differences[name] = convert(model, temporary / name)
        files.write_json(temporary / "figures.json", public_record(run))
        card = model_card(run, differences, said)
        (temporary / "README.md").write_text(card, encoding="utf-8")
    return place


def public_record(run: Run) -> dict[str, object]:
    """The part of a run's record that may leave this machine (docs/decisions/0035), as JSON values."""
    record = run.model_dump(mode="json", include=_PUBLIC)
    record["recipe"] = run.recipe.model_dump(mode="json", exclude={"weights"})
    record["leaking"] = None if run.leaks is None else run.leaks.count
    return record
