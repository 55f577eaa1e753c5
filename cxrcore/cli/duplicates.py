"""The command `data duplicates`: films that are in a dataset twice, or in two datasets."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxrcore.cli.output import AsJson, console, print_json, print_table, progress_bar

if TYPE_CHECKING:
    import pandas as pd

    from cxrcore.datasets import Dataset
    from cxrcore.index import Index
    from cxrcore.progress import Report

_SHOWN = 20  # pairs printed for people; all of them with --json


def add_commands(app: typer.Typer) -> None:
    """Add this module's command beside `data add`."""
    app.command("duplicates")(data_duplicates)


def data_duplicates(
    name: Annotated[str, typer.Argument(help="A registered name or a folder.")],
    other: Annotated[
        str | None, typer.Option("--with", help="Another dataset: find the films that both have.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find films that occur twice, and how many would leak between training and test."""
    with progress_bar(visible=not as_json) as report:
        dataset, measured = _measured(name, report)
        if other is None:
            record, pairs = _within(dataset, measured, report)
        else:
            record, pairs = _shared(dataset, measured, other, report)
    if as_json:
        rows = pairs.astype(object).where(pairs.notna(), None)
        print_json({**record, "pairs": rows.to_dict("records")})
        return
    for sentence in record["said"]:
        console.print(sentence)
    if len(pairs):
        columns = ("kind", "correlation", "first_path", "second_path")
        rows = pairs[list(columns)].head(_SHOWN).itertuples(index=False)
        print_table(("kind", "correlation", "first", "second"), rows)
    if len(pairs) > _SHOWN:
        console.print(f"The first {_SHOWN} of {len(pairs):,} pairs; --json prints all.")


def _measured(name: str, report: "Report") -> "tuple[Dataset, Index]":
    from cxrcore import datasets, index

    dataset = datasets.load(name)
    return dataset, index.measure(dataset, report=report)


def _within(
    dataset: "Dataset", measured: "Index", report: "Report"
) -> "tuple[dict[str, Any], pd.DataFrame]":
    from cxrcore import duplicates
    from cxrcore.errors import DatasetError
    from cxrcore.splits import SplitSpec, assign, leaks

    found = duplicates.find(dataset, measured, report=report)
    record: dict[str, Any] = {
        "dataset": dataset.name,
        "images": len(dataset.table),
        "exact_copies_left_out": len(dataset.doubles),
        "groups": int(found.groups.nunique()),
        "images_in_groups": len(found.groups),
    }
    sentences = [
        f"{record['images']:,} images. Exact copies left out: {record['exact_copies_left_out']:,}. "
        f"Groups of duplicates: {record['groups']:,}, with {record['images_in_groups']:,} images."
    ]
    try:
        ordinary = leaks.would_leak(dataset.table, SplitSpec(), found.groups)
        split = assign(dataset.table, SplitSpec(), found.groups)
        ours = leaks.find(dataset.table, split.assignment, found.groups)
        record |= {"leaking_by_image": ordinary.count, "leaking": ours.count}
        sentences += [f"Divided by image: {ordinary.sentence}"]
        sentences += [f"As trainings divide: {ours.sentence} {ours.unproven}".rstrip()]
    except DatasetError as error:
        sentences.append(f"Leaks cannot be counted: {error}")
    return {**record, "said": sentences}, _with_paths(found.pairs, dataset, dataset)


def _shared(
    dataset: "Dataset", measured: "Index", other: str, report: "Report"
) -> "tuple[dict[str, Any], pd.DataFrame]":
    from cxrcore.splits import overlap

    second, second_index = _measured(other, report)
    pairs = overlap.find(dataset, measured, second, second_index, report=report)
    count = int(pairs["first"].nunique())
    sentence = f"{count:,} of {len(dataset.table):,} images of {dataset.name} are in {second.name}."
    record = {"dataset": dataset.name, "other": second.name, "shared_images": count}
    return {**record, "said": [sentence]}, _with_paths(pairs, dataset, second)


def _with_paths(pairs: "pd.DataFrame", first: "Dataset", second: "Dataset") -> "pd.DataFrame":
    """Pairs with the paths of both images beside their ids."""
    result = pairs.copy()
    for end, dataset in (("first", first), ("second", second)):
        paths = dataset.table.set_index("image_id")["path"]
        result[f"{end}_path"] = result[end].map(paths)
    return result
