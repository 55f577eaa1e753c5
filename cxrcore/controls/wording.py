"""What an answer says of a model, for a doctor; plain text."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from cxrcore.controls.answer import WHOLE, Answer, Row, Shown
from cxrcore.metrics import METRICS
from cxrcore.quality import p_in_words
from cxrcore.regions import REGION_NAMES

SOURCE = "Maguolo and Nanni, 2021"
_FIGURE = "balanced_accuracy"  # its chance level does not depend on how common the classes are
_MOST = 0.5  # share of what is above guessing, from which a score says little of lungs
_WITHOUT = {"lungs-erased": "with the lungs erased", "border": "shown only the border"}

_NOTHING_LEFT = {  # by whether the networks were trained without lungs
    True: "Without lungs it is not shown to be better than guessing: what it knows, it knows from the "
    "lungs or from what can be seen only with them.",
    False: "That alone does not prove that it needs the lungs: it has never seen such films, and may "
    "fail for that reason. Only training without lungs can tell.",
}


def sentence(answer: Answer) -> str:
    """Whether the model needs the lungs, in one to three sentences.

    That on which most of the score is left decides: erased lungs, which still show their outline, or
    the border. The share is that of what the whole picture has above guessing.
    """
    row = answer.row(_FIGURE)
    whole, guess = row.of(WHOLE), f"guessing gives {row.chance:.2f}"
    if whole is None or not _above(whole, row.chance):
        return (
            f"Nothing can be said: even with the whole picture the model is not shown to be better than "
            f"guessing (balanced accuracy {_figure(whole)}; {guess})."
        )
    without = {name: shown for name in _WITHOUT if (shown := row.of(name))}
    if not without:
        return "Nothing can be said yet: no answer without lungs is there."
    first, *others = (f"{_WITHOUT[name]} {_figure(shown)}" for name, shown in without.items())
    model = "the same recipe, trained anew," if answer.trained else "the model"
    others.append(f"with the whole picture {number(whole.value)}")
    if (alone := row.of("lungs")) is not None:
        others.append(f"with the lungs alone {number(alone.value)}")
    facts = ", ".join([first, *others])
    better = [name for name, shown in without.items() if _above(shown, row.chance)]
    meaning = _share(row, better) if better else _NOTHING_LEFT[answer.trained]
    return f"Balanced accuracy of {model} {facts}; {guess}. {meaning}"


def about_films(answer: Answer) -> str:
    """On which films the regions are judged, and how many of which class are left out."""
    of = f" of {answer.patients:,} patients" if answer.patients else ""
    text = f"All on the same {answer.films:,} test films{of}."
    if answer.left_out:
        counts = ", ".join(f"{name} {count:,}" for name, count in answer.left_out.items())
        total = sum(answer.left_out.values())
        text += (
            f" Left out of all, since not every region could use them, as a rule for want of a lung mask: "
            f"{total:,} ({counts})."
        )
    if answer.patients is None:
        text += " Films count as independent: their patients are unknown."
    return text


def text_frame(answer: Answer) -> pd.DataFrame:
    """One row for each figure and region, as text to print."""
    return pd.DataFrame(
        [
            {
                "figure": title(row),
                "the model sees": REGION_NAMES[shown.region],
                "value": number(shown.value),
                "95 %": interval(shown.low, shown.high),
                "difference": "" if shown.region == WHOLE else number(shown.difference, sign="+"),
                "95 % of it": interval(shown.difference_low, shown.difference_high, "+"),
                "p (Holm)": p_of(shown),
                "guessing": f"{row.chance:.2f}",
            }
            for row in answer.rows
            for shown in row.shown
        ]
    )


def record(answer: Answer | None) -> dict[str, Any] | None:
    """An answer as JSON values, with its sentence."""
    if answer is None:
        return None
    rows = [{**vars(row), "shown": [vars(shown) for shown in row.shown]} for row in answer.rows]
    return {"sentence": sentence(answer), **vars(answer), "rows": rows}


def title(row: Row) -> str:
    """ "Balanced accuracy", "Recall of COVID-19"."""
    return f"Recall of {row.class_name}" if row.class_name else METRICS[row.metric].title


def p_of(shown: Shown) -> str:
    """The p-value of a difference, as people read it; "" where nothing was tested."""
    return "" if shown.p is None else p_in_words(shown.p).removeprefix("p ").removeprefix("= ")


def number(value: float | None, sign: str = "") -> str:
    """A figure or, with sign "+", a difference to two digits; "–" where it is undefined."""
    return "–" if value is None else f"{round(value, 2) + 0.0:{sign}.2f}"  # + 0.0: never "-0.00"


def interval(low: float | None, high: float | None, sign: str = "") -> str:
    """Its bounds; "" where they are undefined."""
    return "" if low is None or high is None else f"{number(low, sign)} to {number(high, sign)}"


def _share(row: Row, better: Sequence[str]) -> str:
    """What is left of the score on the best of the regions without lungs."""
    kept = {name: row.remaining(name) or 0.0 for name in better}
    name = max(kept, key=lambda each: kept[each])
    outline = " (though their outline shows)" if name == "lungs-erased" else ""
    share = (
        f"{100 * min(kept[name], 1):.0f} % of what it has above guessing is there without any lung"
    )
    if kept[name] >= _MOST:
        return f"{share}{outline}, so its score says little of the lungs ({SOURCE})."
    return f"{share}{outline}: that part of its score says nothing of the lungs ({SOURCE})."


def _above(shown: Shown, chance: float) -> bool:
    """Whether a figure is shown to be better than guessing."""
    return shown.low is not None and shown.low > chance


def _figure(shown: Shown | None) -> str:
    if shown is None:
        return "–"
    bounds = interval(shown.low, shown.high)
    return number(shown.value) + (f" (95 % {bounds})" if bounds else "")
