"""The machine: its device and precision, library versions, memory."""

import contextlib
import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from cxrcore import files, settings
from cxrcore.errors import StoreError, TrainingError

_TRIALS = 8  # of each precision
_CPUINFO = Path("/proc/cpuinfo")  # absent on macOS and Windows
_LIBRARIES = ("cxrcore", "tensorflow", "keras", "numpy", "scikit-learn", "opencv-python-headless")


def best_precision() -> str:
    """ "mixed_bfloat16" where this machine computes faster with it, else "float32".

    CXR_PRECISION decides where it is set. A GPU is faster with it. A CPU with bfloat16 instructions
    is measured once, for about a second (docs/decisions/0004); others emulate it.
    """
    if (chosen := settings.precision()) is not None:
        return chosen
    if _gpus():
        return "mixed_bfloat16"
    if not cpu_has_bfloat16(_cpuinfo()):
        return "float32"
    return "mixed_bfloat16" if _bfloat16_gain() > 1 else "float32"


def cpu_has_bfloat16(cpuinfo: str) -> bool:
    """Whether a text like Linux' /proc/cpuinfo names bfloat16 instructions."""
    flags = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


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
    """Import TensorFlow and Keras with few log messages and without scikit-learn.

    TensorFlow's log level cannot be changed afterwards. Keras would import scikit-learn for wrappers
    that nobody uses here: 60 MB and a quarter of the time.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    unwanted = "sklearn" not in sys.modules
    if unwanted:
        sys.modules["sklearn"] = None  # type: ignore[assignment]  # for `import`: it is not there
    try:
        # Whatever the log level, it says that there is no GPU.
        with files.without_stderr():
            import keras  # noqa: F401
            import tensorflow

            tensorflow.config.list_physical_devices()  # looks for a GPU, and complains, now
    finally:
        if unwanted:
            del sys.modules["sklearn"]


@contextlib.contextmanager
def precision_policy(name: str) -> Iterator[None]:
    """Build layers with this Keras policy inside the block, then restore the previous one."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextlib.contextmanager
def explain_memory_errors(batch_size: int, image_size: int) -> Iterator[None]:
    """Turn running out of memory inside the block into an error with advice.

    Raises:
        TrainingError: the memory of the machine or its GPU was not enough.
    """
    import tensorflow as tf

    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise TrainingError(
            f"There is not enough memory for batches of {batch_size} images of {image_size} px. "
            "Choose a smaller batch size or image size, or close other programs. "
            "Completed epochs are kept."
        ) from error


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


def _bfloat16_gain() -> float:
    """Speed of bfloat16 relative to float32; measured once per machine."""
    known_file = settings.data_dir() / "machine.json"
    key = f"{device()}, TensorFlow {importlib.metadata.version('tensorflow')}"
    known: dict[str, float] = {}
    # A damaged or missing file only costs a second.
    with contextlib.suppress(StoreError):
        found = files.read_json(known_file)
        if isinstance(found, dict):
            known = {name: gain for name, gain in found.items() if isinstance(gain, float)}
    if key not in known:
        known[key] = round(_measure_gain(), 3)
        files.write_json(known_file, known)
    return known[key]


def _measure_gain() -> float:
    """Seconds in float32 over seconds in bfloat16, of one convolution and its gradients."""
    import tensorflow as tf

    def stepper(dtype: tf.DType) -> Callable[[], float]:
        x = tf.cast(tf.random.stateless_normal((8, 48, 48, 64), (0, 1)), dtype)
        kernel = tf.cast(tf.random.stateless_normal((3, 3, 64, 64), (0, 2)), dtype)

        @tf.function(autograph=False)
        def step() -> tf.Tensor:
            with tf.GradientTape() as tape:
                tape.watch((x, kernel))
                y = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME"))
                loss = tf.reduce_sum(tf.cast(tf.nn.max_pool2d(y, 2, 2, "VALID"), tf.float32))
            gradients = tape.gradient(loss, (x, kernel))
            return loss + sum(tf.cast(g[0, 0, 0, 0], tf.float32) for g in gradients)

        def seconds() -> float:
            start = time.perf_counter()
            float(step())
            return time.perf_counter() - start

        return seconds

    single, half = stepper(tf.float32), stepper(tf.bfloat16)
    single(), half()  # the first call traces
    # Alternating, and the fastest of each: other work on the machine disturbs both alike.
    times = [(single(), half()) for _ in range(_TRIALS)]
    return min(one for one, _ in times) / min(two for _, two in times)


def _gpus() -> list[object]:
    import tensorflow as tf

    return tf.config.list_physical_devices("GPU")


def _cpuinfo() -> str:
    try:
        return _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
