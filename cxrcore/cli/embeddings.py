"""The commands embeddings add, list, remove, and probe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cxrcore.cli.families import records
from cxrcore.cli.output import AsJson, answer, follow, print_job, print_json, print_table, say
from cxrcore.cli.split_options import Duplicates, Folds, Group, PublishedSplit

if TYPE_CHECKING:
    from cxrcore.store import Run

embeddings_app = typer.Typer(
    help="Vectors of films that any model made anywhere, to train probes on."
)

Data = Annotated[str, typer.Option(help="A registered dataset.")]


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands into the command line."""
    app.add_typer(embeddings_app, name="embeddings", no_args_is_help=True)
    embeddings_app.command("add")(add)
    embeddings_app.command("list")(list_all)
    embeddings_app.command("remove")(remove)
    app.command()(probe)


def add(
    file: Annotated[Path, typer.Argument(help=".npz, Parquet, CSV or JSON lines.")],
    data: Data,
    name: Annotated[str, typer.Option(help="What they are called, such as rad-dino.")],
    partial: Annotated[
        bool,
        typer.Option("--partial", help="Take what there is where films or rows have no match."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Keep a vector for each film of a dataset.

    An .npz file has an array (films, width) and one of text called path, image_id or sha256. A table has
    such a column, and the vectors as one column of lists or as columns embedding_0, embedding_1 and so on.
    """
    from cxrcore import datasets, embeddings

    dataset = datasets.load(data)
    found = embeddings.add(embeddings.read(file), dataset, name, partial=partial)
    text = f"{name}: {found.films:,} films, {found.width:,} numbers each. "
    text += " ".join([*found.notes, f"Next: python -m cxrcore probe {name} --data {data}"])
    answer(found.model_dump(mode="json"), text, as_json)


def list_all(data: Data, as_json: AsJson = False) -> None:
    """List the embeddings of a dataset."""
    from cxrcore import embeddings

    found = embeddings.listed(data)
    if as_json:
        print_json({"embeddings": [each.model_dump(mode="json") for each in found]})
    elif found:
        print_table(
            ("name", "films", "width", "without", "file"),
            [(each.name, each.films, each.width, each.missing, each.file) for each in found],
        )
    else:
        say(
            f"None yet. Add a file: python -m cxrcore embeddings add FILE --data {data} --name NAME"
        )


def remove(name: str, data: Data, as_json: AsJson = False) -> None:
    """Delete the embeddings NAME of a dataset; runs that were trained on them stay."""
    from cxrcore import embeddings

    embeddings.remove(data, name)
    answer({"removed": name}, f"The embeddings {name} are deleted.", as_json)


def probe(
    name: Annotated[str, typer.Argument(help="Of the embeddings, see `embeddings list`.")],
    data: Data,
    mlp: Annotated[
        bool, typer.Option("--mlp", help="A small network with a hidden layer, not a linear probe.")
    ] = False,
    group: Group = "patient",
    duplicates: Duplicates = "together",
    published_split: PublishedSplit = True,
    folds: Folds = 1,
    seed: Annotated[
        int, typer.Option(help="Of the first weights; it changes no linear probe.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Train a classifier on the embeddings NAME, as a run to be compared like any other."""
    from cxrcore import datasets, embeddings, work
    from cxrcore.splits import SplitSpec

    dataset = datasets.load(data)
    split = SplitSpec(group=group, duplicates=duplicates, published=published_split)
    kind: embeddings.Probe = "mlp" if mlp else "linear"
    plans = [
        embeddings.plan(dataset, name, kind, each, seed=seed) for each in split.in_folds(folds)
    ]
    found = [embeddings.find(each) for each in plans]
    if None in found:
        job = follow(work.submit_probes(plans).job_id, visible=not as_json)
        if job.state != "done":
            print_job(job)
            raise typer.Exit(1)
        found = [embeddings.find(each) for each in plans]
    _print([run for run in found if run], as_json=as_json)


def _print(runs: "list[Run]", *, as_json: bool) -> None:
    from cxrcore import store

    if as_json:
        chosen = store.list_runs(runs[0].dataset)
        print_json({"runs": records(chosen[chosen["run_id"].isin([r.run_id for r in runs])])})
        return
    titles = store.titles(runs[0].dataset)
    for run in runs:
        test = run.metrics["test"]
        say(
            f"{titles[run.run_id]} ({run.run_id}): {test.n:,} test films, accuracy {test.accuracy:.4f}"
        )
        for note in run.notes:
            say(note)
