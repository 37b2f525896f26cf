"""Token buckets of one process: how much may come in before anything is looked at."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import AddressValueError, IPv6Address

MOST_KEYS = 4096
_HOST_BITS = 64


def peer_of(host: str) -> str:
    """Return whom an address counts as: in IPv6 one machine has 2 to the 64 of them."""
    try:
        found = IPv6Address(host)
    except AddressValueError:
        return host
    return str(found.ipv4_mapped or int(found) >> _HOST_BITS)


class Rates:
    """One bucket per key; the keys that were not heard of for the longest time are forgotten.

    :param rate: tokens per second.
    :param burst: tokens that a full bucket holds.
    """

    def __init__(
        self, rate: float, burst: float, *, clock: Callable[[], float] = time.monotonic, most: int = MOST_KEYS
    ) -> None:
        self._rate, self._burst, self._clock, self._most = rate, burst, clock, most
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> bool:
        """Take a token; tell whether there was one."""
        now = self._clock()
        left, at = self._buckets.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        enough = left >= 1.0
        self._buckets[key] = (left - 1.0 if enough else left, now)
        while len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return enough
