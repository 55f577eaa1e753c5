"""The lungs of the film on the live page: their outline, and how much of each map lies inside."""

import cv2
import numpy as np
import pytest

from cxrcore import images, lungs
from cxrcore.lungs import Segmentation, segmentation
from pages.predict.live import answers, film_lungs
from pages.shared import cache, prediction_cache
from tests.helpers import live
from tests.helpers.app import again, component, open_page, read, texts
from tests.helpers.chests import film
from tests.helpers.live import Models, rows, runs

PAGE = "predict/live"


def ovals(shape: tuple[int, int]) -> np.ndarray:
    """Two lungs, on the left and on the right of the picture."""
    height, width = shape
    mask = np.zeros(shape, np.uint8)
    for side, x in ((1, 0.3), (2, 0.7)):
        centre = (round(x * width), height // 2)
        cv2.ellipse(mask, centre, (width // 8, height // 3), 0, 0, 360, side, -1)
    return mask


@pytest.fixture(autouse=True)
def found(monkeypatch):
    film_lungs._found.clear()
    monkeypatch.setattr(
        segmentation,
        "segment",
        lambda gray: Segmentation(ovals(gray.shape), 0.9, None, ("Inverted.",)),
    )
    yield
    film_lungs._found.clear()  # other tests have the same films


@pytest.fixture
def models(monkeypatch):
    models = Models()
    models.masks = []

    def predict(*given, **named):
        models.masks.append(named["mask"])
        return models.predict(*given, **named)

    monkeypatch.setattr(prediction_cache, "predict", predict)
    monkeypatch.setattr(answers, "warm", lambda runs: None)
    return models


def test_the_outline_encloses_the_lungs():
    gray = np.zeros((300, 240), np.uint8)
    lines = film_lungs.outline(film_lungs.find(film(gray), None))
    drawn = np.zeros(gray.shape, np.uint8)
    cv2.fillPoly(drawn, [np.reshape(line, (-1, 2)) for line in lines], 1)
    real = ovals(gray.shape) > 0
    assert len(lines) == 2
    assert 2 * (drawn.astype(bool) & real).sum() / (drawn.sum() + real.sum()) > 0.98


def test_a_mask_that_is_given_wins(tmp_path):
    gray, path = np.zeros((40, 60), np.uint8), tmp_path / "mask.png"
    own = np.zeros((40, 60), bool)
    own[10:30, 5:25] = True
    path.write_bytes(images.encode_png(own.astype(np.uint8) * 255))
    found = film_lungs.find(film(gray), path)
    assert (found.mask == own).all()
    assert found.how == "as drawn"
    assert found.share == pytest.approx(own.mean())


def test_the_share_of_a_map_is_that_of_the_whole_mask_on_large_films():
    gray = np.zeros((1500, 1200), np.uint8)
    found = film_lungs.find(film(gray), None)
    heat = np.random.default_rng(0).random((14, 14), np.float32)
    for box in ((0, 0, 1200, 1500), (100, 200, 900, 1000), (1199, 1499, 1, 1)):
        whole = lungs.inside(heat, ovals(gray.shape), box)
        assert found.inside(heat, box) == pytest.approx(whole, abs=0.005)


def test_every_map_says_how_much_of_it_lies_in_the_lungs(tiny, models):
    runs(tiny)
    at = open_page(PAGE)
    sent = component(at, "cxr_live")
    mask = ovals((sent["film"]["height"], sent["film"]["width"]))
    assert len(sent["film"]["lungs"]) == 2
    heat = np.zeros((live.SIDE, live.SIDE), np.float32)
    heat[:8, :8] = 2  # as the models give it
    noted = [m["note"] for row in rows(at) for m in row["maps"] if m["src"]]
    assert set(noted) == {f"{lungs.inside(heat, mask):.0%} in the lungs"}
    assert f"The lungs, as estimated, cover {(mask > 0).mean():.0%} of the film." in read(texts(at))
    assert "Inverted." in read(texts(at))


def test_where_no_lungs_are_found_the_page_says_why(tiny, models, monkeypatch):
    none = Segmentation(np.zeros((1, 1), np.uint8), 0.1, "This is not a frontal chest film.")
    monkeypatch.setattr(segmentation, "segment", lambda gray: none)
    runs(tiny)
    at = open_page(PAGE)
    assert "Maps are not compared with the lungs. This is not a frontal" in read(texts(at))
    assert component(at, "cxr_live")["film"]["lungs"] == []
    assert not any(m["note"] for row in rows(at) for m in row["maps"])


def test_estimated_lungs_can_be_erased_and_the_models_get_them_with_the_film(tiny, models):
    runs(tiny)
    at = open_page(PAGE)
    assert all(mask is None for mask in models.masks)
    at.session_state["what_if_region"] = "lungs-erased"
    again(at)
    assert any(isinstance(mask, np.ndarray) and mask.any() for mask in models.masks)
    assert "Lungs erased" in read(texts(at))


def test_a_mask_that_people_corrected_is_used_for_the_same_film(tiny, models):
    runs(tiny)
    at = open_page(PAGE)
    image_id = component(at, "cxr_live")["film"]["key"]
    shape = tuple(component(at, "cxr_live")["film"][side] for side in ("height", "width"))
    own = np.zeros(shape, bool)
    own[: shape[0] // 2] = True
    lungs.correct({image_id: own})
    at = open_page(PAGE)
    assert f"The lungs, as corrected, cover {own.mean():.0%} of the film" in read(texts(at))
    lungs.correct({image_id: np.ones(shape, bool)})
    assert "the whole film counts as lungs" in read(texts(open_page(PAGE)))
    lungs.correct({image_id: None})
    at = open_page(PAGE)
    assert "People decided to leave this film out." in read(texts(at))
    assert component(at, "cxr_live")["film"]["lungs"] == []


def test_models_of_the_lungs_get_those_that_the_page_shows(tiny, models, monkeypatch):
    kept, _ = runs(tiny)
    masked = kept.model_copy(update={"recipe": kept.recipe.override(region="lungs")})
    monkeypatch.setattr(cache, "run", lambda run_id: masked)
    open_page(PAGE)
    assert models.masks
    assert all(isinstance(mask, Segmentation) and mask.reason is None for mask in models.masks)
