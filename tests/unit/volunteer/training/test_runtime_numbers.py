"""What a machine's own settings must not change about the numbers."""

from volunteer.training.runtime import keras, tf


def test_a_graphics_card_multiplies_with_all_digits_of_float32() -> None:
    assert not tf.config.experimental.tensor_float_32_execution_enabled()
    assert (keras.config.floatx(), keras.config.dtype_policy().name) == ("float32", "float32")
