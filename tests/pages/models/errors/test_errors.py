"""The page of errors: lists of films, one of them large, tags, groups of films."""

import json

import numpy as np
import pytest

from cxrcore import comparison, film_maps, mistakes, slices, store, work
from pages.models.errors import lists
from pages.shared import waiting
from tests.helpers import tested
from tests.helpers.app import again, component, open_page, read, texts

PAGE = "models/errors"


@pytest.fixture
def two(tiny):
    """Two runs on all films: the first gets four films of each class wrong, the second one of them."""
    classes = list(tiny.classes)
    truth = tiny.table["label"].map(classes.index).to_numpy()
    place = tiny.table.groupby("label").cumcount().to_numpy()
    wrong = (truth + 1) % len(classes)
    sure = np.linspace(0.6, 0.95, len(truth))
    runs = [
        tested.keep(tiny, n, tested.answered(tiny, np.where(place < most, wrong, truth), sure))
        for n, most in ((1, 4), (2, 1))
    ]
    for run, title in zip(runs, ("Poor", "Good"), strict=True):
        store.annotate(run.run_id, title=title)
    return runs


@pytest.fixture
def found(two):
    return mistakes.find(comparison.subjects([run.run_id for run in two]))


def opened(two, **query: str):
    """The first run named first."""
    return open_page(PAGE, dataset="tiny", runs=",".join(run.run_id for run in two), **query)


def shown(at) -> list[str]:
    groups = component(at, "cxr_thumbnails")["groups"]
    return [item["id"] for group in groups for item in group["items"]]


def test_it_opens_with_the_surest_mistakes_of_the_first_model(two, found):
    at = opened(two)
    expected = found.confident(two[0].run_id)
    assert shown(at) == expected.index[:18].tolist()
    assert f"{len(expected)} films of the {len(found.films)}" in texts(at)


@pytest.mark.parametrize("kind", list(lists.KINDS))
def test_every_list_shows_the_films_of_the_package(kind, two, found):
    at = opened(two, errors_kind=kind)
    expected = lists.KINDS[kind].films(found, two[0].run_id, 0)
    if expected.empty:
        assert lists.KINDS[kind].empty in [success.value for success in at.success]
    else:
        assert shown(at) == expected.index[:18].tolist()


def test_random_mistakes_are_drawn_anew_on_demand(two, found, monkeypatch):
    monkeypatch.setattr(lists, "EACH", 1)
    at, drawn = opened(two, errors_kind="Ten of each class"), set()
    for _ in range(5):
        drawn.add(tuple(shown(at)))
        next(b for b in at.button if b.label == "Draw others").click()
        again(at)
    assert len(drawn) > 1


def test_a_film_of_the_address_is_large_with_every_models_answer(two, found):
    row = found.confident(two[0].run_id).iloc[0]
    at = opened(two, film=row.name)
    said = "".join(html.proto.body for html in at.main.get("html"))
    assert f"✗ {row[f'answer[{two[0].run_id}]']}" in said
    assert "Poor" in said
    assert "Good" in said
    path = two[0].predictions().set_index("image_id").loc[row.name, "path"]
    assert path in read(texts(at))


@pytest.fixture
def mapped(tiny):
    """A run whose last layer sees four numbers of each film."""
    features = np.random.default_rng(0).normal(size=(len(tiny.table), 4))
    return tested.divided(tiny, 3, 0.4, features=features)


def test_films_drawn_around_on_the_map_are_shown_with_every_answer(mapped):
    at = opened([mapped], errors_kind="Map of films", film_map_colour="Right or wrong")
    found, places = mistakes.find(comparison.subjects([mapped.run_id])), film_maps.pca(mapped)
    [chart] = at.get("plotly_chart")
    names = {trace["name"] for trace in json.loads(chart.proto.spec)["data"]}
    wrong = found.confident(mapped.run_id)
    assert names == {"right", "wrong"}
    rows = [places.index.get_loc(image_id) for image_id in wrong.index[:3]]
    points = [{"customdata": row} for row in rows]
    key = "film_map_Principal components_Right or wrong"
    at.session_state[key] = {"selection": {"points": points}}
    again(at)
    assert set(shown(at)) == set(wrong.index[:3])


