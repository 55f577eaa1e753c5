"""Ranks of images within their source."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cxrcore.errors import DatasetError
from cxrcore.quality import outliers

SOURCES = pd.Series(["X"] * 9 + ["Y"] * 9, dtype="string")


def test_z_is_the_modified_score_of_iglewicz_and_hoaglin():
    rng = np.random.default_rng(0)
    scores = rng.normal(50, 10, 18)
    ranked = outliers.ranks(scores, SOURCES)
    for source in "XY":
        own = scores[(source == SOURCES).to_numpy(bool)]
        expected = (own - np.median(own)) / stats.median_abs_deviation(own, scale="normal")
        found = ranked.loc[(ranked["source"] == source), "z"]
        assert found.to_numpy() == pytest.approx(expected, rel=1e-4)  # 0.6745 is rounded


def test_a_source_of_poorer_pictures_is_no_heap_of_outliers():
    scores = np.concatenate([np.arange(9.0), 100 + np.arange(9.0)])
    ranked = outliers.ranks(scores, SOURCES)
    assert (ranked["z"].abs() < outliers.UNUSUAL).all()


def test_the_most_unusual_of_each_source_are_first_whether_high_or_low():
    scores = np.concatenate([np.arange(9.0), np.arange(9.0)])
    scores[2], scores[11] = 90, -90
    top = outliers.most_unusual(outliers.ranks(scores, SOURCES), 2)
    assert top["source"].tolist() == ["X", "X", "Y", "Y"]
    assert top["rank"].tolist() == [1, 2, 1, 2]
    assert top.index[0] == 2
    assert top.index[2] == 11
    assert top["z"].iloc[0] > 0 > top["z"].iloc[2]
    assert top["of"].tolist() == [9] * 4


def test_percentiles_count_the_same_or_lower_scores():
    ranked = outliers.ranks(np.array([1.0, 1, 2, 3, 4]), pd.Series(["X"] * 5))
    assert ranked["percentile"].tolist() == [40, 40, 60, 80, 100]


def test_images_without_a_source_are_compared_with_one_another():
    scores = np.concatenate([np.arange(9.0), 100 + np.arange(9.0)])
    sources = SOURCES.mask(SOURCES == "Y")
    ranked = outliers.ranks(scores, sources)
    assert ranked["source"].isna().sum() == 9
    assert ranked["of"].tolist() == [9] * 18
    assert outliers.most_unusual(ranked, 1)["source"].isna().tolist() == [False, True]


def test_images_without_a_score_have_no_rank():
    scores = np.arange(9.0)
    scores[4] = np.nan
    ranked = outliers.ranks(scores, SOURCES[:9])
    assert ranked.loc[4, ["z", "rank", "of", "percentile"]].isna().all()
    assert ranked["of"].dropna().unique().tolist() == [8]


def test_small_sources_are_not_ranked():
    ranked = outliers.ranks(np.arange(6.0), pd.Series(["X"] * 2 + ["Y"] * 4))
    assert ranked["rank"].isna().all()
    assert outliers.most_unusual(ranked, 3).empty
    assert outliers.ranks(np.arange(6.0), pd.Series(["X"] * 6), fewest=7)["z"].isna().all()


def test_where_half_the_scores_are_one_the_mean_deviation_is_taken():
    scores = np.array([5.0, 5, 5, 5, 5, 5, 8])
    ranked = outliers.ranks(scores, pd.Series(["X"] * 7))
    spread = (3 / 7) * np.sqrt(np.pi / 2)
    assert ranked["z"].iloc[-1] == pytest.approx(3 / spread)
    assert ranked["rank"].iloc[-1] == 1


def test_images_that_are_all_alike_are_not_unusual():
    ranked = outliers.ranks(np.full(6, 7.0), pd.Series(["X"] * 6))
    assert ranked["z"].tolist() == [0] * 6
    assert ranked["rank"].tolist() == [1] * 6


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("XYZ"), st.floats(-1e6, 1e6)), min_size=1, max_size=50))
def test_ranks_order_the_images_of_a_source_by_their_distance(rows):
    sources, scores = pd.Series([s for s, _ in rows]), np.array([v for _, v in rows])
    ranked = outliers.ranks(scores, sources)
    for _, own in ranked.groupby("source"):
        known = own[own["rank"].notna()].sort_values("rank")
        assert (known["z"].abs().diff().dropna() <= 0).all()
        assert len(own) < outliers.FEWEST or len(known) == len(own)


def test_columns_of_different_tables_are_refused():
    with pytest.raises(DatasetError, match="one source for each score"):
        outliers.ranks(np.zeros(3), SOURCES)
