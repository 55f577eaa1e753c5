"""The command that shows stored runs to MLflow and TensorBoard: track."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from cxrcore.cli.output import AsJson, console, print_json
from cxrcore.errors import SettingsError

# A model is big, and somebody waits for this and can end it.
_TIMEOUT_SECONDS = 60.0


def add_commands(app: typer.Typer) -> None:
    """Put this module's command into the command line."""
    app.command()(track)


def track(
    runs: Annotated[list[str] | None, typer.Argument(metavar="RUN")] = None,
    every: Annotated[bool, typer.Option("--all", help="All undamaged runs of the store.")] = False,
    tensorboard: Annotated[
        Path | None,
        typer.Option(help="Write TensorBoard logs into this folder; CXR_TENSORBOARD if left out."),
    ] = None,
    model: Annotated[
        bool, typer.Option("--model", help="Upload model.keras to MLflow as well.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Log RUNs to the MLflow server of MLFLOW_TRACKING_URI, write them for TensorBoard, or both."""
    from cxrcore import settings, store
    from cxrcore.tracking import mlflow
    from cxrcore.tracking.server import Server
    from cxrcore.tracking.tensorboard import write_events

    address, folder = settings.tracking_uri(), tensorboard or settings.tensorboard_dir()
    if not address and folder is None:
        raise SettingsError(
            "Neither MLFLOW_TRACKING_URI nor CXR_TENSORBOARD is set. Set one to the address of an "
            "MLflow server or a folder, or give a folder with --tensorboard."
        )
    chosen = store.runs() if every else [store.load_run(name) for name in runs or []]
    if not chosen:
        raise SettingsError("There is nothing to log. Name a run, or say --all for every run.")
    told = []
    for run in chosen:
        facts: dict[str, Any] = {"run_id": run.run_id}
        if folder is not None:
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported
            facts["tensorboard"] = str(write_events(run, folder))
        if address:
            server = Server(address, _TIMEOUT_SECONDS, patience=None)
            done = mlflow.log_run(run, server, with_model=model)
            facts["mlflow"] = done.address
            facts |= {"new": done.new, "left_out": done.left_out}
        told.append(facts)
        if not as_json:
            _print(facts)
    if as_json:
        print_json({"tracked": told})


def _print(facts: dict[str, Any]) -> None:
    if "tensorboard" in facts:
        console.print(f"{facts['run_id']}: {facts['tensorboard']}", markup=False, highlight=False)
    if "mlflow" in facts:
        how = "logged as" if facts["new"] else "was there already:"
        line = f"{facts['run_id']}: {how} {facts['mlflow']} {facts['left_out']}".rstrip()
        console.print(line, markup=False, highlight=False)
