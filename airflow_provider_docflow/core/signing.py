"""Signatures that systems want on requests or put on theirs. Pure functions of their arguments."""

from __future__ import annotations

import base64
import hashlib
import hmac


def robot_signature(timestamp_ms: int, secret: str) -> str:
    """Return what DingTalk's group robots want as ``sign``, in base64 and not yet quoted for a URL.

    :param timestamp_ms: the ``timestamp`` that travels with it; it must be within an hour of theirs.
    :param secret: the robot's secret, beginning with ``SEC``; it is both key and part of the message.
    """
    message = f"{timestamp_ms}\n{secret}".encode()
    return base64.b64encode(hmac.digest(secret.encode(), message, hashlib.sha256)).decode()


def lark_robot_signature(timestamp: int, secret: str) -> str:
    """Return what Feishu's group robots want as ``sign``, in base64.

    :param timestamp: seconds; they travel with it and must be within an hour of theirs.
    :param secret: the robot's secret; with the time it is the key, and what is signed is empty.
    """
    key = f"{timestamp}\n{secret}".encode()
    return base64.b64encode(hmac.digest(key, b"", hashlib.sha256)).decode()


def same(expected: str, given: str) -> bool:
    """Tell whether two signatures are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(expected.encode(), given.encode())
