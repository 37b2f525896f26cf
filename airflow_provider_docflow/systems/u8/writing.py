"""
Adding a voucher, once, and what is done to it afterwards.

An add carries docflow's mark twice: as ``biz_id``, the caller's own key, which U8 wants to stand for one
voucher (never together with a trade id), and in the voucher's remark, by which it is found again. That a
second add with one ``biz_id`` is answered with the first voucher is told by third parties alone, so it is
no proof by itself: before anything is sent again the voucher is looked for. Of sales orders nobody shows a
search in remarks; there the promise is at most once and otherwise an incident.

By default U8 only takes an add and names an address where its result will be (``sync=0``). Until that says
so, nothing is known: an add whose result does not come is an unknown outcome. Pages: "purchaseorder/add",
"pay/add", "materialout/audit".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import about, call
from airflow_provider_docflow.core.exchange import Exchange, Pause
from airflow_provider_docflow.core.paging import one_by_one
from airflow_provider_docflow.core.profile import Probe, Reading, Write, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.unsaid import refuse_unsaid
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.systems.u8.objects import Voucher
from airflow_provider_docflow.systems.u8.reading import finder, remark_of
from airflow_provider_docflow.systems.u8.values import text
from airflow_provider_docflow.systems.u8.wire import anonymous, api, base_url, trade_id

SETTLE_SECONDS = 60.0
_SEEN_AT_ONCE = Probe(quality="unique", settle_seconds=10.0)


def creator(voucher: Voucher) -> Write | None:
    """Return the create of a type; None where U8 has none."""
    if voucher.native is None:
        return None
    quality: Any = "unique" if voucher.keyword else "best_effort"
    return Write(
        run=one_by_one(_adder(voucher)),
        probe=Probe(quality=quality, settle_seconds=SETTLE_SECONDS),
        find=finder(voucher),
    )


def body_of(site: Site, voucher: Voucher, item: WriteItem) -> dict[str, Any]:
    """Return the JSON of an item's voucher.

    :raises InvalidDocument: a voucher cannot say it; nothing was sent.
    """
    if item.document is None or voucher.native is None:
        raise exc.Misconfigured("a voucher needs a document.", system=site.conn_id, field="document")
    document = item.document.totalled()
    company = str(site.setting("company_code") or "")
    if document.company_code and document.company_code != company:
        raise exc.InvalidDocument(
            f"is {document.company_code}, and this account set is {company or 'not named'}.",
            system=site.conn_id,
            field="company_code",
            remedy="Choose the connection of that company, or fill in company_code of this one.",
        )
    refuse_unsaid(site, document, voucher.held)
    own = {str(name): value for name, value in document.extensions.get(site.instance, {}).items()}
    number = {voucher.code: document.id} if site.setting("write_number") and document.id else {}
    body = {**voucher.native(site, document), **number, **own}
    return {**body, voucher.mark: remark_of(item)}


def _adder(voucher: Voucher) -> Callable[[Site, WriteItem], Exchange[Written]]:
    def add(site: Site, item: WriteItem) -> Exchange[Written]:
        with about((item.document.id if item.document else "") or item.reference):
            body = {voucher.name: body_of(site, voucher, item)}
            params = {"biz_id": item.mark, "sync": "1" if site.setting("sync") else "0"}
            path = f"/api/{voucher.name}/add"
            answer = yield from api(site, "POST", path, params=params, body=body, writes=True)
            if text(answer, "url") and not text(answer, "id"):
                answer = yield from _result(site, answer)
            number = text(answer, "id")
            if not number:
                raise exc.UnknownOutcome("U8 answers an add without the voucher.", system=site.conn_id)
        ref = DocumentRef(site.known_instance, "", voucher.document_type, number, number)
        return Written(ref=ref, detail={"tradeid": text(answer, "tradeid")})

    return add


def _result(site: Site, taken: Mapping[str, Any]) -> Exchange[Mapping[str, Any]]:
    """Ask for the result of an add until it is there.

    :raises Rejected: U8 says that nothing was made.
    :raises UnknownOutcome: it does not say.
    """
    address = _here(site, text(taken, "url"))
    left = float(site.setting("poll_seconds"))
    told: Mapping[str, Any] = taken
    while left > 0:
        named = text(told, "ping_after")
        pause = float(named if named.isdigit() else site.setting("poll_pause"))
        yield Pause(min(pause, left))
        left -= max(pause, 0.1)
        told = yield from _ask(site, address)
        if text(told, "id"):
            return told
    raise exc.UnknownOutcome(
        "the result of an add did not come.",
        system=site.conn_id,
        remedy="Nothing: the next try looks for the voucher first.",
    )


def _ask(site: Site, address: httpx2.URL) -> Exchange[Mapping[str, Any]]:
    asked = anonymous(site)
    request = asked.request("GET", str(address))
    try:
        answer = yield from call(asked, request)
    except (exc.TransientError, exc.Authentication, exc.NotFound) as error:
        raise exc.UnknownOutcome(error.message, **error.attrs()) from error
    return answer if isinstance(answer, Mapping) else {}


def _here(site: Site, url: str) -> httpx2.URL:
    """Return the address of a result.

    :raises UnknownOutcome: it leads to another host, which is not asked.
    """
    home, there = httpx2.URL(base_url(site)), httpx2.URL(url)
    if (there.scheme, there.host, there.port) != (home.scheme, home.host, home.port):
        raise exc.UnknownOutcome(
            f"U8 names a result at another host, {there.host}.", system=site.conn_id, field="host"
        )
    return there


def _target(site: Site, item: WriteItem) -> DocumentRef:
    if item.ref is None:
        raise exc.Misconfigured("an action needs a voucher that is there.", system=site.conn_id, field="ref")
    return item.ref


def _actor(item: WriteItem) -> dict[str, str]:
    """Return who acts: an operator (``user``) or a person of the company (``person``); U8 takes one."""
    names = {"user_id": item.arguments.get("user"), "person_code": item.arguments.get("person")}
    given = {name: str(value) for name, value in names.items() if value}
    return dict(list(given.items())[:1])


def _acting(voucher: Voucher, step: str, agree: str = "") -> Callable[[Site, WriteItem], Exchange[Written]]:
    def act(site: Site, item: WriteItem) -> Exchange[Written]:
        ref = _target(site, item)
        body = {str(site.setting("voucher_field")): ref.internal_id, **voucher.more, **_actor(item)}
        if step in ("audit", "abandon") and item.arguments.get("opinion"):
            body["opinion"] = str(item.arguments["opinion"])
        if agree:
            body["agree"] = agree
        with about(ref.number or ref.internal_id):
            params = {"tradeid": (yield from trade_id(site))} if site.setting("actions_with_trade_id") else {}
            path = f"/api/{voucher.name}/{step}"
            yield from api(site, "POST", path, params=params, body={voucher.name: body}, writes=True)
        return Written(ref=ref)

    return act


def _stands(*words: str) -> Callable[[Reading, WriteItem], bool]:
    return lambda reading, item: str(reading.state.lifecycle) in words


def _decided(decision: str, *words: str) -> Callable[[Reading, WriteItem], bool]:
    """Tell whether the one who acts has decided so, and nobody undid it, or the whole approval stands so."""

    def landed(reading: Reading, item: WriteItem) -> bool:
        actor = str(item.arguments.get("user") or item.arguments.get("person") or "")
        for entry in reversed(reading.history):
            if actor and entry.approver == actor and entry.decision != "commented":
                return entry.decision == decision or str(reading.state.approval) in words
            if entry.decision in ("rejected", "returned", "revoked"):
                break
        return str(reading.state.approval) in words

    return landed


def actions_of(voucher: Voucher) -> dict[str, Write]:
    """Return what can be done to a voucher."""
    known = {
        "verify": (_acting(voucher, "verify"), _stands("active", "closed")),
        "unverify": (_acting(voucher, "unverify"), _stands("draft")),
        "audit": (_acting(voucher, "audit", "1"), _decided("approved", "approved")),
        "reject": (_acting(voucher, "audit", "0"), _decided("rejected", "rejected", "returned")),
        "abandon": (_acting(voucher, "abandon"), _decided("revoked", "revoked", "none")),
        "close": (_acting(voucher, "close"), _stands("closed")),
        "open": (_acting(voucher, "open"), _stands("active")),
    }
    return {
        name: Write(run=one_by_one(run), probe=_SEEN_AT_ONCE, landed=landed)
        for name, (run, landed) in known.items()
        if name in voucher.actions
    }
