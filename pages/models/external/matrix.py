"""The table trained on x, tested on y."""

import html
import math
from collections.abc import Mapping

import pandas as pd
import streamlit as st

from cxrcore.figures import NEUTRAL, bar_axis, interval_bar
from cxrcore.metrics import METRICS
from pages.shared.selection import Question
from pages.shared.text import shown

_STYLE = """<style>
.elsewhere { overflow-x: auto; }
.elsewhere table { border-collapse: collapse; font-size: .92rem; }
.elsewhere th { font-weight: 500; text-align: left; opacity: .75; padding: .3rem 1.2rem .3rem 0; }
.elsewhere td { padding: .5rem 1.2rem .5rem 0; vertical-align: top;
  border-top: 1px solid color-mix(in srgb, currentColor 14%, transparent); }
.elsewhere td.number { white-space: nowrap; font-variant-numeric: tabular-nums; }
.elsewhere img { vertical-align: middle; width: 112px; margin-right: .5rem; }
.elsewhere small { display: block; opacity: .8; font-size: .82rem; }
.elsewhere b { font-weight: 600; }
</style>"""


def show(found: pd.DataFrame, question: Question, name: str, titles: Mapping[str, str]) -> None:
    """Draw the matrix: a row a model, a column a dataset, in each cell figure, interval and what is lost.

    Args:
        found: as `external.table`; of several tests of a model on a dataset the newest counts.
        question: the metric.
        name: of it, for people.
        titles: of runs.
    """
    newest = found.drop_duplicates(["home", "tested_on"])
    own = newest["trained_on"] == newest["tested_on"]
    places = list(dict.fromkeys([*newest.loc[own, "tested_on"], *newest["tested_on"]]))
    ends = newest[["value", "low", "high"]].to_numpy().ravel().tolist()
    axis = bar_axis([v for v in ends if not math.isnan(v)], METRICS[question.metric].bounds)
    heads = ["Model", "Trained on", *(f"Tested on {place}" for place in places)]
    head = "".join(f"<th>{_text(text)}</th>" for text in heads)
    rows = []
    for home, tests in newest.groupby("home", sort=False):
        cells = {row["tested_on"]: row for row in tests.to_dict("records")}
        first = next(iter(cells.values()))
        drawn = "".join(_cell(cells.get(place), axis) for place in places)
        title = _text(titles.get(str(home), str(home)))
        rows.append(f"<tr><td><b>{title}</b></td><td>{_text(first['trained_on'])}</td>{drawn}</tr>")
    st.html(f'{_STYLE}<div class="elsewhere"><table><tr>{head}</tr>{"".join(rows)}</table></div>')
    st.caption(
        f"{name.replace('*', '')} with its 95 % interval. Lost: what the model reaches at home on test films of the "
        "same classes, less what it reaches there, with the interval of the difference of two groups "
        "of films. Bold: more than chance would show."
    )


def _cell(test: Mapping[str, object] | None, axis: tuple[float, float]) -> str:
    if test is None:
        return '<td class="number">not tested</td>'
    value, low, high = (_known(test[name]) for name in ("value", "low", "high"))
    text = "–" if value is None else f"{value:.2f}"
    reach = "" if low is None or high is None else f"{low:.2f} to {high:.2f}"
    picture = interval_bar(value, low, high, axis, NEUTRAL)
    lines = [f"{reach}"] if reach else []
    lines += [f"{test['films']:,} films"]
    own = test["trained_on"] == test["tested_on"]
    lines += ["its own test films"] if own else [_lost(test)]
    if not own:
        lines.append(f"classes: {', '.join(map(str, test['classes']))}")  # type: ignore[call-overload]
    small = "".join(
        f"<small>{line if line.startswith('<b>') else _text(line)}</small>"
        for line in lines
        if line
    )
    return f'<td class="number"><img src="{picture}" alt="95 % interval {reach}"><b>{text}</b>{small}</td>'


def _lost(test: Mapping[str, object]) -> str:
    """ "lost 0.28 (0.04 to 0.51)"; bold where the interval is on one side of 0."""
    drop, low, high = (_known(test[name]) for name in ("drop", "drop_low", "drop_high"))
    if drop is None:
        return ""
    word = "lost" if drop >= 0 else "gained"
    ends = sorted([low or 0.0, high or 0.0], reverse=drop < 0)
    between = f" ({ends[0] * _sign(drop):.2f} to {ends[1] * _sign(drop):.2f})"
    text = f"{word} {abs(drop):.2f}" + (between if low is not None and high is not None else "")
    proven = low is not None and high is not None and (low > 0 or high < 0)
    return f"<b>{text}</b>" if proven else text


def _sign(number: float) -> int:
    return -1 if number < 0 else 1


def _known(value: object) -> float | None:
    return value if isinstance(value, float) and not math.isnan(value) else None


def _text(text: object) -> str:
    return html.escape(shown(str(text)))
