"""Live prediction without a browser: what opens it, what each row says, what is held back."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from cxrcore import gate, store, work
from cxrcore.errors import JobError
from cxrcore.explanations import Layer
from cxrcore.foreign import Interface
from cxrcore.gate import Finding, Report
from cxrcore.profiles import Neighbour
from cxrcore.store.card import NOTICE
from pages.predict.live import answers, controls
from pages.predict.live import rows as live_rows
from pages.shared import prediction_cache
from tests.helpers import tested
from tests.helpers.app import again, component, open_page, read, texts
from tests.helpers.live import Models, keep_examples, rows, runs, strip

PAGE = "predict/live"
HOSTILE = "<script>x</script> **b** :red[c].png"
FINE = Report((Finding("chest", "A frontal chest film", "passed"),), False, {})
NOT_CHEST = Report((Finding("chest", "Not a <b>chest</b> film", "withheld"),), True, {})


@pytest.fixture
def models(monkeypatch):
    """Made-up models that answer at once, and checks that find nothing."""
    models = Models()
    monkeypatch.setattr(prediction_cache, "predict", models.predict)
    monkeypatch.setattr(answers, "check", lambda *_: FINE)
    monkeypatch.setattr(answers, "warm", lambda runs: None)
    return models


@pytest.fixture
def two(tiny, models):
    """Two runs: the first takes eight films of class A for B, the second is always right."""
    return runs(tiny)


def png(seed: int = 0, shape=(40, 60)) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, shape, np.uint8)
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def upload(at, *files: tuple[str, bytes]):
    at.main.file_uploader[0].set_value([(*file, "image/png") for file in files])
    return again(at)


# --- what it opens with ---------------------------------------------------------------------


def test_it_opens_with_a_kept_example_while_no_model_can_answer(two, tiny, models):
    wanted, other = tiny.table["image_id"].iloc[:2]
    keep_examples(two[0], [other, wanted])
    keep_examples(two[1], [wanted])
    models.failure = JobError("The process stopped.")
    at = open_page(PAGE)
    assert strip(at)["selected"] == wanted  # the one that both have
    first, second = rows(at)
    assert [(row["answer"], row["right"]) for row in (first, second)] == [("A", True), ("B", False)]
    assert [shown["title"] for shown in first["maps"]] == ["Film", "Grad-CAM", "Saliency"]
    assert first["maps"][1]["src"].startswith("data:image/png;base64,")
    assert first["maps"][2]["words"] == "Being computed …"
    assert [read(error.value) for error in at.error] == ["The process stopped."]
    assert NOTICE in [caption.value for caption in at.main.caption]


def test_live_answers_take_the_place_of_the_example(two, tiny, models):
    for run in two:
        keep_examples(run, tiny.table["image_id"].iloc[:1])
    at = open_page(PAGE)
    assert {shown["words"] for row in rows(at) for shown in row["maps"]} == {""}
    assert [row["bars"][0]["text"] for row in rows(at)] == ["60%", "60%"]
    asked = len(models.asked)
    again(at)
    assert len(models.asked) == asked + 1  # kept by `prediction_cache`; no second stage


def test_an_example_does_not_come_back_once_the_models_have_answered(two, tiny, models):
    for run in two:
        keep_examples(run, tiny.table["image_id"].iloc[:1])
    at = open_page(PAGE)
    models.failure = JobError("The process stopped.")
    at.main.button_group(key="live_methods").set_value(["grad-cam", "smoothgrad"])
    again(at)
    assert [read(error.value) for error in at.error] == ["The process stopped."]
    assert not any(
        e.type == "bidi_component" and e.proto.component_name == "cxr_live" for e in at.main
    )


def test_examples_that_runs_lack_are_asked_for_once(two, monkeypatch):
    asked = []
    monkeypatch.setattr(work, "submit_examples", asked.append)
    again(open_page(PAGE))
    assert asked == ["tiny"]


def test_a_link_with_film_and_runs_shows_them(two, tiny):
    image_id = tiny.table["image_id"].iloc[-1]
    at = open_page(PAGE, image=image_id, runs=two[1].run_id)
    [row] = rows(at)
    assert row["hint"].startswith(two[1].run_id)
    assert strip(at)["selected"] == image_id
    assert row["right"] is False  # the models say A, it is C
    assert "truth: **C** · A test film: never seen in training." in texts(at)


# --- what a row says ------------------------------------------------------------------------


def test_probabilities_are_calibrated_and_raw_ones_are_shown_on_demand(two, models):
    run_id = two[0].run_id
    models.shares[run_id] = (0.8, 0.1, 0.1)
    store.annotate(run_id, temperature=2.0)
    at = open_page(PAGE, runs=run_id)
    weights = np.sqrt([0.8, 0.1, 0.1])  # softmax(log(p) / 2)
    shares = [bar["share"] for bar in rows(at)[0]["bars"]]
    np.testing.assert_allclose(shares, weights / weights.sum(), atol=1e-6)
    assert "Calibrated." in rows(at)[0]["words"]
    at.main.toggle(key=controls.RAW).set_value(True)
    again(at)
    assert [bar["text"] for bar in rows(at)[0]["bars"]] == ["80%", "10%", "10%"]


def test_the_operating_point_decides_the_answer(two, tiny, models):
    run_id = two[0].run_id
    store.annotate(run_id, thresholds={"B": 0.25})
    at = open_page(PAGE, image=tiny.table["image_id"].iloc[0], runs=run_id)
    [row] = rows(at)
    assert (row["answer"], row["right"]) == ("B", False)
    assert "Operating point: B from 25%." in row["words"]
    assert [bar["threshold"] for bar in row["bars"]] == [None, 0.25, None]
    assert [bar["chosen"] for bar in row["bars"]] == [False, True, False]


def test_a_map_without_evidence_says_so_and_offers_the_class_that_has_some(two, models):
    models.empty = {"A"}
    at = open_page(PAGE)
    shown = rows(at)[0]["maps"][1]
    assert (shown["words"], shown["offer"]) == ("Nothing in this film speaks for A.", "C")
    assert shown["src"] == ""
    at.session_state[controls.EXPLAINED] = "C"
    again(at)
    assert rows(at)[0]["maps"][1]["src"]
    assert "Maps: the evidence for C." in rows(at)[0]["words"]


def test_a_run_that_fails_says_why_in_its_row_and_harms_no_other(two, models):
    models.errors[two[0].run_id] = "Its file is damaged."
    failed, fine = sorted(rows(open_page(PAGE)), key=lambda row: not row["error"])
    assert failed["error"] == "Its file is damaged."
    assert failed["maps"] == []
    assert fine["answer"] == "A"


def test_what_is_not_known_of_an_imported_file_is_said(two, tiny, models, monkeypatch):
    interface = Interface(format="onnx", size=32, channels=3, layout="NCHW", range="0..1", outputs="logits")  # fmt: skip
    shares = np.full((len(tiny.table), 3), 1 / 3)
    run = tested.keep(tiny, 7, shares, imported="swin.onnx (0)", interface=interface)
    models.files = {run.run_id}
    asked = []
    monkeypatch.setattr(work, "submit_examples", asked.append)
    monkeypatch.setattr(work, "submit_profiles", asked.append)
    [row] = rows(again(open_page(PAGE, runs=run.run_id)))
    assert row["answer"] == "A"
    assert row["maps"][1]["words"] == "Grad-CAM needs a network of Keras."
    assert row["near"] == "Nearest training films: not known of an imported file."
    assert asked == []  # there is nothing to prepare


def test_the_nearest_training_films_are_counted_and_shown(two, tiny, models, monkeypatch):
    ids = tiny.table["image_id"]
    near = [
        Neighbour(ids[0], "A", 0.5),
        Neighbour(ids[1], "A", 1.25),
        Neighbour("gone", "<b>", 2.0),
    ]
    monkeypatch.setattr(answers, "nearest", lambda *_: tuple(near))
    row = rows(open_page(PAGE))[0]
    assert row["near"] == "Nearest in training: 2 A, 1 <b>"
    assert [film["text"] for film in row["nearest"]] == [
        "Training film of class A, distance 0.5",
        "Training film of class A, distance 1.2",
    ]


def test_of_many_classes_the_most_likely_are_bars_and_the_rest_is_one(two, models, monkeypatch):
    monkeypatch.setattr(live_rows, "MOST_BARS", 2)
    models.shares[two[0].run_id] = (0.001, 0.003, 0.996)
    [row] = rows(open_page(PAGE, runs=two[0].run_id))
    assert [(bar["label"], bar["text"]) for bar in row["bars"]] == [
        ("C", ">99%"),
        ("2 others", "<1%"),
    ]


def test_classes_as_columns(two, tiny, models):
    at = open_page(PAGE)
    at.main.button_group(key="live_view").set_value(controls.CLASSES)
    again(at)
    assert [shown["title"] for shown in rows(at)[0]["maps"]] == ["Film", "A", "B", "C"]
    assert {asked[1:] for asked in models.asked[-3:]} == {(n, ("grad-cam",)) for n in "ABC"}
    assert "Grad-CAM maps agree largely (mean correlation 1.00)" in texts(at)


def test_slow_maps_follow_the_quick_ones(two, models):
    at = open_page(PAGE)
    models.asked.clear()
    at.main.button_group(key="live_methods").set_value(["grad-cam", "smoothgrad"])
    again(at)
    assert [asked[2] for asked in models.asked][:2] == [("grad-cam",), ("grad-cam",)]
    assert ("smoothgrad",) in [asked[2] for asked in models.asked]
    assert [shown["title"] for shown in rows(at)[0]["maps"]] == ["Film", "Grad-CAM", "SmoothGrad"]
    assert all(shown["src"] for shown in rows(at)[0]["maps"][1:])


def test_layers_are_offered_once_they_are_known(two, models):
    models.layers = (
        Layer("conv1", "28 x 28 places", (28, 28, 4)),
        Layer("conv2", "7 x 7 places", (7, 7, 8)),
    )
    at = again(open_page(PAGE))
    box = at.main.selectbox(key="live_layer")
    assert box.options[0] == controls.LAST
    assert sum("28 x 28 places" in read(option) for option in box.options) == 1
    box.set_value("conv1")
    again(at)
    assert models.layer == "conv1"


def test_presenting_names_no_folder(two, models):
    at = open_page(PAGE, present="true")
    assert [row["hint"] for row in rows(at)] == ["", ""]


# --- checks ---------------------------------------------------------------------------------


def test_answers_are_held_back_until_somebody_wants_them_anyway(two, tiny, models, monkeypatch):
    monkeypatch.setattr(answers, "check", lambda *_: NOT_CHEST)
    at = open_page(PAGE, image=tiny.table["image_id"].iloc[0])
    assert not any(
        e.proto.component_name == "cxr_live" for e in at.main if e.type == "bidi_component"
    )
    [box] = [h for h in at.main.get("html") if "held back" in h.proto.body]
    assert "Not a &lt;b&gt;chest&lt;/b&gt; film" in box.proto.body
    next(b for b in at.main.button if b.label == "Show anyway").click()
    again(at)
    assert len(rows(at)) == 2
    at.query_params["image"] = tiny.table["image_id"].iloc[1]  # another film is held back again
    again(at)
    assert any(b.label == "Show anyway" for b in at.main.button)


def test_what_differs_between_models_is_said_with_their_titles(two, models, monkeypatch):
    title = store.annotate(two[0].run_id, title="The <i>old</i> one").title
    of_run = {two[0].run_id: (Finding("known", "In its training data", "warning"),)}
    monkeypatch.setattr(answers, "check", lambda *_: FINE._replace(of_run=of_run))
    [panel] = [
        h.proto.body for h in open_page(PAGE).main.get("html") if 'class="gate"' in h.proto.body
    ]
    assert "A frontal chest film" in panel
    assert "The &lt;i&gt;old&lt;/i&gt; one: In its training data" in panel
    assert title not in panel


def test_a_film_is_checked_once(tiny, monkeypatch):
    [run] = runs(tiny, wrong=(0,))
    models, calls = Models(), []
    monkeypatch.setattr(prediction_cache, "predict", models.predict)
    monkeypatch.setattr(gate, "check", lambda *given: calls.append(given) or FINE)
    at = open_page(PAGE, runs=run.run_id)
    again(at)
    assert len(calls) == 1


# --- films to choose from -------------------------------------------------------------------


def test_uploads_come_first_and_a_broken_one_is_named(two, models):
    at = open_page(PAGE)
    upload(at, (HOSTILE, png(1)), ("broken.png", png(2)[:60]), ("tall.png", png(3, (90, 30))))
    items = strip(at)["items"]
    assert [item["text"] for item in items[:2]] == [HOSTILE, "tall.png"]
    assert strip(at)["selected"] == items[0]["id"]
    assert any("broken.png" in read(error.value) for error in at.error)
    assert HOSTILE in texts(at)
    assert [row["right"] for row in rows(at)] == [None, None]
    shown = component(at, "cxr_live")["film"]
    assert (shown["width"], shown["height"]) == (60, 40)
    at.session_state["live_chosen"] = items[1]["id"]
    again(at)
    assert component(at, "cxr_live")["film"]["height"] == 90
    next(b for b in at.main.button if b.label == "Remove my films").click()
    again(at)
    assert "tall.png" not in [item["text"] for item in strip(at)["items"]]


def test_a_page_of_an_uploaded_tiff_is_chosen(two, models):
    films = [Image.new("L", size, 90) for size in ((60, 40), (50, 80))]
    films[0].save(packed := io.BytesIO(), "TIFF", save_all=True, append_images=films[1:])
    at = upload(open_page(PAGE), ("both.tif", packed.getvalue()))
    assert component(at, "cxr_live")["film"]["width"] == 60
    page = next(box for box in at.main.selectbox if box.label == "Page of the file")
    assert page.options == ["1", "2"]
    page.select(2)
    again(at)
    assert component(at, "cxr_live")["film"]["height"] == 80


def test_only_mistakes_are_those_of_the_runs_shown(two, tiny):
    wrong = set(tiny.table["image_id"].iloc[:8])
    at = open_page(PAGE)
    at.main.toggle(key="live_mistakes").set_value(True)
    again(at)
    assert {item["id"] for item in strip(at)["items"]} <= wrong
    assert strip(at)["text"].endswith("of 8")
    at = open_page(PAGE, runs=two[1].run_id)
    at.main.toggle(key="live_mistakes").set_value(True)
    again(at)
    assert any("No film matches" in info.value for info in at.main.info)


def test_search_class_and_neighbours(two, tiny):
    at = open_page(PAGE)
    at.main.selectbox(key="class_tiny").set_value("B")
    at.main.text_input(key="live_search").set_value("0000100")
    again(at)
    table = tiny.table
    fits = table["label"].eq("B") & table["path"].str.contains("0000100")
    wanted = sorted(table.loc[fits, "image_id"])
    data = strip(at)
    assert [item["id"] for item in data["items"]] == wanted[:6]
    at.query_params["image"] = wanted[1]
    again(at)
    assert (strip(at)["previous"], strip(at)["next"]) == (wanted[0], wanted[2])


def test_a_film_that_is_gone_is_named(two, tiny, tiny_dataset_folder):
    row = tiny.table.iloc[0]
    (tiny_dataset_folder / row["path"]).unlink()
    at = open_page(PAGE, image=row["image_id"])
    assert any(
        re.search(r"not in tiny|cannot be read", read(e.value)) for e in (*at.error, *at.warning)
    )


def test_a_run_whose_files_were_changed_is_not_offered(two):
    (two[0].folder / "predictions.parquet").write_bytes(b"x")
    assert [row["hint"] for row in rows(open_page(PAGE))] == [two[1].run_id]


def test_the_models_that_are_chosen_stand_in_the_address(two):
    at = open_page(PAGE)
    at.pills(key="live_runs").set_value([two[1].run_id])
    again(at)
    assert at.query_params["runs"] == two[1].run_id
    assert len(rows(at)) == 1


def test_maps_explain_the_answer_of_the_operating_point_and_raw_probabilities_keep_it(two, models):
    run_id = two[0].run_id
    models.shares[run_id] = (0.6, 0.3, 0.1)
    store.annotate(run_id, thresholds={"B": 0.35}, temperature=2.0)  # B is 0.33 calibrated
    [row] = rows(open_page(PAGE, runs=run_id))
    assert row["answer"] == "A"
    store.annotate(run_id, thresholds={"B": 0.32})
    at = open_page(PAGE, runs=run_id)
    [row] = rows(at)
    assert row["answer"] == "B"
    assert (models.asked[-1][1], models.asked[-1][2]) == ("B", ("grad-cam", "saliency"))
    assert not [words for words in row["words"] if words.startswith("Maps:")]
    at.toggle(key=controls.RAW).set_value(True)
    again(at)
    [row] = rows(at)
    assert row["answer"] == "B"
    assert row["bars"][1]["text"] == "30%"
    assert row["bars"][1]["threshold"] is None
