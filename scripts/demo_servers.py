"""The systems of the demo: a real Tryton, the sandbox with OA and finance database, and Airflow itself."""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_provider_docflow.exceptions import DocflowError
from airflow_provider_docflow.sandbox import SandboxClient
from scripts import tryton_server
from scripts.demo_airflow import AirflowClient
from scripts.demo_home import Home, wait_for
from scripts.tryton_process import is_running
from scripts.tryton_rpc import TrytonRpc

CHECKOUT = Path(__file__).resolve().parents[1]
USER = "admin"
ERP_LOGIN = "admin"


class Servers:
    """Starts what does not run yet, and stops everything.

    :param database: SQLAlchemy URL of a PostgreSQL for Airflow and the ledger; SQLite without one.
    """

    def __init__(self, home: Home, database: str = "") -> None:
        self.home, self.database = home, _with_driver(database)
        self.ports = home.ports()

    # Tryton keeps a state file of its own; a server that was killed leaves it behind.
    def tryton(self) -> dict[str, Any]:
        """Return ids, address and logins of the ERP; start it if it does not run."""
        folder = self.home.path / "tryton"
        state = folder / tryton_server.STATE
        if state.exists():
            known: dict[str, Any] = json.loads(state.read_text())
            if is_running(int(known["pid"])):
                return known
            tryton_server.down(folder)
        return tryton_server.up(folder, self.ports["tryton"])

    def erp(self) -> tuple[TrytonRpc, dict[str, Any]]:
        """Return a session of the ERP's administrator, and the ids of its records."""
        keys = self.tryton()
        rpc = TrytonRpc(keys["base_url"], keys["db"])
        rpc.login(ERP_LOGIN, keys["users"][ERP_LOGIN]["password"])
        return rpc, keys

    def sandbox(self) -> SandboxClient:
        """Return the control of OA and finance; start them if they do not run."""
        client = SandboxClient(f"http://127.0.0.1:{self.ports['sandbox']}")
        if self.home.running("sandbox") is None:
            module = "airflow_provider_docflow.sandbox"
            command = [sys.executable, "-m", module, "--home", str(self.home.path / "sandbox")]
            self.home.start("sandbox", [*command, "--port", str(self.ports["sandbox"])], clean(os.environ))

        def answers() -> bool:
            try:
                return client.now() > 0
            except DocflowError:
                return False

        self._wait("sandbox", answers, 60)
        return client

    @property
    def finance(self) -> Path:
        """The finance database."""
        return self.home.path / "sandbox" / "finance.sqlite"

    def start_airflow(self) -> AirflowClient:
        """Return Airflow's client at once; it answers after :meth:`airflow_answers`."""
        if self.home.running("airflow") is None:
            (self.home.path / "airflow").mkdir(exist_ok=True)
            self._write_password()
            command = [str(Path(sys.executable).with_name("airflow")), "standalone"]
            self.home.start("airflow", command, self.airflow_env())
        return AirflowClient(self.ui, USER, self.password)

    def airflow_answers(self, client: AirflowClient) -> None:
        """Wait until every part of Airflow is healthy."""
        self._wait("airflow", client.is_healthy, 400)
        client.log_in()

    @property
    def ui(self) -> str:
        """Address of Airflow's pages."""
        return f"http://127.0.0.1:{self.ports['airflow']}"

    @property
    def password(self) -> str:
        """Password of the page's only user."""
        return self.home.secret("ui_password", 9)

    @property
    def ledger_url(self) -> str:
        """The ledger's SQLAlchemy URL."""
        return self.database or f"sqlite:///{self.home.path / 'ledger.sqlite'}"

    @property
    def fernet_key(self) -> str:
        """Key by which Airflow and the ledger encrypt."""
        fresh = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        return str(self.home.choose("fernet_key", fresh))

    def _write_password(self) -> None:
        file = self.home.path / "airflow" / "passwords.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps({USER: self.password}))

    def airflow_env(self) -> dict[str, str]:
        """Return the environment in which Airflow, and its command line, run."""
        folder, ports = self.home.path / "airflow", self.ports
        settings = {
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": "6",
            "CORE__FERNET_KEY": self.fernet_key,
            "CORE__TEST_CONNECTION": "Enabled",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / "passwords.json"),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.ui}/execution/",
            "API__HOST": "127.0.0.1",
            "API__PORT": str(ports["airflow"]),
            "API__BASE_URL": self.ui,
            "API_AUTH__JWT_SECRET": self.home.secret("jwt_secret", 64),
            "DATABASE__SQL_ALCHEMY_CONN": self.database or f"sqlite:///{folder / 'airflow.db'}",
            "DATABASE__SQL_ALCHEMY_CONN_ASYNC": self.database
            or f"sqlite+aiosqlite:///{folder / 'airflow.db'}",
            "LOGGING__WORKER_LOG_SERVER_PORT": str(ports["worker_logs"]),
            "LOGGING__TRIGGER_LOG_SERVER_PORT": str(ports["trigger_logs"]),
            # Three times as fast from one task to the next; shorter naps take a core from the work itself.
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",
            # What a killed Airflow was doing is taken up again soon after it is back.
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
            "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
            "DAG_PROCESSOR__REFRESH_INTERVAL": "30",
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        }
        env = clean(os.environ) | {f"AIRFLOW__{name}": value for name, value in settings.items()}
        return env | {"AIRFLOW_HOME": str(folder), "PATH": _path(env)}

    def stop(self) -> list[str]:
        """End everything; return what was running."""
        ended = [name for name in ("airflow", "sandbox") if self.home.stop(name)]
        return ended + (["tryton"] if tryton_server.down(self.home.path / "tryton") else [])

    def _wait(self, name: str, ready: Any, seconds: float) -> None:
        wait_for(
            ready,
            what=name,
            seconds=seconds,
            log=self.home.path / f"{name}.log",
            alive=lambda: self.home.running(name) is not None,
        )


def _with_driver(database: str) -> str:
    """Name the driver that is installed; Airflow's default for PostgreSQL is another."""
    scheme, separator, rest = database.partition("://")
    return f"postgresql+psycopg{separator}{rest}" if scheme in ("postgres", "postgresql") else database


def clean(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without somebody else's Airflow in it, and without a proxy for this machine."""
    kept = {name: value for name, value in env.items() if not name.startswith("AIRFLOW")}
    local = "127.0.0.1,localhost"
    return kept | {name: ",".join(filter(None, (kept.get(name), local))) for name in ("NO_PROXY", "no_proxy")}


def _path(env: Mapping[str, str]) -> str:
    return os.pathsep.join((str(Path(sys.executable).parent), env.get("PATH", os.defpath)))
