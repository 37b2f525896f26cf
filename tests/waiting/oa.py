"""A small OA over the wire: documents by ids, a change feed, and a note of everything that was asked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import call
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.paging import one_by_one
from airflow_provider_docflow.core.profile import (
    ApprovalEntry,
    Changes,
    DocumentProfile,
    Limit,
    Page,
    Probe,
    Query,
    Reading,
    SystemProfile,
    Write,
    WriteItem,
    Written,
)
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef, DocumentState, DocumentType, Line, Party

TYPE = "purchase_requisition"
INSTANCE = "oa-of-the-tests"
DAY = date(2026, 3, 31)
MOMENT = datetime(2026, 3, 31, 8, 0, tzinfo=UTC)


@dataclass
class Form:
    """One document as the OA keeps it."""

    id: str
    approval: str = "pending"
    lifecycle: str = "submitted"
    amount: str = "100.00"
    account: str = "ACC-1"
    history: list[dict[str, str]] = field(default_factory=list)
    mark: str = ""
    changed: int = 0


class Oa:
    """The server, and what stands in it; the tests look at both."""

    def __init__(self) -> None:
        self.forms: dict[str, Form] = {}
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.approvers: list[list[str]] = []
        self.fails_with: int | None = None
        self.feed_tells_decisions = True
        self.feed_still_tells: set[str] = set()
        self._changes = 0
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        routes = [
            Route("/forms", self._list, methods=["GET"]),
            Route("/forms", self._create, methods=["POST"]),
            Route("/forms/{id}/{action}", self._act, methods=["POST"]),
            Route("/changes", self._feed),
        ]
        config = uvicorn.Config(Starlette(routes=routes), log_level="error", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def connection(self) -> str:
        """The Airflow connection, as its environment variable holds it."""
        return json.dumps({"conn_type": "docflow_waiting_oa", "host": f"http://127.0.0.1:{self.port}"})

    def enter(self, *ids: str, **more: Any) -> list[DocumentRef]:
        """Enter documents; return their references."""
        with self._lock:
            for one in ids:
                self._changes += 1
                self.forms[one] = Form(one, changed=self._changes, **more)
        return [ref(one) for one in ids]

    def decide(self, one: str, word: str = "approved", *, by: str = "boss", **more: Any) -> None:
        """Decide a document, or change it otherwise."""
        with self._lock:
            form = self.forms[one]
            entry = {"approver": by, "decision": word}
            self.forms[one] = replace(form, approval=word, history=[*form.history, entry], **more)
            self._note(one)

    def change(self, one: str, **values: Any) -> None:
        """Change fields behind everybody's back."""
        with self._lock:
            self.forms[one] = replace(self.forms[one], **values)
            self._note(one)

    def _note(self, one: str) -> None:
        if self.feed_tells_decisions:
            self._changes += 1
            self.forms[one].changed = self._changes

    def count(self, what: str) -> int:
        """How many requests of a kind came in."""
        return sum(kind == what for kind, _ in self.asked)

    def reads_of(self, one: str) -> int:
        """How often one document was read."""
        return sum(one in ids for kind, ids in self.asked if kind == "read")

    def forget(self) -> None:
        """Begin counting anew."""
        self.asked.clear()

    async def _list(self, request: Request) -> Response:
        ids = tuple(filter(None, request.query_params.get("ids", "").split(",")))
        # Counted and answered in one: what a test does once it has seen the request comes after the answer.
        with self._lock:
            self.asked.append(("read" if ids else "search", ids))
            if self.fails_with:
                return JSONResponse({}, self.fails_with)
            found = [dict(vars(self.forms[one])) for one in (ids or self.forms) if one in self.forms]
        return JSONResponse({"forms": found})

    async def _feed(self, request: Request) -> Response:
        after, size = int(request.query_params["after"]), int(request.query_params["size"])
        with self._lock:
            self.asked.append(("feed", ()))
            if self.fails_with:
                return JSONResponse({}, self.fails_with)
            later = sorted((f.changed, f.id) for f in self.forms.values() if f.changed > after)
            still = list(self.feed_still_tells)
        page = later[:size]
        return JSONResponse(
            {
                "ids": [*(one for _, one in page), *still],
                "cursor": page[-1][0] if page else after,
                "more": len(later) > size,
            }
        )

    async def _create(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(("create", (body["mark"],)))
        self.approvers.append(body["approvers"])
        known = [form.id for form in self.forms.values() if form.mark == body["mark"]]
        one = known[0] if known else f"F-{len(self.forms) + 1}"
        if not known:
            self.enter(
                one, approval="none", lifecycle="draft", account="", amount=body["amount"], mark=body["mark"]
            )
        return JSONResponse({"id": one})

    async def _act(self, request: Request) -> Response:
        one, action = request.path_params["id"], request.path_params["action"]
        self.asked.append((action, (one,)))
        if one not in self.forms:
            return JSONResponse({}, 404)
        to = {"submit": ("pending", "submitted"), "cancel": ("withdrawn", "cancelled")}[action]
        self.change(one, approval=to[0], lifecycle=to[1])
        return JSONResponse({"id": one})


def ref(one: str, instance: str = INSTANCE, document_type: str = TYPE) -> DocumentRef:
    """The reference of a document of the OA."""
    return DocumentRef(instance, "", DocumentType(document_type), one, one)


THREADS: set[int] = set()
"""In which threads replies of the OA were taken apart."""


def _reading(site: Site, document_type: str, raw: Mapping[str, Any]) -> Reading:
    THREADS.add(threading.get_ident())
    amount = Decimal(raw["amount"])
    line = Line(line_id="1", item_id="P-1", quantity=Decimal(1), unit_code="EA", price_amount=amount)
    document = Document(
        document_type=DocumentType(document_type),
        id=raw["id"],
        issue_date=DAY,
        document_currency_code="CNY",
        seller_supplier_party=Party(id=raw["account"]) if raw["account"] else None,
        lines=(line,),
    ).totalled()
    return Reading(
        ref=ref(raw["id"], site.known_instance, document_type),
        state=DocumentState(
            lifecycle=raw["lifecycle"],
            approval=raw["approval"],
            raw={"approval": raw["approval"]},
            read_at=MOMENT,
        ),
        document=document,
        party=raw["account"],
        currency="CNY",
        total=amount,
        history=tuple(
            ApprovalEntry(approver=each["approver"], decision=each["decision"], decided_at=MOMENT)  # type: ignore[arg-type]
            for each in raw["history"]
        ),
        changed_at=str(raw["changed"]),
    )


def _documents(document_type: str, page_size: int, *, feed: bool) -> DocumentProfile:
    def read(site: Site, refs: Sequence[DocumentRef]) -> Exchange[list[Reading | exc.DocflowError]]:
        ids = ",".join(one.internal_id for one in refs)
        answer = yield from call(site, site.request("GET", "forms", params={"ids": ids}))
        found = {raw["id"]: _reading(site, document_type, raw) for raw in answer["forms"]}
        missing = exc.NotFound("there is no such form.", system=site.conn_id)
        return [found.get(one.internal_id, missing) for one in refs]

    def search(site: Site, query: Query, position: str | None) -> Exchange[Page]:
        answer = yield from call(site, site.request("GET", "forms"))
        wanted = [raw for raw in answer["forms"] if not query.numbers or raw["id"] in query.numbers]
        return Page(readings=tuple(_reading(site, document_type, raw) for raw in wanted))

    def changes(site: Site, cursor: str) -> Exchange[Changes]:
        params = {"after": cursor or "0", "size": str(page_size)}
        answer = yield from call(site, site.request("GET", "changes", params=params))
        refs = tuple(ref(one, site.known_instance, document_type) for one in answer["ids"])
        return Changes(refs=refs, cursor=str(answer["cursor"]), more=answer["more"])

    def create(site: Site, item: WriteItem) -> Exchange[Written]:
        assert item.document is not None
        body = {"mark": item.mark, "amount": str(item.document.payable_amount)}
        body["approvers"] = list(item.arguments.get("approvers") or ())  # type: ignore[assignment]
        answer = yield from call(site, site.request("POST", "forms", json=body), writes=True)
        return Written(ref=ref(answer["id"], site.known_instance, document_type))

    def action(name: str) -> Write:
        def run(site: Site, item: WriteItem) -> Exchange[Written]:
            assert item.ref is not None
            path = "forms/{id}/{name}"
            yield from call(site, site.request("POST", path, id=item.ref.internal_id, name=name), writes=True)
            return Written(ref=item.ref)

        def landed(reading: Reading, item: WriteItem) -> bool:
            return str(reading.state.lifecycle) == {"submit": "submitted", "cancel": "cancelled"}[name]

        return Write(run=one_by_one(run), probe=Probe(quality="unique"), landed=landed)

    return DocumentProfile(
        read=read,
        search=search,
        changes=changes if feed else None,
        create=Write(run=one_by_one(create), probe=Probe(quality="native")),
        actions={"submit": action("submit"), "cancel": action("cancel")},
        stages={"saved": (), "submitted": ("submit",)},
        page_size=page_size,
        approves=True,
    )


def _instance(site: Site) -> Exchange[str]:
    yield from ()
    return INSTANCE


def profile(*, page_size: int = 100, feed: bool = True, limits: tuple[Limit, ...] = ()) -> SystemProfile:
    """The OA as docflow knows it."""
    types = (TYPE, "payment_request")
    return SystemProfile(
        name="waiting_oa",
        title="OA of the tests",
        docs_url="",
        checked_on=DAY,
        documents={name: _documents(name, page_size, feed=feed) for name in types},
        instance=_instance,
        limits=limits,
    )
