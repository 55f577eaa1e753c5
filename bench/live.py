"""Live prediction: from an upload to the answers, many visitors, and a hostile file meanwhile.

    python -m bench.live [--seconds 30] [--sessions 16] [--every 10]

Five networks with random weights (ResNet50, DenseNet121 and three of the studies' small ones) and
films of 1,024 pixels, in a store of their own. What is timed is what a page waits for: the film
decoded apart, then each run's probabilities, Grad-CAM and saliency; drawing in the browser comes on
top. Budgets: five warm models 0.6 s; answers alone of a changed film 0.3 s; the first answer
after warming 1 s; 16 sessions with a new film every 10 s on two small models p95 2 s without an
error; a repeated-scan JPEG costs another visitor less than 1 s.
"""

import argparse
import functools
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2
import numpy as np

from cxrcore import models
from cxrcore.errors import CxrError
from cxrcore.inference import Decoder, Worker

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "helpers"))
import hostile
import runs

SIDE = 1024  # pixels of a film
LARGE = ("ResNet50", "DenseNet121")
SMALL = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=30, help="how long the sessions go on")
    parser.add_argument("--sessions", type=int, default=16)
    parser.add_argument(
        "--every", type=float, default=10, help="seconds between films of a session"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CXR_MODELS"], os.environ["CXR_DATA"] = f"{folder}/models", f"{folder}/data"
        run_ids = stored()
        worker, decoder = Worker(), Decoder()
        alone(worker, decoder, run_ids)
        many(worker, decoder, run_ids[-2:], given)
        worker.close()
        decoder.close()


def stored() -> list[str]:
    """Five runs, the small ones last."""
    import keras

    keras.utils.set_random_seed(0)
    names = [*LARGE, *["small"] * SMALL]
    found = []
    for number, name in enumerate(names):
        recipe = models.get("cnn-plain").override(image_size=224 if name in LARGE else 192)
        network = trunk(name) if name in LARGE else small()
        made = runs.made_up(run_id=f"cnn-plain-0000000{number}", recipe=recipe)
        found.append(runs.kept(made, network.save).run_id)
    return found


def trunk(name):
    import keras

    made = getattr(keras.applications, name)(
        include_top=False, weights=None, input_shape=(224, 224, 3), pooling="avg"
    )
    return keras.Model(made.input, keras.layers.Dense(2, activation="softmax")(made.output))


def small():
    import keras
    from keras import layers

    blocks = [
        layer
        for filters in (32, 64, 128)
        for layer in (layers.Conv2D(filters, 3, activation="relu"), layers.MaxPooling2D())
    ]
    top = [layers.GlobalAveragePooling2D(), layers.Dense(2, activation="softmax")]
    return keras.Sequential([keras.Input((192, 192, 3)), layers.Rescaling(1 / 255), *blocks, *top])


def film(number: int) -> bytes:
    """A JPEG of smooth noise, another one for each number."""
    noise = np.random.default_rng(number).normal(120, 60, (SIDE // 8, SIDE // 8))
    gray = cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    return cv2.imencode(".jpg", gray.astype(np.uint8))[1].tobytes()


def seconds(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def alone(worker: Worker, decoder: Decoder, run_ids: list[str]) -> None:
    """One visitor."""

    def answer(number, wanted, **options):
        found = worker.predict(decoder.decode(film(number)), wanted, session="one", **options)
        assert all(said.error is None for said in found), [said.error for said in found]

    decoder.decode(film(0))
    print(f"warming five models        {seconds(lambda: warmed(worker, run_ids)):6.2f} s")
    print(f"first answers of five      {seconds(lambda: answer(1, run_ids)):6.2f} s  (1 s)")
    for count, budget in ((5, "0.6 s"), (3, "0.3 s to 0.4 s before")):
        times = [
            seconds(functools.partial(answer, n, run_ids[:count]))
            for n in range(10 * count, 10 * count + 9)
        ]
        print(f"upload to answers of {count}     {statistics.median(times):6.2f} s  ({budget})")
    one = decoder.decode(film(2))
    worker.predict(one, run_ids, methods=())
    times = [
        seconds(lambda n=n: worker.predict(one.altered(one.gray // n, str(n)), run_ids, methods=()))
        for n in range(1, 11)
    ]
    print(f"slider to answers of 5     {statistics.median(times):6.2f} s  (0.3 s)")


def warmed(worker: Worker, run_ids: list[str]) -> None:
    worker.warm(run_ids)
    while worker._warming:
        time.sleep(0.02)


def many(worker: Worker, decoder: Decoder, run_ids: list[str], given) -> None:
    """Sessions that each bring a new film at intervals, without and with a hostile one beside."""
    for name, beside in (("", None), (" beside a hostile upload", hostile.repeated_scan())):
        times, errors = sessions(worker, decoder, run_ids, given, beside)
        p95 = float(np.percentile(times, 95))
        print(
            f"{given.sessions} sessions{name}: {len(times)} films, median "
            f"{statistics.median(times):.2f} s, p95 {p95:.2f} s (2 s), {len(errors)} errors"
        )
        for error in errors[:3]:
            print(f"    {error}")


def sessions(worker, decoder, run_ids, given, beside):
    """Seconds of each film, and what went wrong."""
    times, errors = [], []
    over = time.monotonic() + given.seconds

    def visit(number: int) -> None:
        time.sleep(given.every * number / given.sessions)
        count = 0
        while time.monotonic() < over:
            data, start = film(1000 * number + count), time.monotonic()
            try:
                found = decoder.decode(data, session=str(number))
                said = worker.predict(found, run_ids, session=str(number))
                errors.extend(answer.error for answer in said if answer.error)
            except CxrError as error:
                errors.append(str(error))
            times.append(time.monotonic() - start)
            count += 1
            time.sleep(max(0.0, given.every - (time.monotonic() - start)))

    def attack() -> None:
        while time.monotonic() < over:
            try:
                decoder.decode(beside, session="hostile")
            except CxrError:
                time.sleep(0.5)

    work = [threading.Thread(target=visit, args=(n,)) for n in range(given.sessions)]
    work += [threading.Thread(target=attack)] if beside else []
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    return times, errors


if __name__ == "__main__":
    main()
