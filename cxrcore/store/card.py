"""The model card of a run, as Hugging Face reads it: README.md with a YAML head.

Layout: https://huggingface.co/docs/hub/model-cards (the head) and Mitchell et al. 2019, "Model
Cards for Model Reporting", doi 10.1145/3287560.3287596 (the sections).
"""

import json
import re
from collections.abc import Mapping, Sequence

from cxrcore.datasets import collections
from cxrcore.metrics import Metric, Metrics, select
from cxrcore.metrics.uncertainty import Share
from cxrcore.models.fields import PREPARATION
from cxrcore.store.annotations import Annotation
from cxrcore.store.initial_weights import random_start
from cxrcore.store.record import Run

_FEW = 30  # test images of a class; below, an interval is wider than 0.3
NOTICE = "For research and teaching only. Never for diagnosis."


def model_card(
    run: Run,
    conversions: Mapping[str, float] | None = None,
    said: Annotation | None = None,
) -> str:
    """The text of README.md.

    Args:
        run: its record; no file of its folder is read but to name what is kept beside it.
        conversions: file name -> largest difference of a probability from model.keras.
        said: by people, whose title and notes become part of the card.
    """
    said = said or Annotation()
    title = f"{run.recipe.title} on {run.dataset}" if said.title is None else _escaped(said.title)
    sections = (
        _head(run),
        f"# {title}\n\n**{NOTICE}**",
        _details(run, conversions or {}),
        *([f"## Notes\n\n{_verbatim(said.notes)}"] if said.notes else []),
        _use(run),
        _data(run),
        _evaluation(run),
        "## Limits\n\n" + "\n".join(f"- {sentence}" for sentence in limits(run)),
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
    recipe, options = run.recipe, run.recipe.options()
    rows = [
        ("Run", f"`{run.run_id}`, {run.created[:10]}"),
        ("Model", recipe.description),
        *([("Network", f"`{recipe.network}`")] if run.has_recipe else []),
        ("Input", f"(batch, {recipe.image_size}, {recipe.image_size}, 3) gray three times, 0..255"),
        ("Output", f"probabilities of {', '.join(run.classes)}, in this order"),
        *_measured(run),
    ]
    if run.imported:
        rows.append(("Training", f"not trained by this project; imported from {run.imported}"))
    else:
        trained = f"{run.epochs_run} epochs, {run.stopped_because}; {run.precision}"
        rows.append(("Training", trained))
    for name in PREPARATION if run.imported else options:
        # What it really started from is known to the run.
        value = run.weights_used if name == "weights" else getattr(recipe, name)
        rows.append((options[name].title, options[name].text(value)))
    rows.append(
        ("Software", ", ".join(f"{name} {version}" for name, version in run.versions.items()))
    )
    files = ["`model.keras`", *(f"`{n}` (within {d:.1e} of it)" for n, d in conversions.items())]
    rows.append(("Files", ", ".join(files)))
    return "## Model details\n\n" + _table(("", ""), rows)


def _measured(run: Run) -> list[tuple[str, str]]:
    """The metrics of the run itself that are known; of imported weights not the time."""
    metrics = [metric for metric in select("run", "maps") if not (run.imported and metric.summed)]
    values = [(m, m.compute(run), m.interval and m.interval(run)) for m in metrics]
    return [
        (m.title, _with_interval(m, value, sure)) for m, value, sure in values if value is not None
    ]


def _use(run: Run) -> str:
    size = run.recipe.image_size
    return f"""## Intended use

To compare classifiers of chest X-rays, to teach how they are evaluated, and to study where they
look. Not for decisions about patients, not for screening, and only for images like those described
below: an image of any other class is still given one of these.

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
            "The weights were trained elsewhere, on unknown images; of the images here only those of "
            "validation and test were used."
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
    parts = [
        f"## Evaluation\n\nOn {test.n:,} test images. Intervals in parentheses are for 95 %, Wilson's "
        "or made of Wilson's (F1, means of classes); they count images as independent, which those of one patient are "
        "not.",
        _overall(test),
        _by_class(test),
    ]
    if run.metrics_clean is not None:
        parts[2:2] = [
            "Without the test images that are known from training or validation "
            f"({run.metrics_clean.n:,} left):",
            _overall(run.metrics_clean),
        ]
    header = ("true \\ predicted", *run.classes)
    confusion = zip(run.classes, test.confusion, strict=True)
    parts.append(_table(header, [(name, *map(str, line)) for name, line in confusion]))
    recipe = run.recipe
    if recipe.reported.accuracy is not None:
        published, ct = f"{recipe.reported.accuracy:.3f}", recipe.reported_ct
        if ct is not None and ct.accuracy is not None:
            published += f" on X-rays and {ct.accuracy:.3f} on CT slices"
        parts.append(
            f"The study reported an accuracy of {published} on its own data ({recipe.data}). "
            f"{recipe.reported.caveat}"
        )
    return "\n\n".join(parts)


def _overall(metrics: Metrics) -> str:
    """A table of the metrics of all classes together."""
    rows = []
    for metric in select("confusion", "predictions"):
        [sure] = metrics.intervals(metric)
        value = _with_interval(metric, metrics.value(metric.name), sure)
        rows.append((metric.title, value, f"{metric.meaning} {metric.source}".rstrip()))
    return _table(("metric", "value", "meaning"), rows)


def _by_class(metrics: Metrics) -> str:
    """A table of the metrics of each class."""
    columns = select("confusion", "predictions", scope="class")
    intervals = {metric.name: metrics.intervals(metric) for metric in columns}
    rows = [
        (
            row.name,
            *(_with_interval(m, row.value(m.name), intervals[m.name][place]) for m in columns),
            f"{row.support:,}",
        )
        for place, row in enumerate(metrics.classes)
    ]
    return _table(("class", *(metric.symbol for metric in columns), "images"), rows)


def limits(run: Run) -> list[str]:
    """What a run's figures do not say, as sentences."""
    limits = []
    if run.imported:
        limits.append(
            "Imported weights: test images may have been trained on, so that all metrics may be "
            "too good."
        )
    elif run.leaks is None:
        limits.append("Whether test images are known from training was not checked.")
    else:
        limits.append(f"{run.leaks.sentence} {run.leaks.unproven}".strip())
    if run.patients_known < 1 and (run.imported or run.leaks is None):
        limits.append(f"Patients are known for only {run.patients_known:.0%} of the images.")
    if run.synthetic:
        limits.append("Simulated images: the metrics say nothing about patients.")
    few = [row.name for row in run.metrics["test"].classes if row.support < _FEW]
    if few:
        limits.append(f"Fewer than {_FEW} test images of: {', '.join(few)}.")
    if run.recipe.region != "none":
        limits.append(f"It expects images prepared as {run.recipe.region!r}, by a lung mask.")
    limits += [sentence] if (sentence := random_start(run)) else []
    limits += ["The probabilities have not been recalibrated."]
    limits += [] if run.imported else ["One training with one seed on one division."]
    limits += ["Images of other hospitals, devices or ages were not tried."]
    limits += [f"Of the study: {defect}" for defect in run.recipe.defects]
    return limits + [note for note in run.notes if note not in limits]


def _with_interval(metric: Metric, value: float | None, sure: tuple[float, float] | None) -> str:
    if isinstance(metric.uncertainty, Share) and sure is None:
        return "none"  # a share of no images
    bounds = f" ({sure[0]:.3f}-{sure[1]:.3f})" if sure else ""
    return metric.text(value) + bounds


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _escaped(text: str) -> str:
    """A line that people wrote, without markup."""
    return re.sub(r"([\\`*_{}\[\]()<>#|&~$!])", r"\\\1", text)


def _verbatim(text: str) -> str:
    """What people wrote, as they wrote it: between fences longer than any in it."""
    fence = "`" * max(3, *(len(found) + 1 for found in re.findall("`+", text)), 3)
    return f"{fence}text\n{text}\n{fence}"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
