"""A recipe trained without each source of a dataset, and tested on it."""

import dataclasses
import json

import cv2
import keras
import numpy as np
import pytest

from cxrcore import datasets, external, models, splits, store, training
from cxrcore.errors import ComparisonError, DatasetError
from cxrcore.external import sources
from cxrcore.splits import LEFT_OUT, SplitSpec
from tests.cli.conftest import run as command  # noqa: F401
from tests.helpers import elsewhere, tested


@pytest.fixture
def sourced(tiny, monkeypatch):
    """Two thirds of the films from Kerr, the others from Lind; eight of a source are enough."""
    monkeypatch.setattr(sources, "FEWEST", 8)
    names = np.where(np.arange(len(tiny.table)) % 3, "Kerr", "Lind")
    return dataclasses.replace(
        tiny, table=tiny.table.assign(source=names).astype({"source": "str"})
    )


def recipe():
    return models.get("cnn-plain").override(image_size=elsewhere.SIDE)


def without(dataset, source):
    """A run that nobody trained, of the films that do not come from a source."""
    spec = training.plan(recipe(), dataset, SplitSpec(without_source=source))
    part = splits.assign(dataset.table, spec.split).assignment
    parts = part.reindex(dataset.table["image_id"].to_numpy(object)).to_numpy(object)
    rows = np.flatnonzero(np.isin(parts, ("validation", "test")))
    shares = np.random.default_rng(1).dirichlet(np.ones(3), len(rows))
    gone = dataset.table.loc[parts == LEFT_OUT, ["image_id", "path"]].astype(str)
    return tested.keep(
        dataset,
        0,
        shares,
        rows,
        parts[rows],
        elsewhere.network(3).save,
        run_id=spec.run_id,
        recipe=spec.recipe,
        split=spec.split,
        grouping=spec.grouping,
        removed=gone.assign(reason="left out").to_dict("records"),
    )


def test_films_of_a_source_and_what_is_tied_to_them_are_in_no_part(sourced):
    table = sourced.table.copy()
    kerr, lind = (table.index[table["source"] == name] for name in ("Kerr", "Lind"))
    table.loc[[kerr[0], lind[0]], "patient_id"] = "both"
    groups = table.set_index("image_id")["source"].map({}).astype("float64")
    groups[table.loc[[kerr[1], lind[1]], "image_id"]] = 0
    spec = SplitSpec(without_source="Lind")
    found = splits.assign(table, spec, groups)
    part = found.assignment.loc[table["image_id"]].to_numpy(object)
    gone = {*lind, kerr[0], kerr[1]}
    assert set(np.flatnonzero(part == LEFT_OUT)) == gone
    rest = table.drop(index=list(gone))
    alone = splits.assign(rest, SplitSpec(), groups)
    assert found.assignment.loc[rest["image_id"]].equals(alone.assignment.loc[rest["image_id"]])
    assert f"its {len(lind)} films are left out, and 2 of others" in found.note
    # Without a source nothing is named otherwise than before there was one.
    assert "without_source" not in SplitSpec().model_dump(exclude_none=True)


def test_a_class_that_vanishes_with_its_source_and_an_unknown_source_are_said(sourced):
    table = sourced.table
    only = table[(table["label"] != "C") | (table["source"] == "Lind")]
    with pytest.raises(DatasetError, match="C vanishes with the source 'Lind'"):
        splits.assign(only, SplitSpec(without_source="Lind"))
    with pytest.raises(DatasetError, match="The sources are: Kerr, Lind"):
        splits.assign(table, SplitSpec(without_source="Moss"))
    found = external.leave_one_out(recipe(), dataclasses.replace(sourced, table=only))
    obstacles = {arm.source: arm.obstacle for arm in found.arms}
    assert obstacles == {"Kerr": "", "Lind": "C vanishes with it"}
    assert list(found.missing) == ["Kerr"]
    one = dataclasses.replace(sourced, table=table.assign(source="Kerr"))
    with pytest.raises(ComparisonError, match="come from 1 known source; to leave one out"):
        external.leave_one_out(recipe(), one)


