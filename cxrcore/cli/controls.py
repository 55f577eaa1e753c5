"""The command that asks whether a model needs the lungs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from cxrcore.cli.output import AsJson, ask, follow, print_job, print_json, say

if TYPE_CHECKING:
    from cxrcore.training import TrainSpec


def add_commands(app: typer.Typer) -> None:
    """Put this module's command into the command line."""
    app.command()(needs_lungs)


def needs_lungs(
    run: str,
    train: Annotated[
        bool,
        typer.Option("--train", help="Train the same recipe on lungs, lungs erased, border only."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Train without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say whether RUN needs the lungs: its score without them, on changed films and trained so."""
    from cxrcore import controls, datasets, store

    if train:
        found = store.load_run(run)
        known = controls.find(found, datasets.load(found.dataset))
        if known.missing:
            count = f"{len(known.missing)} model{'s' if len(known.missing) > 1 else ''}"
            ask(f"{controls.missing(known)} Train {count}?", yes=yes)
            train_missing(known.missing, visible=not as_json)
    need = controls.needs_lungs(run)
    if not as_json:
        say(str(need))
        if need.arms and need.arms.missing:
            say(f"To train them: python -m cxrcore needs-lungs {run} --train")
        return
    answers = {"trained": need.trained, "untrained": need.untrained}
    arms = need.arms
    print_json(
        {
            "run_id": need.run_id,
            **{name: controls.record(each) for name, each in answers.items()},
            "runs": {region: each.run_id for region, each in arms.runs.items()} if arms else {},
            "missing": {r: spec.run_id for r, spec in arms.missing.items()} if arms else {},
            "seconds": arms.seconds if arms else None,
            "remarks": need.remarks,
        }
    )


def train_missing(specs: Mapping[str, "TrainSpec"], *, visible: bool) -> None:
    """Queue all trainings and follow one after the other; those that were stopped can go on."""
    from cxrcore import work

    jobs = [work.submit_training(spec) for spec in specs.values()]
    ended = [follow(job.job_id, visible) if job.active else job for job in jobs]
    for job in ended:
        if job.state != "done":
            print_job(job)
    if any(job.state != "done" for job in ended):
        raise typer.Exit(1)
