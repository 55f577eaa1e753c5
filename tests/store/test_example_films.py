"""Example films as they are kept beside the runs of a store."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrcore import files, settings, store
from cxrcore.errors import StoreError
from cxrcore.metrics import METRICS
from cxrcore.store.example_films import FOLDER, SIDE
from tests.helpers.films import film
from tests.helpers.runs import RUN, kept, made_up

FACTS = {"image_id": "a", "label": "A", "predicted": "B", "probabilities": (0.25, 0.75)}


def keep(run_id: str = RUN, **changes: object) -> store.Run:
    return kept(made_up(run_id=run_id, **changes), lambda path: path.write_bytes(b"w" * 2_500_000))


def some(latency: float = 12.5, device: str = "CPU: one") -> store.Examples:
    heat = np.float32(film(2, (40, 40)) / 100)
    example = store.Example.of(film(1, (40, 40)), heat, **FACTS)
    return store.Examples(films=(example,), latency_ms=latency, device=device)


def in_store() -> list[str]:
    return sorted(path.name for path in (settings.models_dir() / FOLDER).glob("*"))


def test_what_is_kept_is_what_comes_back():
    run = keep()
    assert store.examples(run) is None
    store.keep_examples(run, some())
    assert store.examples(store.load_run(RUN)) == some()


@given(side=st.sampled_from([1, 32, SIDE, 300]), top=st.floats(0, 1e4, width=32))
def test_a_map_is_kept_to_one_part_in_510_and_a_film_nearly_as_it_was(side, top):
    seen = film(3, (side, side))
    heat = np.float32(film(4, (side, side)) / np.float32(255)) * np.float32(top)
    example = store.Example.of(seen, heat, **FACTS)
    small = min(side, SIDE)
    assert example.pixels().shape == example.map().shape == (small, small)
    assert example.strongest == heat.max()
    if side <= SIDE:
        assert np.abs(example.map() - heat).max() <= top / 500 + 1e-30
        assert np.abs(example.pixels().astype(int) - seen).mean() < 3
    assert (example.probabilities, example.predicted) == ((0.25, 0.75), "B")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"films": 3}', b"\xff"])
def test_damaged_films_count_as_none(content):
    run = keep()
    store.keep_examples(run, some())
    [name] = in_store()
    (settings.models_dir() / FOLDER / name).write_bytes(content)
    assert store.examples(run) is None
    assert run.latency_ms is None
    store.keep_examples(run, some(latency=3.0))
    assert run.latency_ms == 3.0


def test_latency_and_file_size_are_columns_of_every_table_and_missing_where_not_known(monkeypatch):
    first, second = keep(), keep("cnn-plain-4567cdef", recipe=made_up().recipe.override(seed=1))
    store.keep_examples(first, some())
    table = store.list_runs().set_index("run_id")
    assert table["file_size"].tolist() == [2.5, 2.5]
    assert table["latency"].dropna().to_dict() == {first.run_id: 12.5}
    [family] = store.families().to_dict("records")
    assert np.isnan(family["latency"])  # a mean of half the runs is none
    before = store.stamp()
    store.keep_examples(second, some(latency=7.5))
    assert store.stamp() != before  # so that pages read the table again
    [family] = store.families().to_dict("records")
    assert (family["latency"], family["file_size"]) == (10.0, 2.5)
    for name in ("latency", "file_size"):
        assert METRICS[name].compute(made_up(run_id="cnn-plain-00000000")) is None
        assert METRICS[name].text(None) == "–"


def test_the_card_names_what_was_measured_and_nothing_that_was_not():
    from cxrcore.store.card import model_card

    run = keep()
    assert "| File size | 2.5 MB |" in model_card(run)
    assert "Latency" not in model_card(run)
    store.keep_examples(run, some())
    assert "| Latency | 12.5 ms |" in model_card(run)


def test_they_follow_a_run_to_the_trash_and_back_and_go_when_it_is_emptied():
    run, other = keep(), keep("cnn-plain-4567cdef", seconds=1.0)
    for each in (run, other):
        store.keep_examples(each, some())
    store.delete(RUN)
    store.restore(RUN)
    assert store.examples(store.load_run(RUN)) == some()
    store.delete(RUN)
    assert len(in_store()) == 2
    store.empty_trash()
    assert in_store() == [f"{other.seal}.json"]


def test_a_run_that_is_gone_has_none_and_gets_none():
    gone = made_up()
    assert store.examples(gone) is None
    with pytest.raises(StoreError, match=r"run\.json cannot be read"):
        store.keep_examples(gone, some())


def test_a_store_that_cannot_be_written_is_told(monkeypatch):
    def refuse(*_: object) -> None:
        raise StoreError("read only")

    run = keep()
    monkeypatch.setattr(files, "write_atomic", refuse)
    with pytest.raises(StoreError, match="read only"):
        store.keep_examples(run, some())
    assert store.list_runs()["latency"].isna().all()


def test_reading_them_loads_no_tensorflow():
    store.keep_examples(keep(), some())
    code = (
        "import sys\nfrom cxrcore import store\n"
        f"assert store.examples(store.load_run({RUN!r})).films[0].map().any()\n"
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=settings.ROOT)
