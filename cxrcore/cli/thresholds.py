"""The command that chooses operating points."""

from typing import Annotated, Any

import typer

from cxrcore.cli.output import AsJson, print_json, print_table, say


def add_commands(app: typer.Typer) -> None:
    """Put this module's command into the command line."""
    app.command()(threshold)


def threshold(
    runs: Annotated[list[str], typer.Argument(help="Runs, as `runs` lists them.")],
    class_name: Annotated[str, typer.Option("--class", help="Class that must not be missed.")],
    recall: Annotated[float, typer.Option(help="Share of its films to catch, 0 to 1.")] = 0.95,
    prevalence: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of the class, 0 to 1; that of the test films."),
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Use the thresholds in live prediction.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Choose the threshold at which RUNS catch a class, on validation films; measure it on test films."""
    from cxrcore import store, thresholds

    titles, rows, told = store.titles(), [], []
    for run_id in runs:
        run = store.load_run(run_id)
        point = thresholds.operating_point(run, class_name, recall)
        share = point.prevalence if prevalence is None else prevalence
        sentence = thresholds.sentence(point, titles.get(run_id, run_id), share)
        promise = thresholds.promise(point.choice, class_name)
        told.append(f"{sentence} {promise}")
        rows.append(_record(run_id, point, share) | {"sentence": sentence, "promise": promise})
        if save:
            saved = store.annotation(run_id).thresholds | {class_name: point.choice.threshold}
            store.annotate(run_id, thresholds=saved)
    if as_json:
        print_json({"class": class_name, "recall": recall, "saved": save, "runs": rows})
        return
    print_table(
        ("run", "threshold", "validation", "recall", "precision", "specificity"),
        [
            (
                row["run_id"],
                f"{row['threshold']:.4f}",
                f"{row['caught']} of {row['positives']}",
                *(_interval(row[name]) for name in ("recall", "precision", "specificity")),
            )
            for row in rows
        ],
    )
    for text in told:
        say(text)
    if save:
        say("Saved: live prediction uses these thresholds.")


def _record(run_id: str, point: Any, prevalence: float) -> dict[str, Any]:
    from cxrcore import thresholds
    from cxrcore.comparison.figures import known

    found = thresholds.per_thousand(point.cost, prevalence)
    cost = {
        name: dict(zip(("value", "low", "high"), _known(getattr(point.cost, name)), strict=True))
        for name in ("recall", "precision", "specificity", "accuracy")
    }
    choice = point.choice
    return {
        "run_id": run_id,
        "threshold": choice.threshold,
        "positives": choice.positives,
        "caught": choice.caught,
        "bound": choice.bound,
        "promised": choice.promised,
        **cost,
        "confusion": point.cost.confusion.tolist(),
        "prevalence": prevalence,
        "missed_per_1000": [known(value) for value in found.missed],
        "false_alarms_per_1000": [known(value) for value in found.alarms],
    }


def _known(estimate: Any) -> list[float | None]:
    from cxrcore.comparison.figures import known

    return [known(value) for value in (estimate.value, estimate.low, estimate.high)]


def _interval(values: dict[str, float | None]) -> str:
    if values["value"] is None:
        return "–"
    return f"{values['value']:.3f} ({values['low']:.3f} to {values['high']:.3f})"
