"""The line: every visitor in turn, one place each, told how many go first, free to leave."""

import threading
import time

import pytest

from cxrcore.errors import JobError, Superseded
from cxrcore.films import Turns, Wait


class Line:
    """Threads that stand in a line; `order` tells who had a turn when."""

    def __init__(self, **options):
        self.turns = Turns(**options)
        self.order, self.raised, self._threads = [], {}, []

    def visit(self, name, times=1, session=None, low=False, on_wait=None, hold=None):
        """Start a thread that takes so many turns, and wait until it stands in the line or had one."""

        arrived = threading.Event()

        def arriving(wait):
            arrived.set()
            if on_wait is not None:
                on_wait(wait)

        def work():
            try:
                with self.turns.request(name if session is None else session, low=low) as request:
                    for _ in range(times):
                        with request.turn(arriving):
                            arrived.set()
                            self.order.append(name)
                            if hold is not None:
                                hold.wait(10)
            except (JobError, ZeroDivisionError) as error:
                self.raised[name] = error
            arrived.set()

        thread = threading.Thread(target=work)
        self._threads.append(thread)
        thread.start()
        assert arrived.wait(10)

    def finish(self):
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()
        return self.order


@pytest.fixture
def gate():
    """What the first visitor waits for, so that a line forms behind him."""
    gate = threading.Event()
    yield gate
    gate.set()


def test_a_small_request_comes_in_between_the_turns_of_a_large_one(gate):
    line = Line()
    line.visit("first", hold=gate)
    line.visit("large", times=5)
    line.visit("small")
    line.visit("two", times=2)
    gate.set()
    assert line.finish() == [
        "first",
        "large",
        "small",
        "two",
        "large",
        "two",
        "large",
        "large",
        "large",
    ]


def test_a_visitor_has_one_place_of_several(gate):
    line = Line(places=2)
    line.visit("a1", session="a", hold=gate)
    line.visit("a2", session="a", hold=gate)
    line.visit("b", hold=gate)
    assert line.order == ["a1", "b"]
    gate.set()
    assert line.finish() == ["a1", "b", "a2"]


def test_work_that_nobody_waits_for_lets_every_open_request_go_first(gate):
    line = Line()
    line.visit("first", hold=gate)
    line.visit("warm", session="", low=True)
    line.visit("late", times=2)
    gate.set()
    assert line.finish() == ["first", "late", "late", "warm"]


def test_a_newer_request_of_a_visitor_replaces_the_one_that_waits(gate):
    line = Line(newest=True)
    line.visit("first", hold=gate)
    line.visit("old", session="a")
    line.visit("other")
    line.visit("new", session="a")
    gate.set()
    assert line.finish() == ["first", "other", "new"]
    assert isinstance(line.raised["old"], Superseded)


def test_of_a_request_that_is_replaced_under_way_only_the_rest_is_dropped(gate):
    line = Line(newest=True)
    line.visit("old", times=3, session="a", hold=gate)
    line.visit("new", session="a")
    gate.set()
    assert line.finish() == ["old", "new"]
    assert isinstance(line.raised["old"], Superseded)


def test_those_who_wait_are_told_how_many_go_first(gate):
    line, told = Line(), []
    line.visit("first", hold=gate)
    line.visit("second")
    line.visit("third", on_wait=told.append)
    while not told:
        time.sleep(0.01)
    gate.set()
    line.finish()
    assert told[0] == Wait(2)
    assert {wait.before for wait in told} <= {0, 1, 2}


def test_who_raises_while_waiting_is_out_of_the_line(gate):
    line = Line()
    line.visit("first", hold=gate)
    line.visit("gone", on_wait=lambda wait: 1 / 0)
    line.visit("next")
    while "gone" not in line.raised:
        time.sleep(0.01)
    gate.set()
    assert line.finish() == ["first", "next"]


def test_a_full_line_refuses_the_next_visitor_and_tells_how_many_wait(gate):
    line = Line(room=2)
    line.visit("first", hold=gate)
    line.visit("second")
    line.visit("third")
    assert "2 requests are waiting already. Try again" in str(line.raised["third"])
    gate.set()
    assert line.finish() == ["first", "second"]
    line.visit("later")
    assert line.finish()[-1] == "later"
