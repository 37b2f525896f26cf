"""As whom the connection acts: the user, the company and the employee whom Tryton records."""

from __future__ import annotations

from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.tryton.wire import rows, rpc


def check_user(site: Site) -> Exchange[None]:
    """Refuse a user whom Tryton shows one company at a time although it has several.

    Such a user reads the documents of the other companies as missing, and a missing document is a fact
    that docflow acts on.

    :raises Misconfigured: the user is of that kind.
    """
    fields = ("company_filter", "companies")
    found = yield from rows(site, "res.user", [["login", "=", site.username]], fields)
    if found and found[0]["company_filter"] == "one" and len(found[0]["companies"]) > 1:
        raise exc.Misconfigured(
            f"the user {site.username} belongs to several companies and sees only one at a time.",
            system=site.conn_id,
            field="login",
            remedy="Set the user's company filter to All in Tryton, or give each company its own user.",
        )


def acting_in(site: Site, company: int) -> Exchange[dict[str, Any]]:
    """Return the context of a company with the user's employee there, whom Tryton records as the actor.

    :raises Authentication: the user does not belong to the company.
    """
    me = yield from rpc(site, "model.res.user.get_preferences", True)
    if company not in me["companies"]:
        raise exc.Authentication(
            f"the user {site.username} does not belong to the company with the id {company}.",
            system=site.conn_id,
            field="company_code",
            remedy="Add the company to the user in Tryton.",
        )
    context: dict[str, Any] = {"company": company}
    if me.get("company") == company and me.get("employee"):
        return {**context, "employee": me["employee"]}
    if not me.get("employees"):
        return context
    domain = [["id", "in", me["employees"]], ["company", "=", company]]
    found = yield from rows(site, "company.employee", domain, ("id",), limit=1)
    return {**context, "employee": found[0]["id"]} if found else context
