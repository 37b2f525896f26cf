"""How WeCom answers: HTTP 200 with ``errcode``, whatever happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

#: Texts as the vendor's table of global error codes prints them.
TEXTS = {
    40001: "invalid credential",
    40013: "invalid corpid",
    40014: "invalid access_token",
    40058: "invalid parameter",
    41001: "access_token missing",
    42001: "access_token expired",
    43002: "require POST method",
    44001: "empty media data",
    45009: "api freq out of limit",
    45033: "api concurrent out of limit",
    47001: "data format error",
    60020: "not allow to access from your ip",
    60111: "userid not found",
    81013: "user & party & tag all invalid",
    93000: "invalid webhook url",
    301002: "not allow operate another agent with this accesstoken",
    301025: "get/submit approval parameter error",
    301026: "approval template error",
    301055: "no approval auth",
    301056: "approval app is disabled",
    301057: "submit approval inner error",
}


class WecomError(Exception):
    """A refusal: ``{errcode, errmsg}``.

    :param detail: what the end of the vendor's message tells.
    """

    def __init__(self, errcode: int, detail: str = "") -> None:
        super().__init__(errcode)
        text = TEXTS.get(errcode, "error")
        said = f"{text}, {detail}" if detail else text
        hint = "hint: [1700000000000000001], from ip: 127.0.0.1"
        more = f"more info at https://open.work.weixin.qq.com/devtool/query?e={errcode}"
        self.body = {"errcode": errcode, "errmsg": f"{said}, {hint}, {more}"}


@dataclass(frozen=True)
class Call:
    """One checked call.

    :param body: the JSON body, empty for GET and uploads.
    :param file: name and content of an uploaded file.
    :param app: the calling application; empty for calls that carry no token.
    :param as_of: moment whose state a read shall show, or None for now.
    """

    body: dict[str, Any]
    query: dict[str, str]
    app: dict[str, Any] = field(default_factory=dict)
    file: tuple[str, bytes] | None = None
    as_of: int | None = None

    def need(self, name: str) -> Any:
        """Return a field of the body.

        :raises WecomError: 40058 when it is missing or empty.
        """
        value = self.body.get(name)
        if value in (None, "", []):
            raise WecomError(40058, f"{name} is missing")
        return value


Handler = Callable[[Call], dict[str, Any]]
