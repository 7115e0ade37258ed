"""Shared: a child process started bare, limited, and spoken to in frames. Knows nothing of the work."""
