"""Commands about models: recipes, train."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cxrcore.cli import families
from cxrcore.cli.output import (
    AsJson,
    answer,
    follow,
    job_record,
    print_job,
    print_json,
    print_table,
    say,
)
from cxrcore.cli.recipe_options import recipe_options
from cxrcore.cli.runs import headline
from cxrcore.cli.split_options import Duplicates, Folds, Group, PublishedSplit
from cxrcore.jobs import Job
from cxrcore.models import SCHEDULE

if TYPE_CHECKING:
    from cxrcore.models import Recipe

recipes_app = typer.Typer()


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands into the command line."""
    app.add_typer(recipes_app, name="recipes")
    app.command()(train)


@recipes_app.callback(invoke_without_command=True)
def recipes(context: typer.Context, as_json: AsJson = False) -> None:
    """List the models: input, parameters, first weights, published accuracy. `new` adds one."""
    from cxrcore.models import RECIPES, problems

    if context.invoked_subcommand:
        return
    if as_json:
        listed = [r.model_dump(mode="json") | _needs(r) for r in RECIPES.values()]
        print_json({"recipes": listed, "problems": problems()})
        return
    rows = [
        (
            r.name,
            r.study,
            f"{r.image_size} px",
            "" if (count := r.count_parameters(r.n_classes_published)) is None else f"{count:,}",
            r.weights,
            ", ".join(f"{t.accuracy:.4f}" for t in (r.reported, r.reported_ct) if t and t.accuracy),
            r.description,
        )
        for r in RECIPES.values()
    ]
    print_table(("recipe", "study", "input", "parameters", "weights", "reported, CT", "what"), rows)
    for problem in problems():
        say(problem)


@recipes_app.command()
def new(name: str, as_json: AsJson = False) -> None:
    """Write a commented file NAME that adds a model and trains; it is code of this program."""
    from cxrcore.models import own

    path = own.create(name)
    text = f"{path} is ready. Change it, then: python -m cxrcore train {name} --data NAME"
    answer({"recipe": name, "file": str(path)}, text, as_json)


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
        str | None, typer.Option(help="This class against all others, as a dataset of its own.")
    ] = None,
    schedule: Annotated[
        Literal["fast", "published"],
        typer.Option(help=SCHEDULE.help, rich_help_panel=SCHEDULE.group.capitalize()),
    ] = "fast",
    group: Group = "patient",
    duplicates: Duplicates = "together",
    published_split: PublishedSplit = True,
    folds: Folds = 1,
    repeats: Annotated[
        int, typer.Option(help="How many seeds, from --seed on, to see how much chance matters.")
    ] = 1,
    cpus: Annotated[
        float | None,
        typer.Option(help="On a Ray cluster: CPUs of a node; CXR_RAY_CPUS by default."),
    ] = None,
    gpus: Annotated[
        float | None,
        typer.Option(help="On a Ray cluster: GPUs of a node; CXR_RAY_GPUS by default."),
    ] = None,
    background: Annotated[bool, typer.Option("--background", help="Start it and return.")] = False,
    as_json: AsJson = False,
    *,
    changes: dict[str, Any],
) -> None:
    """Train RECIPE on a dataset, or return the run at once if it was trained before."""
    from cxrcore import datasets, jobs, models, training, work
    from cxrcore.splits import SplitSpec

    chosen = models.get(recipe)
    chosen = (chosen.fast() if schedule == "fast" else chosen).override(**changes)
    split = SplitSpec(group=group, duplicates=duplicates, published=published_split)
    resources = jobs.resources(cpus, gpus)
    dataset = datasets.load(data)
    if against_rest is not None:
        dataset = datasets.against_rest(dataset, against_rest)
    specs = training.plan_series(chosen, dataset, split, folds=folds, repeats=repeats)
    if against_rest is not None:
        datasets.keep(dataset)  # so that every page and command finds it
    if len(specs) > 1:
        families.train_all(specs, resources, background=background, as_json=as_json)
        return
    job = work.submit_training(specs[0], resources)
    if not background and job.active:
        job = follow(job.job_id, visible=not as_json)
    _report(job, as_json=as_json)
    if job.state in ("failed", "cancelled", "interrupted"):
        raise typer.Exit(1)


def _report(job: Job, *, as_json: bool) -> None:
    """Print the result of a training, or that it goes on in the background."""
    from cxrcore import settings

    run = headline(job.run_id) if job.state == "done" and job.run_id else None
    if as_json:
        print_json(job_record(job) | ({"run": run} if run else {}))
    elif run is None:
        print_job(job)
    else:
        result = f"test accuracy {run['accuracy']:.4f} in {run['seconds']:.0f} s"
        say(f"{run['title']} ({job.run_id}) on {job.dataset}: {result}")
        if run["random_start"]:
            say(run["random_start"])
        if run["leaking"]:
            say(f"Leaks: {run['leaks']}")
        if settings.tracking_uri():
            say(job.message)
