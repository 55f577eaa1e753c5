"""How commands speak: tables and progress bars for people, one JSON object for programs."""

import contextlib
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from cxrcore.errors import SettingsError
from cxrcore.jobs import Job
from cxrcore.progress import Progress, Report, silent

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
# In a pipe there is no window to fit into: names stay whole for grep.
console = Console(width=None if sys.stdout.isatty() else 160)


def print_json(value: Any) -> None:
    """One JSON object on standard output; missing values are null."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str, allow_nan=False))


def say(sentence: str) -> None:
    """A sentence for people; long lines are left to the terminal, so that commands can be copied."""
    console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def ask(question: str, *, yes: bool) -> None:
    """Go on only if a person agrees, or `yes` says that this was settled before.

    The question goes to standard error, so that `--json` stays one object.

    Raises:
        SettingsError: nobody is there to be asked.
        typer.Exit: the answer was no; its code is 1.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise SettingsError(
            f"{question} Nobody can answer that here (the input is no terminal), so nothing was "
            "done. Say it with --yes."
        )
    typer.echo(f"{question} [y/N]: ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        typer.echo("Nothing was done.", err=True)
        raise typer.Exit(1)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """A plain table; numbers to the right."""
    if title:
        console.print(title, markup=False, highlight=False)
    table = Table(box=None, pad_edge=False)
    rows = [list(row) for row in rows]
    for number, name in enumerate(columns):
        numeric = all(isinstance(row[number], int | float) for row in rows)
        last = number == len(columns) - 1
        table.add_column(name, justify="right" if numeric else "left", no_wrap=not last)
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console.print(table)


@contextlib.contextmanager
def progress_bar(quiet: bool) -> Iterator[Report]:
    """A Report that draws a bar with counts and the time left; the silent one when `quiet`."""
    if quiet:
        yield silent
        return
    with bars() as drawn:
        tasks: dict[str, Any] = {}

        def report(progress: Progress) -> None:
            if progress.stage not in tasks:
                tasks[progress.stage] = drawn.add_task(progress.stage, total=progress.total)
            drawn.update(tasks[progress.stage], completed=progress.done, total=progress.total)

        yield report


def follow(job_id: str, quiet: bool) -> Job:
    """Show a job until it ends, however it ends. Ctrl-C asks it to stop; its checkpoint is kept."""
    from cxrcore import jobs

    with bars() if not quiet else contextlib.nullcontext() as drawn:
        task = drawn.add_task(job_id, total=1.0) if drawn else None
        try:
            while (job := jobs.get(job_id)).active:
                if drawn and task is not None:
                    drawn.update(task, completed=job.share, description=_describe(job))
                time.sleep(0.2)
        except KeyboardInterrupt:
            jobs.cancel(job_id)
            typer.echo(f"Stopped. To go on: python -m cxrcore jobs resume {job_id}", err=True)
            raise typer.Exit(130) from None
        if drawn and task is not None:
            drawn.update(task, completed=job.share, description=_describe(job))
    return job


def facts_of(job: Job) -> dict[str, Any]:
    """A job for programs, without the figures of its epochs."""
    return job.model_dump(mode="json", exclude={"history"})


def tell(job: Job) -> None:
    """How a job is, in a line, and the command that fits: to watch it, or to go on with it."""
    say(f"{job.title}: {job.state}. {job.message}".rstrip())
    if job.active:
        say(f"Watch it: python -m cxrcore jobs log {job.job_id} --follow")
    elif job.state != "done":
        say(f"To go on: python -m cxrcore jobs resume {job.job_id}")


def _describe(job: Job) -> str:
    if job.ray and job.state == "queued":
        return f"{job.title}: {job.message or 'queued'}"  # what the cluster lacks
    if job.kind != "train" or not job.epochs:
        return f"{job.title}: {job.stage or job.state}"
    last = job.history[-1] if job.history else {}
    figures = "".join(f", {key} {last[key]:.3f}" for key in ("loss", "val_accuracy") if key in last)
    return f"{job.title}: {job.stage or job.state}, epoch {job.epoch} of {job.epochs}{figures}"


def bars(*, time_left: bool = True) -> Bars:
    """Progress bars on standard error; `time_left` for what says no times of its own."""
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *([TimeRemainingColumn()] if time_left else []),
    ]
    return Bars(*columns, console=Console(stderr=True))
