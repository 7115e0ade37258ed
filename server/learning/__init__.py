"""TensorFlow on the server, in child processes: inspects models, steps the optimizer, evaluates."""
