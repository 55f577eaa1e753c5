"""Predictions made elsewhere: read, matched with films, kept as runs; or refused with one clear line."""

import hashlib
import io
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from cxrcore import comparison, datasets, predictions, splits, store, thresholds
from cxrcore.errors import PredictionsError, StoreError
from cxrcore.predictions import columns
from cxrcore.splits import SplitSpec
from tests.helpers import tested

CLASSES = ["A", "B", "C"]


@pytest.fixture
def division(tiny):
    return splits.assign(tiny.table, SplitSpec()).assignment


@pytest.fixture
def filled(tiny, division):
    """The template with answers, as a person fills it in."""
    rows = predictions.template(tiny, division)
    shares = np.random.default_rng(2).dirichlet(np.ones(3), len(rows))
    return rows.assign(**{name: shares[:, k] for k, name in enumerate(CLASSES)})


def written(rows, suffix=".csv"):
    if suffix == ".parquet":
        file = io.BytesIO()
        rows.to_parquet(file)
        return file.getvalue()
    if suffix == ".jsonl":
        return rows.to_json(orient="records", lines=True).encode()
    return rows.to_csv(index=False).encode()


def matched(rows, dataset, division, suffix=".csv", **options):
    table = predictions.read(written(rows, suffix), f"swin{suffix}")
    return predictions.match(table, dataset, division, **options)


def test_the_template_has_the_films_that_trainings_here_do_not_learn_from(tiny):
    division = predictions.divide(tiny)
    rows = predictions.template(tiny, division)
    assert list(rows.columns) == ["image_id", "path", "split", *CLASSES]
    assert set(rows["split"]) == {"validation", "test"}
    assert set(rows["image_id"]) == set(division.index[division != "train"])


@pytest.mark.parametrize("suffix", predictions.SUFFIXES)
def test_a_run_without_a_network_has_all_that_needs_none(tiny, division, filled, suffix):
    found = matched(filled, tiny, division, suffix)
    assert found.notes == ("The values are probabilities, as recognised.",)
    [run] = predictions.keep(found, "Our Swin-T")
    test = filled[filled["split"] == "test"].set_index("image_id")
    kept = run.predictions().set_index("image_id").loc[test.index]
    assert np.abs(kept[["p_A", "p_B", "p_C"]] - test[CLASSES].to_numpy()).to_numpy().max() < 1e-6
    labels = tiny.table.set_index("image_id")["label"].loc[test.index]
    right = (test[CLASSES].idxmax(axis=1) == labels).mean()
    assert run.metrics["test"].accuracy == pytest.approx(right)
    assert not run.has_network
    assert store.load_run(run.run_id) == run
    assert store.title(run) == "Our Swin-T"
    other = tested.of_division(tiny, division)
    pair = comparison.compare(comparison.subjects([run.run_id, other.run_id]))
    assert pair.common.films == len(test)
    assert thresholds.operating_point(run, "A", 0.9).choice.positives > 0
    row = store.list_runs().set_index("run_id").loc[run.run_id]
    assert row["imported"].startswith(f"swin{suffix} (")
    assert row["network"] is False or not row["network"]
    assert row[["image_size", "parameters", "seconds", "file_size"]].isna().all()
    # The same file again is the same run.
    assert predictions.keep(matched(filled, tiny, division, suffix), "Our Swin-T") == [run]


def test_folds_become_a_family(tiny):
    rows = tiny.table[["path"]].assign(fold=np.arange(len(tiny.table)) % 3 + 1)
    shares = np.random.default_rng(2).dirichlet(np.ones(3), len(rows))
    rows = rows.assign(**{name: shares[:, k] for k, name in enumerate(CLASSES)})
    rows = rows.assign(embedding_1=1.0, embedding_0=np.arange(len(rows)))
    runs = predictions.keep(matched(rows, tiny, None), "Three")
    assert [run.split.fold for run in runs] == [1, 2, 3]
    assert len({store.family_of(run) for run in runs}) == 1
    assert comparison.subjects([store.family_of(runs[0])])[0].folds == 3
    assert runs[1].embeddings().tolist() == [[n, 1] for n in range(1, len(rows), 3)]


