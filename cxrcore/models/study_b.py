"""Study B: three plain CNNs and CheXNet, three classes; and our probe of the same CheXNet."""

from typing import Any

from cxrcore.models.recipe import Recipe
from cxrcore.models.records import ClassReport, Plateau, Reported

_VALIDATION_IS_TEST = (
    "The study validated on its test images and chose the learning rate by them, so its "
    "figures are optimistic; here validation images are held out of the training images."
)
_RATE_VANISHES = (
    "The learning rate has no floor and falls to 1e-16 by epoch 50; from about epoch 12 on "
    "nothing changes."
)
_CAVEAT = "Reported on 778 test images that were also used for validation."
_CNN_TIMING = "55-62 ms a step of 32 images on a Colab GPU"

_CLASSES = ("COVID", "Normal", "Viral pneumonia")
_SHARED: dict[str, Any] = {
    "image_size": 192,
    "batch_size": 32,
    "epochs": 50,
    "learning_rate": 1e-3,
    "data": (
        "COVID-19 Radiography Database, 2021-03 subset: 1,200 COVID, 1,341 normal, "
        "1,345 viral pneumonia"
    ),
    "class_names": _CLASSES,
}
_PUBLISHED: dict[str, Any] = {
    **_SHARED,
    "study": "B",
    "plateau": Plateau(monitor="val_accuracy", factor=0.1, patience=3, mode="max"),
}
_CITATION = "Images: COVID-19 Radiography Database"
_CHEXNET_CITATION = (
    "CheXNet: Rajpurkar et al. 2017, arXiv:1711.05225; weights: CheXNet-Keras 0.3.0 by "
    "Bruce Chou (MIT licence); DenseNet: Huang et al. 2017, arXiv:1608.06993"
)
_INPUT_NOT_NORMALISED = (
    "The study divides pixels by 255 for every model, but the CheXNet weights were trained on "
    "images normalised by ImageNet's mean and deviation; here the network normalises."
)


def _of_all_test_images(**figures: Any) -> Reported:
    return Reported(n_test=778, caveat=_CAVEAT, **figures)


RECIPES = (
    Recipe(
        **_PUBLISHED,
        name="cnn-plain",
        title="Plain CNN",
        description="Four small convolutions and three dense layers, trained from scratch.",
        network="cnn-plain",
        reported=_of_all_test_images(accuracy=0.9781, loss=0.0712, timing=_CNN_TIMING),
        defects=(_VALIDATION_IS_TEST, _RATE_VANISHES),
        citation=_CITATION,
    ),
    Recipe(
        **_PUBLISHED,
        name="cnn-batchnorm",
        title="Plain CNN with batch normalisation",
        description="The plain CNN with a batch normalisation after every pooling.",
        network="cnn-batchnorm",
        reported=_of_all_test_images(accuracy=0.9717, loss=0.0927, timing=_CNN_TIMING),
        defects=(_VALIDATION_IS_TEST, _RATE_VANISHES),
        citation=_CITATION,
    ),
    Recipe(
        **_PUBLISHED,
        name="cnn-batchnorm-dropout",
        title="Plain CNN with batch normalisation and dropout",
        description="The same with dropout of 80 % after the first block: shown as a warning.",
        network="cnn-batchnorm-dropout",
        reported=_of_all_test_images(
            accuracy=0.7172,
            loss=2.377,
            per_class=(ClassReport(name="Normal", recall=0.28),),
            timing=_CNN_TIMING,
        ),
        defects=(
            _VALIDATION_IS_TEST,
            _RATE_VANISHES,
            "Dropout of 0.8 after the first normalisation removes most of what the network sees; "
            "it is kept, because it is what was published.",
            "The text puts the dropout of 0.2 after the last normalisation, the notebook after "
            "the third; the third is used here.",
        ),
        citation=_CITATION,
    ),
    Recipe(
        **_PUBLISHED,
        name="chexnet",
        title="CheXNet, retrained",
        description="DenseNet121 pretrained on 112,120 chest X-rays, every layer trained on.",
        network="chexnet",
        weights="chexnet",
        reported=_of_all_test_images(
            accuracy=0.9871,
            loss=0.0670,
            per_class=(
                ClassReport(name="COVID", f1=1.00),
                ClassReport(name="Normal", f1=0.99),
                ClassReport(name="Viral pneumonia", f1=0.98),
            ),
            timing="158 ms a step of 32 images on a Colab GPU",
        ),
        defects=(_VALIDATION_IS_TEST, _RATE_VANISHES, _INPUT_NOT_NORMALISED),
        citation=_CHEXNET_CITATION,
    ),
    Recipe(
        **_SHARED,
        name="chexnet-probe",
        study="ours",
        title="CheXNet, frozen",
        description="CheXNet's features as they are; only the last layer trains, in seconds.",
        network="chexnet-probe",
        features=True,
        weights="chexnet",
        best_by="val_loss",
        reported=Reported(caveat="There is no published figure: this recipe is ours."),
        defects=(
            "Its last layer reads the 1,024 averaged feature maps of DenseNet121, not the 14 "
            "findings that the retrained CheXNet reads: with the trunk frozen, 14 numbers an "
            "image are too few to tell the classes apart.",
            _INPUT_NOT_NORMALISED,
        ),
        citation=_CHEXNET_CITATION,
    ),
)
