"""A report made in a process of its own, so that the one that asks for it goes on meanwhile."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cxrcore import settings
from cxrcore.errors import ComparisonError


def render_apart(run_ids: Sequence[str], metric: str = "accuracy", class_name: str = "") -> str:
    """The HTML text of a report, by the command line; arguments as those of `gather`.

    Raises:
        ComparisonError: there is no report; the message is the command's.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.html"
        words = ["report", *run_ids, f"--out={out}", f"--metric={metric}", f"--class={class_name}"]
        done = subprocess.run(
            [sys.executable, "-m", "cxrcore", *words, "--json"],
            cwd=settings.ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            told = done.stderr.strip().removeprefix("Error: ")
            raise ComparisonError(
                told or "The report's process ended. Free some memory, try again."
            )
        return out.read_text(encoding="utf-8")
