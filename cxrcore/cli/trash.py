"""Commands that delete runs and bring them back: delete, trash list|restore|empty."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from cxrcore.cli.output import AsJson, answer, ask, print_json, say

trash_app = typer.Typer(help="Deleted runs: see them, bring them back, remove them for good.")

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands into the command line."""
    app.command()(delete)
    app.add_typer(trash_app, name="trash", no_args_is_help=True)
    trash_app.command("list")(list_deleted)
    trash_app.command("restore")(restore)
    trash_app.command("empty")(empty)


def delete(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN", help="A run, or a family for all its runs.")
    ],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Move RUNs to the trash, from which they can be brought back; asks first."""
    from cxrcore import store

    chosen, titles = _known(runs), store.titles()
    ask(f"Move to the trash: {', '.join(_named(chosen, titles))}?", yes=yes)
    for run_id, named in zip(chosen, _named(chosen, titles), strict=True):
        store.delete(run_id)
        if not as_json:
            say(f"{named} is in the trash. Undo: python -m cxrcore trash restore {run_id}")
    if as_json:
        print_json({"deleted": chosen})


def list_deleted(as_json: AsJson = False) -> None:
    """List the deleted runs that can be brought back."""
    from cxrcore import store

    deleted = store.trashed()
    if as_json:
        print_json({"deleted": deleted})
    elif deleted:
        for run_id in deleted:
            say(run_id)
        say("Bring one back: python -m cxrcore trash restore RUN")
        say("Remove them for good: python -m cxrcore trash empty")
    else:
        say("The trash is empty.")


def restore(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="One of `trash list`.")],
    as_json: AsJson = False,
) -> None:
    """Bring deleted RUNs back; of several with one name the one deleted last."""
    from cxrcore import store

    for run_id in runs:
        store.restore(run_id)
        if not as_json:
            [named] = _named([run_id], store.titles())
            say(f"{named} is back.")
    if as_json:
        print_json({"restored": runs})


def empty(yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove the deleted runs for good; asks first."""
    from cxrcore import store

    removed = 0
    if deleted := store.trashed():
        ask(f"Remove for good, never to come back: {', '.join(deleted)}?", yes=yes)
        removed = store.empty_trash()
    text = "The trash is empty." + (f" Removed for good: {removed}." if removed else "")
    answer({"removed": removed}, text, as_json)


def _named(run_ids: Sequence[str], titles: Mapping[str, str]) -> list[str]:
    """Each run by its title, with its name in parentheses; a damaged run has only a name."""
    shown = {run_id: titles.get(run_id, run_id) for run_id in run_ids}
    return [name if title == name else f"{title} ({name})" for name, title in shown.items()]


def _known(names: Sequence[str]) -> list[str]:
    """The runs of these names and families, each once.

    Raises:
        StoreError: a name is that of no run, damaged or not, and of no family.
    """
    from cxrcore import store
    from cxrcore.store.listing import folders, no_run

    there = {folder.name for folder in folders()}
    found: dict[str, None] = {}
    for name in names:
        meant = [name] if name in there else [run.run_id for run in store.members(name)]
        if not meant:
            raise no_run(name)
        found |= dict.fromkeys(meant)
    return list(found)
