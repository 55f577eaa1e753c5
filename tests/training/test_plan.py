import dataclasses
import subprocess
import sys
from collections.abc import Sequence

import pandas as pd
import pytest

from cxrcore import datasets, models, settings, store, training
from cxrcore.errors import TrainingError
from cxrcore.metrics import evaluate
from cxrcore.splits import SplitSpec


def keep_run(
    spec: training.TrainSpec, epochs: Sequence[float] = (), **changes: object
) -> store.Run:
    """A run of `spec` in the store without a training; `epochs` is what each took, in seconds."""
    import numpy as np

    metrics = evaluate([0, 1, 2], np.eye(3), spec.classes)
    values = {
        "run_id": spec.run_id,
        "split_counts": {"train": 100, "validation": 1, "test": 1},
        "group_key": "patient",
        "patients_known": 1.0,
        "split_note": "",
        "weights_used": "random",
        "versions": {},
        "device": "CPU",
        "precision": "float32",
        "seconds": 60.0,
        "images_per_second": 10.0,
        "peak_memory_mb": 1.0,
        "parameters": 1,
        "epochs_run": 6,
        "stopped_because": "all epochs are done",
        "metrics": {"test": metrics, "validation": metrics},
    }
    record = spec.model_dump(exclude={"notes"}) | values | changes
    columns = ["image_id", "path", "split", "label", "predicted"]
    columns += [f"p_{name}" for name in spec.classes]
    history = [{"epoch": n, "seconds": seconds} for n, seconds in enumerate(epochs, 1)]
    return store.save(
        store.Run.model_validate(record),
        lambda path: path.write_bytes(b""),
        pd.DataFrame(columns=columns),
        pd.DataFrame(history, columns=list(store.HISTORY_COLUMNS)),
        np.zeros((0, 2)),
        "",
    )


def test_a_plan_survives_json_with_its_name(make_spec):
    spec = make_spec("resnet50-masked", weights="random")
    again = training.TrainSpec.model_validate_json(spec.model_dump_json())
    assert again == spec
    assert again.run_id == spec.run_id
    assert training.TrainSpec.model_validate(spec.model_dump(mode="json")) == spec


def test_lung_masks_that_a_dataset_does_not_have_are_estimated_and_that_is_noted(make_spec):
    spec = make_spec("resnet50-masked")
    assert (spec.recipe.region, spec.recipe.lung_masks) == ("lungs", "estimated")
    [note] = spec.notes
    assert "estimated for every film" in note


def test_one_class_cannot_be_classified(make_tiny_dataset):
    dataset = datasets.load(make_tiny_dataset("one", classes=("A", "B")))
    one = datasets.Dataset(
        "one", dataset.root, dataset.layout, dataset.table.query("label == 'A'"), ("A",)
    )
    with pytest.raises(TrainingError, match="two classes or more; one has A"):
        training.plan(models.get("cnn-plain"), one)


def test_another_split_is_another_run(tiny_dataset_folder):
    dataset, recipe = datasets.load(tiny_dataset_folder), models.get("cnn-plain")
    one = training.plan(recipe, dataset)
    assert one.run_id == training.plan(recipe, dataset, SplitSpec()).run_id
    assert one.run_id != training.plan(recipe, dataset, SplitSpec(seed=1)).run_id


def renamed(dataset, **changes):
    """The dataset with some columns changed, as an edited metadata.csv would."""
    return dataclasses.replace(dataset, table=dataset.table.assign(**changes))


def test_other_patients_are_another_run_though_the_images_are_the_same(tiny_dataset_folder):
    dataset, recipe = datasets.load(tiny_dataset_folder), models.get("cnn-plain")
    patients = dataset.table["patient_id"].copy()
    patients[0] = "somebody"
    other = renamed(dataset, patient_id=patients)
    assert other.fingerprint == dataset.fingerprint
    assert training.plan(recipe, other).run_id != training.plan(recipe, dataset).run_id


def test_a_published_split_counts_where_it_is_kept(tiny_dataset_folder):
    dataset, recipe = datasets.load(tiny_dataset_folder), models.get("cnn-plain")
    parts = ["test" if n % 3 == 0 else "train" for n in range(len(dataset.table))]
    other = renamed(dataset, split=pd.array(parts, "string"))
    assert training.plan(recipe, other).run_id != training.plan(recipe, dataset).run_id
    own = SplitSpec(published=False)
    assert training.plan(recipe, other, own).run_id == training.plan(recipe, dataset, own).run_id


