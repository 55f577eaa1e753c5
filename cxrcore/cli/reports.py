"""The command that writes a report to take away."""

from pathlib import Path
from typing import Annotated

import typer

from cxrcore.cli.output import AsJson, answer, progress_bar


def add_commands(app: typer.Typer) -> None:
    """Put this module's command into the command line."""
    app.command()(report)


def report(
    runs: Annotated[list[str], typer.Argument(help="Runs on one dataset, as `runs` lists them.")],
    out: Annotated[Path, typer.Option(help="The HTML file to write.")],
    metric: Annotated[str, typer.Option(help="Figure that the verdict speaks of.")] = "accuracy",
    class_name: Annotated[
        str, typer.Option("--class", help="Class of the curves and operating points.")
    ] = "",
    recall: Annotated[float, typer.Option(help="Recall wanted of that class, 0 to 1.")] = 0.95,
    as_json: AsJson = False,
) -> None:
    """Write a report of RUNS: one HTML file that needs no network and prints on A4."""
    from cxrcore import comparison, files, reports

    with progress_bar(not as_json) as told:
        content = reports.gather(runs, metric, class_name, recall, report=told)
    data = reports.render(content).encode()
    files.write_atomic(out, data)
    verdict = comparison.verdict(content.found, content.titles)
    record = {"out": str(out), "bytes": len(data), "verdict": verdict.text}
    answer(record, f"{verdict.text}\n{out}: {len(data) / 1e6:.1f} MB", as_json)
