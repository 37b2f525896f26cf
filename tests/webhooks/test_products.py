"""Every product that sends events, by its stand-in: the address is checked, and a new document is told of."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.sandbox import SandboxClient
from airflow_provider_docflow.systems.feishu.events import subscribe
from airflow_provider_docflow.webhooks.receiver import Receiver
from airflow_provider_docflow.webhooks.settings import Settings
from tests.contract.stands import Stand, known
from tests.waiting.waits import until
from tests.webhooks.serving import served
from tests.webhooks.test_profiles import SENDING

TOKEN, KEY = "tok123", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
WECHAT = {"callback_token": TOKEN, "callback_aes_key": KEY}


@dataclass(frozen=True)
class Push:
    """How events of a product are switched on.

    :param path: in the control plane of its stand-in.
    :param settings: what the connection needs beyond that.
    :param body: what is registered besides the address.
    """

    path: str
    settings: dict[str, str] = field(default_factory=dict)
    body: Callable[[Site], dict[str, Any]] = lambda site: {}


def _wechat(receiver: Callable[[Site], str]) -> Callable[[Site], dict[str, Any]]:
    return lambda site: {"token": TOKEN, "aes_key": KEY, "receive_id": receiver(site)}


LARK = {"encrypt_key": "encrypt-me", "verification_token": "verify-me"}
PUSHES = {
    "dingtalk": Push("dingtalk/callback", WECHAT, _wechat(lambda site: str(site.setting("corp_id")))),
    "wecom": Push("wecom/callback", WECHAT, _wechat(lambda site: site.username)),
    "feishu": Push("feishu/address", LARK, lambda site: {**LARK, "generation": 2}),
    "yonbip": Push("yonbip/callback"),
}


@pytest.fixture(params=SENDING)
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    """The product's stand of the contract."""
    factory = next(made for name, made, _ in known() if name == request.param and made is not None)
    with factory(request) as running:
        yield running


def _connected(stand: Stand, push: Push) -> tuple[Site, str]:
    """Return the stand's site with all that its events need, and the Airflow connection to it."""
    settings = {**stand.site.settings, **push.settings}
    told = {
        "conn_type": f"docflow_{stand.site.profile.name}",
        "host": stand.site.base_url,
        "login": stand.site.username,
        "password": stand.site.password,
        "extra": settings,
    }
    return replace(stand.site, settings=settings), json.dumps(told)


def test_a_new_document_is_told_of(stand: Stand, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    push = PUSHES[stand.site.profile.name]
    site, connection = _connected(stand, push)
    monkeypatch.setenv("AIRFLOW_CONN_SENDS", connection)
    ledger.instances.bind("sends", site.instance, site.profile.name)
    place = urlsplit(site.base_url or str(site.setting("api_url")))
    sandbox = SandboxClient(f"{place.scheme}://{place.netloc}")
    with served(Receiver(Settings(frozenset({"sends"})), now=time.time)) as url:
        sandbox.call("POST", push.path, {"url": f"{url}/sends", **push.body(site)})
        created = _create(stand, site)
        asyncio.run(until(lambda: created.internal_id in _told(ledger, site)))


def _create(stand: Stand, site: Site) -> DocumentRef:
    item = stand.item()
    assert stand.kind.create is not None
    with Door(site, tokens=stand.tokens) as door:
        if site.profile.name == "feishu":
            assert door.run(subscribe(site, stand.document_type))
        (written,) = door.run(stand.kind.create.run(site, [item]))
    assert not isinstance(written, Exception), written
    ref: DocumentRef = written.ref
    return ref


def _told(ledger: Ledger, site: Site) -> set[str]:
    """Return the documents of the site that came into the inbox, each of the type that was created."""
    events = ledger.inbox.take_unseen(0, source=site.instance)
    return {str(event.payload["internal_id"]) for event in events if event.payload["document_type"]}
