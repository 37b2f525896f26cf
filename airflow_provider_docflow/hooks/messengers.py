"""The ways to tell people: the products' own, mails, and what Apprise reaches. Each says what it promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow import systems
from airflow_provider_docflow.core.exchange import no_later_than
from airflow_provider_docflow.core.messages import Channel, Message
from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.ledger.requests import as_docflow

if TYPE_CHECKING:
    from airflow_provider_docflow.core.site import Site
    from airflow_provider_docflow.hooks.system import System

Answers = list[exc.DocflowError | None]
EMAIL, APPRISE = "email", "apprise"
Names = Sequence[str] | str


class Messenger(Protocol):
    """One way to tell people; it cannot be asked afterwards whether a message has arrived.

    :ivar target: names who is reached, whatever the connection is called.
    :ivar receivers: people, each told once; one empty name for a group.
    :ivar limit: how many messages may go out, if there is a limit.
    """

    kind: str
    target: str
    receivers: tuple[str, ...]
    limit: Limit | None

    def send(self, messages: Sequence[Message], not_after: float) -> Answers:
        """Send messages; one entry each, the error or None.

        :param not_after: monotonic seconds after which nothing may go out.
        """


@dataclass(frozen=True, kw_only=True)
class Reached:
    """What channels need: the same for all of them, or one's own in its place.

    :param docflow_conn_id: connection of the product whose channel it is.
    :param smtp_conn_id: connection of Airflow's SMTP provider.
    :param apprise_conn_id: connection of Airflow's Apprise provider.
    :param users: ids of people in the product; a list, or text with commas.
    :param mails: addresses for mails; a list, or text with commas.
    :param tag: which of the services of an Apprise connection.
    """

    docflow_conn_id: str = ""
    smtp_conn_id: str = "smtp_default"
    apprise_conn_id: str = "apprise_default"
    users: Names = ()
    mails: Names = ()
    tag: str = "all"


class ProductChannel:
    """A channel that a product's profile declares."""

    def __init__(self, kind: str, channel: Channel, system: System, users: Names) -> None:
        self.kind, self._channel, self._system = kind, channel, system
        site = system.address
        self.receivers = ("",) if channel.to == "group" else _named(users, "users", kind)
        self.limit = channel.limit(site)
        self.target = f"{kind}:{channel.target(self._site)}"

    @property
    def _site(self) -> Site:
        return self._system.site if self._channel.needs_login else self._system.address

    def send(self, messages: Sequence[Message], not_after: float) -> Answers:
        """Tell each receiver; see :class:`Messenger`."""
        site = self._site
        exchanges = [no_later_than(self._channel.send(site, one), not_after) for one in messages]
        answers = self._system.run_many(exchanges)
        return [as_docflow(answer, site) if isinstance(answer, Exception) else None for answer in answers]


def messengers(
    channels: Sequence[str | Mapping[str, Any]] | str | Mapping[str, Any],
    system_of: Callable[[str], System],
    reached: Reached,
) -> list[Callable[[], Messenger]]:
    """Return what connects each channel when it is needed, in the order in which they are tried.

    :param channels: names, or mappings with the name as ``channel`` and what this channel needs in place of
        ``reached``.
    :raises Misconfigured: a channel is unknown, or says something that no channel needs.
    """
    wanted = [channels] if isinstance(channels, str | Mapping) else list(channels)
    if not wanted:
        raise exc.Misconfigured("there is no channel.", field="channels", remedy=_CHOICE)
    return [_maker(*_split(one, reached), system_of) for one in wanted]


_CHOICE = "Use one or several of: email, apprise, or a product's, such as dingtalk_robot."


def _split(given: str | Mapping[str, Any], reached: Reached) -> tuple[str, Reached]:
    if isinstance(given, str):
        return given, reached
    own = dict(given)
    kind = str(own.pop("channel", ""))
    unknown = own.keys() - {field.name for field in fields(Reached)}
    if unknown:
        raise exc.Misconfigured(
            f"channel {kind!r} cannot have {', '.join(sorted(unknown))}.",
            field="channels",
            remedy=f"It may have: {', '.join(field.name for field in fields(Reached))}.",
        )
    return kind, replace(reached, **own)


def _maker(kind: str, reached: Reached, system_of: Callable[[str], System]) -> Callable[[], Messenger]:
    if kind == EMAIL:
        return lambda: _mail(reached)
    if kind == APPRISE:
        return lambda: _apprise(reached)
    product, channel = channel_of(kind)

    def make() -> Messenger:
        return ProductChannel(kind, channel, _of(product, system_of(reached.docflow_conn_id)), reached.users)

    return make


def channel_of(kind: str) -> tuple[str, Channel]:
    """Return which product a channel belongs to, and the channel.

    :raises Misconfigured: there is no such channel.
    """
    for product in sorted(systems.names(), key=len, reverse=True):
        name = kind.removeprefix(f"{product}_")
        if name != kind and name in (known := systems.profile_of(product).channels):
            return product, known[name]
    raise exc.Misconfigured(f"{kind!r} is no channel.", field="channels", remedy=_CHOICE)


def _of(product: str, system: System) -> System:
    site = system.address
    if site.profile.name != product:
        title = systems.profile_of(product).title
        raise exc.Misconfigured(
            f"connection {site.conn_id} leads to {site.profile.title}, not to {title}.",
            system=site.conn_id,
            field="docflow_conn_id",
            remedy=f"Name a {title} connection, or tell people by email.",
        )
    return system


def _mail(reached: Reached) -> Messenger:
    from airflow_provider_docflow.hooks.mailing import Mail

    return Mail(reached.smtp_conn_id, _named(reached.mails, "mails", EMAIL))


def _apprise(reached: Reached) -> Messenger:
    from airflow_provider_docflow.hooks.apprising import Services

    return Services(reached.apprise_conn_id, reached.tag)


def _named(people: Names, field: str, kind: str) -> tuple[str, ...]:
    if isinstance(people, str):
        people = people.split(",")
    found = tuple(dict.fromkeys(name.strip() for name in people if name.strip()))
    if not found:
        raise exc.Misconfigured(f"{kind} has nobody to tell.", field=field, remedy=f"Fill in {field}.")
    return found
