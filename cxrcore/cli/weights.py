"""Commands about weights: weights list, get, check, import; import-weights for a run."""

from pathlib import Path
from typing import Annotated

import typer

from cxrcore.cli.show import AsJson, console, print_json, print_table, progress_bar
from cxrcore.errors import WeightsError

weights_app = typer.Typer(help="The pretrained weights that recipes start from.")


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands into the command line."""
    app.add_typer(weights_app, name="weights", no_args_is_help=True)
    weights_app.command("list")(list_weights)
    weights_app.command("get")(get)
    weights_app.command("check")(check)
    weights_app.command("import")(take)
    app.command("import-weights")(import_weights)


def list_weights(as_json: AsJson = False) -> None:
    """List what each recipe needs, where it is, its hash and where it comes from."""
    from cxrcore.networks import doctor
    from cxrcore.settings import weights_dir

    needs = doctor.needs()
    if as_json:
        facts = [
            {
                "kind": need.kind,
                "recipes": need.recipes,
                "file": need.file_name,
                "path": need.path and str(need.path),
                "address": need.address,
                "md5": need.md5,
                "advice": need.advice,
            }
            for need in needs
        ]
        print_json({"folder": str(weights_dir()), "weights": facts})
        return
    rows = (
        (
            need.kind,
            "here" if need.path else "missing",
            "download" if need.md5 else "by hand",
            need.md5 or "none published",
            ", ".join(need.recipes) or "on request",
        )
        for need in needs
    )
    print_table(("weights", "state", "by", "MD5", "needed by"), rows)
    for need in needs:
        console.print(f"\n{need.kind}: {need.advice}", markup=False, highlight=False)
    console.print(
        "\nEvery recipe also trains without them: --weights random.", markup=False, highlight=False
    )


def get(kind: str, as_json: AsJson = False) -> None:
    """Download the weights KIND, unless they are here, and check them."""
    from cxrcore import weights
    from cxrcore.networks import doctor

    doctor.require_kind(kind)
    with progress_bar(quiet=as_json) as report:
        path = weights.locate(kind, report=report)
    if as_json:
        print_json({"kind": kind, "path": str(path)})
    else:
        console.print(f"{kind} is at {path}", markup=False, highlight=False)


def check(
    kind: Annotated[
        str | None, typer.Argument(help="One of `weights list`; all if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare the files that are here with their checksums and, layer by layer, their networks."""
    from cxrcore import weights
    from cxrcore.networks import doctor

    rows, bad = [], 0
    for name in [kind] if kind else weights.SOURCES:
        row = {"kind": name, "state": "missing", "path": None, "md5": None, "found": ""}
        if kind or weights.where(name):
            try:
                done = doctor.check(name)
            except WeightsError as error:
                if kind:
                    raise
                row |= {"state": "bad", "found": str(error)}
                bad += 1
            else:
                hashed = "MD5 as published" if done.md5_published else "no MD5 is published"
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
    """Recognise FILE, by checksum or layers, and put it where recipes find it."""
    from cxrcore.networks import doctor

    kind, path = doctor.take(file)
    if as_json:
        print_json({"kind": kind, "path": str(path)})
    else:
        console.print(f"{kind}: now at {path}", markup=False, highlight=False)


def import_weights(
    recipe: str,
    file: Path,
    data: Annotated[str, typer.Option(help="A registered dataset or a folder to score it on.")],
    classes: Annotated[
        str | None,
        typer.Option(help="The dataset's classes in the order of the file's outputs: A,B,C."),
    ] = None,
    size: Annotated[int | None, typer.Option(help="Image side in pixels.")] = None,
    mask: Annotated[
        str | None, typer.Option(help="none, lungs, lungs-crop, lungs-erased or border.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put a team's own weights FILE into the network of RECIPE, score it and keep it as a run."""
    from cxrcore import datasets, recipes
    from cxrcore.tracking import mlflow
    from cxrcore.training import importing

    changes = {"image_size": size, "arm": mask}
    chosen = recipes.get(recipe).override(**{k: v for k, v in changes.items() if v is not None})
    outputs = None if classes is None else [name.strip() for name in classes.split(",")]
    spec = importing.plan_import(chosen, datasets.load(data), file, outputs)
    done = importing.import_weights(spec)
    tracked = mlflow.log_finished(done.run)
    test = done.run.metrics["test"]
    if as_json:
        facts = {"run_id": done.run.run_id, "imported": done.run.imported, "layers": done.matched}
        said = {"notes": done.run.notes, "tracked": tracked}
        print_json({**facts, "test": test.model_dump(mode="json"), **said})
        return
    columns = ("layer", "in the file", "shapes", "matched by")
    print_table(columns, ([row[name] for name in columns] for row in done.matched))
    console.print(
        f"{done.run.run_id} (imported): test accuracy {test.accuracy:.4f}, n = {test.n}",
        markup=False,
        highlight=False,
    )
    for note in [*done.run.notes, *([tracked] if tracked else [])]:
        console.print(note, markup=False, highlight=False)
