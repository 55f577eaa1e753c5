"""Which films are examples, and that a run is kept without them."""

import numpy as np
import pytest

from cxrcore import datasets, store
from cxrcore.errors import StoreError
from cxrcore.training import examples
from tests.helpers.runs import kept, made_up
from tests.helpers.tested import answered, keep


@pytest.mark.parametrize(
    "failure", [StoreError("disk full"), MemoryError("no room"), RuntimeError("by TensorFlow")]
)
def test_whatever_fails_the_run_stays_and_the_log_says_why(
    failure, tiny_dataset_folder, monkeypatch, capsys
):
    def fail(*_: object) -> None:
        raise failure

    run = kept(made_up(), lambda path: path.write_bytes(b"weights"))
    monkeypatch.setattr(examples, "make", fail)
    examples.try_to_make(run, datasets.load(tiny_dataset_folder), model=None)
    assert f"The example films of {run.run_id} are made later: {failure}" in capsys.readouterr().err
    assert store.load_run(run.run_id) == run


@pytest.mark.parametrize(
    ("wrong", "chosen"),
    [((), [0, 1, 2]), ((0, 5), [0, 1, 2]), ((2,), [0, 1, 2]), ((7, 9), [0, 1, 7])],
    ids=["none", "among the first two", "the third", "later"],
)
def test_examples_are_the_first_two_of_a_class_and_a_mistake(tiny, wrong, chosen):
    truth = tiny.table["label"].map(list(tiny.classes).index).to_numpy(int)
    of_a = tiny.table.index[truth == 0][np.argsort(tiny.table["image_id"][truth == 0])]
    called = truth.copy()
    called[of_a[list(wrong)]] = 1
    run = keep(tiny, 1, answered(tiny, called, np.full(len(truth), 0.9)))
    found = examples.choose(run, tiny)
    assert found["label"].tolist() == ["A"] * 3 + ["B"] * 3 + ["C"] * 3
    wanted = tiny.table["image_id"][of_a[chosen]].tolist()
    assert found["image_id"].tolist()[:3] == wanted
