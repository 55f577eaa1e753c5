"""The commands sweep, which trains with many values of a recipe's fields, and sweeps."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cxrcore.cli import families
from cxrcore.cli.output import (
    AsJson,
    ask,
    console,
    job_record,
    pairs,
    print_json,
    print_table,
    say,
)
from cxrcore.cli.recipe_options import recipe_options
from cxrcore.models import SCHEDULE

if TYPE_CHECKING:
    from cxrcore.sweeps import Sweep


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands into the command line."""
    app.command()(sweep)
    app.command()(sweeps)


@recipe_options()
def sweep(
    recipe: str,
    data: Annotated[str, typer.Option(help="A registered dataset or a folder.")],
    grid: Annotated[
        list[str],
        typer.Option(help="FIELD=A,B,C for each field; with --random also FIELD=LOW..HIGH."),
    ],
    random: Annotated[
        int | None, typer.Option(help="Draw so many sets of values instead of the whole grid.")
    ] = None,
    schedule: Annotated[
        Literal["fast", "published"],
        typer.Option(help=SCHEDULE.help, rich_help_panel=SCHEDULE.group.capitalize()),
    ] = "fast",
    yes: Annotated[bool, typer.Option("--yes", help="Start without asking.")] = False,
    background: Annotated[bool, typer.Option("--background", help="Start it and return.")] = False,
    as_json: AsJson = False,
    *,
    changes: dict[str, Any],
) -> None:
    """Train RECIPE with many values of its fields; those left behind end early.

    One that the others have left behind after five epochs or more is given up (median rule).
    """
    from cxrcore import datasets, models, work
    from cxrcore import sweeps as room

    chosen = models.get(recipe)
    chosen = (chosen.fast() if schedule == "fast" else chosen).override(**changes)
    dataset = datasets.load(data)
    written = pairs(grid, "FIELD=A,B,C")
    tried = {field: room.values_of(chosen, field, text) for field, text in written.items()}
    planned, specs = room.plan_sweep(chosen, dataset, tried, drawn=random)
    seconds = room.estimate(specs, len(dataset.table))
    cost = "a time not known before one was trained here"
    if seconds is not None:
        cost = f"at most about {seconds / 60:.0f} min" if seconds > 90 else f"about {seconds:.0f} s"
    ask(f"{len(specs)} trainings, {cost}. Start them?", yes=yes or as_json)
    submitted = work.submit_sweep(planned, specs)
    if not background:
        submitted = families.follow_all(submitted, visible=not as_json)
    if as_json:
        print_json(_record(planned) | {"jobs": list(map(job_record, submitted))})
    else:
        _print(planned)
    if any(job.state in ("failed", "interrupted") for job in submitted):
        raise typer.Exit(1)


def sweeps(
    name: Annotated[str | None, typer.Argument(help="Show the trainings of this one.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the sweeps, or the trainings of one: values, state, validation accuracy."""
    from cxrcore import sweeps as room

    if name is not None:
        found = room.read(name)
        if as_json:
            print_json(_record(found))
        else:
            _print(found)
        return
    every = room.sweeps()
    if as_json:
        print_json({"sweeps": [one.model_dump(mode="json") for one in every]})
    elif not every:
        console.print(
            "No sweep yet. Try: python -m cxrcore sweep cnn-plain --data D --grid learning_rate=1e-3,3e-4"
        )
    else:
        print_table(
            ("sweep", "dataset", "trainings", "fields", "created"),
            [
                (s.sweep_id, s.dataset, len(s.trials), ", ".join(s.fields), s.created[:16])
                for s in every
            ],
        )


def _record(sweep: "Sweep") -> dict[str, Any]:
    import dataclasses

    from cxrcore import sweeps as room

    found = room.trials(sweep)
    described = sweep.model_dump(mode="json", exclude={"trials"})
    return described | {
        "trials": list(map(dataclasses.asdict, found)),
        "verdict": room.verdict(found),
    }


def _print(sweep: "Sweep") -> None:
    from cxrcore import sweeps as room

    found = room.trials(sweep)
    rows = [
        (
            t.run_id,
            *(t.values[field] for field in sweep.fields),
            t.state,
            t.epochs,
            "" if t.accuracy is None else f"{t.accuracy:.4f}",
            "" if t.low is None else f"{t.low:.3f} to {t.high:.3f}",
        )
        for t in found
    ]
    heads = ("run", *sweep.fields, "state", "epochs", "validation accuracy", "95 % interval")
    print_table(heads, rows, sweep.sweep_id)
    for trial in found:
        if trial.state != "done" and trial.message:
            say(f"{trial.run_id}: {trial.message}")
    say(room.verdict(found))
