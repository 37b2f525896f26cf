"""One connection as protocol code sees it: where, as whom, with which settings. Its repr shows no secret."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx2

from airflow_provider_docflow.core.redact import MASK, is_secret_name
from airflow_provider_docflow.exceptions import Misconfigured

if TYPE_CHECKING:
    from airflow_provider_docflow.core.profile import SystemProfile

SHORTEST_SECRET = 4
"""Blanking shorter ones would make texts unreadable and protects nothing."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """Settings of one connection.

    :param instance: the system's own name of itself; empty until it was asked.
    :param settings: the connection's extra fields, only those that the profile declares.
    """

    profile: SystemProfile
    conn_id: str
    base_url: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    database: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    instance: str = ""

    def anonymous(self, base_url: str | None = None) -> Site:
        """Return the site for calls that carry no login, such as the login itself.

        :param base_url: where they go, if not to the same address.
        """
        bare = replace(self.profile, login=None, sign=None)
        return replace(self, profile=bare, base_url=self.base_url if base_url is None else base_url)

    def setting(self, name: str, default: Any = None) -> Any:
        """Return a setting, its declared default, or ``default``."""
        value = self.settings.get(name)
        if value not in (None, ""):
            return value
        declared = self.profile.conn_fields.get(name, {}).get("schema", {}).get("default")
        return default if declared is None else declared

    def required(self, name: str) -> Any:
        """Return a setting that the connection must have.

        :raises Misconfigured: it is empty.
        """
        value = self.setting(name)
        if value in (None, ""):
            raise Misconfigured(
                f"connection {self.conn_id} lacks the field {name}.",
                system=self.profile.name,
                field=name,
                remedy=f"Fill in {name} of the connection {self.conn_id}.",
            )
        return value

    @property
    def known_instance(self) -> str:
        """Return the system's name of itself, which every reference carries.

        :raises Misconfigured: it was not asked yet; the connection's name never stands in for it.
        """
        if not self.instance:
            raise Misconfigured(
                f"the instance behind connection {self.conn_id} is not known.",
                system=self.profile.name,
                field="instance",
                remedy="Ask the system for its instance before reading or writing documents.",
            )
        return self.instance

    @property
    def time_zone(self) -> tzinfo:
        """Return the zone in which this system writes its clock times."""
        name = str(self.setting("time_zone", "UTC"))
        try:
            return UTC if name == "UTC" else ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise Misconfigured(
                f"time zone {name!r} of connection {self.conn_id} is unknown.",
                system=self.profile.name,
                field="time_zone",
                remedy="Use an IANA name such as Asia/Shanghai.",
            ) from None

    def conceal(self, text: str) -> str:
        """Return ``text`` without this connection's secrets, which some systems repeat in their errors."""
        forms = {form for secret in self.secrets() for form in _written(secret)}
        for form in sorted(forms, key=len, reverse=True):
            if len(form) >= SHORTEST_SECRET:
                text = text.replace(form, MASK)
        return text

    def secrets(self) -> list[str]:
        """Return the values that nobody may see: the form hides them, or their names say so."""
        named = (value for name, value in self.settings.items() if self._is_secret(name))
        return [value for value in (self.password, *named) if isinstance(value, str) and value]

    def _is_secret(self, name: str) -> bool:
        hidden = self.profile.conn_fields.get(name, {}).get("schema", {}).get("format") == "password"
        return hidden or is_secret_name(name)

    def url(self, path: str, **parts: Any) -> httpx2.URL:
        """Return ``base_url`` + ``path`` with ``parts`` filled in, each quoted."""
        filled = path.format(**{name: quote(str(value), safe="") for name, value in parts.items()})
        return _parsed(filled if "://" in filled else f"{self.base_url.rstrip('/')}/{filled.lstrip('/')}")

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | str | None = None,
        data: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **parts: Any,
    ) -> httpx2.Request:
        """Build a request to this site; Decimals in ``json`` keep every digit."""
        heads = {"Accept": "application/json", **(headers or {})}
        if json is not None:
            content = dumps(json)
            heads.setdefault("Content-Type", "application/json; charset=utf-8")
        seconds = timeout or float(self.setting("timeout_seconds", self.profile.timeout_seconds))
        return httpx2.Request(
            method,
            self.url(path, **parts),
            params=params,
            headers=heads,
            content=content,
            data=data,
            extensions={"timeout": httpx2.Timeout(seconds).as_dict()},
        )


@lru_cache(maxsize=256)
def _parsed(text: str) -> httpx2.URL:
    """Return an address, which is never changed in place: a batch asks for the same one at every request."""
    return httpx2.URL(text)


def _written(secret: str) -> set[str]:
    """Return a secret as it stands in texts, addresses, JSON and errors of Python."""
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret), repr(secret)[1:-1]}
    return {secret, *quoted, *(jsonlib.dumps(secret, ensure_ascii=pure)[1:-1] for pure in (True, False))}


_encode = jsonlib.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def dumps(value: Any) -> bytes:
    """Return compact JSON in UTF-8.

    :raises TypeError: a value is no JSON value; a Decimal must have been given its form (number
        as text) by the profile, because a float would lose digits.
    """
    return _encode(value).encode()
