"""The inference process: what it answers, and what happens when something dies."""

import gc
import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from PIL import Image

from cxrcore import explanations, models, pixels, store
from cxrcore.errors import ExplainError, ImageError, JobError
from cxrcore.inference import Prediction, Worker, predict_here
from cxrcore.inference import models as loaded_models
from cxrcore.splits import SplitSpec
from tests.conftest import ROOT

SIDE = 32
CLASSES = ["A", "B", "C"]

# Keras 3.15 saves its variables in a way that NumPy 2 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def worker():
    """One process for the whole file: starting TensorFlow takes seconds."""
    worker = Worker(max_models=2)
    yield worker
    worker.close()


@pytest.fixture
def gray():
    return np.random.default_rng(1).integers(0, 256, (48, 40), np.uint8)


@pytest.fixture
def upload(gray):
    return png(gray)


def png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def network(seed=0, classes=3):
    import keras

    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(classes, activation="softmax", name="predictions"),
        ]
    )


@pytest.fixture
def save_run():
    """Put a run of a tiny network into this test's store; returns its name."""

    def save(run_id="cnn-plain-00000001", model=None, region="none", write=None):
        model = model or network()
        recipe = models.get("cnn-plain").override(image_size=SIDE, region=region)
        run = store.Run(
            run_id=run_id, recipe=recipe, dataset="d", dataset_path="d", fingerprint="0" * 16,
            classes=CLASSES, split=SplitSpec(), split_counts={}, group_key="patient_id",
            patients_known=1.0, split_note="", weights_used="random", versions={}, device="cpu",
            precision="float32", seconds=1.0, images_per_second=1.0, peak_memory_mb=1.0,
            parameters=1, epochs_run=1, stopped_because="", metrics={},
        )  # fmt: skip
        columns = ["image_id", "path", "split", "label", "predicted", *(f"p_{c}" for c in CLASSES)]
        predictions = pd.DataFrame(columns=columns, index=range(1), dtype="str")
        history = pd.DataFrame(columns=list(store.HISTORY_COLUMNS), dtype="float64")
        store.save(run, write or model.save, predictions, history, np.zeros((1, 4)), "")
        return run_id

    return save


def test_a_prediction_is_what_the_network_says_of_the_prepared_pixels(
    worker, save_run, gray, upload
):
    model = network(seed=4)
    (answer,) = worker.predict(upload, [save_run(model=model)])
    seen = pixels.prepare_one(gray, None, pixels.Preparation(size=SIDE))
    expected, heat = explanations.predict_and_explain(model, seen, "grad-cam", None)
    assert answer.error is None
    assert answer.recipe == "cnn-plain"
    assert answer.classes == tuple(CLASSES)
    np.testing.assert_array_equal(answer.seen, seen)
    np.testing.assert_allclose(answer.probabilities, expected, atol=1e-6)
    np.testing.assert_allclose(answer.maps["grad-cam"], heat, atol=1e-6)
    assert set(answer.maps) == {"saliency", "grad-cam"}
    assert answer.predicted == answer.explained == CLASSES[int(expected.argmax())]
    assert answer.notes == ()


def test_the_command_line_gets_the_same_answer_without_a_process(
    worker, save_run, upload, tmp_path
):
    run_id = save_run()
    file = tmp_path / "picture.png"
    file.write_bytes(upload)
    (here,), (there,) = predict_here(file, [run_id]), worker.predict(file, [run_id])
    np.testing.assert_allclose(here.probabilities, there.probabilities, atol=1e-6)
    np.testing.assert_allclose(here.maps["saliency"], there.maps["saliency"], atol=1e-6)


def test_the_class_to_explain_can_be_chosen(worker, save_run, upload):
    run_id = save_run()
    predicted = worker.predict(upload, [run_id])[0].predicted
    other = next(name for name in CLASSES if name != predicted)
    (answer,) = worker.predict(upload, [run_id], class_name=other)
    assert (answer.predicted, answer.explained) == (predicted, other)


def test_a_class_that_a_model_does_not_know_is_noted(worker, save_run, upload):
    (answer,) = worker.predict(upload, [save_run()], class_name="Tuberculosis")
    assert answer.explained == answer.predicted
    assert "has no class Tuberculosis" in answer.notes[0]


