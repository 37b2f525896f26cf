"""A plain ERP with a JSON API, to try the generic REST connector on.

==================================  ======================================================================
``POST /erp/TYPE``                  create; optional ``Idempotency-Key``; without it twice means two
``GET /erp/TYPE``                   ``?ids=&reference=&number=&company=&status=&updated_since=&cursor=&limit``
``GET /erp/TYPE/ID``                read
``PATCH /erp/TYPE/ID``              change a draft; ``If-Match: VERSION`` is honoured
``POST /erp/TYPE/ID/actions/NAME``  submit, approve, reject, cancel, post, reverse
==================================  ======================================================================

``Authorization: Bearer erp-sandbox-key`` unless the control plane sets another key. ``reference`` is not
unique: the ERP never refuses a second document by itself. Amounts are strings; a JSON fraction is taken
exactly and given back as a string.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_docflow.sandbox.layer import WISH
from airflow_provider_docflow.sandbox.parts import Parts, StandIn
from airflow_provider_docflow.sandbox.replies import body_of, reply
from airflow_provider_docflow.sandbox.store import Records, dumps

API_KEY = "erp-sandbox-key"
SCHEMA = """
CREATE TABLE IF NOT EXISTS erp_document (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, company TEXT NOT NULL,
    reference TEXT);
CREATE INDEX IF NOT EXISTS erp_document_reference ON erp_document (type, reference);
CREATE INDEX IF NOT EXISTS erp_document_company ON erp_document (type, company);
CREATE TABLE IF NOT EXISTS erp_key (
    key TEXT PRIMARY KEY, digest TEXT NOT NULL, document TEXT NOT NULL);
