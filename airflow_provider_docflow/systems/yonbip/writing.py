"""
Saving an order, once.

A save carries docflow's mark twice: as ``resubmitCheckKey`` and in a text field of the order
(``mark_field``). The platform documents the key so: within an hour a second save with it is answered with
the first one's result, afterwards with a code of its own and the order's id (10004 or 100004, its pages
differ); how long it remembers is not said. The key alone is therefore no proof. Before anything is sent
again the order is looked for by its mark, which finds every saved one, and what is then sent carries the
same key. Pages: "幂等性", "采购订单单个保存V2", "销售订单单个保存V2".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import about, dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.paging import one_by_one
from airflow_provider_docflow.core.profile import Probe, Write, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.systems.yonbip.errors import id_in
from airflow_provider_docflow.systems.yonbip.kinds import Kind, line_names, native_of, text_in
from airflow_provider_docflow.systems.yonbip.listing import finder
from airflow_provider_docflow.systems.yonbip.wire import api

KEY = "resubmitCheckKey"
SETTLE_SECONDS = 60.0
"""A save that the gateway gave up waiting for (310504) may still go on behind it."""


def creator(kind: Kind) -> Write:
    """Return the create of a type."""
    return Write(
        run=one_by_one(_saver(kind)),
        probe=Probe(quality="unique", settle_seconds=SETTLE_SECONDS),
        find=finder(kind),
    )


def _saver(kind: Kind) -> Callable[[Site, WriteItem], Exchange[Written]]:
    def save(site: Site, item: WriteItem) -> Exchange[Written]:
        number = (item.document.id if item.document else "") or item.reference
        with about(number):
            data = {KEY: item.mark, **native_of(site, kind, item)}
            answer = yield from api(site, "POST", kind.at(kind.save), body={"data": data}, writes=True)
            return _written(site, kind, item, answer)

    return save


def _written(site: Site, kind: Kind, item: WriteItem, answer: Any) -> Written:
    internal_id = id_in(answer)
    if not internal_id:
        raise exc.UnknownOutcome("the system answers a save without the order's id.", system=site.conn_id)
    assert item.document is not None
    data = dig(answer, "data")
    ref = DocumentRef(site.known_instance, "", kind.document_type, internal_id, text_in(data, "code"))
    names = line_names(item.document, dig(data, kind.lines) or [])
    return Written(ref=ref, detail={"lines": names} if names else {})
