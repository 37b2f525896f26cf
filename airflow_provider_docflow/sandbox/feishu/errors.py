"""How Feishu says no: codes, HTTP statuses and texts as its pages print them."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A refusal: ``{code, msg}`` with an HTTP status of its own.

    :param code: the vendor's code.
    :param message: the vendor's text; the table's when empty.
    """

    def __init__(self, code: int, message: str = "", *, headers: dict[str, str] | None = None) -> None:
        super().__init__(str(code))
        self.code = code
        self.status, text = TABLE.get(code, (400, "error"))
        self.message = f"{text}: {message}" if message else text
        self.headers = headers or {}

    @property
    def body(self) -> dict[str, Any]:
        """The reply's body."""
        return {"code": self.code, "msg": self.message, "data": {}}


INVALID, NO_APPROVAL, NO_INSTANCE, NO_PERSON = 1390001, 1390002, 1390003, 1390004
SUBSCRIBED, NO_PERMISSION, NO_TASK = 1390007, 1390009, 1390010
INACTIVE, DELETED, SIGNATURE = 1390015, 1390016, 1390018
TOO_FAST, QUOTA, NO_TOKEN, BAD_TOKEN, BAD_USER_TOKEN = 99991400, 99991403, 99991661, 99991663, 99991668
NO_SCOPE, SAME_UUID, BAD_SECRET, BAD_APP = 99991672, 60012, 10014, 10003
NO_BOT, NO_RECEIVER, BAD_MESSAGE = 230006, 230013, 230001
ROBOT_SIGN, ROBOT_ADDRESS, ROBOT_KEYWORD, ROBOT_UNKNOWN = 19021, 19022, 19024, 19001

TABLE: dict[int, tuple[int, str]] = {
    INVALID: (400, "param is invalid"),
    NO_APPROVAL: (400, "approval code not found"),
    NO_INSTANCE: (400, "instance code not found"),
    NO_PERSON: (400, "user_id or open_id not found"),
    SUBSCRIBED: (400, "subscription existed"),
    NO_PERMISSION: (403, "no operation permission"),
    NO_TASK: (400, "task not found"),
    INACTIVE: (400, "approval is not active"),
    DELETED: (400, "approval is deleted"),
    SIGNATURE: (400, "not support handwritten signature"),
    1395001: (400, "There have been some errors. Please try again later"),
    TOO_FAST: (429, "request trigger frequency limit"),
    QUOTA: (429, "This month's API call quota has been exceeded"),
    NO_TOKEN: (400, "Missing access token for authorization. Please make a request with token attached"),
    BAD_TOKEN: (400, "Invalid access token for authorization. Please make a request with token attached"),
    BAD_USER_TOKEN: (
        401,
        "Invalid access token for authorization. Please make a request with token attached",
    ),
    NO_SCOPE: (400, "Access denied. One of the following scopes is required"),
    SAME_UUID: (400, "OpenApiErrorCodeUuidConflict"),
    BAD_SECRET: (200, "app secret invalid"),
    BAD_APP: (200, "invalid param"),
    NO_BOT: (400, "Bot ability is not activated."),
    NO_RECEIVER: (400, "Bot has NO availability to this user."),
    BAD_MESSAGE: (400, "Your request contains an invalid request parameter."),
    # Robots answer HTTP 200 whatever happens.
    ROBOT_SIGN: (200, "sign match fail or timestamp is not within one hour from current time"),
    ROBOT_ADDRESS: (200, "Ip Not Allowed"),
    ROBOT_KEYWORD: (200, "Key Words Not Found"),
    ROBOT_UNKNOWN: (200, "param invalid: incoming webhook access token invalid"),
    404: (404, "resource not find"),
}
