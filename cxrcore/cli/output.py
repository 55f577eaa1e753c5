"""Output of the commands: tables and progress bars for people, one JSON object for programs."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cxrcore.errors import SettingsError
from cxrcore.jobs import Job
from cxrcore.progress import bars as bars
from cxrcore.progress import progress_bar as progress_bar

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
# What moves the cursor, colours or hides text on a terminal, or turns the writing direction.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Text that anybody may have written, for a terminal: lines and tabs stay, commands do not.

    >>> plain("a\x1b[2Jb")
    'a\ufffd[2Jb'
    """
    return _CONTROL.sub("\ufffd", text)


class Terminal(Console):
    """Shows all text as it is: without markup, emoji codes, colours of its own or commands."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Text of what is printed."""
        return super().render_str(plain(text), **options)


# A pipe has no window to fit: names stay whole for grep.
console = Terminal(width=None if sys.stdout.isatty() else 240)


def print_json(value: Any, indent: int | None = None) -> None:
    """One JSON object on standard output; missing values are null."""
    text = json.dumps(value, ensure_ascii=False, default=str, allow_nan=False, indent=indent)
    typer.echo(_CONTROL.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text))


def answer(record: dict[str, Any], text: str, as_json: bool) -> None:
    """Print `record` for programs or `text` for people."""
    print_json(record) if as_json else say(text)


def say(sentence: str) -> None:
    """Print a sentence; the terminal wraps it, so that commands can be copied."""
    console.print(sentence, soft_wrap=True)


def ask(question: str, *, yes: bool) -> None:
    """Ask on the terminal whether to go on; `yes` goes on without asking.

    The question goes to standard error, so that `--json` stays one object.

    Raises:
        SettingsError: the input is not a terminal.
        typer.Exit: with code 1, if the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise SettingsError(
            f"{question} Nobody can answer here (the input is not a terminal), so nothing was "
            "done. Add --yes to agree."
        )
    typer.echo(f"{plain(question)} [y/N]: ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        typer.echo("Nothing was done.", err=True)
        raise typer.Exit(1)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """A plain table with numbers aligned to the right; the last column and titles may wrap."""
    if title:
        console.print(title)
    table = Table(box=None, pad_edge=False)
    rows = [list(row) for row in rows]
    for number, name in enumerate(columns):
        numeric = all(isinstance(row[number], int | float) for row in rows)
        wraps = name == "title" or number == len(columns) - 1
        table.add_column(name, justify="right" if numeric else "left", no_wrap=not wraps)
    for row in rows:
        # As Text, so that a name in brackets is no style.
        table.add_row(*(Text("" if cell is None else plain(str(cell))) for cell in row))
    console.print(table)


def pairs(texts: Sequence[str], what: str) -> dict[str, str]:
    """The values of an option such as --map A=B; `what` names both in the error, "LABEL=CLASS"."""
    found = {}
    for text in texts:
        name, sign, value = text.rpartition("=")
        if not sign:
            raise SettingsError(f"This must be {what}. Received: {text!r}.")
        found[name] = value
    return found


def follow(job_id: str, visible: bool) -> Job:
    """Show a job until it ends. Ctrl-C asks it to stop; its checkpoint is kept."""
    from cxrcore import jobs

    try:
        return jobs.follow(job_id, visible)
    except KeyboardInterrupt:
        typer.echo(f"Stopped. To go on: python -m cxrcore jobs resume {job_id}", err=True)
        raise typer.Exit(130) from None


def job_record(job: Job) -> dict[str, Any]:
    """A job as JSON values, without the metrics of its epochs."""
    return job.model_dump(mode="json", exclude={"history"})


def print_job(job: Job) -> None:
    """Print the state of a job, and the command that watches or resumes it."""
    say(f"{job.title}: {job.state}. {job.message}".rstrip())
    if job.active:
        say(f"Watch it: python -m cxrcore jobs log {job.job_id} --follow")
    elif job.state != "done" and not job.final:
        say(f"To go on: python -m cxrcore jobs resume {job.job_id}")


def time_left(seconds: float) -> str:
    """Such as "about 40 s left" or "about 3 min left"."""
    amount = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
    return f"about {amount} left"
