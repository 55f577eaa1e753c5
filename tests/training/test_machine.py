import os
import sys

import pytest

from cxrcore.errors import SettingsError, TrainingError
from cxrcore.training import machine


@pytest.fixture(autouse=True)
def nobody_chose(monkeypatch):
    monkeypatch.delenv("CXR_PRECISION")


@pytest.mark.parametrize(
    ("flags", "known"),
    [
        ("fpu sse2 avx2 avx512f", False),
        ("fpu avx512f avx512_bf16", True),
        ("fpu amx_bf16 amx_tile", True),
        ("fpu avx512_bf16x", False),
        ("", False),
    ],
)
def test_bfloat16_is_used_only_where_the_processor_has_it(flags, known):
    assert machine.cpu_has_bfloat16(f"model name\t: X\nflags\t\t: {flags}\nbugs\t: none\n") is known


def test_a_machine_without_proc_trains_in_float32(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "missing")
    monkeypatch.setattr(machine, "_gpus", list)
    assert machine.best_precision() == "float32"
    assert machine.device().startswith("CPU: ")


@pytest.mark.parametrize(("gain", "precision"), [(0.6, "float32"), (2.5, "mixed_bfloat16")])
def test_a_processor_with_bfloat16_is_tried_once(gain, precision, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text("model name\t: X\nflags\t\t: avx512_bf16\n")
    monkeypatch.setattr(machine, "_gpus", list)
    monkeypatch.setattr(machine, "_measure_gain", lambda: asked.append(1) or gain)
    assert machine.best_precision() == machine.best_precision() == precision
    assert len(asked) == 1
    (tmp_path / "cpuinfo").write_text("model name\t: Y\nflags\t\t: avx512_bf16\n")
    assert machine.best_precision() == precision  # another processor is tried, too
    assert len(asked) == 2


def test_a_damaged_note_about_the_machine_is_measured_again(monkeypatch, own_folders):
    own_folders.data.mkdir()
    (own_folders.data / "machine.json").write_text("{")
    monkeypatch.setattr(machine, "_measure_gain", lambda: 2.0)
    assert machine._bfloat16_gain() == 2.0
    assert "2.0" in (own_folders.data / "machine.json").read_text()


def test_the_trial_gives_a_ratio_of_times(monkeypatch):
    monkeypatch.setattr(machine, "_TRIALS", 1)  # emulated bfloat16 is slow
    assert 0.01 < machine._measure_gain() < 100


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_precision_that_was_asked_for_needs_no_trial(precision, monkeypatch):
    monkeypatch.setenv("CXR_PRECISION", precision)
    monkeypatch.setattr(machine, "_measure_gain", None)
    assert machine.best_precision() == precision


def test_a_precision_that_is_not_known_is_refused(monkeypatch):
    monkeypatch.setenv("CXR_PRECISION", "float16")
    with pytest.raises(SettingsError, match=r"float32 or mixed_bfloat16.*'float16'"):
        machine.best_precision()


def test_a_gpu_trains_in_bfloat16(monkeypatch):
    monkeypatch.setattr(machine, "_gpus", lambda: ["a GPU"])
    assert machine.best_precision() == "mixed_bfloat16"


def test_the_precision_policy_is_put_back_after_a_failure():
    import keras

    with pytest.raises(RuntimeError), machine.precision_policy("mixed_bfloat16"):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        raise RuntimeError
    assert keras.config.dtype_policy().name == "float32"


def test_running_out_of_memory_says_what_to_make_smaller():
    import tensorflow as tf

    for error in (MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM")):
        with (
            pytest.raises(TrainingError, match=r"batches of 64 images of 224 px.*smaller batch"),
            machine.explain_memory_errors(64, 224),
        ):
            raise error


def test_the_peak_memory_is_that_of_a_python_process_in_megabytes():
    assert 20 < machine.peak_memory_mb() < 100_000


def test_versions_name_what_the_weights_depend_on():
    assert {"python", "cxrcore", "tensorflow", "keras", "numpy"} <= set(machine.versions())


def test_keras_is_imported_without_scikit_learn_which_can_be_imported_afterwards(
    monkeypatch, tmp_path, capfd
):
    for name in ("tensorflow", "keras", "sklearn"):
        monkeypatch.setitem(sys.modules, name, None)
        del sys.modules[name]
        (tmp_path / f"{name}.py").touch()
    (tmp_path / "keras.py").write_text(
        "try:\n    import sklearn\nexcept ImportError:\n    sklearn = None\n"
    )
    (tmp_path / "tensorflow.py").write_text(
        "import os\nos.write(2, b'no GPU')\n"
        "class config:\n    list_physical_devices = staticmethod(lambda: os.write(2, b'none'))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    machine.start_tensorflow()
    assert capfd.readouterr().err == ""
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"
    import keras
    import sklearn

    assert keras.sklearn is None
    assert sklearn.__file__ == str(tmp_path / "sklearn.py")
