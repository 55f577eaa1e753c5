"""Maps laid over pictures."""

import cv2
import numpy as np
import pytest

from cxrcore.errors import ExplainError, ImageError
from cxrcore.figures import COLORMAPS, overlay
from cxrcore.figures.overlay import OUTLINE_COLOUR, outline

GRAY = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
PLAIN = np.repeat(GRAY[..., None], 3, axis=2)


def test_nothing_is_painted_where_the_map_is_zero():
    heat = np.zeros((20, 30), np.float32)
    heat[:, 20:] = 1
    picture = overlay(GRAY, heat, 0.8)
    assert picture.shape == (20, 30, 3)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture[:, :18], PLAIN[:, :18])
    assert (picture[:, 22:] != PLAIN[:, 22:]).any()


@pytest.mark.parametrize("heat", [np.zeros((5, 5)), -np.ones((5, 5))])
def test_a_map_without_evidence_leaves_the_picture_alone(heat):
    np.testing.assert_array_equal(overlay(GRAY, heat, 1.0), PLAIN)


def test_at_full_opacity_the_strongest_place_has_the_last_colour():
    picture = overlay(GRAY, np.ones((20, 30)), 1.0, "viridis")
    assert (picture == COLORMAPS["viridis"][255]).all()


def test_at_opacity_zero_there_is_only_the_picture():
    np.testing.assert_array_equal(overlay(GRAY, np.ones((4, 4)), 0.0), PLAIN)


def test_on_a_shared_scale_a_weak_map_stays_weak():
    weak = np.full((20, 30), 0.1)
    alone = overlay(GRAY, weak, 0.6).astype(int)
    shared = overlay(GRAY, weak, 0.6, maximum=1.0).astype(int)
    assert np.abs(shared - PLAIN).mean() < np.abs(alone - PLAIN).mean() / 2


def test_values_above_the_shared_maximum_are_cut():
    np.testing.assert_array_equal(
        overlay(GRAY, np.full((20, 30), 9.0), 0.5, maximum=1.0),
        overlay(GRAY, np.full((20, 30), 1.0), 0.5, maximum=1.0),
    )


def test_the_mix_is_the_one_that_is_documented():
    gray = np.full((1, 1), 100, np.uint8)
    strength, opacity = 0.25, 0.6
    colour = COLORMAPS["magma"][round(255 * strength)]
    alpha = opacity * strength**0.5
    expected = np.rint((1 - alpha) * 100 + alpha * colour.astype(float))
    found = overlay(gray, np.full((1, 1), strength), opacity, "magma", maximum=1.0)
    np.testing.assert_array_equal(found[0, 0], expected)


def test_a_map_of_a_part_is_painted_there_and_nowhere_else():
    heat = np.random.default_rng(2).random((5, 6)) + 0.1
    picture = overlay(GRAY, heat, 0.7, box=(4, 3, 20, 10))
    part = overlay(np.ascontiguousarray(GRAY[3:13, 4:24]), heat, 0.7)
    np.testing.assert_array_equal(picture[3:13, 4:24], part)
    outside = np.ones(GRAY.shape, bool)
    outside[3:13, 4:24] = False
    np.testing.assert_array_equal(picture[outside], PLAIN[outside])
    whole = overlay(GRAY, heat, 0.7, box=(0, 0, 30, 20))
    np.testing.assert_array_equal(whole, overlay(GRAY, heat, 0.7))


@pytest.mark.parametrize("box", [(-1, 0, 5, 5), (0, 15, 5, 6), (29, 0, 2, 2)])
def test_a_box_that_leaves_the_picture_is_refused(box):
    with pytest.raises(ExplainError, match="not inside the picture of 30 x 20"):
        overlay(GRAY, np.ones((4, 4)), box=box)


