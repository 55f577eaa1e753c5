"""What runs lack is made once; what could not be made is tried again only when someone asks."""

from datetime import UTC, datetime, timedelta

import pytest

from cxrcore import jobs, work
from pages.shared import background
from tests.helpers.runs import made_up

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture
def run(monkeypatch):
    found = made_up(created=NOON.isoformat())
    monkeypatch.setattr(type(found), "has_layers", True)
    return found


@pytest.fixture
def asked(monkeypatch):
    """The datasets that were asked for, in sessions of their own."""
    names: list[str] = []
    monkeypatch.setattr(work, "submit_profiles", names.append)
    return names


def missing(monkeypatch, run, dataset, job) -> bool:
    monkeypatch.setattr(work, "find", lambda kind, **_: job)
    monkeypatch.setattr(background.st, "session_state", {})
    return background.make_missing("profiles", [run], dataset)


def job(state: str, message: str = "", *, minutes: int = 5) -> jobs.Job:
    return jobs.Job(
        job_id="profiles-tiny", kind="profiles", title="Learning", state=state, message=message,
        dataset="tiny", created=NOON + timedelta(minutes=minutes),
    )  # fmt: skip


def test_it_is_asked_for_once_a_session(run, tiny, asked, monkeypatch):
    missing(monkeypatch, run, tiny, None)
    background.make_missing("profiles", [run], tiny)
    assert asked == ["tiny"]


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_job_that_ended_early_is_not_begun_again_by_itself(run, tiny, asked, monkeypatch, state):
    missing(monkeypatch, run, tiny, job(state, "There is too little memory."))
    assert asked == []


def test_nor_is_one_that_could_not_do_these_runs(run, tiny, asked, monkeypatch):
    missing(monkeypatch, run, tiny, job("done", f"Not those of {run.run_id}; the log says why."))
    assert asked == []


def test_new_runs_and_what_was_lost_since_are_made(run, tiny, asked, monkeypatch):
    missing(monkeypatch, run, tiny, job("failed", "Too little memory.", minutes=-5))
    missing(monkeypatch, run, tiny, job("done", "1 of 1 runs have their profiles."))
    assert asked == ["tiny", "tiny"]


def test_the_reason_is_shown_with_a_button_that_tries_again(run, tiny, asked, monkeypatch):
    monkeypatch.setattr(work, "find", lambda kind, **_: job("failed", "Too little *memory*."))
    shown, pressed = [], []
    monkeypatch.setattr(background.st, "caption", shown.append)
    monkeypatch.setattr(
        background.offers, "start", lambda label, do, **_: pressed.append((label, do))
    )
    background.again("profiles", [run], tiny)
    assert "Too little &#42;memory&#42;" in shown[0]
    [(label, do)] = pressed
    assert label == "Try again"
    do()
    assert asked == ["tiny"]
