"""A TCP proxy in front of a database: it cuts the connection at the moment that hurts most."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from typing import Literal

When = Literal["before", "after"]


class Proxy:
    """Forwards to a server on this machine until told to cut.

    ``cut(b"COMMIT", "after")``: the next packet of a client that holds the words still reaches the server
    and is answered there, but the client never hears it. ``"before"``: it never reaches the server.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._cut: tuple[bytes, When] | None = None
        self._lock = threading.Lock()
        self.cuts = 0
        self._sockets: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut(self, words: bytes, when: When) -> None:
        """Cut the next connection that sends ``words``, once."""
        with self._lock:
            self._cut = (words, when)

    def close(self) -> None:
        """Stop listening and end every connection."""
        # Closing alone does not wake a thread that waits in accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            self._sockets += [client, server]
            threading.Thread(target=self._pump, args=(client, server), daemon=True).start()

    def _pump(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), client, server, selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ)
            ready.register(server, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    source = key.fileobj
                    assert isinstance(source, socket.socket)
                    data = source.recv(65536)
                    if not data:
                        return
                    when = self._hit(data) if source is client else None
                    if when == "before":
                        return
                    (server if source is client else client).sendall(data)
                    if when == "after":
                        server.recv(65536)
                        return

    def _hit(self, data: bytes) -> When | None:
        with self._lock:
            if self._cut is None or self._cut[0] not in data:
                return None
            when, self._cut = self._cut[1], None
            self.cuts += 1
            return when
