"""The commands external-tests and leave-one-source-out, and testing a run on another dataset."""

from collections.abc import Sequence
from typing import Annotated

import typer

from cxrcore.cli import families
from cxrcore.cli.controls import train_missing
from cxrcore.cli.output import (
    AsJson,
    ask,
    console,
    follow,
    pairs,
    print_json,
    print_table,
    say,
)
from cxrcore.errors import JobError


def add_commands(app: typer.Typer) -> None:
    """Put this module's command into the command line."""
    app.command(name="external-tests")(external_tests)
    app.command(name="leave-one-source-out")(leave_one_source_out)


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


def leave_one_source_out(
    recipe: Annotated[str, typer.Argument(help="One of `recipes`.")],
    data: Annotated[str, typer.Option(help="A registered dataset whose films have sources.")],
    train: Annotated[
        bool, typer.Option("--train", help="Train what is missing, without each source.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Train without asking.")] = False,
    metric: Annotated[
        str, typer.Option(help="Metric of predictions, as in `compare`.")
    ] = "accuracy",
    label: Annotated[str, typer.Option("--class", help="Of a metric of one class.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say what RECIPE reaches on each source of a dataset that it was trained without."""
    from cxrcore import datasets, external, models

    chosen, dataset = models.get(recipe).fast(), datasets.load(data)
    found = external.leave_one_out(chosen, dataset)
    if train and found.missing:
        time = (
            ""
            if found.seconds is None
            else f" That takes about {max(1, round(found.seconds / 60))} min."
        )
        ask(f"To train without {', '.join(found.missing)}.{time} Train?", yes=yes)
        train_missing(found.missing, visible=not as_json)
        found = external.leave_one_out(chosen, dataset)
    if train and found.untested:
        for run in found.untested:
            tested(run.run_id, data, [], visible=not as_json)
        found = external.leave_one_out(chosen, dataset)
    table = external.frame(found, metric, label)
    if as_json:
        missing = {source: spec.run_id for source, spec in found.missing.items()}
        record = {"metric": metric, "class": label or None, "missing": missing}
        print_json(record | {"seconds": found.seconds, "sources": families.records(table)})
        return
    print_table(
        ("source", "films", f"{metric} at home", "on the source", "lost", "classes there"),
        [
            (
                row.source,
                row.films,
                _interval(row.home_value, row.home_low, row.home_high),
                _interval(row.value, row.low, row.high),
                _interval(row.drop, row.drop_low, row.drop_high),
                f"not trained: {row.obstacle}" if row.obstacle else row.classes,
            )
            for row in table.itertuples()
        ],
    )
    if found.missing or found.untested:
        command = f"python -m cxrcore leave-one-source-out {recipe} --data {data} --train"
        say(f"Not all is trained and tested yet. To do it: {command}")


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
