"""Which trainings belong together, which are there, and what the missing ones cost."""

import dataclasses
import json

import pytest

from cxrcore import controls, models, store, training, work
from cxrcore.errors import ComparisonError
from cxrcore.splits import SplitSpec
from tests.helpers.tested import of_spec


@pytest.fixture
def whole(films):
    recipe = models.get("cnn-plain").override(image_size=32, epochs=4, learning_rate=2e-4, seed=5)
    return of_spec(training.plan(recipe, films, SplitSpec(test=0.3)), films, wrong=1)


def test_the_missing_trainings_differ_from_the_run_in_the_region_alone(films, whole):
    found = controls.find(whole, films)
    assert (dict(found.runs), found.note) == ({"none": whole}, "")
    assert tuple(found.missing) == controls.SHOWN[1:]
    for region, spec in found.missing.items():
        assert spec.recipe.region == region
        same = spec.recipe.override(region="none", lung_masks=whole.recipe.lung_masks)
        assert same == whole.recipe
        assert (spec.split, spec.fingerprint) == (whole.split, whole.fingerprint)
        assert spec.recipe.lung_masks == "completed"  # one film has no mask of its own
    # The history of `whole` has an epoch of a second, and it took 10 s: 9 + 4 * 1, three times.
    looking = 0.04 * len(films.table)
    n = whole.split_counts["train"]
    assert n == 20
    assert found.seconds == pytest.approx(3 * (9 + 4) + looking)


def test_what_was_trained_is_found_and_judged_and_not_trained_again(films, whole):
    assert controls.trained(controls.find(whole, films)) is None
    specs = controls.find(whole, films).missing
    border = of_spec(specs["border"], films, wrong=2)
    found = controls.find(whole, films)
    assert found.runs == {"none": whole, "border": border}
    assert tuple(found.missing) == ("lungs", "lungs-erased")
    answer = controls.trained(found)
    n = whole.metrics["test"].n
    assert answer.trained
    row = answer.row("accuracy")
    assert row.of("none").value == pytest.approx((n - 1) / n)
    assert row.of("border").difference == pytest.approx(-1 / n)
    # Asked of the control, the same runs belong together.
    assert controls.find(border, films).runs == found.runs
    for region in ("lungs", "lungs-erased"):
        of_spec(specs[region], films)
    complete = controls.find(whole, films)
    assert (controls.missing(complete), complete.seconds) == ("", 0)


def test_what_cannot_be_repeated_is_refused_or_told(films, whole, make_tiny_dataset):
    with pytest.raises(ComparisonError, match="imported"):
        controls.find(whole.model_copy(update={"imported": "file abc"}), films)
    changed = dataclasses.replace(films, table=films.table.iloc[1:])
    with pytest.raises(ComparisonError, match="has changed since"):
        controls.find(whole, changed)
    older = whole.model_copy(update={"run_id": "cnn-plain-00000000"})
    assert "trained by an earlier version" in controls.find(older, films).note


def test_the_command_asks_trains_what_is_missing_and_prints_what_python_has(
    films, whole, network, command, monkeypatch
):
    code, _, err = command("needs-lungs", whole.run_id, "--train")
    assert code == 2
    assert "Not trained yet: lungs only, black outside; lungs erased (control)" in err
    trained = []

    def submit(spec):
        trained.append(spec.run_id)
        of_spec(spec, films, wrong=len(trained))
        return real(spec)

    real = work.submit_training
    monkeypatch.setattr(work, "submit_training", submit)
    code, out, err = command("needs-lungs", whole.run_id, "--train", "--yes")
    assert (code, len(trained)) == (0, 3), err
    need = controls.needs_lungs(whole.run_id)
    assert str(need) in out
    told = json.loads(command("needs-lungs", whole.run_id, "--json")[1])
    assert told["trained"]["sentence"] == controls.sentence(need.trained)
    assert told["untrained"]["films"] == need.untrained.films
    assert list(told["runs"].values()) == [whole.run_id, *trained]
    assert told["missing"] == {}
    frame = need.frame()
    assert frame["trained"].value_counts().to_dict() == {True: 16, False: 16}
    assert "<table" in need._repr_html_()
    assert store.exists(trained[0])
