"""A source, a target and the ledger between them, described so that another process can open the same."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2

from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, Line, Party, material_hash
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.hooks.flow import Flow
from airflow_provider_docflow.hooks.handles import Handle, Outcome
from airflow_provider_docflow.hooks.sql import SqlUnits
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.hooks.tokens import LedgerTokens
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.decisions import NewDecision
from airflow_provider_docflow.ledger.writer import Writer
from airflow_provider_docflow.systems import dingtalk, sql, tryton
from airflow_provider_docflow.systems.rest import example
from airflow_provider_docflow.systems.sql import DEFAULT_TABLES, ensure, layouts
from tests.proof.traps import SqlWire, Trap, Wire, watch_ledger

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
REQUISITION, ORDER = "purchase_requisition", "purchase_order"
PROFILES: Mapping[str, Any] = {
    "by key": example.PROFILE,
    "by search": example.PROFILE_BY_SEARCH,
    "tryton": tryton.PROFILE,
    "dingtalk": dingtalk.PROFILE,
}
_ORDER_TABLES = DEFAULT_TABLES[ORDER]
TABLES = {
    **DEFAULT_TABLES,
    REQUISITION: {
        **_ORDER_TABLES,
        "header": REQUISITION,
        "lines": {
            **_ORDER_TABLES["lines"],
            "table": f"{REQUISITION}_line",
            "parent": {f"{REQUISITION}_id": "id"},
        },
    },
}


class Clock:
    """A process's clock, which may run ahead of the real one; waiting moves it instead of sleeping."""

    def __init__(self, ahead: float = 0.0, *, real: bool = True) -> None:
        self.ahead, self.real = ahead, real

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def sleep(self, seconds: float) -> None:
        if self.real:
            time.sleep(seconds)
        else:
            self.ahead += seconds


class WatchedSystem(System):
    """A system whose wire and clock a test can see."""

    def __init__(
        self,
        site: Site,
        *,
        trap: Trap,
        clock: Clock,
        transport: Callable[[Trap], httpx2.BaseTransport] = Wire,
        **more: Any,
    ) -> None:
        super().__init__(site, **more)
        self.trap, self.clock, self.transport = trap, clock, transport

    @property
    def door(self) -> Door:
        if self._door is None:
            self._door = Door(
                self._site,
                tokens=self.tokens,
                sql=self.sql,
                transport=self.transport(self.trap),
                sleep=self.clock.sleep,
            )
        return self._door

    def writer(self) -> Writer:
        writer = super().writer()
        writer.clock, writer.sleep = self.clock, self.clock.sleep
        if not self.clock.real:
            writer.patience = 300.0
        return writer


@dataclass(frozen=True)
class World:
    """What a process needs to know to take part; JSON primitives only.

    :param home: folder of the databases that are files.
    :param targets: connection id → ``kind`` (``by key``, ``by search``, ``tryton``, ``dingtalk``, ``sql``)
        and the fields of the connection.
    :param lease: seconds of a lease.
    """

    home: str
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    lease: float = 120.0

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def with_target(self, conn_id: str, **settings: Any) -> World:
        return replace(self, targets={**self.targets, conn_id: settings})

    def open(self, *, trap: Trap | None = None, ahead: float = 0.0, real: bool = False) -> Session:
        """Open everything, as one task of one process does."""
        return Session(self, trap or Trap(), Clock(ahead, real=real))

    @property
    def ledger_path(self) -> Path:
        return Path(self.home) / "ledger.sqlite"


