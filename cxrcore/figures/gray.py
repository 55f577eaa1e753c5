"""Figures of gray values: their distribution per group, and the extremes black and white."""

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cxrcore.figures.theme import NEUTRAL, bars_height, faded, layout, plain
from cxrcore.quality import GrayProfile

GRAY_TITLE = "Gray value (0 black - 255 white)"
SHARE_TITLE = "Share of pixels (%)"
_LEVELS = np.arange(1, 255)
_FLOOR = 1e-4  # percent; zero on a logarithmic axis


def histogram_lines(
    profiles: Sequence[GrayProfile],
    colours: dict[str, str],
    *,
    multiples: bool = False,
    logarithmic: bool = False,
    beside: Sequence[GrayProfile] = (),
) -> go.Figure:
    """Gray values per group: the mean of the images, and a band between their quartiles.

    Pure black (0) and pure white (255) are not in the lines; `extremes` shows them.

    Args:
        profiles: from `quality.gray_profiles`.
        colours: `#rrggbb` for each profile's name.
        multiples: one panel per group with the others in gray, instead of one for all.
        logarithmic: vertical axis.
        beside: profiles of a second figure beside this one; both get the same vertical axis.
    """
    if not multiples:
        fig = go.Figure()
        for profile in profiles:
            _profile(fig, profile, colours[profile.name], logarithmic)
        layout(fig, height=400 if beside else 440, x=GRAY_TITLE, y=SHARE_TITLE)
    else:
        fig = _profile_panels(profiles, colours, logarithmic)
    fig.update_xaxes(range=[0, 255], tickvals=[0, 32, 64, 96, 128, 160, 192, 224, 255])
    if logarithmic:
        return fig.update_yaxes(type="log", dtick=1, range=_log_range([*profiles, *beside]))
    return fig.update_yaxes(range=[0, 1.05 * _highest([*profiles, *beside])])


def _profile_panels(
    profiles: Sequence[GrayProfile], colours: dict[str, str], logarithmic: bool
) -> go.Figure:
    columns = min(2 if len(profiles) in (2, 4) else 3, len(profiles))
    rows = math.ceil(len(profiles) / columns)
    fig = make_subplots(
        rows=rows,
        cols=columns,
        shared_xaxes=True,
        shared_yaxes=True,
        subplot_titles=[f"{plain(p.name)} ({p.images:,})" for p in profiles],
        horizontal_spacing=0.05,
        vertical_spacing=0.13 / (rows - 1) if rows > 1 else 0,
    )
    for place, profile in enumerate(profiles):
        cell = {"row": place // columns + 1, "col": place % columns + 1}
        for other in profiles:
            if other is not profile:
                gray = faded(NEUTRAL, 0.55)
                _line(fig, other, gray, 1, hover=False, logarithmic=logarithmic, **cell)
        _profile(fig, profile, colours[profile.name], logarithmic, **cell)
    layout(fig, height=60 + 250 * rows, legend=False)
    fig.update_layout(margin_t=40)
    fig.update_xaxes(title_text=GRAY_TITLE, row=rows)
    return fig.update_yaxes(title_text=SHARE_TITLE, col=1)


def _profile(
    fig: go.Figure, profile: GrayProfile, colour: str, logarithmic: bool, **cell: int
) -> None:
    """Band and line of one profile, with one entry in the legend."""
    lower, upper = (_percent(v, logarithmic) for v in (profile.lower, profile.upper))
    fig.add_scatter(
        x=np.concatenate([_LEVELS, _LEVELS[::-1]]),
        y=np.concatenate([upper, lower[::-1]]),
        fill="toself",
        fillcolor=faded(colour, 0.18),
        line_width=0,
        mode="lines",
        hoverinfo="skip",
        legendgroup=profile.name,
        showlegend=False,
        **cell,
    )
    _line(fig, profile, colour, 2.5, hover=True, logarithmic=logarithmic, **cell)


def _line(
    fig: go.Figure,
    profile: GrayProfile,
    colour: str,
    width: float,
    *,
    hover: bool,
    logarithmic: bool,
    **cell: int,
) -> None:
    fig.add_scatter(
        x=_LEVELS,
        y=_percent(profile.mean, logarithmic),
        mode="lines",
        name=f"{plain(profile.name)} ({profile.images:,})",
        line={"color": colour, "width": width},
        legendgroup=profile.name,
        showlegend=hover,
        hoverinfo=None if hover else "skip",
        hovertemplate="gray value %{x}: %{y:.2f}%<extra>%{fullData.name}</extra>"
        if hover
        else None,
        **cell,
    )


def _percent(shares: np.ndarray, logarithmic: bool) -> np.ndarray:
    percent = np.round(100 * shares, 5)
    return np.maximum(percent, _FLOOR) if logarithmic else percent


def _log_range(profiles: Sequence[GrayProfile]) -> list[float]:
    """Exponents from the smallest mean shown to the largest value, at most four decades."""
    values = np.concatenate([100 * p.mean for p in profiles])
    values = values[values > _FLOOR]  # NaN is not
    top = math.log10(_highest(profiles))
    low = math.log10(values.min()) if len(values) else top - 1
    return [max(low, top - 4), top + 0.1]


def _highest(profiles: Sequence[GrayProfile]) -> float:
    """The largest mean or quartile in percent; 1 where there is none."""
    values = np.concatenate([v for p in profiles for v in (p.mean, p.upper)])
    values = values[values > 0]
    return 100 * float(values.max()) if len(values) else 1.0


def extremes(profiles: Sequence[GrayProfile], colours: dict[str, str]) -> go.Figure:
    """Mean share of pure black and of pure white pixels per group, two panels of bars."""
    fig = make_subplots(
        cols=2,
        shared_yaxes=True,
        horizontal_spacing=0.06,
        subplot_titles=["Pure black (0)", "Pure white (255)"],
    )
    names = [plain(profile.name) for profile in profiles]
    shown = [colours[profile.name] for profile in profiles]
    for col, shares in enumerate(([p.black for p in profiles], [p.white for p in profiles]), 1):
        fig.add_bar(
            x=[100 * share for share in shares],
            y=names,
            orientation="h",
            marker_color=shown,
            text=[f"{share:.2%}" for share in shares],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.2f}% of the pixels<extra></extra>",
            row=1,
            col=col,
        )
        fig.update_xaxes(range=[0, 125 * max(*shares, 1e-3)], row=1, col=col)
    layout(fig, height=bars_height(len(names)) + 30, x="Share of pixels (%)", legend=False)
    fig.update_layout(margin_t=36)
    return fig.update_yaxes(autorange="reversed")
