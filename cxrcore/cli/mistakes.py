"""The command that lists the films that runs get wrong."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cxrcore.cli.output import AsJson, print_json, print_table, say
from cxrcore.errors import ComparisonError

if TYPE_CHECKING:
    import pandas as pd

    from cxrcore.mistakes import Mistakes


class Kind(StrEnum):
    """Which films are listed."""

    disagreement = "disagreement"
    missed = "missed"
    doubtful = "doubtful"
    confident = "confident"
    random = "random"
    surest = "surest"


def add_commands(app: typer.Typer) -> None:
    """Put this module's command into the command line."""
    app.command()(errors)


def errors(
    runs: Annotated[list[str], typer.Argument(help="Runs or families, as `runs` lists them.")],
    kind: Annotated[
        Kind,
        typer.Option(
            help="disagreement: the runs' answers differ most; missed: every run is wrong; doubtful: "
            "the label may be wrong; confident, random, surest: of the first run, its surest mistakes, "
            "mistakes drawn in every class, its surest right film of every class."
        ),
    ] = Kind.confident,
    most: Annotated[int, typer.Option(min=1, help="Films to list.")] = 30,
    each: Annotated[int, typer.Option(min=1, help="Of --kind random: films a class.")] = 10,
    seed: Annotated[int, typer.Option(help="Of --kind random: another one draws others.")] = 0,
    as_json: AsJson = False,
) -> None:
    """List the test films that RUNS get wrong or disagree about, with every run's answer."""
    from cxrcore import comparison, mistakes

    if kind == Kind.disagreement and len(set(runs)) < 2:
        raise ComparisonError(
            f"Models disagree where there are two or more. Received: {runs[0]} alone. Name another run."
        )
    found = mistakes.find(comparison.subjects(runs))
    films = _chosen(found, kind, each, seed)
    if as_json:
        listed = films.head(most).reset_index(names="image_id")
        rows = listed.astype(object).where(listed.notna(), None).to_dict("records")
        print_json({"kind": kind, "of": len(films), "tested": len(found.films), "films": rows})
        return
    print_table(
        ("film", "label", *found.names, "may be"),
        [_line(image_id, row, found.names) for image_id, row in films.head(most).iterrows()],
    )
    say(
        f"{min(most, len(films)):,} of {len(films):,} such films; {len(found.films):,} were tested."
    )


def _chosen(found: "Mistakes", kind: Kind, each: int, seed: int) -> "pd.DataFrame":
    first = found.names[0]
    match kind:
        case Kind.disagreement:
            return found.disagreed()
        case Kind.missed:
            return found.missed_by_all()
        case Kind.doubtful:
            return found.doubtful()
        case Kind.confident:
            return found.confident(first)
        case Kind.random:
            return found.random(first, each, seed)
        case Kind.surest:
            return found.surest(first)


def _line(image_id: object, row: "pd.Series", names: Sequence[str]) -> list[str]:
    said = [f"{row[f'answer[{name}]']} {row[f'of_answer[{name}]']:.0%}" for name in names]
    return [str(image_id), row["label"], *said, row["suspect"] or ""]
