"""
Shadow: a profile whose reads say that they are reads, and whose writes refuse to begin.

A door in shadow lets out nothing but what is declared a read. The declaration is the slot of the profile from
which a request comes: a read, a search, a probe, a change feed, a login. What comes from anywhere else has
none and stays inside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import WRITES
from airflow_provider_docflow.core.exchange import Exchange, SqlUnit, Step, each_step
from airflow_provider_docflow.core.profile import DocumentProfile, SystemProfile, Write
from airflow_provider_docflow.core.site import Site

DECLARED = "docflow_declared_read"

T = TypeVar("T")


def refused(what: str, system: str) -> exc.ShadowOnly:
    """Return the error of a write that was stopped before anything was sent."""
    return exc.ShadowOnly(
        f"{what} would be sent, and this runs in shadow; nothing was sent.",
        system=system,
        remedy="Nothing, if that is wanted; else take mode='shadow' away, and [docflow] mode = shadow.",
    )


def check_step(step: Step, system: str) -> None:
    """Refuse a step that is not declared a read.

    :raises ShadowOnly: nothing was sent.
    """
    if isinstance(step, SqlUnit):
        if step.writes:
            raise refused("a transaction that writes", system)
    elif isinstance(step, httpx2.Request) and (
        not step.extensions.get(DECLARED) or step.extensions.get(WRITES)
    ):
        raise refused(f"{step.method} {step.url.path}", system)


def reads(exchange: Exchange[T]) -> Exchange[T]:
    """Pass ``exchange`` on and declare each of its requests a read."""

    def declared(step: Step) -> Step:
        if isinstance(step, httpx2.Request):
            step.extensions = {**step.extensions, DECLARED: True}
        return step

    return each_step(exchange, declared)


def shadowed(profile: SystemProfile) -> SystemProfile:
    """Return ``profile`` with its reads declared as such, and writes that end before their first step."""
    return replace(
        profile,
        documents={name: _documents(kind) for name, kind in profile.documents.items()},
        instance=_declared(profile.instance),
        login=_if_any(profile.login),
        clock=_if_any(profile.clock),
        lookups={name: _declared(lookup) for name, lookup in profile.lookups.items()},
    )


def shadowed_site(site: Site) -> Site:
    """Return ``site`` as it is used in shadow; nothing is created there to make it ready either."""
    settings = {name: value for name, value in site.settings.items() if name != "ensure"}
    return replace(site, profile=shadowed(site.profile), settings=settings)


def _documents(kind: DocumentProfile) -> DocumentProfile:
    return replace(
        kind,
        read=_declared(kind.read),
        search=_if_any(kind.search),
        changes=_if_any(kind.changes),
        describe=_if_any(kind.describe),
        permissions=_if_any(kind.permissions),
        create=_without_run(kind.create) if kind.create else None,
        amend=_without_run(kind.amend) if kind.amend else None,
        actions={name: _without_run(write) for name, write in kind.actions.items()},
    )


def _declared(slot: Callable[..., Exchange[Any]]) -> Callable[..., Exchange[Any]]:
    def declared(*given: Any) -> Exchange[Any]:
        return reads(slot(*given))

    return declared


def _if_any(slot: Callable[..., Exchange[Any]] | None) -> Callable[..., Exchange[Any]] | None:
    return _declared(slot) if slot else None


def _without_run(write: Write) -> Write:
    return replace(write, run=_stopped, find=_if_any(write.find))


def _stopped(site: Site, items: Any) -> Exchange[Any]:
    raise refused(f"a write of {len(items)} documents", site.conn_id)
    yield
