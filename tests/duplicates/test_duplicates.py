"""Near duplicates within a dataset and between two: what is found, kept and grouped."""

import itertools
import shutil
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, map_coordinates
from skimage.transform import resize

from cxrcore import datasets, duplicates, index, parallel
from cxrcore.errors import Cancelled, DatasetError
from tests.helpers.films import film


@pytest.fixture
def folder(tmp_path):
    """Six films, and three copies of the first: smaller, cropped, with other grays."""
    root = tmp_path / "films"
    (root / "A").mkdir(parents=True)
    (root / "B").mkdir()
    for seed in range(6):
        cv2.imwrite(str(root / "AB"[seed % 2] / f"{seed}.png"), film(seed))
    one = film(0)
    cv2.imwrite(str(root / "B" / "smaller.jpg"), cv2.resize(one, (180, 210)))
    cv2.imwrite(str(root / "B" / "cropped.png"), one[30:280, 20:250])
    cv2.imwrite(str(root / "A" / "gamma.png"), (255 * (one / 255) ** 1.6).astype(np.uint8))
    return root


@pytest.fixture
def dataset(folder):
    return datasets.load(folder)


def find(dataset, **options):
    return duplicates.find(dataset, index.measure(dataset), **options)


def names(dataset, ids):
    return {dataset.path_of(str(i)).stem for i in ids}


def test_copies_of_a_film_are_one_group_and_others_are_in_none(dataset):
    found = find(dataset)
    assert names(dataset, found.groups.index) == {"0", "smaller", "cropped", "gamma"}
    assert set(found.groups) == {0}
    assert list(found.pairs.columns) == list(duplicates.COLUMNS)
    assert (found.pairs["first"] < found.pairs["second"]).all()
    assert found.pairs["correlation"].between(duplicates.NEAR, 1).all()
    assert not found.pairs.duplicated(["first", "second"]).any()


def test_the_bits_are_those_in_which_the_hashes_differ(dataset):
    hashes = index.measure(dataset).table.set_index("image_id")["phash"]
    for pair in find(dataset).pairs.itertuples():
        one, other = (int(hashes[i], 16) for i in (pair.first, pair.second))
        assert pair.bits == (one ^ other).bit_count()


def test_what_was_found_is_read_back(dataset):
    assert duplicates.load(dataset) is None
    found, kept = find(dataset), duplicates.load(dataset)
    pd.testing.assert_frame_equal(kept.pairs, found.pairs)
    pd.testing.assert_series_equal(kept.groups, found.groups)


def test_a_second_call_compares_nothing(dataset, monkeypatch):
    first = find(dataset)
    monkeypatch.setattr("cxrcore.duplicates.pairs_within", None)  # would raise if called
    pd.testing.assert_frame_equal(find(dataset).pairs, first.pairs)


def test_the_search_gives_the_same_again(dataset, own_folders):
    first = find(dataset)
    shutil.rmtree(own_folders.data / "duplicates")
    again = find(dataset)
    pd.testing.assert_frame_equal(again.pairs, first.pairs)
    pd.testing.assert_series_equal(again.groups, first.groups)


@pytest.mark.parametrize("harm", ["version", "damage"])
def test_a_result_of_another_version_or_damaged_counts_as_absent(
    dataset, own_folders, monkeypatch, harm
):
    first = find(dataset)
    if harm == "version":
        monkeypatch.setattr(duplicates, "VERSION", duplicates.VERSION + 1)
    else:
        next((own_folders.data / "duplicates").glob("*.parquet")).write_bytes(b"PAR1 no")
    assert duplicates.load(dataset) is None
    pd.testing.assert_frame_equal(find(dataset).pairs, first.pairs)


def test_an_image_that_was_mended_is_compared(dataset, folder, monkeypatch):
    small = len(film(0).ravel()) - 1
    monkeypatch.setenv("CXR_MAX_PIXELS", str(small))  # the full-size films are refused
    before = find(dataset)
    monkeypatch.delenv("CXR_MAX_PIXELS")
    after = find(dataset)
    assert len(after.groups) > len(before.groups)


def test_blank_images_are_like_no_other(folder):
    for number in range(3):
        blank = np.full((80, 80 + number), 7, np.uint8)
        cv2.imwrite(str(folder / "A" / f"blank{number}.png"), blank)
    dataset = datasets.load(folder)
    assert names(dataset, find(dataset).groups.index) == {"0", "smaller", "cropped", "gamma"}


def test_damaged_images_are_like_no_other(folder):
    data = (folder / "A" / "0.png").read_bytes()
    for number in range(2):
        (folder / "A" / f"cut{number}.png").write_bytes(data[: 2000 + number])
    dataset = datasets.load(folder)
    assert names(dataset, find(dataset).groups.index) == {"0", "smaller", "cropped", "gamma"}


def test_without_duplicates_there_are_no_groups(tiny_dataset_folder):
    found = find(datasets.load(tiny_dataset_folder))
    assert found.pairs.empty
    assert found.groups.empty
    assert found.groups.dtype == np.int64


