"""How the answers of models follow a change of the film."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from cxrcore.figures.theme import NEUTRAL, layout, plain


def response_curves(
    strengths: Sequence[float],
    shares: Mapping[str, Sequence[float]],
    colours: Mapping[str, str],
    *,
    change: str,
    class_name: str,
    marked: float,
) -> go.Figure:
    """The probability of a class against the strength of a change, one line a model.

    Args:
        strengths: along the axis, ascending.
        shares: title of a model -> its probability, 0..1, at each strength.
        colours: of the models, by title.
        change: what is changed, with its unit.
        class_name: whose probability it is.
        marked: the strength that changes nothing.
    """
    fig = go.Figure()
    for title, values in shares.items():
        fig.add_scatter(
            x=list(strengths),
            y=list(values),
            name=plain(title),
            mode="lines+markers",
            line={"color": colours.get(title, NEUTRAL), "width": 2},
            hovertemplate="%{x:g}: %{y:.1%}<extra>" + plain(title) + "</extra>",
        )
    fig.add_vline(x=marked, line={"color": NEUTRAL, "dash": "dot", "width": 1})
    layout(fig, height=320, x=change, y=f"Probability of {plain(class_name)}", legend=True)
    return fig.update_yaxes(range=[-0.02, 1.02], tickformat=".0%")
