"""
Who may see and do what: the one place that touches Airflow's internal security modules.

Airflow offers plugins no public way to ask for the user; these names are marked as internal and may move.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import auth_manager_from_app, get_user
from airflow.configuration import conf
from fastapi import Depends, FastAPI, HTTPException, Request, status

from airflow_provider_docflow.hooks.ledger import DEFAULT_CONN_ID, ledger_of


@dataclass(frozen=True)
class Permissions:
    """What the user of this request may see.

    :param dag_ids: the DAGs that the user may read; what these touched is what the user sees.
    :param reads_connections: whether the user may see what belongs to a system rather than to a document.
    """

    user: BaseUser
    dag_ids: frozenset[str]
    reads_connections: bool
    _acting: dict[str, bool] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Who acts, as the history of incidents and documents shows it."""
        return str(self.user.get_name())


def permissions(user: Annotated[BaseUser, Depends(get_user)]) -> Permissions:
    """Ask Airflow's auth manager what the user may see; 401 without a login, 403 with a bad token."""
    manager = get_auth_manager()
    return Permissions(
        user=user,
        dag_ids=frozenset(manager.get_authorized_dag_ids(user=user, method="GET")),
        reads_connections=manager.is_authorized_connection(method="GET", user=user),
    )


def ledger() -> Any:
    """Open the ledger that the API server's configuration names.

    :raises LedgerUnavailable: it cannot be reached; the pages then answer 503.
    """
    conn_id = conf.get("docflow", "ledger_conn_id", fallback=DEFAULT_CONN_ID)
    return ledger_of(conn_id, role="api-server")


Reader = Annotated[Permissions, Depends(permissions)]
OpenLedger = Annotated[Any, Depends(ledger)]


def may_act(reader: Permissions, dag_ids: Collection[str]) -> bool:
    """Tell whether the user may change runs of one of these DAGs, which the user must be able to read, too.

    :param dag_ids: the DAGs that touched the document.
    """
    return any(_may_change_runs(reader, dag_id) for dag_id in sorted(reader.dag_ids.intersection(dag_ids)))


def may_act_without_document(reader: Permissions) -> bool:
    """Tell whether the user may act on what belongs to a system and to no document."""
    return get_auth_manager().is_authorized_connection(method="PUT", user=reader.user)


def may_act_at_all(reader: Permissions) -> bool:
    """Tell whether buttons that change something are worth showing; each action is checked by itself."""
    return get_auth_manager().is_authorized_dag(
        method="PUT", access_entity=DagAccessEntity.RUN, user=reader.user
    )


def _may_change_runs(reader: Permissions, dag_id: str) -> bool:
    if dag_id not in reader._acting:
        reader._acting[dag_id] = get_auth_manager().is_authorized_dag(
            method="PUT",
            access_entity=DagAccessEntity.RUN,
            details=DagDetails(id=dag_id, team_name=_team_of(dag_id)),
            user=reader.user,
        )
    return reader._acting[dag_id]


def _team_of(dag_id: str) -> str | None:
    from airflow.models.dag import DagModel

    return DagModel.get_team_name(dag_id) if conf.getboolean("core", "multi_team") else None


def check_origin(request: Request) -> None:
    """Refuse what another site makes the user's browser send; 403.

    A browser names the origin of every POST. A request without one comes from a program, which has to show
    a token of its own: the cookie alone is what a browser sends along by itself.
    """
    origin = request.headers.get("origin")
    if origin is None:
        allowed = request.headers.get("authorization", "").lower().startswith("bearer ")
    else:
        own = {request.headers.get("host", ""), urlsplit(conf.get("api", "base_url", fallback="")).netloc}
        allowed = bool(urlsplit(origin).netloc) and urlsplit(origin).netloc in own
    if not allowed:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "this request does not come from this Airflow")


def adopt_auth_manager(app: FastAPI) -> None:
    """Let Airflow's own dependencies work in a mounted application, which has a state of its own."""
    app.dependency_overrides[auth_manager_from_app] = get_auth_manager
