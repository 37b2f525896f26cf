"""Small stand-ins for the products whose profiles are experimental: what these profiles ask, and no more.

Each follows the same texts as its profile, so it proves that the profile does what they say, not that the
product does. Control plane: ``GET weaver/key`` (public key in base64), ``PUT weaver/forms/ID``, ``GET
weaver/forms/ID``; likewise ``seeyon`` and ``nccloud``.

==================  ==========================================================================
``/weaver``         appid ``weaver-app``, secret ``weaver-secret``, users by their ids
``/seeyon-oa``      REST user ``rest``, password ``rest-secret``, any login name
``/nccloud-erp``    client_id ``ncc-app``, secret ``ncc-secret``, account set ``01``
==================  ==========================================================================
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape, quoteattr

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from airflow_provider_docflow.sandbox.layer import WISH
from airflow_provider_docflow.sandbox.parts import Parts, StandIn
from airflow_provider_docflow.sandbox.replies import body_of, reply

SERVICE = "/api/workflow/paService"


class _Shop:
    """Forms, tokens and the key of one product."""

    def __init__(self, parts: Parts, name: str) -> None:
        self.store, self.name = parts.store, name

    def form(self, form_id: str) -> dict[str, Any] | None:
        found = self.store.setting(f"{self.name}_form_{form_id}")
        return found if isinstance(found, dict) else None

    def keep(self, form_id: str, form: dict[str, Any]) -> None:
        self.store.set(f"{self.name}_form_{form_id}", form)

    def token(self) -> str:
        token = secrets.token_hex(16)
        self.store.set(f"{self.name}_token", token)
        return token

    def knows(self, request: Request, header: str) -> bool:
        if (request.scope.get(WISH) or {}).get("expire_token"):
            self.store.set(f"{self.name}_token", "")
        given = request.headers.get(header, "")
        return bool(given) and given == self.store.setting(f"{self.name}_token")

    def key(self) -> Any:
        """Return the private key, made when it is first wanted: that takes a tenth of a second."""
        from cryptography.hazmat.primitives import serialization as forms
        from cryptography.hazmat.primitives.asymmetric import rsa

        kept = self.store.setting(f"{self.name}_key")
        if kept:
            return forms.load_pem_private_key(kept.encode(), None)
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = made.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
        self.store.set(f"{self.name}_key", pem.decode())
        return made

    def public_key(self) -> str:
        from cryptography.hazmat.primitives import serialization as forms

        spki = forms.PublicFormat.SubjectPublicKeyInfo
        return base64.b64encode(self.key().public_key().public_bytes(forms.Encoding.DER, spki)).decode()

    def opened(self, text: str, *, oaep: bool) -> str:
        """Decrypt; an empty text where it cannot be."""
        from cryptography.hazmat.primitives.asymmetric import padding
        from cryptography.hazmat.primitives.hashes import SHA256

        wide = padding.OAEP(mgf=padding.MGF1(algorithm=SHA256()), algorithm=SHA256(), label=None)
        try:
            plain: bytes = self.key().decrypt(base64.b64decode(text), wide if oaep else padding.PKCS1v15())
            return plain.decode()
        except ValueError:
            return ""

    def control(self) -> list[Route]:
        async def key(request: Request) -> Response:
            return reply({"public_key": self.public_key()})

        async def form(request: Request) -> Response:
            if request.method == "PUT":
                self.keep(request.path_params["id"], await body_of(request))
            return reply(self.form(request.path_params["id"]) or {})

        async def expire(request: Request) -> Response:
            self.store.set(f"{self.name}_token", "")
            return reply({})

        return [
            Route("/key", key),
            Route("/forms/{id}", form, methods=["GET", "PUT"]),
            Route("/expire", expire, methods=["POST"]),
        ]


def weaver(parts: Parts) -> StandIn:
    """Return e-cology's workflow services."""
    shop = _Shop(parts, "weaver")

    async def apply_token(request: Request) -> Response:
        heads = request.headers
        good = shop.opened(heads.get("secret", ""), oaep=False) == "weaver-secret"
        if heads.get("appid") != "weaver-app" or not good:
            return reply({"msg": "secret校验失败", "code": -1, "status": False})
        return reply({"msg": "获取成功!", "code": 0, "status": True, "token": shop.token()})

    def guarded(serve: Callable[[_Shop, str, dict[str, Any], dict[str, str]], Any]) -> Any:
        async def endpoint(request: Request) -> Response:
            user = shop.opened(request.headers.get("userid", ""), oaep=False)
            if request.headers.get("appid") != "weaver-app" or not shop.knows(request, "token"):
                return reply({"msg": "认证信息错误", "status": False})
            if not user:
                return reply({"code": "USER_EXCEPTION", "errMsg": {"userid": "用户异常"}})
            given = {name: found[0] for name, found in parse_qs((await request.body()).decode()).items()}
            given |= dict(request.query_params)
            form = shop.form(given.get("requestId", ""))
            if form is None:
                return reply({"code": "NO_PERMISSION", "errMsg": {}})
            return reply(serve(shop, user, form, given))

        return endpoint

    routes = [
        Route("/api/ec/dev/auth/applytoken", apply_token, methods=["POST"]),
        Route(f"{SERVICE}/getWorkflowRequest", guarded(_show)),
        Route(f"{SERVICE}/getRequestStatus", guarded(_state)),
        Route(f"{SERVICE}/saveRequestLog", guarded(_remark), methods=["POST"]),
    ]
    return StandIn("weaver", {"/weaver": Starlette(routes=routes)}, {}, shop.control())


