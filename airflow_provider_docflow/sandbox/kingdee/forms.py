"""The forms that the stand-in has, under the keys of Kingdee's examples and its customers' programs."""

from __future__ import annotations

from dataclasses import dataclass, field

STATES = ("FDocumentStatus", "FCancelStatus")


@dataclass(frozen=True, kw_only=True)
class FormSpec:
    """One form.

    :param head: key → sort of value: ``ref`` (an object with a number), ``text``, ``day``, ``number`` or
        ``flag``.
    :param parts: names of sub-heads, each with its own keys.
    :param needs: keys of the head without which it is not saved; ``entry_needs`` of an entry.
    :param closes: whether it has ``FCloseStatus``.
    """

    form_id: str
    title: str
    head: dict[str, str]
    entry: str
    entry_id: str
    lines: dict[str, str]
    parts: dict[str, dict[str, str]] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    entry_needs: tuple[str, ...] = ()
    quantity: str = ""
    price: str = "FPrice"
    amount: str = ""
    total: str = ""
    closes: str = ""
    operations: dict[str, str] = field(default_factory=dict)

    @property
    def heads(self) -> dict[str, str]:
        """All keys of the head, those of the sub-heads included: a query does not name them apart."""
        return {**self.head, **{key: sort for part in self.parts.values() for key, sort in part.items()}}


_GOODS = {
    "FPrice": "number",
    "FTaxPrice": "number",
    "FEntryTaxRate": "number",
    "FEntryNote": "text",
    "FMaterialDesc": "text",
    "FDeliveryDate": "day",
}
_MONEY = {"FSettleCurrId": "ref", "FExchangeRate": "number", "FIsIncludedTax": "flag"}
_PO_OPERATIONS = {
    "Cancel": "cancel",
    "Uncancel": "uncancel",
    "BillClose": "close",
    "BillUnClose": "reopen",
    "Terminate": "terminate",
    "UnTerminate": "unterminate",
}

