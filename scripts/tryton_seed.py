"""Fill a new Tryton database: companies, currencies, suppliers, products, users. All of it over JSON-RPC."""

from __future__ import annotations

import calendar
import datetime as dt
import secrets
from decimal import Decimal
from typing import Any

from scripts.tryton_rpc import TrytonRpc

COMPANIES = ("Docflow Works Ltd", "Docflow Trading GmbH")
CURRENCIES = {  # code: name, symbol, numeric code, minor units, units for one USD
    "USD": ("US Dollar", "$", "840", 2, "1"),
    "EUR": ("Euro", "€", "978", 2, "0.92"),
    "CNY": ("Renminbi", "¥", "156", 2, "7.18"),
    "JPY": ("Yen", "円", "392", 0, "151.4"),
}
SUPPLIERS = (
    "Acme Supplies",
    "上海精密机械有限公司",
    "Société Générale des Pièces",
    "Müller Großhandel KG",
    "深圳电子科技有限公司",
    "Nordic Parts ApS",
    "東京商事株式会社",
    "Señal y Cía.",
)
ACCOUNTS = {"receivable": "1.2.1", "payable": "2.1.1", "revenue": "4.1.1", "expense": "5.1.1"}
TAX_ACCOUNT = "6.3.6"
PRODUCTS = range(100, 120)
TAXED_PRODUCT, TAX_RATE = 130, Decimal("0.13")
# Nothing is received for a service: the ERP confirms an order of services three times as fast.
SERVICES = range(200, 210)
ROLES = {
    "buyer": ("Purchase", "Purchase Request", "Purchase Requisition", "Accounting"),
    "boss": (
        "Purchase",
        "Purchase Administrator",
        "Purchase Request",
        "Purchase Requisition",
        "Purchase Requisition Approval",
        "Accounting",
        "Payment",
        "Payment Approval",
    ),
}


def price_of(code: int) -> Decimal:
    """List price of product ``P-<code>`` in USD."""
    return Decimal(code - 90) * Decimal("12.50")


