"""What the gate found out about a film."""

from typing import Literal, NamedTuple

Severity = Literal["passed", "warning", "withheld"]


class Finding(NamedTuple):
    """What one check says about a film.

    `kind` names the check, `title` is one short plain sentence, `detail` says more. With
    `withheld` no answer should be believed; `warning` is something to know. `boxes` are the
    parts of the film that are meant, in its pixels.
    """

    kind: str
    title: str
    severity: Severity
    detail: str = ""
    boxes: tuple[tuple[int, int, int, int], ...] = ()  # x, y, width, height


class Report(NamedTuple):
    """All findings about a film.

    `withheld` is True where the answers should not be shown unasked. `of_run` holds, by run_id,
    what is otherwise for a single run than in `findings`.
    """

    findings: tuple[Finding, ...]
    withheld: bool
    of_run: dict[str, tuple[Finding, ...]]