_FORMS = (
    FormSpec(
        form_id="PUR_Requisition",
        title="采购申请单",
        head={
            "FBillTypeID": "ref",
            "FApplicationDate": "day",
            "FApplicationOrgId": "ref",
            "FCurrencyId": "ref",
        },
        needs=("FApplicationDate", "FApplicationOrgId"),
        entry="FEntity",
        entry_id="FEntryID",
        lines={
            **{"FMaterialId": "ref", "FUnitId": "ref", "FReqQty": "number", "FEvaluatePrice": "number"},
            **{"FArrivalDate": "day", "FSuggestSupplierId": "ref"},
        },
        entry_needs=("FMaterialId", "FReqQty"),
        quantity="FReqQty",
        price="FEvaluatePrice",
        closes="FCloseStatus",
    ),
    FormSpec(
        form_id="PUR_PurchaseOrder",
        title="采购订单",
        head={"FBillTypeID": "ref", "FDate": "day", "FSupplierId": "ref", "FPurchaseOrgId": "ref"},
        parts={"FPOOrderFinance": _MONEY},
        needs=("FDate", "FSupplierId", "FPurchaseOrgId"),
        entry="FPOOrderEntry",
        entry_id="FEntryId",
        lines={"FMaterialId": "ref", "FUnitId": "ref", "FQty": "number", **_GOODS},
        entry_needs=("FMaterialId", "FQty"),
        quantity="FQty",
        amount="FAllAmount",
        total="FBillAllAmount",
        closes="FCloseStatus",
        operations=_PO_OPERATIONS,
    ),
    FormSpec(
        form_id="STK_InStock",
        title="采购入库单",
        head={
            **{"FBillTypeID": "ref", "FDate": "day", "FSupplierId": "ref", "FStockOrgId": "ref"},
            "FPurchaseOrgId": "ref",
        },
        parts={"FInStockFin": _MONEY},
        needs=("FDate", "FSupplierId", "FStockOrgId"),
        entry="FInStockEntry",
        entry_id="FEntryID",
        lines={"FMaterialId": "ref", "FUnitID": "ref", "FRealQty": "number", **_GOODS},
        entry_needs=("FMaterialId", "FRealQty"),
        quantity="FRealQty",
    ),
    FormSpec(
        form_id="AP_Payable",
        title="应付单",
        head={
            **{"FBillTypeID": "ref", "FDATE": "day", "FENDDATE_H": "day", "FSUPPLIERID": "ref"},
            **{"FSETTLEORGID": "ref", "FPAYORGID": "ref", "FCURRENCYID": "ref"},
        },
        needs=("FDATE", "FSUPPLIERID", "FSETTLEORGID", "FCURRENCYID"),
        entry="FEntityDetail",
        entry_id="FEntryID",
        lines={"FMATERIALID": "ref", "FPRICEUNITID": "ref", "FPriceQty": "number", **_GOODS},
        entry_needs=("FPriceQty",),
        quantity="FPriceQty",
        amount="FALLAMOUNTFOR_D",
        total="FALLAMOUNTFOR",
    ),
    FormSpec(
        form_id="CN_PAYAPPLY",
        title="付款申请单",
        head={
            **{"FBillTypeID": "ref", "FDATE": "day", "FCONTACTUNITTYPE": "text", "FCONTACTUNIT": "ref"},
            **{"FRECTUNITTYPE": "text", "FRECTUNIT": "ref", "FCURRENCYID": "ref", "FSETTLEORGID": "ref"},
            "FPAYORGID": "ref",
        },
        needs=("FDATE", "FCONTACTUNIT", "FSETTLEORGID", "FCURRENCYID"),
        entry="FPAYAPPLYENTRY",
        entry_id="FEntryID",
        lines={
            **{"FENDDATE": "day", "FEXPECTPAYDATE": "day", "FAPPLYAMOUNTFOR": "number"},
            **{"FEACHBANKACCOUNT": "text", "FEACHCCOUNTNAME": "text", "FEACHBANKNAME": "text"},
            "FDescription": "text",
        },
        entry_needs=("FAPPLYAMOUNTFOR",),
        amount="FAPPLYAMOUNTFOR",
        total="FAPPLYAMOUNTFOR_H",
        closes="FCLOSESTATUS",
    ),
    FormSpec(
        form_id="AP_PAYBILL",
        title="付款单",
        head={
            **{"FBillTypeID": "ref", "FDATE": "day", "FCONTACTUNITTYPE": "text", "FCONTACTUNIT": "ref"},
            **{"FRECTUNITTYPE": "text", "FRECTUNIT": "ref", "FCURRENCYID": "ref", "FSETTLECUR": "ref"},
            **{"FPAYORGID": "ref", "FSETTLEORGID": "ref"},
        },
        needs=("FDATE", "FCONTACTUNIT", "FPAYORGID", "FCURRENCYID"),
        entry="FPAYBILLENTRY",
        entry_id="FEntryID",
        lines={
            **{"FPAYTOTALAMOUNTFOR": "number", "FOPPOSITEBANKACCOUNT": "text"},
            **{"FOPPOSITECCOUNTNAME": "text", "FOPPOSITEBANKNAME": "text", "FCOMMENT": "text"},
        },
        entry_needs=("FPAYTOTALAMOUNTFOR",),
        amount="FPAYTOTALAMOUNTFOR",
        total="FPAYTOTALAMOUNTFOR_H",
    ),
    FormSpec(
        form_id="SAL_SaleOrder",
        title="销售订单",
        head={"FBillTypeID": "ref", "FDate": "day", "FCustId": "ref", "FSaleOrgId": "ref"},
        parts={"FSaleOrderFinance": _MONEY},
        needs=("FDate", "FCustId", "FSaleOrgId"),
        entry="FSaleOrderEntry",
        entry_id="FEntryID",
        lines={"FMaterialId": "ref", "FUnitID": "ref", "FQty": "number", **_GOODS},
        entry_needs=("FMaterialId", "FQty"),
        quantity="FQty",
        amount="FAllAmount",
        total="FBillAllAmount",
        closes="FCloseStatus",
        operations={
            **{"Cancel": "cancel", "YLBillClose": "close", "YLUnBillClose": "reopen"},
            "YLTerminate": "terminate",
        },
    ),
    FormSpec(
        form_id="SAL_OUTSTOCK",
        title="销售出库单",
        head={
            **{"FBillTypeID": "ref", "FDate": "day", "FCustomerID": "ref", "FStockOrgId": "ref"},
            "FSaleOrgId": "ref",
        },
        parts={"SubHeadEntity": {"FSettleCurrID": "ref"}},
        needs=("FDate", "FCustomerID", "FStockOrgId"),
        entry="FEntity",
        entry_id="FENTRYID",
        lines={"FMaterialID": "ref", "FUnitID": "ref", "FRealQty": "number", **_GOODS},
        entry_needs=("FMaterialID", "FRealQty"),
        quantity="FRealQty",
    ),
)
FORMS = {form.form_id: form for form in _FORMS}
#: Which form a rule leads from, which to, and which keys of an entry become which.
RULES: dict[str, tuple[str, str, dict[str, str], dict[str, str]]] = {
    "PUR_PurchaseOrder-STK_InStock": (
        "PUR_PurchaseOrder",
        "STK_InStock",
        {"FDate": "FDate", "FSupplierId": "FSupplierId", "FPurchaseOrgId": "FStockOrgId"},
        {"FMaterialId": "FMaterialId", "FUnitId": "FUnitID", "FQty": "FRealQty", "FPrice": "FPrice"},
    ),
}