def test_without_methods_there_are_probabilities_alone(worker, save_run, upload):
    (answer,) = worker.predict(upload, [save_run()], methods=())
    assert answer.maps == {}
    assert answer.probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_a_model_of_masked_lungs_sees_the_lungs_when_there_is_a_mask(
    worker, save_run, gray, upload, tmp_path
):
    mask = np.zeros(gray.shape, np.uint8)
    mask[10:30, 5:30] = 255
    file = tmp_path / "mask.png"
    file.write_bytes(png(mask))
    run_id = save_run(region="lungs")
    (masked,) = worker.predict(upload, [run_id], mask=file)
    assert masked.notes == ()
    preparation = pixels.Preparation(size=SIDE, region="lungs")
    np.testing.assert_array_equal(masked.seen, pixels.prepare_one(gray, mask > 0, preparation))
    (whole,) = worker.predict(upload, [run_id])
    assert "given the whole image" in whole.notes[0]
    np.testing.assert_array_equal(
        whole.seen, pixels.prepare_one(gray, None, pixels.Preparation(size=SIDE))
    )


def test_one_failing_run_does_not_hold_up_the_others(worker, save_run, upload, own_folders):
    good = save_run("cnn-plain-0000000a")
    damaged = save_run("cnn-plain-0000000b")
    (own_folders.models / damaged / "model.keras").write_bytes(b"gone")
    garbage = save_run("cnn-plain-0000000c", write=lambda path: path.write_bytes(b"no zip"))
    five = save_run("cnn-plain-0000000d", model=network(classes=5))
    nan = network()
    nan.set_weights([np.full_like(weight, np.nan) for weight in nan.get_weights()])
    lost = save_run("cnn-plain-0000000e", model=nan)
    wanted = [damaged, garbage, five, lost, "cnn-plain-ffffffff", "../x", good]
    answers = worker.predict(upload, wanted)
    assert [answer.run_id for answer in answers] == wanted
    expected = ["not the file", "cannot be opened", "5 classes", "NaN", "no run", "no run"]
    for answer, part in zip(answers, expected, strict=False):
        assert part in answer.error
        assert answer.probabilities.size == 0
    assert answers[-1].error is None


def test_networks_with_code_in_them_are_not_opened(worker, save_run, upload):
    import keras

    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            keras.layers.Conv2D(4, 3),
            keras.layers.Lambda(lambda x: x),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    (answer,) = worker.predict(upload, [save_run(model=model)])
    assert "cannot be opened" in answer.error


def test_a_run_that_was_trained_again_is_loaded_again(worker, save_run, upload):
    run_id = save_run(model=network(seed=1))
    (before,) = worker.predict(upload, [run_id])
    store.delete(run_id)
    assert "no run" in worker.predict(upload, [run_id])[0].error
    save_run(model=network(seed=2))
    (after,) = worker.predict(upload, [run_id])
    assert not np.allclose(before.probabilities, after.probabilities)


def test_errors_come_back_as_the_class_they_were(worker, save_run, upload):
    run_id = save_run()
    with pytest.raises(ImageError, match="my upload"):
        worker.predict(b"not a picture", [run_id], name="my upload")
    with pytest.raises(ImageError):
        worker.predict(upload, [run_id], mask=Path("nowhere.png"))
    with pytest.raises(ExplainError, match="grad-cam"):
        worker.predict(upload, [run_id], methods=["gradcam"])


def test_sessions_that_ask_at_once_each_get_their_own_answer(worker, save_run):
    run_id = save_run()
    shades = list(range(0, 250, 25))
    answers: dict[int, Prediction] = {}

    def ask(shade):
        picture = np.full((40, 40), shade, np.uint8)
        answers[shade] = worker.predict(png(picture), [run_id], methods=())[0]

    threads = [threading.Thread(target=ask, args=(shade,)) for shade in shades]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {shade: int(answer.seen.mean()) for shade, answer in answers.items()} == {
        shade: shade for shade in shades
    }


# What the process keeps


@pytest.fixture
def _unfrozen():
    """`Models.settle` freezes all that the garbage collector knows, here that is pytest's."""
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("_unfrozen")
def test_the_network_used_longest_ago_goes_and_its_memory_with_it(save_run):
    loaded = loaded_models.Models(limit=2)
    runs = [store.load_run(save_run(f"cnn-plain-0000000{number}")) for number in range(3)]
    first = weakref.ref(loaded.get(runs[0]))
    explanations.explain_all(first(), np.zeros((SIDE, SIDE), np.uint8), ())
    loaded.settle()  # freezes, as after every request
    loaded.get(runs[1])
    loaded.get(runs[0])
    loaded.get(runs[2])  # 1 goes: 0 was used since
    loaded.settle()
    assert first() is not None
    loaded.get(runs[1])
    assert first() is None
    assert len(loaded) == 2


