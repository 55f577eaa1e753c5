"""Commands about trained runs: runs, show, evaluate, explain."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxrcore.cli import families
from cxrcore.cli.output import AsJson, console, print_json, print_table, say
from cxrcore.errors import ExplainError

if TYPE_CHECKING:
    from cxrcore.store import Run


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands into the command line."""
    for command in (runs, show, evaluate, explain):
        app.command()(command)


def runs(
    data: Annotated[str | None, typer.Option(help="Only the runs of this dataset.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Each run by itself, also those of a cross-validation.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the trained runs; the folds and seeds of one training are one row."""
    from cxrcore import store

    table, told = store.list_runs(data), store.families(data)
    starts = {run.run_id: store.random_start(run) for run in store.runs(data)}
    if as_json:
        lists = {"runs": table, "families": told[told["wanted"] > 1]}
        facts = {
            name: rows.astype(object).where(rows.notna(), None).to_dict("records")
            for name, rows in lists.items()
        }
        for row in (*facts["runs"], *facts["families"]):
            row["random_start"] = families.random_start(row, starts) or None
        print_json(facts)
    elif table.empty:
        console.print("No run yet. Try: python -m cxrcore train cnn-plain --data NAME")
    else:
        families.print_runs(table, told.head(0) if every else told, starts)


def show(run: str, as_json: AsJson = False) -> None:
    """Print everything recorded about RUN as JSON: indented, or with --json on one line."""
    from cxrcore import store

    facts = store.load_run(run).model_dump(mode="json")
    if as_json:
        print_json(facts)
    else:
        typer.echo(json.dumps(facts, ensure_ascii=False, indent=2))


def evaluate(run: str, as_json: AsJson = False) -> None:
    """Print the test figures of RUN, class by class."""
    from cxrcore import store

    loaded = store.load_run(run)
    metrics, clean = loaded.metrics["test"], loaded.metrics_clean
    facts = {**_leaks(loaded), "random_start": store.random_start(loaded) or None}
    if as_json:
        told = {"run_id": run, "test": metrics.model_dump(mode="json"), **facts}
        print_json({**told, "test_without_leaks": clean and clean.model_dump(mode="json")})
        return
    rows = [
        (m.name, f"{m.precision:.3f}", f"{m.recall:.3f}", f"{m.f1:.3f}", m.support)
        for m in (*metrics.classes, metrics.macro, metrics.weighted)
    ]
    title = f"{run}: test accuracy {metrics.accuracy:.4f}, loss {metrics.loss:.4f}, n = {metrics.n}"
    print_table(("class", "precision", "recall", "F1", "images"), rows, title)
    names = [m.name for m in metrics.classes]
    print_table(
        ("true \\ predicted", *names),
        ((n, *row) for n, row in zip(names, metrics.confusion, strict=True)),
        "Confusion matrix",
    )
    if facts["random_start"]:
        say(facts["random_start"])
    say(f"Leaks: {facts['leaks']}")
    if clean is not None:
        say(
            f"Without them: test accuracy {clean.accuracy:.4f}, loss {clean.loss:.4f}, "
            f"n = {clean.n}"
        )


def explain(
    run: str,
    image: Path,
    out: Annotated[Path, typer.Option(help="The PNG to write.")],
    method: str = "grad-cam",
    label: Annotated[
        str | None, typer.Option(help="Class to explain; the predicted one if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a PNG of where RUN looked in IMAGE."""
    from cxrcore import figures, files, images
    from cxrcore.inference import predict_here

    prediction = predict_here(image, [run], methods=(method,), class_name=label)[0]
    if prediction.error is not None:
        raise ExplainError(prediction.error)
    heat = figures.overlay(prediction.seen, prediction.maps[method])
    files.write_atomic(out, images.encode_png(heat))
    chances = dict(zip(prediction.classes, map(float, prediction.probabilities), strict=True))
    if as_json:
        print_json(
            {
                "run_id": run,
                "probabilities": chances,
                "explained": prediction.explained,
                "out": str(out),
            }
        )
    else:
        print_table(("class", "probability"), ((c, f"{p:.4f}") for c, p in chances.items()))
        for note in prediction.notes:
            console.print(note, markup=False)
        console.print(f"{method} of {prediction.explained}: {out}", markup=False)


def headline(run_id: str) -> dict[str, Any]:
    """What is told of a run at the end of its training, as JSON values."""
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
    """How many test images are known from training, and a sentence; missing if not checked."""
    if run.imported:
        said = "Imported weights: what they were trained on is unknown, leaks cannot be counted."
        return {"leaking": None, "leaks": said}
    if run.leaks is None:
        return {"leaking": None, "leaks": "Not checked: trained before leaks were counted."}
    said = f"{run.leaks.sentence} {run.leaks.unproven}".strip()
    return {"leaking": run.leaks.count, "leaks": said}
