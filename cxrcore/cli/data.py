"""Commands about datasets: demo, data add|merge|list|forget, index."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxrcore.cli.output import (
    AsJson,
    console,
    follow,
    print_json,
    print_table,
    progress_bar,
    say,
    tell,
)

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset

data_app = typer.Typer(help="Register datasets and list them.", no_args_is_help=True)

Layout = Annotated[str | None, typer.Option(help="How the files lie; found by itself if left out.")]


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands into the command line."""
    app.command()(demo)
    app.add_typer(data_app, name="data")
    app.command()(index)


def demo(
    patients: Annotated[
        int | None, typer.Option(min=4, help="Simulated patients a class; 60 if left out.")
    ] = None,
    shortcut: Annotated[
        bool, typer.Option(help="Plant a corner marker that follows the class, for audits.")
    ] = False,
    background: Annotated[
        bool, typer.Option("--background", help="Start it and return; the dashboard shows it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the synthetic demonstration dataset and train the demonstration models."""
    from cxrcore import jobs, work

    job = work.submit_demo(patients=patients, shortcut=shortcut)
    if background:
        if as_json:
            print_json(job.model_dump(mode="json"))
        else:
            tell(job)
        return
    job = follow(job.job_id, quiet=as_json)
    ended = [job]
    if job.state == "done":
        ended += [
            follow(j.job_id, quiet=as_json)
            for j in jobs.list_jobs()
            if j.kind == "train" and j.dataset == job.dataset and j.ticket > job.ticket
        ]
    if as_json:
        print_json({"jobs": [j.model_dump(mode="json") for j in ended]})
    if unfinished := [j for j in ended if j.state != "done"]:
        for job in [] if as_json else unfinished:
            tell(job)
        raise typer.Exit(1)


@data_app.command("add")
def data_add(
    name: str,
    path: Path,
    layout: Layout = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="What the layout is told, such as classes=A,B or modality=xray; may be repeated.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Register the dataset in PATH, a folder or a CSV that names its images, under NAME."""
    from cxrcore import datasets

    told = datasets.parse_options(option or ())
    _show(datasets.register(name, path, layout, told), as_json)


def _show(dataset: "Dataset", as_json: bool) -> None:
    """What was registered: its classes, and what people should know."""
    name = dataset.name
    counts = {str(label): int(n) for label, n in dataset.counts().items()}
    if as_json:
        facts = {"name": name, "layout": dataset.layout, "images": len(dataset.table)}
        print_json({**facts, "classes": counts, "notes": list(dataset.notes)})
        return
    print_table(("class", "images"), counts.items(), f"{name}: {len(dataset.table):,} images")
    for note in dataset.notes:
        console.print(note, markup=False)
    console.print(f"Next: python -m cxrcore index {name}", markup=False)


@data_app.command("merge")
def data_merge(
    name: str,
    members: Annotated[list[str], typer.Argument(help="Registered names or folders.")],
    label_map: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="MEMBER:LABEL=CLASS",
            help="The class of a member's label; MEMBER:LABEL= leaves its images out.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make one dataset NAME of MEMBERS; no image is copied."""
    from cxrcore import datasets

    labels = datasets.parse_map(label_map or ())
    _show(datasets.merge(name, members, labels), as_json)


@data_app.command("list")
def data_list(as_json: AsJson = False) -> None:
    """List the registered datasets."""
    from cxrcore import datasets

    entries = datasets.registered()
    if as_json:
        print_json(
            {
                "datasets": [
                    {"name": e.name, "path": str(e.path), "layout": e.layout} for e in entries
                ]
            }
        )
    elif entries:
        print_table(("name", "layout", "folder"), ((e.name, e.layout, e.path) for e in entries))
    else:
        console.print("No dataset yet. Try: python -m cxrcore demo, or data add NAME FOLDER")


@data_app.command("forget")
def data_forget(name: str, as_json: AsJson = False) -> None:
    """Take NAME off the list; no file is touched."""
    from cxrcore import datasets

    datasets.forget(name)
    if as_json:
        print_json({"forgotten": name})
    else:
        say(f"{name} is off the list; its files stay where they are.")


def index(
    dataset: Annotated[str, typer.Argument(help="A registered name or a folder.")],
    layout: Layout = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; all cores if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure every image once: histogram, BRISQUE, hashes, thumbnail."""
    import time

    from cxrcore import datasets, parallel
    from cxrcore import index as index_module

    parallel.spread()  # over a Ray cluster, on one of its nodes
    loaded = datasets.load(dataset, layout)
    todo = index_module.missing(loaded)
    start = time.monotonic()
    with progress_bar(quiet=as_json) as report:
        measured = index_module.measure(loaded, report=report, workers=workers)
    seconds = time.monotonic() - start
    damaged = measured.damaged
    facts: dict[str, Any] = {
        "dataset": loaded.name,
        "images": len(measured.table),
        "measured_now": todo,
        "seconds": round(seconds, 2),
        "images_per_second": round(todo / seconds, 1) if todo else None,
        "damaged": [
            {"path": str(row.path), "error": str(row.error)} for row in damaged.itertuples()
        ],
    }
    if as_json:
        print_json(facts)
        return
    rate = f" ({facts['images_per_second']} images/s)" if todo else ""
    console.print(
        f"{len(measured.table):,} images, {todo:,} measured now in {seconds:.1f} s{rate}; {len(damaged)} damaged."
    )
    for row in facts["damaged"]:
        console.print(f"  {row['path']}: {row['error']}", markup=False)
