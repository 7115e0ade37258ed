"""Serving the app by gunicorn: one process, many threads, a socket that may be inherited."""

import os
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from server.web.worker import Worker

_GRACEFUL_SECONDS = 5


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, make_app: Callable[[], Flask], options: dict[str, Any]) -> None:
        self._make_app = make_app
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._make_app()


def serve(make_app: Callable[[], Flask], listen: str, threads: int, pair: tuple[Path, Path] | None = None) -> None:
    """Serve until SIGTERM. `listen` is `host:port` or `fd://N`; the app is made in the process that uses it.

    `pair`: certificate and key, PEM files, of a grid that speaks https itself.
    """
    # gunicorn reads the command line unless there is none.
    sys.argv = sys.argv[:1]
    _Server(
        make_app,
        {
            "bind": listen,
            "worker_class": Worker,
            "workers": 1,
            "threads": threads,
            "worker_connections": 1000,
            "keepalive": 75,
            "timeout": 60,
            "graceful_timeout": _GRACEFUL_SECONDS,
            "limit_request_line": 4094,
            "control_socket_disable": True,
            "loglevel": "warning",
            "worker_tmp_dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,
            **(_tls_options(*pair) if pair else {}),
        },
    ).run()


def _tls_options(certificate: Path, key: Path) -> dict[str, Any]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    # Otherwise it would be made anew for every connection.
    return {"certfile": str(certificate), "keyfile": str(key), "ssl_context": lambda _config, _default: context}
