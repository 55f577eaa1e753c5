"""Commands about models: recipes, train."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cxrcore.cli import families
from cxrcore.cli.output import AsJson, facts_of, follow, print_json, print_table, say, tell
from cxrcore.cli.recipe_options import recipe_options
from cxrcore.cli.runs import headline
from cxrcore.jobs import Job
from cxrcore.models import SCHEDULE

if TYPE_CHECKING:
    from cxrcore.models import Recipe


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands into the command line."""
    app.command()(recipes)
    app.command()(train)


def recipes(as_json: AsJson = False) -> None:
    """List the models: input, parameters, first weights, published accuracy."""
    from cxrcore.models import RECIPES, networks, problems

    if as_json:
        listed = [r.model_dump(mode="json") | _needs(r) for r in RECIPES.values()]
        print_json({"recipes": listed, "problems": problems()})
        return
    rows = [
        (
            r.name,
            r.study,
            f"{r.image_size} px",
            f"{networks.count_parameters(r, r.n_classes_published):,}",
            r.weights,
            ", ".join(f"{t.accuracy:.4f}" for t in (r.reported, r.reported_ct) if t and t.accuracy),
            r.description,
        )
        for r in RECIPES.values()
    ]
    print_table(("recipe", "study", "input", "parameters", "weights", "reported, CT", "what"), rows)
    for problem in problems():
        say(problem)


def _needs(recipe: "Recipe") -> dict[str, Any]:
    """What the network of a recipe needs, for programs."""
    network = recipe.architecture
    names = ("features", "n_classes", "min_size", "channels")
    return {name: getattr(network, name) for name in names}


@recipe_options()
def train(
    recipe: str,
    data: Annotated[str, typer.Option(help="A registered dataset or a folder.")],
    against_rest: Annotated[
        str | None, typer.Option(help="Tell this class from all others (a dataset of its own).")
    ] = None,
    schedule: Annotated[
        Literal["fast", "published"],
        typer.Option(help=SCHEDULE.help, rich_help_panel=SCHEDULE.group.capitalize()),
    ] = "fast",
    group: Annotated[
        Literal["patient", "image"], typer.Option(help="What is kept together in one part.")
    ] = "patient",
    duplicates: Annotated[
        Literal["together", "ignored"],
        typer.Option(help="Whether files that show one film are kept together as well."),
    ] = "together",
    published_split: Annotated[
        bool, typer.Option(help="Keep the test part that the dataset came with.")
    ] = True,
    folds: Annotated[
        int, typer.Option(help="2 to 10: cross-validation, every image is tested once. 1: none.")
    ] = 1,
    repeats: Annotated[
        int, typer.Option(help="How many seeds, from --seed on: how much chance matters.")
    ] = 1,
    cpus: Annotated[
        float | None,
        typer.Option(help="On a Ray cluster: CPUs of a node; CXR_RAY_CPUS if left out."),
    ] = None,
    gpus: Annotated[
        float | None,
        typer.Option(help="On a Ray cluster: GPUs of a node; CXR_RAY_GPUS if left out."),
    ] = None,
    background: Annotated[bool, typer.Option("--background", help="Start it and return.")] = False,
    as_json: AsJson = False,
    *,
    changes: dict[str, Any],
) -> None:
    """Train RECIPE on a dataset, or return the run at once if it was trained before."""
    from cxrcore import datasets, jobs, training, work
    from cxrcore import models as recipes_module
    from cxrcore.splits import SplitSpec

    chosen = recipes_module.get(recipe)
    chosen = (chosen.fast() if schedule == "fast" else chosen).override(**changes)
    split = SplitSpec(group=group, duplicates=duplicates, published=published_split)
    many = {"folds": folds, "repeats": repeats}
    room = jobs.resources(cpus, gpus)
    dataset = datasets.load(data)
    if against_rest is not None:
        dataset = datasets.against_rest(dataset, against_rest)
    specs = training.plan_series(chosen, dataset, split, **many)
    if against_rest is not None:
        datasets.keep(dataset)  # so that every page and command finds it
    if len(specs) > 1:
        families.train_all(specs, room, background=background, as_json=as_json)
        return
    job = work.submit_training(specs[0], room)
    if not background and job.active:
        job = follow(job.job_id, quiet=as_json)
    _report(job, as_json=as_json)
    if job.state in ("failed", "cancelled", "interrupted"):
        raise typer.Exit(1)


def _report(job: Job, *, as_json: bool) -> None:
    """How a training ended, or that it goes on by itself."""
    from cxrcore import settings

    facts: dict[str, Any] = facts_of(job)
    run = headline(job.run_id) if job.state == "done" and job.run_id else None
    if as_json:
        print_json(facts if run is None else facts | {"run": run})
    elif run is None:
        tell(job)
    else:
        said = f"test accuracy {run['accuracy']:.4f} in {run['seconds']:.0f} s"
        say(f"{job.run_id} on {job.dataset}: {said}")
        if run["random_start"]:
            say(run["random_start"])
        if run["leaking"]:
            say(f"Leaks: {run['leaks']}")
        if settings.tracking_uri():
            say(job.message)
