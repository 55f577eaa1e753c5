"""What CLAIM asks a study to report, filled from the records, with gaps in plain sight.

Source: Tejani et al. 2024, Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024
Update, Radiology: Artificial Intelligence 6(4), e240300, doi 10.1148/ryai.240300. The items that a
program can answer; those about the study's question, ethics and funding are its authors'.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cxrcore import store
from cxrcore.datasets import Dataset, collections
from cxrcore.store import Run

GAP = "Not known to this program."


@dataclass(frozen=True)
class Item:
    """One item: what is asked, and the answer; `known` is False for a gap."""

    asked: str
    answer: str
    known: bool = True


def checklist(runs: Sequence[Run], dataset: Dataset) -> list[Item]:
    """The items, in the order of CLAIM."""
    first = runs[0]
    table = dataset.table
    collection = collections.COLLECTIONS.get(dataset.name)
    views = table["view"].dropna().value_counts()
    return [
        _item("Data sources", f"{collection.title}. {collection.citation}" if collection else ""),
        _item("Inclusion and exclusion", _removed(runs)),
        _item("Image acquisition: views", ", ".join(f"{n:,} {view}" for view, n in views.items())),
        _item("Image acquisition: devices and parameters", ""),
        _item("De-identification", ""),
        Item("Preprocessing", "; ".join(dict.fromkeys(run.recipe.description for run in runs))),
        _item("Reference standard: how films were labelled", ""),
        Item("Ground truth: classes", ", ".join(dataset.classes)),
        Item("Data partitions", "; ".join(dict.fromkeys(run.split_note for run in runs))),
        Item("Level at which partitions are disjoint", first.group_key),
        _item("Sample size and how it was determined", ""),
        Item("Model description", "; ".join(dict.fromkeys(run.recipe.network for run in runs))),
        Item("Software", ", ".join(f"{name} {v}" for name, v in first.versions.items())),
        Item(
            "Initialisation of weights", "; ".join(dict.fromkeys(run.weights_used for run in runs))
        ),
        Item(
            "Training: when it ended", "; ".join(f"{r.run_id}: {r.stopped_because}" for r in runs)
        ),
        Item(
            "Selection of the final model", "The epoch with the best validation loss or accuracy."
        ),
        Item(
            "Metrics and their uncertainty",
            "95 % intervals; paired tests with Holm's correction over the pairs compared.",
        ),
        Item("Robustness and failure analysis", "Errors below; operating points with intervals."),
        _item("Explainability", _explained(runs)),
        _item("Testing on external data", ""),
        _item("Demographics of patients", _demographics(dataset)),
    ]


def _item(asked: str, answer: str) -> Item:
    return Item(asked, answer or GAP, bool(answer))


def _explained(runs: Sequence[Run]) -> str:
    kept = any(store.examples(run) is not None for run in runs)
    return "Grad-CAM of example films in this report." if kept else ""


def _removed(runs: Sequence[Run]) -> str:
    counts = {len(run.removed) for run in runs}
    return f"{max(counts):,} films were left out of training and testing." if max(counts) else ""


def _demographics(dataset: Dataset) -> str:
    table = dataset.table
    known = [name for name in ("age", "sex") if name in table and table[name].notna().any()]
    return f"Known: {', '.join(known)}." if known else ""
