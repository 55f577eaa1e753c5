"""A training on estimated lungs gathers them by itself, and tells how many films have none."""

import types

import pytest

from cxrcore import datasets, images, lungs, models
from cxrcore.datasets import demo
from cxrcore.training import run_record
from cxrcore.training.inputs import load_inputs
from cxrcore.training.monitor import Reporter
from cxrcore.training.plan import plan


@pytest.fixture
def films(tmp_path):
    """Films of twelve simulated patients in two class folders, without masks, and a blank one."""
    made = demo.make(tmp_path / "demo", patients=6, size=64, workers=1)
    for label in demo.CLASSES[:2]:
        (tmp_path / "plain" / label).mkdir(parents=True)
        for path in sorted((made / label / "images").glob("*_1.png")):
            (tmp_path / "plain" / label / path.name).write_bytes(path.read_bytes())
    blank = images.encode_png(images.resize(images.decode(path) // 9, 64) * 0 + 77)
    (tmp_path / "plain" / demo.CLASSES[0] / "blank.png").write_bytes(blank)
    return datasets.register("plain", tmp_path / "plain")


def test_lungs_are_looked_for_on_first_need(films):
    recipe = models.get("cnn-plain").override(region="lungs", image_size=32, max_brisque=None)
    spec = plan(recipe, films)
    stages = []
    reporter = Reporter(lambda told: stages.append(told.stage), lambda: False, 1)
    inputs = load_inputs(spec, reporter)
    assert "looking for lungs" in stages
    refused = list(lungs.load(films).refused["image_id"])
    assert films.table.set_index("path").at[f"{demo.CLASSES[0]}/blank.png", "image_id"] in refused
    assert [row["image_id"] for row in inputs.selection.removed] == refused
    row = int(inputs.selection.rows["train"][0])
    gray = images.decode(films.path_of(films.table["image_id"].iloc[row]))
    seen = images.apply_region(gray, lungs.segment(gray).mask > 0, "lungs")
    assert (inputs.pixels.array[row] == images.resize(seen, 32)).all()
    [note] = run_record._without_lungs(spec, types.SimpleNamespace(dataset=films))
    assert note.startswith(f"No lungs were found on {len(refused)} films, which are left out: ")
