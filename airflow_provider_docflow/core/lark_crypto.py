"""
How Feishu encrypts and signs what it delivers.

A body is ``{"encrypt": base64}``: 16 bytes of IV, then AES-256-CBC with PKCS7 under the SHA-256 of the
application's Encrypt Key. Page: "handle-events" (open.feishu.cn); vector F1 of the tests is the page's own.
"""

from __future__ import annotations

import base64
import hashlib
import os

from airflow_provider_docflow.core.signing import same
from airflow_provider_docflow.exceptions import Authentication, Misconfigured

_BLOCK = 16


def lark_signature(timestamp: str, nonce: str, encrypt_key: str, body: bytes) -> str:
    """Return what stands in ``X-Lark-Signature``: hex SHA-256 over the parts and the body as sent."""
    return hashlib.sha256(f"{timestamp}{nonce}{encrypt_key}".encode() + body).hexdigest()


def check_lark_signature(given: str, timestamp: str, nonce: str, encrypt_key: str, body: bytes) -> None:
    """Refuse a body that was not signed with the key.

    :raises Authentication: the signature is another one.
    :raises Misconfigured: the key is empty.
    """
    _check_key(encrypt_key)
    if not same(lark_signature(timestamp, nonce, encrypt_key, body), given):
        raise Authentication("the signature of an event does not fit the Encrypt Key.", field="encrypt_key")


def _check_key(encrypt_key: str) -> None:
    if not encrypt_key.strip():
        # Everybody can sign and encrypt with an empty key.
        raise Misconfigured("the Encrypt Key is empty.", field="encrypt_key")


class LarkCipher:
    """Encrypts and decrypts with one application's Encrypt Key.

    :raises Misconfigured: it is empty.
    """

    def __init__(self, encrypt_key: str) -> None:
        _check_key(encrypt_key)
        self._key = hashlib.sha256(encrypt_key.encode()).digest()

    def encrypt(self, text: str, *, iv: bytes | None = None) -> str:
        """Return ``text`` as it stands under ``encrypt``.

        :param iv: 16 bytes instead of fresh ones; only test vectors give them.
        """
        prefix = os.urandom(_BLOCK) if iv is None else iv
        plain = text.encode()
        padding = _BLOCK - len(plain) % _BLOCK
        sealed = self._cipher(prefix, plain + bytes([padding]) * padding, decrypt=False)
        return base64.b64encode(prefix + sealed).decode()

    def decrypt(self, encrypt: str) -> str:
        """Return the text inside.

        :raises Authentication: it was encrypted with another key, or cut off.
        """
        try:
            sealed = base64.b64decode(encrypt, validate=True)
        except ValueError:
            raise Authentication("an event is not base64.", field="encrypt") from None
        if len(sealed) < 2 * _BLOCK or len(sealed) % _BLOCK:
            raise Authentication("an event was cut off.", field="encrypt")
        plain = self._cipher(sealed[:_BLOCK], sealed[_BLOCK:], decrypt=True)
        padding = plain[-1]
        if not 1 <= padding <= _BLOCK or plain[-padding:] != bytes([padding]) * padding:
            raise Authentication("an event was encrypted with another key.", field="encrypt_key")
        try:
            return plain[:-padding].decode()
        except UnicodeDecodeError:
            raise Authentication("an event was encrypted with another key.", field="encrypt_key") from None

    def _cipher(self, iv: bytes, data: bytes, *, decrypt: bool) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        cipher = Cipher(algorithms.AES(self._key), modes.CBC(iv))
        step = cipher.decryptor() if decrypt else cipher.encryptor()
        return step.update(data) + step.finalize()
