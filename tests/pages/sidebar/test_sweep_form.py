"""A sweep from the training form, and its section on Compare."""

from datetime import UTC, datetime

from cxrcore import jobs, models, sweeps, work
from cxrcore.sweeps import plan_sweep
from tests.helpers.app import again, open_page, texts
from tests.helpers.comparisons import keep, shares_of


def test_the_form_queues_a_sweep_of_the_values_that_were_written(tiny, monkeypatch):
    job = jobs.Job(job_id="x", kind="train", title="x", state="queued", created=datetime.now(UTC))
    asked = []
    monkeypatch.setattr(work, "submit_sweep", lambda *given: asked.append(given) or [job] * 3)
    at = open_page()
    assert "sweep_start" not in {button.key for button in at.button}
    at.session_state["sweep_open"] = True
    again(at)
    assert at.button(key="sweep_start").label == "Train 3 models"
    at.text_input(key="sweep_learning_rate_cnn-plain").set_value("1e-3, fast").run()
    assert any("Received" in warning.value for warning in at.warning)
    at.text_input(key="sweep_learning_rate_cnn-plain").set_value("1e-4..1e-2").run()
    at.number_input(key="sweep_drawn").set_value(3).run()
    at.button(key="sweep_start").click().run()
    assert not at.exception
    ((sweep, specs, _),) = asked
    base = models.get("cnn-plain").fast()
    rates = [values["learning_rate"] for values in sweep.trials.values()]
    assert [spec.recipe for spec in specs] == [base.override(learning_rate=r) for r in rates]
    assert len(set(rates)) == 3


def test_compare_shows_what_was_tried_and_which_is_best(tiny):
    recipe = models.get("cnn-plain").override(image_size=32)
    sweep, specs = plan_sweep(recipe, tiny, {"learning_rate": [1e-3, 3e-4, 1e-5]})
    sweeps.save(sweep)
    truth = [0, 1, 2] * 10
    for spec, right in zip(specs, (0.9, 0.5, 0.2), strict=True):
        keep(
            spec.run_id,
            truth,
            shares_of(truth, right, seed=1),
            classes=tiny.classes,
            dataset=tiny.name,
            fingerprint=tiny.fingerprint,
            recipe=spec.recipe,
        )
    at = open_page("models/compare", dataset="tiny")
    at.session_state["sweeps"] = True
    again(at)
    assert "Best by validation: learning rate 0.001, with an accuracy of" in texts(at)
    (table,) = [t.value for t in at.dataframe if "Why it ended" in t.value.columns]
    assert table["Learning rate"].tolist()[0] == "0.001"
    assert table["Validation accuracy"].is_monotonic_decreasing
