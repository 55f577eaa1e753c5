"""What a run's profile says of a film: is it an upright frontal chest film, is it a good one?"""

from typing import NamedTuple

import numpy as np

from cxrcore import quality
from cxrcore.gate.report import Finding
from cxrcore.inference.prediction import Prediction
from cxrcore.profiles import Profile, limits
from cxrcore.profiles.record import Scores

_TURNED = {
    "left": "Turned by 90° to the left",
    "right": "Turned by 90° to the right",
    "upside down": "Upside down",
    "inverted": "Inverted: bones are dark, air is bright",
}
_SURE = 2.0  # log odds from which it is said in which way a film is turned: 7 to 1
_POOR = 1 - limits.WARNINGS  # share of validation films with a better score


class Likeness(NamedTuple):
    """What one run's profile says: the verdict on the film, and what else is to be known."""

    verdict: Finding
    others: tuple[Finding, ...]


def of(profile: Profile, prediction: Prediction) -> Likeness:
    """Judge a film from what a run's network saw of it.

    Raises:
        StoreError: the profile is not of this network.
    """
    scores = profile.scores(prediction.seen, prediction.depths)
    unlike, turned, mirrored = profile.limits
    others: tuple[Finding, ...] = ()
    if scores.turned > max(turned, _SURE) and scores.righted <= unlike:
        detail = f"Turned back, it would look like a training film. {_odds(scores.turned)}"
        verdict = Finding("turned", _TURNED[scores.pose], "withheld", detail)
    elif scores.unlike > unlike or scores.turned > turned:
        title = "Not an upright frontal chest film such as the model knows"
        verdict = Finding("frontal", title, "withheld", _far(profile, scores))
    else:
        title = "An upright frontal chest film"
        verdict = Finding("frontal", title, "passed", _far(profile, scores))
        if scores.mirrored > mirrored:
            title = "Perhaps mirrored: left and right look exchanged"
            others = (Finding("mirrored", title, "warning", _odds(scores.mirrored)),)
    return Likeness(verdict, others)


def quality_of(profile: Profile, seen: np.ndarray) -> Finding | None:
    """How good a film is among the validation films, as the network sees them; None if unknown."""
    score = quality.brisque(seen)
    if np.isnan(score) or not len(profile.quality):
        return None
    worse = limits.share_below(profile.quality, score)
    side = len(seen)
    detail = f"BRISQUE {score:.0f} at {side} x {side} pixels; lower is better."
    if worse > _POOR and len(profile.quality) >= limits.FEWEST:
        title = f"Poor image quality: worse than {worse:.0%} of the validation films"
        return Finding("quality", title, "warning", detail)
    title = f"Usual image quality: better than {1 - worse:.0%} of the validation films"
    return Finding("quality", title, "passed", detail)


def _far(profile: Profile, scores: Scores) -> str:
    count = len(profile.unlike)
    nearer = limits.share_below(profile.unlike, scores.unlike)
    if nearer == 1:
        said = f"It lies farther from the training films than all {count} validation films."
    else:
        said = (
            f"Nearer to the training films than {1 - nearer:.0%} of the {count} validation films."
        )
    if not profile.promises:
        said += (
            f" With fewer than {limits.FEWEST} validation films, false alarms cannot be bounded."
        )
    return said


def _odds(log_odds: float) -> str:
    """Log odds as odds; beyond 1,000 : 1 nobody has counted."""
    odds = np.exp(min(log_odds, 7.0))
    return f"The odds for it are {'more than 1,000' if log_odds > 6.9 else f'{odds:,.0f}'} to 1."
