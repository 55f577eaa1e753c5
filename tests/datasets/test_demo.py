import csv
import json

import cv2
import numpy as np
import pytest

from cxrcore import datasets
from cxrcore.datasets import demo
from cxrcore.errors import Cancelled, DatasetError
from cxrcore.progress import Progress

SMALL = {"patients": 2, "size": 96, "seed": 3}


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def read(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory):
    """Two patients a class, made by two processes."""
    return demo.make(tmp_path_factory.mktemp("demo") / "demo", **SMALL, workers=2)


def test_the_same_seed_gives_the_same_bytes_with_any_number_of_workers(demo_folder, tmp_path):
    alone = demo.make(tmp_path / "alone", **SMALL, workers=1)
    assert contents(alone) == contents(demo_folder)


def test_another_seed_gives_other_pictures(demo_folder, tmp_path):
    other = demo.make(tmp_path / "other", **{**SMALL, "seed": 4}, workers=1)
    ours, theirs = contents(demo_folder), contents(other)
    assert ours.keys() == theirs.keys()
    name = "Normal/images/demo-0003_1.png"
    assert ours[name] != theirs[name]


def test_classes_hospitals_and_pictures_a_patient_are_balanced():
    table = demo.pictures(demo.Parameters(patients=60, seed=0, size=256, shortcut=False))
    assert len(table) == 480
    assert table.groupby("label").patient_id.nunique().to_dict() == dict.fromkeys(demo.CLASSES, 60)
    assert set(table.groupby(["label", "source"]).size()) == {60}
    assert set(table.groupby("patient_id").size()) == {1, 2, 3}
    assert (table.groupby("patient_id")[["label", "source"]].nunique() == 1).all(axis=None)
    assert table.path.is_unique


def test_every_picture_has_masks_with_lesions_inside_the_lungs(demo_folder):
    images = sorted(demo_folder.glob("*/images/*.png"))
    assert len(images) == 16
    for path in images:
        image = read(path)
        mask, lesion = (read(path.parent.parent / k / path.name) for k in ("masks", "lesions"))
        assert image.shape == mask.shape == lesion.shape == (96, 96)
        assert image.dtype == mask.dtype == lesion.dtype == np.uint8
        assert set(np.unique(mask)) == {0, 255}
        assert set(np.unique(lesion)) <= {0, 255}
        assert not (lesion > mask).any()
        assert 0.12 < (mask > 0).mean() < 0.45
        assert (lesion > 0).any() == (path.parts[-3] != "Normal")
        # Lungs are darker than what surrounds them.
        ring = cv2.dilate(mask, np.ones((9, 9))) > mask
        assert np.median(image[mask > 0]) < np.median(image[ring])


def test_pictures_of_one_patient_are_not_copies(demo_folder):
    first, second = (read(demo_folder / f"Normal/images/demo-0003_{k}.png") for k in (1, 2))
    assert np.abs(first.astype(int) - second).mean() > 3


def test_the_tables_beside_the_pictures_name_every_one_of_them(demo_folder):
    with open(demo_folder / "metadata.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) == {"path", "patient_id", "source", "view", "modality"}
    assert all((demo_folder / row["path"]).is_file() for row in rows)
    assert len(rows) == 16
    assert {row["view"] for row in rows} == {"PA"}
    about = json.loads((demo_folder / "dataset.json").read_text())
    assert about["synthetic"] is True
    assert about["classes"] == list(demo.CLASSES)
    assert len(about["notes"]) == 1
    assert "not of patients" in about["notes"][0]


def test_it_loads_as_a_synthetic_dataset_with_masks_patients_and_sources(demo_folder):
    dataset = datasets.load(demo_folder)
    assert dataset.synthetic
    assert dataset.classes == demo.CLASSES
    assert dict(dataset.counts()) == dict.fromkeys(demo.CLASSES, 4)
    assert dataset.table["mask"].notna().all()
    assert dataset.table["patient_id"].nunique() == 8
    assert set(dataset.table["source"]) == {"Hospital 1", "Hospital 2"}


def test_the_shortcut_changes_only_the_corner_of_the_class(demo_folder, tmp_path):
    planted = demo.make(tmp_path / "planted", **SMALL, shortcut=True, workers=1)
    assert len(json.loads((planted / "dataset.json").read_text())["notes"]) == 2
    for path in demo_folder.glob("*/images/*.png"):
        _, x, y = demo.SHORTCUTS[path.parts[-3]]
        changed = read(path) != read(planted / path.relative_to(demo_folder))
        rows, columns = np.nonzero(changed)
        assert len(rows) > 8
        assert np.abs(rows / 96 - y).max() < 0.12
        assert np.abs(columns / 96 - x).max() < 0.12
    assert len({corner[1:] for corner in demo.SHORTCUTS.values()}) == 4


def test_making_it_again_does_nothing(demo_folder):
    def never(progress):
        raise AssertionError(progress)

    before = (demo_folder / "dataset.json").stat().st_mtime_ns
    assert demo.make(demo_folder, **SMALL, report=never) == demo_folder
    assert (demo_folder / "dataset.json").stat().st_mtime_ns == before


def test_other_parameters_in_the_same_folder_are_refused_with_a_way_out(demo_folder):
    with pytest.raises(DatasetError, match=r"seed 3 instead of 9.*delete this one"):
        demo.make(demo_folder, **{**SMALL, "seed": 9})


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(DatasetError, match="not a demonstration dataset"):
        demo.make(tmp_path, **SMALL)
    assert (tmp_path / "mine.txt").read_text() == "keep"


@pytest.mark.parametrize(("name", "value"), [("patients", 0), ("size", 32), ("seed", -1)])
def test_a_parameter_out_of_range_is_named(tmp_path, name, value):
    with pytest.raises(DatasetError, match=rf"{name} from \d+ to \d+. Received: {value}"):
        demo.make(tmp_path / "demo", **{name: value})


@pytest.mark.parametrize("workers", [1, 2])
def test_a_making_that_is_stopped_leaves_nothing(tmp_path, workers):
    def stop(progress):
        if progress.done:
            raise Cancelled("enough")

    place = tmp_path / "place"
    place.mkdir()
    with pytest.raises(Cancelled):
        demo.make(place / "demo", patients=3, size=64, workers=workers, report=stop)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("about", ["[]", "{}", '{"made": 1}'])
def test_another_dataset_is_not_taken_for_it(tmp_path, about):
    (tmp_path / "dataset.json").write_text(about)
    with pytest.raises(DatasetError, match="not a demonstration dataset"):
        demo.make(tmp_path, **SMALL)


def test_progress_counts_pictures_to_the_end_in_an_empty_folder(tmp_path):
    seen: list[Progress] = []
    (tmp_path / "demo").mkdir()
    demo_folder = demo.make(tmp_path / "demo", patients=1, size=64, workers=1, report=seen.append)
    assert [p.done for p in seen] == [0, 2, 4, 6, 8]
    assert {p.total for p in seen} == {8}
    assert (demo_folder / "metadata.csv").is_file()
