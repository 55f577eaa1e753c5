"""Writing a report of runs."""

from collections.abc import Sequence
from pathlib import Path

from cxrcore import files, store
from cxrcore.progress import progress_bar
from cxrcore.reports.content import gather
from cxrcore.reports.document import render


def report(
    runs: Sequence[str | store.Run],
    path: str | Path,
    metric: str = "accuracy",
    class_name: str = "",
    recall: float = 0.95,
) -> Path:
    """Write a report of runs: one HTML file that needs no network and prints on A4.

    Args:
        runs: on one dataset, or their ids.
        path: of the file.
        metric: that the verdict speaks of.
        class_name: of the curves and operating points, and of the metric if it is one of a class.
        recall: wanted at the operating points.

    Raises:
        ComparisonError, DatasetError, StoreError: as `cxrcore.gather`.
    """
    names = [run if isinstance(run, str) else run.run_id for run in runs]
    with progress_bar() as told:
        content = gather(names, metric, class_name, recall, report=told)
    files.write_atomic(Path(path), render(content).encode())
    return Path(path)
