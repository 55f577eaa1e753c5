"""The command `track`: stored runs to MLflow and TensorBoard."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cxrcore.cli.output import AsJson, console, print_json
from cxrcore.errors import SettingsError

# Longer than after a training: models are large, and the user can interrupt.
_TIMEOUT_SECONDS = 60


def add_commands(app: typer.Typer) -> None:
    """Put this module's command into the command line."""
    app.command()(track)


def track(
    runs: Annotated[list[str] | None, typer.Argument(metavar="RUN")] = None,
    every: Annotated[bool, typer.Option("--all", help="All undamaged runs of the store.")] = False,
    tensorboard: Annotated[
        Path | None,
        typer.Option(help="Write TensorBoard logs into this folder; CXR_TENSORBOARD by default."),
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
    every_run = [run for run in store.runs() if run.has_network]
    chosen = every_run if every else [store.load_run(name) for name in runs or []]
    if not chosen:
        raise SettingsError("There is nothing to log. Name a run, or use --all for every run.")
    results = []
    for run in chosen:
        result: dict[str, Any] = {"run_id": run.run_id, "title": store.title(run)}
        if folder is not None:
            result["tensorboard"] = str(write_events(run, folder))
        if address:
            server = Server(address, _TIMEOUT_SECONDS, patience=None)
            tracked = mlflow.log_run(run, server, with_model=model)
            result["mlflow"] = tracked.address
            result |= {"new": tracked.new, "left_out": tracked.warning}
        results.append(result)
        if not as_json:
            _print(result)
    if as_json:
        print_json({"tracked": results})


def _print(result: dict[str, Any]) -> None:
    name = f"{result['title']} ({result['run_id']})"
    if "tensorboard" in result:
        console.print(f"{name}: {result['tensorboard']}")
    if "mlflow" in result:
        how = "logged as" if result["new"] else "was already there:"
        line = f"{name}: {how} {result['mlflow']} {result['left_out']}".rstrip()
        console.print(line)
