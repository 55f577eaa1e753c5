"""Progress and the estimate of the time left."""

import time

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


def test_nothing_to_do_is_done():
    assert Progress("measuring", 0, 0).share == 1
