from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Reading, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef, document_from_json
from airflow_provider_docflow.hooks.doors import AsyncDoor, Door, LocalTokens
from airflow_provider_docflow.systems.tryton import PROFILE

TODAY = dt.date.today()
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CLERK = (
    "Purchase",
    "Purchase Administrator",
    "Purchase Request",
    "Purchase Requisition",
    "Accounting",
    "Payment",
)
BOSS = (*CLERK, "Purchase Requisition Approval", "Payment Approval")
_numbers = itertools.count(1)


def new_mark() -> str:
    """A mark as an intent's key gives it, never used before."""
    return "".join(secrets.choice(ALPHABET) for _ in range(16))


def new_number(prefix: str = "PR") -> str:
    return f"{prefix}-{secrets.token_hex(4)}-{next(_numbers)}"


@dataclass
class Talk:
    """Performs exchanges through one kind of door and remembers what went over the wire."""

    site: Site
    kind: str = "sync"
    tokens: LocalTokens = field(default_factory=LocalTokens)
    log: list[tuple[str, str, str]] = field(default_factory=list)

    def run(self, exchange: Exchange[Any]) -> Any:
        if self.kind == "async":
            return asyncio.run(self._arun(exchange))
        with Door(self.site, tokens=self.tokens, transport=_Recorder(self.log), sleep=lambda _: None) as door:
            return door.run(exchange)

    async def _arun(self, exchange: Exchange[Any]) -> Any:
        async with AsyncDoor(self.site, tokens=self.tokens, transport=_ARecorder(self.log)) as door:
            return await door.run(exchange)

    def write(self, document_type: str, purpose: str, *items: WriteItem) -> list[Any]:
        return list(self.run(PROFILE.write(document_type, purpose).run(self.site, items)))

    def create(self, document: Document, mark: str = "", **more: Any) -> Written:
        (written,) = self.write(document.document_type, "create", item_of(document, mark, **more))
        assert isinstance(written, Written), written
        return written

    def press(self, ref: DocumentRef, *purposes: str) -> Reading:
        for purpose in purposes:
            (written,) = self.write(ref.document_type, purpose, WriteItem(mark=new_mark(), ref=ref))
            assert isinstance(written, Written), written
        return self.read(ref)

    def read(self, ref: DocumentRef) -> Reading:
        (reading,) = self.run(PROFILE.of(ref.document_type).read(self.site, [ref]))
        assert isinstance(reading, Reading), reading
        return reading

    def find(self, document_type: str, *items: WriteItem) -> list[Any]:
        write = PROFILE.write(document_type, "create")
        assert write.find is not None
        return list(self.run(write.find(self.site, items)))


def _entry(request: httpx2.Request) -> tuple[str, str, str]:
    return request.method, request.url.raw_path.decode(), request.content.decode()


class _Recorder(httpx2.HTTPTransport):
    def __init__(self, log: list[tuple[str, str, str]]) -> None:
        super().__init__()
        self.log = log

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.log.append(_entry(request))
        return super().handle_request(request)


class _ARecorder(httpx2.AsyncHTTPTransport):
    def __init__(self, log: list[tuple[str, str, str]]) -> None:
        super().__init__()
        self.log = log

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.log.append(_entry(request))
        return await super().handle_async_request(request)


def item_of(document: Document, mark: str = "", **more: Any) -> WriteItem:
    return WriteItem(mark=mark or new_mark(), reference=document.id, document=document, **more)


@dataclass(frozen=True)
class People:
    """Users made for these tests: login → password and REST key."""

    passwords: dict[str, str]
    keys: dict[str, str]


@pytest.fixture(scope="session")
def companies(tryton: Any) -> list[dict[str, Any]]:
    """Both companies by their party's code, which documents call company code."""
    rows = tryton.rpc("model.company.company.search_read", [], 0, None, [["id", "ASC"]], ["party.code"])
    return [{"id": row["id"], "code": row["party."]["code"]} for row in rows]


