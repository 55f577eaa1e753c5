"""Operating points in words."""

import math

from cxrcore.thresholds.choice import Choice
from cxrcore.thresholds.cost import per_thousand
from cxrcore.thresholds.subject import OperatingPoint


def promise(choice: Choice, class_name: str) -> str:
    """What the validation films say about the recall of films that nobody has seen yet."""
    films = "film" if choice.positives == 1 else "films"
    caught = (
        f"{choice.caught} of {choice.positives} validation {films} of {class_name} reach the "
        f"threshold: a recall of {_floor(choice.bound)} or more, with 95 % confidence."
    )
    if choice.promised:
        return caught
    if choice.positives < choice.needed:
        return (
            f"{caught} They are too few to promise {choice.wanted:.0%}: {choice.needed} could, if "
            "all of them were caught."
        )
    return f"{caught} That is no promise of {choice.wanted:.0%}."


def sentence(point: OperatingPoint, title: str, prevalence: float) -> str:
    """What catching the class costs a model, of 1,000 films at a prevalence."""
    found = per_thousand(point.cost, prevalence)
    if math.isnan(found.missed[0]) or math.isnan(found.alarms[0]):
        return f"{title}: the test films do not tell, they are all or none of {point.class_name}."
    missed, alarms = (_count(*triple) for triple in (found.missed, found.alarms))
    return (
        f"{title}: to catch {point.choice.wanted:.0%} of {point.class_name}, a film is called that from "
        f"{point.choice.threshold:.1%} on. Of 1,000 films, {1000 * prevalence:.0f} of them "
        f"{point.class_name}, it misses {missed} and raises {alarms} false alarms."
    )


def _floor(share: float) -> str:
    """Rounded down: a bound is never promised too high."""
    return f"{math.floor(100 * share + 1e-9)} %"


def _count(value: float, low: float, high: float) -> str:
    return f"{value:.0f} ({low:.0f} to {high:.0f})"
