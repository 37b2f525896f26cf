"""
Any JSON API, by a profile of the user's own.

The connection is of type ``docflow_rest``, or a plain ``http`` connection as it is (host, schema, port,
login, password; its extras are settings and never become headers). Its field ``profile`` names a Python
object, ``package.module:PROFILE``, made with :func:`~airflow_provider_docflow.core.rest.rest_profile`; a
profile that was given to :func:`~airflow_provider_docflow.systems.register` is named by its name alone.

:mod:`~airflow_provider_docflow.systems.rest.example` is a complete profile to start from.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib import import_module
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import SystemProfile
from airflow_provider_docflow.core.rest import COMMON_FIELDS
from airflow_provider_docflow.core.rest.logins import secret_field
from airflow_provider_docflow.core.site import Site

__all__ = ["PROFILE", "SHIPPED", "profile_at", "resolve"]

SHIPPED = ("nccloud", "seeyon", "weaver")
"""Products whose profiles stand beside this file; a connection names them by these names."""


def profile_at(path: str) -> SystemProfile:
    """Return the profile at an import path, or the registered one of that name.

    :param path: ``package.module:NAME``, or a registered name.
    :raises Misconfigured: there is none, or what is there is no profile.
    """
    if path in SHIPPED:
        path = f"{__name__}.{path}:PROFILE"
    if ":" not in path:
        from airflow_provider_docflow.systems import profile_of

        return profile_of(path)
    module, _, name = path.partition(":")
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise _no_profile(path, str(error)) from error
    if not isinstance(found, SystemProfile):
        raise _no_profile(path, f"it is a {type(found).__name__}")
    return found


def _no_profile(path: str, why: str) -> exc.Misconfigured:
    return exc.Misconfigured(
        f"{path!r} is no profile: {why}.",
        system="rest",
        field="profile",
        remedy="Give package.module:PROFILE, importable where tasks run, made with rest_profile(...).",
    )


def resolve(settings: Mapping[str, Any]) -> SystemProfile:
    """Return the profile that a connection names.

    :raises Misconfigured: it names none.
    """
    path = str(settings.get("profile") or "")
    if not path:
        raise exc.Misconfigured(
            "a REST connection does not say by itself what its API looks like.",
            system="rest",
            field="profile",
            remedy="Fill in profile (package.module:PROFILE), or give the profile in Python.",
        )
    chosen = profile_at(path)
    if chosen.name == PROFILE.name and chosen.resolve is not None:
        raise _no_profile(path, "it names this very product")
    return chosen.configured(settings)


def _unresolved(site: Site) -> Exchange[str]:
    yield from ()
    raise _no_profile(str(site.setting("profile", "")), "the connection was not resolved")


PROFILE = SystemProfile(
    name="rest",
    title="REST API",
    docs_url="https://www.rfc-editor.org/rfc/rfc9110",
    checked_on=date(2026, 11, 22),
    documents={},
    instance=_unresolved,
    resolve=resolve,
    conn_fields={
        "profile": {
            "label": "Profile",
            "description": "Import path of the API's profile (package.module:PROFILE), or a registered name.",
            "schema": {"type": ["string", "null"]},
        },
        "api_key": secret_field("API key"),
        "client_secret": secret_field("Client secret"),
        **COMMON_FIELDS,
    },
)
