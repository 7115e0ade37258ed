"""Starts, feeds and kills the child process that computes. Knows no network; the parent never imports TensorFlow."""
