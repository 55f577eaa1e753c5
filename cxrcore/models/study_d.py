"""Study D: ResNet50V2 and Xception joined, five classes."""

from cxrcore.models.recipe import Recipe
from cxrcore.models.records import ClassReport, Reported

RECIPES = (
    Recipe(
        name="resnet50v2-xception",
        study="D",
        title="ResNet50V2 and Xception",
        description="Two large pretrained networks look at the image; their findings are joined.",
        network="resnet50v2-xception",
        min_size=71,
        image_size=224,
        batch_size=20,
        epochs=150,
        learning_rate=1e-4,
        weights="imagenet",
        augmentation="published",
        reported=Reported(
            accuracy=0.95,
            macro_f1=0.951,
            macro_precision=0.949,
            macro_recall=0.954,
            per_class=(
                ClassReport(name="COVID-19", recall=0.964, accuracy=0.96),
                ClassReport(name="Lung opacity", accuracy=0.94),
                ClassReport(name="Normal", accuracy=0.93),
                ClassReport(name="Tuberculosis", precision=0.982, recall=0.974, accuracy=0.97),
                ClassReport(name="Viral pneumonia", precision=0.989, accuracy=0.96),
            ),
            caveat=(
                "Reported on images of several sources, not split by patient, so that a class may "
                "be recognised by its source; how the accuracy of a class was counted is not said."
            ),
            timing="150 epochs; seconds are not stated",
        ),
        defects=(
            "Image size, optimiser, learning rate and the widths of the upper blocks are not "
            "stated; 224 pixels, Adam with 1e-4 and the widths of ResNet50's last stage are used.",
            "Its augmentation is called mild brightness and geometry without numbers; here it is "
            "rotation of up to 5 degrees, zoom and shift of up to 5 %, brightness of up to 10 %.",
        ),
        citation="Rahimzadeh and Attar 2020, doi 10.1016/j.imu.2020.100360",
        data="COVID-19, lung opacity, normal, tuberculosis, viral pneumonia, from several sources",
        class_names=("COVID-19", "Lung opacity", "Normal", "Tuberculosis", "Viral pneumonia"),
    ),
)
