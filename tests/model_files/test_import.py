"""Networks from elsewhere as runs: tested, compared, asked live, tested on another dataset."""

import numpy as np
import pytest

from cxrcore import comparison, explanations, external, model_files, store
from cxrcore.errors import ModelError, StoreError
from cxrcore.foreign import Engine
from cxrcore.inference import predict_here
from cxrcore.inference.models import Models
from cxrcore.store import bundle
from tests.helpers import elsewhere, tested
from tests.helpers import model_files as made

# Keras 3.15 saves its variables in a way that NumPy 2 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def imported(path, dataset, **options):
    return model_files.import_model(path, dataset, "Our net", made.CLASSES, **options)


def answers(run):
    """The kept probabilities by image_id, in the order of the run's classes."""
    table = run.predictions().set_index("image_id")
    return table[[f"p_{name}" for name in run.classes]]


def of_keras(dataset):
    """(n, 3) what Keras says of all films."""
    films, _ = made.films(dataset)
    batch = np.repeat(films[..., None] / np.float32(255), 3, axis=3)
    return np.asarray(made.network()(batch))


@pytest.mark.slow  # a process starts with TensorFlow
def test_a_tflite_file_is_a_run_that_predicts(tiny, tmp_path):
    found = imported(made.tflite(tmp_path / "net.tflite"), tiny, values="0..1")
    run = store.load_run(found.run.run_id)
    ids = tiny.table["image_id"].to_numpy(object)
    wanted = dict(zip(ids, of_keras(tiny), strict=True))
    kept = answers(run)
    assert np.abs(kept - np.stack([wanted[name] for name in kept.index])).to_numpy().max() < 1e-5
    assert run.classes == list(made.CLASSES)
    assert run.metrics["test"].accuracy == 1
    assert (run.model_file, run.has_network, run.has_layers) == ("model.tflite", True, False)
    assert run.interface.range == "0..1"
    assert "input 48 x 48 pixels, gray three times, NHWC, values 0..1" in run.notes[0]
    assert "right" in run.notes[1]
    assert run.embeddings().shape == (len(kept), 0)
    assert run.imported.startswith("net.tflite (")
    assert store.title(run) == "Our net"


@pytest.mark.slow  # a process starts with TensorFlow
def test_a_keras_file_is_a_run_with_layers(tiny, tmp_path):
    made.network(softmax=False).save(tmp_path / "net.keras")
    found = imported(tmp_path / "net.keras", tiny, values="0..1")
    run = found.run
    ids = tiny.table["image_id"].to_numpy(object)
    wanted = dict(zip(ids, of_keras(tiny), strict=True))
    kept = answers(run)
    assert np.abs(kept - np.stack([wanted[name] for name in kept.index])).to_numpy().max() < 1e-5
    assert run.interface.outputs == "logits"
    assert run.has_layers
    assert run.embeddings().shape == (len(kept), 96)
    assert run.parameters == made.network().count_params()
    row = tiny.table.iloc[0]
    [live] = predict_here(tiny.path_of(row), [run.run_id], methods=["grad-cam"])
    assert not live.missing
    assert np.abs(live.probabilities - wanted[row["image_id"]]).max() < 1e-5
    assert live.maps["grad-cam"].shape == (48, 48)
    assert (bundle.publish(run.run_id, tmp_path / "out") / "model.keras").exists()


@pytest.fixture
def onnx():
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name, reason="requirements-import.txt is not installed")
    return made.onnx


def test_ten_films_show_the_range_or_it_is_asked(onnx, tiny, tmp_path):
    clear = onnx(tmp_path / "clear.onnx", nodes=made.only_for_0_to_1())
    found = imported(clear, tiny)
    assert found.run.interface.range == "0..1"
    assert {trial.range: trial.right for trial in found.trials}["0..1"] == found.trials[0].films
    assert found.run.metrics["test"].accuracy == 1
    unclear = onnx(tmp_path / "unclear.onnx", softmax=False)
    with pytest.raises(ModelError, match=r"--range 0\.\.255: \d+ of \d+ right; --range 0\.\.1"):
        imported(unclear, tiny)
    run = imported(unclear, tiny, values="-1..1").run
    assert run.interface.outputs == "logits"
    assert run.run_id in set(store.list_runs()["run_id"])
    model = Models(1).get(run)
    with pytest.raises(Exception, match="needs the layers"):
        explanations.explain(model, np.zeros((48, 48), np.uint8), "grad-cam")


