import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrcore.datasets import thorax
from cxrcore.datasets.phantom import anatomy, film, lesions, projector, skeleton

SIZE = 128


@pytest.fixture(scope="module")
def patient():
    drawn = anatomy.draw_patient(np.random.default_rng(4))
    return dataclasses.replace(drawn, dome_gap=1.4, scoliosis=0.0, width=1.0, height=1.0)


@pytest.fixture(scope="module")
def body(patient):
    return thorax.Body.of(patient)


@pytest.fixture(scope="module")
def pose(patient):
    drawn = anatomy.draw_pose(np.random.default_rng(5), patient)
    return dataclasses.replace(drawn, turn=0.0, tilt=0.0, breath=0.5, field=38.0, centre=(0, 12.5))


@pytest.fixture(scope="module")
def healthy(body, pose):
    return thorax.project(body, pose, lesions.Findings(), SIZE)


def findings(label, seed=1):
    return lesions.draw_findings(label, np.random.default_rng(seed))


# --- the projector -------------------------------------------------------------------


def test_a_sphere_is_as_long_as_its_chords_and_has_its_volume():
    grid = projector.Grid.square(-5, -5, 10, 200)
    length = projector.ellipsoid(grid, (0.5, -0.5, 3), (3, 3, 3)).length()
    from_centre = np.hypot(grid.x[None] - 0.5, grid.y[:, None] + 0.5)
    chord = 2 * np.sqrt(np.maximum(9 - from_centre**2, 0))
    np.testing.assert_allclose(length, chord, atol=2e-3)
    assert length.sum() * grid.pitch**2 == pytest.approx(4 / 3 * np.pi * 27, rel=2e-3)


@given(st.floats(1, 6), st.floats(1, 6), st.floats(-1.5, 1.5), st.floats(-2, 2), st.floats(-2, 2))
def test_a_turned_ellipse_holds_just_the_points_that_turn_back_into_it(a, b, angle, x, z):
    grid = projector.Grid.square(-10, 0, 20, 40)
    rows = np.ones_like(grid.y)
    solid = projector.stack(grid, x * rows, z, a * rows, b * rows, angle)
    depth = np.linspace(-14, 14, 1401)[:, None]
    back_x, back_z = projector.turned(grid.x[None], depth, -angle)
    inside = ((back_x - x) / a) ** 2 + ((back_z - z) / b) ** 2 <= 1
    np.testing.assert_allclose(solid.length()[0], inside.sum(0) * 0.02, atol=0.05)


intervals = st.tuples(st.floats(-5, 5), st.floats(-5, 5))


@given(st.tuples(intervals, intervals, intervals))
def test_the_union_of_three_counts_no_stretch_twice(ends):
    solids = [projector.Interval(np.full((1, 1), s), np.full((1, 1), e)) for s, e in ends]
    steps = np.linspace(-5, 5, 2001)
    covered = np.any([(steps >= s) & (steps <= e) for s, e in ends], axis=0)
    expected = covered.sum() * 0.005
    assert projector.union_of_three(*solids)[0, 0] == pytest.approx(expected, abs=0.03)


def test_a_hull_fills_gaps_and_ignores_empty_solids():
    def solid(start, end):
        return projector.Interval(np.full((1, 1), start), np.full((1, 1), end))

    hull = projector.hull([solid(1, 2), solid(5, 6), solid(9, 8)])
    assert (hull.start[0, 0], hull.end[0, 0]) == (1, 6)
    assert projector.hull([solid(3, 3)]).length()[0, 0] == 0


def test_splat_keeps_the_volume_and_its_place():
    grid = projector.Grid.square(0, 0, 10, 50)
    points = np.array([[2.0, 3.0, 9.0], [7.1, 8.2, -9.0], [50.0, 5.0, 0.0]])
    shadow = projector.splat(grid, points, np.array([0.5, 1.5, 9.0]))
    assert shadow.sum() * grid.pitch**2 == pytest.approx(2.0, rel=1e-5)
    row, column = np.unravel_index(shadow.argmax(), shadow.shape)
    assert abs(grid.x[column] - 7.1) < grid.pitch
    assert abs(grid.y[row] - 8.2) < grid.pitch


def test_a_tube_has_the_bone_of_its_wall():
    points, volumes = skeleton.tube([[0, 0, 0], [10, 0, 0]], 0.5, 0.5, shell=0.1, core=0)
    # circumference x length x thickness; half a step hangs over at both ends
    assert volumes.sum() == pytest.approx(2 * np.pi * 0.5 * 10 * 0.1, rel=0.03)
    np.testing.assert_allclose(np.hypot(points[:, 1], points[:, 2]), 0.5, rtol=1e-6)


def test_noise_stays_with_the_body_when_the_picture_moves():
    one = projector.Grid.square(-10, 0, 20, 100)
    moved = projector.Grid.square(-6, 2, 20, 100)  # 20 pixels right, 10 down
    a, b = (projector.fractal_noise(np.random.default_rng(3), g, 4.0) for g in (one, moved))
    np.testing.assert_allclose(a[10:, 20:], b[:-10, :-20], atol=0.02)


# --- the thorax ----------------------------------------------------------------------


