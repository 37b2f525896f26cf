"""The envelope in which WeCom and DingTalk deliver events: AES-256-CBC with a SHA-1 signature.

DingTalk took the scheme over from WeChat (vendor pages "Configure the callback" of DingTalk and 91144
"Encryption and decryption" of WeCom). Pure functions of their arguments: no clock, no network.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import struct
from dataclasses import dataclass

from airflow_provider_docflow.exceptions import Authentication, Misconfigured

_BLOCK = 32
_RANDOM = 16
_KEY_CHARACTERS = 43


@dataclass(frozen=True)
class Envelope:
    """One encrypted message with all that its receiver needs to check it."""

    encrypt: str
    signature: str
    timestamp: str
    nonce: str


def signature_of(token: str, timestamp: str, nonce: str, encrypt: str) -> str:
    """Return the hex SHA-1 over the sorted parts, which the vendors call ``msg_signature``."""
    return hashlib.sha1("".join(sorted((token, timestamp, nonce, encrypt))).encode()).hexdigest()


class WechatCrypto:
    """Encrypts and decrypts for one registered callback.

    :param token: the token agreed with the vendor; it signs.
    :param encoding_aes_key: 43 characters; it encrypts.
    :param receive_id: whom a message is meant for: corp id, suite key or app key, by kind of application.
    :raises Misconfigured: when the key is not 43 base64 characters, or another part is empty.
    """

    def __init__(self, token: str, encoding_aes_key: str, receive_id: str) -> None:
        for name, value in (("token", token), ("receive_id", receive_id)):
            if not value.strip():
                # Everybody can sign with an empty token, and what names no receiver is meant for nobody.
                raise Misconfigured(f"the {name} of the callback is empty", field=name)
        if len(encoding_aes_key) != _KEY_CHARACTERS:
            raise Misconfigured(
                f"the encoding AES key has {len(encoding_aes_key)} characters instead of {_KEY_CHARACTERS}",
                field="encoding_aes_key",
                remedy="Copy the key from the callback settings of the application again.",
            )
        try:
            self._key = base64.b64decode(encoding_aes_key + "=")
        except binascii.Error as error:
            raise Misconfigured("the encoding AES key is not base64", field="encoding_aes_key") from error
        if len(self._key) != _BLOCK:
            raise Misconfigured("the encoding AES key holds foreign characters", field="encoding_aes_key")
        self._token, self._receive_id = token, receive_id

    def encrypt(
        self, message: str, *, timestamp: str, nonce: str, random_bytes: bytes | None = None
    ) -> Envelope:
        """Return ``message`` encrypted and signed.

        :param message: any text, usually JSON or XML.
        :param timestamp: as it travels beside the message; seconds at WeCom, milliseconds at DingTalk.
        :param nonce: any text that does not repeat.
        :param random_bytes: 16 bytes instead of fresh ones; only test vectors give them.
        """
        prefix = os.urandom(_RANDOM) if random_bytes is None else random_bytes
        body = message.encode()
        plain = prefix + struct.pack(">I", len(body)) + body + self._receive_id.encode()
        padding = _BLOCK - len(plain) % _BLOCK
        sealed = self._cipher(plain + bytes([padding]) * padding, decrypt=False)
        encrypt = base64.b64encode(sealed).decode()
        return Envelope(encrypt, signature_of(self._token, timestamp, nonce, encrypt), timestamp, nonce)

    def decrypt(self, envelope: Envelope) -> str:
        """Return the text inside, after signature, padding and receiver have been checked.

        :raises Authentication: when any of the three is not as it should be; the text is not given out.
        """
        expected = signature_of(self._token, envelope.timestamp, envelope.nonce, envelope.encrypt)
        if not hmac.compare_digest(expected.encode(), envelope.signature.encode()):
            raise Authentication("the signature of an event does not fit the token", field="msg_signature")
        try:
            sealed = base64.b64decode(envelope.encrypt, validate=True)
        except ValueError as error:
            raise Authentication("an event is not base64", field="encrypt") from error
        if not sealed or len(sealed) % 16:
            raise Authentication("an event was cut off", field="encrypt")
        return self._open(self._cipher(sealed, decrypt=True))

    def _open(self, plain: bytes) -> str:
        # The padding runs to 32 bytes, which AES libraries that strip 16 refuse: it is taken off by hand.
        padding = plain[-1]
        if not 1 <= padding <= _BLOCK or plain[-padding:] != bytes([padding]) * padding:
            raise Authentication("an event was encrypted with another key", field="encrypt")
        content = plain[_RANDOM:-padding]
        (length,) = struct.unpack(">I", content[:4]) if len(content) >= 4 else (-1,)
        if not 0 <= length <= len(content) - 4:
            raise Authentication("an event was encrypted with another key", field="encrypt")
        if not hmac.compare_digest(content[4 + length :], self._receive_id.encode()):
            raise Authentication("an event is meant for another receiver", field="receive_id")
        try:
            return content[4 : 4 + length].decode()
        except UnicodeDecodeError as error:
            raise Authentication("an event is not text", field="encrypt") from error

    def _cipher(self, data: bytes, *, decrypt: bool) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        cipher = Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16]))
        step = cipher.decryptor() if decrypt else cipher.encryptor()
        return step.update(data) + step.finalize()
