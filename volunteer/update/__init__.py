"""Signed manifests: what version is on offer, whether it is genuine, and the file itself."""