def test_lungs_are_two_fields_the_right_one_under_the_higher_dome(healthy):
    count, labels, stats, centres = cv2.connectedComponentsWithStats(
        healthy.lungs.astype(np.uint8), connectivity=4
    )
    big = [k for k in range(1, count) if stats[k, cv2.CC_STAT_AREA] > 200]
    assert len(big) == 2
    left_of_picture, right_of_picture = sorted(big, key=lambda k: centres[k][0])
    assert centres[left_of_picture][0] < SIZE / 2 < centres[right_of_picture][0]

    def dome(lung, distance):  # the lung's lower edge so many cm from the midline, in rows
        column = int(SIZE / 2 + distance / 38 * SIZE)
        return np.flatnonzero(labels[:, column] == lung).max()

    # 1.4 cm are 4.7 rows
    assert 2 <= dome(right_of_picture, 9) - dome(left_of_picture, -9) <= 8


def test_the_heart_lies_towards_the_right_of_the_picture(healthy):
    row = healthy.lungs[int(SIZE * (0.5 + (17 - 12.5) / 38))]
    columns = np.flatnonzero(row)
    gap = np.diff(columns).argmax()
    middle = (columns[gap] + columns[gap + 1]) / 2
    assert middle > SIZE / 2 + 3


def test_lungs_let_more_through_than_heart_and_abdomen_and_air_everything(healthy):
    depth = healthy.depth
    middle = depth[int(SIZE * 0.55), SIZE // 2]
    assert np.median(depth[healthy.lungs]) < 0.7 * middle
    assert depth[-1, SIZE // 2] > 1.4 * np.median(depth[healthy.lungs])
    assert depth.min() == 0
    assert depth[0, 0] < 0.1


def test_a_deeper_breath_shows_more_lung(body, pose, healthy):
    shallow = dataclasses.replace(pose, breath=-1.5)
    smaller = thorax.project(body, shallow, lesions.Findings(), SIZE).lungs
    assert smaller.sum() < 0.95 * healthy.lungs.sum()


def test_healthy_lungs_have_no_lesion(healthy):
    assert not healthy.lesions.any()


@pytest.mark.parametrize("label", ["COVID-19", "Bacterial pneumonia", "Viral pneumonia"])
def test_disease_adds_tissue_where_the_lesion_mask_says(body, pose, healthy, label):
    sick = thorax.project(body, pose, findings(label), SIZE)
    more = sick.depth - healthy.depth
    assert sick.lesions.any()
    assert not (sick.lesions & ~sick.lungs).any()
    np.testing.assert_array_equal(sick.lungs, healthy.lungs)
    assert more[sick.lesions].mean() > 0.05
    outside = ~cv2.dilate(sick.lungs.astype(np.uint8), np.ones((3, 3))).astype(bool)
    assert more[sick.lesions].mean() > 5 * np.abs(more[outside]).mean()


def test_covid_is_peripheral_and_on_both_sides_while_bacteria_keep_to_one(body, pose):
    half = SIZE // 2
    both, one = 0, 0
    for seed in range(6):
        covid = thorax.project(body, pose, findings("COVID-19", seed), 64).lesions
        both += covid[:, : half // 2].any() and covid[:, half // 2 :].any()
        bacteria = thorax.project(body, pose, findings("Bacterial pneumonia", seed), 64).lesions
        sides = sorted([bacteria[:, : half // 2].sum(), bacteria[:, half // 2 :].sum()])
        one += sides[0] < 0.3 * sides[1]
    assert both >= 5
    assert one >= 5


def test_an_effusion_blunts_the_corner_of_the_chest(body, pose, healthy):
    wet = lesions.Findings(effusion=(-1, 4.0))
    sick = thorax.project(body, pose, wet, SIZE)
    more = sick.depth - healthy.depth
    assert sick.lesions[:, : SIZE // 2].any()
    assert not sick.lesions[:, SIZE // 2 :].any()
    rows = np.flatnonzero(sick.lesions.any(1))
    assert rows.min() > 0.6 * SIZE
    assert more[sick.lesions].mean() > 0.2


def test_projecting_changes_neither_body_nor_result(body, pose, healthy):
    before = [array.copy() for array in (*body.vessels, *body.skeleton.ribs)]
    again = thorax.project(body, pose, lesions.Findings(), SIZE)
    np.testing.assert_array_equal(again.depth, healthy.depth)
    for old, new in zip(before, (*body.vessels, *body.skeleton.ribs), strict=True):
        np.testing.assert_array_equal(old, new)


def test_size_changes_sharpness_but_not_anatomy(body, pose, healthy):
    large = thorax.project(body, pose, lesions.Findings(), 2 * SIZE)
    small = cv2.resize(large.lungs.astype(np.uint8), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    assert (small.astype(bool) != healthy.lungs).mean() < 0.01


# --- the film ------------------------------------------------------------------------


def test_bones_and_heart_are_bright_and_the_hospitals_differ(healthy):
    pictures = [
        film.develop(healthy.depth, healthy.lungs, hospital, np.random.default_rng(8))
        for hospital in film.HOSPITALS
    ]
    for picture in pictures:
        assert picture.dtype == np.uint8
        assert picture.shape == (SIZE, SIZE)
        assert 40 < np.median(picture[healthy.lungs]) < 140
        assert picture[int(SIZE * 0.6), SIZE // 2] > 180
    assert np.abs(pictures[0].astype(int) - pictures[1]).mean() > 3


@pytest.mark.parametrize("letter", sorted(film._STROKES))
def test_a_letter_lies_where_it_is_put_and_nowhere_else(letter):
    plane = film.lead_letter(letter, 200, (0.25, 0.75), 0.05)
    assert plane.max() == pytest.approx(1, abs=0.01)
    rows, columns = np.nonzero(plane)
    assert 0.02 < np.ptp(rows) / 200 < 0.09
    assert abs(rows.mean() / 200 - 0.75) < 0.02
    assert abs(columns.mean() / 200 - 0.25) < 0.02
