"""Serving the addresses alone, in a process that may be exposed."""

from __future__ import annotations

import asyncio

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from airflow_provider_docflow.webhooks.app import create_app
from airflow_provider_docflow.webhooks.rates import peer_of
from airflow_provider_docflow.webhooks.receiver import Receiver

MOST_CONNECTIONS, MOST_OF_PEER = 256, 64
"""Connections at once; the second of one peer."""

HEAD_SECONDS = 5.0
"""A connection on which no request began for so long is closed."""

LARGEST_HEAD = 16 * 1024


class Line(H11Protocol):
    """One connection of a server in the open: it is held only by whoever asks for something.

    The server itself waits for ever for the first request, and for the end of a head. Its other protocol
    takes heads of any size.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, or refuse to."""
        super().connection_made(transport)
        self._seen = self.cycle
        self._timer = self.loop.call_later(HEAD_SECONDS, self._look)
        if (
            sum(self._peer == other._peer for other in self.connections if isinstance(other, Line))
            > MOST_OF_PEER
        ):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._timer.cancel()
        super().connection_lost(exc)

    @property
    def _peer(self) -> str:
        return peer_of(self.client[0]) if self.client else ""

    def _look(self) -> None:
        answered = self.cycle is None or self.cycle.response_complete
        if answered and self.cycle is self._seen:
            self.transport.abort()
            return
        self._seen = self.cycle
        self._timer = self.loop.call_later(HEAD_SECONDS, self._look)


def server(receiver: Receiver) -> uvicorn.Server:
    """Return a server to be run on a socket; its log names no address that was called.

    What a reverse proxy says of the peer is not believed: anybody could say it. Of what strangers get wrong
    nothing is logged, since they may do it as often as they like.
    """
    return uvicorn.Server(
        uvicorn.Config(
            create_app(receiver),
            http=Line,
            interface="asgi3",
            lifespan="off",
            ws="none",
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=5,
            h11_max_incomplete_event_size=LARGEST_HEAD,
        )
    )