def _show(shop: _Shop, user: str, form: dict[str, Any], given: dict[str, str]) -> dict[str, Any]:
    details = [
        {"tableDBName": table, "workflowRequestTableRecords": [_record(row) for row in rows]}
        for table, rows in form.get("details", {}).items()
    ]
    data = {
        "requestId": given["requestId"],
        "requestName": form.get("name", ""),
        "currentNodeName": form.get("node", ""),
        "status": form.get("status", ""),
        "workflowMainTableInfo": {"requestRecords": [_record(form.get("main", {}))]},
        "workflowDetailTableInfos": details,
        "workflowRequestLogs": form.get("logs", []),
    }
    return {"code": "SUCCESS", "data": data, "errMsg": {}}


def _state(shop: _Shop, user: str, form: dict[str, Any], given: dict[str, str]) -> dict[str, Any]:
    # As it is shown: without a code.
    data = {"currentNodeType": form.get("node_type", "0"), "status": form.get("status", "")}
    return {"data": data, "errMsg": {}}


def _remark(shop: _Shop, user: str, form: dict[str, Any], given: dict[str, str]) -> dict[str, Any]:
    if user not in form.get("operators", []):
        return {"code": "NO_PERMISSION", "errMsg": {"isremark": 2}}
    if not given.get("remark"):
        return {"code": "PARAM_ERROR", "errMsg": {"remark": "必填"}}
    log = {"operatorId": user, "operateType": "保存", "remark": given["remark"]}
    shop.keep(given["requestId"], {**form, "logs": [*form.get("logs", []), log]})
    return {"code": "SUCCESS", "errMsg": {}}


def _record(cells: dict[str, Any]) -> dict[str, Any]:
    fields = [{"fieldName": name, "fieldValue": value} for name, value in cells.items()]
    return {"recordOrder": 0, "workflowRequestTableFields": fields}


def seeyon(parts: Parts) -> StandIn:
    """Return Seeyon's REST services for the forms of flows."""
    shop = _Shop(parts, "seeyon")

    async def token(request: Request) -> Response:
        body = await body_of(request)
        good = body.get("userName") == "rest" and body.get("password") == "rest-secret"
        return reply({"id": shop.token() if good and body.get("loginName") else "-1"})

    async def flow(request: Request) -> Response:
        if not shop.knows(request, "token"):
            return reply({"code": "1010", "message": "被迫下线"}, 401)
        form = shop.form(request.path_params["id"])
        if form is None:
            return PlainTextResponse("<html><body>Page Not Found</body></html>", media_type="text/html")
        if request.path_params["what"] == "state":
            return PlainTextResponse(str(form.get("state", "")))
        return PlainTextResponse(json.dumps(_export(form), ensure_ascii=False))

    routes = [
        Route("/seeyon/rest/token", token, methods=["POST"]),
        Route("/seeyon/rest/flow/{what}/{id}", flow),
    ]
    return StandIn("seeyon", {"/seeyon-oa": Starlette(routes=routes)}, {}, shop.control())


def _export(form: dict[str, Any]) -> str:
    cells = "".join(
        f"<column name={quoteattr(name)}><value>{escape(str(value))}</value></column>"
        for name, value in form.get("fields", {}).items()
    )
    head = '<summary id="1132755668421070367" name="formmain_0031"/>'
    export = f"<formExport>{head}<values>{cells}</values><subForms/></formExport>"
    return f'<forms version="2.1">{export}</forms>'


def nccloud(parts: Parts) -> StandIn:
    """Return NC Cloud's OpenAPI at the plain level."""
    shop = _Shop(parts, "nccloud")

    async def access_token(request: Request) -> Response:
        given, key = request.query_params, shop.public_key()
        salt = base64.b64encode(_sha1(_sha1(key.encode()))[:16]).decode()
        secret = shop.opened(given.get("client_secret", ""), oaep=True)
        wanted = hashlib.sha256(f"ncc-app{secret}{key}{salt}".encode()).hexdigest()
        if secret != "ncc-secret":
            return reply({"success": False, "code": "500", "message": "Decryption error"})
        if given.get("signature") != wanted or given.get("biz_center") != "01":
            return reply({"success": False, "message": "Failed to verify signature for get token"})
        data = {"access_token": shop.token(), "expires_in": 1000000, "security_key": "x"}
        return reply({"success": True, "data": data})

    async def api(request: Request) -> Response:
        content, heads = await request.body(), request.headers
        wanted = hashlib.sha256(b"ncc-app" + content + shop.public_key().encode()).hexdigest()
        if not shop.knows(request, "access_token"):
            return reply({"success": False, "message": "invalid access_token"}, 401)
        if heads.get("signature") != wanted or heads.get("ucg_flag") != "y":
            return reply({"success": False, "code": "400", "message": "signature"}, 400)
        body = json.loads(content)
        form = shop.form(str(body.get("pk")))
        if form is None:
            return reply({"success": True, "data": []})
        if request.path_params["operation"] == "note":
            shop.keep(str(body["pk"]), {**form, "head": {**form["head"], "vmemo": body["note"]}})
        return reply({"success": True, "data": [form]})

    routes = [
        Route("/nccloud/opm/accesstoken", access_token, methods=["POST"]),
        Route("/nccloud/api/{module}/{entity}/{operation}", api, methods=["POST"]),
    ]
    return StandIn("nccloud", {"/nccloud-erp": Starlette(routes=routes)}, {}, shop.control())


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data).digest()