def test_of_several_folds_all_are_kept_or_none(tiny, monkeypatch):
    rows = tiny.table[["path"]].assign(fold=np.arange(len(tiny.table)) % 2 + 1, A=1, B=0, C=0)
    found, save, calls = matched(rows, tiny, None), store.save, []

    def full(run, *rest):
        calls.append(run)
        if len(calls) == 2:
            raise StoreError("The disk is full.")
        return save(run, *rest)

    monkeypatch.setattr(store, "save", full)
    with pytest.raises(StoreError, match="full"):
        predictions.keep(found, "Two")
    assert store.list_runs().empty


def test_films_are_found_by_content_then_by_path_then_by_a_name_that_is_the_only_one(
    tiny, tmp_path
):
    table, n = tiny.table, len(tiny.table)
    for column, values in {
        "image_id": table["image_id"].str.upper(),
        "sha256": [hashlib.sha256(tiny.path_of(row).read_bytes()).hexdigest() for _, row in table.iterrows()],
        "path": [str(tiny.path_of(row)) for _, row in table.iterrows()],
        "Path": "elsewhere\\films\\" + table["path"].str.rpartition("/")[2],
    }.items():  # fmt: skip
        rows = pd.DataFrame({column: values, "A": 1.0, "B": 0.0, "C": 0.0})
        assert matched(rows, tiny, None).rows.tolist() == list(range(n)), column
    both = pd.DataFrame({"image_id": table["image_id"], "path": table["path"].to_numpy()[::-1]})
    both.loc[3, "image_id"] = "0" * 32  # not there: its path counts
    both = both.drop(index=n - 1 - 3).assign(A=1.0, B=0.0, C=0.0)
    assert matched(both, tiny, None).rows[3] == n - 1 - 3
    for label in "AB":
        (tmp_path / "same" / label).mkdir(parents=True)
        name = tmp_path / "same" / label / "film.png"
        name.write_bytes(tiny.path_of(table.iloc[0 if label == "A" else 20]).read_bytes())
    same = datasets.load(tmp_path / "same")
    rows = pd.DataFrame({"path": ["B/film.png", "film.png"], "A": [1.0, 1.0], "B": [0.0, 0.0]})
    with pytest.raises(PredictionsError, match="1 name is that of several films"):
        matched(rows, same, None)
    assert matched(rows, same, None, partial=True).rows.tolist() == [1]


BAD = {
    "no class": (lambda t: t.drop(columns="C"), "No column for the class C"),
    "other names": (lambda t: t.rename(columns={"C": "Z"}), "rename the one that is it"),
    "one class more": (lambda t: t.assign(TB=0.0), "TB is no class of this dataset"),
    "two for one": (lambda t: t.assign(p_A=t["A"]), "all stand for the class A"),
    "no film column": (lambda t: t.drop(columns=["image_id", "path"]), "No column says which film"),
    "NaN": (lambda t: t.assign(B=t["B"].where(t.index != 2)), "the first is row 3"),
    "infinity": (lambda t: t.assign(B=t["B"].where(t.index != 4, np.inf)), "the first is row 5"),
    "text": (lambda t: t.assign(B=["0,5"] * len(t)), "other|than numbers, such as '0,5'"),
    "unclear values": (lambda t: t.assign(A=t["A"] + 0.5), "It is not clear what the values are"),
    "doubled rows": (lambda t: pd.concat([t, t.iloc[[1]]]), "1 films have several rows"),
    "missing films": (lambda t: t[t["split"] != "test"].iloc[:, :], "has no test film of tiny"),
    "a missing film": (lambda t: t.drop(index=t.index[t["split"] == "test"][0]), "test films of tiny have no row"),
    "another dataset": (lambda t: t.assign(image_id="f" * 32, path="x.png"), "the file of another dataset"),
    "wrong names": (lambda t: t.assign(image_id="", path=t["path"].where(t.index != 0, "no.png")), "1 of .* rows are about no film of tiny: no.png"),
    "a name of two lines": (lambda t: t.assign(image_id="", path=t["path"].where(t.index != 0, "no\n\x1b[2J.png")), "no \\[2J.png"),
    "no such part": (lambda t: t.assign(split="holdout"), "It may hold train, validation and test"),
    "a gap in the folds": (lambda t: t.assign(fold=3), "numbered from 1"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_file_is_one_clear_line_and_keeps_nothing(tiny, division, filled, fault):
    spoil, said = BAD[fault]
    with pytest.raises(PredictionsError, match=said) as caught:
        predictions.keep(matched(spoil(filled), tiny, division), "Bad")
    assert "\n" not in str(caught.value)
    assert store.list_runs().empty


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"path,A\n", "x.csv", "no row"),
        (b"", "x.csv", "no readable"),
        (b"a,a\n1,2\n", "x.csv", "several columns called a"),
        (b"PAR1garbage", "x.parquet", "no readable .parquet"),
        (b"{not json}\n", "x.jsonl", "no readable .jsonl"),
        (b"x", "x.pkl", "none of the kinds .csv, .parquet, .jsonl"),
        (b"\xff\xfe\x00,\n", "x.csv", "no readable .csv"),
        (json.dumps({"a": 1}).encode(), "../x", "none of the kinds"),
    ],
)
def test_a_file_that_is_no_table_is_refused(data, name, said):
    with pytest.raises(PredictionsError, match=said):
        predictions.read(data, name)


