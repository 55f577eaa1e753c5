"""Does a run need the lungs? All that is known of it, as notebooks and the command line show it."""

import html
from dataclasses import dataclass

import pandas as pd

from cxrcore import datasets, store
from cxrcore.controls import arms, changed_films, wording
from cxrcore.controls.answer import Answer
from cxrcore.controls.arms import Arms
from cxrcore.datasets import Dataset
from cxrcore.errors import ComparisonError, RecipeError, TrainingError
from cxrcore.progress import progress_bar
from cxrcore.regions import REGION_NAMES
from cxrcore.store import Run


@dataclass(frozen=True)
class Need:
    """Whether a run needs the lungs; a notebook shows sentences and figures.

    Attributes:
        run_id: of the run in question.
        untrained: from changed test films; None for a run that does not see the whole picture.
        trained: from the same recipe trained on each region; None where too few are trained.
        arms: those trainings; None for imported weights, which cannot be trained again.
        remarks: sentences on what limits the answer.
    """

    run_id: str
    untrained: Answer | None
    trained: Answer | None
    arms: Arms | None
    remarks: tuple[str, ...]

    def frame(self) -> pd.DataFrame:
        """The figures of both answers, see `Answer.frame`; the column `trained` tells them apart."""
        found = [each for each in (self.trained, self.untrained) if each]
        rows = [each.frame().assign(trained=each.trained) for each in found]
        return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()

    def __str__(self) -> str:
        parts = []
        for head, answer in self._answers():
            table = wording.text_frame(answer).to_string(index=False)
            parts += [head, wording.sentence(answer), table, wording.about_films(answer), ""]
        left = missing(self.arms) if self.arms else ""
        return "\n".join([*parts, *filter(None, (*self.remarks, left))])

    def _repr_html_(self) -> str:
        parts = []
        for head, answer in self._answers():
            sentence, films = map(
                html.escape, (wording.sentence(answer), wording.about_films(answer))
            )
            table = wording.text_frame(answer).to_html(index=False)
            parts.append(f"<b>{head}</b><p>{sentence}</p>{table}<p>{films}</p>")
        return "".join([*parts, *(f"<p>{html.escape(each)}</p>" for each in self.remarks)])

    def _answers(self) -> list[tuple[str, Answer]]:
        heads = (
            ("The same recipe, trained without lungs", self.trained),
            ("Without training: the model on its test films, changed", self.untrained),
        )
        return [(head, answer) for head, answer in heads if answer]


def needs_lungs(run: str | Run) -> Need:
    """Ask a run whether it needs the lungs; nothing is trained for that.

    Its test films are predicted without lungs where that was not done yet, which loads TensorFlow
    and shows a progress bar.

    Args:
        run: a run of the store or its id.

    Raises:
        StoreError: there is no such run, it is damaged, or its test films are gone.
        DatasetError: its dataset is not registered here, or lungs cannot be looked for.
        ComparisonError: no test film has a lung mask.
    """
    found = run if isinstance(run, Run) else store.load_run(run)
    dataset = datasets.load(found.dataset)
    if found.recipe.region == arms.WHOLE and changed_films.untrained(found, dataset) is None:
        with progress_bar() as report:
            changed_films.predict(found, dataset, report=report)
    return known(found, dataset)


def known(run: Run, dataset: Dataset) -> Need:
    """What is known of a run's need of lungs; computes and trains nothing new.

    Raises:
        StoreError, ComparisonError: as `needs_lungs`.
    """
    remarks, trained, found = [], None, None
    try:
        found = arms.find(run, dataset)
        trained = arms.trained(found)
        remarks.append(found.note)
    except (ComparisonError, RecipeError, TrainingError) as error:
        remarks.append(str(error))
    whole = run.recipe.region == arms.WHOLE
    untrained = changed_films.untrained(run, dataset) if whole else None
    return Need(run.run_id, untrained, trained, found, tuple(filter(None, remarks)))


def missing(arms: Arms) -> str:
    """What still has to be trained, and how long that takes; "" for nothing."""
    if not arms.missing:
        return ""
    names = "; ".join(REGION_NAMES[region].lower() for region in arms.missing)
    text = f"Not trained yet: {names}."
    if arms.seconds is not None:
        minutes = arms.seconds / 60
        text += (
            f" That takes about {minutes:.0f} min."
            if minutes >= 1.5
            else " That takes about a minute."
        )
    return text
