"""Whether scores depend on class or source, against SciPy, scikit-learn and printed examples."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from cxrcore.errors import DatasetError
from cxrcore.quality import association, dependence, p_in_words, within

# Whole numbers, so that there are ties; a few images without a score.
SCORES = st.lists(
    st.tuples(st.sampled_from("ABC"), st.one_of(st.integers(0, 20).map(float), st.just(math.nan))),
    min_size=12,
    max_size=60,
)


def shifted(*shifts: float, images: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Normal scores of groups A, B, ... whose means are moved, and the groups."""
    rng = np.random.default_rng(seed)
    scores = np.concatenate([rng.normal(shift, 1, images) for shift in shifts])
    return scores, np.repeat([*"ABCDEFG"[: len(shifts)]], images)


# --- the test -------------------------------------------------------------------------------


def test_the_example_of_hollander_and_wolfe():
    # Mucociliary efficiency, Hollander and Wolfe 1973, p. 116; R's help page of kruskal.test
    # prints chi-squared = 0.77143, df = 2, p = 0.68.
    groups = [[2.9, 3.0, 2.5, 2.6, 3.2], [3.8, 2.7, 4.0, 2.4], [2.8, 3.4, 3.7, 2.2, 2.0]]
    found = dependence(np.concatenate(groups), np.repeat([*"ABC"], [5, 4, 5]), "class", fewest=4)
    assert found.h == pytest.approx(0.77143, abs=5e-6)
    assert found.p == pytest.approx(0.68, abs=5e-3)
    assert found.effect == 0  # (0.77 - 2) / 11 is below 0: no more than chance


