"""The training form: what it offers becomes the recipe that is trained."""

from datetime import UTC, datetime

import pytest

from cxrcore import datasets, index, jobs, models, store, work
from cxrcore.models import RECIPES, schedule_of
from tests.helpers.app import open_page, read


@pytest.fixture
def form(tiny, monkeypatch):
    """The app with a dataset of three classes, and what its form submits."""
    at = open_page()
    asked = []
    job = jobs.Job(job_id="x", kind="train", title="x", state="queued", created=datetime.now(UTC))
    monkeypatch.setattr(work, "submit_training", lambda spec, *_: asked.append(spec) or job)
    monkeypatch.setattr(store, "exists", lambda run_id: False)

    def train():
        at.button(key="train").click().run()
        assert not at.exception
        return asked[-1].recipe

    at.train, at.asked = train, asked
    return at


def test_the_fast_schedule_is_the_default(form):
    assert form.train() == RECIPES["cnn-plain"].fast()


def test_the_published_schedule_trains_the_recipe_as_it_is(form):
    form.segmented_control(key="form_schedule_cnn-plain").set_value("published").run()
    recipe = form.train()
    assert recipe == RECIPES["cnn-plain"]
    assert schedule_of(recipe) == "published"


def test_every_option_reaches_the_recipe(form):
    key = "form_{}_cnn-plain".format
    form.selectbox(key=key("augmentation")).set_value("strong").run()
    form.checkbox(key=key("class_weights")).check().run()
    form.selectbox(key=key("favoured_class") + "tiny").set_value("B").run()
    form.slider(key=key("favoured_weight")).set_value(5.0).run()
    form.slider(key=key("label_smoothing")).set_value(0.1).run()
    expected = (
        models.get("cnn-plain")
        .fast()
        .override(
            augmentation="strong",
            class_weights="balanced",
            favoured_class="B",
            favoured_weight=5.0,
            label_smoothing=0.1,
        )
    )
    assert form.train() == expected


def test_a_network_of_keras_is_trained_in_two_steps_in_part(form):
    name = "keras-mobilenetv3-small"
    form.selectbox(key="recipe").set_value(name).run()
    key = f"form_{{}}_{name}".format
    for field in ("trained_stages", "head_epochs"):
        form.checkbox(key=key(field) + "_on").check()
    form.run()
    assert not form.exception
    expected = {"trained_stages": 1, "head_epochs": 5, "fine_tuning_rate": 1e-5}
    assert form.train() == RECIPES[name].override(**expected)
    assert any("× 55 epochs" in caption.value for caption in form.caption)
    form.selectbox(key=key("weights")).set_value("random").run()
    assert next(b for b in form.button if b.label == "Train").disabled
    assert any("would stay random" in warning.value for warning in form.warning)


def test_models_are_searched_by_name_and_compared_in_a_table(form):
    options = form.selectbox(key="recipe").options
    assert options[0] == "cnn-plain · 0.5 M"
    assert options[-1].startswith("keras-")
    assert not [box for box in form.checkbox if "stages" in str(box.key)]  # not for cnn-plain
    next(b for b in form.button if b.label == "Compare all models").click().run()
    assert not form.exception
    table = next(d.value for d in form.dataframe if "Images/s" in d.value)
    assert table["Model"].tolist() == [option.partition(" ")[0] for option in options]
    assert table["From"].unique().tolist() == ["Published study", "Ours", "Keras"]
    row = table.set_index("Model").loc["keras-efficientnetv2-b0"]
    assert row["Weights (MB)"] == pytest.approx(4 * (5_919_312 + 3 * 1281) / 1e6)
    assert table["Images/s"].isna().all()  # nothing has been trained here


@pytest.mark.parametrize(
    ("name", "ways"),
    [
        ("cnn-plain", {"none", "strong"}),
        ("chexnet-probe", {"none"}),
        ("resnet50v2-xception", {"none", "published", "strong"}),
    ],
)
def test_only_augmentations_that_a_recipe_can_have_are_offered(form, name, ways):
    form.selectbox(key="recipe").set_value(name).run()
    assert not form.exception
    offered = form.selectbox(key=f"form_augmentation_{name}")
    assert len(offered.options) == len(ways)
    assert offered.value == RECIPES[name].augmentation


def test_a_recipe_for_two_classes_offers_one_class_against_the_rest(form):
    form.selectbox(key="recipe").set_value("binary-pool").run()
    assert not form.exception
    choice = form.selectbox(key="against_rest_tiny")
    assert (choice.value, list(choice.options)) == ("A", ["A", "B", "C"])
    choice.set_value("B").run()
    captions = [read(c.value) for c in form.caption]
    [said] = [c for c in captions if c.startswith("Tells")]
    assert "Tells **B** (12) from **not B** (24)." in said
    assert "**tiny-b-against-rest**" in said
    # Nothing has happened yet.
    assert [entry.name for entry in datasets.registered()] == ["tiny"]