def test_the_arguments_are_not_changed():
    gray, heat = GRAY.copy(), np.random.default_rng(1).random((5, 6)).astype(np.float32)
    before = heat.copy()
    overlay(gray, heat)
    np.testing.assert_array_equal(gray, GRAY)
    np.testing.assert_array_equal(heat, before)


@pytest.mark.parametrize("name", COLORMAPS)
def test_colour_tables_are_rgb_and_those_that_claim_it_grow_brighter(name):
    table = COLORMAPS[name]
    assert table.shape == (256, 3)
    if name != "turbo":
        lightness = cv2.cvtColor(table[None], cv2.COLOR_RGB2LAB)[0, :, 0].astype(int)
        assert (np.diff(lightness) >= -1).all()
        assert lightness[-1] - lightness[0] > 100


def test_viridis_ends_in_yellow_and_not_in_blue():
    red, green, blue = COLORMAPS["viridis"][255].astype(int)
    assert min(red, green) > 200
    assert blue < 100


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gray": PLAIN}, "uint8"),
        ({"gray": GRAY.astype(float)}, "float64"),
        ({"heat": np.ones(5)}, "one image at a time"),
        ({"heat": np.array([[np.nan]])}, "not finite"),
        ({"opacity": 1.5}, "0 to 1"),
        ({"maximum": 0.0}, "above 0"),
        ({"colormap": "jet"}, "inferno"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_way_out(change, said):
    with pytest.raises(ExplainError, match=said):
        overlay(**({"gray": GRAY, "heat": np.ones((5, 5))} | change))


# --- the outline of a mask -------------------------------------------------------------------

RGB = np.array([int(OUTLINE_COLOUR[i : i + 2], 16) for i in (1, 3, 5)])


def test_an_outline_is_the_masks_edge_and_leaves_the_outside_alone():
    from scipy.ndimage import binary_erosion

    rng = np.random.default_rng(3)
    mask = cv2.GaussianBlur(rng.random((120, 160)), (0, 0), 9) > 0.5
    gray = rng.integers(0, 256, mask.shape, dtype=np.uint8)
    picture = outline(gray, mask)
    plain = np.repeat(gray[..., None], 3, axis=2)
    edge = mask & ~binary_erosion(mask, np.ones((3, 3)))  # one pixel wide at this size
    np.testing.assert_array_equal(picture[~mask], plain[~mask])
    assert (picture[edge] == RGB).all()
    tinted = np.rint(0.82 * plain + 0.18 * RGB)
    np.testing.assert_allclose(picture[mask & ~edge], tinted[mask & ~edge], atol=1)


def test_an_outline_grows_with_the_picture():
    mask = np.zeros((1000, 500), bool)
    mask[200:800, 100:400] = True
    drawn = (outline(np.zeros(mask.shape, np.uint8), mask) == RGB).all(axis=2)
    assert drawn[500].sum() == 2 * 4


def test_a_mask_up_to_the_edge_has_its_line_there():
    picture = outline(np.zeros((40, 40), np.uint8), np.ones((40, 40), bool))
    assert (picture[0] == RGB).all()
    assert (picture[:, -1] == RGB).all()
    assert (picture[20, 20] != RGB).any()


def test_an_empty_mask_draws_nothing_and_nothing_is_changed():
    before = GRAY.copy()
    np.testing.assert_array_equal(outline(GRAY, np.zeros(GRAY.shape, bool)), PLAIN)
    outline(GRAY, np.ones(GRAY.shape, bool))
    np.testing.assert_array_equal(GRAY, before)


@pytest.mark.parametrize(
    ("gray", "mask"),
    [
        (GRAY, np.ones((5, 5), bool)),
        (GRAY, np.ones(GRAY.shape, np.uint8)),
        (PLAIN, np.ones(GRAY.shape, bool)),
        (GRAY.astype(float), np.ones(GRAY.shape, bool)),
    ],
)
def test_an_outline_of_what_does_not_fit_is_refused(gray, mask):
    with pytest.raises(ImageError, match="with the picture's shape"):
        outline(gray, mask)
