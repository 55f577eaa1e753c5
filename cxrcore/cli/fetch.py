"""Commands about public collections: data known, data fetch."""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from cxrcore.cli.data import show_dataset
from cxrcore.cli.output import AsJson, console, plain, print_json, print_table, progress_bar
from cxrcore.datasets.collections import Collection
from cxrcore.progress import Progress, Report, silent

_BYTES = ("downloading", "unpacking")  # stages that count bytes; people read megabytes


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands beside `data add`."""
    app.command("known")(data_known)
    app.command("fetch")(data_fetch)


def data_known(
    name: Annotated[str | None, typer.Argument(help="Show the details of this one.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the public collections that the studies used, and how to get them."""
    from cxrcore.datasets import collections, registry

    chosen = [collections.get(name)] if name else list(collections.COLLECTIONS.values())
    if as_json:
        listed = [_record(collection) for collection in chosen]
        print_json(listed[0] if name else {"collections": listed})
    elif name:
        _print_details(chosen[0])
    else:
        rows = (
            (
                c.name,
                f"{c.images:,}" if c.images else "",
                c.size,
                c.how.word,
                c.layout,
                "yes" if registry.find(c.name) else "",
                f"{c.title}: {', '.join(c.classes)}",
            )
            for c in chosen
        )
        print_table(("name", "images", "size", "by", "layout", "here", "what"), rows)
        console.print(
            "\nLicence, citation and notes: python -m cxrcore data known NAME\n"
            "To get one:                  python -m cxrcore data fetch NAME"
        )


def data_fetch(
    name: Annotated[str, typer.Argument(help="One of `data known`.")],
    to: Annotated[
        Path | None,
        typer.Option(help="Keep it there, in a folder NAME; data/public by default."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download a public collection, unpack and register it; an interrupted download goes on."""
    from cxrcore import datasets
    from cxrcore.datasets import retrieval

    found = retrieval.registered_at(name)
    try:
        with _late_bar(visible=not as_json) as report:
            path = found or retrieval.fetch(name, to, report=report)
            dataset = datasets.load(name, report=report)
    except KeyboardInterrupt:
        typer.echo("Stopped. Enter the same command again to go on.", err=True)
        raise typer.Exit(130) from None
    archive = retrieval.archive_at(name, to)
    if not as_json and found:
        console.print(f"{name} is there already: {path}")
    if not as_json and archive:
        console.print(f"{archive} is no longer needed.")
    more = {"path": str(path), "was_there": found is not None, "archive": archive and str(archive)}
    show_dataset(dataset, as_json, f" in {path}", **more)


def _record(collection: Collection) -> dict[str, Any]:
    from cxrcore.datasets import registry, retrieval

    entry = registry.find(collection.name)
    return {
        **asdict(collection),
        "how": {"kind": type(collection.how).__name__.lower(), **asdict(collection.how)},
        "by_hand": retrieval.by_hand(collection),
        "registered": entry and str(entry.path),
    }


def _print_details(collection: Collection) -> None:
    from cxrcore.datasets import registry, retrieval

    unknown = "not stated"
    entry = registry.find(collection.name)
    rows = [
        ("what", collection.what),
        ("images", f"{collection.images:,}" if collection.images else unknown),
        ("classes", collection.class_list()),
        ("modality", collection.modality),
        ("lung masks", collection.masks or "none"),
        ("download", collection.size or f"size {unknown}"),
        ("licence", collection.licence or f"{unknown}: see its home page before use"),
        ("cite", collection.citation),
        ("home page", collection.home),
        ("layout", collection.layout),
        ("studies", collection.studies or "none of the five; a common small collection"),
        ("here", str(entry.path) if entry else "no"),
        *(("notes" if number == 0 else "", note) for number, note in enumerate(collection.notes)),
        ("to get it", f"python -m cxrcore data fetch {collection.name}"),
        ("by hand", retrieval.by_hand(collection)),
    ]
    console.print(f"{collection.name}: {collection.title}")
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")  # addresses must stay whole
    for row in rows:
        grid.add_row(*(Text(plain(cell)) for cell in row))
    console.print(grid)


@contextlib.contextmanager
def _late_bar(visible: bool) -> Iterator[Report]:
    """A progress bar that appears with the first report, after the bar of kagglehub."""
    if not visible:
        yield silent
        return
    with contextlib.ExitStack() as stack:
        bars: list[Report] = []

        def report(progress: Progress) -> None:
            if not bars:
                bars.append(stack.enter_context(progress_bar()))
            bars[0](_in_megabytes(progress))

        yield report


def _in_megabytes(progress: Progress) -> Progress:
    if not progress.stage.startswith(_BYTES):
        return progress
    done, total = progress.done // 1_000_000, -(-progress.total // 1_000_000)
    if progress.done == progress.total:
        done = total
    return replace(progress, stage=f"{progress.stage}, MB", done=done, total=total)
