"""The records of a model: networks and their files, training rules, published figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import keras

    from cxrcore.models.recipe import Recipe


# What `Recipe.study` says of models that no study of chest X-rays published.
OURS, KERAS = "ours", "Keras"


@dataclass(frozen=True)
class Source:
    """A published file of pretrained weights."""

    kind: str  # its name on the command line, such as "imagenet:resnet50"
    file_name: str
    address: str  # of the file itself if a checksum is known, else of the page that offers it
    layers: Callable[[], "Sequence[keras.Layer]"]  # builds the layers it holds, in their order
    md5: str | None = None
    sha256: str | None = None
    parameters: int | None = None  # how many numbers its layers hold, where that is known
    skipped: str = ""  # layers of the file whose names begin so are not read

    @property
    def checksum(self) -> str | None:
        """As published, "md5:…" or "sha256:…"; None: there is none, so it is never downloaded."""
        if self.sha256:
            return f"sha256:{self.sha256}"
        return self.md5 and f"md5:{self.md5}"


@dataclass(frozen=True)
class Strength:
    """How far augmentation may change an image: each change is drawn from -x to +x."""

    degrees: float
    zoom: float  # share of the side
    shift: float  # share of the side
    brightness: float  # share of white
    contrast: float  # share


@dataclass(frozen=True, kw_only=True)
class Network:
    """An architecture: how it is built and what it needs.

    `build(recipe, n_classes)` returns the Keras model with random weights, not compiled. It
    takes (batch, S, S, 3) float32 images with values 0..255 and ends in the layer `predictions`,
    a float32 softmax. `count_parameters(recipe, n_classes)` returns how many weights that model
    has, without TensorFlow; without it nobody knows before a training.

    `pretrained` maps the names of first weights that may be asked for to the files they need;
    the published name comes first. `load(model, files)` puts those files, or one file that the
    user names, into a model just built; without it a file must hold the whole network.
    """

    name: str
    build: Callable[["Recipe", int], "keras.Model"]
    count_parameters: Callable[["Recipe", int], int] | None = None
    pretrained: Mapping[str, tuple[Source, ...]] = field(default_factory=dict)
    load: "Callable[[keras.Model, Sequence[Path]], None] | None" = None
    min_size: int = 32  # pixels; smaller images leave nothing for the last layer
    channels: Literal[1, 3] = 3  # how many of the three equal channels of a gray image it reads
    n_classes: Literal[2] | None = None  # how many it distinguishes; None: any number
    # As published: a strength, or layers of the network itself.
    augmentation: Strength | Literal["layers"] | None = None
    # Its first layers are frozen: without augmentation their output for an image never changes.
    frozen_first: bool = False
    features: bool = False  # only the head after the frozen layers is ever trained
    # How many pretrained networks are layers of it, of which the last stages alone can train, and
    # at most how many stages.
    trunks: int = 0
    stages: int = 4
    # It starts from random weights and its batch normalisations keep Keras' momentum of 0.99.
    slow_means: bool = False
    source: str = ""  # digest of the file that defines it, filled by the registry; "" for ours


class Frozen(BaseModel):
    """An immutable record that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Plateau(Frozen):
    """Reduce the learning rate when `monitor` stops improving, as Keras' ReduceLROnPlateau.

    `factor` multiplies the rate after `patience` epochs without an improvement of more
    than 1e-4 (Keras' default `min_delta`); there is no lowest rate and no cooldown.
    """

    monitor: Literal["val_accuracy", "val_loss"]
    factor: float = Field(gt=0, lt=1)
    patience: int = Field(ge=0)
    mode: Literal["max", "min"]
    # Epochs that end before this many steps do not count.
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
    accuracy: float | None = None  # as the study calls it, without saying how it was counted


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
    timing: str = ""  # what the study says about the time it took
