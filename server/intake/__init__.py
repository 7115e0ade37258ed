"""Uploaded models and data, read as data in a bounded child by h5py and numpy. Runs nothing of a stranger's."""
