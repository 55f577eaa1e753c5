"""The command `predict`: many films to a table."""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxrcore.cli.output import AsJson, print_json, print_table, progress_bar, say
from cxrcore.errors import SettingsError

if TYPE_CHECKING:
    from cxrcore.inference import Row


def add_commands(app: typer.Typer) -> None:
    """Put this module's command into the command line."""
    app.command()(predict)


def predict(
    words: Annotated[
        list[str],
        typer.Argument(metavar="RUN... PLACE...", help="Runs, then films or folders of films."),
    ],
    out: Annotated[
        Path | None, typer.Option("--csv", help="The table to write, a row per film and run.")
    ] = None,
    page: Annotated[
        int | None,
        typer.Option(min=1, help="Of TIFF files of several pages; by default the first."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Predict films: one or more RUNs, then files or folders (with their sub-folders).

    A film that cannot be read is a row with the reason.
    """
    from cxrcore import files, inference, store
    from cxrcore.models import own

    titles = {}
    for name in _runs(words):
        run = store.load_run(name)
        run.model_path()  # raises where there is none
        titles[name] = store.title(run)
    places = [Path(word) for word in words[len(titles) :]]
    if not places:
        raise SettingsError("Name the films after the runs: a folder, or files.")
    found: list[dict[str, Any]] = []
    with progress_bar(not as_json) as report:
        for row in inference.batch(places, list(titles), report=report, page=page):
            found += _records(row, titles)
    classes = list(dict.fromkeys(name for row in found for name in row["probabilities"]))
    if out is not None:
        files.write_atomic(out, _table(found, classes))
    changed = [sentence for name in titles if (sentence := own.change(store.load_run(name).recipe))]
    failed = len({row["file"] for row in found if row["error"]})
    if as_json:
        print_json(
            {
                "rows": found,
                "notes": changed,
                "failed": failed,
                "csv": None if out is None else str(out),
            }
        )
        return
    for sentence in changed:
        say(sentence)
    if out is None:
        lines = [(row["file"], row["title"], _answer(row)) for row in found]
        print_table(("file", "title", "answer"), lines)
    films = len({row["file"] for row in found})
    count = "1 film" if films == 1 else f"{films:,} films"
    say(f"{count}, {failed:,} failed." + (f" Written: {out}" if out else ""))
    if failed == films:
        raise typer.Exit(1)


def _runs(words: Sequence[str]) -> list[str]:
    """The words that are runs, at least one: all before the first that is none."""
    from cxrcore import store

    known = set(store.list_runs()["run_id"])
    found = list(dict.fromkeys(takewhile(known.__contains__, words)))
    if not found:
        store.load_run(words[0])  # raises with what there is
    return found


def _records(row: "Row", titles: dict[str, str]) -> Iterator[dict[str, Any]]:
    """A row of the table for each run, or one for a film that cannot be read."""
    from cxrcore.inference import decision

    usual: dict[str, Any] = {"file": str(row.file), "run_id": None, "title": "", "predicted": ""}
    usual |= {"probabilities": {}, "notes": [], "error": row.error or None}
    if row.error:
        yield usual
    about = [row.film.about_pages] if row.film and row.film.pages > 1 else []
    for said in row.predictions:
        decided = None if said.error else decision(said)
        shares = () if decided is None else map(float, decided.shares)
        yield usual | {
            "run_id": said.run_id,
            "title": titles[said.run_id],
            "predicted": "" if decided is None else decided.answer,
            "probabilities": dict(zip(said.classes, shares, strict=False)),
            "notes": [*about, *said.notes],
            "error": said.error,
        }


def _answer(row: dict[str, Any]) -> str:
    if row["error"]:
        return str(row["error"])
    return f"{row['predicted']} {row['probabilities'][row['predicted']]:.0%}"


def _table(rows: Sequence[dict[str, Any]], classes: Sequence[str]) -> bytes:
    """As CSV in UTF-8; a probability is empty where a run does not have the class."""
    text = io.StringIO(newline="")
    sheet = csv.writer(text)
    names = ("file", "run_id", "title", "predicted")
    sheet.writerow([*names, *(f"p_{name}" for name in classes), "notes", "error"])
    for row in rows:
        shares = [row["probabilities"].get(name) for name in classes]
        notes = " ".join(row["notes"])
        sheet.writerow([*(row[name] for name in names), *shares, notes, row["error"]])
    return text.getvalue().encode()
