"""Jobs in the sidebar: curves while they work; why they ended, what they printed, how to go on."""

import ast
import base64
import json
import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cxrcore import jobs, settings
from cxrcore.errors import JobError
from cxrcore.jobs import control, disk, model
from cxrcore.jobs.model import Job, JobSpec
from tests.conftest import ROOT
from tests.helpers.app import open_page, read

REASONS = {
    "failed": "model-2.npz could not be written: No space left on device (0 kB free there).",
    "interrupted": "Its process was killed from outside (SIGKILL).",
    "cancelled": "Stopped as asked.",
}


def job_that_ended(state: str) -> JobSpec:
    """A training on disk that ended so, with a log."""
    folder = settings.jobs_dir() / f"cnn-plain-{state}"
    spec = JobSpec(job_id=folder.name, kind="train", title=f"Plain CNN, {state}", dataset="tiny")
    facts = spec.model_dump(exclude={"details"})
    message = REASONS[state]
    job = Job(**facts, state=state, message=message, created=model.now(), finished=model.now())
    disk.write(folder / disk.SPEC, spec)
    disk.write(folder / disk.STATUS, job)
    (folder / disk.LOG).write_text("epoch 1 of 9: loss 0.5\nthe last line\n")
    return spec


def texts(at: AppTest) -> list[str]:
    sidebar = at.sidebar
    return [read(e.value) for kind in (sidebar.caption, sidebar.markdown) for e in kind]


@pytest.mark.parametrize("state", list(REASONS))
def test_a_job_that_did_not_end_well_says_why_shows_its_log_and_goes_on_at_a_click(
    state, tiny, monkeypatch
):
    spec = job_that_ended(state)
    at = open_page()
    assert REASONS[state] in texts(at)
    assert any(f"**Plain CNN, {state}**" in text for text in texts(at))
    assert [code.value for code in at.sidebar.code] == ["epoch 1 of 9: loss 0.5\nthe last line"]

    started = []
    monkeypatch.setattr(control, "start", lambda spec, **_: started.append(spec))
    go_on = at.sidebar.button(key=f"resume_{spec.job_id}")
    assert go_on.label == "Resume"
    go_on.click().run()
    assert started == [spec]
    assert not at.exception


def test_a_job_that_would_fail_again_is_not_offered_to_be_resumed(tiny, monkeypatch):
    ids = family_that_ended("failed", "failed", "cancelled")
    for job_id in ids[:2]:
        path = settings.jobs_dir() / job_id / disk.STATUS
        disk.write(path, jobs.get(job_id).model_copy(update={"final": True}))
    at = open_page()
    assert [b.key for b in at.sidebar.button if b.label == "Resume"] == [f"resume_{ids[2]}"]
    assert [b.key for b in at.sidebar.button if b.label == "Remove it"]
    resumed = []
    monkeypatch.setattr(control, "start", lambda spec, **_: resumed.append(spec.job_id))
    at.sidebar.button(key="resume_all_plain-family").click().run()
    assert resumed == ids[2:]
    with pytest.raises(JobError, match=f"{ids[0]} would fail again. model-2.npz"):
        jobs.resume(ids[0])


def test_what_stands_in_the_way_of_going_on_is_said(tiny, monkeypatch):
    spec = job_that_ended("failed")

    def refuse(*_: object, **__: object) -> None:
        raise JobError("The disk is still full. Free some space.")

    at = open_page()
    monkeypatch.setattr(control, "start", refuse)
    at.sidebar.button(key=f"resume_{spec.job_id}").click().run()
    assert [read(error.value) for error in at.sidebar.error] == [
        "The disk is still full. Free some space."
    ]


def test_jobs_can_be_gone_on_with_while_the_dataset_is_away(tiny, tiny_dataset_folder):
    job_that_ended("failed")
    tiny_dataset_folder.rename(tiny_dataset_folder.with_name("away"))
    labels = [button.label for button in open_page().sidebar.button]
    assert "Resume" in labels


