"""Models from elsewhere from the command line."""

import json

import pytest

from cxrcore import store
from tests.helpers import model_files


def test_what_has_to_be_said_is_one_line(run, tiny, tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"x")
    code, _, error = run("import-model", tmp_path / "net.onnx", "--data", "tiny", "--title", "Net")
    assert code == 2
    assert "--classes 'A,B,C'" in " ".join(error.split())


def test_a_model_is_imported_and_told(run, tiny, tmp_path):
    pytest.importorskip("onnx", reason="requirements-import.txt is not installed")
    pytest.importorskip("onnxruntime", reason="requirements-import.txt is not installed")
    path = model_files.onnx(tmp_path / "net.onnx")
    words = ("import-model", path, "--data", "tiny", "--title", "Net", "--classes", "C, A,B")
    code, out, error = run(*words, "--range", "-1..1", "--json")
    assert code == 0, error
    told = json.loads(out)
    assert store.load_run(told["run_id"]).interface.range == "-1..1"
    assert told["tried"] == [{"range": "-1..1", "right": told["tried"][0]["films"], "films": told["tried"][0]["films"]}]  # fmt: skip
    code, _, error = run("export", told["run_id"], str(tmp_path / "out"))
    assert code == 2
    assert "came as model.onnx" in " ".join(error.split())
