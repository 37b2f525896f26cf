from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient

from airflow_provider_docflow.hooks.ledger import ledger_of
from airflow_provider_docflow.ledger import Ledger
from tests.ledger.samples import KEY
from tests.plugin.stories import Stories, tell
from tests.rigs import airflow_home
from tests.rigs.api_server import api_server

USERS = {
    "one": "viewer",
    "both": "viewer",
    "clerk": "user",
    "user": "user",
    "op": "op",
    "admin": "admin",
    "nobody": "user",
}
DAGS = ("flow_1", "flow_2")


@pytest.fixture(scope="session")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Airflow's configuration of the API server, as environment variables."""
    file = tmp_path_factory.mktemp("pages") / "ledger.sqlite"
    return {
        "AIRFLOW__CORE__AUTH_MANAGER": "tests.plugin.manager.RestrictingAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
            f"{name}:{role}" for name, role in USERS.items()
        ),
        "AIRFLOW__DOCFLOW__LEDGER_CONN_ID": "pages_ledger",
        "AIRFLOW_CONN_PAGES_LEDGER": json.dumps(
            {"conn_type": "sqlite", "host": str(file), "extra": {"encryption_key": KEY}}
        ),
        "AIRFLOW_CONN_ERP": json.dumps(
            {
                "conn_type": "docflow_tryton",
                "host": "https://erp.example",
                "login": "docflow",
                "password": "not-to-be-seen",
                "schema": "db-1",
                "extra": {"web_client_url": "https://erp.example/web"},
            }
        ),
    }


@contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    """Set the configuration for as long as something is made with it: other tests have their own."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in wanted.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(autouse=True)
def settings(wanted: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the configuration for a test of the pages."""
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def app(wanted: dict[str, str]) -> Iterator[Any]:
    """Airflow's own API server, with the plugin as its entry point announces it."""
    with ExitStack() as stack:
        with _environment(wanted):
            made = stack.enter_context(api_server())
        yield made


@pytest.fixture(scope="module")
def metadata(app: Any) -> None:
    """Airflow's database, which other tests of this process replace, with the DAGs of the stories."""
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    airflow_home.install_database()
    with create_session() as session:
        session.add(DagBundleModel(name="dags-folder"))
        session.flush()
        session.add_all(
            [DagModel(dag_id=dag_id, bundle_name="dags-folder", fileloc="flows.py") for dag_id in DAGS]
        )


@pytest.fixture(scope="session")
def ledger(wanted: dict[str, str]) -> Ledger:
    """The ledger that the API server shows."""
    # As the pages open it; that it was seen is told now, and no longer when statements are counted.
    with _environment(wanted):
        return ledger_of(wanted["AIRFLOW__DOCFLOW__LEDGER_CONN_ID"], role="api-server")


@pytest.fixture(scope="session")
def stories(ledger: Ledger) -> Stories:
    """Documents, decisions and incidents in the ledger."""
    return tell(ledger)


@pytest.fixture
def client(app: Any, metadata: None) -> Callable[[str], TestClient]:
    """Return a browser of a user; anonymous for an empty name."""

    def give(name: str = "") -> TestClient:
        browser = TestClient(app, base_url="http://airflow.example", raise_server_exceptions=False)
        if name:
            browser.headers["Authorization"] = f"Bearer {token(name)}"
        return browser

    return give


def token(name: str) -> str:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    return get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=name, role=USERS[name]))
