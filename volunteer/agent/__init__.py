"""The loop of a host and its laws: what to do next, when to wait, when to stop. No HTTP, no TensorFlow."""
