"""External tests and imported predictions from the command line."""

import json

import numpy as np
import pandas as pd

from cxrcore import store
from tests.helpers import elsewhere


def test_a_template_is_written_filled_in_and_imported(run, tiny, tmp_path):
    file = tmp_path / "mine.csv"
    code, out, _ = run("predictions-template", "tiny", str(file))
    assert code == 0
    rows = pd.read_csv(file)
    assert f"{len(rows)} films" in out
    shares = np.random.default_rng(1).dirichlet(np.ones(3), len(rows))
    for number, name in enumerate(tiny.classes):
        rows[name] = 100 * shares[:, number]
    rows.rename(columns={"A": "alpha"}).to_csv(file, index=False)
    words = ("import-predictions", str(file), "--data", "tiny", "--title", "Our Swin-T")
    code, _, error = run(*words)
    assert code == 2
    assert "No column for the class A" in error
    code, out, _ = run(*words, "--map", "alpha=A", "--json")
    assert code == 0
    [told] = json.loads(out)["runs"]
    kept = store.load_run(told["run_id"])
    assert told["accuracy"] == kept.metrics["test"].accuracy
    assert kept.notes == ["The values are percent, as recognised."]
    for command in (("export", told["run_id"], str(tmp_path)), ("predict", told["run_id"], str(tmp_path)), ("explain", told["run_id"], "--all")):  # fmt: skip
        code, _, error = run(*command)
        assert code == 2
        assert "has no network, only predictions" in " ".join(error.split())


def test_what_runs_lose_elsewhere_is_listed(run, tiny):
    assert "No external test yet" in run("external-tests")[1]
    home = elsewhere.home_run(tiny)
    code, _, error = run("evaluate", home.run_id, "--data", "tiny")
    assert code == 2
    assert "was trained on these films" in " ".join(error.split())
    code, _, error = run("evaluate", home.run_id, "--data", "tiny", "--map", "A")
    assert code == 2
    assert "LABEL=CLASS" in error
