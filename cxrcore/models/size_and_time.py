"""The first fields of a recipe: those that decide most how long a training takes."""

from typing import Annotated

from cxrcore.models.fields import Number
from cxrcore.models.records import Frozen


class SizeAndTime(Frozen):
    """What stands at the top of the form; see `Hyperparameters`."""

    image_size: Annotated[
        int,
        Number(
            title="Image side",
            group="size and time",
            bounds=(32, 512),  # a network may need more: min_size
            unit="px",
            step=8,
            short="{}",
            flags=("--size",),
            help="Larger images show more and take longer.",
        ),
    ]
    epochs: Annotated[
        int,
        Number(
            title="Epochs",
            group="size and time",
            bounds=(1, 500),
            short="{} epochs",
            flags=("--epochs",),
            help="How often the model goes through the training images, at most.",
        ),
    ]
    batch_size: Annotated[
        int,
        Number(
            title="Batch size",
            group="size and time",
            bounds=(1, 512),
            short="batches of {}",
            flags=("--batch",),
            help="How many images a step learns from.",
        ),
    ]
    learning_rate: Annotated[
        float,
        Number(
            title="Learning rate",
            group="size and time",
            bounds=(1e-7, 1.0),
            format="%.1e",
            short="lr {}",
            flags=("--lr",),
            help="How far a step changes the weights.",
        ),
    ]
