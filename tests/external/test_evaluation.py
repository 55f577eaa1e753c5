"""A run tested on another dataset: which films, whose answers, what is kept."""

import cv2
import numpy as np
import pytest

from cxrcore import datasets, external, jobs, metrics, store, thresholds, work
from cxrcore.errors import ComparisonError, StoreError
from cxrcore.jobs import disk
from tests.helpers import elsewhere


@pytest.fixture
def home(tiny):
    return elsewhere.home_run(tiny, network=elsewhere.network(3))


@pytest.fixture
def other(tiny, tmp_path):
    return elsewhere.other(tiny, tmp_path / "other")


def test_a_run_is_tested_without_the_films_that_it_knows(home, other):
    store.annotate(home.run_id, temperature=1.5, thresholds={"A": 0.2})
    found = external.evaluate(home, other)
    assert found.home.mapping == {"a": "A", "B": "B", "X": ""}
    reasons = {film["path"]: film["reason"] for film in found.removed}
    assert reasons == {
        "a/trained.png": "It learned from this very file.",
        "a/copy.jpg": "It learned from another file that shows this film.",
        "B/validated.jpg": "It learned from another file that shows this film.",
        "X/new0.png": "Its label, 'X', is none of the model's classes.",
        "X/new1.png": "Its label, 'X', is none of the model's classes.",
    }
    assert "3 films are left out because the run learned from them (1)" in found.notes[1]
    table = found.predictions()
    # Keras alone, on the files as OpenCV reads them.
    tested = table[table["split"] == "test"]
    assert len(tested) == 9  # 4 new ones of each class, and the test film of home
    films = [cv2.imread(str(other.root / path), cv2.IMREAD_GRAYSCALE) for path in tested["path"]]
    import keras

    model = keras.models.load_model(home.model_path(), compile=False)
    wanted = model.predict(np.repeat(np.stack(films)[..., None], 3, axis=3), verbose=0)
    shares = tested[["p_A", "p_B", "p_C"]].to_numpy()
    assert np.abs(shares - wanted).max() < 1e-6
    truth = [0 if path.startswith("a/") else 1 for path in tested["path"]]
    recomputed = metrics.evaluate(truth, wanted, ["A", "B", "C"])
    assert found.metrics["test"].accuracy == recomputed.accuracy
    assert found.metrics["test"].loss == pytest.approx(recomputed.loss, abs=1e-6)
    # What is chosen on validation films is chosen at home.
    own = home.predictions()
    validated = own[own["split"] == "validation"].reset_index(drop=True)
    assert table[table["split"] == "validation"].equals(validated)
    assert found.metrics["validation"] == home.metrics["validation"]
    assert thresholds.temperature(found) == thresholds.temperature(home)
    choice = thresholds.operating_point(found, "A", 0.8).choice
    assert choice == thresholds.operating_point(home, "A", 0.8).choice
    assert store.annotation(found.run_id).temperature == 1.5
    assert len(found.embeddings()) == len(table)
    # It is kept, and has no network of its own.
    assert external.evaluate(home, other).created == found.created
    assert external.find(home, other).run_id == found.run_id
    assert external.find(home, other, {"X": "C"}) is None
    assert not found.has_network
    with pytest.raises(StoreError, match=f"Choose the run that it tests, {home.run_id}"):
        found.model_path()
    with pytest.raises(StoreError, match="has no network"):
        external.evaluate(found, datasets.load("tiny"))
    assert store.title(found) == "Plain CNN · trained on tiny"
    assert store.family_of(found) == found.run_id


def test_a_dataset_without_some_classes_gives_the_figures_of_the_others(home, other):
    found = external.evaluate(home, other, {"B": ""})
    test = found.metrics["test"]
    assert [row.support for row in test.classes] == [4, 0, 0]
    assert "There is no film of B, C" in found.notes[-1]
    shares = found.predictions()[["p_A", "p_B", "p_C"]].to_numpy()
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-6)  # over all classes, not only A


def test_what_cannot_be_tested_says_why(home, other, tiny):
    with pytest.raises(ComparisonError, match="trained on these films"):
        external.evaluate(home, tiny)
    with pytest.raises(ComparisonError, match="No film has the label Y"):
        external.evaluate(home, other, {"Y": "A"})
    with pytest.raises(ComparisonError, match="has no class D"):
        external.evaluate(home, other, {"X": "D"})
    with pytest.raises(ComparisonError, match="None of the labels"):
        external.evaluate(home, other, {"a": "", "B": ""})
    datasets.forget("tiny")
    with pytest.raises(ComparisonError, match="is not registered here"):
        external.evaluate(home, other)


def test_the_job_keeps_the_test(home, other, monkeypatch):
    monkeypatch.setattr("cxrcore.priority.give_way", lambda: None)
    submitted = []
    monkeypatch.setattr(jobs, "start", lambda spec: submitted.append(spec))
    work.submit_external(home.run_id, "other", {"X": "C"})
    [spec] = submitted
    assert spec.job_id == work.external.job_id("cnn-plain-00000001", "other", {"X": "C"})
    folder = disk.folder_of(spec.job_id)
    known = spec.model_dump(include={"job_id", "kind", "title", "dataset"})
    disk.write(folder / disk.SPEC, spec)
    disk.write(folder / disk.STATUS, jobs.Job(**known, state="queued", created=store.now()))
    done = jobs.run(folder)
    assert done.message.endswith("on 11 films; 3 left out.")
    assert external.find(home, other, {"X": "C"}).metrics["test"].n == 11
