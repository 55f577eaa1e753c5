"""The command external-tests, and testing a run on another dataset."""

from collections.abc import Sequence
from typing import Annotated

import typer

from cxrcore.cli import families
from cxrcore.cli.output import AsJson, console, follow, pairs, print_json, print_table
from cxrcore.errors import JobError


def add_commands(app: typer.Typer) -> None:
    """Put this module's command into the command line."""
    app.command(name="external-tests")(external_tests)


def external_tests(
    metric: Annotated[
        str, typer.Option(help="Metric of predictions, as in `compare`.")
    ] = "accuracy",
    label: Annotated[str, typer.Option("--class", help="Of a metric of one class.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print what runs reach on other datasets, and what they lose there; see `evaluate --data`."""
    from cxrcore import external, store

    found = external.table(metric, label)
    if as_json:
        print_json({"metric": metric, "class": label or None, "tests": families.records(found)})
        return
    if found.empty:
        console.print("No external test yet. Try: python -m cxrcore evaluate RUN --data OTHER")
        return
    titles = store.titles()
    rows = [
        (
            row.trained_on,
            row.tested_on,
            row.films,
            row.left_out,
            _interval(row.value, row.low, row.high),
            _interval(row.drop, row.drop_low, row.drop_high),
            ", ".join(row.classes),
            titles.get(row.home, row.home),
        )
        for row in found.itertuples()
    ]
    print_table(
        ("trained on", "tested on", "films", "left out", metric, "lost", "classes", "title"), rows
    )


def tested(run: str, data: str, mapping: Sequence[str], *, visible: bool) -> str:
    """Test a run on a dataset in a job and wait for it; the id of the test.

    Raises:
        SettingsError: a mapping is not LABEL=CLASS.
        JobError: the job failed or was stopped.
        CxrError: as `work.submit_external`.
    """
    from cxrcore import datasets, external, store, work

    chosen = pairs(mapping, "LABEL=CLASS")
    job = follow(work.submit_external(run, data, chosen).job_id, visible)
    if job.state != "done":
        raise JobError(f"{job.title}: {job.state}. {job.message}")
    found = external.find(store.load_run(run), datasets.load(data), chosen)
    if found is None:
        raise JobError(f"{job.title}: the dataset changed meanwhile. Try again.")
    return found.run_id


def _interval(value: float, low: float, high: float) -> str:
    """ "0.512 (0.401 to 0.622)"; a bar where it is undefined."""
    if value != value:
        return "–"
    return f"{value:.3f}" + ("" if low != low else f" ({low:.3f} to {high:.3f})")
