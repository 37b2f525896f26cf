"""Which file systems SQLite's locks can be trusted on."""

from __future__ import annotations

import re
from pathlib import Path

from airflow_provider_docflow.exceptions import LedgerUnavailable

_NETWORK = re.compile(
    r"nfs\d*|cifs|smb\d*|smbfs|9p|afs|ceph|gfs2?|glusterfs|lustre|beegfs|gpfs|ocfs2|ncpfs|davfs|"
    r"virtiofs|vboxsf|vmhgfs|fuse\..*(sshfs|gluster|ceph|s3|gcs|blob|rclone|nfs|smb|dav|lustre|juice|goofys|grpc|hgfs).*"
)
_MOUNTS = Path("/proc/self/mountinfo")


def refuse_network_filesystem(path: Path, mountinfo: Path = _MOUNTS) -> None:
    """Refuse a path that other machines may write to as well.

    SQLite's write-ahead log lives in shared memory and its locks are the kernel's: over a network both fail
    silently. Where the machine does not tell its mounts (no ``/proc``), nothing is checked.

    :raises LedgerUnavailable: the file system is a network file system.
    """
    try:
        mounts = mountinfo.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    kind = _filesystem(path.resolve(), mounts)
    if _NETWORK.fullmatch(kind):
        raise LedgerUnavailable(
            f"the SQLite ledger {path} lies on a network file system ({kind}), where its locks do not hold",
            remedy="Move it to a local disk, or use PostgreSQL or MySQL for the ledger.",
        )


def _filesystem(path: Path, mounts: str) -> str:
    best, kind = -1, ""
    for line in mounts.splitlines():
        head, _, tail = line.partition(" - ")
        fields = head.split()
        if len(fields) < 5 or not tail:
            continue
        mounted = Path(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[4]))
        depth = len(mounted.parts)
        if depth >= best and (path == mounted or mounted in path.parents):
            best, kind = depth, tail.split()[0]
    return kind