"""
#: Which action leads from which status to which.
ACTIONS = {
    "submit": ({"draft"}, "submitted"),
    "approve": ({"submitted"}, "approved"),
    "reject": ({"submitted"}, "rejected"),
    "cancel": ({"draft", "submitted", "rejected"}, "cancelled"),
    "post": ({"approved"}, "posted"),
    "reverse": ({"posted"}, "reversed"),
}
_FILTERS = ("reference", "number", "company", "status")
_OWN = {"id", "number", "type", "status", "version", "created_at", "updated_at"}


class ErpError(Exception):
    """A refusal: HTTP status, code, text and the field concerned."""

    def __init__(self, status: int, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"code": code, "message": message, "field": field or None}}


class Erp:
    """The documents of the plain ERP."""

    def __init__(self, parts: Parts) -> None:
        self._store, self._clock = parts.store, parts.clock
        self._records = Records(parts.store, "erp")
        parts.store.create(SCHEMA)

    def check(self, request: Request) -> None:
        """Let nobody in without the key.

        :raises ErpError: 401.
        """
        key = self._store.setting("erp_key", API_KEY)
        expired = (request.scope.get(WISH) or {}).get("expire_token")
        if expired or request.headers.get("authorization") != f"Bearer {key}":
            raise ErpError(401, "unauthorized", "the key is missing, wrong or expired")

    def create(self, kind: str, body: dict[str, Any], key: str) -> tuple[dict[str, Any], bool]:
        """Return a new document, or the one that this idempotency key made before, and which it is."""
        digest = hashlib.sha256(dumps([kind, body]).encode()).hexdigest()
        row = self._store.execute("SELECT * FROM erp_key WHERE key = ?", (key,)).fetchone() if key else None
        if row is not None:
            if row["digest"] != digest:
                raise ErpError(422, "idempotency_key_reused", "the key belongs to another request")
            return self.get(kind, row["document"]), False
        self._check_body(body)
        document = self._enter(kind, body)
        if key:
            self._store.execute("INSERT INTO erp_key VALUES (?, ?, ?)", (key, digest, document["id"]))
        return document, True

    def _enter(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        seq = (self._store.value("SELECT max(seq) FROM erp_document") or 0) + 1
        prefix = "".join(word[0] for word in kind.split("_")).upper()
        count = self._store.value(
            "SELECT count(*) FROM erp_document WHERE type = ? AND company = ?", (kind, body["company"])
        )
        moment = self._clock.now()
        document = {
            **body,
            "id": f"{prefix.lower()}-{seq}",
            "type": kind,
            "number": f"{prefix}-{body['company']}-{count + 1:06d}",
            "status": "draft",
            "version": 1,
            "created_at": _iso(moment),
            "updated_at": _iso(moment),
        }
        self._store.execute(
            "INSERT INTO erp_document VALUES (?, ?, ?, ?, ?)",
            (seq, document["id"], kind, body["company"], _reference(body)),
        )
        self._records.put(document["id"], document, moment)
        return document

    def get(self, kind: str, document_id: str, as_of: int | None = None) -> dict[str, Any]:
        """Return a document.

        :raises ErpError: 404.
        """
        document = self._records.get(document_id, as_of)
        if document is None or document["type"] != kind:
            raise ErpError(404, "not_found", f"there is no {kind} {document_id}")
        return document

    def change(self, kind: str, document_id: str, body: dict[str, Any], match: str) -> dict[str, Any]:
        """Change fields of a draft."""
        document = self.get(kind, document_id)
        if match and match.strip('"') != str(document["version"]):
            raise ErpError(412, "version_conflict", "somebody else has changed the document")
        if document["status"] != "draft":
            raise ErpError(409, "invalid_status", f"a {document['status']} document cannot be changed")
        self._check_body({**document, **body}, _OWN - body.keys())
        return self._keep({**document, **body})

    def act(self, kind: str, document_id: str, action: str, body: dict[str, Any]) -> dict[str, Any]:
        """Carry out an action."""
        document = self.get(kind, document_id)
        if action not in ACTIONS:
            raise ErpError(404, "unknown_action", f"there is no action {action}")
        before, after = ACTIONS[action]
        if document["status"] not in before:
            raise ErpError(
                409, "invalid_status", f"cannot {action} a {document['status']} document", "status"
            )
        if action in ("post", "reverse"):
            self._check_period(body.get("posting_date") or document.get("posting_date"))
        return self._keep({**document, **body, "status": after})

    def page(self, kind: str, query: dict[str, str], as_of: int | None) -> dict[str, Any]:
        """Return one page in order of creation."""
        try:
            limit, start = int(query.get("limit", 50)), int(query.get("cursor", 0))
            since = datetime.fromisoformat(query["updated_since"]) if "updated_since" in query else None
        except ValueError:
            raise ErpError(400, "bad_parameter", "limit, cursor or updated_since is malformed") from None
        if not 1 <= limit <= 100 or (since is not None and since.tzinfo is None):
            raise ErpError(400, "bad_parameter", "limit is 1 to 100; updated_since has a time zone")
        wanted = {name: query[name] for name in _FILTERS if name in query}
        found = [
            item
            for item in self._candidates(kind, query, as_of)
            if all(str(item.get(name)) == value for name, value in wanted.items())
            and (since is None or datetime.fromisoformat(item["updated_at"]) >= since)
        ]
        more = len(found) > start + limit
        return {"items": found[start : start + limit], "next_cursor": str(start + limit) if more else None}

    def _candidates(self, kind: str, query: dict[str, str], as_of: int | None) -> list[dict[str, Any]]:
        if "ids" not in query:
            return self.all(kind, as_of, query.get("reference"))
        found = (self._records.get(each, as_of) for each in dict.fromkeys(query["ids"].split(",")))
        return [item for item in found if item is not None and item["type"] == kind]

    def all(self, kind: str, as_of: int | None = None, reference: str | None = None) -> list[dict[str, Any]]:
        """Return all documents of a type, oldest first."""
        # The index knows today's references only, so it cannot answer for the past.
        today = (reference,) if as_of is None and reference is not None else ()
        which = "type = ? AND reference = ?" if today else "type = ?"
        rows = self._store.all(f"SELECT id FROM erp_document WHERE {which} ORDER BY seq", (kind, *today))
        found = (self._records.get(row["id"], as_of) for row in rows)
        return [item for item in found if item is not None]

    def overwrite(self, kind: str, document_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """Change anything behind the API's back, the status too."""
        return self._keep({**self.get(kind, document_id), **body})

    def _keep(self, document: dict[str, Any]) -> dict[str, Any]:
        moment = self._clock.now()
        document = {**document, "version": document["version"] + 1, "updated_at": _iso(moment)}
        self._records.put(document["id"], document, moment)
        sql = "UPDATE erp_document SET reference = ? WHERE id = ?"
        self._store.execute(sql, (_reference(document), document["id"]))
        return document

    def _check_body(self, body: dict[str, Any], allowed: set[str] | frozenset[str] = frozenset()) -> None:
        if own := sorted((_OWN & body.keys()) - allowed):
            raise ErpError(400, "read_only", f"{own[0]} is set by the system", own[0])
        if not isinstance(body.get("company"), str) or not body["company"]:
            raise ErpError(400, "missing_field", "company is missing", "company")
        companies = self._store.setting("erp_companies")
        if companies is not None and body["company"] not in companies:
            raise ErpError(400, "unknown_company", f"there is no company {body['company']}", "company")
        self._check_period(body.get("posting_date"))

    def _check_period(self, day: Any) -> None:
        if isinstance(day, str) and day[:7] in self._store.setting("erp_closed_periods", []):
            raise ErpError(422, "period_closed", f"the period {day[:7]} is closed", "posting_date")


