"""What the demo asks of Airflow again and again, of a server that ends idle connections."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from scripts.demo_airflow import AirflowClient


class Forgetful(BaseHTTPRequestHandler):
    """Promises to keep a connection, and ends it when it is asked something else on it."""

    protocol_version = "HTTP/1.1"
    asked = False

    def do_GET(self) -> None:
        if self.asked:
            self.close_connection = True
            return
        self.asked = True
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Forgetful)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_connection_that_the_server_ends_when_it_is_used_again_is_not_used_again(address: str) -> None:
    airflow = AirflowClient(address, "admin", "secret")
    assert [airflow.call("GET", "dags") for _ in range(3)] == [{}] * 3
    airflow.client.close()
