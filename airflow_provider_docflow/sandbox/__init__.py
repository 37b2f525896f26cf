"""Faithful local stand-ins of vendor systems, with faults on demand, to build and try flows without a tenant.

Start it by ``python -m airflow_provider_docflow.sandbox --home DIR --port N`` or from Python::

    with Sandbox("/tmp/sandbox") as sandbox:
        boss = {"actionType": "NONE", "userIds": ["boss"]}
        code = sandbox.template("采购申请", components, approvers=[boss])
        sandbox.fault(FaultRule("reply_lost", method="POST", path="*/processInstances"))
        ...  # point a connection at f"{sandbox.base_url}/dingtalk"

One process, one port on 127.0.0.1, one SQLite file in ``home`` that is committed before any reply leaves:

* ``/dingtalk`` and ``/dingtalk-oapi``: DingTalk (:mod:`.dingtalk`);
* ``/wecom``: WeCom (:mod:`.wecom`);
* ``/yonbip`` and ``/u8``: Yonyou YonBIP and U8 (:mod:`.yonbip`, :mod:`.u8`);
* ``/erp``: a plain JSON ERP (:mod:`.rest`);
* ``finance.sqlite`` in ``home``: a finance system fed through tables (:mod:`.finance`);
* a mail sink on a port of its own (:mod:`.mail`);
* ``/_sandbox``: the control plane (:mod:`.app`), also as methods of :class:`Sandbox`;
* faults by rule on everything (:class:`FaultRule`); :class:`~.layer.FaultLayer` wraps any ASGI application;
* time that can be advanced or stopped (:meth:`SandboxClient.advance`), so that nothing waits for real.

It holds no real data and asks for no real secret; it is not meant to be reached from another machine.
"""

from __future__ import annotations

from airflow_provider_docflow.sandbox.client import SandboxClient
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.sandbox.sandbox import Sandbox

__all__ = ["FaultRule", "Sandbox", "SandboxClient"]