def test_a_damaged_job_can_be_gone_on_with(tiny):
    spec = job_that_ended("interrupted")
    (settings.jobs_dir() / spec.job_id / disk.STATUS).write_bytes(b"")
    at = open_page()
    assert any("status.json cannot be read" in text for text in texts(at))
    assert at.sidebar.button(key=f"resume_{spec.job_id}").label == "Resume"


def test_messages_and_buttons_use_the_same_words():
    """A button is *Resume* and another *Remove*; no message may speak of anything else."""
    said = []
    for path in (ROOT / "cxrcore" / "jobs").glob("*.py"):
        tree = ast.parse(path.read_text())
        told = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        documented = {
            ast.get_docstring(node, clean=False)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        }
        names = {"dismiss"}  # in __all__
        said += [text for text in told if isinstance(text, str) and text not in documented | names]
    assert any("Resume continues from the last checkpoint." in text for text in said)
    assert [text for text in said if re.search("dismiss|retry", text, re.IGNORECASE)] == []


# Curves of a training that works


def working(**changes: object) -> Job:
    values = {
        "job_id": "cnn-plain-works",
        "kind": "train",
        "title": "Plain CNN on tiny",
        "state": "running",
        "epoch": 3,
        "epochs": 9,
        "created": model.now(),
    }
    return Job(**(values | changes))


def rows(*losses: tuple[float, float | None]) -> list[dict[str, float]]:
    """A history of (loss, validation loss); one that is not finite is left out, as in a status."""
    return [
        {"epoch": n, "loss": loss} | ({} if val is None else {"val_loss": val})
        for n, (loss, val) in enumerate(losses, start=1)
    ]


def values(numbers: list | dict) -> list[float | None]:
    """What Plotly writes: a list, or the bytes of an array."""
    if isinstance(numbers, dict):
        found = np.frombuffer(base64.b64decode(numbers["bdata"]), numbers["dtype"])
        return [None if np.isnan(number) else float(number) for number in found]
    return numbers


def plots(at: AppTest) -> list[dict]:
    return [json.loads(element.proto.spec) for element in at.sidebar.get("plotly_chart")]


def test_a_training_shows_its_losses_from_the_second_epoch_on(tiny, monkeypatch):
    history = rows((1.5, 1.6), (0.5, None), (0.25, 0.75))
    monkeypatch.setattr(jobs, "list_jobs", lambda: [working(history=history)])
    monkeypatch.setattr(jobs, "log", lambda *_, **__: "")
    at = open_page()
    [plot] = plots(at)
    training, validation, best = plot["data"]
    assert [values(trace["y"]) for trace in (training, validation, best)] == [
        [1.5, 0.5, 0.25],
        [1.6, None, 0.75],
        [0.75],
    ]
    assert [trace["line"]["dash"] for trace in (training, validation)] == ["dot", "solid"]
    axes = [plot["layout"][axis]["title"]["text"] for axis in ("xaxis", "yaxis")]
    assert axes == ["Epoch", "Loss"]
    assert any("Dotted: training images." in text for text in texts(at))


@pytest.mark.parametrize("history", [[], rows((1.5, 1.6))])
def test_there_is_no_curve_before_there_is_a_line(history, tiny, monkeypatch):
    monkeypatch.setattr(jobs, "list_jobs", lambda: [working(history=history)])
    monkeypatch.setattr(jobs, "log", lambda *_, **__: "")
    assert plots(open_page()) == []


def test_a_training_of_a_family_has_the_curves_of_the_one_that_works(tiny, monkeypatch):
    of = {"family": "f", "history": rows((1.5, 1.6), (0.5, 0.6))}
    first = working(**of, part="fold 1 of 2", title="Plain CNN on tiny, fold 1 of 2")
    second = working(job_id="second", state="queued", family="f", part="fold 2 of 2")
    monkeypatch.setattr(jobs, "list_jobs", lambda: [first, second])
    monkeypatch.setattr(jobs, "log", lambda *_, **__: "")
    assert len(plots(open_page())) == 1


