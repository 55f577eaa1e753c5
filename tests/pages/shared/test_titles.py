"""Pages call runs by their titles, whatever people wrote, and keep names for links and tooltips."""

import numpy as np
import pytest

from cxrcore import figures, models, settings, store, training
from cxrcore.inference import Prediction
from cxrcore.jobs import disk, model
from cxrcore.jobs.model import Job, JobSpec
from pages.predict.live import answers as live_answers
from pages.shared import cache, prediction_cache
from tests.helpers.app import component, open_page, read
from tests.helpers.tested import of_spec

HOSTILE = "Mine :red[x] <b> http://a.b -> [1](2)"


def keep(dataset, **changes: object) -> store.Run:
    """A run of what the training form trains, but for `changes`, that nobody trained."""
    spec = training.plan(models.get("cnn-plain").fast().override(**changes), dataset)
    created = f"2026-11-{len(store.runs()) + 1:02d}T10:00:00+00:00"
    return of_spec(spec, dataset, created=created)


@pytest.fixture
def run(tiny) -> store.Run:
    """The run of the form as it opens, with a title that tries to be more than text."""
    found = keep(tiny)
    store.annotate(found.run_id, title=HOSTILE)
    return found


def test_live_prediction_offers_and_answers_by_title(tiny, run, monkeypatch):
    other = keep(tiny, image_size=64)
    answers = [
        Prediction(
            run_id=name, recipe="cnn-plain", classes=("A", "B", "C"), predicted="A", explained="A",
            probabilities=np.float32([0.5, 0.3, 0.2]), seen=np.zeros((64, 64), np.uint8),
            maps=dict.fromkeys(("grad-cam", "saliency"), np.zeros((64, 64), np.float32)),
        )
        for name in (other.run_id, run.run_id)
    ]  # fmt: skip
    monkeypatch.setattr(prediction_cache, "predict", lambda *_, **__: answers)
    monkeypatch.setattr(live_answers, "check", lambda *_: None)
    at = open_page("predict/live", image=tiny.table["image_id"].iloc[0])
    pills = at.main.button_group(key="live_runs")
    assert [read(option) for option in pills.options] == ["Plain CNN · 64 px", HOSTILE]
    assert pills.value == [other.run_id, run.run_id]
    rows = component(at, "cxr_live")["rows"]
    assert [(row["title"], row["answer"], row["hint"]) for row in rows] == [
        ("Plain CNN · 64 px", "A", other.run_id),
        (HOSTILE, "A", run.run_id),
    ]


def test_the_form_tells_what_was_trained_before_by_its_title(run):
    at = open_page()
    [caption] = [c for c in at.sidebar.caption if "Trained as" in c.value]
    assert read(caption.value) == f"Trained as **{HOSTILE}**."
    assert read(caption.help) == run.run_id


def test_a_finished_job_has_the_title_of_its_run(run):
    spec = JobSpec(job_id=run.run_id, kind="train", title="Plain CNN, 192 px", dataset="tiny")
    facts = spec.model_dump(exclude={"details"})
    job = Job(**facts, state="done", run_id=run.run_id, created=model.now(), finished=model.now())
    folder = settings.jobs_dir() / run.run_id
    disk.write(folder / disk.SPEC, spec)
    disk.write(folder / disk.STATUS, job)
    [shown] = [m.value for m in open_page().sidebar.markdown if "finished" in m.value]
    assert read(shown) == f"**{HOSTILE}**  \n:small[finished, on tiny]"


def test_a_damaged_annotation_is_told_beside_every_page(run):
    file = settings.models_dir() / ".annotations" / f"{run.run_id}.json"
    file.write_text("{")
    [warning] = [w.value for w in open_page().sidebar.warning if "damaged" in w.value]
    assert str(file) in read(warning)


def test_a_new_title_is_shown_at_once_and_colours_stay(tiny, run):
    before = cache.run_colours("tiny")
    assert cache.titles("tiny")[run.run_id] == HOSTILE
    store.annotate(run.run_id, title="Mine")
    assert cache.titles("tiny")[run.run_id] == "Mine"
    second, third = keep(tiny, epochs=3), keep(tiny, seed=7)
    family = store.family_of(third)
    colours = cache.run_colours("tiny")
    assert before == {run.run_id: figures.RUN_PALETTE[0]}
    assert colours[run.run_id] == colours[family] == before[run.run_id]
    assert len({colours[each.run_id] for each in (run, second)}) == 2
    assert cache.titles("tiny").keys() == colours.keys() == cache.titles(None).keys()
