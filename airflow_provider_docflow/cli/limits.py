"""``airflow docflow limits``: what a connection may call, and how much of it all processes have used."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow.cli.common import ledger_from, show_json, show_table, told
from airflow_provider_docflow.core.limits import buckets_of, limits_of, quotas_of
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.ledger.buckets import Payer, unknown

if TYPE_CHECKING:
    from airflow_provider_docflow.ledger import Ledger


@told
def limits(args: Namespace) -> None:
    """Print each limit and quota of a connection with its use; the system is not called."""
    from airflow_provider_docflow.hooks.connections import site_at

    site = site_at(args.conn_id)
    rows = rows_of(ledger_from(args), site)
    if args.json:
        show_json(rows)
    elif rows:
        show_table(list(rows[0]), [list(row.values()) for row in rows])
    else:
        print(f"no limits are known for {args.conn_id}; its extra may name some: see docs/limits.md")


def rows_of(ledger: Ledger, site: Site) -> list[dict[str, Any]]:
    """Return one row for each limit, and one while the system wants to be left alone."""
    from airflow_provider_docflow.hooks.budgets import address_of

    payer = Payer(ledger.instances.bound_to(site.conn_id) or unknown(address_of(site)))
    given = limits_of(site)
    apart = (*site.profile.login_limits, *site.profile.call_limits.values())
    buckets = buckets_of((*given, *apart))
    rows = [
        _row(one.name, one.count, f"{one.seconds:g} s", max(0, one.size - one.free), one.free, one.wait)
        for one in ledger.budgets.limit_uses(payer, buckets)
    ]
    for use in ledger.budgets.quota_uses(payer.instance_id, quotas_of(given), site.time_zone):
        left = max(0, use.count - use.used)
        rows.append(_row(use.name, use.count, use.period, use.used, left, 0.0 if left else use.resets_in))
    wait, for_quota, _ = ledger.budgets.closed(payer)
    if wait > 0:
        name = "its own quota is used up, it says" if for_quota else "it asked to be left alone"
        rows.append(_row(name, 0, "", "", 0, wait))
    return rows


def _row(name: str, count: int, per: str, used: int | str, left: int, wait: float) -> dict[str, Any]:
    """Return a row; ``left`` of a limit in seconds is what may be called at once."""
    return {
        "limit": name,
        "calls": count or "",
        "per": per,
        "used": used,
        "left": left,
        "next call in (s)": round(wait, 1),
    }