def test_lines_that_end_in_a_carriage_return_are_lines():
    found = predictions.read(b"path,A,B\r0001,0.5,0.5\r2,0.1,0.9\r", "old.csv").rows
    assert found["path"].tolist() == ["0001", "2"]
    assert found["A"].tolist() == [0.5, 0.1]


@pytest.mark.parametrize("name", ["copy.png", None], ids=["another name", "the same name"])
def test_a_row_of_a_copy_that_the_dataset_leaves_out_is_no_fault(tiny, division, filled, name):
    path = filled["path"].iloc[0]
    folder, _, own = path.rpartition("/")
    copy = f"{folder}/sub/{name or own}"
    (tiny.root / folder / "sub").mkdir()
    shutil.copy(tiny.root / path, tiny.root / copy)
    dataset = datasets.load("tiny")
    assert dataset.doubles["path"].tolist() == [copy]
    rows = filled.drop(columns="image_id")
    both = pd.concat([rows, rows.iloc[:1].assign(path=copy)])
    found = matched(both, dataset, division)
    assert "1 row is left out: files that tiny leaves out" in " ".join(found.notes)
    assert (found.rows == matched(rows, dataset, division).rows).all()
    # Alone it stands for the film with its content.
    alone = matched(rows.assign(path=rows["path"].replace(path, copy)), dataset, division)
    assert set(alone.rows) == set(found.rows)


def test_partial_files_are_taken_only_when_told(tiny, division, filled):
    left = filled.drop(index=filled.index[filled["split"] == "test"][0])
    found = matched(left, tiny, division, partial=True)
    [run] = predictions.keep(found, "Part")
    assert [film["path"] for film in run.removed] == found.missing
    assert len(found.missing) == 1
    assert any("1 test film is without a row" in note for note in run.notes)


def test_files_with_semicolons_a_mark_and_other_names_are_read(tiny, division, filled):
    renamed = filled.rename(columns={"A": "alpha"}).assign(reader="Dr. X; Y", label="A")
    data = b"\xef\xbb\xbf" + renamed.to_csv(index=False, sep=";").encode()
    table = predictions.read(data, "x.csv")
    found = predictions.match(table, tiny, division, mapping={"alpha": "A"})
    assert "Columns that are no prediction: reader." in found.notes
    assert np.allclose(found.probabilities, filled[CLASSES])


@given(
    st.lists(st.lists(st.floats(-15, 15), min_size=3, max_size=3), min_size=1, max_size=8),
    st.sampled_from(["percent", "probabilities"]),
)
def test_probabilities_percent_and_logits_are_the_same_thing(rows, kind):
    logits = np.array(rows)
    wanted = softmax(logits, axis=1)
    given_as = np.round(100 * wanted, 3) if kind == "percent" else wanted
    found, recognised = columns.probabilities(given_as, None)
    assert recognised == kind
    assert np.allclose(found, wanted, atol=1e-4)
    assert np.allclose(columns.probabilities(logits, "logits")[0], wanted)
    if (logits < 0).any() and not np.allclose(logits.sum(axis=1), 1):
        assert columns.probabilities(logits, None)[1] == "logits"
