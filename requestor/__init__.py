"""A thin client for scripts and notebooks: submit, watch, download. Knows the wire protocol and nothing else."""
