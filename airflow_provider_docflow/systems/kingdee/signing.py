"""Kingdee's signatures: headers of every request (API authorisation 2.0), and the sign of a login. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

_MASK = b"0054f397c6234378b09ca7d3e5debce7"
_SECRET_CHARACTERS = 32


def client_of(app_id: str) -> tuple[str, str]:
    """Return client id and client secret, both of which stand in the application's id.

    :param app_id: ``<client id>_<32 characters of base64>``; any other form gives two empty strings.
    """
    client_id, _, encoded = app_id.partition("_")
    if not encoded or "_" in encoded:
        return "", ""
    if len(encoded) != _SECRET_CHARACTERS:
        return client_id, ""
    masked = bytes(a ^ b for a, b in zip(base64.b64decode(encoded), _MASK, strict=False))
    return client_id, base64.b64encode(masked).decode()


def mac(message: str, key: str) -> str:
    """Return the base64 of the hexadecimal text of HMAC-SHA256: the hex is encoded, not the raw digest."""
    digest = hmac.new(key.encode(), message.encode(), hashlib.sha256).hexdigest()
    return base64.b64encode(digest.encode()).decode()


@dataclass(frozen=True)
class Caller:
    """As whom a request is signed.

    :param account: the data centre's id (账套).
    :param organisation: number of the organisation to act in; ``0`` leaves it to the user.
    """

    account: str
    user: str
    app_id: str
    app_secret: str = field(repr=False)
    language: str = "2052"
    organisation: str = "0"

    @property
    def data(self) -> str:
        """What ``X-Kd-Appdata`` says, before base64."""
        return ",".join((self.account, self.user, self.language, self.organisation))


def signed_headers(caller: Caller, path: str, timestamp: str, nonce: str) -> Mapping[str, str]:
    """Return the headers that stand in for a login.

    :param path: of the URL from its first slash on, as it is sent.
    :param timestamp: seconds since the epoch.
    :param nonce: the vendor's own client repeats the timestamp here.
    """
    client_id, client_secret = client_of(caller.app_id)
    quoted = quote(path).replace("/", "%2F")
    message = f"POST\n{quoted}\n\nx-api-nonce:{nonce}\nx-api-timestamp:{timestamp}\n"
    return {
        "X-Api-ClientID": client_id,
        "X-Api-Auth-Version": "2.0",
        "x-api-timestamp": timestamp,
        "x-api-nonce": nonce,
        "x-api-signheaders": "x-api-timestamp,x-api-nonce",
        "X-Api-Signature": mac(message, client_secret),
        "X-Kd-Appkey": caller.app_id,
        "X-Kd-Appdata": base64.b64encode(caller.data.encode()).decode(),
        "X-Kd-Signature": mac(caller.app_id + caller.data, caller.app_secret),
    }


def login_sign(account: str, user: str, app_id: str, app_secret: str, timestamp: str) -> str:
    """Return the sign of ``LoginBySign``: SHA-256 over its parts, sorted and put one after the other."""
    parts = sorted((account, user, app_id, app_secret, timestamp))
    return hashlib.sha256("".join(parts).encode()).hexdigest()
