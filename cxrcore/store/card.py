"""The model card of a run, as Hugging Face reads it: README.md with a YAML head.

Layout: https://huggingface.co/docs/hub/model-cards (the head) and Mitchell et al. 2019, "Model
Cards for Model Reporting", doi 10.1145/3287560.3287596 (the sections).
"""

import json
from collections.abc import Mapping, Sequence

from cxrcore.datasets import collections
from cxrcore.metrics import Metrics
from cxrcore.metrics.f1 import class_intervals, macro_interval
from cxrcore.metrics.intervals import wilson
from cxrcore.store.initial_weights import random_start
from cxrcore.store.record import Run

_FEW = 30  # test images of a class; below, an interval is wider than 0.3
NOTICE = "For research and teaching only. Never for diagnosis."


def model_card(run: Run, conversions: Mapping[str, float] | None = None) -> str:
    """The text of README.md.

    Args:
        run: its record; no file of it is read.
        conversions: file name -> largest difference of a probability from model.keras.
    """
    sections = (
        _head(run),
        f"# {run.recipe.title} on {run.dataset}\n\n**{NOTICE}**",
        _details(run, conversions or {}),
        _use(run),
        _data(run),
        _evaluation(run),
        _limits(run),
        f"## Citation\n\n{run.recipe.citation}",
    )
    return "\n\n".join(sections) + "\n"


def _head(run: Run) -> str:
    """The YAML head; strings are written as JSON strings, which are YAML."""
    test = run.metrics["test"]
    tags = ["chest-x-ray", "medical-imaging", "image-classification", "research-only"]
    tags += ["synthetic-data"] if run.synthetic else []
    tags += ["imported-weights"] if run.imported else []
    lines = ["---", "library_name: keras", "pipeline_tag: image-classification"]
    # The licence of weights depends on data and first weights; only the owner can say.
    lines += ["license: other", "license_name: not-chosen-yet", "tags:"]
    lines += [f"- {tag}" for tag in tags]
    lines += ["model-index:", f"- name: {_text(run.run_id)}", "  results:"]
    lines += ["  - task:", "      type: image-classification", "    dataset:"]
    lines += [f"      name: {_text(run.dataset)}", f"      type: {_text(run.dataset)}"]
    lines += ["      split: test", "    metrics:"]
    for name, value in (("accuracy", test.accuracy), ("f1", test.macro.f1)):
        lines += [f"    - type: {name}", f"      value: {value:.4f}"]
    return "\n".join([*lines, "---"])


def _details(run: Run, conversions: Mapping[str, float]) -> str:
    recipe = run.recipe
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    made = (
        f"not trained by this project; imported from {run.imported}"
        if run.imported
        else f"{run.epochs_run} of at most {recipe.epochs} epochs, {run.stopped_because}; "
        f"{recipe.optimizer}, learning rate {recipe.learning_rate:g}, batches of "
        f"{recipe.batch_size}, seed {recipe.seed}, {run.precision}"
    )
    rows = [
        ("Run", f"`{run.run_id}`, {run.created[:10]}"),
        ("What", recipe.description),
        ("Network", f"`{recipe.network}`, {run.parameters:,} parameters"),
        ("Input", f"(batch, {recipe.image_size}, {recipe.image_size}, 3) gray three times, 0..255"),
        ("Part of the image", recipe.region if recipe.region != "none" else "whole image"),
        ("Output", f"probabilities of {', '.join(run.classes)}, in this order"),
        ("Training", made),
        ("Made with", versions),
    ]
    if not run.imported:
        rows.insert(-1, ("Starts from", f"{run.weights_used} weights"))
    files = ["`model.keras`", *(f"`{n}` (within {d:.1e} of it)" for n, d in conversions.items())]
    rows.append(("Files", ", ".join(files)))
    return "## Model details\n\n" + _table(("", ""), rows)


def _use(run: Run) -> str:
    size = run.recipe.image_size
    return f"""## Intended use

To compare classifiers of chest X-rays, to teach how they are evaluated, and to study where they
look. Not for decisions about patients, not for screening, not on other images than those
described below: a class that is not in the list is still answered with one that is.

```python
import keras, numpy as np
model = keras.models.load_model("model.keras")
gray = ...  # ({size}, {size}) float32, 0..255, the whole frame resized
model.predict(np.repeat(gray[None, ..., None], 3, axis=-1))
```"""


