from __future__ import annotations

import hashlib

import pytest

from airflow_provider_docflow.core.lark_crypto import LarkCipher, check_lark_signature, lark_signature
from airflow_provider_docflow.core.signing import lark_robot_signature
from airflow_provider_docflow.exceptions import Authentication


def test_the_vector_of_the_vendors_page() -> None:
    sealed = "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk="
    assert LarkCipher("test key").decrypt(sealed) == "hello world"


def test_the_robots_vector() -> None:
    found = lark_robot_signature(1_700_000_000, "feishu-bot-secret")
    assert found == "Q4FS+NQ4v/BgCqHYM/0ZOgddUZYcmQYoJtxIB4VIk8c="


def test_what_is_sealed_opens_and_nothing_else_does() -> None:
    cipher = LarkCipher("test key")
    sealed = cipher.encrypt("审批 ✓", iv=bytes(16))
    assert sealed == cipher.encrypt("审批 ✓", iv=bytes(16)) != cipher.encrypt("审批 ✓")
    assert cipher.decrypt(sealed) == "审批 ✓"
    for spoiled in (sealed[:-4], "", "no base64!", sealed[:24]):
        with pytest.raises(Authentication):
            cipher.decrypt(spoiled)
    with pytest.raises(Authentication):
        LarkCipher("another key").decrypt(sealed)


def test_the_signature_covers_every_part() -> None:
    good = lark_signature("1700000000", "n1", "key", b'{"encrypt": "x"}')
    assert good == hashlib.sha256(b'1700000000n1key{"encrypt": "x"}').hexdigest()
    check_lark_signature(good, "1700000000", "n1", "key", b'{"encrypt": "x"}')
    for parts in (
        ("1700000001", "n1", "key", b'{"encrypt": "x"}'),
        ("1700000000", "n2", "key", b'{"encrypt": "x"}'),
        ("1700000000", "n1", "kez", b'{"encrypt": "x"}'),
        ("1700000000", "n1", "key", b'{"encrypt":"x"}'),
    ):
        with pytest.raises(Authentication):
            check_lark_signature(good, *parts)
