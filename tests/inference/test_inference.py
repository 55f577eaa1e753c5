"""The inference process: what it answers, and what happens when something dies."""

import functools
import gc
import io
import itertools
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

from cxrcore import explanations, lungs, models, pixels, store
from cxrcore.errors import ExplainError, ImageError, JobError, Superseded
from cxrcore.inference import Film, Prediction, Worker, predict_here
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


@pytest.fixture
def film(upload):
    """Decoded here, which spares a test the decoding processes."""
    return Film.read(upload)


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
    assert "given the whole film" in whole.notes[0]
    np.testing.assert_array_equal(
        whole.seen, pixels.prepare_one(gray, None, pixels.Preparation(size=SIDE))
    )


def test_lungs_that_people_corrected_or_that_are_known_are_not_looked_for(
    worker, save_run, gray, upload, own_folders
):
    mask = np.zeros(gray.shape, bool)
    mask[10:30, 5:30] = True
    run_id, preparation = save_run(region="lungs"), pixels.Preparation(size=SIDE, region="lungs")
    expected = pixels.prepare_one(gray, mask, preparation)
    known = lungs.Segmentation(mask.astype(np.uint8), 0.9, None, ("Inverted.",))
    (given,) = worker.predict(upload, [run_id], mask=known)
    np.testing.assert_array_equal(given.seen, expected)
    assert given.notes[0] == "Inverted."
    assert "were estimated" in given.notes[1]
    image_id = Film.read(upload).digest
    lungs.correct({image_id: mask})
    (corrected,) = worker.predict(upload, [run_id])
    np.testing.assert_array_equal(corrected.seen, expected)
    assert corrected.notes == ("Its lungs are as people corrected them.",)
    lungs.correct({image_id: None})
    (out,) = worker.predict(upload, [run_id])
    assert "People decided to leave this film out. It was given the whole film" in out.notes[0]


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


# Slow methods and warm networks


def test_a_slow_map_tells_how_far_it_is_and_ends_when_nobody_wants_it(worker, save_run, film):
    run_id, told = save_run(), []
    worker.predict(film, [run_id])
    pid = worker.pid

    def leave(wait):
        told.append(wait)
        if wait.done:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        worker.predict(film, [run_id, run_id], methods=["rise"], on_wait=leave)
    assert 0 < told[-1].done < told[-1].total / 2  # it was the first of two runs
    (after,) = worker.predict(film, [run_id])
    assert after.error is None
    assert worker.pid == pid


def test_a_warm_network_answers_its_first_film_as_fast_as_the_next(worker, save_run, film):
    cold, warm = save_run("cnn-plain-00000aaa"), save_run("cnn-plain-00000bbb", network(seed=3))
    worker.warm(["no-run", warm])
    wait_until(lambda: not worker._warming)
    for methods in (explanations.BY_DEFAULT[::-1], ()):
        (first,) = worker.predict(film, [warm], methods=methods)
        (second,) = worker.predict(film, [cold], methods=methods)
        assert first.error is None
        assert first.seconds < second.seconds / 2  # the other one had to compile


def test_warming_lets_visitors_go_first(held, film):
    worker, process = held
    first = Asking(worker, film)
    wait_until(lambda: worker._turns._inside)
    worker.warm(["no-run"])
    wait_until(lambda: worker._turns._line)
    second = Asking(worker, film)
    wait_until(lambda: len(worker._turns._line) == 2)
    process.resume()
    first.join()
    second.join()
    wait_until(lambda: not worker._warming)
    assert {run_id for run_id, _ in worker._child.warm} == {"no-run"}
    assert second.answers


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


def test_a_killed_process_is_reported_and_replaced(short_lived, film):
    ask(short_lived, film)
    first = short_lived.pid
    os.kill(first, signal.SIGSTOP)  # it hangs …
    threading.Timer(0.3, os.kill, (first, signal.SIGKILL)).start()  # … and then dies
    with pytest.raises(JobError, match=r"memory was full.*Try again"):
        ask(short_lived, film)
    assert not short_lived.alive
    ask(short_lived, film)
    assert short_lived.pid != first


def test_a_process_that_died_between_two_calls_is_replaced_without_a_word(short_lived, film):
    ask(short_lived, film)
    process = psutil.Process(short_lived.pid)
    process.kill()
    wait_until(lambda: not short_lived.alive)
    ask(short_lived, film)


