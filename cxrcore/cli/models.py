"""Commands about models: recipes, train, runs, show, evaluate, explain, delete."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cxrcore.cli import families
from cxrcore.cli.show import AsJson, console, follow, print_json, print_table
from cxrcore.errors import ExplainError

if TYPE_CHECKING:
    from cxrcore.store import Run


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands into the command line."""
    for command in (recipes, train, runs, show, evaluate, explain, delete):
        app.command()(command)


def recipes(as_json: AsJson = False) -> None:
    """List the models of the studies: input, parameters, reported accuracy."""
    from cxrcore import networks
    from cxrcore.recipes import RECIPES

    if as_json:
        print_json({"recipes": [r.model_dump(mode="json") for r in RECIPES.values()]})
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


def train(
    recipe: str,
    data: Annotated[str, typer.Option(help="A registered dataset or a folder.")],
    against_rest: Annotated[
        str | None, typer.Option(help="Tell this class from all others (a dataset of its own).")
    ] = None,
    epochs: int | None = None,
    size: Annotated[int | None, typer.Option(help="Image side in pixels.")] = None,
    batch: int | None = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate.")] = None,
    mask: Annotated[
        str | None, typer.Option(help="none, lungs, lungs-crop, lungs-erased or border.")
    ] = None,
    max_brisque: Annotated[
        float | None, typer.Option(help="Leave out images that score higher.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="imagenet, chexnet, random or a file.")
    ] = None,
    seed: int | None = None,
    schedule: Annotated[
        Literal["fast", "published"],
        typer.Option(help="fast ends when the validation loss stops improving; or as published."),
    ] = "fast",
    augment: Annotated[
        Literal["none", "published", "strong"] | None,
        typer.Option(
            help="How training images are changed in each epoch; the recipe's if left out."
        ),
    ] = None,
    class_weights: Annotated[
        Literal["none", "balanced"] | None,
        typer.Option(help="balanced: every class counts the same, however few images it has."),
    ] = None,
    label_smoothing: Annotated[
        float | None, typer.Option(help="0 to 0.3: share of a label that goes to all classes.")
    ] = None,
    favour: Annotated[
        str | None, typer.Option(help="A class not to be missed; see --favour-weight.")
    ] = None,
    favour_weight: Annotated[
        float, typer.Option(help="How many times an image of that class counts.")
    ] = 3.0,
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
    background: Annotated[bool, typer.Option("--background", help="Start it and return.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train RECIPE on a dataset, or return the run at once if it was trained before."""
    from cxrcore import datasets, jobs, settings, training
    from cxrcore import recipes as recipes_module
    from cxrcore.splits import SplitSpec

    changes = {
        "epochs": epochs,
        "image_size": size,
        "batch_size": batch,
        "learning_rate": lr,
        "arm": mask,
        "max_brisque": max_brisque,
        "weights": weights,
        "seed": seed,
        "augmentation": augment,
        "class_weights": class_weights,
        "label_smoothing": label_smoothing,
        "favoured_class": favour,
        "favoured_weight": favour_weight if favour else None,
    }
    chosen = recipes_module.get(recipe)
    chosen = (chosen.fast() if schedule == "fast" else chosen).override(
        **{k: v for k, v in changes.items() if v is not None}
    )
    split = SplitSpec(group=group, duplicates=duplicates, published=published_split)
    many = {"folds": folds, "repeats": repeats}
    dataset = datasets.load(data)
    if against_rest is not None:
        dataset = datasets.against_rest(dataset, against_rest)
    specs = training.plan_series(chosen, dataset, split, **many)
    if against_rest is not None:
        datasets.keep(dataset)  # so that every page and command finds it
    if len(specs) > 1:
        families.train_all(specs, background=background, as_json=as_json)
        return
    job = jobs.submit_training(specs[0])
    if not background and job.active:
        job = follow(job.job_id, quiet=as_json)
    facts = job.model_dump(mode="json", exclude={"history"})
    if job.state == "done" and job.run_id:
        facts["run"] = _headline(job.run_id)
    if as_json:
        print_json(facts)
    elif job.state == "done":
        console.print(
            f"{job.run_id} on {job.dataset}: test accuracy {facts['run']['accuracy']:.4f} in {facts['run']['seconds']:.0f} s"
        )
        if facts["run"]["leaking"]:
            console.print(f"Leaks: {facts['run']['leaks']}", markup=False)
        if settings.tracking_uri():
            console.print(job.message, markup=False, highlight=False)
    else:
        console.print(f"{job.title}: {job.state}. {job.message or ''}", markup=False)
    if job.state in ("failed", "cancelled", "interrupted"):
        raise typer.Exit(1)


def runs(
    data: Annotated[str | None, typer.Option(help="Only the runs of this dataset.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Each run by itself, also those of a cross-validation.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the trained runs; the folds and seeds of one training are one row."""
    from cxrcore import store

    table, told = store.list_runs(data), store.families(data)
    if as_json:
        lists = {"runs": table, "families": told[told["wanted"] > 1]}
        print_json(
            {
                name: rows.astype(object).where(rows.notna(), None).to_dict("records")
                for name, rows in lists.items()
            }
        )
    elif table.empty:
        console.print("No run yet. Try: python -m cxrcore train cnn-plain --data NAME")
    else:
        families.print_runs(table, told.head(0) if every else told)


def show(run: str) -> None:
    """Print everything recorded about RUN as JSON."""
    from cxrcore import store

    print_json(store.load_run(run).model_dump(mode="json"))


def evaluate(run: str, as_json: AsJson = False) -> None:
    """Print the test figures of RUN, class by class."""
    from cxrcore import store

    loaded = store.load_run(run)
    metrics, clean = loaded.metrics["test"], loaded.metrics_clean
    if as_json:
        facts = {"run_id": run, "test": metrics.model_dump(mode="json"), **_leaks(loaded)}
        facts["test_without_leaks"] = clean and clean.model_dump(mode="json")
        print_json(facts)
        return
    rows = [
        (m.name, f"{m.precision:.3f}", f"{m.recall:.3f}", f"{m.f1:.3f}", m.support)
        for m in (*metrics.classes, metrics.macro, metrics.weighted)
    ]
    title = f"{run}: test accuracy {metrics.accuracy:.4f}, loss {metrics.loss:.4f}, n = {metrics.n}"
    print_table(("class", "precision", "recall", "F1", "images"), rows, title)
    names = [m.name for m in metrics.classes]
    print_table(
        ("true \\ predicted", *names),
        ((n, *row) for n, row in zip(names, metrics.confusion, strict=True)),
        "Confusion matrix",
    )
    console.print(f"Leaks: {_leaks(loaded)['leaks']}", markup=False, highlight=False)
    if clean is not None:
        console.print(
            f"Without them: test accuracy {clean.accuracy:.4f}, loss {clean.loss:.4f}, "
            f"n = {clean.n}",
            markup=False,
            highlight=False,
        )


def explain(
    run: str,
    image: Path,
    out: Annotated[Path, typer.Option(help="The PNG to write.")],
    method: str = "grad-cam",
    label: Annotated[
        str | None, typer.Option(help="Class to explain; the predicted one if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a PNG of where RUN looked in IMAGE."""
    from cxrcore import figures, files, images
    from cxrcore.inference import predict_here

    prediction = predict_here(image, [run], methods=(method,), class_name=label)[0]
    if prediction.error is not None:
        raise ExplainError(prediction.error)
    heat = figures.overlay(prediction.seen, prediction.maps[method])
    files.write_atomic(out, images.encode_png(heat))
    chances = dict(zip(prediction.classes, map(float, prediction.probabilities), strict=True))
    if as_json:
        print_json(
            {
                "run_id": run,
                "probabilities": chances,
                "explained": prediction.explained,
                "out": str(out),
            }
        )
    else:
        print_table(("class", "probability"), ((c, f"{p:.4f}") for c, p in chances.items()))
        for note in prediction.notes:
            console.print(note, markup=False)
        console.print(f"{method} of {prediction.explained}: {out}", markup=False)


def delete(run: str) -> None:
    """Move RUN to the trash of the models folder."""
    from cxrcore import store

    store.delete(run)
    console.print(f"{run} is in the trash of the models folder.", markup=False)


def _headline(run_id: str) -> dict[str, Any]:
    from cxrcore import store

    run = store.load_run(run_id)
    test = run.metrics["test"]
    return {
        "run_id": run_id,
        "accuracy": test.accuracy,
        "loss": test.loss,
        "macro_f1": test.macro.f1,
        "seconds": run.seconds,
        "images_per_second": run.images_per_second,
        "precision": run.precision,
        **_leaks(run),
    }


def _leaks(run: "Run") -> dict[str, Any]:
    """How many test images are known from training, and a sentence; missing if not checked."""
    if run.imported:
        said = "Imported weights: what they were trained on is unknown, leaks cannot be counted."
        return {"leaking": None, "leaks": said}
    if run.leaks is None:
        return {"leaking": None, "leaks": "Not checked: trained before leaks were counted."}
    said = f"{run.leaks.sentence} {run.leaks.unproven}".strip()
    return {"leaking": run.leaks.count, "leaks": said}
