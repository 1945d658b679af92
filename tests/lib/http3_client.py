"""A client for HTTP/3 (RFC 9114) over QUIC, by aioquic: one connection, one request."""

import asyncio
import ssl
from typing import NamedTuple

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated


class Answer(NamedTuple):
    status: int
    headers: dict


class _Protocol(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic)
        self.answer = asyncio.get_running_loop().create_future()
        self.answer.add_done_callback(lambda done: done.cancelled() or done.exception())

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated) and not self.answer.done():
            self.answer.set_exception(ConnectionError(event.reason_phrase))
        for seen in self.http.handle_event(event):
            if isinstance(seen, HeadersReceived) and not self.answer.done():
                headers = {name.decode(): value.decode() for name, value in seen.headers}
                self.answer.set_result(Answer(int(headers.pop(":status")), headers))

    async def get(self, host, path):
        stream = self._quic.get_next_available_stream_id()
        self.http.send_headers(stream, [
            (b":method", b"GET"), (b":scheme", b"https"), (b":authority", host.encode()),
            (b":path", path.encode())], end_stream=True)
        self.transmit()
        return await self.answer


async def _get(address, port, host, path, sni, ca, timeout):
    settings = QuicConfiguration(alpn_protocols=H3_ALPN, server_name=sni or host,
                                 idle_timeout=timeout)
    if ca:
        settings.load_verify_locations(cadata=ca)
    else:
        settings.verify_mode = ssl.CERT_NONE
    async with asyncio.timeout(timeout):
        async with connect(address, port, configuration=settings, create_protocol=_Protocol) as client:
            return await client.get(host, path)


def get(address, host, path="/", port=8443, sni=None, ca=None, timeout=10):
    """ConnectionError or TimeoutError if there is no connection. ca: PEM, by which the certificate is verified."""
    ca = ca.encode() if isinstance(ca, str) else ca
    return asyncio.run(_get(address, port, host, path, sni, ca, timeout))
