"""``airflow docflow health`` and ``maintenance``: which systems are down, and when to leave one alone."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.common import ledger_from, person, show_json, show_table, told
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.ledger.health import Health


@told
def health(args: Namespace) -> None:
    """Print how the systems are; with ``--now`` ask one whether it answers."""
    ledger = ledger_from(args)
    if args.now and not args.conn_id:
        raise exc.Misconfigured(
            "which system is to be asked?", field="conn_id", remedy="Name a connection before --now."
        )
    instance = ledger.instances.bound_to(args.conn_id) if args.conn_id else None
    if args.conn_id and instance is None:
        raise exc.NotFound(
            f"nothing is known of the system behind {args.conn_id}: it has never answered.",
            system=args.conn_id,
            remedy=f"Ask it who it is: airflow docflow check {args.conn_id}.",
        )
    if args.now:
        said = _ask(ledger, _site(args.conn_id))
        if said and not args.json:
            print(said)
    found = [one for one in ledger.health.all() if instance in (None, one.instance_id)]
    waiting = ledger.parking.waiting()
    rows = [_row(one, waiting.get(one.instance_id, 0)) for one in found]
    if args.json:
        show_json(rows)
    elif rows:
        show_table(list(rows[0]), [list(row.values()) for row in rows])
    else:
        print(f"{args.conn_id or 'no system'} has {'never ' if args.conn_id else ''}failed")


def _ask(ledger: Any, site: Site) -> str:
    """Have a system asked, and such writes as are held back tried; return what there is to say of it."""
    from airflow_provider_docflow.hooks.outages import HealthGate

    gate = HealthGate(ledger, site)
    known = gate.ask()
    if known is not None and known.state != "closed":
        return ""
    said = [f"{site.conn_id} answers"] if known is None else []
    if any(one.instance_id == gate.instance and one.state != "closed" for one in ledger.health.all()):
        ledger.health.ask_now(gate.instance)
        said.append(f"the next such write to {site.conn_id} is let out, to see whether it is taken")
    return "\n".join(said)


def _site(conn_id: str) -> Site:
    from airflow_provider_docflow.hooks.connections import site_at

    return site_at(conn_id)


def _row(one: Health, waiting: int) -> dict[str, Any]:
    return {
        "system": one.instance_id,
        "state": one.word,
        "since": one.since.isoformat(timespec="seconds"),
        "cause": one.cause,
        "incident": one.incident or "",
        "parked_tasks": waiting,
        "next_try": "" if one.probe_until is None else one.probe_until.isoformat(timespec="seconds"),
    }


@told
def maintenance(args: Namespace) -> None:
    """Enter a window, cancel one, or list those that are not over."""
    ledger = ledger_from(args)
    if args.cancel:
        ledger.windows.cancel(args.cancel, actor=person(), reason=_reason(args))
        print(f"window {args.cancel} is cancelled")
        return
    if args.conn_id:
        site = _site(args.conn_id)
        begins = _instant(args.begins, site, "from") if args.begins else ledger.now()
        ends = _instant(args.ends, site, "to")
        window = ledger.windows.enter(
            args.conn_id, starts_at=begins, ends_at=ends, reason=_reason(args), actor=person()
        )
        until = f"{window.ends_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        print(f"window {window.id}: {args.conn_id} is left alone until {until}")
        return
    rows = [
        {
            "id": one.id,
            "connection": one.conn_id,
            "system": one.instance_id,
            "from": one.starts_at.isoformat(timespec="minutes"),
            "to": one.ends_at.isoformat(timespec="minutes"),
            "reason": one.reason,
            "by": one.actor,
        }
        for one in ledger.windows.coming()
    ]
    if args.json:
        show_json(rows)
    elif rows:
        show_table(list(rows[0]), [list(row.values()) for row in rows])
    else:
        print("no maintenance windows but those that the connections' own settings repeat")


def _reason(args: Namespace) -> str:
    if not args.reason.strip():
        raise exc.Misconfigured("a reason is needed.", field="reason", remedy="Add --reason TEXT.")
    return str(args.reason)


def _instant(text: str, site: Site, name: str) -> datetime:
    """Read an instant; without an offset it is meant in the connection's zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise exc.Misconfigured(
            f"{text!r} is no instant.",
            field=name,
            remedy=f"Write --{name} as 2026-11-22T22:00, in the connection's time zone, or with an offset.",
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=site.time_zone)
