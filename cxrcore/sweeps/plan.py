"""Which values a sweep tries: a grid, or values drawn at random."""

import hashlib
import itertools
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from cxrcore.datasets import Dataset
from cxrcore.errors import RecipeError
from cxrcore.models import Recipe
from cxrcore.models.fields import Choice, Number, Option
from cxrcore.splits import SplitSpec
from cxrcore.sweeps.record import Sweep
from cxrcore.training import TrainSpec, plan
from cxrcore.training import estimate as estimate_one

MOST_RUNS = 50  # each waiting training is a process
_TRIES = 20  # drawings for a new set of values before a small space counts as used up

Values = list[Any] | tuple[float, float]  # values, or the two ends of a range


def values_of(recipe: Recipe, field: str, text: str) -> Values:
    """The values of a field as a person writes them: `1e-3,3e-4`, or a range `1e-5..1e-2`.

    Raises:
        RecipeError: the field is not offered, or a value is none of its own; says what it may be.
    """
    options = {name: option for name, option in recipe.options().items() if option.flags}
    options.pop("seed")  # seeds are repeats of one training
    if field not in options:
        raise RecipeError(
            f"{field!r} cannot be swept. Choose from: {', '.join(options)}; seeds are repeats of a "
            "training (train --repeats)."
        )
    option = recipe.option(field)
    ends = text.split("..")
    if len(ends) == 2 and isinstance(option, Number):
        low, high = (_value(recipe, field, option, end) for end in ends)
        if low is None or high is None or low >= high:
            raise RecipeError(
                f"{field}: a range goes from a lower to a higher value. Received: {text!r}."
            )
        return low, high
    values = [_value(recipe, field, option, part) for part in text.split(",") if part.strip()]
    if not values:
        raise RecipeError(f"{field} needs values, such as {field}=A,B. Received: {text!r}.")
    return list(dict.fromkeys(values))


def _value(recipe: Recipe, field: str, option: Option, text: str) -> Any:
    """One value, checked against the field's record."""
    text = text.strip()
    value: Any = text
    if isinstance(option, Number):
        try:
            value = None if option.switch and text == "none" else option.argument(text)
        except ValueError as error:
            raise RecipeError(f"{field} must be {option.wanted}. Received: {text!r}.") from error
    elif isinstance(option, Choice):
        value = next((known for known in option.labels if str(known) == text), text)
    return getattr(recipe.override(**{field: value}), field)


def plan_sweep(
    recipe: Recipe,
    dataset: Dataset,
    tried: Mapping[str, Values],
    split: SplitSpec | None = None,
    *,
    drawn: int | None = None,
    seed: int = 0,
) -> tuple[Sweep, list[TrainSpec]]:
    """A sweep and the specifications of its trainings.

    Args:
        recipe: the values of all other fields.
        dataset: what to train on.
        tried: field -> its values; a range (low, high) is for sets that are drawn.
        split: the same for all.
        drawn: how many sets of values to draw; None for the whole grid.
        seed: of the drawing.

    Raises:
        RecipeError: a value is out of range, or there are too few or too many sets.
        TrainingError: as `training.plan`.
    """
    sets = _grid(tried) if drawn is None else _drawn(recipe, tried, drawn, random.Random(seed))  # noqa: S311 (no secret)
    if not 2 <= len(sets) <= MOST_RUNS:
        raise RecipeError(
            f"A sweep has 2 to {MOST_RUNS} trainings; these values make {len(sets)}. Name more or "
            "fewer values, or draw a number of sets at random."
        )
    specs = [plan(recipe.override(**values), dataset, split) for values in sets]
    trials = {spec.run_id: values for spec, values in zip(specs, sets, strict=True)}
    text = "\n".join(sorted(trials))
    name = f"{recipe.name}-sweep-{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"
    sweep = Sweep(
        sweep_id=name, recipe=recipe.name, dataset=dataset.name, fields=tuple(tried), trials=trials
    )
    return sweep, [spec.model_copy(update={"sweep": name}) for spec in specs]


def estimate(specs: Sequence[TrainSpec], n_train: int) -> float | None:
    """Estimated seconds of all trainings, at most; None where one of them is not known."""
    each = [estimate_one(spec.recipe, n_train, len(spec.classes)) for spec in specs]
    known = [seconds for seconds in each if seconds is not None]
    return sum(known) if len(known) == len(each) else None


def _grid(tried: Mapping[str, Values]) -> list[dict[str, Any]]:
    for field, values in tried.items():
        if isinstance(values, tuple):
            raise RecipeError(
                f"{field} is a range: say how many sets to draw (--random N), or list its values."
            )
    if math.prod(map(len, tried.values())) > 10 * MOST_RUNS:  # before they are written out
        raise RecipeError(f"These values make a grid of far more than {MOST_RUNS} trainings.")
    return [dict(zip(tried, values, strict=True)) for values in itertools.product(*tried.values())]


def _drawn(
    recipe: Recipe, tried: Mapping[str, Values], number: int, chance: random.Random
) -> list[dict[str, Any]]:
    """Different sets; fewer than `number` where there are no more.

    Source: Bergstra and Bengio 2012, J. Mach. Learn. Res. 13, 281-305.
    """
    if number > MOST_RUNS:
        raise RecipeError(f"At most {MOST_RUNS} sets can be drawn. Received: {number}.")
    sets: list[dict[str, Any]] = []
    for _ in range(number * _TRIES):
        if len(sets) == number:
            break
        one = {field: _one(recipe, field, values, chance) for field, values in tried.items()}
        if one not in sets:
            sets.append(one)
    return sets


def _one(recipe: Recipe, field: str, values: Values, chance: random.Random) -> Any:
    if isinstance(values, list):
        return chance.choice(values)
    (low, high), option = values, recipe.option(field)
    if not isinstance(option, Number) or option.whole:
        return chance.randint(int(low), int(high))
    if option.format is not None and option.format.endswith("e"):  # evenly in powers of ten
        return float(f"{math.exp(chance.uniform(math.log(low), math.log(high))):.2g}")
    return round(chance.uniform(low, high), 3)
