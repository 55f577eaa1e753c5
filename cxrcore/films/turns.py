"""Whose turn it is: a bounded line in which every visitor stands once."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from cxrcore.errors import JobError, Superseded

_TICK = 0.1  # seconds between two calls of `on_wait`


class Wait(NamedTuple):
    """What a visitor who waits is told, about every 0.1 s."""

    before: int  # requests that go first; 0 while one's own is under way
    done: int = 0
    total: int = 0  # steps of the own request; 0 while nothing is known of them


OnWait = Callable[[Wait], None]


class Turns:
    """Lets so many requests at a time go on, each visitor's in turn.

    A request may take several turns. After each it goes to the end of the line, so that another
    visitor's small request comes in between.

    Args:
        places: turns at a time; a visitor has at most one of them.
        room: requests that may be open; one more is refused.
        newest: whether a visitor's newer request replaces an older one that waits for a turn.
    """

    def __init__(self, places: int = 1, room: int = 48, newest: bool = False) -> None:
        self._places, self._room, self._newest = places, room, newest
        self._changed = threading.Condition()
        self._open: list[_Request] = []
        self._line: list[_Request] = []  # those that wait
        self._inside: list[_Request] = []

    @contextlib.contextmanager
    def request(self, session: str = "", *, low: bool = False) -> Iterator["_Request"]:
        """Open a request, whose `turn` may then be taken again and again.

        Args:
            session: the visitor; "" is a new one each time.
            low: give way to all others, which is for work that nobody waits for.

        Raises:
            JobError: too many requests are open.
        """
        made = _Request(self, session, low)
        with self._changed:
            if len(self._open) >= self._room:
                raise JobError(
                    f"{len(self._open)} requests are waiting already. Try again in a minute."
                )
            if self._newest and session:
                for older in self._open:
                    older.superseded |= older.session == session
            self._open.append(made)
            self._changed.notify_all()
        try:
            yield made
        finally:
            with self._changed:
                self._open.remove(made)
                self._changed.notify_all()

    def _enter(self, request: "_Request", on_wait: OnWait | None) -> None:
        """Wait in the line and go in; what `on_wait` raises takes the request out of the line."""
        with self._changed:
            self._line.append(request)
        try:
            while True:
                with self._changed:
                    if not self._first(request):
                        self._changed.wait(_TICK)
                    if request.superseded:
                        raise Superseded("A newer request took the place of this one.")
                    if self._first(request):
                        self._inside.append(request)
                        return
                    ahead = self._line[: self._line.index(request)]
                    before = len(self._inside) + sum(not other.low for other in ahead)
                if on_wait is not None:
                    on_wait(Wait(before))
        finally:
            with self._changed:
                self._line.remove(request)
                self._changed.notify_all()

    def _leave(self, request: "_Request") -> None:
        with self._changed:
            self._inside.remove(request)
            self._changed.notify_all()

    def _first(self, request: "_Request") -> bool:
        """Whether it is this request's turn."""
        if len(self._inside) >= self._places:
            return False
        busy = {other.session for other in self._inside if other.session}
        urgent = any(not other.low for other in self._open)
        free = (r for r in self._line if r.session not in busy and not (r.low and urgent))
        return next(free, None) is request


@dataclass(eq=False)
class _Request:
    """An open request."""

    turns: Turns
    session: str
    low: bool
    superseded: bool = field(default=False)

    @contextlib.contextmanager
    def turn(self, on_wait: OnWait | None = None) -> Iterator[None]:
        """Wait for the turn, and keep it for a block.

        Raises:
            Superseded: the visitor asked for something newer meanwhile.
        """
        self.turns._enter(self, on_wait)
        try:
            yield
        finally:
            self.turns._leave(self)
