"""
The flow engine of an application's own: approvals that people start on the application's page, with a number
of its own (``thirdNo``). They live apart from the approval application and hold no form, only who decided
what.

It is read-only here: WeCom starts such an approval from a page alone. Page 90269
(``corp/getopenapprovaldata``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import about, dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import ApprovalEntry
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.wecom.wire import api, moment

LONGEST_NUMBER = 64
APPROVAL = {"1": "pending", "2": "approved", "3": "rejected", "4": "withdrawn"}
"""What ``OpenSpstatus`` says; nothing else is known, so anything else is ``unknown``."""

_PERSON = {"2": "approved", "3": "rejected", "4": "transferred"}
_APPROVES = "1"


@dataclass(frozen=True, kw_only=True)
class OpenApproval:
    """What the flow engine says of one approval; ``approval`` is a word of that axis."""

    number: str
    approval: str
    word: str
    history: tuple[ApprovalEntry, ...]
    raw: Mapping[str, Any]


def read(site: Site, number: str) -> Exchange[OpenApproval]:
    """Return what the flow engine says of an application's own number.

    :raises Misconfigured: WeCom knows no number so long.
    """
    if not 0 < len(number) <= LONGEST_NUMBER:
        raise exc.Misconfigured(
            f"a number has 1 to {LONGEST_NUMBER} characters.", system=site.conn_id, field="number"
        )
    with about(number, site.conn_id):
        answer = yield from api(site, "corp/getopenapprovaldata", {"thirdNo": number})
        data = dig(answer, "data")
        if not isinstance(data, dict) or data.get("OpenSpstatus") is None:
            raise exc.TransientError("WeCom shows an approval without a status.", system=site.conn_id)
        if str(data.get("ThirdNo")) != number:
            raise exc.NotFound("WeCom shows another approval.", system=site.conn_id)
    word = str(data["OpenSpstatus"])
    history = tuple(_history(data))
    return OpenApproval(
        number=number, approval=APPROVAL.get(word, "unknown"), word=word, history=history, raw=data
    )


def _history(data: Mapping[str, Any]) -> Iterator[ApprovalEntry]:
    for node in _list(dig(data, "ApprovalNodes.ApprovalNode")):
        for item in _list(dig(node, "Items.Item")):
            decision = _PERSON.get(str(item.get("ItemStatus")))
            if decision and str(node.get("NodeType", _APPROVES)) == _APPROVES:
                yield ApprovalEntry(
                    approver=str(item.get("ItemUserId") or ""),
                    decision=decision,  # type: ignore[arg-type]
                    decided_at=moment(item.get("ItemOpTime")),
                    comment=str(item.get("ItemSpeech") or ""),
                )


def _list(found: Any) -> Sequence[Mapping[str, Any]]:
    return found if isinstance(found, list) else [found] if isinstance(found, dict) else []
