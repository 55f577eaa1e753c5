"""Probes against scikit-learn called directly, and as runs that stand beside others."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from cxrcore import comparison, embeddings, film_maps, jobs, predictions, store, work
from cxrcore.embeddings import classifiers
from cxrcore.errors import PredictionsError, StoreError, TrainingError
from cxrcore.jobs import disk
from cxrcore.progress import silent
from cxrcore.splits import SplitSpec
from tests.cli.conftest import run as command  # noqa: F401
from tests.helpers import tested

WIDTH, MANY = 6, 40


def part(count, seed):
    """Vectors of which two numbers tell something, so that a penalty helps."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    values = random.normal(size=(count, MANY))
    values[:, :2] += labels[:, None]
    return values, labels


def test_a_linear_probe_is_the_best_of_scikit_learns_logistic_regressions():
    train, validation = part(240, 1), part(90, 2)
    found = classifiers.linear(train, validation, 0, silent)
    fits = [
        LogisticRegression(C=c, tol=1e-6, max_iter=2000).fit(*train) for c in classifiers.STRENGTHS
    ]
    losses = [log_loss(validation[1], fit.predict_proba(validation[0])) for fit in fits]
    best = fits[int(np.argmin(losses))]
    assert best.C not in (classifiers.STRENGTHS[0], classifiers.STRENGTHS[-1])
    assert (
        f"C = {best.C:g} has the lowest log loss on validation, {min(losses):.4f}" in found.chosen
    )
    wanted = best.predict_proba(validation[0])
    assert np.abs(found.predict(validation[0]) - wanted).max() < 1e-3
    assert found.parameters == 3 * (MANY + 1)


def test_a_small_mlp_has_the_weights_of_its_best_epoch_on_validation():
    train, validation = part(240, 1), part(90, 2)
    found = classifiers.mlp(train, validation, 7, silent)
    model, losses, shares = MLPClassifier((classifiers.HIDDEN,), random_state=7), [], []
    for _ in range(60):
        model.partial_fit(*train, classes=[0, 1, 2])
        shares.append(model.predict_proba(validation[0]))
        losses.append(log_loss(validation[1], shares[-1]))
    ended = next((n for n in range(9, 61) if n - 1 - int(np.argmin(losses[:n])) == 8), 60)
    epoch = int(np.argmin(losses[:ended]))
    assert f"of {ended} epochs the weights of epoch {epoch + 1}" in found.chosen
    assert np.allclose(found.predict(validation[0]), shares[epoch], atol=1e-6)
    assert found.parameters == (MANY + 1) * 128 + 129 * 3


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture
def kept(tiny):
    """Embeddings called rad-dino, of all films but the last."""
    codes = tiny.table["label"].map(list(tiny.classes).index).to_numpy()
    noise = np.random.default_rng(3).normal(size=(len(codes), WIDTH))
    values = (noise + codes[:, None])[:-1].astype(np.float32)
    table = predictions.Table("v.npz", "0" * 32, tiny.table[["path"]].iloc[:-1])
    vectors = embeddings.Vectors(table, {"path": "path"}, values)
    embeddings.add(vectors, tiny, "rad-dino", partial=True)
    return values


