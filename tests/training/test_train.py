"""Whole trainings of a few seconds; each test trains once or twice."""

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxrcore import datasets, images, models, splits, store, training
from cxrcore.errors import Cancelled, DatasetError, StoreError, TrainingError
from cxrcore.models import FAST, Plateau, Stopping, networks
from cxrcore.splits import SplitSpec
from cxrcore.training import features, session
from tests.helpers.trainings import Watcher, figures, small

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.fixture
def small_network(monkeypatch, prepared):
    """Where neither network nor preparation matters: one that is quick to trace, on what is there."""
    monkeypatch.setattr(networks, "build", small)


def interrupt_after(epochs: int, spec: training.TrainSpec, checkpoint: Path) -> None:
    """Train until one batch of the next epoch is done, then cancel."""
    watcher = Watcher(lambda progress: len(progress.history) >= epochs)
    with pytest.raises(Cancelled, match=f"{epochs} of {spec.recipe.epochs} epochs are kept"):
        training.train(
            spec,
            checkpoint=checkpoint,
            report=watcher.report,
            should_stop=watcher.should_stop,
        )


def test_a_training_leaves_a_run_whose_numbers_are_those_of_its_model(
    make_spec, tmp_path, tiny_dataset_folder, examples_made
):
    import keras

    spec, watcher = make_spec(epochs=12, learning_rate=3e-3), Watcher()
    run = training.train(
        spec,
        checkpoint=tmp_path / "checkpoint",
        report=watcher.report,
        precision="mixed_bfloat16",
    )

    assert store.load_run(spec.run_id) == run
    assert not (tmp_path / "checkpoint").exists()
    assert run.metrics["test"].accuracy > 0.8  # it learned the stripes
    assert (run.epochs_run, run.stopped_because) == (12, "all epochs are done")
    assert run.precision == "mixed_bfloat16"
    assert run.weights_used == "random"
    assert run.removed == []
    assert min(run.seconds, run.images_per_second, run.peak_memory_mb) > 0
    assert list(run.history()["epoch"]) == list(range(1, 13))
    assert "epoch 12 of 12" in run.log()

    # The model, opened by Keras alone, says what the run says, in float32.
    assert keras.config.dtype_policy().name == "float32"
    model = keras.models.load_model(run.model_path())
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert run.parameters == model.count_params()
    predictions, dataset = run.predictions(), datasets.load(tiny_dataset_folder)
    gray = [images.resize(images.decode(dataset.root / path), 32) for path in predictions["path"]]
    x = np.repeat(np.float32(gray)[..., None], 3, axis=-1)
    expected = model.predict(x, verbose=0)
    shares = predictions[[f"p_{name}" for name in spec.classes]].to_numpy()
    np.testing.assert_allclose(shares, expected, atol=1e-5)
    inside = keras.Model(model.input, model.layers[-1].input).predict(x, verbose=0)
    np.testing.assert_allclose(run.embeddings(), inside, rtol=2e-3, atol=1e-3)

    # Predictions, metrics and split agree.
    counts = predictions["split"].value_counts()
    assert {**counts} == {name: run.split_counts[name] for name in ("validation", "test")}
    assert sum(run.split_counts.values()) == len(dataset.table)
    for name, metrics in run.metrics.items():
        rows = predictions[predictions["split"] == name]
        assert metrics.accuracy == pytest.approx((rows["label"] == rows["predicted"]).mean())

    # Its example films show that network: at most three of each class.
    kept = store.examples(run)
    shown, tested = [film.label for film in kept.films], rows["label"].value_counts()
    assert shown == [name for name in "ABC" for _ in range(min(3, tested[name]))]
    assert min(film.strongest for film in kept.films) > 0
    assert kept.device == run.device

    # What was reported on the way.
    stages = list(dict.fromkeys(progress.stage for progress in watcher.seen))
    gathering = ["preparing pixels", "measuring images", "searching duplicates"]
    assert stages == [*gathering, "building", "training", "evaluating", "saving"]
    epochs = [progress.epoch for progress in watcher.seen if progress.stage == "training"]
    assert epochs == sorted(epochs)
    assert set(epochs) == set(range(1, 13))
    assert watcher.seen[-1].history == run.history().to_dict("records")