def test_one_click_trains_it_on_a_dataset_of_its_own(form):
    form.selectbox(key="recipe").set_value("binary-pool").run()
    form.selectbox(key="against_rest_tiny").set_value("B").run()
    recipe = form.train()
    spec = form.asked[-1]
    assert recipe == RECIPES["binary-pool"].fast()
    assert (spec.dataset, spec.classes) == ("tiny-b-against-rest", ("B", "not B"))
    # What the job loads is what was planned, and the dashboard has gone on with it.
    made = datasets.load("tiny-b-against-rest")
    assert (made.fingerprint, made.classes) == (spec.fingerprint, spec.classes)
    assert made.options == spec.options
    assert form.session_state["dataset"] == "tiny-b-against-rest"
    assert index.load(made) is not None  # its images were measured already
    assert any("36 images in 2 classes: B 12, not B 24" in c.value for c in form.caption)
    # There it tells the two classes apart like any other recipe.
    assert not [s for s in form.selectbox if s.key and s.key.startswith("against_rest")]
    assert not form.warning


def test_on_two_classes_nothing_is_asked(form, make_tiny_dataset):
    index.measure(datasets.register("two", make_tiny_dataset(classes=("A", "B"))))
    form.session_state["next_dataset"] = "two"
    form.selectbox(key="recipe").set_value("binary-pool").run()
    assert form.session_state["dataset"] == "two"
    assert not [s for s in form.selectbox if s.key and s.key.startswith("against_rest")]
    assert form.train() == RECIPES["binary-pool"].fast()
    assert form.asked[-1].classes == ("A", "B")


def test_the_class_in_question_is_covid_where_there_is_one(form, make_tiny_dataset):
    folder = make_tiny_dataset(classes=("Bacterial", "COVID-19", "Normal"))
    index.measure(datasets.register("covid", folder))
    form.session_state["next_dataset"] = "covid"
    form.selectbox(key="recipe").set_value("binary-l2").run()
    assert form.selectbox(key="against_rest_covid").value == "COVID-19"


def test_a_run_of_another_dataset_is_opened_with_its_dataset(form, make_tiny_dataset, monkeypatch):
    index.measure(datasets.register("two", make_tiny_dataset(classes=("A", "B"))))
    facts = {"kind": "train", "state": "done", "created": datetime.now(UTC)}
    ended = [
        jobs.Job(job_id=f"of-{name}", title="x", dataset=name, run_id=f"of-{name}", **facts)
        for name in ("tiny", "two")
    ]
    monkeypatch.setattr(jobs, "list_jobs", lambda: ended)
    form.run()
    assert not form.exception
    # The newest is the one in view; that of the chosen dataset would be a plain link.
    form.button(key="open_of-two").click().run()
    assert not form.exception
    assert form.session_state["dataset"] == "two"
    assert any("No model has been trained on **two** yet" in i.value for i in form.info)
    assert not [b for b in form.button if b.key == "open_of-two"]


@pytest.mark.parametrize("name", ["binary-l2-64", "chexnet", "cnn-plain"])
def test_the_form_accepts_no_number_that_it_then_warns_about(form, name):
    form.selectbox(key="recipe").set_value(name).run()
    fields = ("image_size", "epochs", "batch_size", "learning_rate")
    for end in ("min", "max"):
        for field in fields:
            number = form.number_input(key=f"form_{field}_{name}")
            number.set_value(getattr(number, end))
        form.run()
        assert not form.exception
        assert [warning.value for warning in form.sidebar.warning] == []
    low, high = RECIPES[name].option("image_size").bounds
    size = form.number_input(key=f"form_image_size_{name}")
    assert (size.min, size.max) == (low, high)


def test_what_a_node_gives_a_training_is_asked_where_there_is_a_cluster(form, monkeypatch):
    assert not [field for field in form.number_input if field.key == "room_cpus"]
    monkeypatch.setenv("CXR_RAY_ADDRESS", "http://127.0.0.1:9")
    rooms = []
    job = jobs.Job(job_id="x", kind="train", title="x", state="queued", created=datetime.now(UTC))
    monkeypatch.setattr(work, "submit_training", lambda _, room: rooms.append(room) or job)
    form.run()
    form.number_input(key="room_cpus").set_value(4.0).run()
    form.number_input(key="room_gpus").set_value(0.5).run()
    form.button(key="train").click().run()
    assert not form.exception
    assert rooms == [jobs.Resources(cpus=4, gpus=0.5, memory_gb=0)]
