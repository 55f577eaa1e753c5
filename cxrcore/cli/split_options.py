"""How a dataset is divided, as options of every command that trains."""

from typing import Annotated, Literal

import typer

Group = Annotated[
    Literal["patient", "image"], typer.Option(help="What stays in one part of the split.")
]
Duplicates = Annotated[
    Literal["together", "ignored"],
    typer.Option(help="Whether files that show the same film stay in one part as well."),
]
PublishedSplit = Annotated[
    bool, typer.Option(help="Keep the test part that the dataset came with.")
]
Folds = Annotated[
    int, typer.Option(help="2 to 10 for cross-validation, in which every image is tested once.")
]
