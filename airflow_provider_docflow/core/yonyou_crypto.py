"""Signatures and encryption of Yonyou's open platform, of logins and of deliveries. Pure functions."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from airflow_provider_docflow import exceptions as exc

_BLOCK, _RANDOM, _LENGTH, _KEY_LENGTH = 32, 16, 4, 43


def login_signature(params: Mapping[str, str], secret: str) -> str:
    """Return the ``signature`` of a token request, in base64 and not yet quoted for a URL.

    :param params: the other parameters; they are joined as name and value, sorted by name.
    """
    message = "".join(f"{name}{value}" for name, value in sorted(params.items()))
    return base64.b64encode(hmac.digest(secret.encode(), message.encode(), hashlib.sha256)).decode()


def delivery_signatures(secret: str, timestamp: str, nonce: str, encrypt: str) -> tuple[str, str]:
    """Return the signatures that a delivery may carry: SHA-256 as documented, SHA-1 as in the demo."""
    message = "".join(sorted((secret, timestamp, nonce, encrypt))).encode()
    return hashlib.sha256(message).hexdigest(), hashlib.sha1(message, usedforsecurity=False).hexdigest()


def aes_key(secret: str) -> bytes:
    """Return the key of deliveries: the secret without dashes, filled with zeros to 43 characters."""
    return base64.b64decode(secret.replace("-", "").ljust(_KEY_LENGTH, "0")[:_KEY_LENGTH] + "=")


def encrypt(secret: str, app_key: str, text: str, filler: bytes) -> str:
    """Return a delivery's text, encrypted.

    :param filler: the 16 random bytes before the text.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    key, content = aes_key(secret), text.encode()
    plain = filler + len(content).to_bytes(_LENGTH, "big") + content + app_key.encode()
    padding = _BLOCK - len(plain) % _BLOCK
    sealer = Cipher(algorithms.AES(key), modes.CBC(key[:_RANDOM])).encryptor()
    sealed = sealer.update(plain + bytes([padding]) * padding) + sealer.finalize()
    return base64.b64encode(sealed).decode()


def decrypt(secret: str, app_key: str, encrypted: str) -> str:
    """Return the text of a delivery.

    :raises Authentication: it was not encrypted with this secret, or for another application.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    try:
        key = aes_key(secret)
        sealed = base64.b64decode(encrypted, validate=True)
        opener = Cipher(algorithms.AES(key), modes.CBC(key[:_RANDOM])).decryptor()
        padded = opener.update(sealed) + opener.finalize()
    except (ValueError, binascii.Error):
        raise _foreign() from None
    padding = padded[-1] if padded else 0
    if not 1 <= padding <= _BLOCK or padded[-padding:] != bytes([padding]) * padding:
        raise _foreign()
    plain = padded[_RANDOM:-padding]
    end = _LENGTH + int.from_bytes(plain[:_LENGTH], "big")
    if not hmac.compare_digest(app_key.encode(), plain[end:]):
        raise _foreign()
    try:
        return plain[_LENGTH:end].decode()
    except UnicodeDecodeError:
        raise _foreign() from None


def _foreign() -> exc.Authentication:
    return exc.Authentication("a delivery was not encrypted for this application.", field="encrypt")
