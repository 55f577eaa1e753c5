"""Control experiments: does a model need the lungs?

A recipe that does nearly as well on films without lungs has learned something else, and its score
says little of lungs. Two ways to find out:

    found = controls.find(run, dataset)      # the same recipe trained on each region; what is missing
    controls.trained(found)                  # an Answer from the runs that are there
    controls.untrained(run, dataset)         # an Answer without training, from changed test films

The second is quick, and weaker: a network may fail on changed films only because it never saw any.

Source:
    Maguolo and Nanni 2021, doi 10.1016/j.inffus.2021.04.008.
"""

from cxrcore.controls.answer import Answer, Row, Shown
from cxrcore.controls.arms import SHOWN, Arms, find, trained
from cxrcore.controls.changed_films import predict, seen, stamp, untrained
from cxrcore.controls.need import Need, known, missing, needs_lungs
from cxrcore.controls.wording import (
    about_films,
    interval,
    number,
    p_of,
    record,
    sentence,
    text_frame,
    title,
)

__all__ = [
    "SHOWN",
    "Answer",
    "Arms",
    "Need",
    "Row",
    "Shown",
    "about_films",
    "find",
    "interval",
    "known",
    "missing",
    "needs_lungs",
    "number",
    "p_of",
    "predict",
    "record",
    "seen",
    "sentence",
    "stamp",
    "text_frame",
    "title",
    "trained",
    "untrained",
]
