"""The regions of an image that a model can be shown, and where their lung masks come from."""

REGION_NAMES = {
    "none": "Whole picture",
    "lungs": "Lungs only, black outside",
    "lungs-crop": "Cropped to the lungs",
    "lungs-erased": "Lungs erased (control)",
    "border": "Border only (control)",
}

MASK_NAMES = {
    "given": "The dataset's own",
    "completed": "The dataset's own, estimated where a film has none",
    "estimated": "Estimated for every film",
}
