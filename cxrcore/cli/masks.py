"""Commands about estimated lung masks: masks estimate|export|import."""

from pathlib import Path
from typing import Annotated

import typer

from cxrcore.cli.output import AsJson, answer, progress_bar

masks_app = typer.Typer(help="Estimate lung masks, and correct them.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A registered name or a folder.")]


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands into the command line."""
    app.add_typer(masks_app, name="masks")


@masks_app.command("estimate")
def masks_estimate(
    name: Name,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; all cores by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look for the lungs on every film of a dataset; what was done before is kept."""
    from cxrcore import datasets, lungs

    with progress_bar(visible=not as_json) as report:
        dataset = datasets.load(name)
        found = lungs.estimate(dataset, report=report, workers=workers)
    dice = found.table["dice"].dropna()
    record = {
        "dataset": dataset.name,
        "films": len(found.table),
        "masks": len(found.table) - len(found.refused),
        "refused": {str(k): int(n) for k, n in lungs.refused_by_class(dataset, found).items()},
        "dice": round(float(dice.mean()), 4) if len(dice) else None,
        "network": found.network,
    }
    answer(record, lungs.summary(dataset, found), as_json)


@masks_app.command("export")
def masks_export(
    name: Name,
    folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
    as_json: AsJson = False,
) -> None:
    """Write every mask as a PNG, to correct in another program; `masks import` reads them back."""
    from cxrcore import datasets, lungs

    with progress_bar(visible=not as_json) as report:
        counts = lungs.export(datasets.load(name), folder, report=report)
    text = (
        f"{folder}: {counts.own:,} masks of the dataset, {counts.estimated:,} estimated; "
        f"{counts.without:,} films have none. masks.csv lists them.\n"
        f"Correct the pictures (all black leaves the film out), then: "
        f"python -m cxrcore masks import {name} {folder}"
    )
    answer({"folder": str(folder), **counts._asdict()}, text, as_json)


@masks_app.command("import")
def masks_import(
    name: Name,
    folder: Annotated[Path, typer.Argument(help="The folder of `masks export`, or a zip of it.")],
    as_json: AsJson = False,
) -> None:
    """Take over the masks that were corrected in an exported folder."""
    from cxrcore import datasets, lungs

    with progress_bar(visible=not as_json) as report:
        found = lungs.read_back(datasets.load(name), folder, report=report)
    answer(found._asdict(), "\n".join([found.sentence, *found.problems]), as_json)