def test_a_search_that_is_stopped_leaves_nothing_and_can_begin_again(dataset):
    measured = index.measure(dataset)

    def stop(progress):
        if progress.stage.startswith("confirming"):
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        duplicates.find(dataset, measured, report=stop)
    assert duplicates.load(dataset) is None
    assert len(find(dataset).groups) == 4


def test_a_search_that_is_stopped_while_images_are_compared_leaves_nothing(dataset, own_folders):
    measured = index.measure(dataset)

    def stop(progress):
        if progress.stage.startswith("comparing"):
            raise Cancelled("stopped")

    threads_before, running = cv2.getNumThreads(), threading.active_count()
    with pytest.raises(Cancelled):
        duplicates.find(dataset, measured, report=stop)
    assert cv2.getNumThreads() == threads_before
    assert threading.active_count() == running
    assert not list((own_folders.data / "duplicates").glob("*.parquet"))


@pytest.mark.parametrize("count", [0, 1])
def test_of_no_image_or_one_there_are_no_duplicates(dataset, count):
    measured = index.measure(dataset)
    few = replace(dataset, table=dataset.table[:count])
    few_measured = replace(measured, table=measured.table[:count], paths=measured.paths[:count])
    found = duplicates.find(few, few_measured)
    assert found.pairs.empty
    assert found.groups.empty
    across = duplicates.between(few, few_measured, dataset, measured)
    assert set(across["first"]) <= set(few.table["image_id"])
    assert list(across.columns) == list(duplicates.COLUMNS)


def test_whether_two_images_are_one_film_does_not_depend_on_the_rest(tmp_path):
    for name, others in (("few", 0), ("many", 60)):
        root = tmp_path / name
        (root / "A").mkdir(parents=True)
        cv2.imwrite(str(root / "A" / "one.png"), film(0))
        cv2.imwrite(str(root / "A" / "part.jpg"), film(0)[15:290, 12:])
        for seed in range(1, 1 + others):
            cv2.imwrite(str(root / "A" / f"{seed}.png"), film(seed))
    few, many = (datasets.load(tmp_path / name) for name in ("few", "many"))
    alone = find(few).pairs
    assert len(alone) == 1
    pd.testing.assert_frame_equal(find(many).pairs, alone)
    across = duplicates.between(few, index.measure(few), many, index.measure(many))
    near = across[across["kind"] == "near"]
    assert {frozenset(p) for p in zip(near["first"], near["second"], strict=True)} == {
        frozenset(alone.loc[0, ["first", "second"]])
    }
    assert near["correlation"].to_numpy() == pytest.approx(alone["correlation"][0], abs=1e-3)


def test_the_correlation_is_that_of_the_detail_where_both_are(tmp_path):
    whole = film(3, (512, 512))
    part = whole[64:, 32:]
    noise = np.random.default_rng(0).normal(0, 1.5, part.shape)
    part = (part + noise).clip(0, 255).astype(np.uint8)
    (tmp_path / "films" / "A").mkdir(parents=True)
    for name, picture in (("whole", whole), ("part", part)):
        cv2.imwrite(str(tmp_path / "films" / "A" / f"{name}.png"), picture)
    (found,) = find(datasets.load(tmp_path / "films")).pairs["correlation"]

    def detail(gray):  # as `local_contrast` says, by scikit-image and SciPy
        square = resize(gray.astype(float), (256, 256), anti_aliasing=True)
        rest = square - gaussian_filter(square, 4, mode="mirror")
        return rest / (np.sqrt(gaussian_filter(rest**2, 6, mode="mirror")) + 4)

    scale = np.array([448 / 512, 480 / 512])
    begin = np.array([64, 32]) / 2
    places = [(np.arange(256) + 0.5) * s + b - 0.5 for s, b in zip(scale, begin, strict=True)]
    moved = map_coordinates(detail(whole), np.meshgrid(*places, indexing="ij"), order=1)
    wanted = np.corrcoef(moved.ravel(), detail(part).ravel())[0, 1]
    assert found == pytest.approx(wanted, abs=0.03)


@pytest.mark.parametrize("change", ["black frame", "white frame", "negative"])
def test_frames_and_negatives_are_seen_through(tmp_path, change):
    one = film(5)
    value = 255 if change == "white frame" else 0
    other = cv2.copyMakeBorder(one, 30, 30, 30, 30, cv2.BORDER_CONSTANT, value=value)
    (tmp_path / "films" / "A").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "films" / "A" / "one.png"), one)
    cv2.imwrite(
        str(tmp_path / "films" / "A" / "other.png"), 255 - one if change == "negative" else other
    )
    (found,) = find(datasets.load(tmp_path / "films")).pairs["correlation"]
    assert found > 0.9


def test_a_file_that_changed_is_an_error(dataset, folder):
    measured = index.measure(dataset)
    cv2.imwrite(str(folder / "B" / "cropped.png"), film(9))
    with pytest.raises(DatasetError, match="changed"):
        duplicates.find(dataset, measured)


