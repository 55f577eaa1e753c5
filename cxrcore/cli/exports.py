"""The command that takes a run out of the store: export."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cxrcore.cli.output import AsJson, answer


def add_commands(app: typer.Typer) -> None:
    """Put this module's command into the command line."""
    app.command("export")(export)


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
