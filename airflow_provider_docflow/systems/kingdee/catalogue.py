"""
The forms of a tenant that changed nothing.

Form ids, entry names and the fields of the order are those of Kingdee's own examples; the keys of the other
forms were read in programs of many customers and not on a system of ours. Each is a default that the setting
``forms`` corrects; a key that a tenant does not have is refused by Kingdee by its name, before anything is
written. The contract (``PUR_Contract``) has no entry: nobody has shown the names of its fields.
"""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.kingdee.forms import AMOUNT, Field, Form, forms_of

_DAY = "issue_date"
_SUPPLIER, _CUSTOMER = "seller_supplier_party.id", "buyer_customer_party.id"
_CURRENCY, _COMPANY, _TOTAL = "document_currency_code", "company_code", "payable_amount"
_NOT_DUE = ("requester", "attachments", "due_date")
"""What a form without a due date need not hold: when money is owed, the payable says."""


def _total(key: str) -> Field:
    return Field(_TOTAL, key, ())


def _names(supplier: str) -> Field:
    return Field("seller_supplier_party.name", f"{supplier}.FName", ())


def _lines(
    *,
    material: str = "FMaterialId",
    unit: str = "FUnitId",
    quantity: str,
    price: str = "FPrice",
    day: str = "",
) -> tuple[Field, ...]:
    """Return the fields of entries that move goods; quantities stand before prices, which Kingdee wants."""
    return (
        Field("item_id", f"{material}.FNumber"),
        Field("unit_code", f"{unit}.FNumber"),
        Field("quantity", quantity),
        Field("price_amount", price),
        Field("tax_percent", "FEntryTaxRate"),
        *((Field("delivery_date", day),) if day else ()),
    )