def test_a_probe_is_a_run_on_the_split_of_every_training(tiny, kept):
    run = embeddings.train(embeddings.plan(tiny, "rad-dino", "linear"))
    division, table = predictions.divide(tiny), run.predictions()
    last = tiny.table["image_id"].iloc[-1]
    for name in ("validation", "test"):
        ids = set(table.loc[table["split"] == name, "image_id"])
        assert ids == set(division.index[division == name]) - {last}
    assert [film["image_id"] for film in run.removed] == [last]
    # By scikit-learn alone, from the file of vectors.
    parts = division.reindex(tiny.table["image_id"]).to_numpy(object)[:-1]
    labels = tiny.table["label"].to_numpy(object)[:-1]
    scaler = StandardScaler().fit(kept[parts == "train"])
    strength = float(run.notes[0].rpartition("C = ")[2].split()[0])
    model = LogisticRegression(C=strength, tol=1e-6, max_iter=2000)
    model.fit(scaler.transform(kept[parts == "train"]), labels[parts == "train"])
    wanted = model.predict_proba(scaler.transform(kept[parts == "test"]))
    by_id = table.set_index("image_id").loc[
        tiny.table["image_id"].to_numpy(object)[:-1][parts == "test"]
    ]
    assert np.abs(by_id[["p_A", "p_B", "p_C"]].to_numpy() - wanted).max() < 1e-3
    assert run.leaks.count == 0
    assert store.title(run) == "Linear probe · rad-dino"
    assert not run.has_network
    assert run.parameters == 3 * (WIDTH + 1)
    # It stands beside other runs, and its films have a map.
    other = tested.of_division(tiny, division)
    pair = comparison.compare(comparison.subjects([run.run_id, other.run_id]))
    assert pair.common.films == len(by_id)
    assert set(film_maps.pca(run).index) == set(by_id.index)
    with pytest.raises(StoreError, match="has no network"):
        run.model_path()


def test_the_same_probe_is_found_again_and_another_is_another_run(tiny, kept):
    plan = embeddings.plan(tiny, "rad-dino", "linear")
    assert embeddings.find(plan) is None
    run = embeddings.train(plan)
    assert embeddings.find(embeddings.plan(tiny, "rad-dino", "linear")) == run
    assert embeddings.train(plan).created == run.created
    others = [
        embeddings.plan(tiny, "rad-dino", "mlp"),
        embeddings.plan(tiny, "rad-dino", "mlp", seed=1),
        embeddings.plan(tiny, "rad-dino", "linear", SplitSpec(seed=1)),
    ]
    assert len({plan.run_id, *(other.run_id for other in others)}) == 4
    embeddings.remove("tiny", "rad-dino")
    assert store.load_run(run.run_id) == run  # runs stay
    with pytest.raises(PredictionsError, match="no embeddings called 'rad-dino'"):
        embeddings.plan(tiny, "rad-dino", "linear")


def test_a_class_without_vectors_is_said(tiny):
    some = tiny.table[tiny.table["label"] != "C"]
    table = predictions.Table("v.npz", "0" * 32, some[["path"]])
    vectors = embeddings.Vectors(table, {"path": "path"}, np.ones((len(some), 2), np.float32))
    embeddings.add(vectors, tiny, "some", partial=True)
    with pytest.raises(TrainingError, match=r"No image of C is left in train.*has no vector"):
        embeddings.train(embeddings.plan(tiny, "some", "linear"))


def test_folds_from_the_command_line_become_a_family(command, tiny, kept, monkeypatch):  # noqa: F811
    def at_once(spec):
        folder = disk.folder_of(spec.job_id)
        disk.write(folder / disk.SPEC, spec)
        known = spec.model_dump(include={"job_id", "kind", "title", "dataset"})
        disk.write(folder / disk.STATUS, jobs.Job(**known, state="queued", created=store.now()))
        return jobs.run(folder)

    monkeypatch.setattr("cxrcore.priority.give_way", lambda: None)
    monkeypatch.setattr(jobs, "start", at_once)
    code, out, _ = command("probe", "rad-dino", "--data", "tiny", "--mlp", "--folds", "3", "--json")
    assert code == 0
    assert len(json.loads(out)["runs"]) == 3
    [family] = store.families("tiny").to_dict("records")
    assert (family["title"], family["members"]) == (
        "Small MLP · rad-dino · 3 folds",
        "3 of 3 folds",
    )
    plans = [embeddings.plan(tiny, "rad-dino", "mlp", each) for each in SplitSpec().in_folds(3)]
    assert work.find("probe", **work.probes.details(plans)).state == "done"
    assert "12 numbers" not in command("embeddings", "list", "--data", "tiny")[1]
    code, _, error = command("probe", "nothing", "--data", "tiny")
    assert code == 2
    assert "no embeddings called 'nothing'; it has rad-dino" in " ".join(error.split())