def test_an_imported_model_is_asked_live_compared_and_tested_elsewhere(onnx, tiny, tmp_path):
    path = onnx(tmp_path / "net.onnx")
    run = imported(path, tiny, values="0..1").run
    # The same file again is the same run.
    assert imported(path, tiny, values="0..1").run == run
    # Live: its answer, and the maps that need no layer.
    row = tiny.table.iloc[0]
    methods = ["grad-cam", "occlusion"]
    [live] = predict_here(tiny.path_of(row), [run.run_id], methods=methods)
    assert live.error is None
    assert np.abs(live.probabilities - of_keras(tiny)[0]).max() < 1e-5
    assert set(live.maps) == {"occlusion"}
    assert live.missing == ("grad-cam",)
    assert "only the answers are known" in live.notes[0]
    assert live.maps["occlusion"].max() > 0
    # Elsewhere, and beside others.
    other = elsewhere.other(tiny, tmp_path / "other")
    there = external.evaluate(run, other)
    assert not there.has_network
    assert there.metrics["test"].n + len(there.removed) == len(other.table)
    assert there.embeddings().shape[1] == 0
    division = run.predictions().set_index("image_id")["split"]
    beside = tested.of_division(tiny, division.reindex(tiny.table["image_id"]))
    pair = comparison.compare(comparison.subjects([run.run_id, beside.run_id]))
    assert pair.common.films == run.metrics["test"].n
    with pytest.raises(StoreError, match=r"came as model\.onnx and cannot be converted"):
        bundle.publish(run.run_id, tmp_path / "out")
    store.delete(run.run_id)
    assert not store.exists(run.run_id)


def test_another_order_of_the_classes_is_noticed(onnx, tiny, tmp_path):
    path = onnx(tmp_path / "net.onnx")
    found = model_files.import_model(path, tiny, "Wrong", ["A", "B", "C"], values="0..1")
    assert found.run.metrics["test"].accuracy < 0.5
    assert "--classes 'C,A,B'" in found.notes[-1]


@pytest.mark.parametrize(
    ("name", "classes", "line"),
    [
        ("net.pt", made.CLASSES, r"none of the kinds \.onnx"),
        ("none.onnx", made.CLASSES, "There is no file"),
        ("net.onnx", [], "--classes 'A,B,C'"),
        ("net.onnx", ["A", "B", "X"], "Received: A, B, X"),
    ],
)
def test_what_is_missing_is_said(tiny, tmp_path, name, classes, line):
    for known in ("net.pt", "net.onnx"):
        (tmp_path / known).write_bytes(b"x")
    with pytest.raises(ModelError, match=line):
        model_files.import_model(tmp_path / name, tiny, "Net", classes)


def test_sizes_and_outputs_that_do_not_fit_are_said(tiny, tmp_path, monkeypatch):
    from cxrcore.foreign import Signature

    (tmp_path / "net.onnx").write_bytes(b"x")
    for shape, classes, line in (
        ((1, 3, 16, 16), 3, "16 pixels a side"),
        ((1, 3, 48, 48), 14, "tells 14 classes apart, tiny has 3"),
    ):
        told = Signature(shape, False, classes, 0)
        monkeypatch.setattr(Engine, "signature", lambda self, told=told: told)
        with pytest.raises(ModelError, match=line):
            imported(tmp_path / "net.onnx", tiny)
    monkeypatch.setattr(Engine, "signature", lambda self: Signature((1, 3, 48, 48), False, 3, 0))
    for outputs, line in (
        (np.full((1, 3), 0.9, np.float32), "do not add up to 1"),
        (np.full((1, 3), np.nan, np.float32), "gives no numbers"),
    ):
        monkeypatch.setattr(
            Engine, "outputs", lambda self, films, _, o=outputs: np.repeat(o, len(films), axis=0)
        )
        with pytest.raises(ModelError, match=line):
            imported(tmp_path / "net.onnx", tiny, values="0..1")
    assert store.list_runs().empty