@pytest.fixture
def leaking_folder(tiny_dataset_folder, tmp_path):
    """The tiny dataset with a published split: of each class' four test images two leak.

    One is the second film of patient 1, who trains with the first, one is a copy of patient
    6's under another name and patient, saved as JPEG.
    """
    folder = tmp_path / "leaking"
    for file in sorted(tiny_dataset_folder.glob("*/*.png")):
        patient, followup = int(file.stem[:8]) % 1000, int(file.stem[9:])
        part = "test" if patient in (0, 2) or (patient, followup) == (1, 1) else "train"
        place = folder / part / file.parent.name
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
        if patient == 6:
            copy = folder / "test" / file.parent.name / f"{int(file.stem[:8]) + 900:08d}_000.jpg"
            copy.parent.mkdir(parents=True, exist_ok=True)
            Image.open(file).save(copy, quality=95)
    return folder


def test_a_leaking_published_split_is_kept_counted_and_scored_without_the_leaks(
    leaking_folder, small_network
):
    dataset = datasets.load(leaking_folder)
    recipe = models.get("cnn-plain").override(image_size=32, epochs=1, batch_size=8)
    run = training.train(training.plan(recipe, dataset))

    assert run.leaks is not None
    leaking = {dataset.path_of(leak.image_id).name: leak.why for leak in run.leaks.found}
    assert leaking == {
        f"{n * 1000 + patient:08d}_{film}": why
        for n in range(3)
        for patient, film, why in ((1, "001.png", "patient"), (906, "000.jpg", "duplicate"))
    }
    assert (run.split_counts["test"], run.leaks.test_images, run.leaks.count) == (12, 12, 6)
    assert run.group_key == "patient+duplicates"
    assert "leaks: 6 of 12 test images (50 %) are known" in run.log()
    assert store.list_runs()["leaking"].tolist() == [6]

    # The figures without them are those of the other test images.
    assert run.metrics_clean is not None
    predictions = run.predictions()
    clean = predictions[
        (predictions["split"] == "test") & ~predictions["image_id"].isin(run.leaks.image_ids)
    ]
    assert run.metrics_clean.n == len(clean) == 6
    right = (clean["label"] == clean["predicted"]).mean()
    assert run.metrics_clean.accuracy == pytest.approx(right)
    assert run.metrics["test"].n == 12

    # Divided anew nothing leaks, and there is nothing to score a second time.
    again = training.train(training.plan(recipe, dataset, SplitSpec(published=False)))
    assert (again.leaks.count, again.metrics_clean) == (0, None)


def test_a_training_whose_patients_were_corrected_meanwhile_is_not_begun(
    make_spec, tiny_dataset_folder
):
    spec = make_spec()
    ids = datasets.load(tiny_dataset_folder).table
    rows = ids.assign(patient_id="one")[["path", "patient_id"]]
    rows.to_csv(tiny_dataset_folder / "metadata.csv", index=False)
    assert datasets.load(tiny_dataset_folder).table["patient_id"].nunique() == 1
    with pytest.raises(TrainingError, match="patients, the published split or the lung masks"):
        training.train(spec)


def test_augmentation_weights_and_early_end_resume_as_if_nothing_had_happened(
    make_spec, tmp_path, own_folders, small_network
):
    options = {
        "augmentation": "strong",
        "class_weights": "balanced",
        "favoured_class": "B",
        "favoured_weight": 2.0,
        "label_smoothing": 0.1,
        "stopping": Stopping(monitor="val_loss", min_delta=10.0, patience=4),
        "plateau": FAST["plateau"],
    }
    spec = make_spec(epochs=9, **options)
    whole = training.train(spec)
    assert whole.epochs_run == 5  # the first counts as the best; four without a better one follow
    assert "validation loss has not improved for 4 epochs, after 5 of 9" in whole.stopped_because
    expected = figures(whole)
    shutil.rmtree(own_folders.models)
    interrupt_after(3, spec, tmp_path / "checkpoint")
    resumed = training.train(spec, checkpoint=tmp_path / "checkpoint")
    assert resumed.stopped_because == whole.stopped_because
    np.testing.assert_allclose(figures(resumed), expected, rtol=1e-4, atol=1e-6)


