"""Adding a metric is one record: every table, command and card then has it."""

import json

import pandas as pd
import pytest

from cxrcore import datasets, models, store
from cxrcore.cli import runs
from cxrcore.metrics import METRICS, Metric
from cxrcore.store.card import model_card
from cxrcore.training import plan
from tests.helpers.app import open_compare
from tests.helpers.tested import of_spec

OVERALL = Metric(
    name="mean_confidence",
    title="Mean confidence",
    symbol="Confidence",
    basis="predictions",
    compute=lambda truth, shares: shares.max(axis=1).mean(),
    meaning="How probable the model thinks its own answers.",
    shown=True,
)
OF_CLASS = Metric(
    name="share",
    title="Share of the class",
    symbol="Share",
    basis="confusion",
    scope="class",
    compute=lambda counts: counts.sum(axis=1) / counts.sum(),
    meaning="Share of the test images that are of this class.",
)


def test_a_new_record_is_in_tables_commands_card_and_compare_page(
    tiny_dataset_folder, monkeypatch, capsys
):
    dataset = datasets.register("tiny", tiny_dataset_folder)
    spec = plan(models.get("cnn-plain").override(image_size=32, epochs=1), dataset)
    run = of_spec(spec, dataset, wrong=1)  # saved before the metric was known
    monkeypatch.setitem(METRICS, OVERALL.name, OVERALL)
    monkeypatch.setitem(METRICS, OF_CLASS.name, OF_CLASS)
    support = [row.support / run.metrics["test"].n for row in run.metrics["test"].classes]

    [row] = store.list_runs().to_dict("records")
    assert row["mean_confidence"] == pytest.approx(0.8)
    assert [row[f"share[{name}]"] for name in run.classes] == pytest.approx(support)
    [family] = store.families().to_dict("records")
    assert family["mean_confidence"] == pytest.approx(0.8)

    for command, place in ((runs.show, "metrics"), (runs.evaluate, None)):
        command(run.run_id, as_json=True)
        values = json.loads(capsys.readouterr().out)
        test = (values[place] if place else values)["test"]
        assert test["mean_confidence"] == pytest.approx(0.8)
        assert [c["share"] for c in test["classes"]] == pytest.approx(support)
    runs.evaluate(run.run_id)
    assert "Mean confidence" in capsys.readouterr().out

    card = model_card(store.load_run(run.run_id))
    assert f"| Mean confidence | 0.800 | {OVERALL.meaning} |" in card
    assert "| Share |" in card

    at = open_compare()
    table = at.dataframe[0].value
    assert table["Confidence"].tolist() == pytest.approx([0.8])
    assert {f"Share {name}" for name in run.classes} <= set(table.columns)
    columns = json.loads(at.dataframe[0].proto.columns)
    assert not columns["Confidence"]["hidden"]
    assert columns["Share A"]["hidden"]
    [report] = [d.value for d in at.dataframe if "Class" in d.value]
    assert "Share" in report.columns
    [overall] = [d.value for d in at.dataframe if "Meaning" in d.value]
    assert "Mean confidence" in overall["Metric"].tolist()
    assert not any(
        isinstance(cell, str) and cell[:1] in "[{"
        for cell in pd.array(table.drop(columns="Menu").iloc[0])
    )
