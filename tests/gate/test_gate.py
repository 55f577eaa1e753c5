"""The gate: what it stops, what it warns of, what it lets pass, and what it says then."""

import dataclasses
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cxrcore import duplicates, gate, models, profiles, quality, store
from cxrcore.foreign import Interface
from cxrcore.gate import copies, likeness, training_films
from tests.helpers import chests, other_images
from tests.helpers.chests import answer, film

FIND = copies.find


@pytest.fixture(autouse=True)
def no_copies(monkeypatch):
    """Drawn chests are so alike that the search for copies takes long: where it is not the subject."""
    monkeypatch.setattr(copies, "find", lambda *_: ())


@pytest.fixture
def real_search(no_copies, monkeypatch):
    monkeypatch.setattr(copies, "find", FIND)


def check(ward, gray, **facts):
    one = film(gray, **facts)
    return gate.check(one, [answer(ward.run, gray)], ward.dataset)


def of_kind(report, kind):
    return [finding for finding in report.findings if finding.kind == kind]


def test_pictures_of_other_kinds_are_withheld_and_nearly_all_chests_pass(ward):
    profile = profiles.load(ward.run)
    rng = np.random.default_rng(99)
    good = [other_images.chest(rng, 128) for _ in range(60)]
    others = list(other_images.drawn(4))
    others += [("inverted", 255 - gray) for gray in good[:4]]
    others += [
        ("turned", np.ascontiguousarray(np.rot90(gray, n))) for n in (1, 2, 3) for gray in good[:2]
    ]
    unlike = []
    for gray in [*good, *(gray for _, gray in others)]:
        seen = answer(ward.run, gray)
        scores = profile.scores(seen.seen, seen.depths)
        unlike.append(max(scores.unlike - profile.limits[0], scores.turned - profile.limits[1]))

    def stops(gray):
        return likeness.of(profile, answer(ward.run, gray)).verdict.severity == "withheld"

    assert np.mean([stops(gray) for gray in good]) <= 0.1  # 5 % are expected
    assert [kind for kind, gray in others if not stops(gray)] == []
    assert roc_auc_score([0] * len(good) + [1] * len(others), unlike) >= 0.95


@pytest.mark.parametrize(
    ("alter", "title"),
    [
        (lambda gray: np.rot90(gray), "Turned by 90° to the left"),
        (lambda gray: np.rot90(gray, 3), "Turned by 90° to the right"),
        (lambda gray: np.rot90(gray, 2), "Upside down"),
        (lambda gray: 255 - gray, "Inverted: bones are dark, air is bright"),
    ],
)
def test_a_turned_or_inverted_film_is_withheld_with_how_it_lies(ward, alter, title):
    gray = other_images.chest(np.random.default_rng(5), 128)
    report = check(ward, np.ascontiguousarray(alter(gray)))
    assert report.withheld
    assert (report.findings[0].kind, report.findings[0].title) == ("turned", title)


def test_a_mirrored_film_is_a_warning_where_it_is_answered(ward):
    profile = profiles.load(ward.run)
    profile = dataclasses.replace(profile, limits=np.array([np.inf, np.inf, profile.limits[2]]))
    gray = other_images.chest(np.random.default_rng(5), 128)
    [other] = likeness.of(profile, answer(ward.run, np.ascontiguousarray(gray[:, ::-1]))).others
    assert (other.kind, other.severity) == ("mirrored", "warning")
    assert likeness.of(profile, answer(ward.run, gray)).others == ()


def test_a_new_film_is_told_to_be_near_and_unknown(ward):
    report = check(ward, other_images.chest(np.random.default_rng(5), 128))
    [frontal], [known] = of_kind(report, "frontal"), of_kind(report, "known")
    assert frontal.title == "An upright frontal chest film"
    assert frontal.detail.startswith("Nearer to the training films than ")
    assert "of the 60 validation films" in frontal.detail
    assert (known.title, known.severity) == (
        "Not in the training data, and no near copy of it",
        "passed",
    )
    assert report.of_run == {}


