"""What a supplier invoice is made of: whom it owes, on which accounts, for which lines of which orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, Line
from airflow_provider_docflow.systems.tryton import kinds, masters
from airflow_provider_docflow.systems.tryton.creates import Company, Values, document_in, each
from airflow_provider_docflow.systems.tryton.lines import (
    check_tax,
    extra_lines,
    line_values,
    numbered,
    refuse,
)
from airflow_provider_docflow.systems.tryton.marks import marked
from airflow_provider_docflow.systems.tryton.masters import Found
from airflow_provider_docflow.systems.tryton.trade import Trade, trade_of
from airflow_provider_docflow.systems.tryton.wire import Row, rows


@dataclass(frozen=True)
class _Books:
    """Accounts of the company: those named by code, the usual ones, the journal, the lines of orders."""

    accounts: Found
    payable: int | None
    expense: int | None
    journal: int
    order_lines: Mapping[int, Row]


def prepare(
    site: Site, company: Company, items: Sequence[WriteItem]
) -> Exchange[list[Values | exc.DocflowError]]:
    """Return the values of every invoice of one company's batch."""
    documents = [document_in(item) for item in items]
    trade = yield from trade_of(site, company, documents)
    books = yield from _books_of(site, company, items)

    def build(item: WriteItem) -> Values:
        document = document_in(item).checked()
        check_tax(document)
        supplier = trade.party(document)
        payable = supplier.get("account_payable") or books.payable
        if not payable:
            raise refuse(
                document,
                "seller_supplier_party",
                "neither the supplier nor the company has an account payable in Tryton.",
                "Set the account payable of the party, or the default of the company.",
            )
        currency = trade.currency(document)["id"]
        return {
            "type": "in",
            "company": company.id,
            "party": supplier["id"],
            "invoice_address": trade.address(document, supplier),
            "currency": currency,
            "account": payable,
            "journal": books.journal,
            **_terms(trade, document, supplier),
            "invoice_date": document.issue_date,
            "accounting_date": document.posting_date,
            "reference": marked(item.reference or document.id, item.mark),
            "description": marked("", item.mark),
            "comment": "\n".join(document.notes) or None,
            "lines": [["create", _build_lines(site, company, item, trade, books, currency)]],
        }

    return each(build, items)


def _terms(trade: Trade, document: Document, supplier: Row) -> Values:
    """Return when it is due; a fixed day needs no term, Tryton counts from the date itself."""
    fixed = document.due_date or (document.payment_terms[0].due_date if document.payment_terms else None)
    if fixed and len(document.payment_terms) <= 1:
        return {"payment_term": None, "payment_term_date": fixed}
    return {"payment_term": trade.payment_term(document, supplier)}


def _build_lines(
    site: Site, company: Company, item: WriteItem, trade: Trade, books: _Books, currency: int
) -> list[Values]:
    document = document_in(item)
    lines = [
        {**line_values(document, n, trade.goods), **_booking(document, n, trade, books)}
        for n in range(len(document.lines))
    ]
    for n, line in enumerate(document.lines):
        origin = _origin(site, item, line)
        if origin is not None:
            _check_origin(document, n, books.order_lines.get(origin), company, currency)
            moves = books.order_lines[origin].get("moves") or []
            lines[n].update(origin=f"purchase.line,{origin}", stock_moves=[["add", moves]])
    usual = (
        {"account": _expense(document, "allowance_charge", books.expense)} if _has_extras(document) else {}
    )
    lines += [{**extra, **usual} for extra in extra_lines(document, trade.goods)]
    return numbered([{**line, "company": company.id, "currency": currency} for line in lines])


def _has_extras(document: Document) -> bool:
    own = (document.allowance_charge, document.payable_rounding_amount)
    return any(own) or any(line.allowance_charge for line in document.lines)


def _booking(document: Document, position: int, trade: Trade, books: _Books) -> Values:
    """Return the expense account: the one that the line names, else the product's, else the company's."""
    line, field = document.lines[position], f"lines[{position}]"
    named = {cost.account for cost in line.accounting if cost.account}
    product = (
        trade.goods.products.one(line.item_id, document=document.id, field=field) if line.item_id else {}
    )
    category = product.get("account_category") or {}
    rate = category.get("supplier_taxes_deductible_rate")
    deductible = {"taxes_deductible_rate": rate} if rate is not None else {}
    if len(named) == 1:
        account = books.accounts.one(
            named.pop(), document=document.id, field=f"{field}.accounting[0].account"
        )
        return {**deductible, "account": account["id"]}
    owner = category.get("parent") or {} if category.get("account_parent") else category
    account_id = owner.get("account_expense") or books.expense
    return {**deductible, "account": _expense(document, f"{field}.item_id", account_id)}


def _expense(document: Document, field: str, account: int | None) -> int:
    if not account:
        raise refuse(
            document,
            field,
            "Tryton has no expense account for it.",
            "Give the product an accounting category, or the company a default expense account.",
        )
    return int(account)


def _origin(site: Site, item: WriteItem, line: Line) -> int | None:
    """Return the id of the order's line that this line invoices, if any is named."""
    named = (item.arguments.get("order_lines") or {}).get(line.line_id)
    found = named or line.extensions.get(site.instance, {}).get("purchase_line")
    return int(found) if found else None


def _check_origin(
    document: Document, position: int, row: Row | None, company: Company, currency: int
) -> None:
    """Refuse a line that names a line of somebody else's order."""
    order = (row or {}).get("purchase") or {}
    party = document.seller_supplier_party
    agrees = (
        order.get("company") == company.id
        and order.get("currency") == currency
        and party is not None
        and kinds.at(order, "party.code") == party.id
        and order.get("state") in ("confirmed", "processing", "done")
    )
    if not agrees:
        raise refuse(
            document,
            f"lines[{position}]",
            "the line of the order that it invoices does not exist, is not confirmed, or belongs to"
            " another company, supplier or currency.",
            "Link the invoice to the right order, or confirm the order first.",
        )


def _books_of(site: Site, company: Company, items: Sequence[WriteItem]) -> Exchange[_Books]:
    documents = [document_in(item) for item in items]
    codes = [cost.account for d in documents for line in d.lines for cost in line.accounting]
    of_company = [["company", "=", company.id]]
    accounts = yield from masters.find(
        site, masters.ACCOUNT, codes, context=company.context, domain=of_company
    )
    fields = ("default_account_payable", "default_category_account_expense")
    usual = yield from rows(site, "account.configuration", [], fields, limit=1, context=company.context)
    journals = yield from rows(
        site, "account.journal", [["type", "=", "expense"]], ("name",), context=company.context
    )
    if not journals:
        raise exc.Misconfigured(
            "Tryton has no journal of the type expense.",
            system=site.conn_id,
            field="journal",
            remedy="Add an expense journal in Tryton.",
        )
    origins = sorted(
        {o for item in items for line in document_in(item).lines if (o := _origin(site, item, line))}
    )
    order_fields = ("moves", "purchase.company", "purchase.currency", "purchase.party.code", "purchase.state")
    found: list[Row] = []
    if origins:
        found = yield from rows(
            site, "purchase.line", [["id", "in", origins]], order_fields, context=company.context
        )
    return _Books(
        accounts=accounts,
        payable=usual[0].get("default_account_payable") if usual else None,
        expense=usual[0].get("default_category_account_expense") if usual else None,
        journal=journals[0]["id"],
        order_lines={row["id"]: row for row in found},
    )
