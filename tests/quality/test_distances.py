"""Distances between groups' gray values, against SciPy; and what chance makes of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from cxrcore.errors import DatasetError
from cxrcore.quality.distances import FEWEST, distances

LEVELS = np.arange(256)
COUNTS = arrays.arrays(np.uint32, (2, 256), elements=st.integers(0, 40))


def shifted(count: int, centre: float, spread: float = 8.0, seed: int = 0) -> np.ndarray:
    """Histograms of `count` images, each a bell around a gray value of its own near `centre`."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(centre, spread, (count, 1))
    return (10_000 * stats.norm.pdf(LEVELS, centres, 12)).astype(np.uint32)


def two(first: np.ndarray, second: np.ndarray, **options):
    groups = np.repeat(["A", "B"], [len(first), len(second)])
    return distances(np.concatenate([first, second]), groups, ["A", "B"], **options)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of SciPy's p-value, which nobody asks for
@settings(deadline=None)
@given(COUNTS)
def test_distances_of_two_images_are_those_of_scipy(counts):
    counts[:, 7] += 1
    found = two(counts[:1], counts[1:], leave_out=())
    expected = stats.wasserstein_distance(LEVELS, LEVELS, counts[0], counts[1])
    assert found["wasserstein"].between[0, 1] == pytest.approx(expected, abs=1e-9)
    pixels = [np.repeat(LEVELS, row) for row in counts]
    expected = stats.ks_2samp(*pixels, method="asymp").statistic
    assert found["ks"].between[0, 1] == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(COUNTS)
def test_black_and_white_do_not_count_unless_asked_for(counts):
    counts[:, 7] += 1
    inner = slice(1, 255)
    found = two(counts[:1], counts[1:])
    expected = stats.wasserstein_distance(
        LEVELS[inner], LEVELS[inner], counts[0, inner], counts[1, inner]
    )
    assert found["wasserstein"].between[0, 1] == pytest.approx(expected, abs=1e-9)


def test_any_gray_values_can_be_left_out():
    counts = np.zeros((2, 256), np.uint32)
    counts[0, [0, 100]] = 50, 1
    counts[1, [100, 255]] = 1, 1
    assert two(counts[:1], counts[1:], leave_out=(0,))["ks"].between[0, 1] == 0.5
    assert two(counts[:1], counts[1:], leave_out=(0, 255))["ks"].between[0, 1] == 0


def test_each_image_counts_the_same_whatever_its_size():
    first = np.zeros((2, 256), np.uint32)
    first[0, 100], first[1, 200] = 1, 1_000_000
    second = np.zeros((1, 256), np.uint32)
    second[0, 150] = 5
    found = two(first, second)
    assert found["wasserstein"].between[0, 1] == pytest.approx(50)
    assert found["ks"].between[0, 1] == pytest.approx(0.5)


def test_a_shift_by_some_gray_levels_is_that_distance():
    first = shifted(40, 100)
    found = two(first, np.roll(first, 23, axis=1))["wasserstein"]
    assert found.between[0, 1] == pytest.approx(23)
    assert found.images.tolist() == [40, 40]


@settings(deadline=None)
@given(arrays.arrays(np.uint32, (9, 256), elements=st.integers(0, 9)), st.sampled_from([0, 1]))
def test_distances_are_those_of_a_metric(counts, kind):
    counts[:, 7] += 1
    groups = np.repeat(["A", "B", "C"], 3)
    d = list(distances(counts, groups, ["A", "B", "C"]).values())[kind].between
    np.testing.assert_array_equal(d, d.T)
    assert not d.diagonal().any()
    assert d[0, 2] <= d[0, 1] + d[1, 2] + 1e-12
    assert (d <= (255, 1)[kind]).all()


def test_groups_keep_their_order_and_those_without_images_are_left_out():
    counts = np.concatenate([shifted(3, 90), shifted(3, 120), np.zeros((2, 256), np.uint32)])
    groups = np.repeat(["A", "B", "damaged"], [3, 3, 2])
    found = distances(counts, groups, ["damaged", "B", "nobody", "A"])["ks"]
    assert found.names == ("B", "A")


def test_images_of_only_black_and_white_do_not_count():
    counts = shifted(4, 100)
    counts[3] = 0
    counts[3, [0, 255]] = 100
    assert distances(counts, np.repeat("A", 4), ["A"])["ks"].images.tolist() == [3]


def test_the_farthest_groups_are_named():
    counts = np.concatenate([shifted(9, 90), shifted(9, 120), shifted(9, 97)])
    groups = np.repeat(["A", "B", "C"], 9)
    assert distances(counts, groups, ["A", "B", "C"])["wasserstein"].farthest() == (0, 1)
    assert distances(counts, groups, ["A"])["wasserstein"].farthest() is None


# --- chance ---------------------------------------------------------------------------------


