from __future__ import annotations

import contextlib
import datetime as dt
import json
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from scripts.tryton_rpc import TrytonError, TrytonRpc

pytestmark = pytest.mark.system


def _order(seed, reference, *, company=0, product="P-200", currency="USD", taxes=()):
    line = {
        "type": "line",
        "product": seed["products"][product],
        "unit": seed["units"]["Unit"],
        "quantity": 3.0,
        "unit_price": Decimal("9.5000"),
        "taxes": [["add", list(taxes)]],
    }
    return {
        "party": seed["suppliers"]["SUP-2"],
        "invoice_address": seed["addresses"]["SUP-2"],
        "company": seed["companies"][company],
        "currency": seed["currencies"][currency],
        "reference": reference,
        "purchase_date": dt.date.today(),
        "lines": [["create", [line]]],
    }


# Tryton rounds a half to the even neighbour: 28.5 yen are 28, a tax of 3.705 is 3.70.
@pytest.mark.parametrize(
    ("company", "currency", "taxed", "total"),
    [
        (0, "USD", False, "28.50"),
        (1, "CNY", False, "28.50"),
        (1, "JPY", False, "28"),
        (0, "EUR", True, "32.20"),
    ],
)
def test_an_order_runs_from_draft_to_a_posted_invoice_in_either_company(
    tryton, company, currency, taxed, total
):
    seed = tryton.seed
    scope = {"company": seed["companies"][company]}
    taxes = [seed["taxes"]["VAT-13"][company]] if taxed else []
    product = "P-130" if taxed else "P-200"
    reference = f"RIG-{company}-{currency}"
    order = _order(seed, reference, company=company, product=product, currency=currency, taxes=taxes)
    (purchase,) = tryton.rpc("model.purchase.purchase.create", [order], **scope)
    for button in ("quote", "confirm"):
        tryton.rpc(f"model.purchase.purchase.{button}", [purchase], **scope)
    fields = ["state", "number", "invoices", "total_amount"]
    (row,) = tryton.find("purchase.purchase", [["reference", "=", reference]], fields, **scope)
    assert (row["state"], row["total_amount"]) == ("processing", Decimal(total))
    assert row["number"]
    (invoice,) = row["invoices"]
    dated = {"invoice_date": dt.date.today(), "reference": f"INV {reference}"}
    tryton.rpc("model.account.invoice.write", [invoice], dated, **scope)
    tryton.rpc("model.account.invoice.post", [invoice], **scope)
    (posted,) = tryton.rpc("model.account.invoice.read", [invoice], ["state", "total_amount"], **scope)
    assert (posted["state"], posted["total_amount"]) == ("posted", Decimal(total))


def test_rest_keys_open_the_rest_interface_and_nothing_else_does(tryton):
    def names(key):
        request = urllib.request.Request(
            f"{tryton.base_url}/{tryton.db}/rest/model/party.party?f=code&f=name&s=100",
            headers={"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"},
        )
        with urllib.request.urlopen(request) as reply:
            body = reply.read()
        return {row["code"]: row["name"] for row in json.loads(body)}

    for key in tryton.keys.values():
        assert names(key)["SUP-2"] == "上海精密机械有限公司"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        names("not-a-key")


def test_only_the_boss_may_approve_a_requisition(tryton):
    seed = tryton.seed

    def session(login):
        rpc = TrytonRpc(tryton.base_url, tryton.db)
        rpc.login(login, tryton.users[login]["password"])
        return rpc

    buyer, boss = session("buyer"), session("boss")
    line = {"product": seed["products"]["P-100"], "unit": seed["units"]["Unit"], "quantity": 2.0}
    soon = dt.date.today() + dt.timedelta(days=7)
    fields = {"company": seed["companies"][0], "supply_date": soon, "lines": [["create", [line]]]}
    ids = buyer.create("purchase.requisition", fields)
    buyer("model.purchase.requisition.wait", ids)
    with pytest.raises(TrytonError, match="not allowed"):
        buyer("model.purchase.requisition.approve", ids)
    boss("model.purchase.requisition.approve", ids)
    (row,) = buyer("model.purchase.requisition.read", ids, ["state"])
    assert row["state"] in {"approved", "processing"}
    buyer.close()
    boss.close()


def test_a_killed_server_comes_back_with_what_it_had_committed(tryton_fresh):
    (purchase,) = tryton_fresh.rpc("model.purchase.purchase.create", [_order(tryton_fresh.seed, "KEPT")])
    tryton_fresh.kill()
    with pytest.raises(OSError):
        tryton_fresh.rpc("model.purchase.purchase.read", [purchase], ["reference"])
    tryton_fresh.start()
    (row,) = tryton_fresh.rpc("model.purchase.purchase.read", [purchase], ["reference"])
    assert row["reference"] == "KEPT"


def test_the_command_line_starts_a_server_that_stays_and_keeps_its_database(tmp_path):
    def run(*arguments):
        command = [sys.executable, "-m", "scripts.tryton_server", *arguments, "--home", str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def session():
        state = json.loads((tmp_path / "tryton.json").read_text())
        rpc = TrytonRpc(state["base_url"], state["db"])
        rpc.login("admin", state["users"]["admin"]["password"])
        return rpc, state

    assert run("up", "--db", "works").returncode == 0
    try:
        rpc, state = session()
        assert state["db"] == "works"
        assert (tmp_path / "tryton.json").stat().st_mode & 0o077 == 0
        rpc.create("purchase.purchase", _order(state, "STAYS"))
        rpc.close()
        again = run("up", "--db", "works")
        assert again.returncode != 0 and "down" in again.stderr
        assert run("down").stdout == "stopped\n"
        with pytest.raises(OSError):
            rpc.find("purchase.purchase", [], ["reference"])
        assert run("up", "--db", "works").returncode == 0
        rpc, _ = session()
        assert [row["reference"] for row in rpc.find("purchase.purchase", [], ["reference"])] == ["STAYS"]
        rpc.close()
    finally:
        run("down")
    assert run("down").stdout == "was not running\n"


def test_orders_that_are_numbered_side_by_side_get_numbers_of_their_own(tryton):
    orders = [[_order(tryton.seed, f"SIDE-{n}-{m}") for m in range(10)] for n in range(4)]

    def number(some):
        rpc = TrytonRpc(tryton.base_url, tryton.db)
        rpc.login("admin", tryton.users["admin"]["password"])
        ids = rpc.create("purchase.purchase", *some)
        rpc("model.purchase.purchase.quote", ids)
        rpc.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(number, orders))

    found = tryton.find("purchase.purchase", [["reference", "like", "SIDE-%"]], ["number"])
    assert len({row["number"] for row in found}) == len(found) == 40


def test_a_session_outlives_an_hour_in_which_nobody_uses_it(tryton):
    """Other files of tests may take as long between two that use this server."""
    hour_ago = (dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S.%f")
    file = tryton.home / "sqlite" / f"{tryton.db}.sqlite"
    with contextlib.closing(sqlite3.connect(file, timeout=60)) as connection, connection:
        changed = connection.execute("UPDATE ir_session SET create_date = ?, write_date = ?", [hour_ago] * 2)
        assert changed.rowcount
    # Posting is refused to who was away for long, other calls are not.
    tryton.rpc("model.account.invoice.post", [])