@pytest.fixture(scope="session")
def people(tryton: Any, companies: list[dict[str, Any]]) -> People:
    rpc = tryton.rpc
    groups = {
        row["name"]: row["id"] for row in rpc("model.res.group.search_read", [], 0, None, None, ["name"])
    }
    passwords, keys = {}, {}
    for login, names in (("clerk", CLERK), ("superior", BOSS)):
        (party,) = rpc("model.party.party.create", [{"name": login, "code": f"EMP-{login}"}])
        staff = [{"party": party, "company": company["id"]} for company in companies]
        employees = rpc("model.company.employee.create", staff)
        passwords[login] = secrets.token_urlsafe(18)
        values = {
            "name": login,
            "login": login,
            "password": passwords[login],
            "email": f"{login}@example.com",
            "groups": [["add", [groups[name] for name in names]]],
        }
        (user,) = rpc("model.res.user.create", [values])
        works = {
            "companies": [["add", [company["id"] for company in companies]]],
            "company_filter": "all",
            "employees": [["add", employees]],
            "company": companies[0]["id"],
            "employee": employees[0],
        }
        rpc("model.res.user.write", [user], works)
        (key,) = rpc("model.res.user.application.create", [{"user": user, "application": "rest"}])
        (made,) = rpc("model.res.user.application.read", [key], ["key", "state"])
        if made["state"] != "validated":
            rpc("model.res.user.application.validate_", [key])
        keys[login] = made["key"]
    return People(passwords, keys)


@pytest.fixture(scope="session")
def site_of(tryton: Any, people: People) -> Callable[..., Site]:
    """Make the site of a user, bound to the instance that it answers as."""

    def make(login: str = "clerk", *, rest: bool = False, bound: bool = True, **settings: Any) -> Site:
        site = Site(
            profile=PROFILE,
            conn_id=f"erp_{login}",
            base_url=tryton.base_url,
            username=login,
            password=people.passwords[login],
            database=tryton.db,
            settings={**settings, **({"api_key": people.keys[login]} if rest else {})},
        )
        return replace(site, instance=Talk(site).run(PROFILE.instance(site))) if bound else site

    return make


@pytest.fixture(scope="session")
def clerk(site_of: Callable[..., Site]) -> Talk:
    """The user who writes, through the sync door."""
    return Talk(site_of("clerk"))


@pytest.fixture(scope="session")
def boss(site_of: Callable[..., Site]) -> Talk:
    """The user who may approve requisitions."""
    return Talk(site_of("superior"))


@pytest.fixture(scope="session", params=["sync", "async", "sync over REST", "async over REST"])
def talk(request: pytest.FixtureRequest, site_of: Callable[..., Site]) -> Talk:
    """The user who writes, through every door and over either read transport."""
    kind, _, rest = request.param.partition(" over ")
    return Talk(site_of("clerk", rest=bool(rest)), kind)


@pytest.fixture(scope="session")
def make(companies: list[dict[str, Any]]) -> Callable[..., Document]:
    """Make a document of two lines in the first company."""

    def build(
        document_type: str = "purchase_order", lines: Sequence[dict[str, Any]] = (), **more: Any
    ) -> Document:
        usual = [
            {"line_id": f"L{n}", "item_id": f"P-10{n}", "quantity": str(n), "price_amount": "12.50"}
            for n in (1, 2)
        ]
        data = {
            "document_type": document_type,
            "id": new_number(),
            "issue_date": TODAY,
            "company_code": companies[0]["code"],
            "document_currency_code": "USD",
            "seller_supplier_party": {"id": "SUP-1"},
            **more,
        }
        chosen = [{"unit_code": "C62", **line} for line in (lines or usual)]
        return document_from_json({**data, "lines": chosen}).totalled()

    return build


@pytest.fixture
def confirmed_order(clerk: Talk, make: Callable[..., Document]) -> tuple[Document, Written]:
    """An order that Tryton has confirmed, with the ids of its lines."""
    document = make()
    written = clerk.create(document)
    clerk.press(written.ref, "submit", "confirm")
    return document, written


@pytest.fixture
def four_eyes(tryton: Any) -> Iterator[None]:
    """Two users have to confirm an order."""
    domain = [["name", "=", "confirm"], ["model", "=", "purchase.purchase"]]
    found = tryton.rpc("model.ir.model.button.search_read", domain, 0, None, None, ["name"])
    if not found:
        domain = [["name", "=", "confirm"], ["model.model", "=", "purchase.purchase"]]
        found = tryton.rpc("model.ir.model.button.search_read", domain, 0, None, None, ["name"])
    rule = {"button": found[0]["id"], "number_user": 2, "description": "four eyes"}
    (made,) = tryton.rpc("model.ir.model.button.rule.create", [rule])
    yield
    tryton.rpc("model.ir.model.button.rule.delete", [made])
