"""Applications behind Envoy, and clients before it."""

import collections
import http.client
import http.server
import socket
import ssl
import sys
import tempfile
import threading
import time
from typing import NamedTuple

from events import PATIENCE


class Asked(NamedTuple):
    """A request as a backend got it."""
    path: str
    headers: http.client.HTTPMessage
    certificate: bytes | None  # of the client, over TLS


def loaded(context, certificate):
    """The context, with the certificate: Python reads it from files only."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(certificate.chain + certificate.key)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def server_context(certificate, clients=None):
    context = loaded(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificate)
    if clients:
        context.load_verify_locations(cadata=clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class Backend:
    """An HTTP server in threads that answers with its name and the request, or as `reply` says:
    (status, [(header, value), …]) for an Asked. certificate: it speaks TLS. clients: PEM of the
    authority with which it verifies client certificates, which it then demands."""

    def __init__(self, name, address="127.0.0.1", reply=None, certificate=None, clients=None, port=0):
        backend = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                if self.headers.get("Upgrade", "").lower() == "websocket":
                    return self.echo()
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                peer = self.connection.getpeercert(True) if certificate else None
                asked = Asked(self.path, self.headers, peer)
                with backend.heard:
                    backend.asked.append(asked)
                    backend.heard.notify_all()
                status, more = backend.reply(asked) if backend.reply else (200, ())
                body = f"{backend.name} {self.headers['Host']} {self.path}\n".encode()
                self.send_response(status)
                for header in more:
                    self.send_header(*header)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("X-Backend", backend.name)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)
                backend.requests += 1

            def __getattr__(self, name):
                """Any other method."""
                if name.startswith("do_"):
                    return self.do_GET
                raise AttributeError(name)

            def finish(self):
                super().finish()
                with backend.heard:
                    backend.closed += 1
                    backend.heard.notify_all()

            def echo(self):
                self.send_response(101)
                self.send_header("Upgrade", "websocket")
                self.send_header("Connection", "Upgrade")
                self.send_header("X-Backend", backend.name)
                self.end_headers()
                while data := self.connection.recv(4096):
                    self.connection.sendall(data)
                self.close_connection = True

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *who):
                # A client that did not wait, does not like the certificate, or is not liked.
                if not isinstance(sys.exc_info()[1], OSError):
                    super().handle_error(*who)

        self.name = name
        self.reply = reply
        self.requests = 0
        self.asked = collections.deque(maxlen=1000)
        self.closed = 0  # connections
        self.heard = threading.Condition()
        self.names = []  # in the handshakes of clients
        self.server = Server((address, port), Handler)
        if certificate:
            context = server_context(certificate, clients)
            context.sni_callback = lambda _, name, __: self.names.append(name)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.address, self.port = self.server.server_address
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def wait_closed(self, n, timeout=PATIENCE):
        """Until so many of its connections have ended."""
        with self.heard:
            assert self.heard.wait_for(lambda: self.closed >= n, timeout), f"{self.closed} of {n}"

    def wait_asked(self, n, timeout=PATIENCE):
        """Until it has got so many requests since `asked` was cleared."""
        with self.heard:
            assert self.heard.wait_for(lambda: len(self.asked) >= n, timeout), f"{list(self.asked)}"
        return list(self.asked)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Answer(NamedTuple):
    status: int
    body: str
    headers: dict
    certificate: bytes | None
    cookies: list  # set-cookie, each as it came

    @property
    def backend(self):
        return self.headers.get("x-backend")


class Client:
    """Requests to one address; the name in the request is not where it goes."""

    def __init__(self, address, http=8080, https=8443, ca=None):
        self.address = address
        self.http = http
        self.https = https
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        if ca:
            self.context.load_verify_locations(cadata=ca)
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.check_hostname = True

    def connect(self, host, tls=False, sni=None, timeout=10):
        """sni: "" for none."""
        port = self.https if tls else self.http
        connection = http.client.HTTPConnection(self.address, port, timeout=timeout)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            name = host if sni is None else sni or None
            connection.sock = self.context.wrap_socket(connection.sock, server_hostname=name)
        return connection

    def get(self, host, path="/", tls=False, sni=None, headers=None, timeout=10):
        connection = self.connect(host, tls, sni, timeout)
        try:
            return self.on(connection, host, path, headers)
        finally:
            connection.close()

    def echo(self, host, path, data):
        """The status of a request for a WebSocket, and the echo of the text sent on it."""
        connection = self.connect(host)
        try:
            connection.request("GET", path, headers={
                "Host": host, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
            sock = connection.sock
            answer = connection.response_class(sock, method="GET")
            answer.begin()
            if answer.status != 101:
                return answer.status, None
            sock.sendall(data)
            back = b""
            while len(back) < len(data) and (more := answer.fp.read1(len(data) - len(back))):
                back += more
            return 101, back
        finally:
            connection.close()

    @staticmethod
    def on(connection, host, path="/", headers=None):
        connection.request("GET", path, headers={"Host": host, **(headers or {})})
        answer = connection.getresponse()
        sock = connection.sock
        certificate = sock.getpeercert(True) if isinstance(sock, ssl.SSLSocket) else None
        return Answer(answer.status, answer.read().decode(errors="replace"),
                      {k.lower(): v for k, v in answer.getheaders()}, certificate,
                      answer.headers.get_all("set-cookie", []))


class Load:
    """Requests in a loop from several threads, each on a connection of its own for `per_connection`
    requests, until told to stop. Everything but a 200 counts as failed."""

    def __init__(self, client, host, path="/", tls=False, threads=4, per_connection=20, sni=None):
        self.client = client
        self.asked = (host, path, tls, per_connection, sni)
        self.lock = threading.Condition()
        self.good = 0
        self.failed = []
        self.by_backend = {}
        self.stopping = False
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def _one(self, connection, host, path):
        answer = Client.on(connection, host, path)
        with self.lock:
            if answer.status == 200:
                self.good += 1
                self.by_backend[answer.backend] = self.by_backend.get(answer.backend, 0) + 1
            else:
                self.failed.append(f"{answer.status} {answer.body[:100]}")
            self.lock.notify_all()
        return answer.headers.get("connection") != "close"

    def _run(self):
        host, path, tls, per_connection, sni = self.asked
        while not self.stopping:
            try:
                connection = self.client.connect(host, tls, sni)
                for _ in range(per_connection):
                    # Envoy says "connection: close" where it drains; that is no failure.
                    if not self._one(connection, host, path) or self.stopping:
                        break
                connection.close()
            except (OSError, http.client.HTTPException) as error:
                with self.lock:
                    self.failed.append(f"{time.strftime('%X')} {type(error).__name__}: {error}")
                    self.lock.notify_all()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.more(20)
        return self

    def more(self, n, backend=None, timeout=PATIENCE):
        """Until n more requests have succeeded (at that backend), or any has failed."""
        def count():
            return self.by_backend.get(backend, 0) if backend else self.good

        with self.lock:
            wanted = count() + n
            assert self.lock.wait_for(lambda: count() >= wanted or self.failed, timeout), (
                f"{count()} of {wanted} requests in {timeout} s: {self.by_backend}")

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join(15)
