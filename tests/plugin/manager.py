"""An auth manager that lets each user see the DAGs that a test gave that user, and nothing else."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

#: Users who are not named here see every DAG.
READABLE: dict[str, frozenset[str]] = {
    "one": frozenset({"flow_1"}),
    "clerk": frozenset({"flow_1"}),
    "nobody": frozenset(),
}


class RestrictingAuthManager(SimpleAuthManager):
    """Airflow's simple auth manager with DAGs that are not everybody's."""

    def is_authorized_dag(
        self, *, method: Any, user: SimpleAuthManagerUser, access_entity: Any = None, details: Any = None
    ) -> bool:
        readable = READABLE.get(user.username)
        named = details is not None and details.id is not None
        if readable is not None and named and details.id not in readable:
            return False
        return super().is_authorized_dag(
            method=method, user=user, access_entity=access_entity, details=details
        )
