"""The regions of an image that a model can be shown, and what each is called."""

REGION_NAMES = {
    "none": "Whole picture",
    "lungs": "Lungs only, black outside",
    "lungs-crop": "Cropped to the lungs",
    "lungs-erased": "Lungs erased (control)",
    "border": "Border only (control)",
}
