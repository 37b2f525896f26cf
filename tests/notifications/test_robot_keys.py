"""Robots' keys, which stand in addresses: nowhere to be seen, whatever goes wrong."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from airflow_provider_docflow import systems
from airflow_provider_docflow.core.messages import Channel, Message
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.doors import Door

ROBOTS = [
    (name, kind)
    for name in systems.names()
    for kind, channel in systems.profile_of(name).channels.items()
    if not channel.needs_login
]
KEYS = ["3b1f-robots-key-of-the-group", "key with+more%than 字符", "key\r\nX-More: 1"]
SECRET = "SECrobots+secret%of the group"
WAYS = ["refuses", "fails", "denies", "chatters", "hangs up", "leads elsewhere", "is away"]


class Echo:
    """A server that repeats in its answer all that it was sent, in a way of going wrong."""

    def __init__(self) -> None:
        self.way, self.heard = "", 0
        echo = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                echo.heard += 1
                sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
                told = f"{self.requestline} {self.headers} {sent}"
                answer = json.dumps({"errcode": 40_001, "errmsg": told, "code": 19_001, "msg": told})
                status = {"fails": 500, "denies": 403, "leads elsewhere": 302}.get(echo.way, 200)
                if echo.way == "hangs up":
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Location", f"http://127.0.0.1:9{self.path}")
                self.end_headers()
                self.wfile.write((told if echo.way == "chatters" else answer).encode())

            def log_message(self, *words: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.server.shutdown()
    made.server.server_close()


def _robot(name: str, kind: str, key: str, url: str) -> tuple[Site, Channel]:
    profile = systems.profile_of(name)
    channel = profile.channels[kind]
    addresses = {field: url for field in profile.conn_fields if field.endswith("_url")}
    settings = {**addresses, "robot_token": key, "robot_key": key, "robot_secret": SECRET}
    declared = {field: value for field, value in settings.items() if field in profile.conn_fields}
    return Site(profile=profile, conn_id="group", base_url=url, settings=declared), channel


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "kind"), ROBOTS)
def test_a_key_is_shown_nowhere(
    name: str, kind: str, way: str, key: str, echo: Echo, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo.way, echo.heard = way, 0
    port = 9 if way == "is away" else echo.server.server_port
    site, channel = _robot(name, kind, key, f"http://127.0.0.1:{port}")
    with pytest.raises(Exception) as caught, Door(site) as door:
        door.run(channel.send(site, Message(receiver="", text="PR-1", title="Purchases")))
    error = caught.value
    if key == KEYS[0] and way != "is away":
        assert echo.heard
    told = [*traceback.format_exception(error), repr(error), repr(vars(error)), repr(site), caplog.text]
    told.append(channel.target(replace(site, instance="x")))
    for secret in (key, SECRET):
        for form in {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}:
            assert [text for text in told if form in text] == [], form


def test_every_product_with_a_robot_is_asked() -> None:
    assert {name for name, _ in ROBOTS} >= {"dingtalk", "wecom", "feishu"}
