"""What this machine has, and what a training takes of it."""

import contextlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from cxrcore.errors import TrainingError

_CPUINFO = Path("/proc/cpuinfo")  # absent on macOS and Windows
_NICENESS = 5  # below the dashboard and everything else a person is looking at
_LIBRARIES = ("cxrcore", "tensorflow", "keras", "numpy", "scikit-learn", "opencv-python-headless")


def best_precision() -> str:
    """ "mixed_bfloat16" where the hardware computes with bfloat16, else "float32".

    That is: a GPU, or a CPU with avx512_bf16 or amx, where plain CNNs train
    two to three times faster. Elsewhere bfloat16 is emulated and slower.
    """
    return "mixed_bfloat16" if _gpus() or cpu_has_bfloat16(_cpuinfo()) else "float32"


def cpu_has_bfloat16(cpuinfo: str) -> bool:
    """Whether a text like Linux' /proc/cpuinfo names bfloat16 instructions."""
    flags = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "").split()
    return any(flag == "avx512_bf16" or flag == "amx_bf16" for flag in flags)


def device() -> str:
    """The device that trains, for people: "GPU: …" or "CPU: …, 2 cores"."""
    if gpus := _gpus():
        import tensorflow as tf

        details = tf.config.experimental.get_device_details(gpus[0])
        return f"GPU: {details.get('device_name', 'unknown')}"
    named = (line for line in _cpuinfo().splitlines() if line.startswith("model name"))
    model = next(named, "").partition(":")[2].strip() or platform.processor() or platform.machine()
    return f"CPU: {model}, {os.cpu_count()} cores"


def has_gpu() -> bool:
    """Whether TensorFlow can use a GPU."""
    return bool(_gpus())


def start_tensorflow() -> None:
    """Import TensorFlow without its chatter; once it is imported nothing can be said to it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow  # noqa: F401


@contextlib.contextmanager
def precision_policy(name: str) -> Iterator[None]:
    """Build layers with this Keras policy inside the block; the one before comes back."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextlib.contextmanager
def memory_explained(batch_size: int, image_size: int) -> Iterator[None]:
    """Turn running out of memory inside the block into advice.

    Raises:
        TrainingError: the memory of the machine or its GPU was not enough.
    """
    import tensorflow as tf

    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise TrainingError(
            f"The memory is not enough for batches of {batch_size} images of {image_size} px. "
            "Choose a smaller batch size or image size, or close other programs. "
            "The epochs that are done are kept."
        ) from error


def lower_priority() -> None:
    """Let everything else on the machine go first; asking again changes nothing."""
    if hasattr(os, "nice"):  # not on Windows
        os.nice(max(0, _NICENESS - os.nice(0)))


def peak_memory_mb() -> float:
    """The most memory this process ever held, in MB of 10^6 bytes."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that weights and numbers depend on."""
    from cxrcore import __version__

    found = {"python": platform.python_version(), "cxrcore": __version__}
    for name in _LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.setdefault(name, importlib.metadata.version(name))
    return found


def _gpus() -> list[object]:
    import tensorflow as tf

    return tf.config.list_physical_devices("GPU")


def _cpuinfo() -> str:
    try:
        return _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
