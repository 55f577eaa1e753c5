"""Films that runs get wrong, against SciPy, a slow direct form and cases made by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from scipy.spatial.distance import jensenshannon

from cxrcore import comparison, mistakes
from cxrcore.mistakes.films import divergence
from tests.helpers import tested


def dirichlet(m: int, n: int, k: int) -> np.ndarray:
    return np.random.default_rng(m * n + k).dirichlet(np.full(k, 0.4), (m, n))


def test_disagreement_of_two_runs_is_scipys_divergence():
    shares = dirichlet(2, 30, 3)
    expected = [jensenshannon(a, b, base=2) ** 2 for a, b in zip(*shares, strict=True)]
    np.testing.assert_allclose(divergence(shares), expected, atol=1e-12)


def test_disagreement_of_five_runs_is_that_of_its_definition():
    shares = dirichlet(5, 12, 3)
    for film in range(12):
        of = shares[:, film]
        slow = stats.entropy(of.mean(axis=0)) - np.mean([stats.entropy(p) for p in of])
        assert divergence(shares)[film] == pytest.approx(slow / np.log(3))


def test_disagreement_has_its_ends():
    assert divergence(np.repeat(dirichlet(1, 4, 3), 3, axis=0)).max() == pytest.approx(0, abs=1e-9)
    assert divergence(np.eye(3)[:, None]) == pytest.approx([1.0])
    assert divergence(dirichlet(1, 4, 3)).tolist() == [0] * 4


def slow_suspects(truth, probabilities):
    """The confident joint in a loop, as the paper writes it."""
    k, found = probabilities.shape[1], []
    usual = {
        j: np.mean([p[j] for t, p in zip(truth, probabilities, strict=True) if t == j])
        for j in range(k)
        if j in truth
    }
    for label, p in zip(truth, probabilities, strict=True):
        belongs = [j for j in usual if p[j] >= usual[j]]
        best = max(belongs, key=lambda j: p[j], default=None)
        found.append(-1 if best is None or best == label else best)
    return found


@given(
    arrays.arrays(np.float64, (25, 3), elements=st.floats(0.01, 1)),
    arrays.arrays(np.int64, 25, elements=st.integers(0, 2)),
)
@settings(max_examples=60, deadline=None)
def test_doubtful_labels_are_those_of_the_confident_joint(raw, truth):
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    likely, margin = mistakes.suspects(truth, probabilities)
    ties = np.sort(probabilities, axis=1)[:, -1] == np.sort(probabilities, axis=1)[:, -2]
    assert (likely[~ties] == np.array(slow_suspects(truth, probabilities))[~ties]).all()
    assert (np.isnan(margin) == (likely < 0)).all()


def test_labels_that_were_swapped_are_found():
    rng = np.random.default_rng(11)
    truth = rng.integers(0, 3, 300)
    probabilities = 0.96 * np.eye(3)[truth] + 0.04 * rng.dirichlet([1, 1, 1], 300)
    labelled = truth.copy()
    labelled[:12] = (truth[:12] + 1) % 3
    likely, _ = mistakes.suspects(labelled, probabilities)
    assert set(np.flatnonzero(likely >= 0)) >= set(range(12))
    assert (likely >= 0).sum() == 12
    assert (likely[:12][likely[:12] >= 0] == truth[:12][likely[:12] >= 0]).all()


@pytest.fixture
def found(tiny):
    """Two runs on all films: the first takes the first two of each class for the next one."""
    classes = list(tiny.classes)
    k = len(classes)
    truth = tiny.table["label"].map(classes.index).to_numpy()
    place = tiny.table.groupby("label").cumcount().to_numpy()
    called = np.where(place < 2, (truth + 1) % k, truth)
    sure = np.linspace(0.6, 0.95, len(truth))
    runs = [
        tested.keep(tiny, 1, tested.answered(tiny, called, sure)),
        tested.keep(tiny, 2, tested.answered(tiny, np.where(place < 1, called, truth), sure)),
    ]
    subjects = comparison.subjects([run.run_id for run in runs])
    return mistakes.find(subjects), tiny.table.set_index("image_id").assign(place=place)


def test_films_and_their_answers_stand_in_one_table(found):
    result, table = found
    films = result.films.join(table["place"])
    assert (films["label"] == table["label"].reindex(films.index)).all()
    assert (films["wrong"] == (films["place"] < 2).astype(int) + (films["place"] < 1)).all()
    first, _ = result.names
    wrong = films["place"] < 2
    assert ((films[f"answer[{first}]"] != films["label"]) == wrong).all()
    assert (films[f"of_label[{first}]"][wrong] < films[f"of_answer[{first}]"][wrong]).all()


def test_lists_hold_what_they_say(found):
    result, table = found
    k, (first, second) = len(result.classes), result.names
    assert set(result.disagreed().index) == set(table.index[table["place"] == 1])
    assert result.disagreed()["disagreement"].is_monotonic_decreasing
    assert set(result.missed_by_all().index) == set(table.index[table["place"] == 0])
    assert len(result.confident(first)) == 2 * k
    assert result.confident(first)[f"of_answer[{first}]"].is_monotonic_decreasing
    assert len(result.random(second, each=1)) == k
    surest = result.surest(first)
    assert surest["label"].tolist() == result.classes
    for label, film in zip(result.classes, surest.index, strict=True):
        right = table[(table["label"] == label) & (table["place"] >= 2)].index
        best = result.films.loc[right, f"of_answer[{first}]"].idxmax()
        assert film == best


def test_random_mistakes_are_redrawn_with_another_seed_and_repeated_with_the_same(found):
    result, _ = found
    first = result.names[0]
    draws = [tuple(result.random(first, each=1, seed=seed).index) for seed in (0, 0, 1, 2, 3, 4)]
    assert draws[0] == draws[1]
    assert len(set(draws)) > 1
    assert result.random(first, each=1)["label"].tolist() == result.classes
