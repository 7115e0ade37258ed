"""The one door to TensorFlow and Keras.

Fixes what a machine's own configuration could change before they load.
"""

import os

# A keras.json in somebody's home may name another backend, dtype or image format; the grid's numbers must not
# depend on it.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # type: ignore[import-untyped,unused-ignore]
import tensorflow as tf  # type: ignore[import-untyped,unused-ignore]

keras.config.set_floatx("float32")
keras.config.set_epsilon(1e-7)
keras.config.set_image_data_format("channels_last")
keras.config.set_dtype_policy("float32")
# By default an NVIDIA card multiplies with ten bits of mantissa (TensorFloat-32). Beside a processor's result that
# would look like a lie.
tf.config.experimental.enable_tensor_float_32_execution(False)

__all__ = ["keras", "prepare", "tf"]


def prepare(threads: int | None) -> None:
    """Give the operations of this process `threads` threads (None: as many as there are processors).

    Has to come before the first operation; afterwards TensorFlow cannot change it, and a different number
    raises RuntimeError: another limit needs another process.
    """
    if threads is None:
        return
    if threads < 1:
        raise ValueError("at least one thread is needed")
    if tf.config.threading.get_intra_op_parallelism_threads() != threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    if tf.config.threading.get_inter_op_parallelism_threads() != 1:
        tf.config.threading.set_inter_op_parallelism_threads(1)
