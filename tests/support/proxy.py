"""A proxy of our own: CONNECT for https, whole addresses for http. Whatever the name, it goes to this machine."""

import contextlib
import http.client
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Proxy:
    """`asked` holds what came by it, one line each. `refuses`: it answers everything with that status."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refuses = 0
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_arguments: object) -> None:
                pass

            def do_CONNECT(self) -> None:
                proxy.tunnel(self)

            def do_GET(self) -> None:
                proxy.forward(self)

            do_POST = do_PUT = do_GET

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def tunnel(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(f"CONNECT {handler.path}")
        if self.refuses:
            handler.send_error(self.refuses)
            return
        with socket.create_connection(("127.0.0.1", int(handler.path.rsplit(":", 1)[1]))) as far:
            handler.send_response(200)
            handler.end_headers()
            near = handler.connection
            up = threading.Thread(target=_carry, args=(near, far), daemon=True)
            up.start()
            _carry(far, near)
            up.join(5)
        handler.close_connection = True

    def forward(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(f"{handler.command} {handler.path}")
        if self.refuses:
            handler.send_error(self.refuses)
            return
        there = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        far = http.client.HTTPConnection("127.0.0.1", there.port or 80, timeout=10)
        far.request(handler.command, there.path, body, dict(handler.headers))
        answer = far.getresponse()
        data = answer.read()
        handler.send_response(answer.status)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)
        far.close()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(2**16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