def test_a_second_search_waits_for_the_first(dataset, own_folders):
    measured = index.measure(dataset)
    lock = own_folders.data / "duplicates" / f"{dataset.fingerprint}.lock"
    stages = []
    with parallel.exclusive(lock, lambda: None):
        reported = threading.Event()

        def report(progress):
            stages.append(progress.stage)
            reported.set()

        other = threading.Thread(
            target=duplicates.find, args=(dataset, measured), kwargs={"report": report}
        )
        other.start()
        assert reported.wait(20)
        assert stages[0].startswith("waiting")
        assert duplicates.load(dataset) is None
    other.join(60)
    assert duplicates.load(dataset) is not None


def test_between_datasets_exact_pairs_come_first_and_near_ones_are_found(folder, tmp_path):
    other = tmp_path / "other"
    for name in ("C", "D"):
        (other / name).mkdir(parents=True)
    shutil.copy(folder / "B" / "1.png", other / "C" / "same.png")
    cv2.imwrite(str(other / "D" / "two.jpg"), film(2)[20:, :240])
    cv2.imwrite(str(other / "D" / "new.png"), film(77))
    one, two = datasets.load(folder), datasets.load(other)
    found = duplicates.between(one, index.measure(one), two, index.measure(two))
    described = [
        (row.kind, one.path_of(row.first).stem, two.path_of(row.second).stem)
        for row in found.itertuples()
    ]
    assert described == [("exact", "1", "same"), ("near", "2", "two")]
    assert list(found.columns) == list(duplicates.COLUMNS)


def test_between_datasets_without_anything_in_common_nothing_is_found(folder, tiny_dataset_folder):
    one, two = datasets.load(folder), datasets.load(tiny_dataset_folder)
    found = duplicates.between(one, index.measure(one), two, index.measure(two))
    assert found.empty
    assert list(found.columns) == list(duplicates.COLUMNS)


PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda p: p[0] < p[1]))


@given(pairs=PAIRS)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_groups_are_the_transitive_closure_largest_first(pairs):
    ids = [f"{n:032x}" for n in range(10)]
    table = pd.DataFrame({"image_id": ids, "path": [f"{9 - n}.png" for n in range(10)]})
    frame = pd.DataFrame(
        {"first": [ids[i] for i, _ in pairs], "second": [ids[j] for _, j in pairs]}, dtype="str"
    )
    groups = duplicates._groups(frame, table)
    together = {n: {n} for n in range(10)}
    for _ in range(10):  # brute force: join until nothing changes
        for i, j in pairs:
            joined = together[i] | together[j]
            for n in joined:
                together[n] = joined
    wanted = {frozenset(s) for s in together.values() if len(s) > 1}
    found = [frozenset(ids.index(i) for i in part.index) for _, part in groups.groupby(groups)]
    assert set(found) == wanted
    keys = [(-len(part), min(9 - n for n in part)) for part in found]
    assert keys == sorted(keys)


@pytest.mark.real
@pytest.mark.slow
def test_all_known_pairs_of_three_collections_are_found_and_no_others(real_data):
    sets = [
        datasets.load(real_data / "cxr3"),
        datasets.load(real_data / "ieee8023-covid-chestxray-dataset"),
        datasets.load(real_data / "v7-covid-19-chest-x-ray-dataset", options={"keep_all": True}),
    ]

    def name(row):
        original = row.get("original_name")
        return Path(original if isinstance(original, str) else row["path"]).stem.lower()

    def stem(dataset, image_id):
        return name(dataset.table.set_index("image_id").loc[image_id])

    # All that are known to be in two places, and of the other 1,200 every fourth.
    names = [[name(row) for _, row in dataset.table.iterrows()] for dataset in sets]
    places = Counter(itertools.chain.from_iterable(map(set, names)))
    twice = {"e63574a7-4188-4c8d-8d17-9d67a18a1afa", "f4341ce7-73c9-45c6-99c8-8567a5484b63"}
    chosen = [
        [places[one] > 1 or one in twice or row % 4 == 0 for row, one in enumerate(own)]
        for own in names
    ]
    sets = [
        replace(dataset, table=dataset.table[keep].reset_index(drop=True))
        for dataset, keep in zip(sets, chosen, strict=True)
    ]
    measured = [index.measure(dataset, workers=1) for dataset in sets]

    counts = []
    for i, j in itertools.combinations(range(3), 2):
        found = duplicates.between(sets[i], measured[i], sets[j], measured[j])
        counts.append(len(found))
        assert found["correlation"].min() > duplicates.NEAR + 0.05
        for pair in found.itertuples():
            assert stem(sets[i], pair.first) == stem(sets[j], pair.second)
    assert counts == [10, 20, 4]
    within = duplicates.find(sets[0], measured[0]).pairs
    assert [round(value, 2) for value in within["correlation"]] == [0.98]  # one film, two names
