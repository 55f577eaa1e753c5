"""Study E: a CNN of five blocks, three classes."""

from cxrcore.models.layers import plain
from cxrcore.models.recipe import Recipe
from cxrcore.models.records import Reported

ORDER = 3

NETWORKS = (
    plain.network(
        "cnn-five",
        plain.Plain(
            filters=(32, 64, 128, 64, 32),
            kernel=3,
            padding="valid",
            hidden=(512,),
            norm="before pooling",
            dropouts=(0.25, 0.25, 0.25, 0.25, 0.25),
            hidden_norm=True,
            hidden_dropout=0.5,
        ),
        min_size=94,  # five times (n - 2) // 2 must leave 1: 94, 46, 22, 10, 4, 1
        slow_means=True,
    ),
)

RECIPES = (
    Recipe(
        name="cnn-five",
        study="E",
        title="Five-block CNN",
        description="Five convolution blocks with normalisation and dropout, trained gently.",
        network="cnn-five",
        image_size=200,
        batch_size=32,
        epochs=25,
        learning_rate=1e-5,
        optimizer="rmsprop",
        reported=Reported(
            accuracy=0.93,
            macro_f1=0.93,
            n_test=689,
            caveat=(
                "Reported on 689 test images (89 COVID-19, 300 normal, 300 viral pneumonia), "
                "without validation images of its own and not split by patient; it does not "
                "state whether the F1 is a macro average."
            ),
            timing="25 epochs; seconds are not stated",
        ),
        defects=(
            "RMSprop with a rate of 1e-5 is stated for the cross-validated version only; it is "
            "used here.",
            "The batch size is not stated; Keras' default of 32 is used here.",
        ),
        citation="Published as code: a five-layer CNN saved by Keras 2.3.1, with saliency maps",
        data="700 training images (200 COVID-19, 250 viral, 250 normal) and 689 test images",
        class_names=("COVID-19", "Normal", "Viral Pneumonia"),
    ),
)
