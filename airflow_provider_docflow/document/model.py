"""The business document, after OASIS UBL 2.x in snake case."""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from weakref import WeakValueDictionary

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, model_validator

from airflow_provider_docflow.document import check, totals
from airflow_provider_docflow.document.reading import validated
from airflow_provider_docflow.document.values import (
    Amount,
    BusinessDate,
    Count,
    Extensions,
    Identifier,
    Model,
    Percent,
    Price,
    Quantity,
    Rate,
    RequiredIdentifier,
)


class DocumentType(StrEnum):
    """The twelve documents that are moved between systems."""

    PURCHASE_REQUISITION = "purchase_requisition"
    PURCHASE_ORDER = "purchase_order"
    GOODS_RECEIPT = "goods_receipt"
    SUPPLIER_INVOICE = "supplier_invoice"
    PAYMENT_REQUEST = "payment_request"
    PAYMENT = "payment"
    CREDIT_NOTE = "credit_note"
    SALES_ORDER = "sales_order"
    DELIVERY = "delivery"
    SALES_INVOICE = "sales_invoice"
    CONTRACT = "contract"
    EXPENSE_CLAIM = "expense_claim"


class Address(Model):
    """Where a party is, or where goods go."""

    street_name: str = ""
    additional_street_name: str = ""
    city_name: str = ""
    postal_zone: str = ""
    country_subentity: str = ""
    country_code: str = ""


class Party(Model):
    """A company or a person, under the id that the document's system gives it."""

    id: RequiredIdentifier
    name: str = ""
    tax_id: Identifier = ""
    address: Address | None = None
    electronic_mail: str = ""
    telephone: str = ""


class AllowanceCharge(Model):
    """A discount (``charge=False``) or a surcharge (``charge=True``); the amount itself is never negative.

    :param tax_percent: only on document level, where no line says at what rate the amount is taxed.
    """

    charge: StrictBool
    amount: Amount
    reason: str = ""
    tax_percent: Percent | None = None


class CostObject(Model):
    """Where a line's cost goes; the shares of one line add up to exactly 1."""

    cost_centre: Identifier = ""
    project: Identifier = ""
    account: Identifier = ""
    share: Quantity = Decimal(1)


class PaymentTerms(Model):
    """When which part is due: on a day, or so many days after the issue date."""

    due_date: BusinessDate | None = None
    days: Count | None = None
    percent: Percent | None = None
    prepayment: StrictBool = False

    @model_validator(mode="after")
    def _one_way_to_say_when(self) -> PaymentTerms:
        if self.due_date is not None and self.days is not None:
            raise ValueError("give due_date or days, not both")
        return self


def _iban(value: str) -> str:
    compact = value.replace(" ", "").upper()
    if not compact:
        return ""
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}", compact):
        raise ValueError("this is not an IBAN; other account numbers belong in account_number")
    if int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 != 1:
        raise ValueError("the check digits of this IBAN are wrong")
    return compact


class PayeeAccount(Model):
    """The bank account that is paid, by IBAN or by account number and bank."""

    iban: Annotated[str, AfterValidator(_iban)] = ""
    account_number: Identifier = ""
    bank: Identifier = ""
    name: str = ""

    @model_validator(mode="after")
    def _some_account(self) -> PayeeAccount:
        if not self.iban and not self.account_number:
            raise ValueError("an account needs an iban or an account_number")
        return self


def _sha256(value: str) -> str:
    if value and not re.fullmatch(r"[0-9a-f]{64}", value.lower()):
        raise ValueError("a SHA-256 checksum has 64 hexadecimal digits")
    return value.lower()


class Attachment(Model):
    """A file that belongs to the document.

    :param sha256: checksum of its bytes; while it is unknown, name and size stand for the file.
    """

    name: str
    sha256: Annotated[str, AfterValidator(_sha256)] = ""
    size: Count | None = None
    uri: str = ""


class Delivery(Model):
    """When, to whom and where the document's goods go."""

    delivery_date: BusinessDate | None = None
    delivery_party: Party | None = None
    delivery_address: Address | None = None


