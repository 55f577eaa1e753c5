"""What recipes are put together from: rules of a training, and what a study reported."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """A record that is never changed and refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Plateau(Frozen):
    """Divide the learning rate when `monitor` stops improving, as Keras' ReduceLROnPlateau.

    `factor` multiplies the rate after `patience` epochs without an improvement of more
    than 1e-4 (Keras' default `min_delta`); there is no lowest rate and no cooldown.
    """

    monitor: Literal["val_accuracy", "val_loss"]
    factor: float = Field(gt=0, lt=1)
    patience: int = Field(ge=0)
    mode: Literal["max", "min"]
    # Epochs that end before so many steps are done do not count.
    settling_steps: Annotated[int, Field(ge=0)] = 0


class Stopping(Frozen):
    """End the training when `monitor` stops improving, as Keras' EarlyStopping.

    It ends after `patience` epochs without an improvement of more than `min_delta`; an
    accuracy improves upwards, a loss downwards.
    """

    monitor: Literal["accuracy", "val_loss"]
    min_delta: float = Field(0.0, ge=0)
    patience: int = Field(gt=0)
    settling_steps: Annotated[int, Field(ge=0)] = 0  # as in Plateau


class ClassReport(Frozen):
    """One class of a published report; shares 0..1, None where the study gives no figure."""

    name: str
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    support: int | None = None  # test images
    accuracy: float | None = None  # where a study calls it so, without saying how it was counted


class Reported(Frozen):
    """What the study reported on its own test images; None where it gives no figure."""

    accuracy: float | None = None  # top-1, 0..1
    loss: float | None = None
    macro_f1: float | None = None
    macro_precision: float | None = None
    macro_recall: float | None = None
    per_class: tuple[ClassReport, ...] = ()
    n_test: int | None = None
    caveat: str  # one or two sentences to show beside the figures
    timing: str = ""  # what the study says of its time
