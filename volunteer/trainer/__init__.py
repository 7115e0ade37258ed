"""Starts, feeds and kills the child process that computes. The parent side never imports TensorFlow; knows no network."""
