"""A callback receiver on 127.0.0.1, made of the standard library."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from airflow_provider_docflow.core.wechat_crypto import Envelope, WechatCrypto

TOKEN, KEY, RECEIVER = "tok123", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "dingsandboxcorp"


class Receiver:
    """Decrypts what comes and answers ``success``, or whatever ``answer`` says instead."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.answer = "success"
        self.status = 200
        self.crypto = WechatCrypto(TOKEN, KEY, RECEIVER)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._take(self)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/callback"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(handler.path).query).items()}
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        sealed = Envelope(body["encrypt"], query["signature"], query["timestamp"], query["nonce"])
        event = json.loads(self.crypto.decrypt(sealed))
        if event["EventType"] != "check_url":
            self.events.append(event)
        reply = self.crypto.encrypt(self.answer, timestamp=query["timestamp"], nonce="n0nce")
        content = json.dumps(
            {
                "msg_signature": reply.signature,
                "encrypt": reply.encrypt,
                "timeStamp": reply.timestamp,
                "nonce": reply.nonce,
            }
        ).encode()
        handler.send_response(self.status)
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def registration(self, **more: Any) -> dict[str, Any]:
        return {"url": self.url, "token": TOKEN, "aes_key": KEY, "receive_id": RECEIVER, **more}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
