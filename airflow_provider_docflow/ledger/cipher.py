"""Encryption of what only docflow may read: payloads, snapshots, tokens, personal data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from airflow_provider_docflow.exceptions import LedgerUnavailable, Misconfigured
from airflow_provider_docflow.ledger.columns import json_text

_REMEDY = "Give the ledger the Fernet keys it was written with; the first encrypts, all of them decrypt."


class Cipher:
    """Encrypts JSON values with the first key and reads with any of them.

    :param keys: Fernet keys.
    :raises Misconfigured: there is no key, or one is not a Fernet key.
    """

    def __init__(self, keys: Sequence[str | bytes]) -> None:
        if not keys or isinstance(keys, (str, bytes)):
            raise Misconfigured("the ledger needs a list with at least one Fernet key", remedy=_REMEDY)
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except (ValueError, TypeError):
            raise Misconfigured("a key of the ledger is not a Fernet key", remedy=_REMEDY) from None

    def seal(self, value: Any) -> str:
        """Return the value, which must be JSON, as encrypted text."""
        return self.seal_text(json_text(value))

    def seal_text(self, text: str) -> str:
        """Do the same for a value that is canonical JSON text already."""
        return self._fernet.encrypt(text.encode("utf-8")).decode("ascii")

    def open(self, text: str) -> Any:
        """Return the value that :meth:`seal` encrypted.

        :raises LedgerUnavailable: no key fits, or the text was altered.
        """
        try:
            return json.loads(self._fernet.decrypt(text.encode("ascii")))
        except (InvalidToken, UnicodeEncodeError):
            raise LedgerUnavailable("no key of the ledger opens this row", remedy=_REMEDY) from None

    def reseal(self, text: str) -> str:
        """Return the text encrypted anew with the first key.

        :raises LedgerUnavailable: no key fits.
        """
        try:
            return self._fernet.rotate(text.encode("ascii")).decode("ascii")
        except (InvalidToken, UnicodeEncodeError):
            raise LedgerUnavailable("no key of the ledger opens this row", remedy=_REMEDY) from None