def test_a_process_that_takes_too_long_is_stopped(short_lived, film):
    ask(short_lived, film)
    first = psutil.Process(short_lived.pid)
    first.suspend()
    with pytest.raises(JobError, match=r"longer than 0\.3 s"):
        ask(short_lived, film, timeout=0.3)
    assert not first.is_running()
    ask(short_lived, film)


def test_closing_frees_the_process_and_a_later_call_starts_anew(film):
    worker = Worker()
    assert not worker.alive
    worker.close()  # nothing to stop yet
    ask(worker, film)
    process = psutil.Process(worker.pid)
    worker.close()
    worker.close()
    assert not process.is_running()
    assert not worker.alive
    ask(worker, film)
    process = psutil.Process(worker.pid)
    del worker  # a worker that is dropped takes its process along
    wait_until(lambda: gone(process))


def test_a_call_under_way_ends_when_the_worker_is_closed(short_lived, film):
    ask(short_lived, film)
    psutil.Process(short_lived.pid).suspend()
    threading.Timer(0.3, short_lived.close).start()
    with pytest.raises(JobError, match="was closed"):
        ask(short_lived, film)


def test_what_cannot_be_sent_fails_at_once_and_harms_nothing(short_lived, film):
    with pytest.raises(TypeError):
        ask(short_lived, film, mask=threading.Lock())
    ask(short_lived, film)


@pytest.fixture
def held(short_lived, film):
    """A worker whose process stands still, and that process."""
    ask(short_lived, film)
    process = psutil.Process(short_lived.pid)
    process.suspend()
    yield short_lived, process
    if process.is_running():
        process.resume()


def test_between_two_runs_of_a_request_another_visitor_is_served(held, film):
    worker, process = held
    told = []
    many = Asking(worker, film, ["no-run"] * 5, session="many")
    wait_until(lambda: worker._turns._inside)
    one = Asking(worker, film, session="one", on_wait=told.append)
    wait_until(lambda: told)
    process.resume()
    many.join()
    one.join()
    assert one.place < many.place
    assert len(many.answers) == 5
    assert told[0] == (1, 0, 1)


def test_of_a_process_that_dies_only_the_request_under_way_fails(held, film):
    worker, process = held
    first = Asking(worker, film)
    wait_until(lambda: worker._turns._inside)
    second = Asking(worker, film)
    process.kill()
    first.join()
    second.join()
    assert "Try again" in str(first.error)
    assert "no run" in second.answers[0].error


def test_what_a_visitor_asks_for_replaces_what_he_still_waited_for(held, film):
    worker, process = held
    other = Asking(worker, film, session="other")
    wait_until(lambda: worker._turns._inside)
    older = Asking(worker, film, session="same")
    wait_until(lambda: worker._turns._line)
    newer = Asking(worker, film, session="same")
    older.join()
    assert isinstance(older.error, Superseded)
    process.resume()
    newer.join()
    other.join()
    assert newer.answers
    assert other.answers


def test_a_visitor_who_leaves_is_forgotten_and_the_process_stays(held, film):
    worker, process = held

    def leave(wait):
        raise ZeroDivisionError

    gone_away = Asking(worker, film, on_wait=leave)
    gone_away.join()
    assert isinstance(gone_away.error, ZeroDivisionError)
    process.resume()
    ask(worker, film)
    assert worker.pid == process.pid


PARENT = """
import sys
from pathlib import Path
with open(sys.argv[1], "a") as file:
    file.write("ran\\n")  # no guard for __main__, as a Streamlit script has none
from cxrcore.inference import Worker
worker = Worker()
worker.predict(Path(sys.argv[2]), ["no-run"])
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


def ask(worker, upload, **options):
    """Have the process do something without TensorFlow."""
    (answer,) = worker.predict(upload, ["no-run"], **options)
    assert "no run" in answer.error


class Asking(threading.Thread):
    """A visitor who asks in a thread; `answers` or `error` at the end."""

    ended = itertools.count()

    def __init__(self, worker, image, run_ids=("no-run",), **options):
        super().__init__()
        self.error = self.answers = None
        self._ask = functools.partial(worker.predict, image, run_ids, **options)
        self.start()

    def run(self):
        try:
            self.answers = self._ask()
        except (JobError, ZeroDivisionError) as error:
            self.error = error
        self.place = next(self.ended)


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
