"""Our own: a small network of today's make, trained from scratch where there is no GPU."""

from cxrcore.models.recipe import Recipe
from cxrcore.models.records import Plateau, Reported, Stopping

RECIPES = (
    Recipe(
        name="compact",
        study="ours",
        title="Compact residual CNN",
        description="A small modern network with strong augmentation; minutes on two cores.",
        network="compact",
        image_size=160,
        batch_size=32,
        epochs=60,
        learning_rate=1e-3,
        plateau=Plateau(monitor="val_loss", factor=0.3, patience=5, mode="min"),
        best_by="val_loss",
        stopping=Stopping(monitor="val_loss", min_delta=0.0, patience=14),
        augmentation="strong",
        label_smoothing=0.1,
        reported=Reported(caveat="There is no published figure: this recipe is ours."),
        citation="Residual blocks: He et al. 2015, arXiv:1512.03385, and 2018, arXiv:1812.01187",
        data="made on the 3-class set of Ozturk et al. 2020 (1,125 images), by its first fold alone",
        class_names=("COVID-19", "No findings", "Pneumonia"),
    ),
)