class Line(Model):
    """One line.

    :param line_id: unique in the document and kept in every part of it.
    :param price_amount: per ``base_quantity``; ``None`` only in documents that move goods without a value.
    :param price_includes_tax: whether price and the line's allowances include the tax.
    :param line_extension_amount: quantity * price / base quantity, with allowances and charges, without tax.
    :param seller_supplier_party: the line's own supplier, where the document has several.
    :param delivery_party: the line's own delivery company, where the document has several.
    """

    line_id: RequiredIdentifier
    item_id: Identifier = ""
    description: str = ""
    quantity: Quantity
    unit_code: Identifier = ""
    price_amount: Price | None = None
    base_quantity: Quantity = Decimal(1)
    price_includes_tax: StrictBool = False
    tax_percent: Percent | None = None
    tax_amount: Amount | None = None
    allowance_charge: tuple[AllowanceCharge, ...] = ()
    line_extension_amount: Amount | None = None
    accounting: tuple[CostObject, ...] = ()
    delivery_date: BusinessDate | None = None
    seller_supplier_party: Party | None = None
    delivery_party: Party | None = None
    notes: tuple[str, ...] = ()
    extensions: Extensions = Field(default_factory=dict)


def _currency(value: object) -> object:
    if isinstance(value, str) and value and not re.fullmatch(r"[A-Z]{3}", value):
        raise ValueError("a currency is three capitals of ISO 4217, such as EUR, CNY or JPY")
    return value


class Document(Model):
    """A business document in no system's own form.

    Constructing it checks every field by itself; :meth:`check` checks that they agree with each other.

    :param id: the document's number; empty while it has none.
    :param tax_amount: tax of all lines, allowances and charges.
    :param payable_rounding_amount: what rounding adds to or takes from the total; never hidden elsewhere.
    :param payable_amount: lines without tax, plus charges, minus allowances, plus tax, plus rounding.
    :param exchange_rate: units of the company's currency for one unit of the document's.
    """

    document_type: DocumentType
    id: Identifier
    issue_date: BusinessDate
    posting_date: BusinessDate | None = None
    due_date: BusinessDate | None = None
    company_code: Identifier = ""
    document_currency_code: Annotated[str, BeforeValidator(_currency)] = ""
    buyer_customer_party: Party | None = None
    seller_supplier_party: Party | None = None
    lines: tuple[Line, ...]
    allowance_charge: tuple[AllowanceCharge, ...] = ()
    tax_amount: Amount | None = None
    payable_rounding_amount: Amount | None = None
    payable_amount: Amount | None = None
    exchange_rate: Rate | None = None
    payment_terms: tuple[PaymentTerms, ...] = ()
    payee_account: PayeeAccount | None = None
    requester: Party | None = None
    delivery: Delivery | None = None
    attachments: tuple[Attachment, ...] = ()
    notes: tuple[str, ...] = ()
    extensions: Extensions = Field(default_factory=dict)

    def check(self) -> None:
        """Refuse a document that contradicts itself.

        :raises InvalidDocument: names the document, the field, what was expected and found, and what to do.
        """
        check.check(self)

    def checked(self) -> Document:
        """Return this very document after :meth:`check`."""
        check.check(self)
        return self

    def totalled(self) -> Document:
        """Return the document with every missing total filled in; given ones are checked, never replaced.

        What it has returned is returned as it is.

        :raises InvalidDocument: as :meth:`check`.
        """
        if _TOTALLED.get(id(self)) is self:
            return self
        whole = totals.filled(self).checked()
        _TOTALLED[id(whole)] = whole
        return whole


_TOTALLED: WeakValueDictionary[int, Document] = WeakValueDictionary()
"""Documents known to be whole, as long as they live; a changed copy is another document."""


def document_to_json(document: Document) -> dict[str, Any]:
    """Return a document as JSON primitives: amounts as plain strings, dates in ISO form.

    :param document: reading it back with :func:`document_from_json` gives an equal one.
    """
    return document.model_dump(mode="json")


def document_from_json(data: Any) -> Document:
    """Read what :func:`document_to_json` wrote, or JSON of any other origin.

    :param data: a mapping; parse JSON text with ``parse_float=Decimal``, because a float is refused.
    :raises InvalidDocument: a field is missing, unknown or wrong; every one is named.
    """
    number = data.get("id") if isinstance(data, dict) else None
    return validated(Document, data, document=number if isinstance(number, str) else "")
