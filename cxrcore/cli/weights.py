"""Commands about weights: weights list, get, check, import; import-weights for a run."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxrcore.cli.output import AsJson, answer, print_json, print_table, progress_bar, say
from cxrcore.cli.recipe_options import recipe_options
from cxrcore.errors import WeightsError
from cxrcore.models.fields import PREPARATION
from cxrcore.progress import Progress

if TYPE_CHECKING:
    from cxrcore.models.pretrained.inspection import Need

weights_app = typer.Typer(help="The pretrained weights that models start from.")


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands into the command line."""
    app.add_typer(weights_app, name="weights", no_args_is_help=True)
    weights_app.command("list")(list_weights)
    weights_app.command("get")(get)
    weights_app.command("check")(check)
    weights_app.command("import")(take)
    app.command("import-weights")(import_weights)


def list_weights(as_json: AsJson = False) -> None:
    """List the files that models start from, with their places, checksums and sources."""
    from cxrcore.models import RECIPES
    from cxrcore.models.pretrained import inspection
    from cxrcore.models.records import KERAS
    from cxrcore.settings import weights_dir

    listed = [_entry(need) for need in inspection.needs()]
    if as_json:
        print_json({"folder": str(weights_dir()), "weights": listed})
        return
    rows = (
        (
            row["kind"],
            row["state"],
            "download" if row["checksum"] else "by hand",
            row["checksum"] or "none published",
            ", ".join(row["recipes"]) or "on request",
        )
        for row in listed
    )
    print_table(("weights", "state", "by", "published checksum", "needed by"), rows)
    for row in listed:
        if row["path"] is None and all(RECIPES[n].study == KERAS for n in row["recipes"]):
            continue  # forty paragraphs alike
        own = f" Its own MD5 is {row['md5_here']}." if row["path"] and not row["checksum"] else ""
        say(f"\n{row['kind']}: {row['advice']}{own}")
    say(
        "\nOf the others of Keras that are missing: python -m cxrcore weights get WEIGHTS downloads "
        "one; without internet, or where Keras publishes no checksum, it says what to put where."
    )
    say("\nEvery model can also be trained without them: --weights random.")


def _entry(need: "Need") -> dict[str, Any]:
    """One file, for programs; `as_published` is null where there is nothing to compare."""
    from cxrcore.models.pretrained.location import digest_of

    source = need.source
    kind, _, expected = (source.checksum or "md5:").partition(":")
    own, state, advice = None, "missing", need.advice
    if need.path:
        state = "here, not compared"
        try:
            own = digest_of(need.path, kind)
        except WeightsError as error:
            state, advice = "here, unreadable", str(error)
    same = None if own is None or source.checksum is None else own == expected
    if same is not None:
        state = "here, as published" if same else "here, another file"
    if same is False:
        wrong = (
            f"{need.path} is not the published file: its {kind.upper()} is {own}. Remove it, then: "
        )
        advice = wrong + replace(need, path=None).advice
    return {
        "kind": source.kind,
        "recipes": need.recipes,
        "file": source.file_name,
        "path": need.path and str(need.path),
        "address": source.address,
        "checksum": source.checksum,
        "md5": source.md5,
        "md5_here": own if kind == "md5" else None,
        "as_published": same,
        "state": state,
        "advice": advice,
    }


def get(kind: str, as_json: AsJson = False) -> None:
    """Download the weights KIND, unless they are on this machine, and check them."""
    from cxrcore.models import pretrained
    from cxrcore.models.pretrained import inspection

    source = inspection.source(kind)
    with progress_bar(visible=not as_json) as report:
        path = pretrained.locate(source.kind, report=report)
    answer({"kind": kind, "path": str(path)}, f"{kind} is at {path}", as_json)


def check(
    kind: Annotated[
        str | None, typer.Argument(help="One of `weights list`; all by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare files with their published checksums and, layer by layer, with their networks."""
    from cxrcore.models import pretrained
    from cxrcore.models.pretrained import inspection

    rows, bad = [], 0
    here = [need.source.kind for need in inspection.needs() if need.path]
    for name in [kind] if kind else pretrained.SOURCES:
        row = {"kind": name, "state": "missing", "path": None, "md5": None, "found": ""}
        if kind or name in here:
            try:
                done = inspection.check(name)
            except WeightsError as error:
                if kind:
                    raise
                row |= {"state": "bad", "found": str(error)}
                bad += 1
            else:
                hashed = (
                    "checksum as published" if done.source.checksum else "no checksum is published"
                )
                row |= {"state": "ok", "path": str(done.path), "md5": done.md5}
                row["found"] = f"{hashed}; all {done.layers} layers with weights fit"
        rows.append(row)
    if as_json:
        print_json({"weights": rows})
    else:
        columns = ("kind", "state", "md5", "found")
        print_table(columns, ([row[name] for name in columns] for row in rows))
    if bad:
        raise typer.Exit(1)


def take(file: Path, as_json: AsJson = False) -> None:
    """Recognise FILE by its checksum or layers, and put it where models find it."""
    from cxrcore.models.pretrained import inspection

    kind, path = inspection.take(file)
    answer({"kind": kind, "path": str(path)}, f"{kind}: now at {path}", as_json)


@recipe_options(PREPARATION)
def import_weights(
    recipe: str,
    file: Path,
    data: Annotated[str, typer.Option(help="A registered dataset or a folder to evaluate it on.")],
    classes: Annotated[
        str | None,
        typer.Option(help="The dataset's classes in the order of the file's outputs: A,B,C."),
    ] = None,
    as_json: AsJson = False,
    *,
    changes: dict[str, Any],
) -> None:
    """Load your own weights FILE into the network of RECIPE, evaluate it and keep it as a run."""
    from cxrcore import datasets, models, store
    from cxrcore.tracking import mlflow
    from cxrcore.training import weight_import

    chosen = models.get(recipe).override(**changes)
    outputs = None if classes is None else [name.strip() for name in classes.split(",")]
    spec = weight_import.plan_import(chosen, datasets.load(data), file, outputs)
    with progress_bar(visible=not as_json) as report:
        done = weight_import.import_weights(
            spec, report=lambda now: report(Progress(now.stage, now.batch, now.batches or 1))
        )
    tracked = mlflow.log_finished(done.run)
    test = done.run.metrics["test"]
    if as_json:
        record = done.run.model_dump(mode="json", include={"run_id", "imported", "notes"})
        record |= {"layers": done.matched, "test": test.model_dump(mode="json")}
        print_json(record | {"tracked": tracked})
        return
    columns = ("layer", "in the file", "shapes", "matched by")
    print_table(columns, ([row[name] for name in columns] for row in done.matched))
    title = f"{store.title(done.run)} ({done.run.run_id}, imported)"
    say(f"{title}: test accuracy {test.accuracy:.4f}, n = {test.n}")
    for note in filter(None, [*done.run.notes, tracked]):
        say(note)
