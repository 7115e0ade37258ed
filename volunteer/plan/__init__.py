"""Shared: what is to be computed, as data: allow-list, costs, shards, orders, seeds. Knows no TensorFlow."""
