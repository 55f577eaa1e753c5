"""What a field of a recipe is called, what it takes, and how its values read.

Each field of `Recipe` that decides weights carries one of these records in its annotation. The
training form, the command line, "How it was trained", the model card and the messages of errors
are made from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from cxrcore.models.records import Plateau, Stopping

Group = Literal["size and time", "training", "what the model sees", "balance"]
GROUPS: tuple[Group, ...] = get_args(Group)  # in the order of the form
PREPARATION = (
    "image_size",
    "region",
    "lung_masks",
)  # the fields that decide the pixels; all that scoring needs
WEIGHTS_NAMES = {"imagenet": "ImageNet", "chexnet": "CheXNet", "random": "random"}
_MONITORS = {
    "accuracy": "training accuracy",
    "val_accuracy": "validation accuracy",
    "val_loss": "validation loss",
}


@dataclass(frozen=True, kw_only=True)
class Option:
    """A field of any type; validated by its annotation.

    Attributes:
        title: what it is called everywhere.
        group: under which heading it stands.
        help: one or two sentences.
        flags: its names on the command line. Without any it is not offered: the study or the
            schedule decides it.
        labels: value -> how it reads.
        requires: the field that must be set for this one to count.
        transfer: whether it is only for models that contain a pretrained network.
        start: where a form or a command begins, if not at the recipe's value.
        short: how a value reads in the title of a run; `{}` stands for it. Without it the title of
            the field comes before the value.
        shorts: value -> how it reads there, where that is not by `short`.
    """

    title: str
    group: Group
    help: str = ""
    flags: tuple[str, ...] = ()
    labels: Mapping[Any, str] = field(default_factory=dict)
    requires: str = ""
    transfer: bool = False
    start: Any = None
    short: str = ""
    shorts: Mapping[Any, str] = field(default_factory=dict)

    @property
    def argument(self) -> Any:
        """The type of its value on the command line."""
        return str

    @property
    def summary(self) -> str:
        """Title, range and help as one paragraph."""
        return f"{self.title}. {self.help}".strip()

    @property
    def wanted(self) -> str:
        """What is allowed, to follow "must be"; "" where pydantic says it better."""
        return ""

    def text(self, value: Any) -> str:
        """How a value reads in a table or a sentence."""
        return self.labels[value] if value in self.labels else str(value)

    def brief(self, value: Any) -> str:
        """How a value reads in the title of a run, such as "192 px" or "lungs only"."""
        if value in self.shorts:
            return self.shorts[value]
        if not self.short:
            return f"{self.title[:1].lower()}{self.title[1:]} {self.text(value)}"
        return self.short.format(self._in_short(value))

    def _in_short(self, value: Any) -> str:
        return self.text(value)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """How pydantic validates a value."""
        return handler(source)


@dataclass(frozen=True, kw_only=True)
class Number(Option):
    """A number in `bounds` (both included); whole if they are.

    Attributes:
        unit: of the value, such as px.
        step: of the form's buttons; `slider` draws a slider instead.
        format: of the form, as in printf.
        switch: what the form calls having a limit at all; the value can be None then.
    """

    bounds: tuple[float, float]
    unit: str = ""
    step: float | None = None
    slider: bool = False
    format: str | None = None
    switch: str = ""

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are allowed."""
        return all(isinstance(bound, int) for bound in self.bounds)

    @property
    def argument(self) -> Any:
        """The type of its value on the command line."""
        return int if self.whole else float

    @property
    def label(self) -> str:
        """Title and unit, for a form."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def summary(self) -> str:
        """Title, range and help as one paragraph."""
        text = f"{self.title}, {_range(*self.bounds)} {self.unit}".strip() + f". {self.help}"
        return f"{text} {self.start:g} if left out." if self.requires else text

    @property
    def wanted(self) -> str:
        """What is allowed, to follow "must be"."""
        kind = "a whole number" if self.whole else "a number"
        either = ", or None for no limit" if self.switch else ""
        return f"{kind} from {_range(*self.bounds)}{either}"

    def text(self, value: Any) -> str:
        """The number with its unit."""
        if value in self.labels:
            return self.labels[value]
        return f"{value if self.whole else format(value, 'g')} {self.unit}".strip()

    def _in_short(self, value: float) -> str:
        """As `text`, but 3e-4 where a form shows powers of ten."""
        if self.format is not None and self.format.endswith("e"):
            return format(Decimal(repr(value)).normalize(), "e")
        return self.text(value)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """A finite number in the bounds, never made from text or a truth value."""
        low, high = self.bounds
        if self.whole:
            number: CoreSchema = core_schema.int_schema(strict=True, ge=int(low), le=int(high))
        else:
            number = core_schema.float_schema(strict=True, ge=low, le=high, allow_inf_nan=False)
        return core_schema.nullable_schema(number) if self.switch else number


@dataclass(frozen=True, kw_only=True)
class Choice(Option):
    """One of the values in `labels`."""

    @property
    def argument(self) -> Any:
        """The type of its value on the command line."""
        return Literal[tuple(self.labels)]

    @property
    def wanted(self) -> str:
        """What is allowed, to follow "must be"."""
        return f"one of {', '.join(map(str, self.labels))}"

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Exactly one of the values."""
        return core_schema.literal_schema(list(self.labels))


@dataclass(frozen=True, kw_only=True)
class ClassChoice(Option):
    """The name of one of the dataset's classes, or None."""


@dataclass(frozen=True, kw_only=True)
class Weights(Option):
    """First weights: a name, or the path of a file."""

    @property
    def summary(self) -> str:
        """Title, names and help as one paragraph."""
        return f"{self.title}: {', '.join(self.labels)} or a file. {self.help}"

    def text(self, value: Any) -> str:
        """The name of the weights; of a file, its name without the folder."""
        return self.labels.get(value, Path(value).name)


@dataclass(frozen=True, kw_only=True)
class Rule(Option):
    """A `Plateau`, a `Stopping` or None."""

    def text(self, value: Plateau | Stopping | None) -> str:
        """The rule as a phrase.

        >>> rule = Stopping(monitor="val_loss", patience=3)
        >>> Rule(title="Ends early", group="training").text(rule)
        'after 3 epochs without a better validation loss'
        """
        if value is None:
            return self.labels[None]
        epochs = "1 epoch" if value.patience == 1 else f"{value.patience} epochs"
        text = f"after {epochs} without a better {_MONITORS[value.monitor]}"
        if isinstance(value, Plateau):
            text = f"÷{1 / value.factor:g} {text}"
        if value.settling_steps:
            text += f", not counting the first {value.settling_steps} steps"
        return text

    def _in_short(self, value: Plateau | Stopping) -> str:
        return self.text(value).partition(" without")[0]


def _range(low: float, high: float) -> str:
    return f"{low:g} to {high:.10g}"
