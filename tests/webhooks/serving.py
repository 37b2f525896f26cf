"""The addresses behind a real server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_docflow.webhooks.receiver import Receiver
from airflow_provider_docflow.webhooks.serving import server


@contextmanager
def served(receiver: Receiver) -> Iterator[str]:
    """Serve; gives the beginning of every address."""
    running = server(receiver)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        thread = threading.Thread(target=running.run, args=([taken],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{taken.getsockname()[1]}/webhooks"
        finally:
            running.should_exit = True
            thread.join()
