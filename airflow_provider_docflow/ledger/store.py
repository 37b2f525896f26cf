"""The ledger: one database, opened once per process, and the stores in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from airflow_provider_docflow.exceptions import LedgerUnavailable
from airflow_provider_docflow.ledger import migrate
from airflow_provider_docflow.ledger.audit import Audit
from airflow_provider_docflow.ledger.base import insert_missing
from airflow_provider_docflow.ledger.batches import Batches
from airflow_provider_docflow.ledger.breaks import Breaks
from airflow_provider_docflow.ledger.budgets import Budgets
from airflow_provider_docflow.ledger.cipher import Cipher
from airflow_provider_docflow.ledger.claims import Claims
from airflow_provider_docflow.ledger.cursors import Cursors
from airflow_provider_docflow.ledger.database import Database
from airflow_provider_docflow.ledger.decisions import Decisions
from airflow_provider_docflow.ledger.deliveries import Deliveries
from airflow_provider_docflow.ledger.documents import Documents
from airflow_provider_docflow.ledger.health import Healths
from airflow_provider_docflow.ledger.inbox import Inbox
from airflow_provider_docflow.ledger.incidents import Incidents
from airflow_provider_docflow.ledger.incidents_desk import Desk
from airflow_provider_docflow.ledger.incidents_rules import IncidentRules
from airflow_provider_docflow.ledger.instances import Instances
from airflow_provider_docflow.ledger.intents import Intents
from airflow_provider_docflow.ledger.known import Known
from airflow_provider_docflow.ledger.links import Links
from airflow_provider_docflow.ledger.matchings import Matchings
from airflow_provider_docflow.ledger.models.writes import meta
from airflow_provider_docflow.ledger.overrides import Overrides
from airflow_provider_docflow.ledger.parking import Parking
from airflow_provider_docflow.ledger.persons import People
from airflow_provider_docflow.ledger.reconciliations import Reconciliations
from airflow_provider_docflow.ledger.retention import Retention
from airflow_provider_docflow.ledger.revocations import Revocations
from airflow_provider_docflow.ledger.shadows import Shadows
from airflow_provider_docflow.ledger.sightings import Sightings
from airflow_provider_docflow.ledger.snapshots import Snapshots
from airflow_provider_docflow.ledger.tokens import Tokens
from airflow_provider_docflow.ledger.windows import Windows

_KEY_CHECK = "key check"


def utcnow() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


class Ledger:
    """The cross-system memory. Open it with :meth:`open`; it may be shared by threads and survives a fork.

    Every method of a store takes ``tx=``, a connection of :meth:`transaction`, to take part in a larger
    transaction; without it, it is one of its own. Inside a transaction pass it to every call: on SQLite a
    call without it would wait for the very lock that its caller holds.

    :ivar ledger_id: names this ledger; two processes that see different ones do not share a memory.
    :ivar schema_version: of the tables, the same as this code's.
    :ivar rules: who owns an incident and until when.
    :ivar people: which users of different systems are one person.
    """

    def __init__(self, database: Database, cipher: Cipher, clock: Callable[[], datetime]) -> None:
        self.database, self.cipher, self.now = database, cipher, clock
        self.schema_version = migrate.SCHEMA_VERSION
        self.rules, self.people = IncidentRules(), People()
        self.ledger_id = self._check_id_and_keys()
        self.audit, self.batches, self.budgets = Audit(self), Batches(self), Budgets(self)
        self.claims, self.cursors, self.decisions = Claims(self), Cursors(self), Decisions(self)
        self.documents, self.health, self.inbox = Documents(self), Healths(self), Inbox(self)
        self.deliveries = Deliveries(self)
        self.incidents, self.instances, self.intents = Incidents(self), Instances(self), Intents(self)
        self.links, self.snapshots, self.tokens = Links(self), Snapshots(self), Tokens(self)
        self.shadows, self.retention = Shadows(self), Retention(self)
        self.revocations = Revocations(self)
        self.breaks, self.matchings = Breaks(self), Matchings(self)
        self.reconciliations, self.known = Reconciliations(self), Known(self)
        self.desk, self.overrides = Desk(self), Overrides(self)
        self.sightings, self.parking, self.windows = Sightings(self), Parking(self), Windows(self)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        keys: Sequence[str | bytes],
        clock: Callable[[], datetime] = utcnow,
        create: bool | None = None,
    ) -> Ledger:
        """Open a ledger.

        :param url: SQLAlchemy URL.
        :param keys: Fernet keys; the first encrypts, all of them decrypt.
        :param clock: tells the present moment, aware.
        :param create: whether to create or upgrade the schema; None does so for SQLite only, where nobody
            else would.
        :raises LedgerUnavailable: it cannot be reached, or the keys are not those it was written with.
        :raises LedgerSchemaMismatch: its schema is not the one this code works with.
        :raises Misconfigured: the URL or a key is none.
        """
        cipher = Cipher(keys)
        database = Database(url)
        try:
            found = database.read(migrate.standing) if not _is_new_file(database) else "missing"
            may_create = database.dialect == "sqlite" if create is None else create
            if found in ("missing", "older") and may_create:
                migrate.upgrade_database(database)
            elif found != "current":
                raise migrate.mismatch(found)
            return cls(database, cipher, clock)
        except BaseException:
            database.close()
            raise

    def _check_id_and_keys(self) -> str:
        def work(connection: Connection) -> tuple[str | None, str | None]:
            return migrate.read_meta(connection, "ledger_id"), migrate.read_meta(connection, _KEY_CHECK)

        ledger_id, sealed = self.database.read(work)
        if sealed is None:
            row = {"name": _KEY_CHECK, "value": self.cipher.seal(_KEY_CHECK)}
            self.database.write(lambda connection: insert_missing(connection, meta, [row]))
            ledger_id, sealed = self.database.read(work)
        if ledger_id is None or sealed is None:
            raise LedgerUnavailable("the ledger does not say who it is", remedy="Restore it from its backup.")
        self.cipher.open(sealed)
        return ledger_id

    def transaction(self) -> AbstractContextManager[Connection]:
        """Give a connection whose changes are kept together or not at all; do no network call inside.

        :raises LedgerUnavailable: the database cannot be reached or is locked for too long.
        """
        return self.database.transaction()

    @staticmethod
    def upgrade(url: str) -> str:
        """Create the schema or bring it up to date; see :func:`migrate.upgrade`."""
        return migrate.upgrade(url)

    def close(self) -> None:
        """Close the connections of this process."""
        self.database.close()


def _is_new_file(database: Database) -> bool:
    return database.dialect == "sqlite" and not Path(str(database.url.database)).exists()