class Seed:
    """Writes the records of one new database.

    :param rpc: a session of the administrator.
    :param today: the day around which the fiscal years lie.
    """

    def __init__(self, rpc: TrytonRpc, today: dt.date) -> None:
        self.rpc = rpc
        self.today = today
        self.out: dict[str, Any] = {"built_on": today.isoformat()}

    def run(self) -> dict[str, Any]:
        """Write everything.

        :returns: ids by code, users with their passwords and REST keys; JSON primitives only.
        """
        self._currencies()
        self._companies()
        for company in self.out["companies"]:
            self._books(company)
        self._parties()
        self._products()
        self._payments()
        self._users()
        return self.out

    def _currencies(self) -> None:
        long_ago = self.today.replace(month=1, day=1) - dt.timedelta(days=400)
        ids = self.rpc.create(
            "currency.currency",
            *(
                {
                    "code": code,
                    "name": name,
                    "symbol": symbol,
                    "numeric_code": number,
                    "digits": digits,
                    "rounding": Decimal(1).scaleb(-digits),
                    "rates": [["create", [{"date": long_ago, "rate": Decimal(rate)}]]],
                }
                for code, (name, symbol, number, digits, rate) in CURRENCIES.items()
            ),
        )
        self.out["currencies"] = dict(zip(CURRENCIES, ids, strict=True))

    def _companies(self) -> None:
        parties = self.rpc.create("party.party", *({"name": name} for name in COMPANIES))
        usd = self.out["currencies"]["USD"]
        ids = self.rpc.create("company.company", *({"party": party, "currency": usd} for party in parties))
        self.out["companies"] = ids
        self._join(self.rpc.find("res.user", [["login", "=", "admin"]], ["id"])[0]["id"], "admin")
        self.rpc.context = dict(self.rpc("model.res.user.get_preferences", True))

    def _join(self, user: int, login: str) -> None:
        (party,) = self.rpc.create("party.party", {"name": f"{login.title()} (employee)"})
        companies = self.out["companies"]
        employees = self.rpc.create("company.employee", *({"party": party, "company": c} for c in companies))
        self.rpc(
            "model.res.user.write",
            [user],
            {
                "companies": [["add", companies]],
                # By default Tryton hides every company but the user's current one, whatever the context says.
                "company_filter": "all",
                "employees": [["add", employees]],
                "company": companies[0],
                "employee": employees[0],
            },
        )
        self.out.setdefault("users", {})[login] = {"id": user, "employees": employees}

    def _books(self, company: int) -> None:
        accounts = self._chart(company)
        self._rate_differences(company, accounts["expense"])
        name = str(self.today.year)
        first_month = self.today.month - 6
        start = dt.date(self.today.year - (first_month < 1), (first_month - 1) % 12 + 1, 1)
        last = self.today.month + 5
        end_year, end_month = self.today.year + (last > 12), (last - 1) % 12 + 1
        end = dt.date(end_year, end_month, calendar.monthrange(end_year, end_month)[1])
        move, invoice = (self._sequence(kind, name, company) for kind in ("Account Move", "Invoice"))
        kinds = ("out_invoice", "in_invoice", "out_credit_note", "in_credit_note")
        sequences = {"company": company, **{f"{kind}_sequence": invoice for kind in kinds}}
        (year,) = self.rpc.create(
            "account.fiscalyear",
            {
                "name": name,
                "start_date": start,
                "end_date": end,
                "company": company,
                "move_sequence": move,
                "invoice_sequences": [["create", [sequences]]],
            },
            company=company,
        )
        self.rpc("model.account.fiscalyear.create_period", [year], company=company)
        self.out.setdefault("accounts", []).append(accounts)
        self.out.setdefault("fiscal_years", []).append(
            {"id": year, "start": start.isoformat(), "end": end.isoformat()}
        )

    def _rate_differences(self, company: int, account: int) -> None:
        """Say where a posting in another currency puts the cent that its lines differ by."""
        (journal,) = self.rpc.find("account.journal", [["type", "=", "write-off"]], ["id"])
        sides = {f"currency_exchange_{side}_account": account for side in ("credit", "debit")}
        fields = {**sides, "currency_exchange_journal": journal["id"]}
        self.rpc.create("account.configuration", fields, company=company)

    def _sequence(self, kind: str, name: str, company: int) -> int:
        (found,) = self.rpc.find("ir.sequence.type", [["name", "=", kind]], ["id"])
        fields = {"name": f"{kind} {name}", "sequence_type": found["id"], "company": company}
        return self.rpc.create("ir.sequence.strict", fields, company=company)[0]

    def _chart(self, company: int) -> dict[str, int]:
        wizard = "wizard.account.create_chart"
        template = self.rpc("model.ir.model.data.get_id", "account", "account_template_root_en")
        session, _, _ = self.rpc(f"{wizard}.create", company=company)
        form = {"account": {"account_template": template, "company": company}}
        self.rpc(f"{wizard}.execute", session, form, "create_account", company=company)
        accounts = {kind: self._account(code, company) for kind, code in ACCOUNTS.items()}
        properties = {
            "company": company,
            "account_receivable": accounts["receivable"],
            "account_payable": accounts["payable"],
            "category_account_expense": accounts["expense"],
            "category_account_revenue": accounts["revenue"],
        }
        self.rpc(
            f"{wizard}.execute", session, {"properties": properties}, "create_properties", company=company
        )
        self.rpc(f"{wizard}.delete", session, company=company)
        return accounts

    def _parties(self) -> None:
        codes = [f"SUP-{number}" for number in range(1, len(SUPPLIERS) + 1)]
        addresses = [["create", [{"street": "1 Main Street", "city": "Springfield"}]]]
        ids = self.rpc.create(
            "party.party",
            *(
                {"code": code, "name": name, "addresses": addresses}
                for code, name in zip(codes, SUPPLIERS, strict=True)
            ),
        )
        self.out["suppliers"] = dict(zip(codes, ids, strict=True))
        found = self.rpc.find("party.address", [["party", "in", ids]], ["party"])
        by_party = {row["party"]: row["id"] for row in found}
        self.out["addresses"] = {code: by_party[party] for code, party in self.out["suppliers"].items()}

    def _category(self, name: str, taxes: list[int]) -> int:
        (category,) = self.rpc.create("product.category", {"name": name, "accounting": True})
        if taxes:
            self.rpc("model.product.category.write", [category], {"supplier_taxes": [["add", taxes]]})
        for company, accounts in zip(self.out["companies"], self.out["accounts"], strict=True):
            values = {"account_expense": accounts["expense"], "account_revenue": accounts["revenue"]}
            self.rpc("model.product.category.write", [category], values, company=company)
        return category

    def _taxes(self) -> list[int]:
        taxes = []
        for company in self.out["companies"]:
            fields = {
                "name": "VAT 13 %",
                "description": "VAT 13 %",
                "type": "percentage",
                "rate": TAX_RATE,
                "company": company,
                "invoice_account": self._account(TAX_ACCOUNT, company),
                "credit_note_account": self._account(TAX_ACCOUNT, company),
            }
            taxes += self.rpc.create("account.tax", fields, company=company)
        return taxes

    def _account(self, code: str, company: int) -> int:
        domain = [["company", "=", company], ["code", "=", code]]
        return int(self.rpc.find("account.account", domain, ["id"], company=company)[0]["id"])

    def _products(self) -> None:
        (unit,) = self.rpc.find("product.uom", [["name", "=", "Unit"]], ["id"])
        taxes = self._taxes()
        plain, taxed = self._category("Materials", []), self._category("Materials, taxed", taxes)
        self.out |= {"units": {"Unit": unit["id"]}, "taxes": {"VAT-13": taxes}}
        codes = [*PRODUCTS, TAXED_PRODUCT, *SERVICES]
        self.rpc.create(
            "product.template",
            *(
                {
                    "name": f"{'Service' if code in SERVICES else 'Part'} {code}",
                    "code": f"P-{code}",
                    "type": "service" if code in SERVICES else "goods",
                    "default_uom": unit["id"],
                    "purchase_uom": unit["id"],
                    "sale_uom": unit["id"],
                    "purchasable": True,
                    "salable": True,
                    "list_price": price_of(code),
                    "cost_price_method": "fixed",
                    "account_category": taxed if code == TAXED_PRODUCT else plain,
                    "products": [["create", [{}]]],
                }
                for code in codes
            ),
        )
        found = self.rpc.find("product.product", [["code", "like", "P-%"]], ["code"])
        self.out["products"] = {row["code"]: row["id"] for row in found}

    def _payments(self) -> None:
        fields = {"name": "Direct", "lines": [["create", [{"type": "remainder"}]]]}
        self.out["payment_term"] = self.rpc.create("account.invoice.payment_term", fields)[0]
        self.out["payment_journals"] = [
            self.rpc.create(
                "account.payment.journal",
                {
                    "name": "Manual",
                    "process_method": "manual",
                    "company": company,
                    "currency": self.out["currencies"]["USD"],
                },
                company=company,
            )[0]
            for company in self.out["companies"]
        ]

    def _users(self) -> None:
        groups = {row["name"]: row["id"] for row in self.rpc.find("res.group", [], ["name"])}
        for login, names in ROLES.items():
            password = secrets.token_urlsafe(18)
            fields = {
                "name": login.title(),
                "login": login,
                "password": password,
                "email": f"{login}@example.com",
                "groups": [["add", [groups[name] for name in names]]],
            }
            self._join(self.rpc.create("res.user", fields)[0], login)
            self.out["users"][login]["password"] = password
        for entry in self.out["users"].values():
            (application,) = self.rpc.create(
                "res.user.application", {"user": entry["id"], "application": "rest"}
            )
            (row,) = self.rpc("model.res.user.application.read", [application], ["key", "state"])
            entry["key"] = row["key"]
