"""A peer that keeps every byte it is sent and answers with the bytes it was told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Answer = bytes | None
"""What is sent back for a request; None closes the connection without a word, b"" says nothing and waits."""


@dataclass
class Peer:
    """What came in, request by request, and on how many connections."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def reply(body: bytes = b"ok", *, status: str = "200 OK", head: bytes = b"") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n".encode() + head + b"\r\n" + body


@asynccontextmanager
async def answering(
    answer: Callable[[int], Answer], *, then_close: bool = False, at_once: bytes = b""
) -> AsyncIterator[Peer]:
    """Serve requests; ``answer`` is given how many have come, this one included.

    :param at_once: said before anybody has asked.
    """
    peer = Peer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer.connections += 1
        writer.write(at_once)
        try:
            while not at_once and (request := await _one(reader)):
                peer.requests.append(request)
                peer.asked.set()
                said = answer(len(peer.requests))
                if said is None:
                    return
                writer.write(said)
                await writer.drain()
                if then_close:
                    return
        except ConnectionError:
            pass
        finally:
            peer.left.set()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()


async def _one(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as ended:
        return ended.partial
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + await reader.readexactly(int(lengths[0].partition(b":")[2]) if lengths else 0)