def test_epochs_before_the_network_has_settled_end_nothing(make_spec, small_network):
    rule = {"monitor": "val_loss", "min_delta": 10.0, "patience": 1}
    at_once = training.train(make_spec(epochs=9, stopping=Stopping(**rule)))
    assert at_once.epochs_run == 2  # the first counts as the best, the second is not better
    steps = -(-at_once.split_counts["train"] // at_once.recipe.batch_size)
    later = Stopping(**rule, settling_steps=2 * steps + 1)
    assert training.train(make_spec(epochs=9, stopping=later)).epochs_run == 4


def test_the_learning_rate_waits_until_the_network_has_settled(make_spec, small_network):
    # The loss falls, which this rule counts as no improvement.
    rule = {"monitor": "val_loss", "factor": 0.1, "patience": 1, "mode": "max"}
    run = training.train(make_spec(epochs=4, plateau=Plateau(**rule)))
    assert run.history()["learning_rate"].nunique() > 1
    steps = -(-run.split_counts["train"] // run.recipe.batch_size)
    settling = Plateau(**rule, settling_steps=4 * steps)
    kept = training.train(make_spec(epochs=4, plateau=settling)).history()
    assert kept["learning_rate"].nunique() == 1


def test_a_resumed_training_ends_as_an_uninterrupted_one(make_spec, tmp_path, own_folders):
    """With dropout, too: the state of its random numbers travels in the checkpoint."""
    spec = make_spec("cnn-batchnorm-dropout", epochs=4)
    interrupt_after(2, spec, tmp_path / "checkpoint")
    assert not store.exists(spec.run_id)
    watcher = Watcher()
    resumed = training.train(spec, checkpoint=tmp_path / "checkpoint", report=watcher.report)
    assert resumed.precision == "float32"
    trained = [progress.epoch for progress in watcher.seen if progress.stage == "training"]
    assert min(trained) == 3
    resumed_figures = figures(resumed)

    shutil.rmtree(own_folders.models)
    whole = training.train(spec)
    np.testing.assert_allclose(resumed_figures, figures(whole), atol=1e-5)
    assert resumed.metrics["test"].loss == pytest.approx(whole.metrics["test"].loss, abs=1e-5)


def test_a_training_goes_on_only_where_the_images_are_divided_as_before(
    make_spec, tmp_path, monkeypatch, small_network
):
    spec = make_spec()
    interrupt_after(1, spec, tmp_path / "checkpoint")
    assign = splits.assign
    monkeypatch.setattr(
        splits,
        "assign",
        lambda table, asked, _: assign(table, asked.model_copy(update={"seed": 1})),
    )
    with pytest.raises(TrainingError, match=r"the split: some images.*Remove this job"):
        training.train(spec, checkpoint=tmp_path / "checkpoint")
    monkeypatch.undo()
    state = tmp_path / "checkpoint" / "state.json"
    assert json.loads(state.read_text())["division"]


def test_renamed_files_stay_in_their_parts(make_spec, tiny_dataset_folder, small_network):
    def parts(run):
        table = run.predictions()
        return dict(zip(table["image_id"], table["split"], strict=True))

    first = training.train(make_spec(epochs=1))
    for path in sorted(tiny_dataset_folder.rglob("*.png")):
        patient, _, followup = path.stem.partition("_")  # the same patients in another order
        path.rename(path.with_name(f"{99_999_999 - int(patient)}_{followup}.png"))
    again = training.train(make_spec(epochs=1, seed=5))
    assert parts(again) == parts(first)


def test_a_stop_is_heard_before_the_first_epoch(make_spec, tmp_path):
    watcher = Watcher(lambda progress: progress.stage == "preparing pixels")
    with pytest.raises(Cancelled, match="no epoch was done yet"):
        training.train(
            make_spec(),
            checkpoint=tmp_path / "checkpoint",
            report=watcher.report,
            should_stop=watcher.should_stop,
        )
    assert not (tmp_path / "checkpoint").exists()


def test_after_a_full_disk_the_run_is_saved_without_training_again(
    make_spec, tmp_path, monkeypatch, own_folders, small_network
):
    import keras

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    spec = make_spec(best_by="val_loss")
    with monkeypatch.context() as patched:
        patched.setattr(keras.Model, "save", full)
        with pytest.raises(StoreError, match="No space left on device"):
            training.train(spec, checkpoint=tmp_path / "checkpoint")
    assert [path.name for path in own_folders.models.iterdir()] == []
    monkeypatch.setattr(session, "fit", lambda *_: pytest.fail("it was trained again"))
    run = training.train(spec, checkpoint=tmp_path / "checkpoint")
    assert run.epochs_run == 2
    assert not (tmp_path / "checkpoint").exists()


def test_the_weights_of_the_best_epoch_are_kept_where_the_recipe_says_so(make_spec, small_network):
    # A rate so high that the last epoch is not the best one.
    spec = make_spec(epochs=5, learning_rate=0.05, best_by="val_loss")
    run = training.train(spec)
    losses = run.history()["val_loss"]
    assert losses.idxmin() != len(losses) - 1, "choose another rate for this test"
    assert run.metrics["validation"].loss == pytest.approx(losses.min(), abs=1e-4)
    assert any(f"epoch {losses.idxmin() + 1} of 5" in note for note in run.notes)


def test_a_loss_that_is_not_a_number_stops_with_advice(make_spec, monkeypatch):
    def broken(*arguments: object, **options: object) -> object:
        model = small(*arguments, **options)
        model.layers[-1].bias.assign([np.nan] * 3)
        return model

    monkeypatch.setattr(networks, "build", broken)
    with pytest.raises(TrainingError, match=r"epoch 1.*lower learning rate, such as 0\.0001"):
        training.train(make_spec())


def test_poor_images_are_left_out_of_the_run_and_listed(
    make_spec, tiny_dataset_folder, small_network
):
    from cxrcore import pixels

    dataset = datasets.load(tiny_dataset_folder)
    scores = pixels.prepare(dataset, pixels.Preparation(32)).brisque()
    limit = float(np.nanmax(scores))  # the one worst image is left out
    run = training.train(make_spec(epochs=1, max_brisque=limit))
    [removed] = run.removed
    assert removed["path"] == dataset.table["path"].iat[int(np.nanargmax(scores))]
    assert f"BRISQUE {limit:.1f}" in removed["reason"]
    assert sum(run.split_counts.values()) == len(dataset.table) - 1
    assert removed["image_id"] not in set(run.predictions()["image_id"])
    with pytest.raises(TrainingError, match="Raise the BRISQUE limit"):
        training.train(make_spec(epochs=1, max_brisque=0.0))


def test_a_dataset_that_changed_or_vanished_is_named(make_spec, tiny_dataset_folder):
    spec = make_spec()
    next((tiny_dataset_folder / "A").iterdir()).unlink()
    with pytest.raises(TrainingError, match="has changed since this training was planned"):
        training.train(spec)
    shutil.rmtree(tiny_dataset_folder)
    with pytest.raises(DatasetError, match="tiny"):
        training.train(spec)


def test_features_are_computed_once_and_shared_by_heads(
    make_spec, monkeypatch, tmp_path, tiny_dataset_folder, small_network
):
    import keras

    watcher = Watcher()
    spec = make_spec("chexnet-probe", weights="random", epochs=8, learning_rate=0.01)
    run = training.train(spec, report=watcher.report, precision="mixed_bfloat16")
    assert "computing features" in {progress.stage for progress in watcher.seen}
    assert run.precision == "float32"
    assert run.metrics["test"].accuracy > 0.6
    assert run.weights_used == "random"

    # What is kept is the whole model, from pixels to classes, without an optimiser.
    model = keras.models.load_model(run.model_path())
    assert not model.compiled
    predictions, dataset = run.predictions(), datasets.load(tiny_dataset_folder)
    gray = [images.resize(images.decode(dataset.root / path), 32) for path in predictions["path"]]
    expected = model.predict(np.repeat(np.float32(gray)[..., None], 3, axis=-1), verbose=0)
    shares = predictions[[f"p_{name}" for name in spec.classes]].to_numpy()
    np.testing.assert_allclose(shares, expected, atol=1e-5)

    # Another head, interrupted and resumed, needs no features of its own.
    monkeypatch.setattr(features, "_write", lambda *_: pytest.fail("computed again"))
    other = make_spec("chexnet-probe", weights="random", epochs=4)
    interrupt_after(2, other, tmp_path / "checkpoint")
    assert training.train(other, checkpoint=tmp_path / "checkpoint").epochs_run == 4


def test_a_learning_rate_that_fell_to_nothing_ends_the_training(
    make_spec, monkeypatch, small_network
):
    from cxrcore.training import schedule

    monkeypatch.setattr(schedule, "NEGLIGIBLE_SHARE", 0.2)
    plateau = {"monitor": "val_accuracy", "factor": 0.1, "patience": 1, "mode": "max"}
    run = training.train(make_spec(epochs=30, learning_rate=1e-6, plateau=plateau))
    assert run.epochs_run < 30
    assert "the learning rate fell to 1e-07" in run.stopped_because
