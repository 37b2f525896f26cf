"""Where the ledger is: the Airflow connection ``docflow_ledger``, or SQLite beside a local executor."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.hooks.settings import configure

if TYPE_CHECKING:
    from airflow_provider_docflow.ledger import Ledger

DEFAULT_CONN_ID = "docflow_ledger"
LOCAL_EXECUTORS = frozenset({"LocalExecutor", "SequentialExecutor", "DebugExecutor", "InProcessExecutor"})
_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "sqlite": "sqlite",
}
_opened: dict[tuple[int, str], Ledger] = {}
_lock = threading.Lock()


def ledger_of(conn_id: str = DEFAULT_CONN_ID, *, role: str = "") -> Ledger:
    """Open the ledger; one per process and address.

    :param role: what this process is, where it cannot be seen; a worker and a triggerer can.
    :raises LedgerUnavailable: it cannot be reached, or SQLite is asked to serve several machines.
    :raises LedgerSchemaMismatch: ``airflow docflow db upgrade`` has to run first.
    :raises Misconfigured: ``[docflow] incident_rules`` or ``people`` is wrong.
    """
    from airflow_provider_docflow.ledger import Ledger

    url, keys = ledger_address(conn_id)
    with _lock:
        known = _opened.get((os.getpid(), url))
        if known is None:
            known = _opened[os.getpid(), url] = Ledger.open(url, keys=keys)
    configure(known)
    if role := role or process_role():
        # Whether a process was seen here is for people to know; no work waits for it.
        with suppress(exc.DocflowError):
            known.sightings.seen(role, hostname())
    return known


def process_role() -> str:
    """Tell whether this process runs a task (``worker``) or triggers (``triggerer``); empty if neither."""
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    supervisor = getattr(runner, "SUPERVISOR_COMMS", None)
    if supervisor is None:
        return ""
    return "triggerer" if type(supervisor).__name__ == "TriggerCommsDecoder" else "worker"


def hostname() -> str:
    """Return this machine's name as Airflow writes it into its own tables."""
    from airflow.utils.net import get_hostname

    return str(get_hostname())  # type: ignore[no-untyped-call]


def ledger_address(conn_id: str = DEFAULT_CONN_ID) -> tuple[str, list[str]]:
    """Return the ledger's SQLAlchemy URL and its encryption keys, the first of which encrypts.

    :raises LedgerUnavailable: as :func:`ledger_of`.
    """
    connection = _connection(conn_id)
    if connection is None:
        path = Path(_airflow_home()) / "docflow" / "ledger.sqlite"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        url, extra = f"sqlite:///{path}", {}
    else:
        url, extra = _url(connection), connection.extra_dejson
    if url.startswith("sqlite"):
        _refuse_distributed(conn_id)
    return url, _keys(conn_id, url, str(extra.get("encryption_key") or ""))


def _connection(conn_id: str) -> Any:
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return None


def _url(connection: Any) -> str:
    driver = _DRIVERS.get(connection.conn_type)
    if driver is None:
        raise exc.LedgerUnavailable(
            f"{connection.conn_id} of type {connection.conn_type!r} is no database for the ledger.",
            field="conn_type",
            remedy="Use PostgreSQL, MySQL or SQLite.",
        )
    if driver == "sqlite":
        return f"sqlite:///{connection.host or connection.schema}"
    user = quote(connection.login or "", safe="")
    password = f":{quote(connection.password, safe='')}" if connection.password else ""
    port = f":{connection.port}" if connection.port else ""
    return f"{driver}://{user}{password}@{connection.host}{port}/{connection.schema or ''}"


def executors() -> tuple[list[str], list[str]]:
    """Return the names of all executors, and of those whose workers may be on other machines."""
    from airflow.sdk import conf

    told = conf.get("core", "executor").split(",")
    names = [name.split(":")[-1].rsplit(".", 1)[-1].strip() for name in told]
    return names, [name for name in names if name not in LOCAL_EXECUTORS]


def _refuse_distributed(conn_id: str) -> None:
    spread = executors()[1]
    if spread:
        raise exc.LedgerUnavailable(
            f"a ledger in SQLite cannot serve {', '.join(spread)}: its workers would not share it.",
            remedy=f"Create the Airflow connection {conn_id} to a PostgreSQL or MySQL database and run "
            "airflow docflow db upgrade.",
        )


def key_source(conn_id: str = DEFAULT_CONN_ID) -> str:
    """Tell where the key comes from by which the ledger encrypts; every process needs the same one."""
    from airflow.sdk import conf

    connection = _connection(conn_id)
    if connection is not None and connection.extra_dejson.get("encryption_key"):
        return f"connection {conn_id}"
    if not conf.get("core", "fernet_key", fallback=""):
        return "a file beside the ledger"
    variable = "AIRFLOW__CORE__FERNET_KEY"
    given = [name for name in (variable, f"{variable}_CMD", f"{variable}_SECRET") if os.environ.get(name)]
    return given[0] if given else "airflow.cfg"


def _keys(conn_id: str, url: str, given: str) -> list[str]:
    from airflow.sdk import conf

    text = given or conf.get("core", "fernet_key", fallback="")
    keys = [key.strip() for key in text.split(",") if key.strip()]
    if "{FERNET_KEY}" in keys:
        # The process that writes airflow.cfg for the first time does not see the key in it; another key would
        # lock every later process out of the ledger.
        raise exc.LedgerUnavailable(
            "Airflow has only just written its configuration.", remedy="Run the same command again."
        )
    if keys:
        return keys
    if url.startswith("sqlite:///"):
        return [_key_beside(Path(url.removeprefix("sqlite:///")))]
    raise exc.LedgerUnavailable(
        "the ledger encrypts what it keeps, and there is no key.",
        field="encryption_key",
        remedy=f"Set [core] fernet_key, or encryption_key in the extra of connection {conn_id}.",
    )


def _key_beside(database: Path) -> str:
    """Keep a key of its own beside a ledger in SQLite where Airflow has none."""
    from cryptography.fernet import Fernet

    database.parent.mkdir(parents=True, exist_ok=True)
    path = database.with_suffix(".key")
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(handle, "w", encoding="ascii") as file:
        key = Fernet.generate_key().decode("ascii")
        file.write(key)
    return key


def _airflow_home() -> str:
    return os.environ.get("AIRFLOW_HOME") or os.path.expanduser("~/airflow")