def test_a_training_film_is_known_by_its_content_and_a_test_film_is_not(ward):
    for part, severity in (("train", "warning"), ("test", "passed"), ("validation", "passed")):
        one = ward.film(ward.of(part)[3])
        report = gate.check(one, [answer(ward.run, one.gray)], ward.dataset)
        [known] = of_kind(report, "known")
        assert known.severity == severity, part
    assert known.title == "Not in the training data, and no near copy of it"


def test_a_near_copy_of_a_training_film_is_known(ward, real_search):
    gray = ward.film(ward.of("train")[5]).gray
    packed = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, 70])[1]
    [known] = of_kind(check(ward, cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)), "known")
    assert known.severity == "warning"
    assert "near copy" in known.title


def test_a_near_copy_of_a_test_film_is_not_known_from_training(ward, real_search):
    gray = cv2.resize(ward.film(ward.of("test")[2]).gray, (100, 100), interpolation=cv2.INTER_AREA)
    [known] = of_kind(check(ward, gray), "known")
    assert known.severity == "passed"


def test_where_nobody_could_look_for_copies_it_says_so(ward, monkeypatch):
    monkeypatch.setattr(copies, "find", lambda *_: None)
    [known] = of_kind(check(ward, other_images.chest(np.random.default_rng(5), 128)), "known")
    assert known.title == "This very file is not in the training data"


def test_of_a_film_of_the_dataset_copies_are_read_from_its_duplicates(ward, monkeypatch):
    [tested, *_], [trained, *_] = ward.of("test"), ward.of("train")
    groups = pd.Series([0, 0], index=[tested, trained])
    found = duplicates.Duplicates(pd.DataFrame(), groups)
    monkeypatch.setattr(training_films, "_duplicates", lambda *_: found)
    one = ward.film(tested)
    [known] = of_kind(gate.check(one, [answer(ward.run, one.gray)], ward.dataset), "known")
    assert "near copy" in known.title
    one = ward.film(ward.of("test")[1])
    [known] = of_kind(gate.check(one, [answer(ward.run, one.gray)], ward.dataset), "known")
    assert known.severity == "passed"


def test_without_a_profile_it_says_that_nothing_was_checked_and_withholds_nothing(ward, own_copy):
    other = own_copy(2)
    picture = other_images.screen(np.random.default_rng(0))
    report = gate.check(film(picture), [answer(other, picture)], ward.dataset)
    assert not report.withheld
    assert report.findings[0].kind == "unknown"
    assert not of_kind(report, "frontal")
    assert not of_kind(report, "known")


@pytest.fixture
def own_copy(ward, own_folders, tmp_path, monkeypatch):
    """Makes another run, in a copy of the store."""
    shutil.copytree(ward.run.folder.parent, tmp_path / "models")
    monkeypatch.setenv("CXR_MODELS", str(tmp_path / "models"))
    return lambda number, **changes: chests.keep_run(ward.dataset, number, **changes)


def test_the_majority_of_the_runs_decides_and_what_is_otherwise_is_told_of_each(ward, own_copy):
    runs = [ward.run, own_copy(2), own_copy(3)]
    for run in runs[1:]:
        profiles.make(run, ward.dataset, None)
    picture = other_images.skull(np.random.default_rng(0))
    answers = [answer(run, picture) for run in runs]
    assert gate.check(film(picture), answers, ward.dataset).withheld
    # To two of them it shall look like a chest.
    chest = answer(ward.run, other_images.chest(np.random.default_rng(5), 128))
    answers[1:] = [
        dataclasses.replace(one, seen=chest.seen, depths=chest.depths) for one in answers[1:]
    ]
    report = gate.check(film(picture), answers, ward.dataset)
    assert not report.withheld
    assert [finding.severity for finding in report.of_run[ward.run.run_id]] == ["withheld"]
    assert set(report.of_run) == {ward.run.run_id}
    report = gate.check(film(picture), answers[:2], ward.dataset)
    assert not report.withheld  # one of two is no majority


