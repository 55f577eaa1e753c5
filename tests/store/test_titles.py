"""Titles of runs: what differs within the dataset, in few words, never the same for two."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrcore import models, store
from cxrcore.errors import StoreError
from cxrcore.splits import SplitSpec
from cxrcore.store import differences
from cxrcore.store.titles import titles_of
from tests.helpers import store_04
from tests.helpers.runs import kept, made_up

PLAIN = models.get("cnn-plain").fast()
DATA = "hospital"


def named(*runs: store.Run, **said: store.Annotation) -> dict[str, str]:
    return titles_of([(run.run_id, run, "ok") for run in runs], said)


def run(number: int, split: SplitSpec | None = None, day: int = 1, **changes: object) -> store.Run:
    """A run that is in no store; `changes` are those to the fast Plain CNN."""
    recipe = changes.pop("recipe", PLAIN)
    of_run = {name: changes.pop(name) for name in ("imported", "fingerprint") if name in changes}
    return made_up(
        run_id=f"{recipe.name}-{number:08x}",
        recipe=recipe.override(**changes),
        dataset=DATA,
        split=split or SplitSpec(),
        created=f"2026-11-{day:02d}T10:00:00+00:00",
        **of_run,
    )


def words(first: store.Run, second: store.Run) -> tuple[str, str]:
    """What tells two runs apart."""
    found = named(first, second)
    one, other = (found[r.run_id].removeprefix("Plain CNN · ") for r in (first, second))
    return one, other


def test_a_single_run_is_called_by_its_model():
    assert named(run(1)) == {"cnn-plain-00000001": "Plain CNN"}


@pytest.mark.parametrize(
    ("changes", "one", "other"),
    [
        ({"region": "lungs"}, "whole picture", "lungs only"),
        ({"image_size": 64}, "192 px", "64 px"),
        ({"learning_rate": 3e-4}, "lr 1e-3", "lr 3e-4"),
        ({"learning_rate": 0.25e-4}, "lr 1e-3", "lr 2.5e-5"),
        ({"epochs": 3}, f"{PLAIN.epochs} epochs", "3 epochs"),
        ({"augmentation": "strong"}, "no augmentation", "strong augmentation"),
        ({"class_weights": "balanced"}, "classes as they are", "rare classes count more"),
        ({"max_brisque": 70.0}, "any BRISQUE", "BRISQUE up to 70"),
        ({"label_smoothing": 0.1}, "label smoothing 0", "label smoothing 0.1"),
        ({"optimizer": "rmsprop"}, "Adam", "RMSprop"),
        ({"seed": 2}, "seed 42", "seed 2"),
        ({"stopping": None}, "ends after 8 epochs", "all epochs"),
        ({"split": SplitSpec(test=0.3)}, "20% tested", "30% tested"),
        ({"split": SplitSpec(group="image")}, "by patient", "by image"),
        ({"day": 2}, "2026-11-01", "2026-11-02"),
        ({}, "00000001", "00000002"),
    ],
)
def test_two_runs_are_told_apart_by_what_differs(changes, one, other):
    assert words(run(1), run(2, **changes)) == (one, other)


def test_where_masks_come_from_is_said_of_regions_alone():
    estimated = run(2, region="lungs", lung_masks="estimated")
    assert words(run(1), estimated) == ("whole picture", "lungs only")
    given = run(3, region="lungs")
    assert words(given, estimated) == ("given masks", "estimated masks")


def test_what_the_schedule_decides_is_one_word():
    assert words(run(1), run(2, recipe=models.get("cnn-plain"))) == (
        "fast schedule",
        "published schedule",
    )


def test_what_the_model_sees_comes_first_and_the_seed_only_where_it_is_needed():
    lungs = {"region": "lungs", "learning_rate": 3e-4}
    runs = run(1, **lungs), run(2, **lungs, seed=2), run(3)
    assert named(*runs) == {
        runs[0].run_id: "Plain CNN · lungs only · lr 3e-4 · seed 42",
        runs[1].run_id: "Plain CNN · lungs only · lr 3e-4 · seed 2",
        runs[2].run_id: "Plain CNN · whole picture · lr 1e-3",
        store.family_of(runs[0]): "Plain CNN · lungs only · lr 3e-4 · 2 seeds",
    }


def test_models_do_not_lend_each_other_their_differences():
    five = models.get("cnn-five")
    found = named(run(1), run(2, recipe=five), run(3, recipe=five, image_size=100))
    assert set(found.values()) == {
        "Plain CNN",
        f"Five-block CNN · {five.image_size} px",
        "Five-block CNN · 100 px",
    }


def test_folds_and_the_family_they_make_have_titles():
    folds = [run(n, SplitSpec(fold=n, folds=3)) for n in (1, 2)]
    assert named(*folds, run(9)) == {
        folds[0].run_id: "Plain CNN · fold 1 of 3",
        folds[1].run_id: "Plain CNN · fold 2 of 3",
        store.family_of(folds[0]): "Plain CNN · 3 folds",
        "cnn-plain-00000009": "Plain CNN",
    }


def test_imported_weights_say_so_and_nothing_of_a_training_that_was_not_here():
    imported = run(2, imported="w.h5 (abc)", epochs=3)
    assert words(run(1), imported) == ("Plain CNN", "imported")


def test_the_title_that_people_gave_comes_first():
    said = {"cnn-plain-00000002": store.Annotation(title="Monday's")}
    found = named(run(1), run(2, epochs=3), **said)
    assert found["cnn-plain-00000002"] == "Monday's"


def test_two_runs_that_people_gave_one_title_are_still_told_apart():
    said = {f"cnn-plain-0000000{n}": store.Annotation(title="Best") for n in (1, 2, 3)}
    found = named(run(1), run(2, seed=2), run(3, day=2), **said)
    assert [found[name] for name in said] == [
        "Best · seed 42 · 2026-11-01",
        "Best · seed 2",
        "Best · seed 42 · 2026-11-02",
    ]


def test_no_run_is_called_by_the_name_of_another():
    said = {"cnn-plain-00000001": store.Annotation(title="cnn-plain-00000002")}
    found = named(run(1), run(2, epochs=3), **said)
    assert found["cnn-plain-00000001"] == "cnn-plain-00000002 · cnn-plain-00000001"


HOSTILE = st.one_of(
    st.sampled_from(
        ["Plain CNN", "Plain CNN · seed 1", "Plain CNN · 00000001", "cnn-plain-00000002", "·"]
    ),
    st.text(min_size=1, max_size=20),
)


@settings(max_examples=60)
@given(
    runs=st.lists(
        st.tuples(
            st.sampled_from([1, 2]),  # seed
            st.sampled_from([None, 1, 2]),  # fold
            st.sampled_from([1, 2]),  # day
            st.sampled_from(["none", "lungs"]),
            HOSTILE | st.none(),
        ),
        min_size=1,
        max_size=8,
    ),
    order=st.randoms(),
)
def test_titles_are_unique_one_line_and_the_same_in_any_order(runs, order: random.Random):
    made, said = [], {}
    for number, (seed, fold, day, region, title) in enumerate(runs, 1):
        split = SplitSpec(fold=fold, folds=fold and 2)
        made.append(run(number, split, day, seed=seed, region=region))
        try:
            said[made[-1].run_id] = store.Annotation(title=title)
        except ValueError:  # what cannot be a title
            continue
    found = named(*made, **said)
    assert set(found) >= {r.run_id for r in made}
    assert len(set(found.values())) == len(found)
    assert all(title.splitlines() == [title] for title in found.values())
    order.shuffle(made)
    assert named(*made, **said) == found


def test_text_from_a_file_of_classes_stays_on_one_line():
    one, other = words(run(1), run(2, favoured_class="two\nlines {0}", favoured_weight=3.0))
    assert (one, other) == ("favours no class", "favours two lines {0}")


def test_a_damaged_run_is_called_by_its_name_and_changes_no_other_title():
    whole, damaged = run(1), run(2, epochs=3)
    readings = [(whole.run_id, whole, "ok"), (damaged.run_id, damaged, "damaged"), ("x", None, "?")]
    assert titles_of(readings, {}) == {
        whole.run_id: "Plain CNN",
        damaged.run_id: damaged.run_id,
        "x": "x",
    }


# In the store


def keep(*runs: store.Run) -> None:
    for each in runs:
        kept(each, lambda path: path.write_bytes(b"weights"))


def test_the_tables_of_runs_and_families_have_titles_and_tags():
    keep(run(1), run(2, seed=2, day=2), run(3, epochs=3, day=3))
    family = store.family_of(run(1))
    store.annotate(family, title="Both seeds")
    store.annotate("cnn-plain-00000003", tags=["short"])
    found = store.titles(DATA)
    assert found == store.titles()
    listed = store.list_runs(DATA)
    assert (
        dict(zip(listed["run_id"], listed["title"], strict=True)) | {family: "Both seeds"} == found
    )
    assert listed["tags"].tolist() == [["short"], [], []]
    together = store.families(DATA)
    assert together["title"].tolist() == [found["cnn-plain-00000003"], "Both seeds"]
    assert together["tags"].tolist() == [["short"], []]
    assert store.titles("elsewhere") == {}


def test_what_differs_has_a_column_for_each_field_that_varies():
    lungs = {"region": "lungs", "day": 2}
    keep(run(1), run(2, **lungs), run(3, **lungs, seed=2), run(4, epochs=3, day=4))
    family = store.family_of(run(2, **lungs))
    table = store.varying(DATA)
    epochs = str(PLAIN.epochs)
    assert table.to_dict("index") == {
        "cnn-plain-00000001": {"Region": "Whole picture", "Epochs": epochs, "Seed": "42"},
        family: {"Region": "Lungs only, black outside", "Epochs": epochs, "Seed": "2, 42"},
        "cnn-plain-00000004": {"Region": "Whole picture", "Epochs": "3", "Seed": "42"},
    }
    some = store.varying(DATA, ["cnn-plain-00000003", "cnn-plain-00000002"])
    assert some.to_dict() == {"Seed": {"cnn-plain-00000003": "2", "cnn-plain-00000002": "42"}}
    assert store.varying(DATA, []).empty
    with pytest.raises(StoreError, match="no run 'cnn-plain-0000000f'"):
        store.varying(DATA, ["cnn-plain-0000000f"])


def test_what_differs_between_models_names_them():
    keep(run(1), run(2, recipe=models.get("cnn-five"), day=2))
    assert store.varying(DATA)["Model"].tolist() == ["Plain CNN", "Five-block CNN"]


def test_every_field_of_a_recipe_but_the_seed_is_told_apart():
    titles_of_fields = {field.title for field in differences.FIELDS}
    options = models.Recipe.options()
    assert {option.title for name, option in options.items() if name != "seed"} <= titles_of_fields
    assert len(titles_of_fields) == len(differences.FIELDS)


def test_runs_stand_in_the_order_in_which_they_were_made():
    keep(run(3), run(1, day=3), run(2, epochs=3, day=2), run(4, seed=7, day=4))
    family = store.family_of(run(3))
    assert store.by_creation(DATA) == {
        family: ["cnn-plain-00000003", "cnn-plain-00000001", "cnn-plain-00000004"],
        "cnn-plain-00000002": ["cnn-plain-00000002"],
    }


def test_a_store_of_version_04_has_titles(own_folders, tmp_path):
    store_04.place(own_folders.models, own_folders.data, tmp_path / "films")
    found = store.titles("films")
    assert found["cnn-plain-599e2266"] == "Plain CNN · whole picture"
    assert found["cnn-plain-c707513a"] == "Plain CNN · lungs only"
    assert len(set(found.values())) == len(found)
