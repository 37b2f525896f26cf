"""What a product can tell people, and what each way promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from airflow_provider_docflow.core.exchange import Exchange

if TYPE_CHECKING:
    from airflow_provider_docflow.core.profile import Limit
    from airflow_provider_docflow.core.site import Site


@dataclass(frozen=True)
class Message:
    """What one receiver is told.

    :param receiver: a person there; empty for a group.
    :param mark: the same for the same message, whenever it is sent.
    """

    receiver: str
    text: str
    title: str = ""
    mark: str = ""


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One way in which a product tells people; its name is ``<product>_<channel>``.

    ``send`` answers None when the product has taken the message for this receiver, and raises otherwise: a
    person who cannot be reached is ``Rejected`` with the field ``users``, an end that nobody saw is
    ``UnknownOutcome``.

    :param to: a group, which has no receivers of its own, or single people by their ids there.
    :param target: names who or what is reached, whatever the connection is called; never shows a secret.
    :param needs_login: whether the application's login and instance are needed; a robot has its own key.
    :param limit: how many messages may go out through this channel, apart from the connection's limits.
    """

    send: Callable[[Site, Message], Exchange[None]]
    to: Literal["group", "people"]
    target: Callable[[Site], str]
    needs_login: bool = True
    limit: Callable[[Site], Limit | None] = lambda site: None