def test_of_imported_weights_nobody_knows_the_training_films(ward, own_copy):
    imported = own_copy(2, imported="weights.h5 (0)")
    profiles.make(imported, ward.dataset, None)
    one = ward.film(ward.of("train")[0])
    report = gate.check(one, [answer(imported, one.gray)], ward.dataset)
    [known] = of_kind(report, "known")
    assert known.title == "Whether the model was trained on this film is unknown"


def test_of_a_file_of_which_only_the_answers_are_known_films_are_not_compared(ward, own_copy):
    interface = Interface(format="onnx", size=chests.SIZE, channels=1, layout="NCHW", range="0..1", outputs="logits")  # fmt: skip
    run = own_copy(2, imported="swin.onnx (0)", interface=interface)
    picture = other_images.chest(np.random.default_rng(5), 128)
    report = gate.check(film(picture), [answer(run, picture)], ward.dataset)
    assert (
        report.findings[0].title
        == "Not checked for this model: what it sees of a film is not known"
    )
    assert not report.withheld


def test_a_model_of_lungs_that_is_given_a_whole_film_does_not_judge_it(ward, own_copy):
    recipe = models.get("cnn-plain").override(image_size=chests.SIZE)
    on_lungs = own_copy(2, recipe=recipe.override(region="lungs"))
    # The profile of another run will do: it must not be asked.
    seals = [store.load_run(name).seal for name in (ward.run.run_id, on_lungs.run_id)]
    folder = on_lungs.folder.parent / ".profiles"
    for ending in ("npz", "npy"):
        shutil.copy(folder / f"{seals[0]}.{ending}", folder / f"{seals[1]}.{ending}")
    picture = other_images.hand(np.random.default_rng(0))
    report = gate.check(film(picture), [answer(on_lungs, picture)], ward.dataset)
    assert not report.withheld
    assert "trained on a part of each film only" in report.findings[0].title


def test_answers_with_an_error_are_passed_over(ward):
    gray = other_images.chest(np.random.default_rng(5), 128)
    broken = dataclasses.replace(answer(ward.run, gray), error="The network is gone.")
    report = gate.check(film(gray), [broken], ward.dataset)
    assert report == gate.Report((), False, {})


def test_a_film_smaller_than_the_input_is_a_warning(ward):
    gray = cv2.resize(other_images.chest(np.random.default_rng(5), 128), (60, 50))
    [size] = of_kind(check(ward, gray), "size")
    assert size.severity == "warning"
    assert "60 x 50 pixels" in size.title


def test_quality_is_told_as_a_share_of_the_validation_films(ward):
    profile = profiles.load(ward.run)
    seen = answer(ward.run, other_images.chest(np.random.default_rng(5), 128)).seen
    score = np.float32(quality.brisque(seen))
    better = dataclasses.replace(profile, quality=score - np.arange(60, 0, -1, dtype=np.float32))
    usual = dataclasses.replace(profile, quality=score + np.arange(-14.5, 45, dtype=np.float32))
    poor, good = likeness.quality_of(better, seen), likeness.quality_of(usual, seen)
    assert poor.title == "Poor image quality: worse than 100% of the validation films"
    assert good.title == "Usual image quality: better than 75% of the validation films"
    assert (poor.severity, good.severity) == ("warning", "passed")
    assert likeness.quality_of(usual, np.zeros((64, 64), np.uint8)) is None


def test_the_view_of_the_header_or_of_the_dataset_withholds_a_lateral_film(ward):
    gray = other_images.chest(np.random.default_rng(5), 128)
    assert check(ward, gray, view="LL").findings[0].title == "A lateral film, not a frontal one"
    assert check(ward, gray, view="LL").withheld
    assert not check(ward, gray, view="PA").withheld
    table = ward.dataset.table.copy()
    table.loc[0, "view"] = "L"
    listed = dataclasses.replace(ward.dataset, table=table)
    one = ward.film(table.loc[0, "image_id"])
    assert gate.check(one, [answer(ward.run, one.gray)], listed).withheld
