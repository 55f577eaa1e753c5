"""The command about what people say of a run: annotate."""

from typing import Annotated

import typer

from cxrcore.cli.output import AsJson, print_json, print_table
from cxrcore.errors import SettingsError


def add_commands(app: typer.Typer) -> None:
    """Put this module's command into the command line."""
    app.command()(annotate)


def annotate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run, or a family of runs.")],
    title: Annotated[
        str | None, typer.Option(help="What it is called everywhere, on one line.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(help='Once for each tag; they replace those before. "" leaves none.'),
    ] = None,
    notes: Annotated[
        str | None, typer.Option(help='Replaces the notes; the model card has them. "" for none.')
    ] = None,
    clear_title: Annotated[
        bool, typer.Option("--clear-title", help="Back to the title made of what differs.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Give RUN a title, tags and notes; without options, print what it has."""
    from cxrcore import store
    from cxrcore.store.listing import no_run

    if clear_title and title is not None:
        raise SettingsError("--title gives a title and --clear-title takes it away. Leave one out.")
    changes: dict[str, object] = {"title": None} if clear_title else {}
    given = {"title": title, "tags": tag and [name for name in tag if name], "notes": notes}
    changes |= {name: value for name, value in given.items() if value is not None}
    said = store.annotate(run, **changes) if changes else store.annotation(run)
    if (shown := store.titles().get(run)) is None:
        raise no_run(run)
    if as_json:
        print_json({"name": run, "shown_as": shown, **said.model_dump(mode="json")})
        return
    rows = [("shown as", shown), ("tags", ", ".join(said.tags)), ("notes", said.notes)]
    print_table(("", run), [row for row in rows if row[1]])
