"""A recipe: everything that decides a model's weights, and what was published about it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import ValidationError, model_validator

from cxrcore.errors import RecipeError
from cxrcore.files import digest
from cxrcore.models import registry, torch_files
from cxrcore.models.fields import Choice, Number, Option
from cxrcore.models.hyperparameters import Hyperparameters
from cxrcore.models.records import KERAS, OURS, Network, Plateau, Reported, Stopping

if TYPE_CHECKING:
    from cxrcore.pixels import Preparation

# The fields that run names have held since version 0.4. A later one counts only where it differs
# from its default, so that earlier runs keep their names.
_ALWAYS_NAMED = frozenset(
    (
        "image_size batch_size epochs learning_rate optimizer seed weights region max_brisque "
        "plateau best_by stopping augmentation class_weights label_smoothing favoured_class "
        "favoured_weight network"
    ).split()
)

_HELD_BY_0_4 = ("features", "n_classes", "min_size")

# For networks with slow running means: with a momentum of 0.99, 0.99^300 = 5 % of the first value
# is left after so many steps. Before, the validation loss means nothing.
SETTLING_STEPS = 300


class Recipe(Hyperparameters):
    """A model of a study: how it is built and trained, and what was published about it."""

    name: str
    study: str  # "A" to "E", OURS or KERAS
    title: str
    description: str  # one plain line for a form
    network: str  # name of the architecture, see `architecture`
    source: str = ""  # digest of the file that defines it, filled by the registry; "" for ours

    reported: Reported
    reported_ct: Reported | None = (
        None  # on CT slices; `reported` is on X-rays (docs/decisions/0034)
    )
    defects: tuple[str, ...] = ()  # sentences: known faults of the study, and what we do instead
    citation: str
    data: str  # the study's dataset
    class_names: tuple[str, ...]  # as published, in the order of the study's softmax

    @property
    def n_classes_published(self) -> int:
        """How many classes the study distinguishes."""
        return len(self.class_names)

    @property
    def preparation(self) -> "Preparation":
        """How its images are prepared."""
        from cxrcore.pixels import Preparation  # with OpenCV, which reading recipes does not need

        return Preparation(self.image_size, self.region, self.lung_masks)

    @property
    def architecture(self) -> Network:
        """The record of its network; RecipeError if there is none, as in a run of a removed model."""
        return registry.network(self.network)

    @property
    def n_classes(self) -> int | None:
        """How many classes its network distinguishes; None for any number."""
        return self.architecture.n_classes

    def count_parameters(self, n_classes: int) -> int | None:
        """All weights of its network, as Keras' `count_params`, without TensorFlow; None: unknown."""
        count = self.architecture.count_parameters
        return None if count is None else count(self, n_classes)

    @property
    def weights_choices(self) -> tuple[str, ...]:
        """Names of first weights, the published first; the path of an .h5 file is allowed as well."""
        return (*self.architecture.pretrained, "random")

    @property
    def frozen_first(self) -> bool:
        """Whether the output of its first layers can be computed once an image and kept."""
        network = self.architecture
        stages = network.trunks == 1 and self.trained_stages is not None
        return (network.frozen_first or stages) and self.augmentation == "none"

    @property
    def all_epochs(self) -> int:
        """How many epochs it trains at most, those of the head alone included."""
        return self.epochs + (self.head_epochs or 0)

    def phases(self) -> "tuple[Self, ...]":
        """What is trained one after the other: the head alone if it comes first, then the rest.

        Each is a recipe whose epochs end where the phase ends, counted from the first.
        """
        if self.head_epochs is None:
            return (self,)
        steady = {"plateau": None, "stopping": None}
        head = {"head_epochs": None, "trained_stages": 0, "epochs": self.head_epochs} | steady
        rest = {"learning_rate": self.fine_tuning_rate, "epochs": self.all_epochs}
        return self.model_copy(update=head), self.model_copy(update={"head_epochs": None} | rest)

    def reported_on(self, modality: str | None) -> Reported:
        """The published figures for a dataset's `modality`: "xray", "ct" or None for unknown.

        Figures for CT slices are separate where the study reports both.
        """
        return self.reported_ct if modality == "ct" and self.reported_ct else self.reported

    def fast(self) -> Self:
        """The same network and optimiser, without the epochs that no longer change anything.

        When the validation loss stops improving, the learning rate falls and later the training
        ends; the weights of the best epoch are kept (FAST). A recipe of ours that already stops
        by itself is returned as it is.
        """
        if self.study in (OURS, KERAS) and self.stopping:
            return self
        if not self.architecture.slow_means:
            return self.override(**FAST)
        settling = {"settling_steps": SETTLING_STEPS}
        rules = {name: FAST[name].model_copy(update=settling) for name in ("plateau", "stopping")}
        return self.override(**FAST | rules)

    def offers(self, field: str) -> bool:
        """Whether a field can be changed in a form or on the command line for this recipe."""
        record = self.options()[field]
        return bool(record.flags) and (not record.transfer or self.architecture.trunks > 0)

    def option(self, field: str) -> Option:
        """The record of one field, its bounds those of this recipe."""
        return self._option(field, self.architecture)

    def _option(self, field: str, network: Network) -> Option:
        record = self.options()[field]
        if field == "image_size" and isinstance(record, Number):
            low, high = record.bounds
            return replace(record, bounds=(max(low, network.min_size), high))
        if field == "trained_stages" and isinstance(record, Number):
            return replace(record, bounds=(0, network.stages))
        return record

    def override(self, **changes: Any) -> Self:
        """This recipe with some values changed; `max_brisque=None` means no quality filter.

        Raises:
            RecipeError: a field that cannot be changed, or a value out of its range; names
                the field, the range and what was received.
        """
        options = self.options()
        if unknown := sorted(changes.keys() - options.keys()):
            raise RecipeError(
                f"{unknown[0]!r} cannot be changed in a recipe. Change one of: {', '.join(options)}."
            )
        if "weights" in changes:
            changes |= self._first_weights(changes["weights"])
        try:
            changed = self.model_validate(
                {name: getattr(self, name) for name in type(self).model_fields} | changes
            )
        except ValidationError as error:
            raise RecipeError(self._explain(error)) from error
        changed.check(self.architecture)
        return changed

    def values(self) -> dict[str, Any]:
        """The network and all that can be changed, as JSON values.

        A file of first weights is named by its content, not by its place.
        """
        values = self.model_dump(mode="json", include={"network", *self.options()})
        if self.weights_digest:
            values["weights"] = f"file:{self.weights_digest}"
        return values

    def weights_fields(self) -> dict[str, Any]:
        """The fields that decide the trained weights, as the name of a run is computed from them.

        Titles, figures and citations do not count, so correcting a text never makes a trained
        run unreachable.
        """
        values = {
            name: value
            for name, value in self.values().items()
            if name in _ALWAYS_NAMED or self._changed(name)
        }
        if self.source:
            values["source"] = self.source
        values["arm"] = values.pop("region")  # its name when the first runs were named
        for name in ("plateau", "stopping"):  # as in runs older than settling steps
            if values[name] and not values[name]["settling_steps"]:
                del values[name]["settling_steps"]
        return values

    def _changed(self, field: str) -> bool:
        """Whether a field differs from its default."""
        return getattr(self, field) != type(self).model_fields[field].get_default()

    def _first_weights(self, weights: Any) -> dict[str, str]:
        unchanged = {"weights": weights, "weights_digest": ""}
        if weights in self.weights_choices or not isinstance(weights, str | Path):
            return unchanged
        names = ", ".join(self.weights_choices)
        if refusal := torch_files.refusal(Path(weights)):
            raise RecipeError(
                f"{refusal} Give the path of an .h5 file in Keras' layout, or one of: {names}."
            )
        path = Path(weights).expanduser().resolve()
        if path.suffix.lower() not in (".h5", ".hdf5"):
            return unchanged
        if not path.is_file():
            raise RecipeError(
                f"weights names the file {path}, which does not exist. Correct the path, "
                f"or choose one of: {names}."
            )
        return {"weights": str(path), "weights_digest": digest(path)}

    def check(self, network: Network) -> None:
        """Compare the values that depend on the network with what it can take.

        Raises:
            RecipeError: names the field, what it may be and what it is.
        """
        if self.image_size < network.min_size:
            raise RecipeError(
                f"image_size must be {self._option('image_size', network).wanted} for recipe "
                f"{self.name}: its convolutions and poolings leave nothing of a smaller image. "
                f"Received: {self.image_size}."
            )
        for field, record in self.options().items():
            if not network.trunks and record.transfer and self._changed(field):
                raise RecipeError(
                    f"{field} is not for recipe {self.name}: it contains no pretrained network that "
                    f"could be trained in part. Received: {getattr(self, field)!r}."
                )
        if (self.trained_stages or 0) > network.stages:
            raise RecipeError(
                f"trained_stages must be {self._option('trained_stages', network).wanted} for recipe "
                f"{self.name}: its pretrained network can be cut at no other place. "
                f"Received: {self.trained_stages}."
            )
        choices = (*network.pretrained, "random")
        if self.weights not in choices and not self.weights_digest:
            raise RecipeError(
                f"weights must be one of {', '.join(choices)} or the path of an .h5 file for "
                f"recipe {self.name}. Received: {self.weights!r}."
            )
        if self.augmentation == "published" and network.augmentation is None:
            raise RecipeError(
                f"augmentation must be 'none' or 'strong' for recipe {self.name}: its study "
                "published none. Received: 'published'."
            )
        if network.features and self.augmentation != "none":
            raise RecipeError(
                f"augmentation must be 'none' for recipe {self.name}: its features are computed "
                f"once an image. Received: {self.augmentation!r}."
            )

    @model_validator(mode="before")
    @classmethod
    def _without_needs(cls, values: Any) -> Any:
        """Recipes of version 0.4 also held what their network needs."""
        if isinstance(values, dict):
            return {k: v for k, v in values.items() if k not in _HELD_BY_0_4}
        return values

    def _explain(self, error: ValidationError) -> str:
        first = error.errors()[0]
        field = str(first["loc"][0])
        wanted = self.option(field).wanted or f"valid ({first['msg']})"
        return f"{field} must be {wanted} for recipe {self.name}. Received: {first['input']!r}."


SCHEDULE = Choice(
    title="Schedule",
    group="training",
    labels={"fast": "Fast", "published": "As published"},
    shorts={"fast": "fast schedule", "published": "published schedule"},
    flags=("--schedule",),
    help="Fast: the same network and optimizer; the learning rate falls and the training ends when "
    "the validation loss stops improving, and the best epoch is kept. As published: the study's "
    "own schedule, with all its epochs unless they can change nothing any more.",
)
# The fast schedule, the default (docs/decisions/0015); see `Recipe.fast`.
FAST: dict[str, Any] = {
    "plateau": Plateau(monitor="val_loss", factor=0.25, patience=3, mode="min"),
    "best_by": "val_loss",
    "stopping": Stopping(monitor="val_loss", min_delta=0.0, patience=8),
}
