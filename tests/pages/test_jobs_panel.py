"""Jobs that did not end well, in the sidebar: why, what they printed, and a button to go on."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cxrcore import datasets, index, settings
from cxrcore.errors import JobError
from cxrcore.jobs import control, record
from cxrcore.jobs.record import Job, JobSpec

ROOT = Path(__file__).resolve().parent.parent.parent
REASONS = {
    "failed": "model-2.npz could not be written: No space left on device (0 kB free there).",
    "interrupted": "Its process was killed from outside (SIGKILL).",
    "cancelled": "Stopped as asked.",
}


@pytest.fixture
def tiny(tiny_dataset_folder):
    """A registered dataset, measured, since the gallery would start a job for that."""
    dataset = datasets.register("tiny", tiny_dataset_folder)
    index.measure(dataset)


def job_that_ended(state: str) -> JobSpec:
    """A training on disk that ended so, with a log."""
    folder = settings.jobs_dir() / f"cnn-plain-{state}"
    spec = JobSpec(job_id=folder.name, kind="train", title=f"Plain CNN, {state}", dataset="tiny")
    facts = spec.model_dump(exclude={"details"})
    message = REASONS[state]
    job = Job(**facts, state=state, message=message, created=record.now(), finished=record.now())
    record.write(folder / record.SPEC, spec)
    record.write(folder / record.STATUS, job)
    (folder / record.LOG).write_text("epoch 1 of 9: loss 0.5\nthe last line\n")
    return spec


def opened() -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at.switch_page("pages/data/gallery.py").run()  # the start page only leads on to it
    assert not at.exception, at.exception
    return at


def texts(at: AppTest) -> list[str]:
    sidebar = at.sidebar
    return [element.value for kind in (sidebar.caption, sidebar.markdown) for element in kind]


@pytest.mark.parametrize(
    ("state", "button"), [("failed", "Retry"), ("interrupted", "Resume"), ("cancelled", "Resume")]
)
def test_a_job_that_did_not_end_well_says_why_shows_its_log_and_goes_on_at_a_click(
    state, button, tiny, monkeypatch
):
    spec = job_that_ended(state)
    at = opened()
    assert REASONS[state] in texts(at)
    assert any(f"**Plain CNN, {state}**" in text for text in texts(at))
    assert [code.value for code in at.sidebar.code] == ["epoch 1 of 9: loss 0.5\nthe last line"]

    started = []
    monkeypatch.setattr(control, "start", lambda spec, **_: started.append(spec))
    go_on = at.sidebar.button(key=f"resume_{spec.job_id}")
    assert go_on.label == button
    go_on.click().run()
    assert started == [spec]
    assert not at.exception


def test_what_stands_in_the_way_of_going_on_is_said(tiny, monkeypatch):
    spec = job_that_ended("failed")

    def refuse(*_: object, **__: object) -> None:
        raise JobError("The disk is still full. Free some space.")

    at = opened()
    monkeypatch.setattr(control, "start", refuse)
    at.sidebar.button(key=f"resume_{spec.job_id}").click().run()
    assert [error.value for error in at.sidebar.error] == [
        "The disk is still full. Free some space."
    ]


def test_jobs_can_be_gone_on_with_while_the_dataset_is_away(tiny, tiny_dataset_folder):
    job_that_ended("failed")
    tiny_dataset_folder.rename(tiny_dataset_folder.with_name("away"))
    labels = [button.label for button in opened().sidebar.button]
    assert "Retry" in labels


def test_a_damaged_job_can_be_gone_on_with(tiny):
    spec = job_that_ended("interrupted")
    (settings.jobs_dir() / spec.job_id / record.STATUS).write_bytes(b"")
    at = opened()
    assert any("status.json cannot be read" in text for text in texts(at))
    assert at.sidebar.button(key=f"resume_{spec.job_id}").label == "Retry"