def test_films_near_a_named_one_are_shown_without_drawing(mapped, tiny):
    at = opened([mapped], errors_kind="Map of films")
    places = film_maps.pca(mapped)
    path = tiny.table.set_index("image_id")["path"][places.index[3]]
    at.text_input(key="film_map_film").set_value(path.rpartition("/")[2].upper())
    at.number_input(key="film_map_count").set_value(4)
    again(at)
    assert shown(at) == film_maps.nearest(places, places.index[3], 4).tolist()
    at.text_input(key="film_map_film").set_value("*no such*")
    assert "No film on the map has" in texts(again(at))


def test_the_map_by_tsne_is_made_by_a_job_and_then_shown(mapped, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(work, "submit_film_map", asked.append)
    monkeypatch.setattr(waiting, "follow", lambda job: None)
    query = {"errors_kind": "Map of films", "film_map_by": "t-SNE"}
    at = opened([mapped], **query)
    assert asked == [mapped.run_id]
    assert "being mapped" in texts(at)
    monkeypatch.setattr(film_maps, "load_tsne", film_maps.pca)
    assert len(opened([mapped], **query).get("plotly_chart")) == 1


def test_a_run_to_which_all_films_are_alike_has_no_map(two):
    assert "All test films are alike" in texts(opened(two, errors_kind="Map of films"))


def test_tags_and_notes_are_saved_counted_and_shown_again(two, found):
    image_id = found.confident(two[0].run_id).index[0]
    at = opened(two, film=image_id)
    at.pills(key=f"tags_{image_id}").set_value(["crop", "label"])
    again(at)
    at.text_area(key=f"note_{image_id}").set_value("Left lung cut off.")
    again(at)
    said = mistakes.notes("tiny")[image_id]
    assert said == mistakes.FilmNote(tags=("crop", "label"), text="Left lung cut off.")
    fresh = opened(two, film=image_id)
    assert fresh.pills(key=f"tags_{image_id}").value == ["crop", "label"]
    counted = "".join(html.proto.body for html in fresh.main.get("html"))
    assert "Label doubtful</td><td>1" in counted
    assert "1 film with a tag or a note." in texts(fresh)


def test_an_audience_sees_no_form_for_tags(two, found):
    image_id = found.confident(two[0].run_id).index[0]
    at = opened(two, film=image_id, present="true")
    assert not at.get("text_area")


def test_groups_of_films_name_the_worst_or_say_that_none_is(two, tiny):
    at = opened(two)
    at.session_state["slices"] = True
    again(at)
    [table] = [frame.value for frame in at.dataframe if "By" in frame.value]
    assert set(table.groupby("By")["Number"].sum()) <= {len(tiny.table)}
    said = [*at.success, *at.warning, *at.caption]
    assert any("group" in element.value for element in said)


def test_ct_and_xray_of_one_model_are_compared_unpaired(two, tiny, monkeypatch):
    halves = slices.Attribute("Modality", ("ct", "xray"), np.arange(len(tiny.table)) % 2)
    monkeypatch.setattr(slices, "attributes", lambda *_: [halves])
    at = opened(two)
    at.session_state["slices"] = True
    assert "CT against X-ray: **Poor** has" in texts(again(at))
    assert "Unpaired" in texts(at)


def test_hostile_names_are_plain_text(two, found):
    store.annotate(two[0].run_id, title="<b>x</b> ![i](http://a.b/c.png)")
    image_id = found.confident(two[0].run_id).index[0]
    at = opened(two, film=image_id)
    bodies = "".join(html.proto.body for html in at.main.get("html"))
    assert "<b>x</b>" not in bodies
    assert "&lt;b&gt;x" in bodies
