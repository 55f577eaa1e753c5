"""The colours: readable on light and dark pages, told apart also by colour-blind eyes."""

import itertools
import tomllib
from collections.abc import Iterable

import numpy as np
import plotly.graph_objects as go
import pytest

from cxrcore.figures import NEUTRAL, PALETTE, RUN_PALETTE, SPLIT_COLOURS, class_colours, run_colours
from cxrcore.figures.theme import faded, layout, plain
from tests.conftest import ROOT

CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
PAGES = ["#ffffff", "#11171c"]
# Machado, Oliveira and Fernandes 2009, severity 1.0, for linear RGB.
VISIONS = {
    "full": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear(colour: str) -> np.ndarray:
    """Linear RGB, 0..1."""
    c = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.1, 1..21."""
    light, dark = sorted(
        (float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other)), reverse=True
    )
    return (light + 0.05) / (dark + 0.05)


def seen(colour: str, vision: str) -> np.ndarray:
    """CIELAB of a colour as that vision sees it."""
    from skimage.color import rgb2lab

    rgb = np.clip(np.asarray(VISIONS[vision]) @ linear(colour), 0, 1)
    return rgb2lab(np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("colour", [*PALETTE, *RUN_PALETTE, NEUTRAL, *SPLIT_COLOURS.values()])
def test_a_colour_stands_out_from_a_light_and_from_a_dark_page(colour, page):
    assert contrast(colour, page) >= 3


def distances(pairs: Iterable[tuple[str, str]], vision: str) -> list[float]:
    """CIEDE2000 of each pair as that vision sees it."""
    from skimage.color import deltaE_ciede2000

    return [float(deltaE_ciede2000(seen(a, vision), seen(b, vision))) for a, b in pairs]


@pytest.mark.parametrize("palette", [PALETTE, RUN_PALETTE], ids=["classes", "runs"])
@pytest.mark.parametrize("vision", VISIONS)
def test_any_two_colours_can_be_told_apart_by(vision, palette):
    least = min(distances(itertools.combinations(palette, 2), vision))
    assert least >= (6 if vision == "tritan" else 10)  # tritan vision is rare: 1 in 10,000


@pytest.mark.parametrize(
    ("vision", "least"), [("full", 10), ("protan", 6), ("deutan", 6), ("tritan", 4)]
)
def test_a_run_is_not_taken_for_a_class_by(vision, least):
    assert min(distances(itertools.product(RUN_PALETTE, PALETTE), vision)) >= least


def test_the_palette_is_that_of_the_streamlit_theme():
    theme = CONFIG["theme"]
    assert [colour.lower() for colour in theme["chartCategoricalColors"]] == list(PALETTE)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("ground", ["backgroundColor", "secondaryBackgroundColor"])
def test_captions_which_have_60_percent_of_the_text_can_be_read(mode, ground):
    theme = CONFIG["theme"][mode]
    text, below = (
        np.array([int(theme[name][i : i + 2], 16) for i in (1, 3, 5)])
        for name in ("textColor", ground)
    )
    faded = (0.6 * text + 0.4 * below).round().astype(int)
    assert contrast("#{:02x}{:02x}{:02x}".format(*faded), theme[ground]) >= 4.5


def test_a_class_has_its_colour_by_its_place_and_the_eleventh_starts_again():
    names = [f"class {n}" for n in range(11)]
    colours = class_colours(names)
    assert list(colours) == names
    assert list(colours.values()) == [*PALETTE, PALETTE[0]]


def test_a_run_has_its_colour_by_its_place_and_the_ninth_starts_again():
    names = [f"run {n}" for n in range(9)]
    colours = run_colours(names)
    assert list(colours.values()) == [*RUN_PALETTE, RUN_PALETTE[0]]
    assert run_colours(names[:3]).items() <= colours.items()


def test_the_runs_of_a_family_take_its_colour_and_those_that_follow():
    colours = run_colours(["alone", "family"], {"alone": ["alone"], "family": ["fold 1", "fold 2"]})
    first, second, third = RUN_PALETTE[:3]
    assert colours == {"alone": first, "family": second, "fold 1": second, "fold 2": third}


def test_faded_keeps_the_colour_and_sets_the_opacity():
    assert faded("#d55e00", 0.5) == "rgba(213, 94, 0, 0.5)"


def test_the_page_and_not_the_figure_decides_colours_of_texts_and_grounds():
    fig = layout(go.Figure(), height=300, x="x", y="y")
    assert fig.layout.paper_bgcolor == fig.layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert fig.layout.font.color is None
    assert fig.layout.height == 300


def test_names_are_shown_literally():
    assert plain("a<br>&b") == "a&lt;br&gt;&amp;b"
