"""A thin client for scripts and notebooks: submit, watch, download. Knows the wire protocol and nothing else."""

from requestor.errors import RequestorError
from requestor.grid import Grid
from requestor.history import History
from requestor.project import ProjectHandle

__all__ = ["Grid", "History", "ProjectHandle", "RequestorError"]
