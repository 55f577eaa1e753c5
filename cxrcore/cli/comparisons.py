"""The command that compares runs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from cxrcore.cli.output import AsJson, print_json, print_table, say

if TYPE_CHECKING:
    from cxrcore.comparison import Comparison


def add_commands(app: typer.Typer) -> None:
    """Put this module's command into the command line."""
    app.command()(compare)


def compare(
    runs: Annotated[list[str], typer.Argument(help="Runs or families, as `runs` lists them.")],
    metric: Annotated[str, typer.Option(help="Figure to compare by.")] = "accuracy",
    class_name: Annotated[
        str, typer.Option("--class", help="Class, for a figure of one class such as recall.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Say which of RUNS is better by one figure, and whether the difference is more than chance."""
    from cxrcore import comparison, store

    found = comparison.compare(comparison.subjects(runs), metric, class_name)
    titles = store.titles()
    told = comparison.verdict(found, titles)
    sentences = [comparison.sentence(pair, found, titles) for pair in found.pairs]
    if as_json:
        record = found.model_dump(mode="json")
        for pair, sentence in zip(record["pairs"], sentences, strict=True):
            pair["sentence"] = sentence
        print_json({"verdict": told.text, "sure": told.sure, **record})
        return
    say(told.text)
    _print_figures(found, titles)
    for sentence in sentences if len(sentences) > 1 else ():
        say(sentence)
    for reason in comparison.reasons(found, titles):
        say(f"! {reason}")


def _print_figures(found: "Comparison", titles: Mapping[str, str]) -> None:
    from cxrcore.metrics import METRICS, column

    metric, common = METRICS[found.metric], found.common
    rows = [
        (
            titles.get(figure.name, figure.name),
            figure.name,
            metric.text(figure.value),
            _interval(figure.low, figure.high),
            "" if figure.ranks is None else _rank(*figure.ranks),
            figure.method,
        )
        for figure in found.figures
    ]
    patients = "" if common.patients is None else f" of {common.patients:,} patients"
    title = (
        f"{column(metric, found.class_name)} on {common.films:,} films{patients} ({common.digest})"
    )
    print_table(("title", "run", "value", "95 % interval", "rank", "interval by"), rows, title)


def _interval(low: float | None, high: float | None) -> str:
    """The bounds of an interval as text; "" where it is undefined."""
    return "" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _rank(best: int, worst: int) -> str:
    return f"{best}" if best == worst else f"{best} to {worst}"
