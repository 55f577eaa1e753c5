"""The map of films."""

import numpy as np
import pandas as pd
import pytest

from cxrcore.figures import film_map, parts_of


@pytest.mark.parametrize(("films", "kind"), [(9, "scatter"), (3_000, "scattergl")])
def test_every_film_is_a_dot_of_its_group_that_knows_its_row(films, kind):
    places = np.random.default_rng(0).normal(size=(films, 2))
    groups = pd.Series(np.array(["b", "<a>", "b"], dtype=object)[np.arange(films) % 3])
    fig = film_map(places, groups, {"<a>": "#111111", "b": "#222222"})
    assert [trace.name for trace in fig.data] == ["&lt;a&gt;", "b"]
    for trace in fig.data:
        rows = np.array(trace.customdata)
        assert trace.type == kind
        assert np.allclose(np.stack([trace.x, trace.y], axis=1), places[rows])
    assert sorted(row for trace in fig.data for row in trace.customdata) == list(range(films))


def test_rare_sources_are_summed_up_and_missing_ones_are_unknown():
    sources = pd.Series([*"aaabbbccddeeffgghhij", None], dtype="string")
    parts, colours = parts_of(sources)
    assert {"a", "b"} < set(colours)
    assert set(parts) == set(colours)
    assert (parts == "other").sum() >= 2
    assert len(set(colours.values())) == len(colours)
