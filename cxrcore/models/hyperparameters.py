"""The fields of a recipe that decide the weights and can be changed, each with its record."""

from typing import Annotated

from pydantic import AliasChoices, Field

from cxrcore.models.fields import (
    WEIGHTS_NAMES,
    Choice,
    ClassChoice,
    Number,
    Option,
    Rule,
    Weights,
)
from cxrcore.models.records import Plateau, Stopping
from cxrcore.models.size_and_time import SizeAndTime
from cxrcore.regions import MASK_NAMES, REGION_NAMES


class Hyperparameters(SizeAndTime):
    """How a network is trained, and on what.

    Form, command line, "How it was trained", model card and tracking take the fields from here, in
    this order. "Region" is docs/decisions/0041. `weights` is
    "random", the name of pretrained weights, or the path of an .h5 file with first weights; then
    `weights_digest` is the digest of its content, so that the run's name depends on the content
    and not on the place.
    """

    optimizer: Annotated[
        str,
        Choice(
            title="Optimizer",
            group="training",
            labels={"adam": "Adam", "rmsprop": "RMSprop"},
            short="{}",
        ),
    ] = "adam"
    plateau: Annotated[
        Plateau | None,
        Rule(
            title="Learning rate falls",
            group="training",
            labels={None: "never"},
            short="lr {}",
            shorts={None: "steady lr"},
        ),
    ] = None
    stopping: Annotated[
        Stopping | None,
        Rule(
            title="Ends early",
            group="training",
            labels={None: "no"},
            short="ends {}",
            shorts={None: "all epochs"},
        ),
    ] = None
    best_by: Annotated[
        str | None,
        Choice(
            title="Weights kept",
            group="training",
            labels={
                None: "of the last epoch",
                "val_loss": "of the epoch with the lowest validation loss",
            },
            shorts={None: "last epoch", "val_loss": "best epoch"},
        ),
    ] = None
    weights: Annotated[
        str,
        Weights(
            title="Weights to start from",
            group="training",
            labels=WEIGHTS_NAMES,
            short="from {}",
            shorts={"random": "random start"},
            flags=("--weights",),
            help="Pretrained weights, random ones, or an .h5 file in Keras' layout.",
        ),
    ] = "random"
    weights_digest: str = ""
    trained_stages: Annotated[
        int | None,
        Number(
            title="Stages that train",
            group="training",
            bounds=(0, 4),
            start=1,
            transfer=True,
            switch="Train only the last stages of the pretrained network",
            labels={None: "as the model has it", 0: "none, only the head"},
            short="last {} stages train",
            shorts={
                None: "trained as the model has it",
                0: "only the head trains",
                1: "last stage trains",
            },
            flags=("--stages",),
            help="A stage ends where the image is halved. The stages before stay as they were "
            "pretrained; without augmentation their output is computed once. 0 trains the head alone.",
        ),
    ] = None
    head_epochs: Annotated[
        int | None,
        Number(
            title="Epochs of the head alone",
            group="training",
            bounds=(1, 100),
            start=5,
            transfer=True,
            switch="Train the head first",
            labels={None: "none"},
            short="head first ({} epochs)",
            shorts={None: "all at once"},
            flags=("--head-epochs",),
            help="They come before the others, with the whole pretrained network as it was, so that "
            "a random head doesn't spoil it. The learning rate is theirs.",
        ),
    ] = None
    fine_tuning_rate: Annotated[
        float,
        Number(
            title="Learning rate after the head's epochs",
            group="training",
            bounds=(1e-7, 1.0),
            format="%.1e",
            start=1e-5,
            requires="head_epochs",
            transfer=True,
            short="then lr {}",
            flags=("--fine-tuning-lr",),
            help="For the pretrained network and the head together; lower than the first.",
        ),
    ] = 1e-5
    label_smoothing: Annotated[
        float,
        Number(
            title="Label smoothing",
            group="training",
            bounds=(0.0, 0.3),
            step=0.05,
            slider=True,
            flags=("--label-smoothing",),
            help="The share of each label that is spread over all classes. Probabilities become "
            "less extreme.",
        ),
    ] = 0.0
    seed: Annotated[
        int,
        Number(
            title="Seed",
            group="training",
            bounds=(0, 2**31 - 1),
            flags=("--seed",),
            help="The same seed and the same split give the same result.",
        ),
    ] = 42
    region: Annotated[
        str,
        Choice(
            title="Region",
            group="what the model sees",
            labels=REGION_NAMES,
            shorts={
                "none": "whole picture",
                "lungs": "lungs only",
                "lungs-crop": "cropped to the lungs",
                "lungs-erased": "lungs erased",
                "border": "border only",
            },
            flags=("--region", "--mask"),
            help="The part of the image that the model sees. All but the whole picture need lung "
            "masks; where a dataset has none they are estimated.",
        ),
        Field(validation_alias=AliasChoices("region", "arm")),  # "arm" in version 0.4
    ] = "none"
    lung_masks: Annotated[
        str,
        Choice(
            title="Lung masks",
            group="what the model sees",
            labels=MASK_NAMES,
            shorts={
                "given": "given masks",
                "completed": "given and estimated masks",
                "estimated": "estimated masks",
            },
            flags=("--lung-masks",),
            help="Where the masks of a region come from. A film without one is left out.",
        ),
    ] = "given"
    max_brisque: Annotated[
        float | None,
        Number(
            title="Highest BRISQUE score",
            group="what the model sees",
            bounds=(0.0, 200.0),
            step=1.0,
            start=70.0,
            switch="Leave out poor images",
            labels={None: "none"},
            short="BRISQUE up to {}",
            shorts={None: "any BRISQUE"},
            flags=("--max-brisque",),
            help="Images that score higher are left out. Lower is better; the score is measured "
            "on the pixels that the model sees. The Quality page shows what a limit removes.",
        ),
    ] = None
    augmentation: Annotated[
        str,
        Choice(
            title="Augmentation",
            group="what the model sees",
            labels={
                "none": "None",
                "published": "As published",
                "strong": "Strong: turned, zoomed, shifted, brighter or darker",
            },
            shorts={
                "none": "no augmentation",
                "published": "published augmentation",
                "strong": "strong augmentation",
            },
            flags=("--augment",),
            help="Training images are changed a little in every epoch, so that the model learns "
            "what stays the same. Validation and test images never are.",
        ),
    ] = "none"
    class_weights: Annotated[
        str,
        Choice(  # balanced: n / (classes * n of class)
            title="Rare classes count more",
            group="balance",
            labels={"none": "no", "balanced": "yes"},
            shorts={"none": "classes as they are", "balanced": "rare classes count more"},
            flags=("--class-weights",),
            help="With balanced weights every class counts the same in the loss, however few "
            "images it has.",
        ),
    ] = "none"
    favoured_class: Annotated[
        str | None,
        ClassChoice(
            title="Class not to miss",
            group="balance",
            labels={None: "No class in particular"},
            short="favours {}",
            shorts={None: "favours no class"},
            flags=("--favour",),
            help="Its images count more, so that fewer of them are missed, at the cost of more "
            "false alarms.",
        ),
    ] = None
    favoured_weight: Annotated[
        float,
        Number(
            title="Its images count",
            group="balance",
            bounds=(1.0, 20.0),
            unit="times",
            step=0.5,
            slider=True,
            start=3.0,
            requires="favoured_class",
            labels={1.0: "once"},
            short="counted {}",
            flags=("--favour-weight",),
            help="How many times an image of that class counts.",
        ),
    ] = 1.0

    @classmethod
    def options(cls) -> dict[str, Option]:
        """The fields that decide weights and can be changed, with their records."""
        return {
            name: record
            for name, field in cls.model_fields.items()
            for record in field.metadata
            if isinstance(record, Option)
        }

    def describe(self, field: str) -> str:
        """How the value of a field reads in a table or a sentence."""
        return self.options()[field].text(getattr(self, field))
