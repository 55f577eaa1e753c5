"""The commands import-predictions and predictions-template."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cxrcore.cli.output import AsJson, answer, pairs, print_json, progress_bar, say


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands into the command line."""
    app.command(name="import-predictions")(import_predictions)
    app.command(name="predictions-template")(predictions_template)
    app.command()(ensemble)


def import_predictions(
    file: Annotated[Path, typer.Argument(help="CSV, Parquet or JSON lines (.jsonl).")],
    data: Annotated[str, typer.Option(help="The registered dataset that the films are of.")],
    title: Annotated[str, typer.Option(help="What the model is called.")],
    values: Annotated[
        Literal["probabilities", "percent", "logits"] | None,
        typer.Option(help="What the numbers are; recognised where it is clear."),
    ] = None,
    own_films: Annotated[
        bool,
        typer.Option(
            "--own-films",
            help="The model was tested on films of its own choice: those of a column split, or all. "
            "Otherwise on the test films of trainings here.",
        ),
    ] = False,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=CLASS", help="For columns with other names."),
    ] = None,
    partial: Annotated[
        bool,
        typer.Option(
            "--partial", help="Take what there is where rows have no film or films no row."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Keep predictions that any model made anywhere as a run: compared like all, without a network.

    FILE has a column image_id, sha256 or path, and one a class; optional are split, fold, embedding_0 ...
    """
    from cxrcore import datasets, predictions, store

    table = predictions.read(file)
    dataset = datasets.load(data)
    with progress_bar(not as_json) as report:
        division = None if own_films else predictions.divide(dataset, report=report)
    found = predictions.match(
        table,
        dataset,
        division,
        kind=values,
        mapping=pairs(mapping or [], "COLUMN=CLASS"),
        partial=partial,
    )
    runs = predictions.keep(found, title)
    if as_json:
        rows = [_record(run.run_id, run.metrics["test"]) for run in runs]
        print_json({"runs": rows, "notes": list(found.notes), "missing": found.missing})
        return
    titles = store.titles(dataset.name)
    for run in runs:
        test = run.metrics["test"]
        say(
            f"{titles.get(run.run_id, run.run_id)} ({run.run_id}): {test.n:,} test films, accuracy "
            f"{test.accuracy:.4f}"
        )
    for note in found.notes:
        say(note)


def predictions_template(
    data: Annotated[str, typer.Argument(help="A registered dataset.")],
    file: Annotated[Path, typer.Argument(help="The CSV to write.")],
    as_json: AsJson = False,
) -> None:
    """Write a CSV to fill in: the films that a model must not have learned from, a column a class."""
    from cxrcore import datasets, files, predictions

    dataset = datasets.load(data)
    with progress_bar(not as_json) as report:
        division = predictions.divide(dataset, report=report)
    rows = predictions.template(dataset, division)
    files.write_atomic(file, rows.to_csv(index=False).encode())
    text = f"{file}: {len(rows):,} films. Then: python -m cxrcore import-predictions {file} --data {data} --title NAME"
    answer({"file": str(file), "films": len(rows)}, text, as_json)


def ensemble(
    runs: Annotated[list[str], typer.Argument(help="Two or more runs of one dataset and split.")],
    title: Annotated[str, typer.Option(help="What the mean is called.")],
    calibrated: Annotated[
        bool,
        typer.Option(
            "--calibrated", help="Each run at the temperature that fits its validation films."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Keep the mean of the probabilities of RUNS as a run of its own, to be compared like any other."""
    from cxrcore import predictions

    found = predictions.ensemble(runs, title, calibrated=calibrated)
    test = found.metrics["test"]
    text = f"{title} ({found.run_id}): {test.n:,} test films, accuracy {test.accuracy:.4f}"
    answer(_record(found.run_id, test), text, as_json)


def _record(run_id: str, test: Any) -> dict[str, Any]:
    return {"run_id": run_id, "films": test.n, "accuracy": test.accuracy}