# All parts of a training that was stopped


def family_that_ended(*states: str) -> list[str]:
    """Folds of one training, as they lie on disk."""
    ids = []
    for number, state in enumerate(states, start=1):
        part = f"fold {number} of {len(states)}"
        folder = settings.jobs_dir() / f"cnn-plain-fold{number}"
        spec = JobSpec(
            job_id=folder.name,
            kind="train",
            title=f"Plain CNN on tiny, {part}",
            dataset="tiny",
            family="plain-family",
            part=part,
        )
        facts = spec.model_dump(include=set(Job.model_fields))
        job = Job(**facts, state=state, message=REASONS.get(state, ""), created=model.now())
        disk.write(folder / disk.SPEC, spec)
        disk.write(folder / disk.STATUS, job)
        ids.append(spec.job_id)
    return ids


STOPPED = ("done", "cancelled", "cancelled", "failed", "cancelled", "cancelled")


def test_one_click_resumes_all_that_was_stopped_in_its_order(tiny, monkeypatch):
    ids = family_that_ended(*STOPPED)
    at = open_page()
    [card] = [text for text in texts(at) if text.startswith("**Plain CNN on tiny**")]
    assert "4 cancelled, 1 failed" in card
    assert {REASONS["cancelled"], REASONS["failed"]} < set(texts(at))
    resumed = []
    monkeypatch.setattr(control, "start", lambda spec, **_: resumed.append(spec.job_id))
    at.sidebar.button(key="resume_all_plain-family").click().run()
    assert not at.exception
    assert resumed == ids[1:]


def test_every_part_can_still_be_resumed_by_itself(tiny, monkeypatch):
    ids = family_that_ended(*STOPPED)
    at = open_page()
    resumed = []
    monkeypatch.setattr(control, "start", lambda spec, **_: resumed.append(spec.job_id))
    at.sidebar.button(key=f"resume_{ids[4]}").click().run()
    assert resumed == [ids[4]]
    assert not [button for button in at.sidebar.button if button.key == f"resume_{ids[0]}"]


def test_a_part_that_cannot_be_resumed_does_not_hold_up_the_others(tiny, monkeypatch):
    ids = family_that_ended(*STOPPED)
    at = open_page()
    resumed = []

    def start(spec: JobSpec, **_: object) -> None:
        if spec.job_id == ids[1]:
            raise JobError("Its specification is damaged.")
        resumed.append(spec.job_id)

    monkeypatch.setattr(control, "start", start)
    at.sidebar.button(key="resume_all_plain-family").click().run()
    assert not at.exception
    assert resumed == ids[2:]
    assert [read(toast.value) for toast in at.toast] == ["Its specification is damaged."]


def test_what_stands_in_the_way_of_all_is_said_once(tiny, monkeypatch):
    family_that_ended("cancelled", "cancelled")

    def refuse(*_: object, **__: object) -> None:
        raise JobError("The disk is still full. Free some space.")

    at = open_page()
    monkeypatch.setattr(control, "start", refuse)
    at.sidebar.button(key="resume_all_plain-family").click().run()
    assert [read(e.value) for e in at.sidebar.error] == ["The disk is still full. Free some space."]


def test_one_click_removes_all_that_was_stopped_and_nothing_else(tiny):
    ids = family_that_ended(*STOPPED)
    at = open_page()
    at.sidebar.button(key="dismiss_all_plain-family").click().run()
    assert not at.exception
    assert [job.job_id for job in jobs.list_jobs()] == ids[:1]


def test_a_single_part_that_was_stopped_is_a_card_of_its_own(tiny):
    family_that_ended("done", "cancelled")
    at = open_page()
    assert not [b for b in at.sidebar.button if b.key and b.key.startswith("resume_all")]
    assert any("fold 2 of 2" in text for text in texts(at))