def test_a_member_of_a_merged_dataset_is_one_source_and_a_small_source_is_no_test(sourced):
    table = sourced.table.copy()
    lind = table.index[table["source"] == "Lind"]
    table.loc[table["source"] == "Kerr", "source"] = "x: Kerr"
    table.loc[lind[::2], "source"] = "y"  # a film of a member whose hospital is not known
    table.loc[lind[1::2], "source"] = "y: Lind"
    many = dataclasses.replace(sourced, table=table)
    together = external.leave_one_out(recipe(), dataclasses.replace(many, layout="merged"))
    assert [(arm.source, arm.films) for arm in together.arms] == [
        ("x", len(table) - len(lind)),
        ("y", len(lind)),
    ]
    (left,) = (arm.spec for arm in together.arms if arm.source == "y")
    part = splits.assign(table, left.split).assignment
    assert set(part.index[part == LEFT_OUT]) == set(table.loc[lind, "image_id"])
    apart = external.leave_one_out(recipe(), many)
    few = {arm.source: arm.obstacle for arm in apart.arms if arm.films < 8}
    assert few == {"y": "fewer than 8 films", "y: Lind": "fewer than 8 films"}
    assert set(apart.missing) == {"x: Kerr"}


def test_corrected_sources_make_another_run_only_where_one_is_left_out(sourced):
    other = dataclasses.replace(
        sourced, table=sourced.table.assign(source=sourced.table["source"][::-1].to_numpy())
    )
    plain, left = SplitSpec(), SplitSpec(without_source="Lind")
    names = [
        [training.plan(recipe(), each, split).run_id for each in (sourced, other)]
        for split in (plain, left)
    ]
    assert names[0][0] == names[0][1]
    assert len({*names[0], *names[1]}) == 3


def test_a_run_is_tested_on_the_source_it_was_trained_without(sourced):
    run = without(sourced, "Lind")
    found = external.leave_one_out(recipe(), sourced)
    assert {arm.source: arm.run and arm.run.run_id for arm in found.arms} == {
        "Kerr": None,
        "Lind": run.run_id,
    }
    assert [each.run_id for each in found.untested] == [run.run_id]
    test = external.evaluate(run, sourced)
    table = test.predictions()
    there = table[table["split"] == "test"]
    lind = sourced.table[sourced.table["source"] == "Lind"]
    assert set(there["image_id"]) == set(lind["image_id"])
    # Keras alone, on the files as OpenCV reads them.
    films = [cv2.imread(str(sourced.root / path), cv2.IMREAD_GRAYSCALE) for path in there["path"]]
    model = keras.models.load_model(run.model_path(), compile=False)
    wanted = model.predict(np.repeat(np.stack(films)[..., None], 3, axis=3), verbose=0)
    assert np.abs(there[["p_A", "p_B", "p_C"]].to_numpy() - wanted).max() < 1e-6
    # Thresholds come from the films that it was validated on.
    own = run.predictions()
    validated = own[own["split"] == "validation"].reset_index(drop=True)
    assert table[table["split"] == "validation"].equals(validated)
    assert "learned from no film that shares a patient" in test.notes[1]
    assert store.title(test) == "Plain CNN · tested on Lind"
    rows = external.table().set_index("run_id")
    assert rows.loc[test.run_id, "tested_on"] == "tiny: Lind"
    assert rows.loc[run.run_id, "tested_on"] == rows.loc[test.run_id, "trained_on"]
    assert rows.loc[test.run_id, "trained_on"] == "tiny without Lind"
    # What is lost is counted from the test films of the others.
    [row] = external.frame(external.leave_one_out(recipe(), sourced)).dropna().to_dict("records")
    assert row["source"] == "Lind"
    assert row["value"] == pytest.approx(
        np.mean(wanted.argmax(axis=1) == lind["label"].map("ABC".index))
    )
    assert row["home_value"] == pytest.approx(run_accuracy(own))
    assert row["drop"] == pytest.approx(row["home_value"] - row["value"])
    assert row["drop_low"] < row["drop"] < row["drop_high"]


def run_accuracy(table):
    rows = table[table["split"] == "test"]
    return (rows["predicted"] == rows["label"]).mean()


def test_the_command_says_what_is_known_and_what_is_missing(command, sourced, monkeypatch):  # noqa: F811
    monkeypatch.setattr(datasets, "load", lambda _: sourced)
    small = recipe()
    monkeypatch.setattr(models, "get", lambda _: small)
    fast = training.plan(small.fast(), sourced, SplitSpec(without_source="Kerr"))
    code, out, _ = command("leave-one-source-out", "cnn-plain", "--data", "tiny", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["missing"]["Kerr"] == fast.run_id
    assert [row["source"] for row in told["sources"]] == ["Kerr", "Lind"]
    code, out, _ = command("leave-one-source-out", "cnn-plain", "--data", "tiny")
    assert "Not all is trained and tested yet" in out