def test_masks_count_where_the_model_sees_them(tiny_dataset_folder):
    dataset = datasets.load(tiny_dataset_folder)
    one, other = (
        renamed(dataset, mask=pd.array([mask] * len(dataset.table), "string"))
        for mask in ("a.json", "a.json#without-ignored")
    )
    whole, lungs = (models.get("cnn-plain").override(region=region) for region in ("none", "lungs"))
    assert training.plan(whole, one).run_id == training.plan(whole, other).run_id
    assert training.plan(lungs, one).run_id != training.plan(lungs, other).run_id


def test_the_order_of_the_table_does_not_count(tiny_dataset_folder):
    dataset, recipe = datasets.load(tiny_dataset_folder), models.get("cnn-plain")
    shuffled = dataclasses.replace(dataset, table=dataset.table.sample(frac=1, random_state=0))
    assert training.plan(recipe, shuffled).run_id == training.plan(recipe, dataset).run_id


def test_the_time_is_unknown_before_the_network_was_trained_here(make_spec):
    keep_run(make_spec("cnn-batchnorm"))
    assert training.estimate(make_spec().recipe, 100, 3) is None


def test_the_time_is_that_of_an_earlier_run_scaled_by_the_work(make_spec):
    spec = make_spec(image_size=64)
    keep_run(spec)  # 60 s for 6 epochs of 100 images of 64 px
    assert training.estimate(spec.recipe.override(epochs=6), 100, 3) == pytest.approx(60)
    assert training.estimate(spec.recipe.override(epochs=12), 50, 3) == pytest.approx(60)
    larger = spec.recipe.override(epochs=6, image_size=128)
    assert training.estimate(larger, 100, 3) == pytest.approx(240)


def test_what_a_training_takes_besides_its_epochs_is_counted_once(make_spec):
    spec = make_spec(image_size=64)
    keep_run(spec, epochs=[6.0, 2.0, 2.0], epochs_run=3)  # 60 s: 50 of them once
    assert training.estimate(spec.recipe.override(epochs=1), 100, 3) == pytest.approx(52)
    assert training.estimate(spec.recipe.override(epochs=50), 100, 3) == pytest.approx(150)
    larger = spec.recipe.override(epochs=50, image_size=128)
    assert training.estimate(larger, 50, 3) == pytest.approx(50 + 2 * 50 * 4 / 2)


def test_a_run_of_the_same_size_is_believed_more_than_a_newer_one(make_spec):
    same, other = make_spec(image_size=64, epochs=6), make_spec(image_size=128, epochs=6)
    keep_run(same, created="2026-01-01T00:00:00+00:00")
    keep_run(other, created="2026-02-01T00:00:00+00:00", seconds=999.0)
    assert training.estimate(same.recipe, 100, 3) == pytest.approx(60)


def test_a_run_that_is_there_is_returned_at_once_without_tensorflow(make_spec, tmp_path):
    spec = make_spec()
    keep_run(spec)
    (tmp_path / "spec.json").write_text(spec.model_dump_json())
    code = (
        "import sys, time; from pathlib import Path; from cxrcore import training\n"
        "spec = training.TrainSpec.model_validate_json(Path(sys.argv[1]).read_text())\n"
        "start = time.perf_counter(); run = training.train(spec)\n"
        "print(run.run_id, time.perf_counter() - start)\n"
        "print([m for m in ('tensorflow', 'keras', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "spec.json")],
        capture_output=True,
        text=True,
        cwd=settings.ROOT,
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    run_id, seconds = first.split()
    assert run_id == spec.run_id
    assert float(seconds) < 0.3
    assert second == "[]"


def test_a_recipe_for_two_classes_says_so_and_what_to_do(tiny_dataset_folder):
    dataset = datasets.load(tiny_dataset_folder)
    with pytest.raises(
        TrainingError, match="distinguishes 2 classes; tiny has 3: A, B, C"
    ) as caught:
        training.plan(models.get("binary-pool"), dataset)
    assert "--against-rest CLASS" in str(caught.value)
    two = datasets.load(tiny_dataset_folder, options={"rename": {"B": "other", "C": "other"}})
    spec = training.plan(models.get("binary-pool"), two)
    assert spec.classes == ("A", "other")
    assert spec.options == {"rename": {"B": "other", "C": "other"}}


def test_a_class_not_to_be_missed_must_be_one_of_the_dataset(tiny_dataset_folder):
    recipe = models.get("cnn-plain").override(favoured_class="Z", favoured_weight=2.0)
    with pytest.raises(TrainingError, match=r"'Z', is no class of tiny\. Its classes are A, B, C"):
        training.plan(recipe, datasets.load(tiny_dataset_folder))