@settings(max_examples=40, deadline=None)
@given(SCORES)
def test_statistic_and_p_are_those_of_scipy_with_ties_and_missing_scores(rows):
    groups, scores = np.array([g for g, _ in rows], object), np.array([s for _, s in rows])
    found = dependence(scores, groups, "class", fewest=1)
    parts = [scores[(groups == g) & ~np.isnan(scores)] for g in "ABC"]
    parts = [part for part in parts if len(part)]
    assert found.images == sum(map(len, parts))
    if len(parts) < 2:
        assert not found.tested
    elif len(np.unique(np.concatenate(parts))) == 1:
        assert (found.h, found.p, found.effect) == (0, 1, 0)
    else:
        expected = stats.kruskal(*parts)
        assert found.h == pytest.approx(expected.statistic, abs=1e-9)
        assert found.p == pytest.approx(expected.pvalue, abs=1e-9)
        n, k = found.images, len(parts)
        if n > k:
            effect = (expected.statistic - k + 1) / (n - k)
            assert found.effect == pytest.approx(min(1, max(0, effect)), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(SCORES)
def test_pairs_are_the_area_under_the_roc_curve_and_what_counting_finds(rows):
    rows = [(g, s) for g, s in rows if not math.isnan(s)]
    groups, scores = np.array([g for g, _ in rows], object), np.array([s for _, s in rows])
    found = dependence(scores, groups, "class", fewest=1)
    if not found.tested:
        return
    for group in found.groups:
        own = groups == group.name
        assert group.images == own.sum()
        assert group.median == np.median(scores[own])
        assert group.higher == pytest.approx(roc_auc_score(own, scores))
        pairs = itertools.product(scores[own], scores[~own])
        wins = [(a > b) + 0.5 * (a == b) for a, b in pairs]
        assert group.higher == pytest.approx(np.mean(wins))
        assert 0 <= group.low <= group.higher <= group.high <= 1


def test_the_interval_is_as_wide_as_hanley_and_mcneil_compute_it():
    # Their worked example: area 0.893, 58 normal and 51 abnormal images, SE 0.032 (with the
    # exponential approximation that is used here).
    rng = np.random.default_rng(1)
    scores = np.concatenate([rng.normal(0, 1, 58), rng.normal(1.75, 1, 51)])
    group = dependence(scores, np.repeat([*"NA"], [58, 51]), "class", names=["A"], fewest=5)
    assert not group.tested  # one group alone
    found = dependence(scores, np.repeat([*"NA"], [58, 51]), "class", names=["A", "N"]).groups[0]
    area = found.higher
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + 50 * (one - area**2) + 57 * (two - area**2)
    error = math.sqrt(variance / (58 * 51))
    assert (found.higher - found.low) == pytest.approx(1.96 * error)
    assert error == pytest.approx(0.032, abs=0.006)


def test_groups_without_a_difference_have_intervals_that_hold_one_half_most_times():
    inside = 0
    for seed in range(60):
        scores, groups = shifted(0, 0, images=25, seed=seed)
        found = dependence(scores, groups, "class").groups[0]
        inside += not found.certain
    assert inside >= 52  # of 60; 57 expected


# --- what is left out -----------------------------------------------------------------------


def test_tiny_groups_are_named_and_not_tested():
    scores, groups = shifted(0, 3, images=20)
    groups[:17] = "B"
    found = dependence(scores, groups, "source")
    assert found.small == ("A",)
    assert [g.name for g in found.groups] == ["B"]
    assert not found.tested
    assert math.isnan(found.h)
    assert "cannot be tested" in found.sentence
    assert not found.shortcut


def test_missing_groups_are_left_out():
    scores, groups = shifted(0, 1, images=20)
    partly = pd.Series(groups, dtype="string").mask(np.arange(40) % 4 == 0)
    found = dependence(scores, partly, "source")
    assert found.images == 30
    same = dependence(scores[np.arange(40) % 4 != 0], groups[np.arange(40) % 4 != 0], "source")
    assert found == same


def test_the_order_of_groups_is_that_asked_for_or_by_size():
    scores, groups = shifted(0, 1, 2, images=20)
    assert [g.name for g in dependence(scores, groups, "class", names=[*"CAB"]).groups] == [*"CAB"]
    groups[:10] = "B"
    assert [g.name for g in dependence(scores, groups, "class").groups] == [*"BCA"]


def test_nothing_is_changed_and_nothing_is_found_in_no_images():
    scores, groups = shifted(0, 1)
    before = scores.copy()
    dependence(scores, groups, "class")
    assert np.array_equal(scores, before)
    empty = dependence(np.full(5, np.nan), np.repeat("A", 5), "class")
    assert (empty.groups, empty.tested, empty.strength) == ((), False, "none")


def test_columns_of_different_tables_are_refused():
    with pytest.raises(DatasetError, match=r"scores \(3,\), groups \(2,\)"):
        dependence(np.zeros(3), ["A", "B"], "class")


# --- what it means --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shift", "strength"), [(0.0, "none"), (0.3, "small"), (0.62, "medium"), (2.0, "large")]
)
def test_strength_follows_cohens_bounds(shift, strength):
    scores, groups = shifted(0, shift, images=1500)
    found = dependence(scores, groups, "class")
    assert found.strength == strength
    assert found.shortcut == (strength in ("medium", "large"))


def test_a_rare_class_that_the_score_gives_away_is_a_shortcut_though_it_explains_little():
    rng = np.random.default_rng(3)
    scores = np.concatenate([rng.normal(0, 1, 2000), rng.normal(2, 1, 20)])
    found = dependence(scores, np.repeat(["common", "rare"], [2000, 20]), "class")
    assert found.effect < 0.06
    assert found.strength == "large"
    assert found.clearest is not None
    assert found.clearest.separation > 0.8


def test_a_group_between_two_others_is_no_reason_to_call_them_alike():
    scores, groups = shifted(-3, 0, 3)
    found = dependence(scores, groups, "class")
    middle = next(g for g in found.groups if g.name == "B")
    assert middle.separation < 0.56
    assert found.shortcut


def test_chance_is_not_called_a_difference_however_many_groups_there_are():
    rng = np.random.default_rng(5)
    found = dependence(rng.normal(size=600), np.repeat(np.arange(100).astype(str), 6), "source")
    assert found.strength == "none"
    assert found.effect < 0.06


