"""A comparison in a notebook."""

import numpy as np

import cxrcore as cxr
from cxrcore import store
from tests.helpers.comparisons import keep, shares_of

TRUTH = np.arange(60) % 3


def test_a_comparison_is_frames_and_sentences_and_shows_itself():
    runs = [
        keep(name, TRUTH, shares_of(TRUTH, right, 1), dataset="<b>")
        for name, right in (("a-1", 0.9), ("b-1", 0.0))
    ]
    store.annotate("a-1", title="<b>A")
    store.annotate("b-1", title="B")
    found = cxr.compare([runs[1], "a-1"], "recall", "Viral")
    assert found.verdict.startswith("<b>A misses fewer Viral films than B")
    assert found.sure
    assert found.figures.index.tolist() == ["a-1", "b-1"]
    assert found.figures[["best_rank", "worst_rank"]].to_numpy().tolist() == [[1, 1], [2, 2]]
    [pair] = found.pairs.to_dict("records")
    assert (pair["first"], pair["second"], pair["proven"]) == ("a-1", "b-1", True)
    assert pair["sentence"].startswith("<b>A misses fewer")
    assert found.figures["title"].tolist() == ["<b>A", "B"]
    assert "<b>" not in found._repr_html_()
    assert "&lt;b&gt;A misses fewer Viral films" in found._repr_html_()


def test_one_run_has_no_pairs():
    keep("a-1", TRUTH, shares_of(TRUTH, 0.9, 1))
    found = cxr.compare(["a-1"])
    assert found.pairs.empty
    assert len(found.figures) == 1
