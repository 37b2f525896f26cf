"""
Vouchers by their number, with their approval's history; listing them; finding one by docflow's mark.

A voucher is open, verified (审核) or closed, by the word of its ``state`` or by who stands in it as
``verifier`` and ``closer``. An open one may be in a workflow: then its history (审批进程) tells the last
word. Lists search keywords in remarks, which is how a mark is found; they cannot be asked for changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import about, dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import ApprovalEntry, Finding, Page, Query, Reading, WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.states import Words, state_of
from airflow_provider_docflow.document import DocumentRef, document_from_json
from airflow_provider_docflow.systems.u8.approvals import HISTORY, history
from airflow_provider_docflow.systems.u8.objects import Voucher, total_of
from airflow_provider_docflow.systems.u8.settings import codes_in, currency_code
from airflow_provider_docflow.systems.u8.values import Raw, text
from airflow_provider_docflow.systems.u8.wire import api

REMARK_LENGTH = 60
_OPEN = ("Opening", "开立", "open")
_DONE = ("Approved", "审核", "已审核", "verified")
_WORDS: Mapping[str, str] = {
    **dict.fromkeys(_OPEN, "draft"),
    **dict.fromkeys(_DONE, "active"),
    **dict.fromkeys(("Changing", "变更"), "active"),
    **dict.fromkeys(("Closed", "关闭", "已关闭", "closed"), "closed"),
}
_LAST = {"approved": "pending", "rejected": "rejected", "returned": "returned", "revoked": "revoked"}


def state_word(raw: Raw) -> str:
    """Return the word of a voucher's state: its own, or what follows from who has signed it."""
    own = text(raw, "state", "cvoucherstate")
    return own or ("closed" if text(raw, "closer") else "verified" if _verifier(raw) else "open")


def _verifier(raw: Raw) -> str:
    return text(raw, "verifier", "checkman", "auditor")


def approval_word(raw: Raw) -> str:
    """Return the state's word and, of an open voucher, the last decision of its history."""
    word = state_word(raw)
    entries: Sequence[ApprovalEntry] = raw.get(HISTORY) or ()
    decided = [entry.decision for entry in entries if entry.decision in _LAST]
    return f"{word}/{decided[-1]}" if word in _OPEN and decided else word


AXES = {
    "lifecycle": Words(at=state_word, words=_WORDS),
    "approval": Words(
        at=approval_word,
        words={
            **{word: "none" if known == "draft" else "approved" for word, known in _WORDS.items()},
            **{f"{word}/{last}": meaning for word in _OPEN for last, meaning in _LAST.items()},
        },
    ),
}


def get(site: Site, voucher: Voucher, number: str) -> Exchange[Raw]:
    """Return a voucher as U8 shows it.

    :raises NotFound: there is none of that number.
    """
    try:
        answer = yield from api(site, "GET", f"/api/{voucher.name}/get", params={"id": number})
    except exc.Rejected as error:
        if error.code in codes_in(site.settings, "not_found_codes"):
            raise exc.NotFound(error.message, **error.attrs()) from error
        raise
    raw = dig(answer, voucher.name)
    if not isinstance(raw, dict) or not text(raw, voucher.code):
        raise exc.NotFound("U8 shows no voucher of this number.", system=site.conn_id)
    if text(raw, voucher.code) != number:
        raise exc.Rejected(
            f"U8 answered with another voucher, {text(raw, voucher.code)}.",
            system=site.conn_id,
            field=voucher.code,
        )
    return raw


def reading_of(site: Site, voucher: Voucher, raw: Raw, *, content: bool = True) -> Reading:
    """Return what a voucher says.

    :param content: False for a row of a list, which has no entries.
    """
    number = text(raw, voucher.code)
    entries: tuple[ApprovalEntry, ...] = tuple(raw.get(HISTORY) or ())
    reading = Reading(
        ref=DocumentRef(site.known_instance, "", voucher.document_type, number, number),
        state=state_of(raw, AXES, datetime.now(UTC)),
        company_code=str(site.setting("company_code") or ""),
        party=text(raw, *voucher.party),
        total=total_of(voucher, raw),
        history=entries,
        raw={name: value for name, value in raw.items() if name != HISTORY},
    )
    try:
        name = text(raw, "currency_name")
        reading = replace(reading, currency=currency_code(site, name) if name else "")
        if not content:
            return reading
        data = {**voucher.content(site, raw), "document_type": str(voucher.document_type)}
        data |= {"company_code": reading.company_code, "extensions": _own(site, raw)}
        document = document_from_json(data).totalled()
    except exc.InvalidDocument as error:
        problem = error
    except ValueError as error:
        problem = exc.InvalidDocument(str(error))
    else:
        party = document.seller_supplier_party or document.buyer_customer_party
        currency = document.document_currency_code
        return replace(
            reading, document=document, currency=currency, party=reading.party or (party.id if party else "")
        )
    problem.document, problem.system = number, site.conn_id
    return replace(reading, problem=problem)


