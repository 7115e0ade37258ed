"""gunicorn's threaded worker, made so that a slow or silent sender holds none of its threads for long."""

import contextlib
import errno
import socket
import ssl
import time
from typing import Any

from gunicorn import http
from gunicorn.http.unreader import SocketUnreader
from gunicorn.sock import ssl_wrap_socket
from gunicorn.workers import gthread

from server.web import pacing, tls_start

FIRST_BYTE_SECONDS = 0.02
SEND_SECONDS = 30.0
LINGER_SECONDS = 0.25
_BLOCK = 2**16


class _Unreader(SocketUnreader):  # type: ignore[misc]
    """Reads at its sender's pace."""

    def __init__(self, connection: socket.socket, pace: pacing.Pace) -> None:
        super().__init__(connection)
        self._pace = pace

    def chunk(self, size_hint: int | None = None) -> bytes:
        size = min(max(self.mxchunk, size_hint or 0), self.max_body_chunk)
        try:
            return self._pace.receive(self.sock, size)
        except TimeoutError:
            if self._pace.at_head:
                # There is no request yet that could be answered; gunicorn takes this for a sender that went away.
                raise ConnectionResetError(errno.ECONNRESET, "the head of the request did not come") from None
            raise


class _Connection(gthread.TConn):  # type: ignore[misc]
    initialized: bool
    sock: Any

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.pace = pacing.Pace()

    def init(self) -> None:
        if self.initialized:
            return
        if self.cfg.is_ssl:
            self.initialized = True
            self._begin_tls()
            self.parser = http.get_parser(self.cfg, self.sock, self.client)
        else:
            super().init()
        self.parser.unreader = _Unreader(self.sock, self.pace)

    def _begin_tls(self) -> None:
        """The original waits for the handshake as long as it takes. Who speaks plain http is told where to go."""
        try:
            if self.sock.recv(1, socket.MSG_PEEK) not in (b"", tls_start.HANDSHAKE):
                self.sock.sendall(tls_start.redirection(self.pace.receive(self.sock, tls_start.MOST)))
                raise ConnectionResetError(errno.ECONNRESET, "plain http, where https is spoken")
            self.sock = ssl_wrap_socket(self.sock, self.cfg)
            self.pace.shake_hands(self.sock)
        except TimeoutError:
            raise ConnectionResetError(errno.ECONNRESET, "the handshake did not come") from None
        except ssl.SSLError as error:
            # A browser that does not like the certificate, a scanner: nothing for the log.
            raise ConnectionResetError(errno.ECONNRESET, str(error)) from None

    def close(self, graceful: bool = False) -> None:
        """Without lingering: it is the one thread that accepts connections which does this."""
        super().close()


class Worker(gthread.ThreadWorker):  # type: ignore[misc]
    def accept(self, listener: Any) -> None:
        """As the original, but for the connection's class."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        self.enqueue_req(_Connection(self.cfg, client, address, listener.getsockname()))

    def handle(self, conn: _Connection) -> Any:
        """One request, in a thread of the pool."""
        if not conn.initialized and not conn.data_ready and not conn.wait_for_data(FIRST_BYTE_SECONDS):
            return gthread._DEFER
        conn.pace.begin(pacing.HEAD)
        try:
            go_on = super().handle(conn)
        finally:
            conn.pace.rest()
        if not go_on:
            _linger(conn.sock)
        return go_on

    def handle_request(self, req: Any, conn: _Connection) -> Any:
        conn.sock.settimeout(SEND_SECONDS)
        conn.pace.begin(pacing.MESSAGE)
        pacing.enter(conn.pace)
        try:
            return super().handle_request(req, conn)
        finally:
            pacing.enter(None)
            conn.pace.begin(pacing.REST)


def _linger(connection: socket.socket) -> None:
    """Let the answer arrive before the connection is reset for what was not read of the request (RFC 9112, 9.6)."""
    until = time.monotonic() + LINGER_SECONDS
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while (left := until - time.monotonic()) > 0:
            connection.settimeout(left)
            if not connection.recv(_BLOCK):
                return
