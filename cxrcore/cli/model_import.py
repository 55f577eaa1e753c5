"""The command import-model."""

from pathlib import Path
from typing import Annotated

import typer

from cxrcore.cli.output import AsJson, print_json, progress_bar, say
from cxrcore.foreign import Layout, Outputs, Range


def add_commands(app: typer.Typer) -> None:
    """Put this module's command into the command line."""
    app.command(name="import-model")(import_model)


def import_model(
    file: Annotated[Path, typer.Argument(help=".onnx, .tflite or .keras, on this machine.")],
    data: Annotated[str, typer.Option(help="The registered dataset to test it on.")],
    title: Annotated[str, typer.Option(help="What the model is called.")],
    classes: Annotated[
        str,
        typer.Option(help="The dataset's classes in the order of the network's outputs: A,B,C."),
    ] = "",
    size: Annotated[
        int | None, typer.Option(help="Side of its input in pixels, where the file leaves it open.")
    ] = None,
    layout: Annotated[
        Layout | None, typer.Option(help="Channels last or first, where the file does not tell.")
    ] = None,
    values: Annotated[
        Range | None,
        typer.Option("--range", help="What gray levels become; else ten films must show it."),
    ] = None,
    outputs: Annotated[
        Outputs | None, typer.Option(help="What it gives, where that cannot be recognised.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Keep a network made anywhere as a run that predicts: compared, tested elsewhere, shown live.

    It is tried on ten films, then answers the validation and test films of trainings here.
    """
    from cxrcore import datasets, model_files, store

    dataset = datasets.load(data)
    with progress_bar(not as_json) as report:
        found = model_files.import_model(
            file,
            dataset,
            title,
            [name.strip() for name in classes.split(",") if name.strip()],
            size=size,
            layout=layout,
            values=values,
            outputs=outputs,
            report=report,
        )
    test = found.run.metrics["test"]
    if as_json:
        tried = [{"range": t.range, "right": t.right, "films": t.films} for t in found.trials]
        record = {"run_id": found.run.run_id, "films": test.n, "accuracy": test.accuracy}
        print_json(record | {"tried": tried, "notes": list(found.notes)})
        return
    name = store.titles(dataset.name).get(found.run.run_id, found.run.run_id)
    say(f"{name} ({found.run.run_id}): {test.n:,} test films, accuracy {test.accuracy:.4f}")
    for note in found.notes:
        say(note)
