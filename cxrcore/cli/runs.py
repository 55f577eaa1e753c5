"""Commands about trained runs: runs, show, evaluate, explain, export."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cxrcore.cli import families
from cxrcore.cli.output import AsJson, answer, console, print_json, print_table, say
from cxrcore.errors import ExplainError

if TYPE_CHECKING:
    from cxrcore.metrics import Metrics
    from cxrcore.store import Run


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands into the command line."""
    for command in (runs, show, evaluate, explain, export):
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


def show(run: str, as_json: AsJson = False) -> None:
    """Print everything recorded about RUN as JSON: indented, or with --json on one line."""
    from cxrcore import store

    record = store.load_run(run).model_dump(mode="json")
    if as_json:
        print_json(record)
    else:
        typer.echo(json.dumps(record, ensure_ascii=False, indent=2))


def evaluate(run: str, as_json: AsJson = False) -> None:
    """Print the test metrics of RUN, overall and for each class."""
    from cxrcore import store

    loaded = store.load_run(run)
    test, clean = loaded.metrics["test"], loaded.metrics_clean
    notes = {**_leaks(loaded), "random_start": store.random_start(loaded) or None}
    if as_json:
        result = {"run_id": run, "test": test.model_dump(mode="json"), **notes}
        print_json(result | {"test_without_leaks": clean and clean.model_dump(mode="json")})
        return
    _print_metrics(f"{run}: {test.n} test images", test)
    names = [row.name for row in test.classes]
    print_table(
        ("true \\ predicted", *names),
        ((n, *row) for n, row in zip(names, test.confusion, strict=True)),
        "Confusion matrix",
    )
    if notes["random_start"]:
        say(notes["random_start"])
    say(f"Leaks: {notes['leaks']}")
    if clean is not None:
        say(
            f"Without them: test accuracy {clean.accuracy:.4f}, log loss {clean.loss:.4f}, "
            f"n = {clean.n}"
        )


def _print_metrics(title: str, test: "Metrics") -> None:
    """One table of the overall metrics and one of those of the classes."""
    from cxrcore.metrics import select

    overall = select("confusion", "predictions")
    values = [(m.title, m.text(test.value(m.name)), m.meaning) for m in overall]
    print_table(("metric", "value", "meaning"), values, title)
    by_class = select("confusion", "predictions", scope="class")
    rows = [
        (row.name, *(metric.text(row.value(metric.name)) for metric in by_class), row.support)
        for row in (*test.classes, test.macro, test.weighted)
    ]
    print_table(("class", *(metric.symbol for metric in by_class), "images"), rows)


def explain(
    run: str,
    image: Path,
    out: Annotated[Path, typer.Option(help="The PNG to write.")],
    method: str = "grad-cam",
    label: Annotated[
        str | None, typer.Option(help="Class to explain; by default the predicted one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a PNG that shows where RUN looked in IMAGE."""
    from cxrcore import figures, files, images
    from cxrcore.inference import predict_here

    prediction = predict_here(image, [run], methods=(method,), class_name=label)[0]
    if prediction.error is not None:
        raise ExplainError(prediction.error)
    heat = figures.overlay(prediction.seen, prediction.maps[method])
    files.write_atomic(out, images.encode_png(heat))
    chances = dict(zip(prediction.classes, map(float, prediction.probabilities), strict=True))
    if as_json:
        result = {"run_id": run, "probabilities": chances, "explained": prediction.explained}
        print_json(result | {"out": str(out)})
    else:
        print_table(("class", "probability"), ((c, f"{p:.4f}") for c, p in chances.items()))
        for note in prediction.notes:
            console.print(note, markup=False)
        console.print(f"{method} of {prediction.explained}: {out}", markup=False)


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
        sentence = (
            "Imported weights: what they were trained on is unknown, leaks cannot be counted."
        )
        return {"leaking": None, "leaks": sentence}
    if run.leaks is None:
        return {"leaking": None, "leaks": "Not checked: trained before leaks were counted."}
    sentence = f"{run.leaks.sentence} {run.leaks.unproven}".strip()
    return {"leaking": run.leaks.count, "leaks": sentence}
