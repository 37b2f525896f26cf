"""Accounts for servers that refuse to run as root."""

from __future__ import annotations

import os
import pwd
import tempfile
from pathlib import Path
from typing import Any


def unprivileged(*accounts: str) -> str | None:
    """Return the account that a server should run as.

    :param accounts: preferred accounts, best first.
    :returns: None when this process is not root and needs no other account.
    """
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in (*accounts, "nobody", "daemon") if name in known)


def folder_for(account: str | None, prefix: str) -> Path:
    """Make a folder that ``account`` owns; a temporary one, because others may be closed to it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    if account:
        entry = pwd.getpwnam(account)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    return folder


def identity(account: str | None) -> dict[str, Any]:
    """Return what ``subprocess`` has to be told to run a program as ``account``."""
    if account is None:
        return {}
    entry = pwd.getpwnam(account)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
