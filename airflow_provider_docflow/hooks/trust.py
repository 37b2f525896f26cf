"""Whom TLS trusts: read once per process, for reading it takes longer than many a request."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache

import httpx2


def trust(verify: bool) -> ssl.SSLContext:
    """Return the TLS settings of a client; shared by all clients that trust the same.

    :param verify: False takes any certificate.
    """
    return _trust(verify, os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", ""))


@lru_cache(maxsize=8)
def _trust(verify: bool, cert_file: str, cert_dir: str) -> ssl.SSLContext:
    return httpx2.create_ssl_context(verify=verify)
