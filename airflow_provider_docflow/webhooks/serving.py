"""Serving the addresses alone, in a process that may be exposed."""

from __future__ import annotations

import uvicorn

from airflow_provider_docflow.webhooks.app import create_app
from airflow_provider_docflow.webhooks.receiver import Receiver

MOST_CONNECTIONS = 256


def server(receiver: Receiver) -> uvicorn.Server:
    """Return a server to be run on a socket; its log names no address that was called.

    What a reverse proxy says of the peer is not believed: anybody could say it.
    """
    return uvicorn.Server(
        uvicorn.Config(
            create_app(receiver),
            interface="asgi3",
            lifespan="off",
            ws="none",
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=5,
        )
    )
