"""Profiles of runs: made, kept, read again, and the nearest films."""

import dataclasses

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from cxrcore import profiles, store
from cxrcore.errors import StoreError
from cxrcore.profiles import record
from tests.helpers import chests
from tests.helpers.chests import answer


def test_the_training_films_are_those_that_are_neither_tested_nor_validated_nor_left_out(ward):
    profile = profiles.load(ward.run)
    assert [i.decode() for i in profile.image_ids] == sorted(ward.of("train"))
    assert len(profile.unlike) == len(ward.of("validation"))
    table = ward.dataset.table.set_index("image_id")
    labels = [profile.classes[label] for label in profile.labels]
    assert labels == [table.loc[i.decode(), "label"] for i in profile.image_ids]
    assert all(profile.knows(image_id) for image_id in ward.of("train"))
    assert not any(profile.knows(image_id) for image_id in ward.of("test"))
    assert not profile.knows("no id ☃")


def test_the_nearest_films_are_those_of_scikit_learn(ward):
    profile = profiles.load(ward.run)
    pixels = [answer(ward.run, ward.film(i.decode()).gray).embedding for i in profile.image_ids]
    wanted = NearestNeighbors(n_neighbors=5).fit(np.stack(pixels))
    for image_id in ward.of("test"):
        embedding = answer(ward.run, ward.film(image_id).gray).embedding
        found = profile.nearest(embedding)
        distances, places = wanted.kneighbors(embedding[None])
        assert [n.image_id for n in found] == [profile.image_ids[p].decode() for p in places[0]]
        np.testing.assert_allclose([n.distance for n in found], distances[0], rtol=0.01)
    own = answer(ward.run, ward.film(ward.of("train")[0]).gray).embedding
    assert profile.nearest(own, 1)[0].image_id == ward.of("train")[0]
    assert profile.nearest(own, 1)[0].distance < 0.01 * distances[0][0]
    assert len(profile.nearest(own, 1000)) == len(profile.image_ids)


def test_an_embedding_or_channels_of_another_network_are_refused(ward):
    profile = profiles.load(ward.run)
    with pytest.raises(StoreError, match="has 7 numbers, those of the training films 64"):
        profile.nearest(np.zeros(7, np.float32))
    with pytest.raises(StoreError, match=r"The film has \[16\] channels"):
        profile.scores(np.zeros((64, 64), np.uint8), (np.zeros(16, np.float32),))


def test_at_most_one_in_twenty_validation_films_would_be_withheld(ward):
    profile = profiles.load(ward.run)
    scores = []
    for image_id in ward.of("validation"):
        seen = answer(ward.run, ward.film(image_id).gray)
        scores.append(profile.scores(seen.seen, seen.depths))
    unlike, turned, _ = profile.limits
    stopped = [score.unlike > unlike or score.turned > turned for score in scores]
    assert np.mean(stopped) <= 0.05
    np.testing.assert_allclose(sorted(s.unlike for s in scores), profile.unlike, rtol=1e-4)
    assert profile.promises
    assert not dataclasses.replace(profile, unlike=profile.unlike[:30]).promises


def test_what_is_read_again_is_what_was_made_and_damage_counts_as_none(ward, tmp_path, monkeypatch):
    own = chests.keep_run  # another run in a store of its own
    monkeypatch.setenv("CXR_MODELS", str(tmp_path / "models"))
    run = own(ward.dataset, 5)
    assert profiles.load(run) is None
    made = profiles.make(run, ward.dataset, None)
    read = profiles.load(run)
    for name in ("image_ids", "labels", "embeddings", "usual", "unlike", "quality", "limits"):
        np.testing.assert_array_equal(getattr(read, name), getattr(made, name))
    assert (read.classes, read.scale, read.trained) == (made.classes, made.scale, True)
    gray = ward.film(ward.of("test")[0]).gray
    one = answer(run, gray)
    assert read.scores(one.seen, one.depths) == made.scores(one.seen, one.depths)
    place = record.place_of(run)
    place.write_bytes(place.read_bytes()[:1000])
    assert profiles.load(run) is None
    place.with_suffix(".npy").unlink()
    assert profiles.load(run) is None


def test_the_trash_takes_profiles_along(ward, tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_MODELS", str(tmp_path / "models"))
    run = chests.keep_run(ward.dataset, 5)
    record.keep(run, profiles.load(ward.run) or _of(ward, monkeypatch))
    store.delete(run.run_id)
    store.restore(run.run_id)
    assert profiles.load(run) is not None
    store.delete(run.run_id)
    store.empty_trash()
    assert list((tmp_path / "models" / ".profiles").iterdir()) == []


def _of(ward, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("CXR_MODELS", str(ward.dataset.root.parent / "models"))
        return profiles.load(ward.run)


def test_of_a_changed_dataset_or_of_too_few_films_there_is_no_profile(ward):
    fewer = dataclasses.replace(ward.dataset, table=ward.dataset.table[:-1])
    with pytest.raises(StoreError, match="has changed since"):
        profiles.make(ward.run, fewer, None)
    left_out = [{"image_id": i, "path": "", "reason": "flat"} for i in ward.of("train")[2:]]
    with pytest.raises(StoreError, match="has 2 training films and 60 validation films"):
        profiles.make(ward.run.model_copy(update={"removed": left_out}), ward.dataset, None)


def test_a_sketch_of_a_long_embedding_keeps_distances():
    rng = np.random.default_rng(0)
    long = rng.gamma(0.5, 1, (30, 5000)).astype(np.float32)
    short = record.sketch(long)
    assert short.shape == (30, record.MOST_FEATURES)
    before = np.linalg.norm(long[:1] - long[1:], axis=1)
    after = np.linalg.norm(short[:1] - short[1:], axis=1)
    np.testing.assert_allclose(after, before, rtol=0.1)
    np.testing.assert_array_equal(record.sketch(long), short)
    np.testing.assert_array_equal(record.sketch(long[:, :900]), long[:, :900])
