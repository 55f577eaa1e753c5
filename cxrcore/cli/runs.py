"""Commands about trained runs: runs, show, evaluate, export."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import typer

from cxrcore.cli import external_tests, families
from cxrcore.cli.output import AsJson, answer, console, print_json, print_table, say

if TYPE_CHECKING:
    import pandas as pd

    from cxrcore.metrics import Metric, Metrics
    from cxrcore.store import Run


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands into the command line."""
    for command in (runs, show, evaluate, export):
        app.command()(command)


def runs(
    data: Annotated[str | None, typer.Option(help="Only the runs of this dataset.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every run in a row of its own, folds and seeds as well.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the trained runs; the folds and seeds of one training are one row."""
    from cxrcore import store

    table, summaries = store.list_runs(data), store.families(data)
    starts = {run.run_id: store.random_start(run) for run in store.runs(data)}
    if as_json:
        several = summaries[summaries["wanted"] > 1]
        lists = {"runs": families.records(table), "families": families.records(several)}
        for row in (*lists["runs"], *lists["families"]):
            row["random_start"] = families.random_start(row, starts) or None
        print_json(lists)
    elif table.empty:
        console.print("No run yet. Try: python -m cxrcore train cnn-plain --data NAME")
    else:
        families.print_runs(table, summaries.head(0) if every else summaries, starts)
    if not as_json:
        for problem in store.damaged_annotations().values():
            say(f"! {problem}")


def show(run: str, as_json: AsJson = False) -> None:
    """Print everything recorded about RUN as JSON: indented, or with --json on one line."""
    from cxrcore import store

    record = store.load_run(run).model_dump(mode="json")
    if as_json:
        print_json(record)
    else:
        print_json(record, indent=2)


def evaluate(
    run: str,
    data: Annotated[
        str | None, typer.Option(help="Test RUN on this other registered dataset, and keep that.")
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="LABEL=CLASS",
            help="With --data: the class of RUN that a label there stands for; LABEL= leaves its films "
            "out. Labels with the name of a class stand for it.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the test metrics of RUN with their 95 % intervals, overall and for each class.

    With --data RUN is tested on another dataset first, without the films that it learned from.
    """
    from cxrcore import comparison, store
    from cxrcore.metrics import select

    if data is not None:
        run = external_tests.tested(run, data, mapping or [], visible=not as_json)
    loaded = store.load_run(run)
    subject = [comparison.Subject(run, (loaded,))]
    sure = _bounds(comparison.intervals(subject).loc[run], loaded.metrics["test"].columns())
    patients = comparison.compare(subject).common.patients
    title = store.title(loaded)
    test, clean = loaded.metrics["test"], loaded.metrics_clean
    notes = {**_leaks(loaded), "random_start": store.random_start(loaded) or None}
    if as_json:
        result = {"run_id": run, "title": title, "test": test.model_dump(mode="json"), **notes}
        result |= {"intervals": sure, "patients": patients, "notes": loaded.notes}
        result |= {"maps": {metric.name: _of_maps(metric, loaded) for metric in select("maps")}}
        print_json(result | {"test_without_leaks": clean and clean.model_dump(mode="json")})
        return
    _print_metrics(f"{title} ({run}): {test.n} test images", test, sure)
    for metric in select("maps") if loaded.has_network else ():
        value, ends = _of_maps(metric, loaded).values()
        between = f", 95 % {metric.text(ends[0])} to {metric.text(ends[1])}" if ends else ""
        how = f"not computed yet. Compute it: {metric.absent.format(run_id=run)}"
        say(f"{metric.title}: {how if value is None else metric.text(value) + between}")
    say(
        "Intervals count films as independent: their patients are unknown."
        if patients is None
        else f"Intervals take the films of each of {patients:,} patients together."
    )
    names = [row.name for row in test.classes]
    print_table(
        ("true \\ predicted", *names),
        ((n, *row) for n, row in zip(names, test.confusion, strict=True)),
        "Confusion matrix",
    )
    if notes["random_start"]:
        say(notes["random_start"])
    if loaded.home:
        for note in loaded.notes:
            say(note)
    else:
        say(f"Leaks: {notes['leaks']}")
    if clean is not None:
        say(
            f"Without them: test accuracy {clean.accuracy:.4f}, log loss {clean.loss:.4f}, "
            f"n = {clean.n}"
        )


def _bounds(row: "pd.Series", columns: Iterable[str]) -> dict[str, list[float] | None]:
    """[low, high] of each column, from a row of `comparison.intervals`; None where undefined."""
    ends = {name: [row[f"{name}_low"], row[f"{name}_high"]] for name in columns}
    return {name: None if np.isnan(pair).any() else pair for name, pair in ends.items()}


def _of_maps(metric: "Metric", run: "Run") -> dict[str, Any]:
    """Value and interval of a metric of maps; None where a run does not know them."""
    return {"value": metric.compute(run), "interval": metric.interval and metric.interval(run)}


def _print_metrics(title: str, test: "Metrics", sure: Mapping[str, Sequence[float] | None]) -> None:
    """One table of the overall metrics and one of those of the classes."""
    from cxrcore.metrics import column, select

    def between(name: str) -> str:
        return "" if (ends := sure.get(name)) is None else f"{ends[0]:.3f} to {ends[1]:.3f}"

    overall = select("confusion", "predictions")
    values = [(m.title, m.text(test.value(m.name)), between(m.name), m.meaning) for m in overall]
    print_table(("metric", "value", "95 % interval", "meaning"), values, title)
    by_class = select("confusion", "predictions", scope="class")
    rows = [
        (row.name, *(metric.text(row.value(metric.name)) for metric in by_class), row.support)
        for row in (*test.classes, test.macro, test.weighted)
    ]
    print_table(("class", *(metric.symbol for metric in by_class), "images"), rows)
    intervals = [
        (row.name, *(between(column(metric, row.name)) for metric in by_class))
        for row in test.classes
    ]
    print_table(("95 % intervals", *(metric.symbol for metric in by_class)), intervals)


def export(
    run: str,
    folder: Path,
    format: Annotated[
        Literal["keras", "tflite", "onnx"],
        typer.Option(help="Beside model.keras, which is always written."),
    ] = "keras",
    as_json: AsJson = False,
) -> None:
    """Write RUN into FOLDER/RUN: the model, a model card and the figures, without any image."""
    from cxrcore.store import bundle

    place = bundle.publish(run, folder, format)
    names = sorted(path.name for path in place.iterdir())
    text = (
        f"{place}: {', '.join(names)}\nRead README.md before you pass it on and choose a licence."
    )
    answer({"run_id": run, "folder": str(place), "files": names}, text, as_json)


def headline(run_id: str) -> dict[str, Any]:
    """The results to show at the end of a training, as JSON values."""
    from cxrcore import store

    run = store.load_run(run_id)
    test = run.metrics["test"]
    return {
        "run_id": run_id,
        "title": store.title(run),
        "accuracy": test.accuracy,
        "loss": test.loss,
        "macro_f1": test.macro.f1,
        "seconds": run.seconds,
        "images_per_second": run.images_per_second,
        "precision": run.precision,
        **_leaks(run),
        "random_start": store.random_start(run) or None,
    }


def _leaks(run: "Run") -> dict[str, Any]:
    """The number of test images known from training, None if not checked, and a sentence."""
    if run.imported:
        sentence = "Imported: what it was trained on is unknown, leaks cannot be counted."
        return {"leaking": None, "leaks": sentence}
    if run.leaks is None:
        return {"leaking": None, "leaks": "Not checked: trained before leaks were counted."}
    sentence = f"{run.leaks.sentence} {run.leaks.unproven}".strip()
    return {"leaking": run.leaks.count, "leaks": sentence}