REQUISITION = Form(
    document_type="purchase_requisition",
    form_id="PUR_Requisition",
    close_field="FCloseStatus",
    omit=_NOT_DUE,
    fields=(
        Field(_DAY, "FApplicationDate"),
        Field(_COMPANY, "FApplicationOrgId.FNumber"),
        Field(_CURRENCY, "FCurrencyId.FNumber"),
    ),
    entry="FEntity",
    entry_id="FEntity_FEntryID",
    line_fields=(
        Field("item_id", "FMaterialId.FNumber"),
        Field("unit_code", "FUnitId.FNumber"),
        Field("quantity", "FReqQty"),
        Field("price_amount", "FEvaluatePrice"),
        Field("delivery_date", "FArrivalDate"),
        Field("seller_supplier_party.id", "FSuggestSupplierId.FNumber"),
    ),
)
ORDER = Form(
    document_type="purchase_order",
    form_id="PUR_PurchaseOrder",
    close_field="FCloseStatus",
    omit=_NOT_DUE,
    joined_field="FBaseJoinQty",
    fields=(
        Field(_DAY, "FDate"),
        Field(_SUPPLIER, "FSupplierId.FNumber"),
        _names("FSupplierId"),
        Field(_COMPANY, "FPurchaseOrgId.FNumber"),
        Field(_CURRENCY, "FSettleCurrId.FNumber", ("FPOOrderFinance.FSettleCurrId.FNumber",)),
        Field("exchange_rate", "", ("FPOOrderFinance.FExchangeRate",)),
        _total("FBillAllAmount"),
    ),
    fixed={"FBillTypeID": {"FNUMBER": "CGDD01_SYS"}, "FPOOrderFinance": {"FIsIncludedTax": False}},
    entry="FPOOrderEntry",
    entry_id="FPOOrderEntry_FEntryId",
    line_fields=(*_lines(quantity="FQty", day="FDeliveryDate"), Field("description", "FMaterialDesc")),
    operations={
        "cancel": "Cancel",
        "close": "BillClose",
        "reopen": "BillUnClose",
        "terminate": "Terminate",
    },
)
RECEIPT = Form(
    document_type="goods_receipt",
    form_id="STK_InStock",
    omit=_NOT_DUE,
    fields=(
        Field(_DAY, "FDate"),
        Field(_SUPPLIER, "FSupplierId.FNumber"),
        _names("FSupplierId"),
        Field(_COMPANY, "FStockOrgId.FNumber", ("FStockOrgId.FNumber", "FPurchaseOrgId.FNumber")),
        Field(_CURRENCY, "FSettleCurrId.FNumber", ("FInStockFin.FSettleCurrId.FNumber",)),
    ),
    entry="FInStockEntry",
    entry_id="FInStockEntry_FEntryID",
    line_fields=_lines(unit="FUnitID", quantity="FRealQty"),
)
PAYABLE = Form(
    document_type="supplier_invoice",
    form_id="AP_Payable",
    fields=(
        Field(_DAY, "FDATE"),
        Field("due_date", "FENDDATE_H"),
        Field(_SUPPLIER, "FSUPPLIERID.FNumber"),
        _names("FSUPPLIERID"),
        Field(_COMPANY, "FSETTLEORGID.FNumber", ("FSETTLEORGID.FNumber", "FPAYORGID.FNumber")),
        Field(_CURRENCY, "FCURRENCYID.FNumber"),
        _total("FALLAMOUNTFOR"),
    ),
    entry="FEntityDetail",
    entry_id="FEntityDetail_FEntryID",
    line_fields=_lines(material="FMATERIALID", unit="FPRICEUNITID", quantity="FPriceQty"),
)
REQUEST = Form(
    document_type="payment_request",
    form_id="CN_PAYAPPLY",
    close_field="FCLOSESTATUS",
    fields=(
        Field(_DAY, "FDATE"),
        Field(_SUPPLIER, "FCONTACTUNIT.FNumber", ("FCONTACTUNIT.FNumber", "FRECTUNIT.FNumber")),
        Field(
            _COMPANY,
            "FSETTLEORGID.FNumber",
            ("FSETTLEORGID.FNumber", "FPAYORGID.FNumber", "FAPPLYORGID.FNumber"),
        ),
        Field(_CURRENCY, "FCURRENCYID.FNumber", ("FCURRENCYID.FNumber", "FSETTLECUR.FNumber")),
        _total("FAPPLYAMOUNTFOR_H"),
        Field("due_date", "FENDDATE", ()),
        Field("payee_account.account_number", "FEACHBANKACCOUNT", ()),
        Field("payee_account.name", "FEACHCCOUNTNAME", ()),
        Field("payee_account.bank", "FEACHBANKNAME", ()),
    ),
    fixed={"FCONTACTUNITTYPE": "BD_Supplier", "FRECTUNITTYPE": "BD_Supplier"},
    entry="FPAYAPPLYENTRY",
    entry_id="FPAYAPPLYENTRY_FEntryID",
    line_fields=(
        Field("document:due_date", "", ("FENDDATE", "FEXPECTPAYDATE")),
        Field(AMOUNT, "FAPPLYAMOUNTFOR"),
        Field("document:payee_account.account_number", "", ("FEACHBANKACCOUNT",)),
        Field("document:payee_account.name", "", ("FEACHCCOUNTNAME",)),
        Field("document:payee_account.bank", "", ("FEACHBANKNAME",)),
        Field("description", "FDescription"),
    ),
)
PAYMENT = Form(
    document_type="payment",
    form_id="AP_PAYBILL",
    omit=_NOT_DUE,
    fields=(
        Field(_DAY, "FDATE"),
        Field(_SUPPLIER, "FCONTACTUNIT.FNumber", ("FCONTACTUNIT.FNumber", "FRECTUNIT.FNumber")),
        Field(_COMPANY, "FPAYORGID.FNumber", ("FPAYORGID.FNumber", "FSETTLEORGID.FNumber")),
        Field(_CURRENCY, "FCURRENCYID.FNumber", ("FCURRENCYID.FNumber", "FSETTLECUR.FNumber")),
        _total("FPAYTOTALAMOUNTFOR_H"),
        Field("payee_account.account_number", "FOPPOSITEBANKACCOUNT", ()),
        Field("payee_account.name", "FOPPOSITECCOUNTNAME", ()),
        Field("payee_account.bank", "FOPPOSITEBANKNAME", ()),
    ),
    fixed={"FCONTACTUNITTYPE": "BD_Supplier", "FRECTUNITTYPE": "BD_Supplier"},
    entry="FPAYBILLENTRY",
    entry_id="FPAYBILLENTRY_FEntryID",
    line_fields=(
        Field(AMOUNT, "FPAYTOTALAMOUNTFOR"),
        Field("document:payee_account.account_number", "", ("FOPPOSITEBANKACCOUNT",)),
        Field("document:payee_account.name", "", ("FOPPOSITECCOUNTNAME",)),
        Field("document:payee_account.bank", "", ("FOPPOSITEBANKNAME",)),
        Field("description", "FCOMMENT"),
    ),
)
SALES = Form(
    document_type="sales_order",
    form_id="SAL_SaleOrder",
    close_field="FCloseStatus",
    omit=_NOT_DUE,
    fields=(
        Field(_DAY, "FDate"),
        Field(_CUSTOMER, "FCustId.FNumber"),
        Field("buyer_customer_party.name", "FCustId.FName", ()),
        Field(_COMPANY, "FSaleOrgId.FNumber"),
        Field(_CURRENCY, "FSettleCurrId.FNumber", ("FSaleOrderFinance.FSettleCurrId.FNumber",)),
        _total("FBillAllAmount"),
    ),
    fixed={"FBillTypeID": {"FNUMBER": "XSDD01_SYS"}, "FSaleOrderFinance": {"FIsIncludedTax": False}},
    entry="FSaleOrderEntry",
    entry_id="FSaleOrderEntry_FEntryID",
    line_fields=_lines(unit="FUnitID", quantity="FQty", day="FDeliveryDate"),
    operations={
        "cancel": "Cancel",
        "close": "YLBillClose",
        "reopen": "YLUnBillClose",
        "terminate": "YLTerminate",
    },
)
DELIVERY = Form(
    document_type="delivery",
    form_id="SAL_OUTSTOCK",
    omit=_NOT_DUE,
    fields=(
        Field(_DAY, "FDate"),
        Field(_CUSTOMER, "FCustomerID.FNumber"),
        Field("buyer_customer_party.name", "FCustomerID.FName", ()),
        Field(_COMPANY, "FStockOrgId.FNumber", ("FStockOrgId.FNumber", "FSaleOrgId.FNumber")),
        Field(_CURRENCY, "FSettleCurrID.FNumber", ("SubHeadEntity.FSettleCurrID.FNumber",)),
    ),
    entry="FEntity",
    entry_id="FEntity_FENTRYID",
    line_fields=_lines(material="FMaterialID", unit="FUnitID", quantity="FRealQty"),
)

FORMS: Mapping[str, Form] = {
    form.document_type: form
    for form in (REQUISITION, ORDER, RECEIPT, PAYABLE, REQUEST, PAYMENT, SALES, DELIVERY)
}


def form_of(site: Site, document_type: str) -> Form:
    """Return the form of a document type as the connection has it."""
    return forms_of(site.setting("forms"), FORMS)[str(document_type)]
