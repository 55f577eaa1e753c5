"""Event files of TensorBoard, read by TensorFlow."""

from collections import defaultdict
from pathlib import Path


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """(step, value) by name, of all event files in the order in which TensorBoard reads them."""
    import tensorflow as tf

    found = defaultdict(list)
    for path in sorted(folder.glob("*tfevents*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    found[value.tag].append((event.step, value.simple_value))
    return dict(found)
