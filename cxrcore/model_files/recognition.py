"""How a network from elsewhere wants its films: what its file does not tell is tried on a few of them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cxrcore.errors import ModelError
from cxrcore.foreign import RANGES, Engine, Interface, Outputs, Range

FILMS = 10  # that are tried, labelled and of the validation part
_CLEAR = 0.8  # share that must be right, and at least
_LEAD = 0.3  # more than of any other range
_SUM = 1e-3  # by which probabilities may miss 1


class Trial(NamedTuple):
    """What a network makes of a few films whose class is known, for one range of values."""

    range: Range
    right: int
    films: int
    outputs: npt.NDArray[np.float32]  # (n, k) as the network gives them

    @property
    def text(self) -> str:
        """In words, as the option that chooses it."""
        return f"--range {self.range}: {self.right} of {self.films} right"


def told(trials: Sequence[Trial], chosen: Range) -> str:
    """What was tried, and what was taken, as a sentence."""
    words = "; ".join(trial.text for trial in trials)
    how = f", so {chosen} is taken" if len(trials) > 1 else ""
    return f"On validation films {words}{how}."


def recognise(
    engine: Engine,
    shape: dict[str, object],
    films: npt.NDArray[np.uint8],
    truth: npt.NDArray[np.intp],
    *,
    values: Range | None = None,
    integer: bool = False,
    outputs: Outputs | None = None,
) -> tuple[Interface, list[Trial]]:
    """The interface of a network, and what was tried.

    Args:
        engine: of the network.
        shape: as `foreign.describe` returns it.
        films: (n, S, S) gray levels.
        truth: (n,) the place of each one's class among the outputs.
        values: the range that the network was trained with, if that is known.
        integer: whether it takes whole gray levels, which decides the range.
        outputs: what it gives, if that is known.

    Raises:
        ModelError: the network fails, or range or outputs have to be said.
    """
    tried = ("0..255",) if integer else RANGES
    trials = []
    for name in tried if values is None else (values,):
        interface = Interface.model_validate({**shape, "range": name, "outputs": "logits"})
        found = engine.outputs(films.astype(np.float32), interface)
        right = int((found.argmax(axis=1) == truth).sum())
        trials.append(Trial(name, right, len(films), found))
    chosen = _chosen(trials)
    kind = _outputs(chosen.outputs, outputs)
    return Interface.model_validate({**shape, "range": chosen.range, "outputs": kind}), trials


def order_note(trial: Trial, truth: npt.NDArray[np.intp], classes: Sequence[str]) -> str:
    """A sentence if another order of the classes would fit the films far better; else ""."""
    from scipy.optimize import linear_sum_assignment  # 24 MB that the server can do without

    counts = np.zeros((len(classes), len(classes)))
    np.add.at(counts, (trial.outputs.argmax(axis=1), truth), 1)
    places, order = linear_sum_assignment(counts, maximize=True)
    best = int(counts[places, order].sum())
    if best - trial.right < _LEAD * trial.films:
        return ""
    options = ",".join(classes[number] for number in order)
    return (
        f"Only {trial.right} of {trial.films} films are right; {best} would be with the classes in another "
        f"order. Check how the network was trained: --classes {options!r}."
    )


def _chosen(trials: Sequence[Trial]) -> Trial:
    """The only range, or the one that is right beyond doubt."""
    best, *others = sorted(trials, key=lambda trial: -trial.right)
    if not np.isfinite(best.outputs).all():
        raise ModelError(
            "The network gives no numbers (NaN or infinite) for films of the dataset. Check the file by the "
            "program that wrote it, and --range."
        )
    lead = best.right - max((trial.right for trial in others), default=-best.films)
    if others and (best.right < _CLEAR * best.films or lead < _LEAD * best.films):
        raise ModelError(
            "The file does not tell which values the network was trained on, and "
            f"{best.films} validation films do not show it beyond doubt. Say which: "
            f"{'; '.join(trial.text for trial in trials)}."
        )
    return best


def _outputs(found: npt.NDArray[np.float32], said: Outputs | None) -> Outputs:
    inside = ((found >= 0) & (found <= 1 + _SUM)).all()
    adds_up = inside and (np.abs(found.sum(axis=1) - 1) < _SUM).all()
    if said == "logits" or (said is None and not inside):
        return "logits"
    if adds_up:
        return "probabilities"
    advice = (
        "say --outputs logits"
        if said
        else "if a softmax is still to come, say --outputs logits; of one sigmoid a class, export the network with "
        "a softmax"
    )
    raise ModelError(f"The outputs do not add up to 1, as probabilities do: {advice}.")
