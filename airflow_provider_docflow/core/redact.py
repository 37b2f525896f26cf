"""What must never reach a log line, an exception, an XCom or a logged URL."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

MASK = "***"
_SECRET_NAME = re.compile(
    r"(pass(word|wd)?|secret|token|(?:api|access|aes|encrypt|robot)[-_]?key|authorization|signature|^sign$|session|cookie|credential)",
    re.IGNORECASE,
)
# The run before the word is bounded and starts at a word: unbounded, a long text takes quadratic time.
_IN_TEXT = re.compile(
    r"""(?ix)
    (?P<name>["']?(?:(?<![\w-])[\w-]{1,48})?(?:password|passwd|secret|token|(?:api|access|aes|encrypt|robot)[-_]?key|authorization|signature|appkey|sign)["']?)
    (?P<sep>\s*[:=]\s*)
    (?P<value>(?:bearer|basic|session)\s+[^\s,;&"'}]+|"[^"]*"|'[^']*'|[^\s,;&"'}]+)
    """
)
_SCHEME = re.compile(r"(?i)\b(bearer|basic|session)\s+[A-Za-z0-9._~+/=-]{8,}")
_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s:@]+:[^/\s@]*@")


def is_secret_name(name: str) -> bool:
    """Tell whether a field of this name holds a secret."""
    return bool(_SECRET_NAME.search(name))


def redact_url(url: str) -> str:
    """Return ``url`` without user info and with the values of secret parameters blanked."""
    parts = urlsplit(url)
    host = parts.netloc.rsplit("@", 1)[-1]
    query = urlencode(
        [
            # A robot's address ends in key=, and that is all that protects it.
            (name, MASK if is_secret_name(name) or name == "key" else value)
            for name, value in parse_qsl(parts.query, True)
        ],
        safe="*",
    )
    return urlunsplit((parts.scheme, host, parts.path, query, ""))


def redact_text(text: str) -> str:
    """Return ``text`` with everything that looks like a named secret blanked."""
    text = _USERINFO.sub(rf"\1{MASK}@", text)
    text = _IN_TEXT.sub(lambda found: f"{found['name']}{found['sep']}{MASK}", text)
    return _SCHEME.sub(lambda found: f"{found[1]} {MASK}", text)


def redact(value: Any) -> Any:
    """Return a copy of a JSON value with the values of secret fields blanked."""
    if isinstance(value, dict):
        return {
            name: MASK if is_secret_name(str(name)) and inner not in (None, "") else redact(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(inner) for inner in value]
    return redact_text(value) if isinstance(value, str) else value
