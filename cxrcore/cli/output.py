"""How commands speak: tables and progress bars for people, one JSON object for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cxrcore.errors import SettingsError
from cxrcore.jobs import Job
from cxrcore.progress import bars as bars
from cxrcore.progress import progress_bar as progress_bar

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


def follow(job_id: str, quiet: bool) -> Job:
    """Show a job until it ends. Ctrl-C asks it to stop; its checkpoint is kept."""
    from cxrcore import jobs

    try:
        return jobs.follow(job_id, quiet)
    except KeyboardInterrupt:
        typer.echo(f"Stopped. To go on: python -m cxrcore jobs resume {job_id}", err=True)
        raise typer.Exit(130) from None


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