class Session:
    """One process's view of the world; also a context manager."""

    def __init__(self, world: World, trap: Trap, clock: Clock) -> None:
        self.world, self.trap, self.clock = world, trap, clock
        self.ledger = Ledger.open(f"sqlite:///{world.ledger_path}", keys=[KEY], clock=clock)
        watch_ledger(self.ledger, trap)
        self._systems: dict[str, WatchedSystem] = {}
        self._closing: list[Callable[[], None]] = [self.ledger.close]
        self.flow = Flow(self.ledger, self.system_of, actor="proof")

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        for system in self._systems.values():
            system.close()
        for close in reversed(self._closing):
            close()

    def system_of(self, conn_id: str) -> System:
        if conn_id not in self._systems:
            self._systems[conn_id] = self._system(conn_id)
        return self._systems[conn_id]

    def _system(self, conn_id: str) -> WatchedSystem:
        fields = dict(self.world.targets.get(conn_id) or {"kind": "sql", "file": conn_id, "tables": TABLES})
        common: dict[str, Any] = {
            "ledger": self.ledger,
            "trap": self.trap,
            "clock": self.clock,
            "lease_seconds": self.world.lease,
        }
        kind = fields.pop("kind")
        if kind == "sql":
            return self._sql(conn_id, fields, common)
        settings = fields.pop("settings", {})
        site = Site(profile=PROFILES[kind].configured(settings), conn_id=conn_id, settings=settings, **fields)
        return WatchedSystem(site, tokens=LedgerTokens(self.ledger), **common)

    def _sql(self, conn_id: str, fields: dict[str, Any], common: dict[str, Any]) -> WatchedSystem:
        runner = SqlUnits(f"sqlite:///{self.world.home}/{fields['file']}.sqlite")
        tables = fields.get("tables") or DEFAULT_TABLES
        site = Site(
            profile=sql.PROFILE.configured({"tables": tables}),
            conn_id=conn_id,
            settings={"sql_conn_id": "a database", "tables": tables},
        )
        with Door(site, sql=runner) as door:
            door.run(ensure(site, list(layouts(tables).values())))
        self._closing.append(runner.close)
        trapped = self.trap if conn_id in self.world.targets else Trap()
        return WatchedSystem(site, sql=SqlWire(runner, trapped), **common)

    def enter(self, *documents: Document, approved: bool = False) -> list[Handle]:
        """Enter documents at the source as people there do."""
        source = self.system_of("oa")
        handles = []
        for document in documents:
            name = f"{document.company_code}/{document.id}".encode()
            mark = hashlib.sha256(name).hexdigest()[:16]
            run = source.site.profile.write(str(document.document_type), "create").run
            item = WriteItem(mark=mark, reference=document.id, document=document)
            written = source.run(run(source.site, [item]))[0]
            handles.append(Handle(conn_id="oa", ref=written.ref))
        if approved:
            self.approve(handles)
        return handles

    def approve(self, handles: Sequence[Handle]) -> None:
        """Record an approval of the documents as they stand."""
        for handle in handles:
            reading = self.system_of(handle.conn_id).read_one(handle.ref)
            assert reading.document is not None
            self.ledger.decisions.append(
                NewDecision(handle.ref, "approved", material_hash(reading.document), self.clock())
            )

    def create(self, sources: Sequence[Handle], target: str = "erp", **options: Any) -> list[Outcome]:
        """Create orders from the sources, without an approval unless the options ask for one."""
        chosen = {"document_type": ORDER, "requires_approval": False, **options}
        return self.flow.create(sources, target_conn_id=target, **chosen)

    def incidents(self) -> list[tuple[str, str]]:
        """Return code and document number of what waits for a person."""
        found = self.ledger.incidents.search(status="open")
        return sorted((one.code, one.document_number) for one in found)


def requisition(number: str, *, quantity: str = "2", price: str = "50.25", **more: Any) -> Document:
    """Return a requisition of two lines."""
    lines = tuple(
        Line(
            line_id=str(position),
            item_id=f"P-10{position}",
            description="扳手 Ø 12",
            quantity=Decimal(count),
            unit_code="C62",
            price_amount=Decimal(each),
        )
        for position, count, each in ((1, quantity, price), (2, "1", "0.01"))
    )
    values: dict[str, Any] = {
        "document_type": REQUISITION,
        "id": number,
        "issue_date": date(2026, 11, 20),
        "company_code": "C1",
        "document_currency_code": "USD",
        "seller_supplier_party": Party(id="SUP-1", name="Ömer & Söhne 有限公司"),
        "lines": lines,
    }
    return Document(**{**values, **more}).totalled()
