"""Embeddings from anywhere: a vector a film, as a foundation model gives them, and probes on them.

    vectors = embeddings.read("rad-dino.parquet")          # .npz, Parquet, CSV or JSON lines
    embeddings.add(vectors, dataset, "rad-dino")           # kept beside the dataset, whole or not at all
    run = embeddings.train(embeddings.plan(dataset, "rad-dino", "linear"))

A probe is a run without a network, divided like every other run of the dataset (docs/decisions/0059).
"""

from cxrcore.embeddings.kept import Record, add, check_name, listed, load, remove
from cxrcore.embeddings.probes import Plan, find, plan, train
from cxrcore.embeddings.reading import SUFFIXES, Vectors, read
from cxrcore.embeddings.titles import PROBES, Probe

__all__ = [
    "PROBES",
    "SUFFIXES",
    "Plan",
    "Probe",
    "Record",
    "Vectors",
    "add",
    "check_name",
    "find",
    "listed",
    "load",
    "plan",
    "read",
    "remove",
    "train",
]