def test_random_halves_lie_as_far_apart_as_halves_drawn_one_by_one():
    counts = shifted(60, 110)
    found = two(counts, counts)
    shares = counts / counts.sum(axis=1, keepdims=True)
    rng = np.random.default_rng(99)
    drawn = []
    for _ in range(2000):
        order = rng.permutation(60)
        halves = [shares[order[:30]].mean(axis=0), shares[order[30:]].mean(axis=0)]
        drawn.append(stats.wasserstein_distance(LEVELS, LEVELS, *halves))
    expected = np.quantile(drawn, 0.95)
    assert found["wasserstein"].chance[0] == pytest.approx(expected, rel=0.15)


def test_of_many_images_a_sample_tells_the_same(monkeypatch):
    counts = shifted(3000, 110)

    def mean(field: str) -> float:
        found = [distances(counts, np.repeat("A", 3000), ["A"], seed=n) for n in range(6)]
        return np.mean([getattr(one["wasserstein"], field)[0] for one in found])

    sampled = {field: mean(field) for field in ("chance", "single")}
    monkeypatch.setattr("cxrcore.quality.distances._SAMPLE", 3000)
    assert sampled == {field: pytest.approx(mean(field), rel=0.1) for field in sampled}


def test_groups_drawn_alike_are_seldom_farther_apart_than_chance():
    beyond = []
    for seed in range(60):
        counts = shifted(80, 110, seed=seed)
        beyond.append(two(counts[:40], counts[40:])["wasserstein"].beyond_chance(0, 1))
    assert sum(beyond) <= 3  # the halves are smaller than the groups: less than one in twenty


def test_groups_that_differ_are_farther_apart_than_chance():
    found = two(shifted(40, 100), shifted(40, 112, seed=1))
    assert found["wasserstein"].beyond_chance(0, 1)
    assert found["ks"].beyond_chance(0, 1)


def test_images_of_one_patient_are_not_torn_apart():
    one_each = shifted(20, 110)
    alike = np.repeat(one_each, 5, axis=0)  # five copies add nothing
    patients = np.repeat([f"p{n}" for n in range(20)], 5).astype(object)
    torn = two(alike, alike)["wasserstein"].chance[0]
    units = np.concatenate([patients, patients])
    kept = two(alike, alike, units=units)["wasserstein"].chance[0]
    honest = two(one_each, one_each)["wasserstein"].chance[0]
    assert kept == pytest.approx(honest, rel=0.25)
    assert torn < 0.7 * honest


def test_images_without_a_patient_are_on_their_own():
    counts = shifted(20, 110)
    unknown = np.full(40, None, object)
    assert (
        two(counts, counts, units=unknown)["ks"].chance.tolist()
        == two(counts, counts)["ks"].chance.tolist()
    )


@pytest.mark.parametrize(("images", "known"), [(FEWEST - 1, False), (FEWEST, True)])
def test_of_few_images_nothing_is_said_about_chance(images, known):
    found = two(shifted(images, 100), shifted(40, 130))["wasserstein"]
    assert np.isfinite(found.chance[0]) == known
    assert found.beyond_chance(0, 1) is (True if known else None)


def test_two_images_of_a_group_differ_by_their_own_spread():
    found = two(shifted(400, 110, spread=8), shifted(1, 110))["wasserstein"]
    assert found.single[0] == pytest.approx(8 * 2 / np.sqrt(np.pi), rel=0.1)  # mean |a - b|
    assert np.isnan(found.single[1])


def test_the_same_seed_gives_the_same_and_arguments_are_not_changed():
    counts = shifted(40, 100)
    before = counts.copy()
    first, again, other = (two(counts, counts, seed=seed)["ks"] for seed in (3, 3, 4))
    assert first.chance.tolist() == again.chance.tolist()
    assert first.chance.tolist() != other.chance.tolist()
    np.testing.assert_array_equal(counts, before)


def test_read_only_histograms_are_welcome():
    counts = shifted(9, 100)
    counts.flags.writeable = False
    assert distances(counts, np.repeat("A", 9), ["A"])["ks"].names == ("A",)


def test_without_any_image_there_is_no_group():
    found = distances(np.zeros((2, 256), np.uint32), np.array(["A", "B"]), ["A", "B"])["ks"]
    assert found.names == ()
    assert found.between.shape == (0, 0)
    assert found.farthest() is None


def test_arrays_that_do_not_belong_together_are_refused():
    with pytest.raises(DatasetError, match="2 histograms but 1 groups"):
        distances(np.ones((2, 256)), np.array(["A"]), ["A"])
    with pytest.raises(DatasetError, match="and 3 patients"):
        distances(np.ones((2, 256)), np.array(["A", "A"]), ["A"], units=np.arange(3))
    with pytest.raises(DatasetError, match="256 counts"):
        distances(np.ones((2, 10)), np.array(["A", "A"]), ["A"])
