"""A gateway in front of an HTTP server: what a gateway can do wrong it does, once, to a request that fits."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_END_TO_END = ("Authorization", "Accept", "Accept-Encoding", "Content-Type", "X-Tryton-Context")


@dataclass(frozen=True)
class Reply:
    """What the server behind answered."""

    status: int
    headers: dict[str, str]
    body: bytes


class Gateway:
    """Forwards to ``target`` and keeps a log of what it forwarded.

    :param target: base URL of the server behind.
    """

    def __init__(self, target: str) -> None:
        self.host = urlsplit(target).netloc
        self.log: list[tuple[str, str, bytes]] = []
        self._fault: tuple[bytes, str, float] | None = None
        self._lock = threading.Lock()
        self._late: list[threading.Thread] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def put(self, words: bytes, fault: str, seconds: float = 0.0) -> None:
        """Do ``fault`` to the next request whose body holds ``words``."""
        with self._lock:
            self._fault = (words, fault, seconds)

    def calm(self) -> None:
        """Take the fault out of force."""
        with self._lock:
            self._fault = None

    def settle(self) -> None:
        """Wait until everything late is done."""
        while self._late:
            self._late.pop().join()

    def close(self) -> None:
        """Stop serving."""
        self.settle()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def taken(self, body: bytes) -> tuple[str, float]:
        """Return the fault that hits a request, at most once."""
        with self._lock:
            if self._fault is None or self._fault[0] not in body:
                return "", 0.0
            (_, fault, seconds), self._fault = self._fault, None
            return fault, seconds

    def forward(self, method: str, path: str, headers: Any, body: bytes) -> Reply:
        """Ask the server behind."""
        connection = http.client.HTTPConnection(self.host, timeout=120)
        try:
            passed = {name: headers[name] for name in _END_TO_END if headers[name]}
            connection.request(method, path, body or None, passed)
            reply = connection.getresponse()
            kept = {
                name: value for name in ("Content-Type", "Content-Encoding") if (value := reply.headers[name])
            }
            return Reply(reply.status, kept, reply.read())
        finally:
            connection.close()

    def later(self, seconds: float, work: Callable[[], object]) -> None:
        """Do ``work`` after ``seconds``."""
        timer = threading.Timer(seconds, work)
        timer.start()
        self._late.append(timer)


def _handler(gateway: Gateway) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"gateway": gateway})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gateway: Gateway

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.gateway.log.append((self.command, self.path, body))
        fault, seconds = self.gateway.taken(body)

        def ask() -> Reply:
            return self.gateway.forward(self.command, self.path, self.headers, body)

        if fault in ("cut", "reply_lost"):
            self.close_connection = True
        if fault == "late_commit":
            self.gateway.later(seconds, ask)
        if fault in _UNASKED:
            reply = _UNASKED[fault]
            if fault == "rate_limited" and seconds:
                reply = Reply(reply.status, {"Retry-After": f"{seconds:g}"}, b"")
        else:
            reply = _spoilt(ask(), fault)
        if fault not in ("cut", "reply_lost"):
            self._answer(reply)

    def _answer(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)


_FAILED = Reply(500, {"Content-Type": "text/html"}, b"<h1>Internal Server Error</h1>")
_UNASKED = {
    "cut": Reply(0, {}, b""),
    "late_commit": Reply(504, {}, b""),
    "error_before": _FAILED,
    "rate_limited": Reply(429, {}, b""),
}


def _spoilt(reply: Reply, fault: str) -> Reply:
    if fault == "error_after":
        return _FAILED
    if fault == "malformed":
        return Reply(reply.status, reply.headers, reply.body[: len(reply.body) // 2])
    return reply
