"""Sweeps: which values are tried, who is given up, which is best, how it is kept."""

import json
import statistics
import sys

import numpy as np
import pytest
from scipy import stats

from cxrcore import cli, index, jobs, models, settings, store, sweeps, training, work
from cxrcore.errors import RecipeError, StoreError
from cxrcore.sweeps import Trial, median
from cxrcore.sweeps.trials import verdict

SMALL = models.get("cnn-plain").override(image_size=32, epochs=6, batch_size=8)


@pytest.mark.parametrize(
    ("field", "text", "values"),
    [
        ("learning_rate", "1e-3, 3e-4,1e-3", [1e-3, 3e-4]),
        ("learning_rate", "1e-5..1e-2", (1e-5, 1e-2)),
        ("epochs", "5..9", (5, 9)),
        ("augmentation", "none,strong", ["none", "strong"]),
        ("max_brisque", "none,60", [None, 60.0]),
    ],
    ids=["list", "range", "whole", "choice", "no limit"],
)
def test_values_are_read_as_people_write_them(field, text, values):
    assert sweeps.values_of(SMALL, field, text) == values


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("dropout", "0.1", "'dropout' cannot be swept. Choose from: image_size, epochs"),
        ("seed", "1,2", "seeds are repeats"),
        ("learning_rate", "1e-3,fast", r"must be a number from 1e-07 to 1\. Received: 'fast'"),
        ("learning_rate", "2,1", "learning_rate must be a number from 1e-07 to 1"),
        ("learning_rate", "nan", "learning_rate must be"),
        ("learning_rate", "1e-2..1e-5", "from a lower to a higher"),
        ("augmentation", "mild", "augmentation must be one of none"),
        ("epochs", " , ", "needs values"),
    ],
    ids=["field", "seed", "word", "bound", "nan", "order", "choice", "none"],
)
def test_values_that_cannot_be_are_refused_with_those_that_can(field, text, reason):
    with pytest.raises(RecipeError, match=reason):
        sweeps.values_of(SMALL, field, text)


def test_a_grid_has_every_combination_once_and_names_what_it_tries(tiny):
    tried = {"learning_rate": [1e-3, 3e-4], "label_smoothing": [0.0, 0.1, 0.2]}
    sweep, specs = sweeps.plan_sweep(SMALL, tiny, tried)
    assert len({spec.run_id for spec in specs}) == 6
    assert [tuple(values.values()) for values in sweep.trials.values()] == [
        (rate, share) for rate in (1e-3, 3e-4) for share in (0.0, 0.1, 0.2)
    ]
    # Each is the run that a training with these values alone makes; again it is the same sweep.
    alone = training.plan(SMALL.override(learning_rate=3e-4, label_smoothing=0.2), tiny)
    assert specs[-1].run_id == alone.run_id
    assert sweeps.plan_sweep(SMALL, tiny, tried)[0].sweep_id == sweep.sweep_id


def test_drawn_sets_differ_stay_in_their_range_and_are_even_in_powers_of_ten(tiny):
    tried = {"learning_rate": (1e-5, 1e-1), "augmentation": ["none", "strong"]}
    sweep, _ = sweeps.plan_sweep(SMALL, tiny, tried, drawn=50)
    rates = [values["learning_rate"] for values in sweep.trials.values()]
    assert len(sweep.trials) == 50
    assert 1e-5 <= min(rates) <= max(rates) <= 1e-1
    assert stats.kstest(np.log10(rates), stats.uniform(-5, 4).cdf).pvalue > 0.01
    assert {values["augmentation"] for values in sweep.trials.values()} == {"none", "strong"}
    few, _ = sweeps.plan_sweep(SMALL, tiny, {"epochs": (3, 5)}, drawn=20)
    assert sorted(values["epochs"] for values in few.trials.values()) == [3, 4, 5]


@pytest.mark.parametrize(
    ("tried", "drawn", "reason"),
    [
        ({"epochs": list(range(1, 52))}, None, "these values make 51"),
        ({"epochs": [3]}, None, "these values make 1"),
        ({"epochs": (3, 9)}, None, "epochs is a range"),
        ({"epochs": (3, 9)}, 51, "At most 50 sets"),
        ({"epochs": list(range(1, 401)), "batch_size": list(range(1, 401))}, None, "far more than 50"),
    ],
    ids=["many", "one", "range", "draws", "explosion"],
)  # fmt: skip
def test_the_number_of_trainings_is_bounded(tiny, tried, drawn, reason):
    with pytest.raises(RecipeError, match=reason):
        sweeps.plan_sweep(SMALL, tiny, tried, drawn=drawn)


def epochs(*accuracies: float) -> list[dict[str, float]]:
    return [{"epoch": n, "val_accuracy": a} for n, a in enumerate(accuracies, 1)]


