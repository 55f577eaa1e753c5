"""Study C: binary CNNs, COVID against the rest, for X-ray and for CT."""

from typing import Any

from cxrcore.models.recipe import Recipe
from cxrcore.models.records import ClassReport, Reported, Stopping

_POSITIVE = (
    "Labels were numbered alphabetically, so the study's precision and recall are those of "
    "Non-COVID, the opposite of its aim; here they are given for each class by name."
)
_SPLIT = "Reported on a fifth of the images, split by image and not by patient."
_CAVEAT = f"{_SPLIT} Its precision and recall are those of Non-COVID."
_TIMING = "413 s an epoch of 6,108 X-rays, 620 s of 5,155 CT slices, on a CPU"
_NOTHING_LEARNT = (
    "This is the share of one class: the notebook compiled a loss under which nothing is learnt."
)
_SHARED: dict[str, Any] = {
    "study": "C",
    "image_size": 224,
    "batch_size": 32,
    "epochs": 10,
    "learning_rate": 1e-3,
    "n_classes": 2,
    "citation": "Images: El-Shafai and Abd El-Samie 2020, doi 10.17632/8h65ywd2jr.3",
    "data": (
        "Extensive COVID-19 X-Ray and CT Chest Images Dataset: X-ray 4,044 COVID and 5,500 "
        "non-COVID, CT 5,427 and 2,628"
    ),
    "class_names": ("COVID", "Non-COVID"),
}


def _reported(
    accuracy: float,
    precision: float | None = None,
    recall: float | None = None,
    caveat: str = "",
    loss: float | None = None,
) -> Reported:
    """Figures on X-rays or on CT slices; precision and recall are those of Non-COVID."""
    of_class = ClassReport(name="Non-COVID", precision=precision, recall=recall)
    return Reported(
        accuracy=accuracy,
        loss=loss,
        per_class=() if precision is None else (of_class,),
        caveat=caveat or (_SPLIT if precision is None else _CAVEAT),
        timing=_TIMING,
    )


RECIPES = (
    Recipe(
        **_SHARED | {"batch_size": 64, "epochs": 50},
        name="binary-baseline",
        title="Binary CNN, baseline",
        description="Two convolutions and one small dense layer, for two classes.",
        network="binary-baseline",
        stopping=Stopping(monitor="accuracy", min_delta=1e-2, patience=5),
        min_size=16,
        reported=_reported(0.4301, caveat=_NOTHING_LEARNT),
        reported_ct=_reported(0.6574, caveat=_NOTHING_LEARNT),
        defects=(
            "The notebook compiled categorical cross-entropy on one output, whose loss is 0; "
            "binary cross-entropy, as in the text, is used here.",
            _POSITIVE,
        ),
    ),
    Recipe(
        **_SHARED,
        name="binary-pool",
        title="Binary CNN, three convolutions",
        description="Three convolutions and a dense layer of 64, for two classes.",
        network="binary-pool",
        min_size=16,
        reported=_reported(0.9083, 0.9360, 0.9007, loss=0.350),
        reported_ct=_reported(0.9174, loss=0.353),
        defects=(_POSITIVE,),
    ),
    Recipe(
        **_SHARED,
        name="binary-l2",
        title="Binary CNN with L2 penalty",
        description="The same with a penalty on large weights, for two classes.",
        network="binary-l2",
        min_size=16,
        reported=_reported(0.8397, 0.8641, 0.8529),
        reported_ct=_reported(0.8572, 0.7170, 0.9638),
        defects=(_POSITIVE,),
    ),
    Recipe(
        **_SHARED | {"epochs": 20},
        name="binary-deep",
        title="Binary CNN, four convolutions",
        description="Four convolutions pooled in pairs and two dense layers of 256, for two classes.",
        network="binary-deep",
        min_size=16,
        reported=Reported(caveat="The study describes this model but reports no figure."),
        defects=(
            "It stands in the text and not in the notebooks; the batch size and the learning "
            "rate are not stated, those of the other models are used.",
        ),
    ),
    Recipe(
        **_SHARED | {"learning_rate": 1e-2},
        name="binary-l2-lr01",
        title="Binary CNN with L2 penalty, learning rate 0.01",
        description="The penalised network with ten times the learning rate: shown as a warning.",
        network="binary-l2",
        min_size=16,
        reported=_reported(0.5699, caveat="It predicts one class for every X-ray."),
        reported_ct=_reported(
            0.9025,
            0.8895,
            0.8170,
            caveat=(
                "These are figures of the next model, which the printed cell evaluated: this "
                "one's own last epoch had collapsed to one class (validation accuracy 0.6796)."
            ),
        ),
        defects=(_POSITIVE,),
    ),
    Recipe(
        **_SHARED,
        name="binary-l2-64",
        title="Binary CNN with L2 penalty, wider",
        description="The penalised network with 64 filters at first, for two classes.",
        network="binary-l2-64",
        min_size=16,
        reported=_reported(0.8318, 0.8483, 0.8585),
        reported_ct=_reported(0.9025, 0.8895, 0.8170),
        defects=(_POSITIVE,),
    ),
)
