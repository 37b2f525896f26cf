"""Master data by the codes that documents carry: whole batches in one request per kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.tryton.wire import Row, rows

Lookup = Callable[[Site, Sequence[str]], Exchange[dict[str, Any]]]
Context = Mapping[str, Any]


@dataclass(frozen=True)
class Master:
    """One kind of master data.

    :param keys: dotted fields that may hold the code; a record answers to each of them.
    :param aliases: other words for a code, such as those of UN/ECE for units.
    """

    title: str
    model: str
    keys: tuple[str, ...]
    fields: tuple[str, ...] = ()
    aliases: Mapping[str, str] | None = None


# UN/ECE Recommendation 20, as UBL and most systems write units; Tryton has names and symbols only.
_UNECE = {
    "C62": "Unit",
    "EA": "Unit",
    "H87": "Unit",
    "PCE": "Unit",
    "GRM": "Gram",
    "KGM": "Kilogram",
    "TNE": "Metric Ton",
    "MTR": "Meter",
    "MTK": "Square meter",
    "MTQ": "Cubic meter",
    "LTR": "Liter",
    "HUR": "Hour",
    "DAY": "Day",
}

COMPANY = Master("company", "company.company", ("party.code",), ("currency.code",))
PARTY = Master(
    "party",
    "party.party",
    ("code",),
    ("addresses.invoice", "account_payable", "supplier_payment_term"),
)
PRODUCT = Master(
    "product",
    "product.product",
    ("code",),
    (
        "purchasable",
        "purchase_uom",
        "account_category.account_expense",
        "account_category.account_parent",
        "account_category.parent.account_expense",
        "account_category.supplier_taxes_used",
        "account_category.supplier_taxes_deductible_rate",
    ),
)
CURRENCY = Master("currency", "currency.currency", ("code",), ("digits", "rounding"))
UNIT = Master("unit", "product.uom", ("name", "symbol"), ("digits",), _UNECE)
PAYMENT_TERM = Master("payment term", "account.invoice.payment_term", ("name",))
ACCOUNT = Master("account", "account.account", ("code",))
EMPLOYEE = Master("employee", "company.employee", ("party.code",))


class Found:
    """The records of one kind that answer to the codes of a batch."""

    def __init__(self, master: Master, records: Mapping[str, list[Row]]) -> None:
        self.master, self.records = master, records

    def one(self, code: str, *, document: str, field: str) -> Row:
        """Return the only record of ``code``.

        :raises InvalidDocument: there is none, or more than one: master data that a person has to mend.
        """
        records = self.records.get(code, [])
        if len(records) == 1:
            return records[0]
        title, many = self.master.title, len(records)
        raise exc.InvalidDocument(
            f"Tryton has {f'{many} active records' if many else 'no active'} {title} with the code {code!r}.",
            code=f"master.{'ambiguous' if many else 'missing'}",
            document=document,
            field=field,
            remedy=f"Make {code!r} name one active {title} in Tryton, or correct it in the source document.",
        )


def find(
    site: Site,
    master: Master,
    codes: Iterable[str],
    *,
    context: Context | None = None,
    domain: Sequence[Any] = (),
) -> Exchange[Found]:
    """Ask for all ``codes`` at once; no code, no request."""
    wanted = sorted({code for code in codes if code})
    if not wanted:
        return Found(master, {})
    aliases = master.aliases or {}
    spelt = sorted({*wanted, *(aliases[code] for code in wanted if code in aliases)})
    search = [list(domain), ["OR", *([key, "in", spelt] for key in master.keys)]]
    fields = (*master.keys, *master.fields)
    found = yield from rows(site, master.model, search, fields, context=context)
    by_code: dict[str, list[Row]] = {}
    for record in found:
        for code in {value for key in master.keys for value in _values(record, key.split("."))}:
            by_code.setdefault(code, []).append(record)
    named = {code: by_code.get(code) or by_code.get(aliases.get(code, ""), []) for code in wanted}
    return Found(master, named)


def _values(record: Any, path: Sequence[str]) -> set[str]:
    """Return every text at the end of ``path``, through relations to one or many."""
    if isinstance(record, list):
        return {value for member in record for value in _values(member, path)}
    if not path:
        return {record} if isinstance(record, str) else set()
    return _values(record.get(path[0]), path[1:]) if isinstance(record, dict) else set()


def lookup(master: Master) -> Lookup:
    """Return the public lookup of a kind: code → Tryton's id; unknown codes are left out.

    It raises :class:`InvalidDocument` for a code that several records answer to.
    """

    def run(site: Site, codes: Sequence[str]) -> Exchange[dict[str, Any]]:
        found = yield from find(site, master, codes)
        return {
            code: found.one(code, document="", field=master.title)["id"]
            for code, records in found.records.items()
            if records
        }

    return run


LOOKUPS: dict[str, Lookup] = {
    "company": lookup(Master("company", "company.company", ("party.code", "party.name"))),
    "party": lookup(Master("party", "party.party", ("code", "identifiers.code"))),
    "product": lookup(PRODUCT),
    "currency": lookup(CURRENCY),
    "unit": lookup(UNIT),
    "payment_term": lookup(PAYMENT_TERM),
}