# Life and death


@pytest.fixture
def short_lived():
    worker = Worker()
    yield worker
    worker.close()


def test_a_killed_process_is_reported_and_replaced(short_lived, upload):
    short_lived.predict(upload, [])
    first = short_lived.pid
    os.kill(first, signal.SIGSTOP)  # it hangs …
    threading.Timer(0.3, os.kill, (first, signal.SIGKILL)).start()  # … and then dies
    with pytest.raises(JobError, match=r"memory was full.*Try again"):
        short_lived.predict(upload, [])
    assert not short_lived.alive
    assert short_lived.predict(upload, []) == []
    assert short_lived.pid != first


def test_a_process_that_died_between_two_calls_is_replaced_without_a_word(short_lived, upload):
    short_lived.predict(upload, [])
    process = psutil.Process(short_lived.pid)
    process.kill()
    wait_until(lambda: not short_lived.alive)
    assert short_lived.predict(upload, []) == []


def test_a_process_that_takes_too_long_is_stopped(short_lived, upload):
    short_lived.predict(upload, [])
    first = psutil.Process(short_lived.pid)
    first.suspend()
    with pytest.raises(JobError, match=r"longer than 0\.3 s"):
        short_lived.predict(upload, [], timeout=0.3)
    assert not first.is_running()
    assert short_lived.predict(upload, []) == []


def test_closing_frees_the_process_and_a_later_call_starts_anew(upload):
    worker = Worker()
    assert not worker.alive
    worker.close()  # nothing to stop yet
    worker.predict(upload, [])
    process = psutil.Process(worker.pid)
    worker.close()
    worker.close()
    assert not process.is_running()
    assert not worker.alive
    worker.predict(upload, [])
    process = psutil.Process(worker.pid)
    del worker  # a worker that is dropped takes its process along
    wait_until(lambda: gone(process))


def test_a_call_under_way_ends_when_the_worker_is_closed(short_lived, upload):
    short_lived.predict(upload, [])
    psutil.Process(short_lived.pid).suspend()
    threading.Timer(0.3, short_lived.close).start()
    with pytest.raises(JobError, match="was closed"):
        short_lived.predict(upload, [])


def test_what_cannot_be_sent_fails_at_once_and_harms_nothing(short_lived, upload):
    with pytest.raises(TypeError):
        short_lived.predict(threading.Lock(), [])
    assert short_lived.predict(upload, []) == []


PARENT = """
import sys
from pathlib import Path
with open(sys.argv[1], "a") as file:
    file.write("ran\\n")  # no guard for __main__, as a Streamlit script has none
from cxrcore.inference import Worker
worker = Worker()
worker.predict(Path(sys.argv[2]), [])
print(worker.pid, sorted({"tensorflow", "keras", "streamlit"} & sys.modules.keys()), flush=True)
sys.stdin.read()
"""


def test_the_process_neither_runs_the_parents_script_again_nor_outlives_it(upload, tmp_path):
    script, marker, picture = tmp_path / "app.py", tmp_path / "ran", tmp_path / "picture.png"
    script.write_text(textwrap.dedent(PARENT))
    picture.write_bytes(upload)
    command = [sys.executable, str(script), str(marker), str(picture)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, text=True, **pipes) as parent:
        pid, _, heavy = parent.stdout.readline().strip().partition(" ")
        child = psutil.Process(int(pid))
        assert heavy == "[]"
        assert "app.py" not in " ".join(child.cmdline())
        assert child.nice() == psutil.Process(parent.pid).nice()
        parent.kill()
    wait_until(lambda: gone(child))
    assert marker.read_text() == "ran\n"


def test_the_processs_own_modules_import_neither_tensorflow_nor_streamlit():
    code = (
        "import sys, cxrcore.inference.child\n"
        "print(sorted({'tensorflow', 'keras', 'streamlit'} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def gone(process):
    """Ended; where nobody collects orphans, a zombie counts as ended."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
