"""Progress and the estimate of the time left."""

import time

from cxrcore import progress
from cxrcore.progress import Meter, Progress


def test_the_meter_estimates_from_its_own_clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    seen: list[Progress] = []
    meter = Meter("measuring", 100, seen.append)
    meter.update(0)
    now[0] += 10
    meter.update(25)
    assert seen[0].eta_seconds is None
    assert seen[1].rate == 2.5
    assert seen[1].eta_seconds == 30
    assert seen[1].share == 0.25
    meter.update(100)
    assert seen[2].eta_seconds is None  # another stage may follow


def test_nothing_to_do_is_done():
    assert Progress("measuring", 0, 0).share == 1


def test_the_bar_of_a_stage_is_full_once_the_next_begins_or_the_work_ends(monkeypatch):
    drawn = progress.bars()
    monkeypatch.setattr(progress, "bars", lambda: drawn)
    with progress.progress_bar() as report:
        report(Progress("one", 1, 4))
        assert drawn.tasks[0].completed == 1
        report(Progress("two", 0, 2))
        assert [task.completed for task in drawn.tasks] == [4, 0]
    assert [task.completed for task in drawn.tasks] == [4, 2]