def test_the_sentence_names_the_class_the_side_and_the_pairs():
    scores, groups = shifted(0, 0, -2)
    found = dependence(scores, groups, "class")
    assert found.sentence == (
        "Quality depends on the class: BRISQUE alone would tell C, by its lower scores, from the "
        f"other classes in {100 * found.clearest.separation:.0f} of 100 pairs of images, where "
        "guessing gets 50. A model can use that as a shortcut."
    )
    two = dependence(*shifted(0, 2), "source")
    assert "from A in" in two.sentence or "from B in" in two.sentence
    assert "recognise the source" in two.sentence


def test_the_sentence_says_when_there_is_no_sign_or_little():
    assert dependence(*shifted(0, 0), "class").sentence.startswith("No sign that quality depends")
    little = dependence(*shifted(0, 0.3, images=1500), "class").sentence
    assert little.startswith("Quality differs between the classes, but little: BRISQUE alone")


@pytest.mark.parametrize(("p", "text"), [(0.0314, "p = 0.031"), (0.5, "p = 0.5"), (0, "p < 0.001")])
def test_p_is_printed_as_in_papers(p, text):
    assert p_in_words(p) == text


# --- class and source -----------------------------------------------------------------------


def test_the_class_is_compared_inside_each_source():
    scores, classes = shifted(0, 0, 2, 2, images=30)  # the source moves the scores, not the class
    sources = np.repeat(["X", "Y"], 60)
    classes = np.tile(np.repeat(["A", "B"], 30), 2)
    assert dependence(scores, sources, "source").shortcut
    found = within(scores, pd.Series(classes), pd.Series(sources))
    assert set(found) == {"X", "Y"}
    assert not any(result.shortcut for result in found.values())


def test_a_source_with_one_class_is_not_compared():
    scores, sources = shifted(0, 2, images=30)
    assert within(scores, pd.Series(sources), pd.Series(sources)) == {}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from("XYZ")), min_size=4, max_size=80))
def test_association_is_computed_from_the_chi_squared_of_scipy(rows):
    classes, sources = (pd.Series(column, dtype="string") for column in zip(*rows, strict=True))
    found = association(classes, sources)
    counts = pd.crosstab(sources, classes).to_numpy()
    if min(counts.shape) < 2:
        assert math.isnan(found.v)
        assert found.sentence == ""
        return
    expected = stats.chi2_contingency(counts, correction=False)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-12)
    assert 0 <= found.v <= 1
    assert found.by_source == pytest.approx(counts.max(axis=1).sum() / len(rows))
    assert found.by_guessing == pytest.approx(counts.sum(axis=0).max() / len(rows))
    assert found.by_source >= found.by_guessing - 1e-12


def test_a_source_for_each_class_is_the_strongest_association():
    classes = pd.Series(["A"] * 30 + ["B"] * 30)
    found = association(classes, classes.map({"A": "X", "B": "Y"}))
    assert found.v == pytest.approx(1)
    assert found.strong
    assert "right for 100 of 100, against 50" in found.sentence


def test_classes_spread_alike_are_said_to_be():
    found = association(pd.Series([*"ABAB"] * 20), pd.Series([*"XXYY"] * 20))
    assert found.v == 0
    assert not found.strong
    assert found.sentence == "The classes are spread over the sources much alike."


def test_images_without_a_source_are_left_out_of_the_association():
    classes = pd.Series([*"AABB"] * 5, dtype="string")
    sources = pd.Series([*"XXYY"] * 5, dtype="string").mask(np.arange(20) < 4)
    assert association(classes, sources).images == 16
    assert association(classes, pd.Series([pd.NA] * 20, dtype="string")).sources == 0


@pytest.mark.real
def test_quality_gives_the_classes_of_the_real_images_away(real_data):
    from cxrcore import images, quality

    files = [f for kind in sorted(real_data.glob("cxr3/*")) for f in sorted(kind.iterdir())[:12]]
    scores = [quality.brisque(images.decode(file)) for file in files]
    assert dependence(np.array(scores), [file.parent.name for file in files], "class").shortcut
