"""Vectors made elsewhere: read, matched with films and kept, or refused with one clear line."""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest

from cxrcore import embeddings, settings
from cxrcore.errors import DatasetError, PredictionsError, StoreError

WIDTH = 12


@pytest.fixture
def values(tiny):
    return np.random.default_rng(4).normal(size=(len(tiny.table), WIDTH)).astype(np.float32)


def arrays(**found):
    file = io.BytesIO()
    np.savez(file, **found)
    return file.getvalue()


def table(rows, suffix):
    if suffix == ".csv":
        return rows.to_csv(index=False).encode()
    if suffix == ".jsonl":
        return rows.to_json(orient="records", lines=True, double_precision=15).encode()
    file = io.BytesIO()
    rows.to_parquet(file)
    return file.getvalue()


def written(tiny, values, how):
    """The vectors in the reverse order of the dataset, in one of the forms that files have."""
    paths, back = tiny.table["path"][::-1], values[::-1]
    if how == "npz":
        return arrays(path=paths.to_numpy(str), vectors=back), "v.npz"
    rows = pd.DataFrame({"path": paths.to_numpy(object), "label": "A"})
    if how == "lists":
        return table(rows.assign(vector=list(back)), ".parquet"), "v.parquet"
    for number in range(WIDTH)[::-1]:  # the numbers in the names decide, not the order
        rows[f"embedding_{number}"] = back[:, number]
    return table(rows, how), f"v{how}"


@pytest.mark.parametrize("how", ["npz", "lists", ".parquet", ".csv", ".jsonl"])
def test_each_film_keeps_its_vector_whatever_the_form_of_the_file(tiny, values, how):
    record = embeddings.add(embeddings.read(*written(tiny, values, how)), tiny, "rad-dino")
    assert (record.films, record.width, record.missing) == (len(values), WIDTH, 0)
    again, ids, kept = embeddings.load("tiny", "rad-dino")
    assert again == record
    assert embeddings.listed("tiny") == [record]
    assert ids.tolist() == tiny.table["image_id"].tolist()
    assert np.allclose(kept, values, atol=1e-6)


def test_the_same_vectors_again_are_the_same_and_others_need_another_name(tiny, values):
    first = embeddings.add(embeddings.read(*written(tiny, values, "npz")), tiny, "one")
    assert embeddings.add(embeddings.read(*written(tiny, values, "npz")), tiny, "one") == first
    with pytest.raises(PredictionsError, match=r"has other embeddings called 'one', from v\.npz"):
        embeddings.add(embeddings.read(*written(tiny, values + 1, "npz")), tiny, "one")
    embeddings.remove("tiny", "one")
    assert embeddings.listed("tiny") == []
    with pytest.raises(PredictionsError, match="no embeddings called 'one'; it has none"):
        embeddings.remove("tiny", "one")


def test_films_without_a_vector_and_rows_without_a_film_are_listed_and_taken_only_if_asked(
    tiny, values
):
    paths = tiny.table["path"].to_numpy(str).copy()
    first, paths[0] = paths[0], "elsewhere.png"
    vectors = embeddings.read(arrays(path=paths, x=values), "v.npz")
    with pytest.raises(PredictionsError, match=r"1 of \d+ rows are about no film.*elsewhere\.png"):
        embeddings.add(vectors, tiny, "some")
    fewer = embeddings.read(arrays(path=paths[1:], x=values[1:]), "v.npz")
    with pytest.raises(PredictionsError, match=f"films of tiny have no vector: {first}"):
        embeddings.add(fewer, tiny, "some")
    assert embeddings.listed("tiny") == []
    record = embeddings.add(vectors, tiny, "some", partial=True)
    assert (record.films, record.missing) == (len(values) - 1, 1)
    assert "elsewhere.png" in record.notes[0]
    assert first in record.notes[1]
    _, ids, kept = embeddings.load("tiny", "some")
    assert ids.tolist() == tiny.table["image_id"].tolist()[1:]
    assert (kept == values[1:]).all()


def bad(values, row, number):
    changed = values.copy()
    changed[row, 3] = number
    return changed


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (lambda p, v: arrays(path=p, x=bad(v, 4, np.nan)), "1 of .* not finite; the first is row 5"),
        (lambda p, v: arrays(path=p, x=bad(v.astype(float), 2, 1e300)), "first is row 3"),
        (lambda p, v: arrays(path=p, x=v[:-1]), "vectors, but path has the shape"),
        (lambda p, v: arrays(path=p, x=v, y=v), "must have one array .*; it has 2"),
        (lambda p, v: arrays(name=p, x=v), "No column says which film"),
        (lambda p, v: arrays(path=p[:0], x=v[:0]), "has no vector"),
        (lambda p, v: arrays(path=p.astype(object), x=v), "no readable .npz file: Object arrays"),
        (lambda p, v: arrays(path=np.array([p[0], *p[:-1]]), x=v), "1 films have several rows"),
        (lambda p, v: b"PK\x03\x04 broken", "no readable .npz file"),
        (lambda p, v: claiming(), "x.npy is shorter than it says"),
    ],
    ids=["nan", "too-large", "length", "two", "nameless", "empty", "objects", "doubled", "broken", "bomb"],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_one_line(tiny, values, file, message):
    paths = tiny.table["path"].to_numpy(str)
    with pytest.raises(PredictionsError, match=message) as error:
        embeddings.add(embeddings.read(file(paths, values), "v.npz"), tiny, "bad")
    assert "\n" not in str(error.value)
    assert not (settings.data_dir() / "embeddings").exists()


def claiming():
    """An array that says it has a petabyte."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"shape": (10**12, 250), "fortran_order": False, "descr": "<f4"}
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", header.getvalue())
    return file.getvalue()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (lambda r: r.assign(x=[[1.0, 2.0]] * (len(r) - 1) + [[1.0]]), r"2 in row 1, 1 in row \d+"),
        (lambda r: r.assign(f0=1.0, g1=2.0), "share a name and count on.*has: f, g"),
        (lambda r: r.assign(x="word"), "Of others it has: none"),
        (lambda r: r.assign(f0=[np.nan] + [1.0] * (len(r) - 1)), "first is row 1"),
    ],
    ids=["widths", "names", "words", "empty-cell"],
)
def test_a_table_that_cannot_be_used_is_refused(tiny, rows, message):
    with pytest.raises(PredictionsError, match=message):
        embeddings.read(table(rows(tiny.table[["path"]].copy()), ".parquet"), "v.parquet")


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", "x" * 41])
def test_names_that_lead_elsewhere_are_refused(tiny, values, name):
    vectors = embeddings.read(*written(tiny, values, "npz"))
    with pytest.raises(PredictionsError, match="cannot be the name of embeddings"):
        embeddings.add(vectors, tiny, name)
    with pytest.raises(DatasetError, match="cannot be a dataset's name"):
        embeddings.listed("../tiny")


def test_damaged_vectors_are_noticed(tiny, values):
    embeddings.add(embeddings.read(*written(tiny, values, "npz")), tiny, "one")
    path = settings.data_dir() / "embeddings" / "tiny" / "one.npz"
    with np.load(path) as file:
        held = dict(file)
    np.savez(path, **held | {"values": values + 1})
    with pytest.raises(StoreError, match="are not those that were saved"):
        embeddings.load("tiny", "one")
    path.write_bytes(b"no archive")
    with pytest.raises(StoreError, match=r"one\.npz is damaged"):
        embeddings.load("tiny", "one")
    assert embeddings.listed("tiny") == []
