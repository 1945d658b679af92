"""A client of HTTP/2 that sends exactly what a test asks, on one connection."""

import socket
import ssl

import h2.config
import h2.connection
import h2.events

_CONFIG = h2.config.H2Configuration(client_side=True, header_encoding="utf-8", validate_outbound_headers=False,
                                    normalize_outbound_headers=False, validate_inbound_headers=False)


class H2Client:
    """context: for TLS, with the server name sni; None: HTTP/2 from the first byte on."""

    def __init__(self, address, port, context=None, sni=None, timeout=10):
        self.sock = socket.create_connection((address, port), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            self.sock = context.wrap_socket(self.sock, server_hostname=sni)
        self.own_address = self.sock.getsockname()[0]
        self.h2 = h2.connection.H2Connection(_CONFIG)
        self.h2.initiate_connection()
        self.closed = False

    def close(self):
        self.sock.close()

    def _events(self):
        self.sock.sendall(self.h2.data_to_send())
        while not self.closed:
            try:
                data = self.sock.recv(65536)
            except (ssl.SSLError, ConnectionError):
                data = b""
            if not data:
                self.closed = True
                return
            yield from self.h2.receive_data(data)
            self.sock.sendall(self.h2.data_to_send())

    def get(self, scheme, authority, path, method="GET", headers=()):
        """(status, headers, body), or None if the stream is reset."""
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path),
                                      *((k.lower(), v) for k, v in headers)], end_stream=True)
        status, found, body = None, {}, b""
        for event in self._events():
            if isinstance(event, h2.events.ConnectionTerminated):
                self.closed = True
                return None
            if getattr(event, "stream_id", None) != stream:
                continue
            if isinstance(event, h2.events.ResponseReceived):
                found = dict(event.headers)
                status = int(found[":status"])
            elif isinstance(event, h2.events.DataReceived):
                body += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
            elif isinstance(event, h2.events.StreamReset):
                return None
            elif isinstance(event, h2.events.StreamEnded):
                return status, found, body
        return None
