"""Answers and runs as rows of the component."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from cxrcore import explanations, images, store
from cxrcore.datasets import Dataset
from cxrcore.figures import NEUTRAL
from cxrcore.films import Film as Decoded
from cxrcore.inference import Decision, Prediction, decision
from cxrcore.models import own
from cxrcore.store import Run
from pages.header import header
from pages.predict.live import answers, film_lungs
from pages.predict.live.answers import Answer, Request
from pages.predict.live.film_lungs import Lungs
from pages.predict.live.films import Picked
from pages.predict.live.rows_component import Bar, Box, Film, Map, Near, Row, data_uri
from pages.shared import cache, run_marks

MOST_BARS = 5
SIDE = 1024  # pixels of the film at most
COMING = "Being computed …"
FILM = "Film"


@dataclass(frozen=True)
class Scene:
    """What all rows share.

    Attributes:
        dataset: of the runs.
        picked: the film; `film` its pixels, `lungs` where its lungs are.
        request: what was asked.
        titles, colours: of runs.
        held_out: run_id -> a sentence that stands in its row.
        raw: whether probabilities are shown before calibration.
        preparing: whether training films are being described, so that the nearest will be known.
    """

    dataset: Dataset
    picked: Picked
    film: Decoded
    lungs: Lungs
    request: Request
    titles: Mapping[str, str]
    colours: Mapping[str, str]
    held_out: Mapping[str, str]
    raw: bool = False
    preparing: bool = False


def film(scene: Scene) -> Film:
    """The film at its own aspect."""
    gray = scene.film.gray
    height, width = gray.shape
    jpeg = images.thumbnail(gray, min(SIDE, max(height, width)), 88)
    return Film(scene.film.digest, data_uri(jpeg), width, height, film_lungs.outline(scene.lungs))


def row(answer: Answer, scene: Scene) -> Row:
    """A model's row."""
    prediction = answer.prediction
    run = cache.run(prediction.run_id)
    head: dict[str, Any] = {
        "title": scene.titles.get(run.run_id, run.run_id),
        "colour": scene.colours.get(run.run_id, NEUTRAL),
        "marks": run_marks.marks(run),
        "hint": " · ".join(filter(None, [_name(run), run_marks.tooltip(run)])),
    }
    if prediction.error is not None:
        return Row(**head, error=prediction.error)
    decided = decision(prediction)
    # The answer is that of the operating point, whichever probabilities are shown.
    name, raw = decided.answer, scene.raw and decided.temperature is not None
    shares = prediction.probabilities if raw else decided.shares
    truth = scene.picked.label
    near, nearest = _nearest(run, prediction, scene)
    return Row(
        **head,
        answer=name,
        right=None if truth is None or truth not in prediction.classes else name == truth,
        words=_words(run, prediction, decided, scene),
        bars=_bars(shares, prediction.classes, name, {} if raw else decided.thresholds),
        near=near,
        nearest=nearest,
        maps=[
            _film(prediction, run),
            *(_map(answer, c, scene) for c in scene.request.columns),
        ],
    )


def _name(run: Run) -> str:
    """Of its folder, for those who train models."""
    return "" if header.presenting() else run.run_id


def _words(run: Run, prediction: Prediction, decided: Decision, scene: Scene) -> list[str]:
    """Sentences below the answer, the shortest truth first."""
    sentences = [scene.held_out.get(run.run_id, "")]
    if decided.temperature is not None:
        sentences.append("Probabilities as trained." if scene.raw else "Calibrated.")
    if decided.thresholds:
        points = ", ".join(f"{name} from {t:.0%}" for name, t in decided.thresholds.items())
        of = ", calibrated" if scene.raw and decided.temperature is not None else ""
        sentences.append(f"Operating point: {points}{of}.")
    if prediction.explained != decided.answer:
        sentences.append(f"Maps: the evidence for {prediction.explained}.")
    sentences += [store.random_start(run), own.change(run.recipe)]
    return [s for s in (*sentences, *prediction.notes) if s]


def _bars(
    shares: np.ndarray, classes: Sequence[str], chosen: str, thresholds: Mapping[str, float]
) -> list[Bar]:
    """The classes in their order; of many the most likely, and the rest as one bar."""
    named = list(zip(classes, map(float, shares), strict=True))
    shown = named
    if len(named) > MOST_BARS:
        likely = sorted(named, key=lambda item: (item[0] != chosen, -item[1]))[: MOST_BARS - 1]
        shown = [item for item in named if item in likely]
    bars = [
        Bar(name, share, _percent(share), name == chosen, thresholds.get(name))
        for name, share in shown
    ]
    if len(shown) < len(named):
        rest = max(0.0, 1 - sum(share for _, share in shown))
        bars.append(Bar(f"{len(named) - len(shown)} others", rest, _percent(rest)))
    return bars


def _percent(share: float) -> str:
    """Never 0 % or 100 % of what is not."""
    if 0 < share < 0.005:
        return "<1%"
    if 0.995 <= share < 1:
        return ">99%"
    return f"{share:.0%}"


