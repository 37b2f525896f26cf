"""A real Tryton behind a gateway that loses, delays and spoils what goes through it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef
from airflow_provider_docflow.hooks.doors import Door, LocalTokens
from airflow_provider_docflow.systems.tryton import PROFILE
from scripts.tryton_server import TrytonUnavailable
from tests.contract.gateway import Gateway
from tests.contract.sandboxed import of_goods
from tests.contract.stands import RETRY_AFTER, Factory, Stand, plain_document, says_the_same_lines
from tests.rigs.locks import missing
from tests.rigs.processes import ServerDied
from tests.rigs.tryton import TrytonRig

TYPE, MODEL = "purchase_order", "purchase.purchase"
MARKS = [pytest.mark.system]
_CREATE = b'"model.purchase.purchase.create"'


def _stand(*, rest: bool) -> Factory:
    @contextmanager
    def factory(request: pytest.FixtureRequest) -> Iterator[Stand]:
        rig = request.getfixturevalue("contract_tryton")
        gateway = Gateway(rig.base_url)
        try:
            yield _over(rig, gateway, _site(rig, gateway, rest=rest))
        finally:
            gateway.close()

    return factory


def started() -> TrytonRig:
    """Start the one server of all stands and modules."""
    try:
        rig = TrytonRig()
    except (TrytonUnavailable, ServerDied) as error:
        missing(f"no Tryton here: {error}")
    _furnish(rig)
    return rig


def _furnish(rig: TrytonRig) -> None:
    """Add the company of the contract's documents, and a product that nobody may buy."""
    (party,) = rig.rpc("model.party.party.create", [{"name": "Contract Works Ltd", "code": "C1"}])
    company = {"party": party, "currency": rig.seed["currencies"]["USD"]}
    made = rig.rpc("model.company.company.create", [company])
    for login in ("admin", "buyer"):
        rig.rpc("model.res.user.write", [rig.users[login]["id"]], {"companies": [["add", made]]})
    (product,) = rig.find("product.product", [["code", "=", "P-119"]], ["template"])
    rig.rpc("model.product.template.write", [product["template"]], {"purchasable": False})


def _site(rig: TrytonRig, gateway: Gateway, *, rest: bool) -> Site:
    user = rig.users["buyer"]
    site = Site(
        profile=PROFILE,
        conn_id="erp_conn",
        base_url=gateway.base_url,
        username="buyer",
        password=user["password"],
        database=rig.db,
        # Loading certificates for a client costs more than most of its requests, and nothing is encrypted.
        settings={"verify_tls": False, **({"api_key": user["key"]} if rest else {})},
    )
    with Door(site) as door:
        return replace(site, instance=door.run(PROFILE.instance(site)))


def _over(rig: TrytonRig, gateway: Gateway, site: Site) -> Stand:
    rest = "api_key" in site.settings

    def count(item: WriteItem) -> int:
        return len(rig.find(MODEL, [["reference", "like", f"%{item.mark}%"]], ["id"]))

    def edit(ref: DocumentRef) -> None:
        rig.rpc(f"model.{MODEL}.write", [int(ref.internal_id)], {"comment": "changed by a person"})

    def expire() -> None:
        # Tryton ends the sessions of a user whose password is written, be it the same one.
        user = rig.users["buyer"]
        rig.rpc("model.res.user.write", [user["id"]], {"password": user["password"]})

    faults = _faults(gateway)
    # The write itself never goes under the key; what looks for a lost one does.
    tried = ("reply_lost", "late_commit") if rest else tuple(faults)
    stand = Stand(
        site=site,
        document_type=TYPE,
        count=count,
        edit=edit,
        missing=DocumentRef(site.instance, "C1", TYPE, "99999999"),
        faults={fault: faults[fault] for fault in tried},
        without={
            fault: "tried without a key: the write is the same" for fault in faults if fault not in tried
        },
        bad=lambda: of_goods(stand.item(), "P-119"),
        calm=gateway.calm,
        wait=lambda seconds: gateway.settle(),
        settle=gateway.settle,
        log=lambda: [_line(*entry) for entry in gateway.log],
        forget=gateway.log.clear,
        mark_room=140,
        expire=None if rest else expire,
        logins=None if rest else lambda: sum(b'"common.db.login"' in body for _, _, body in gateway.log),
        lacks={"login": "small reads go under the key, without a login"} if rest else {},
        tokens=LocalTokens(),
        refused=replace(site, username="boss", password="wrong-word-77e1", settings={"verify_tls": False}),
        secrets=(site.password, rig.users["buyer"]["key"], "wrong-word-77e1"),
        actions={"submit": "submitted", "confirm": "active"},
        endings={"cancel": "cancelled"},
        spread=105,
        document=_document,
        same=says_the_same_lines,
    )
    return stand


def _document(number: str) -> Document:
    document = plain_document(TYPE, number, issue_date=date.today(), due_date=None)
    lines = tuple(line.model_copy(update={"unit_code": "Unit"}) for line in document.lines)
    return document.model_copy(update={"lines": lines})


def _faults(gateway: Gateway) -> dict[str, Callable[[], None]]:
    def put(fault: str, seconds: float = 0.0) -> Callable[[], None]:
        return lambda: gateway.put(_CREATE, fault, seconds)

    same = ("cut", "reply_lost", "error_before", "error_after", "rate_limited", "malformed")
    return {
        **{fault: put(fault) for fault in same},
        "rate_limited_with_retry_after": put("rate_limited", RETRY_AFTER),
        "late_commit": put("late_commit", 0.9),
    }


def _line(method: str, path: str, body: bytes) -> str:
    return f"{method} {path.partition('?')[0]} {json.loads(body)['method'] if body else ''}"


STANDS: dict[str, Any] = {"tryton": _stand(rest=False), "tryton with a key": _stand(rest=True)}
