"""RSA as three products of China want it on their logins."""

from __future__ import annotations

import base64
from typing import Literal

from airflow_provider_docflow.exceptions import Misconfigured


def encrypted(public_key: str, text: str, *, padding: Literal["pkcs1", "oaep"]) -> str:
    """Return ``text`` encrypted block by block with a public key, in base64.

    :param public_key: its DER in base64, with or without the lines of PEM.
    :param padding: PKCS#1 v1.5, or OAEP with SHA-256 for the digest and the mask.
    :raises Misconfigured: it is no RSA public key.
    """
    from cryptography.hazmat.primitives.asymmetric import padding as paddings
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    lines = [line for line in public_key.strip().splitlines() if not line.startswith("-----")]
    try:
        key = load_der_public_key(base64.b64decode("".join(lines), validate=True))
    except ValueError:
        key = None
    if not isinstance(key, RSAPublicKey):
        raise Misconfigured(
            "the public key of the connection is none.",
            system="rest",
            field="public_key",
            remedy="Copy the whole key from the product's back office, in one line.",
        )
    oaep = paddings.OAEP(mgf=paddings.MGF1(algorithm=SHA256()), algorithm=SHA256(), label=None)
    chosen = oaep if padding == "oaep" else paddings.PKCS1v15()
    room = key.key_size // 8 - (66 if padding == "oaep" else 11)
    data = text.encode()
    blocks = [data[at : at + room] for at in range(0, len(data), room)] or [b""]
    return base64.b64encode(b"".join(key.encrypt(block, chosen) for block in blocks)).decode()
