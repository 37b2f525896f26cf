"""Master data of the stand-in's tenant: codes and the 64-bit ids behind them."""

from __future__ import annotations

from typing import Any

from airflow_provider_docflow.sandbox.store import Store
from airflow_provider_docflow.sandbox.yonbip.identity import Refused

Master = dict[str, dict[str, Any]]

SEED: dict[str, Master] = {
    "organisations": {
        "C1": {"id": "1998446281572745225", "name": "一号公司"},
        "C2": {"id": "1998446281572745226", "name": "二号公司"},
    },
    "vendors": {
        "SUP-1": {"id": "1998446281572745301", "name": "Ömer & Söhne 有限公司"},
        "SUP-2": {"id": "1998446281572745302", "name": "达利园供应商"},
    },
    "customers": {"CUST-1": {"id": "1998446281572745401", "name": "北京客户"}},
    "products": {
        "P-101": {"id": "1998446281572745501", "name": "扳手 Ø 12"},
        "P-102": {"id": "1998446281572745502", "name": "扳手 Ø 12"},
        "P-201": {"id": "1998446281572745503", "name": "铁丝"},
    },
    "units": {
        "C62": {"id": "1998446281572745601", "name": "个"},
        "KGM": {"id": "1998446281572745602", "name": "千克"},
    },
    "currencies": {
        code: {"id": f"G001ZM0000DEFAULTCURRENCT0000000000{place}", "name": code, "digits": digits}
        for place, (code, digits) in enumerate((("CNY", 2), ("USD", 2), ("EUR", 2), ("JPY", 0)))
    },
    "taxes": {
        code: {"id": f"228115377104921{place}", "rate": rate}
        for place, (code, rate) in enumerate((("VAT0", "0"), ("VAT6", "6"), ("VAT9", "9"), ("VAT13", "13")))
    },
    "types": {
        "A20001": {"id": "2155547426590991", "name": "普通采购"},
        "SO01": {"id": "2291507369660672", "name": "普通销售"},
    },
    "rate_types": {"01": {"id": "k8p3lxta", "name": "基准汇率"}},
    "projects": {"XN1002": {"id": "1998473485876199432", "name": "虚拟项目"}},
}


class Masters:
    """Looks codes and ids up."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self, name: str) -> Master:
        """Return the records of a kind by code."""
        added: Master = self._store.setting(f"yonbip_master_{name}", {})
        return {**SEED[name], **added}

    def put(self, name: str, records: Master) -> None:
        """Enter or change records."""
        if name not in SEED:
            raise KeyError(name)
        kept: Master = self._store.setting(f"yonbip_master_{name}", {})
        self._store.set(f"yonbip_master_{name}", {**kept, **records})

    def by_code(self, name: str, code: Any) -> dict[str, Any]:
        """Return a record with its code.

        :raises Refused: there is none.
        """
        found = self.all(name).get(str(code))
        if found is None:
            raise Refused("999", f'["编码:{code}未找到"]')
        return {"code": str(code), **found}

    def by_either(self, name: str, value: Any) -> dict[str, Any]:
        """Return the record of a code or an id."""
        for code, record in self.all(name).items():
            if str(value) in (code, record["id"]):
                return {"code": code, **record}
        raise Refused("999", f'["编码:{value}未找到"]')

    def page(self, name: str, code: str, index: int, size: int) -> dict[str, Any]:
        """Return a list of records as the platform shows them."""
        rows = [
            {"id": int(record["id"]), "code": key, "name": record["name"]}
            for key, record in self.all(name).items()
            if not code or key == code
        ]
        start = (index - 1) * size
        return {
            "pageIndex": index,
            "pageSize": size,
            "recordCount": len(rows),
            "recordList": rows[start : start + size],
            "pageCount": -(-len(rows) // size),
        }
