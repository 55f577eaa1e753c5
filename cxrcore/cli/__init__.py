"""The command line: `python -m cxrcore …`; every command is a thin layer over the package.

Bad input ends with exit code 2 and one clear line; `--json` prints one JSON object and nothing else.
"""

import sys

import typer

from cxrcore.cli import (
    annotate,
    comparisons,
    controls,
    data,
    duplicates,
    embeddings,
    explain,
    external_tests,
    fetch,
    jobs,
    masks,
    mistakes,
    model_import,
    models,
    predict,
    predictions,
    reports,
    runs,
    sweeps,
    thresholds,
    tracking,
    trash,
    weights,
)
from cxrcore.cli.output import Terminal
from cxrcore.errors import CxrError

app = typer.Typer(
    help="Prepare chest X-ray datasets, train and compare classifiers, see where they looked.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for module in (fetch, duplicates):
    module.add_commands(data.data_app)
for module in (data, masks, models, runs, predict, explain):
    module.add_commands(app)
for module in (
    comparisons,
    external_tests,
    sweeps,
    predictions,
    model_import,
    embeddings,
    controls,
    thresholds,
    mistakes,
    reports,
    annotate,
    trash,
    jobs,
    weights,
    tracking,
):
    module.add_commands(app)


def main() -> None:
    """Run the command line; errors of the package become one line and exit code 2."""
    try:
        app()
    except CxrError as error:
        Terminal(stderr=True, soft_wrap=True).print(f"Error: {error}")
        sys.exit(2)