def _data(run: Run) -> str:
    counts = ", ".join(f"{n:,} {part}" for part, n in run.split_counts.items())
    used = "Scored on" if run.imported else "Trained and scored on"
    lines = [f"{used} **{run.dataset}** (fingerprint `{run.fingerprint}`): {counts}."]
    if run.imported:
        lines.append(
            "The weights were trained elsewhere, on images that are not known; of the images here "
            "only those of validation and test were used."
        )
    if run.synthetic:
        lines.append("**These images are simulated, not of patients.**")
    if collection := collections.COLLECTIONS.get(run.dataset):
        licence = collection.licence or "not stated"
        lines.append(f"{collection.title}. Licence: {licence}. {collection.citation}")
    lines.append(f"How it was divided: {run.split_note}")
    if run.removed:
        lines.append(f"{len(run.removed):,} images were left out.")
    return "## Data\n\n" + "\n\n".join(lines)


def _evaluation(run: Run) -> str:
    test = run.metrics["test"]
    text = (
        f"## Evaluation\n\nOn {test.n:,} test images. Intervals are for 95 %, Wilson's or made of "
        "Wilson's (F1); they count images as independent, which those of one patient are not. The "
        "cross-entropy, no share of images, has none.\n\n"
        f"{_accuracy(test)}"
    )
    if run.metrics_clean is not None:
        text += (
            f"\n\nWithout the test images that are known from training or validation "
            f"({run.metrics_clean.n:,} left): {_accuracy(run.metrics_clean)}"
        )
    rows = []
    for place, (row, sure) in enumerate(
        zip(test.classes, class_intervals(test.confusion), strict=True)
    ):
        hits = test.confusion[place][place]
        called = sum(line[place] for line in test.confusion)
        precision, recall = _share(hits, called), _share(hits, row.support)
        rows.append((row.name, recall, precision, _between(row.f1, sure), f"{row.support:,}"))
    text += "\n\n" + _table(("class", "recall", "precision", "F1", "images"), rows)
    header = ("true \\ predicted", *run.classes)
    confusion = zip(run.classes, test.confusion, strict=True)
    text += "\n\n" + _table(header, [(name, *map(str, line)) for name, line in confusion])
    recipe = run.recipe
    if recipe.reported.accuracy is not None:
        told, ct = f"{recipe.reported.accuracy:.3f}", recipe.reported_ct
        if ct is not None and ct.accuracy is not None:
            told += f" on X-rays and {ct.accuracy:.3f} on CT slices"
        text += (
            f"\n\nThe study reported {told} on its own data ({recipe.data}). "
            f"{recipe.reported.caveat}"
        )
    return text


def _accuracy(metrics: Metrics) -> str:
    hits = sum(line[place] for place, line in enumerate(metrics.confusion))
    macro = _between(metrics.macro.f1, macro_interval(metrics.confusion))
    return (
        f"accuracy **{_share(hits, metrics.n)}**, macro F1 {macro}, "
        f"cross-entropy {metrics.loss:.3f}."
    )


def _limits(run: Run) -> str:
    said = []
    if run.imported:
        said.append(
            "Imported weights: test images may have been trained on, so that all figures may be "
            "too good."
        )
    elif run.leaks is None:
        said.append("Whether test images are known from training was not checked.")
    else:
        said.append(f"{run.leaks.sentence} {run.leaks.unproven}".strip())
    if run.patients_known < 1 and (run.imported or run.leaks is None):
        said.append(f"Patients are known for {run.patients_known:.0%} of the images only.")
    if run.synthetic:
        said.append("Simulated images: the figures say nothing about patients.")
    few = [row.name for row in run.metrics["test"].classes if row.support < _FEW]
    if few:
        said.append(f"Fewer than {_FEW} test images of: {', '.join(few)}.")
    if run.recipe.region != "none":
        said.append(f"It expects images prepared as {run.recipe.region!r}, by a lung mask.")
    said += [sentence] if (sentence := random_start(run)) else []
    said += ["Probabilities are not calibrated."]
    said += [] if run.imported else ["One training with one seed on one division."]
    said += ["Images of other hospitals, devices or ages were not tried."]
    said += [f"Of the study: {defect}" for defect in run.recipe.defects]
    said += [note for note in run.notes if note not in said]
    return "## Limits\n\n" + "\n".join(f"- {sentence}" for sentence in said)


def _share(hits: int, n: int) -> str:
    if not n:
        return "none"
    return _between(hits / n, wilson(hits, n))


def _between(value: float, bounds: tuple[float, float]) -> str:
    return f"{value:.3f} ({bounds[0]:.3f}-{bounds[1]:.3f})"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