def _own(site: Site, raw: Raw) -> dict[str, Any]:
    """Return the tenant's own fields (define1 to define16)."""
    found = {
        name: str(value)
        for name, value in raw.items()
        if name.startswith("define") and value not in (None, "")
    }
    return {site.known_instance: found} if found else {}


def reader(voucher: Voucher) -> Callable[..., Exchange[list[Reading | exc.DocflowError]]]:
    """Return the read of a type: a failure is its voucher's entry."""

    def read(site: Site, refs: Sequence[DocumentRef]) -> Exchange[list[Reading | exc.DocflowError]]:
        found: list[Reading | exc.DocflowError] = []
        for ref in refs:
            try:
                with about(ref.number or ref.internal_id):
                    raw = yield from get(site, voucher, ref.internal_id)
                    told = yield from history(site, voucher, ref.internal_id)
                    found.append(reading_of(site, voucher, {**raw, HISTORY: told}))
            except exc.DocflowError as error:
                found.append(error)
        return found

    return read


def rows(
    site: Site, voucher: Voucher, params: Mapping[str, str], page: int
) -> Exchange[tuple[list[Raw], bool]]:
    """Return one page of a list and whether there are more; its counts are texts."""
    asked = {**params, "page_index": str(page), "rows_per_page": str(site.setting("rows_per_page"))}
    answer = yield from api(site, "GET", f"/api/{voucher.name}list/batch_get", params=asked)
    found = dig(answer, f"{voucher.name}list")
    pages = text(answer, "page_count")
    if found in (None, "") and text(answer, "row_count") in ("", "0"):
        return [], False
    if not isinstance(found, list):
        raise exc.TransientError("U8 answers a list without rows.", system=site.conn_id)
    return found, bool(found) and page < int(pages or 0)


def searcher(voucher: Voucher) -> Callable[[Site, Query, str | None], Exchange[Page]]:
    """Return the listing of a type; several numbers are asked for one after the other."""

    def search(site: Site, query: Query, position: str | None) -> Exchange[Page]:
        turn, page = (int(part) for part in (position or "0:1").split(":"))
        own = str(site.setting("company_code") or "")
        if query.company_code and query.company_code != own:
            return Page(readings=())
        found, more = yield from rows(site, voucher, _params(site, voucher, query, turn), page)
        once = {text(row, voucher.code): row for row in found}
        readings = tuple(reading_of(site, voucher, row, content=False) for row in once.values())
        if more:
            return Page(readings=readings, next=f"{turn}:{page + 1}")
        others = turn + 1 < len(query.numbers)
        return Page(readings=readings, next=f"{turn + 1}:1" if others else None)

    return search


def _params(site: Site, voucher: Voucher, query: Query, turn: int) -> dict[str, str]:
    wanted = {
        "numbers": query.numbers[turn] if query.numbers else "",
        "party": query.party,
        "issued_from": query.issued_from.isoformat() if query.issued_from else "",
        "issued_to": query.issued_to.isoformat() if query.issued_to else "",
        "changed_since": "1" if query.changed_since else "",
    }
    params = {str(name): str(value) for name, value in query.raw.items()}
    for name, value in wanted.items():
        if value and name not in voucher.filters:
            raise exc.Unsupported(
                f"U8 cannot list {voucher.name} by {name}.", system=site.conn_id, field=name
            )
        params |= dict.fromkeys(voucher.filters.get(name, ()), value) if value else {}
    return params


def finder(voucher: Voucher) -> Callable[[Site, Sequence[WriteItem]], Exchange[list[Finding]]]:
    """Return the probe: a search for each mark, then the vouchers that it shows."""

    def find(site: Site, items: Sequence[WriteItem]) -> Exchange[list[Finding]]:
        findings = []
        for item in items:
            findings.append((yield from _find(site, voucher, item)))
        return findings

    return find


def _find(site: Site, voucher: Voucher, item: WriteItem) -> Exchange[Finding]:
    # Some lists take a part of a remark, others are described as if they took all of it.
    found: dict[str, Reading] = {}
    for word in (item.mark, remark_of(item)):
        yield from _search(site, voucher, word, item.mark, found)
        if found:
            break
    return Finding(marked=tuple(found.values()))


def _search(site: Site, voucher: Voucher, word: str, mark: str, found: dict[str, Reading]) -> Exchange[None]:
    """Read into ``found`` what a list shows for a remark and carries the mark."""
    seen: set[str] = set()
    page, more = 1, True
    while more:
        listed, more = yield from rows(site, voucher, {voucher.keyword or voucher.mark: word}, page)
        for row in listed:
            number, shows = text(row, voucher.code), text(row, voucher.mark)
            # A list that ignores the remark shows everything: only what carries the mark counts.
            if number in seen or (shows and mark not in shows):
                continue
            seen.add(number)
            raw = yield from get(site, voucher, number)
            if mark in text(raw, voucher.mark):
                found[number] = reading_of(site, voucher, raw)
        page += 1


def remark_of(item: WriteItem) -> str:
    """Return the remark of a new voucher: the source's number and docflow's mark."""
    number = item.reference or (item.document.id if item.document else "")
    return f"{number[: REMARK_LENGTH - len(item.mark) - 3]} [{item.mark}]".strip()
