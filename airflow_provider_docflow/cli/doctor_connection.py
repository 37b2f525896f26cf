"""What ``doctor CONN`` looks at: login, instance, permissions, clock and zone, guarantees, limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow.cli.doctor_connections import same_instance
from airflow_provider_docflow.cli.doctor_findings import Finding, fail, ok, tried, warn
from airflow_provider_docflow.cli.doctor_permissions import permission_findings
from airflow_provider_docflow.cli.doctor_webhooks import site_findings
from airflow_provider_docflow.cli.reaching import looked_at
from airflow_provider_docflow.locale import text

if TYPE_CHECKING:
    from airflow_provider_docflow.core.limits import Quota
    from airflow_provider_docflow.core.site import Site
    from airflow_provider_docflow.hooks.system import System

SKEW_FAILS, SKEW_WARNS = 300.0, 30.0
"""Five minutes is what signed requests and tokens commonly bear."""

NEARLY_USED = 0.8


class Dates:
    """Collects the ``Date`` header of every reply, with the moment at which it came."""

    def __init__(self) -> None:
        self.skews: list[float] = []

    def __call__(self, reply: Any) -> None:
        """Keep how far the system's clock is ahead of ours; a header is exact to a second."""
        try:
            there = parsedate_to_datetime(reply.headers.get("Date", ""))
        except ValueError:
            return
        if there.tzinfo is not None:
            self.skews.append((there - datetime.now(UTC)).total_seconds() + 0.5)


def connection_findings(conn_id: str, ledger_conn_id: str) -> Iterator[Finding]:
    """Yield everything there is to say of one connection."""
    yield from tried("connection", lambda: _findings(conn_id, ledger_conn_id))


def _findings(conn_id: str, ledger_conn_id: str) -> Iterator[Finding]:
    with looked_at(conn_id) as system:
        site, dates = system.address, Dates()
        yield ok("connection", f"{site.profile.title}, {len(site.profile.documents)} document types")
        _listen(system, dates)
        yield from tried(
            "login and instance", lambda: same_instance("login and instance", system, ledger_conn_id)
        )
        yield from tried("time zone", lambda: _zone(site))
        yield from tried("webhook", lambda: site_findings(site, ledger_conn_id))
        if not _in(system):
            return
        _listen(system, dates)
        yield from permission_findings(system)
        yield from tried("clock", lambda: _clock(system, dates))
        yield from guarantees(site)
        yield from tried("limits", lambda: _limits(system.site, ledger_conn_id))


def _listen(system: System, dates: Dates) -> None:
    """Have a door's replies looked at; the door that asked for the instance is closed after it."""
    system.door.client.event_hooks = {"request": [], "response": [dates]}


def _in(system: System) -> bool:
    return bool(system._bound)


def _zone(site: Site) -> Finding:
    there = datetime.now(UTC).astimezone(site.time_zone)
    told = f"{there.tzinfo}: {there:%Y-%m-%d %H:%M} there"
    if "time_zone" in site.profile.conn_fields and not site.settings.get("time_zone"):
        return warn(
            "time zone",
            f"{told}, by default",
            f"Fill in time_zone of the connection {site.conn_id}: the day of a document depends on it.",
        )
    return ok("time zone", told)


def _clock(system: System, dates: Dates) -> Finding:
    ask = system.address.profile.clock
    if ask is not None:
        there = system.run(ask(system.site))
        skew = (there - datetime.now(UTC)).total_seconds()
    elif dates.skews:
        skew = min(dates.skews, key=abs)
    else:
        return warn("clock", "its replies carry no time", "Compare its clock with this machine's yourself.")
    side = "ahead of" if skew > 0 else "behind"
    told = f"{abs(skew):.0f} s {side} this machine" if abs(skew) >= 1 else "the same as here"
    if abs(skew) >= SKEW_FAILS:
        return fail("clock", told, "Let both machines keep time by NTP: probes and tokens depend on it.")
    if abs(skew) >= SKEW_WARNS:
        return warn("clock", told, "Let both machines keep their time by NTP.")
    return ok("clock", told)


def guarantees(site: Site) -> Iterator[Finding]:
    """Yield, per document type, what is promised of a create and how it is made sure."""
    for name, kind in sorted(site.profile.documents.items()):
        if kind.create is None:
            yield ok(f"{name}: guarantee", "cannot be created here")
            continue
        probe = kind.create.probe
        settle = f", settles in {probe.settle_seconds:g} s" if probe.settle_seconds else ""
        yield ok(f"{name}: guarantee", f"{text(probe.guarantee)} (probe {probe.quality}{settle})")


def _limits(site: Site, ledger_conn_id: str) -> Iterator[Finding]:
    """Yield each limit and quota, with the use that all processes together have made of it."""
    from airflow_provider_docflow.core.limits import limits_of, quotas_of

    limits = limits_of(site)
    quotas = {one.name: one for one in quotas_of(limits)}
    if not limits:
        yield ok("limits", "none declared")
    for limit in limits:
        if limit.name in quotas:
            yield from tried(f"quota {limit.name}", partial(_quota, site, quotas[limit.name], ledger_conn_id))
        else:
            yield ok(f"limit {limit.name}", f"{limit.count} calls in {limit.seconds:g} s")


def _quota(site: Site, quota: Quota, ledger_conn_id: str) -> Finding:
    from airflow_provider_docflow.hooks.ledger import ledger_of

    check = f"quota {quota.name}"
    (use,) = ledger_of(ledger_conn_id).budgets.quota_uses(site.instance, [quota], site.time_zone)
    told = f"{use.used} of {quota.count} calls used in {use.period}"
    if use.used >= quota.count:
        return fail(check, told, "Documents wait for the next period; or buy a larger quota.")
    if use.used >= NEARLY_USED * quota.count:
        return warn(check, told, "Poll less often, or buy a larger quota.")
    return ok(check, told)