def _nearest(run: Run, prediction: Prediction, scene: Scene) -> tuple[str, list[Near]]:
    if not run.has_layers:
        return "Nearest training films: not known of an imported file.", []
    found = answers.nearest(run, prediction)
    if not found:
        return ("Nearest training films: being prepared." if scene.preparing else ""), []
    counts = Counter(neighbour.label for neighbour in found)
    listed = ", ".join(f"{n} {label}" for label, n in counts.most_common())
    places, colours = cache.places(scene.dataset), cache.colours(scene.dataset)
    pictures = [
        Near(
            data_uri(cache.thumbnail(scene.dataset, neighbour.image_id)),
            f"Training film of class {neighbour.label}, distance {neighbour.distance:.2g}",
            colours.get(neighbour.label, NEUTRAL),
        )
        for neighbour in found
        if neighbour.image_id in places
    ]
    return f"Nearest in training: {listed}", pictures


def agreement(given: Sequence[Answer], scene: Scene) -> str:
    """How far the maps of the models agree, as a sentence; "" with fewer than two of them."""
    column = scene.request.columns[0]
    method = scene.request.methods[0] if scene.request.classes else column
    found = [a.maps[column] for a in given if method in a.maps.get(column, a.prediction).maps]
    maps = [answers.on_film(p, method, scene.film) for p in found]
    value = explanations.agreement([heat for heat in maps if heat.max() > 0])
    if value is None:
        return ""
    degree = "little" if value < 0.3 else "in part" if value < 0.6 else "largely"
    classes = len({p.explained for p in found})
    unlike = " They explain different classes." if classes > 1 else ""
    title = explanations.METHODS[method].title
    number = f"{value:.2f}".replace("-", "−")
    return f"The models' {title} maps agree {degree} (mean correlation {number}).{unlike}"


def in_lungs(given: Sequence[Answer], scene: Scene) -> str:
    """How much of each model's first map lies inside the lungs, as a sentence."""
    if scene.lungs.mask is None:
        return f"Maps are not compared with the lungs. {scene.lungs.words}"
    column = scene.request.columns[0]
    method = scene.request.methods[0] if scene.request.classes else column
    found = [a.maps[column] for a in given if method in a.maps.get(column, a.prediction).maps]
    parts = []
    for prediction in found:
        heat, box = prediction.maps[method], prediction.box
        inside, chance = scene.lungs.inside(heat, box), scene.lungs.inside(np.ones_like(heat), box)
        if inside is None or chance is None or not heat.max() > 0:
            continue
        title = scene.titles.get(prediction.run_id, prediction.run_id)
        parts.append(
            f"{title} {inside:.0%}" + ("" if inside > chance else " (no more than chance)")
        )
    if not parts:
        return ""
    words = f" {scene.lungs.words}" if scene.lungs.words else ""
    title = explanations.METHODS[method].title
    return (
        f"The lungs, {scene.lungs.how}, cover {scene.lungs.share:.0%} of the film. Share of each {title} map inside "
        f"them: {', '.join(parts)}.{words}"
    )


# --- pictures -------------------------------------------------------------------------------


def _film(prediction: Prediction, run: Run) -> Map:
    """The film, or the part of it that the model was given."""
    box = prediction.box
    if run.recipe.region == "none":
        return Map(FILM, "the film", box)
    seen = images.thumbnail(prediction.seen, max(prediction.seen.shape), 90)
    return Map(
        "What it saw", "the part of the film that the model was given", box, seen=data_uri(seen)
    )


def _map(answer: Answer, column: str, scene: Scene) -> Map:
    """The map of a column: a method, or a class."""
    by_class = bool(scene.request.classes)
    method = scene.request.methods[0] if by_class else column
    title = column if by_class else explanations.METHODS[method].title
    whole: Box = (0, 0, scene.film.gray.shape[1], scene.film.gray.shape[0])
    found = answer.maps.get(column)
    if by_class and column not in answer.prediction.classes:
        return Map(title, "no map", whole, words=f"This model does not know {column}.")
    if method in (answer.prediction if found is None else found).missing:
        return Map(title, "no map", whole, words=f"{title} needs a network of Keras.")
    if found is None or method not in found.maps:
        return Map(title, COMING, whole, words=COMING)
    heat, box = found.maps[method], found.box
    if not heat.max() > 0:
        words = f"Nothing in this film speaks for {found.explained}."
        offer = "" if by_class else next(iter(found.evidence.get(method, ())), "")
        return Map(title, words, box, words=words, offer=offer)
    text = f"evidence for {found.explained}, most of it {_strongest(heat)}"
    inside = scene.lungs.inside(heat, box)
    note = "" if inside is None else f"{inside:.0%} in the lungs"
    text += f", {note}" if note else ""
    return Map(title, text, box, src=data_uri(_levels(heat), "png"), note=note)


def _levels(heat: np.ndarray) -> bytes:
    """PNG of a map, 255 where it is strongest."""
    return images.encode_png(np.rint(heat * (255 / heat.max())).astype(np.uint8))


def _strongest(heat: np.ndarray) -> str:
    """The ninth of a map with most of it, as the picture is seen: "at the top left"."""
    small = cv2.resize(heat, (3, 3), interpolation=cv2.INTER_AREA)
    row, column = divmod(int(small.argmax()), 3)
    words = (("top ", "", "bottom ")[row] + ("left", "", "right")[column]).strip()
    return f"at the {words}" if words else "in the middle"
