"""Networks in files from elsewhere as runs: recognised, tried on ten films, tested, kept with the file.

    found = model_files.import_model(Path("swin.onnx"), dataset, "Our Swin-T", ["COVID-19", "Normal"])
    found.run, found.trials

What a file does not tell and ten films do not show is asked, never guessed (docs/decisions/0058).
"""

from cxrcore.model_files.recognition import Trial
from cxrcore.model_files.run_record import Imported, import_model

__all__ = ["Imported", "Trial", "import_model"]
