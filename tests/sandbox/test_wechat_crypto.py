from __future__ import annotations

import dataclasses

import pytest

from airflow_provider_docflow.core.wechat_crypto import Envelope, WechatCrypto
from airflow_provider_docflow.exceptions import Authentication, Misconfigured

KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
# Both were decrypted by other people's published clients (dingtalk-sdk 1.3.8, wechatpy 2.0.0a26).
DINGTALK = (
    "suiteKeyOrCorpId",
    "1700000000000",
    "success",
    "Q3stYC6hdFzMh9T8HCvyDPAbTGLFm5iluwoG/I4nbG2JmvR80tMdk1AG7jOlJ3istF2dPy9UrCWCGn/qeKijgA==",
    "1cf21f6dae34dd589a06e6bc4431e8c4245077d1",
)
WECOM = (
    "ww1234567890abcdef",
    "1700000000",
    "<xml><ToUserName><![CDATA[ww1]]></ToUserName><Event><![CDATA[sys_approval_change]]></Event></xml>",
    "Q3stYC6hdFzMh9T8HCvyDAnyMNo1sTE9LL/wwnGf4RtodXV4NPbiV0WcvAei7RfbzDQKqldRZqc/3N11O+r0wWYnl6s+BSWNTUtRCfATrYhY0CMI"
    "f2IYfT73HzPxJu211IRK7lgN4yExneh72vBxalFq/NdRtmeWdt8FDWswdf8cuVu2y/WjEpQc5dAKR3u/q29xqmPMA4B8QXWCXrEIpg==",
    "d5168a667664874d5679ea206bad8617b9bedbb7",
)


@pytest.mark.parametrize("vector", [DINGTALK, WECOM], ids=["dingtalk", "wecom"])
def test_published_vectors(vector: tuple[str, str, str, str, str]) -> None:
    receiver, timestamp, message, encrypt, signature = vector
    crypto = WechatCrypto("tok123", KEY, receiver)
    sealed = crypto.encrypt(message, timestamp=timestamp, nonce="abcdef12", random_bytes=b"0123456789abcdef")
    assert sealed == Envelope(encrypt, signature, timestamp, "abcdef12")
    assert crypto.decrypt(sealed) == message


@pytest.mark.parametrize("length", [*range(70), 5000])
def test_every_padding_comes_back(length: int) -> None:
    crypto = WechatCrypto("t", KEY, "corp")
    text = ("金" * length)[:length]
    assert crypto.decrypt(crypto.encrypt(text, timestamp="1", nonce="n")) == text


def test_random_prefix_differs() -> None:
    crypto = WechatCrypto("t", KEY, "corp")
    one, two = (crypto.encrypt("x", timestamp="1", nonce="n") for _ in range(2))
    assert one.encrypt != two.encrypt


@pytest.mark.parametrize("part", ["encrypt", "signature", "timestamp", "nonce"])
def test_a_changed_part_is_refused(part: str) -> None:
    crypto = WechatCrypto("t", KEY, "corp")
    sealed = crypto.encrypt("x", timestamp="1", nonce="n")
    changed = dataclasses.replace(sealed, **{part: getattr(sealed, part)[::-1] + "A"})
    with pytest.raises(Authentication) as caught:
        crypto.decrypt(changed)
    assert caught.value.field == "msg_signature"


def test_another_receiver_is_refused() -> None:
    sealed = WechatCrypto("t", KEY, "corp-a").encrypt("x", timestamp="1", nonce="n")
    with pytest.raises(Authentication, match="another receiver"):
        WechatCrypto("t", KEY, "corp-b").decrypt(sealed)


def test_another_key_is_refused() -> None:
    sealed = WechatCrypto("t", KEY, "corp").encrypt("x" * 100, timestamp="1", nonce="n")
    with pytest.raises(Authentication):
        WechatCrypto("t", KEY[::-1], "corp").decrypt(sealed)


@pytest.mark.parametrize("encrypt", ["", "***", "QUJD", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="])
def test_rubbish_under_a_good_signature_is_refused(encrypt: str) -> None:
    from airflow_provider_docflow.core.wechat_crypto import signature_of

    envelope = Envelope(encrypt, signature_of("t", "1", "n", encrypt), "1", "n")
    with pytest.raises(Authentication):
        WechatCrypto("t", KEY, "corp").decrypt(envelope)


def test_a_key_of_wrong_length_is_named() -> None:
    with pytest.raises(Misconfigured, match="42 characters"):
        WechatCrypto("t", KEY[:-1], "corp")
    with pytest.raises(Misconfigured):
        WechatCrypto("t", "*" * 43, "corp")


def test_spare_bits_of_the_last_character_do_not_matter() -> None:
    """The 43rd character carries two bits too many; vendors hand out keys in which they are set."""
    sealed = WechatCrypto("t", KEY[:-1] + "E", "corp").encrypt("x", timestamp="1", nonce="n")
    assert WechatCrypto("t", KEY, "corp").decrypt(sealed) == "x"
