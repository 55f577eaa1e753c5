"""The command line: `python -m cxrcore …`; every command is a thin layer over the package.

Bad input ends with exit code 2 and one clear line; `--json` prints one JSON object and nothing else.
"""

import sys

import typer
from rich.console import Console

from cxrcore.cli import (
    data,
    duplicates,
    fetch,
    jobs,
    models,
    runs,
    tracking,
    trash,
    weights,
)
from cxrcore.errors import CxrError

app = typer.Typer(
    help="Prepare chest X-ray datasets, train and compare classifiers, see where they looked.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for module in (fetch, duplicates):
    module.add_commands(data.data_app)
for module in (data, models, runs, trash, jobs, weights, tracking):
    module.add_commands(app)


def main() -> None:
    """Run the command line; errors of the package become one line and exit code 2."""
    try:
        app()
    except CxrError as error:
        Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(f"Error: {error}")
        sys.exit(2)
