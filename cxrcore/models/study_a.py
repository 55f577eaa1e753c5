"""Study A: ResNet50 on lung-masked X-rays, four classes."""

from cxrcore.models.recipe import Recipe
from cxrcore.models.records import ClassReport, Reported

RECIPES = (
    Recipe(
        name="resnet50-masked",
        study="A",
        title="ResNet50 on masked lungs",
        description="ImageNet ResNet50 with its last stage retrained, on the lungs only.",
        network="resnet50",
        image_size=200,
        batch_size=128,
        epochs=20,
        learning_rate=1e-3,
        weights="imagenet",
        region="lungs",
        max_brisque=70.0,
        best_by="val_loss",
        augmentation="published",
        reported=Reported(
            accuracy=0.846,
            loss=0.379,
            macro_f1=0.86,
            per_class=(
                ClassReport(
                    name="Bacterial pneumonia", precision=0.88, recall=0.80, f1=0.84, support=1405
                ),
                ClassReport(name="Healthy", precision=0.93, recall=0.95, f1=0.94, support=816),
                ClassReport(
                    name="Viral pneumonia", precision=0.69, recall=0.76, f1=0.73, support=734
                ),
                ClassReport(name="COVID-19", precision=0.87, recall=0.99, f1=0.92, support=223),
            ),
            n_test=3178,
            caveat=(
                "Reported on 3,178 lung-masked images, split by image and not by patient, "
                "after poor images were removed."
            ),
            timing=(
                "Masks about 4 h, applying them 50 min, resizing 15 min, BRISQUE 50 min; "
                "the training time is not stated."
            ),
        ),
        defects=(
            "A Rescaling layer is built and thrown away; ResNet50's own preprocessing is what "
            "the network receives, and that is kept here.",
            "The confusion matrix is drawn with its axes swapped; here rows are true classes.",
            "The split is by image, not by patient; here images of one patient stay together.",
            "The text removes images above the third quartile of the BRISQUE scores (62.43), the "
            "notebook scores of 70 and more (314 of 6,287 images); 70 is used here.",
            "The text trains for 40 epochs, the notebook for 20; 20 is used here, and the weights "
            "of the epoch with the lowest validation loss are kept, as published.",
        ),
        citation=(
            "ResNet50: He et al. 2016, arXiv:1512.03385; images: V7 Labs COVID-19 chest X-ray "
            "dataset"
        ),
        data="V7 Labs COVID-19 chest X-ray dataset, 6,504 images with polygon lung masks",
        class_names=("Bacterial pneumonia", "Healthy", "Viral pneumonia", "COVID-19"),
    ),
)
