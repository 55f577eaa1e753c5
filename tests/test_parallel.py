"""Work in processes: results, errors, interruptions, and one at a time."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import cloudpickle
import cv2
import psutil
import pytest

from cxrcore import parallel, settings
from cxrcore.errors import DatasetError, ImageError
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def sent_by_value():
    """Processes cannot import a test module: its functions travel as code."""
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    yield
    cloudpickle.unregister_pickle_by_value(here)


def test_one_worker_does_all_in_this_process():
    seen = []
    results = parallel.unordered(lambda task: seen.append(task) or os.getpid(), [1, 2, 3], 1)
    assert set(results) == {os.getpid()}
    assert seen == [1, 2, 3]


def test_nothing_to_do_gives_nothing():
    assert list(parallel.unordered(abs, [])) == []


def test_several_workers_do_each_task_once_in_other_processes():
    pids = list(parallel.unordered(_pid_after, [0.01] * 6, 2))
    assert len(pids) == 6
    assert os.getpid() not in pids


def test_workers_use_one_thread_and_the_limits_of_the_caller(monkeypatch):
    monkeypatch.setenv("CXR_MAX_PIXELS", "12345")
    assert set(parallel.unordered(_threads_and_limit, [0, 1], 2)) == {(1, 12345)}


def test_an_error_in_a_worker_reaches_the_caller():
    with pytest.raises(ImageError, match="task 3"):
        list(parallel.unordered(_refuse, [3, 3], 2))


def test_a_worker_that_dies_is_an_error_that_says_what_to_do():
    with pytest.raises(DatasetError, match="one worker"):
        list(parallel.unordered(_die, [1, 2], 2))


def test_leaving_early_ends_the_work():
    results = parallel.unordered(_pid_after, [0.01] * 200, 2)
    next(results)
    start = time.monotonic()
    results.close()
    assert time.monotonic() - start < 30


def test_processes_that_wait_for_more_are_ended_and_started_again():
    before = set(parallel.unordered(_pid_after, [0.01] * 4, 2))
    assert all(psutil.pid_exists(pid) for pid in before)
    parallel.end_workers()
    assert not any(psutil.pid_exists(pid) for pid in before)
    parallel.end_workers()  # nothing is left to end
    assert set(parallel.unordered(_pid_after, [0.01] * 4, 2)).isdisjoint(before)


def test_a_cluster_that_does_not_answer_is_said_at_once(monkeypatch):
    pytest.importorskip("ray", exc_type=ImportError)
    monkeypatch.setenv("CXR_RAY_ADDRESS", "http://127.0.0.1:9")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    monkeypatch.setattr(parallel, "_may_spread", True)
    with pytest.raises(DatasetError, match=r"nothing answers at RAY_ADDRESS=127\.0\.0\.1:9"):
        list(parallel.unordered(_pid_after, [0.01, 0.01]))


def _pid_after(seconds):
    time.sleep(seconds)
    return os.getpid()


def _threads_and_limit(_):
    return cv2.getNumThreads(), settings.max_pixels()


def _refuse(task):
    raise ImageError(f"task {task}")


def _die(_):
    os.kill(os.getpid(), signal.SIGKILL)


def test_ctrl_c_ends_all_processes_without_noise(tmp_path):
    script = tmp_path / "work.py"
    script.write_text(
        textwrap.dedent(
            """
            import pathlib, signal, sys, time
            from cxrcore import parallel
            if __name__ == "__main__":
                # A shell starts what runs in the background with Ctrl-C ignored.
                signal.signal(signal.SIGINT, signal.default_int_handler)
                try:
                    for _ in parallel.unordered(time.sleep, [0.2] * 400, 2):
                        pathlib.Path(sys.argv[1]).touch()
                except KeyboardInterrupt:
                    print("stopped")
            """
        )
    )
    started = tmp_path / "started"
    child = subprocess.Popen(
        [sys.executable, str(script), str(started)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _wait_for(started.exists)
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to all processes at once
        out, err = child.communicate(timeout=60)
    finally:
        child.kill()
    assert out.strip() == "stopped"
    assert not err
    with pytest.raises(ProcessLookupError):
        _wait_for(lambda: os.killpg(child.pid, 0), 30)


def _wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_only_one_is_inside_at_a_time(tmp_path):
    inside, most, lock = [], [], tmp_path / "deep" / "a.lock"

    def enter():
        with parallel.exclusive(lock, lambda: None):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.05)
            inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 4


def test_who_waits_is_told_and_may_give_up(tmp_path):
    lock = tmp_path / "a.lock"
    free = threading.Event()
    held = threading.Event()

    def hold():
        with parallel.exclusive(lock, lambda: None):
            held.set()
            free.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)

    def give_up():
        raise ImageError("enough")

    try:
        with pytest.raises(ImageError, match="enough"), parallel.exclusive(lock, give_up):
            pytest.fail("entered while another was inside")
    finally:
        free.set()
        thread.join()