def test_the_median_rule_agrees_with_its_definition():
    rng = np.random.default_rng(1)
    ended = 0
    for _ in range(300):
        curves = [rng.random(rng.integers(1, 12)) for _ in range(rng.integers(1, 8))]
        mine = rng.random(rng.integers(1, 10))
        at = [c[: len(mine)].max() for c in curves if len(c) >= len(mine)]
        wanted = len(mine) >= 5 and len(at) >= 3 and mine.max() < statistics.median(at)
        found = median.hopeless(epochs(*mine), [epochs(*curve) for curve in curves])
        assert bool(found) == wanted
        ended += wanted
    assert 20 < ended < 280


def test_the_reason_names_epoch_accuracy_and_median():
    others = [epochs(*[a] * 5) for a in (0.6, 0.7, 0.9)]
    assert (
        "after epoch 5: its best validation accuracy, 0.500, was below 0.700, the median of 3"
        in (median.hopeless(epochs(*[0.5] * 5), others))
    )


def test_the_verdict_says_how_many_others_may_be_as_good():
    found = [
        Trial("a", {"epochs": 3}, "done", "", 3, 0.9, 0.8, 0.95),
        Trial("b", {"epochs": 4}, "done", "", 4, 0.85, 0.7, 0.9),
        Trial("c", {"epochs": 5}, "done", "", 5, 0.6, 0.5, 0.7),
        Trial("d", {"epochs": 6}, "cancelled", "Ended early", 6, 0.99),
    ]
    text = verdict(found)
    assert "Best by validation: epochs 3, with an accuracy of 0.900" in text
    assert "1 other reaches that interval" in text
    assert "chosen among 4" in text
    assert verdict(found[3:]) == "No training of this sweep is finished yet."


def test_a_sweep_in_jobs_trains_ends_the_hopeless_and_can_go_on(tiny, monkeypatch, capsys):
    """With the median of rivals that no training can reach: one is given up after five epochs."""
    index.measure(tiny)
    sweep, specs = sweeps.plan_sweep(SMALL, tiny, {"learning_rate": [1e-3, 1e-7]})
    sweeps.save(sweep)
    monkeypatch.setattr(sweeps, "histories", lambda *_, but: [epochs(*[1.1] * 6)] * 3)
    given_up = run_here(specs[1])
    assert (given_up.state, len(given_up.history)) == ("cancelled", 5)
    assert "Ended early after epoch 5" in given_up.message
    assert not store.exists(specs[1].run_id)

    (first, second) = sweeps.trials(sweep)
    assert {first.state, second.state} == {"removed", "cancelled"}
    # The same training, asked for by itself, goes on from its checkpoint to the end.
    alone = run_here(specs[1].model_copy(update={"sweep": ""}))
    assert alone.state == "done"
    run = store.load_run(alone.run_id)
    assert run.epochs_run == 6
    (first, second) = sweeps.trials(sweep)
    scored = run.metrics["validation"]
    wanted = stats.binomtest(round(scored.accuracy * scored.n), scored.n).proportion_ci(
        method="wilson"
    )
    assert (first.low, first.high) == pytest.approx((wanted.low, wanted.high), abs=1e-6)

    monkeypatch.setattr(sys, "argv", ["cxrcore", "sweeps", sweep.sweep_id, "--json"])
    with pytest.raises(SystemExit):
        cli.main()
        raise SystemExit(0)
    printed = json.loads(capsys.readouterr().out)
    assert "learning rate 1e-07" in printed["verdict"]
    assert [trial["state"] for trial in printed["trials"]] == ["done", "removed"]


def run_here(spec: training.TrainSpec) -> jobs.Job:
    """The job of a training, in this process as in its own."""
    monkey = pytest.MonkeyPatch()
    started = []
    with monkey.context() as patch:
        patch.setattr(jobs, "start", lambda job: started.append(job))
        work.submit_training(spec)
    (job,) = started
    from cxrcore.jobs import control

    folder = settings.jobs_dir() / job.job_id
    before = jobs.get(job.job_id) if folder.exists() else None
    folder.mkdir(parents=True, exist_ok=True)
    control._prepare(folder, job, before)
    return jobs.run(folder)


def test_a_sweep_that_is_unknown_or_damaged_is_said_so(tiny):
    for name in ("../../etc/passwd", "cnn-plain-sweep-00000000"):
        with pytest.raises(StoreError, match="There is no sweep"):
            sweeps.read(name)
    sweep, _ = sweeps.plan_sweep(SMALL, tiny, {"epochs": [3, 4]})
    sweeps.save(sweep)
    assert sweeps.sweeps(tiny.name) == [sweep]
    path = settings.models_dir() / ".sweeps" / f"{sweep.sweep_id}.json"
    path.write_text('{"trials": 3}')
    with pytest.raises(StoreError, match=r"is damaged: delete it\. Its runs are kept"):
        sweeps.read(sweep.sweep_id)
    assert sweeps.sweeps(tiny.name) == []
