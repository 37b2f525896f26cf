"""From an Airflow connection to a site: only what the profile declares is taken over, secrets are masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.limits import SETTING as LIMITS
from airflow_provider_docflow.core.maintenance import SETTING as MAINTENANCE
from airflow_provider_docflow.core.profile import SystemProfile
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems import profile_of

if TYPE_CHECKING:
    from airflow.sdk import Connection

PREFIX = "docflow_"
BORROWED = {"http": "rest"}
"""Connection types of other providers that a product of ours accepts as they are."""


def system_of(conn_type: str) -> str:
    """Return the product of a connection type.

    :raises Misconfigured: the type is none of docflow's.
    """
    if conn_type.startswith(PREFIX):
        return conn_type.removeprefix(PREFIX)
    if conn_type in BORROWED:
        return BORROWED[conn_type]
    raise exc.Misconfigured(
        f"a connection of type {conn_type!r} is no document system.",
        field="conn_type",
        remedy="Choose a connection type whose name begins with docflow_, or http for a REST system.",
    )


def site_at(conn_id: str, profile: SystemProfile | None = None) -> Site:
    """Return the site of the Airflow connection of this name, as :func:`site_of` does.

    :raises Misconfigured: there is no such connection, or as of :func:`site_of`.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as error:
        raise exc.Misconfigured(
            f"there is no connection {conn_id!r}.",
            field="docflow_conn_id",
            remedy="Create it under Admin, Connections, or correct the name.",
        ) from error
    return site_of(connection, profile)


def site_of(connection: Connection, profile: SystemProfile | None = None) -> Site:
    """Return the site of an Airflow connection and mask its secrets in the task's log.

    :param profile: the product's profile where the connection does not name it.
    :raises Misconfigured: the connection is of another kind, or its extra is no JSON object.
    """
    profile = profile or profile_of(system_of(connection.conn_type or ""))
    configured, settings = _settings(connection, profile)
    site = Site(
        profile=configured,
        conn_id=connection.conn_id,
        base_url=_base_url(connection),
        username=connection.login or "",
        password=connection.password or "",
        database="" if connection.conn_type in BORROWED else connection.schema or "",
        settings=settings,
    )
    mask_secrets(site)
    return site


def _settings(connection: Connection, profile: SystemProfile) -> tuple[SystemProfile, dict[str, Any]]:
    """Return the profile as the connection has it, and the settings that this profile declares."""
    try:
        extra = connection.extra_dejson
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise exc.Misconfigured(
            f"the extra of connection {connection.conn_id} is no JSON object.",
            system=connection.conn_id,
            field="extra",
            remedy="Open the connection and save it again.",
        )
    # What a profile is resolved to may be resolved again, by settings of its own.
    configured = profile.configured(extra)
    declared = {**profile.conn_fields, **configured.conn_fields}
    return configured, {name: extra[name] for name in (*declared, LIMITS, MAINTENANCE) if name in extra}


def _base_url(connection: Connection) -> str:
    host = (connection.host or "").rstrip("/")
    if not host:
        return ""
    if "://" not in host:
        borrowed = connection.conn_type in BORROWED
        scheme = (connection.schema or "http") if borrowed else "https"
        host = f"{scheme}://{host}"
    scheme, _, rest = host.partition("://")
    name, slash, path = rest.partition("/")
    if connection.port and ":" not in name.rsplit("]", 1)[-1]:
        name = f"{name}:{connection.port}"
    return f"{scheme}://{name}{slash}{path}"


def mask_secrets(site: Site) -> None:
    """Have Airflow mask the connection's secrets in logs."""
    from airflow.sdk.log import mask_secret

    for value in site.secrets():
        mask_secret(value)
