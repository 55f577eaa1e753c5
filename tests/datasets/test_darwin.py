"""V7 Darwin: polygons to masks, tags to labels, and every record that cannot be used."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cxrcore import datasets, images
from cxrcore.datasets import darwin
from cxrcore.errors import DatasetError, ImageError

LEFT = [(2, 2), (8, 2), (8, 15), (2, 15)]
RIGHT = [(12, 2), (18, 2), (18, 15), (12, 15)]


def points(path):
    return [{"x": float(x), "y": float(y)} for x, y in path]


def polygon(path, name="Lung"):
    return {"name": name, "polygon": {"path": points(path)}}


def tags(*names):
    return [{"name": name, "tag": {}} for name in names]


LUNGS = [polygon(LEFT), polygon(RIGHT)]


class Pull:
    """Writes images and records as `darwin dataset pull` lays them out."""

    def __init__(self, root: Path) -> None:
        self.root, self._next = root, 0
        self.annotations = root / "releases" / "all-images" / "annotations"
        self.annotations.mkdir(parents=True)
        (root / "images").mkdir()

    def image(self, name: str) -> "Pull":
        self._next += 1
        pixels = np.zeros((20, 20), np.uint8)
        pixels[0, 0], pixels[0, 1] = 255, self._next
        Image.fromarray(pixels).save(self.root / "images" / name)
        return self

    def record(self, number: str, annotations: list, **image: object) -> "Pull":
        about = {"filename": f"{number}.png", "original_filename": f"{number} a.JPG"}
        about |= {"seq": 1, "width": 20, "height": 20} | image
        record = {"image": about, "dataset": "set", "annotated": True, "annotations": annotations}
        return self.text(f"{number}.json", json.dumps(record))

    def text(self, name: str, text: str | bytes) -> "Pull":
        data = text if isinstance(text, bytes) else text.encode()
        (self.annotations / name).write_bytes(data)
        return self

    def both(self, number: str, annotations: list, **image: object) -> "Pull":
        return self.image(f"{number}.png").record(number, annotations, **image)

    def load(self) -> datasets.Dataset:
        return datasets.load(self.root)

    def notes(self) -> str:
        return "\n".join(self.load().notes)


@pytest.fixture
def pull(tmp_path) -> Pull:
    dataset = Pull(tmp_path / "v7")
    return dataset.both("0", [*LUNGS, *tags("COVID-19", "Viral Pneumonia", "X-ray")])


def test_tags_fill_the_table(pull):
    record = tags("PatientID:326b", "location:Rome, Italy", "View/AP_Supine", "Age:55", "Sex/F")
    pull.both("1", [*LUNGS, *record, *tags("Bacterial Pneumonia")])
    row = pull.load().table.iloc[1]
    assert (row["label"], row["patient_id"], row["view"]) == ("Bacterial Pneumonia", "326b", "AP")
    assert (row["source"], row["modality"]) == ("Rome, Italy", "xray")
    assert (row["age"], row["sex"], row["original_name"]) == (55, "F", "1 a.JPG")
    assert (pull.root / row["annotation"]).is_file()


def test_the_record_is_the_mask_of_images_with_two_lungs(pull):
    pull.both("1", [polygon(LEFT), *tags("COVID-19")])
    table = datasets.load(pull.root, options={"keep_all": True}).table
    assert table["mask"][0] == table["annotation"][0]
    assert table["mask"].isna().tolist() == [False, True]


def test_masks_without_ignored_regions_are_asked_for_by_an_option(pull):
    dataset = datasets.load(pull.root, options={"without_ignored": True})
    assert dataset.mask_of(dataset.table.iloc[0]).name == "0.json#without-ignored"
    assert dataset.options == {"without_ignored": True}


def test_without_a_tag_the_value_is_missing(pull):
    row = pull.load().table.iloc[0]
    assert row[["patient_id", "source", "view", "split", "age", "sex"]].isna().all()


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (("Viral Pneumonia", "COVID-19"), "COVID-19"),
        (("covid-19", "Bacterial Pneumonia"), "COVID-19"),
        (("Viral Pneumonia",), "Viral Pneumonia"),
        (("Bacterial Pneumonia", "Streptococcus"), "Bacterial Pneumonia"),
        (("No Pneumonia (healthy)",), "No Pneumonia (healthy)"),
    ],
)
def test_the_class_is_the_tag_and_covid_wins(pull, names, label):
    pull.both("1", [*LUNGS, *tags(*names)])
    assert pull.load().table["label"][1] == label


@pytest.mark.parametrize(
    ("annotations", "why"),
    [
        (tags("COVID-19", "CT"), "CT without exactly two lung polygons"),
        ([polygon(LEFT), *tags("COVID-19")], "X-ray without exactly two lung polygons"),
        ([*LUNGS, polygon(LEFT), *tags("COVID-19")], "X-ray without exactly two lung polygons"),
        ([*LUNGS[:1], polygon([(1, 1), (2, 2)]), *tags("COVID-19")], "X-ray without exactly two"),
        ([*LUNGS, *tags("COVID-19", "View/Lateral")], "lateral"),
        ([*LUNGS, *tags("X-ray")], "not tagged with a class"),
        ([*LUNGS, *tags("Fungal Pneumonia")], "Fungal Pneumonia, which is too rare for a class"),
        (
            [*LUNGS, *tags("Viral Pneumonia", "Bacterial Pneumonia")],
            "tagged with several classes, Bacterial Pneumonia and Viral Pneumonia",
        ),
    ],
)
def test_what_is_left_out_is_counted_with_its_reason(pull, annotations, why):
    pull.both("1", annotations)
    assert list(pull.load().table["path"]) == ["images/0.png"]
    assert f"1 image is left out as {why}" in pull.notes()


def test_everything_with_a_class_is_kept_on_request(pull):
    pull.both("1", tags("COVID-19", "CT")).both("2", tags("COVID-19", "View/Lateral"))
    pull.both("3", [*LUNGS, *tags("Fungal Pneumonia")]).both("4", tags("X-ray"))
    table = darwin.read(pull.root, "all", keep_all=True).table
    assert list(table["modality"]) == ["xray", "ct", "xray", "xray"]
    assert list(table["view"].fillna("")) == ["", "", "L", ""]


def test_version_two_of_the_format_is_read(pull):
    slot = {"width": 20, "height": 20, "source_files": [{"file_name": "mine.jpg"}]}
    lungs = [{"name": "Lung", "polygon": {"paths": [points(p)]}} for p in (LEFT, RIGHT)]
    item = {"name": "1.png", "path": "/", "slots": [slot]}
    record = {"version": "2.0", "item": item, "annotations": [*lungs, *tags("COVID-19")]}
    pull.image("1.png").text("1.json", json.dumps(record))
    row = pull.load().table.iloc[1]
    assert row["original_name"] == "mine.jpg"
    assert darwin.lung_mask(pull.root / row["annotation"], (20, 20)).sum() == 2 * 7 * 14


def test_two_lungs_are_united_even_where_they_overlap():
    both = [np.array(LEFT), np.array(LEFT) + 3]
    mask = darwin.rasterise(both, (20, 20))
    assert mask[7, 7]
    assert mask.sum() == 2 * 7 * 14 - 4 * 11


def test_a_hole_in_a_complex_polygon_stays_open(pull):
    paths = [points([(1, 1), (18, 1), (18, 18), (1, 18)]), points([(5, 5), (9, 5), (9, 9), (5, 9)])]
    hollow = {"name": "Lung", "complex_polygon": {"path": paths}}
    pull.record("0", [hollow, polygon(RIGHT), *tags("COVID-19")])
    file = pull.annotations / "0.json"
    (array, _) = darwin.polygons_of(file)
    assert array.shape == (9, 2)
    assert np.isnan(array[4]).all()
    mask = darwin.lung_mask(file, (20, 20))
    assert mask[2, 2]
    assert mask[14, 14]
    assert not mask[7, 7]
    assert len(pull.load().table) == 1


def test_ignore_regions_are_taken_out_on_request(pull):
    pull.record("0", [*LUNGS, polygon(LEFT, "Ignore"), *tags("COVID-19")])
    file = pull.annotations / "0.json"
    assert darwin.lung_mask(file, (20, 20))[5, 5]
    mask = darwin.lung_mask(file, (20, 20), without_ignored=True)
    assert not mask[5, 5]
    assert mask[5, 15]


def test_a_mask_follows_the_size_of_the_image(pull):
    mask = darwin.lung_mask(pull.annotations / "0.json", (40, 10))
    assert mask.shape == (40, 10)
    assert mask[10, 2]
    assert not mask[10, 5]


def test_an_image_of_another_size_than_annotated_is_noted(pull):
    pull.record("0", [*LUNGS, *tags("COVID-19")], width=40, height=40)
    assert "1 image is not of the annotated size; masks are scaled" in pull.notes()


def test_lungs_that_reach_outside_are_cut_off_and_noted(pull):
    far = [(2, 2), (1e9, 2), (1e9, 15), (-50, 15)]
    pull.record("0", [polygon(LEFT), polygon(far), *tags("COVID-19")])
    assert darwin.lung_mask(pull.annotations / "0.json", (20, 20)).shape == (20, 20)
    assert "lungs that reach beyond the image; the excess is cut off: images/0.png" in pull.notes()


def test_a_lung_that_is_wholly_outside_is_none(pull):
    away = polygon([(30, 30), (40, 30), (40, 40)])
    pull.both("1", [polygon(LEFT), away, *tags("COVID-19")])
    assert "1 image is left out as X-ray without exactly two lung polygons" in pull.notes()


@given(
    st.lists(st.tuples(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12)), min_size=3, max_size=6).map(
        np.array
    )
)
def test_any_polygon_becomes_a_mask(polygon):
    assert darwin.rasterise([polygon], (9, 7)).shape == (9, 7)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5) | st.floats(),
       lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
           st.sampled_from(["image", "item", "annotations", "filename", "name", "slots", "path",
                            "polygon", "complex_polygon", "x", "y", "width"]), inner, max_size=4),
       max_leaves=12))  # fmt: skip
def test_any_json_is_a_record_or_one_sentence(tmp_path_factory, value):
    file = tmp_path_factory.mktemp("json") / "a.json"
    file.write_text(json.dumps(value))
    notes = ""
    try:
        darwin.polygons_of(file)
    except ImageError as error:
        notes = str(error)
    assert not notes or notes.startswith("a.json ")
    assert "\n" not in notes


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "cannot be read as JSON"),
        (b"\xff\xfe{}", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("[]", "is not a Darwin record"),
        ('{"images": [], "annotations": []}', "is not a Darwin record"),
        ('{"image": {"filename": 3}, "annotations": []}', "is not a Darwin record"),
        (
            '{"image": {"filename": "a"}, "annotations":'
            ' [{"name": "Lung", "polygon": {"path": [{"x": 1}]}}]}',
            "is not a Darwin record",
        ),
        (
            '{"image": {"filename": "a"}, "annotations":'
            ' [{"name": "Lung", "polygon": {"path": [{"x": NaN, "y": 1}]}}]}',
            "is not a Darwin record",
        ),
    ],
)
def test_a_broken_record_is_skipped_with_one_sentence(pull, content, expected):
    pull.text("1.json", content)
    note = next(note for note in pull.load().notes if "JSON file" in note)
    assert note.startswith("1 JSON file is skipped. The first: releases/all-images/annotations/1")
    assert expected in note
    assert "\n" not in note


def test_records_and_images_without_a_partner_are_noted(pull):
    pull.record("1", [*LUNGS, *tags("COVID-19")]).image("2.png")
    notes = pull.notes()
    assert "1 JSON file is left out because no single image has the given name" in notes
    assert "1 image is left out without a JSON file: images/2.png" in notes


def test_a_second_record_of_an_image_is_noted(pull):
    other = pull.root / "releases" / "older" / "annotations"
    other.mkdir(parents=True)
    (other / "0.json").write_bytes((pull.annotations / "0.json").read_bytes())
    assert "an earlier one describes the same image" in pull.notes()
    assert len(pull.load().table) == 1


def test_a_damaged_image_keeps_its_row(pull):
    pull.record("1", [*LUNGS, *tags("COVID-19")])
    (pull.root / "images" / "1.png").write_bytes(b"no picture")
    assert pull.load().table["width"].isna().tolist() == [False, True]
    assert "1 image is listed but cannot be used" in pull.notes()


def test_nothing_that_can_be_used_is_refused(pull):
    pull.record("0", tags("COVID-19", "CT"))
    with pytest.raises(DatasetError, match=r"No image in .* CT without exactly two lung polygons"):
        pull.load()
    (pull.annotations / "0.json").unlink()
    with pytest.raises(DatasetError, match="holds no Darwin records"):
        datasets.load(pull.root, "darwin")


def test_class_folders_are_not_taken_for_darwin(tiny_dataset_folder):
    (tiny_dataset_folder / "annotations").mkdir()
    coco = tiny_dataset_folder / "annotations" / "instances.json"
    coco.write_text('{"images": [], "annotations": [], "categories": []}')
    assert not darwin.detect(tiny_dataset_folder)
    assert datasets.load(tiny_dataset_folder).layout == "folders"


@pytest.mark.real
def test_the_real_collection_gives_55_images_with_lungs_and_reports_the_rest(real_data):
    from skimage.draw import polygon2mask

    dataset = datasets.load(real_data / "v7-covid-19-chest-x-ray-dataset")
    assert (dataset.layout, len(dataset.table), dataset.classes) == ("darwin", 55, ("COVID-19",))
    notes = "\n".join(dataset.notes)
    assert "6 images are left out as CT without exactly two lung polygons" in notes
    assert "6 images are left out as lateral" in notes
    assert "55 images are kept with two lung polygons each" in notes
    assert "1 image is tagged CT and marked with modality `ct`: images/00006738.PNG" in notes
    assert dataset.table["patient_id"].notna().all()
    assert dataset.table["original_name"].notna().all()
    small = (dataset.table["width"] * dataset.table["height"]).astype(int).nsmallest(4).index
    for row in dataset.table.loc[small].itertuples():
        shape = images.decode(dataset.path_of(row)).shape
        file = dataset.root / row.annotation
        lungs = [polygon2mask(shape, path[:, ::-1]) for path in darwin.polygons_of(file)]
        assert np.mean(darwin.lung_mask(file, shape) != np.any(lungs, axis=0)) < 1e-4