def _reference(body: dict[str, Any]) -> str | None:
    return None if body.get("reference") is None else str(body["reference"])


def _iso(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%dT%H:%M:%S}.{moment % 1000:03d}Z"


def stand_in(parts: Parts) -> StandIn:
    """Return the plain ERP, built on the sandbox's parts."""
    erp = Erp(parts)
    return StandIn("erp", {"/erp": _app(parts, erp)}, {}, _control(parts, erp))


def _app(parts: Parts, erp: Erp) -> Starlette:
    async def documents(request: Request) -> Response:
        kind = request.path_params["kind"]
        erp.check(request)
        if request.method == "GET":
            return reply(erp.page(kind, dict(request.query_params), _as_of(request)))
        body = await body_of(request)
        with parts.store.write():
            document, new = erp.create(kind, body, request.headers.get("idempotency-key", ""))
        return reply(document, 201 if new else 200, {} if new else {"idempotent-replayed": "true"})

    async def document(request: Request) -> Response:
        kind, wanted = request.path_params["kind"], request.path_params["id"]
        erp.check(request)
        if request.method == "GET":
            return reply(erp.get(kind, wanted, _as_of(request)))
        body = await body_of(request)
        with parts.store.write():
            return reply(erp.change(kind, wanted, body, request.headers.get("if-match", "")))

    async def action(request: Request) -> Response:
        kind, wanted, name = (request.path_params[key] for key in ("kind", "id", "action"))
        erp.check(request)
        body = await body_of(request)
        with parts.store.write():
            return reply(erp.act(kind, wanted, name, body))

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, ErpError)
        return reply(error.body, error.status)

    return Starlette(
        routes=[
            Route("/{kind}", documents, methods=["GET", "POST"]),
            Route("/{kind}/{id}", document, methods=["GET", "PATCH"]),
            Route("/{kind}/{id}/actions/{action}", action, methods=["POST"]),
        ],
        exception_handlers={ErpError: refused},
    )


def _as_of(request: Request) -> int | None:
    moment: int | None = (request.scope.get(WISH) or {}).get("as_of")
    return moment


def _control(parts: Parts, erp: Erp) -> list[Route]:
    async def settings(request: Request) -> Response:
        for name, value in (await body_of(request)).items():
            if name not in ("key", "companies", "closed_periods"):
                return reply({"error": f"there is no setting {name}"}, 400)
            parts.store.set(f"erp_{name}", value)
        return reply({})

    async def documents(request: Request) -> Response:
        return reply({"documents": erp.all(request.path_params["kind"])})

    async def document(request: Request) -> Response:
        body = await body_of(request)
        try:
            with parts.store.write():
                return reply(erp.overwrite(request.path_params["kind"], request.path_params["id"], body))
        except ErpError as error:
            return reply(error.body, error.status)

    return [
        Route("/settings", settings, methods=["PUT"]),
        Route("/{kind}", documents),
        Route("/{kind}/{id}", document, methods=["PUT"]),
    ]
