"""Commands about datasets: demo, data add|merge|list|forget, index."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxrcore.cli.output import (
    AsJson,
    answer,
    console,
    follow,
    print_job,
    print_json,
    print_table,
    progress_bar,
    say,
)

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset

data_app = typer.Typer(help="Register datasets and list them.", no_args_is_help=True)

Layout = Annotated[str | None, typer.Option(help="How the files lie; recognised by default.")]


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands into the command line."""
    app.command()(demo)
    app.add_typer(data_app, name="data")
    app.command()(index)


def demo(
    patients: Annotated[
        int | None, typer.Option(min=4, help="Simulated patients per class; 60 by default.")
    ] = None,
    shortcut: Annotated[
        bool, typer.Option(help="Plant a corner marker that follows the class, for audits.")
    ] = False,
    background: Annotated[
        bool,
        typer.Option("--background", help="Start it and return; the dashboard shows its progress."),
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
            print_job(job)
        return
    job = follow(job.job_id, visible=not as_json)
    ended = [job]
    if job.state == "done":
        ended += [
            follow(j.job_id, visible=not as_json)
            for j in jobs.list_jobs()
            if j.kind == "train" and j.dataset == job.dataset and j.ticket > job.ticket
        ]
    if as_json:
        print_json({"jobs": [j.model_dump(mode="json") for j in ended]})
    if unfinished := [j for j in ended if j.state != "done"]:
        for job in [] if as_json else unfinished:
            print_job(job)
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
            help="An option of the layout, such as classes=A,B or modality=xray; may be repeated.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be registered, and register nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Register the dataset in PATH, a folder or a table that names its images, under NAME.

    What cannot be told for certain is asked about: the columns of tables are shown, and the
    options that decide.
    """
    from cxrcore import datasets
    from cxrcore.errors import DatasetError

    options = datasets.parse_options(option or ())
    add = datasets.proposed if dry_run else datasets.register
    if dry_run and not as_json:
        _show_tables(path)
    try:
        dataset = add(name, path, layout, options)
    except DatasetError:
        if not dry_run and not as_json:
            _show_tables(path)
        raise
    if dry_run:
        said = {"tables": [asdict(table) for table in datasets.tables(path)]} if as_json else {}
        show_dataset(dataset, as_json, ", not registered (--dry-run)", dry_run=True, **said)
    else:
        show_dataset(dataset, as_json)


def _show_tables(path: Path) -> None:
    """Print the columns of the tables in a folder, with examples."""
    from cxrcore import datasets

    for table in datasets.tables(path):
        if not table.columns:
            say(table.problem)
            continue
        rows = [
            (column.name, column.role, column.distinct, " | ".join(column.samples))
            for column in table.columns
        ]
        title = f"{table.file}: {table.lines:,} lines"
        print_table(("column", "used as", "different", "examples"), rows, title)


def show_dataset(dataset: "Dataset", as_json: bool, place: str = "", **more: Any) -> None:
    """Print a registered dataset: its classes, what is known of its films, and notes.

    `more` is added to the JSON object; a dry run is followed by no next step.
    """
    from cxrcore import datasets

    name, images, table = dataset.name, len(dataset.table), dataset.table
    counts = {str(label): int(n) for label, n in dataset.counts().items()}
    notes = [*dataset.notes, *filter(None, [datasets.note_on_few_patients(dataset)])]
    known: dict[str, Any] = {
        "patients": int(table["patient_id"].nunique()),
        **{
            f"{column}s": {str(word): int(n) for word, n in table[column].value_counts().items()}
            for column in ("view", "split")
        },
        "masks": int(table["mask"].notna().sum()),
    }
    if as_json:
        record = {"name": name, "layout": dataset.layout, "images": images, "classes": counts}
        print_json({**record, **known, "notes": notes, **more})
        return
    print_table(("class", "images"), counts.items(), f"{name}: {images:,} images{place}")
    views, splits = (
        ", ".join(f"{word} {n:,}" for word, n in known[which].items()) or "not told"
        for which in ("views", "splits")
    )
    say(
        f"Layout: {dataset.layout}. Patients: {known['patients'] or 'not told'}. Views: {views}. "
        f"Published split: {splits}. Lung masks: {known['masks']:,}."
    )
    for note in notes:
        console.print(note, markup=False)
    if not more.get("dry_run"):
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
            help="The class for a label of a member; MEMBER:LABEL= leaves its images out.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Combine MEMBERS into one dataset NAME; no image is copied."""
    from cxrcore import datasets

    labels = datasets.parse_map(label_map or ())
    show_dataset(datasets.merge(name, members, labels), as_json)


@data_app.command("list")
def data_list(as_json: AsJson = False) -> None:
    """List the registered datasets."""
    from cxrcore import datasets

    entries = datasets.registered()
    if as_json:
        listed = [{"name": e.name, "path": str(e.path), "layout": e.layout} for e in entries]
        print_json({"datasets": listed})
    elif entries:
        print_table(("name", "layout", "folder"), ((e.name, e.layout, e.path) for e in entries))
    else:
        console.print("No dataset yet. Try: python -m cxrcore demo, or data add NAME FOLDER")


@data_app.command("forget")
def data_forget(name: str, as_json: AsJson = False) -> None:
    """Remove NAME from the list; its files stay."""
    from cxrcore import datasets

    datasets.forget(name)
    answer({"forgotten": name}, f"{name} is off the list; its files stay where they are.", as_json)


@data_app.command("move")
def data_move(name: str, path: Path, as_json: AsJson = False) -> None:
    """Let NAME stand for PATH, where its images are now; nothing is measured again."""
    from cxrcore import datasets
    from cxrcore import index as indexes

    dataset = datasets.move(name, path)
    show_dataset(dataset, as_json, f" in {dataset.root}", to_measure=indexes.missing(dataset))


def index(
    dataset: Annotated[str, typer.Argument(help="A registered name or a folder.")],
    layout: Layout = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; all cores by default.")
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
    with progress_bar(visible=not as_json) as report:
        measured = index_module.measure(loaded, report=report, workers=workers)
    seconds = time.monotonic() - start
    damaged = measured.damaged
    result: dict[str, Any] = {
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
        print_json(result)
        return
    rate = f" ({result['images_per_second']} images/s)" if todo else ""
    console.print(
        f"{len(measured.table):,} images, {todo:,} measured now in {seconds:.1f} s{rate}; {len(damaged)} damaged."
    )
    for row in result["damaged"]:
        console.print(f"  {row['path']}: {row['error']}")
