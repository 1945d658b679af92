"""A Kubernetes API server that does what a test has written down, right or wrong.

For what a real server will not do on demand. A test says what a request receives:

    def expired(request):
        yield Head(content_type=JSON_WATCH)
        yield event(JSON_WATCH, "ADDED", "v1", "Service", item)
        yield gate                      # until the test says gate.open()
        yield error_event(JSON_WATCH, 410, "Expired", "too old")

    api.on("/api/v1/services", expired, watch=True)

A script is a function of the Request that yields steps (or just a list of them): bytes of the
body, a Gate to wait at, and what else is imported from fake_http below. An answer without Head is a
200 of JSON. Scripts are run by the server's thread and must not block but by yielding a Gate.

What no script answers finds an empty cluster: no objects, silent watches. All requests are
recorded. HTTP/1.1 in the clear; with a certificate TLS, and HTTP/2 with clients that offer it.
"""

import asyncio
import json
import re
import socket
import ssl
import tempfile
import threading

from events import PATIENCE
from fake_http import (  # noqa: F401
    Cut,
    Freeze,
    Gate,
    GoAway,
    Head,
    Http1,
    Http2,
    Over,
    Pieces,
    Raw,
    Request,
    ResetConnection,
    ResetStream,
    linger_not,
)
from kube_api import RESOURCES
from kube_bytes import (
    JSON,
    JSON_WATCH,
    PROTOBUF,
    PROTOBUF_WATCH,
    bookmark,
    list_body,
    status_body,
)
from kubeconfig import write_kubeconfig


def accepts_protobuf(request):
    return PROTOBUF in request.headers.get("accept", "")


def encoding(request):
    """The content type that a real server would answer a list or a watch in."""
    if request.watch:
        return PROTOBUF_WATCH if accepts_protobuf(request) else JSON_WATCH
    return PROTOBUF if accepts_protobuf(request) else JSON


def refusal(code, reason, text, headers=()):
    """A script that answers with a Status: 404, 410, 429 with ("retry-after", "1")…"""
    return [Head(code, JSON, tuple(headers)), status_body(JSON, code, reason, text)]


def reserve(host):
    """A socket that has a port and does not listen: nobody else gets the port while its server is away."""
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.bind((host, 0))
    return place


class Rule:
    """One on(): which requests it takes, and how many more."""

    def __init__(self, pattern, script, method, watch, times):
        self.pattern = re.compile(pattern)
        self.script = script
        self.method = method
        self.watch = watch
        self.left = times

    def takes(self, request):
        return (
            self.left != 0
            and self.method in (None, request.method)
            and self.watch in (None, request.watch)
            and self.pattern.fullmatch(request.path) is not None
        )


class FakeApi:
    """A server in a thread. Use as a context manager, or close(): that raises what a script raised.

    certificate (of certs.Authority.issue) makes it TLS, and client_ca (PEM) lets clients show one of
    theirs; http2=False offers HTTP/1.1 alone, streams limits those at once on a connection.
    listen(host, port) makes the listening socket, such as netns.listen in a network namespace.

    While `mute` is true connections are accepted, but nobody says anything on them. `requests` and
    `connections` (a count) are of all so far.
    """

    def __init__(
        self,
        *,
        certificate=None,
        client_ca=None,
        http2=True,
        streams=250,
        host="127.0.0.1",
        listen=None,
    ):
        self.tls = self._tls(certificate, client_ca, http2) if certificate else None
        self.streams = streams
        self.place = None if listen else reserve(host)
        self.listen = listen or (lambda host, port: socket.create_server((host, port)))
        self.listener = self.listen(host, self.place.getsockname()[1] if self.place else 0)
        self.host, self.port = self.listener.getsockname()[:2]
        self.url = f"{'https' if self.tls else 'http'}://{host}:{self.port}"
        self.mute = False
        self.changed = threading.Condition()
        self.requests = []
        self.rules = []
        self.errors = []
        self.connections = 0
        self._open = {}
        self._loop = asyncio.new_event_loop()
        self._stopped = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="fake API server", daemon=True)
        self._thread.start()

    @staticmethod
    def _tls(certificate, client_ca, http2):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
        if client_ca:
            context.load_verify_locations(cadata=client_ca)
            context.verify_mode = ssl.CERT_OPTIONAL
        with tempfile.NamedTemporaryFile("w", encoding="ascii") as pem:
            pem.write(certificate.chain + certificate.key)
            pem.flush()
            context.load_cert_chain(pem.name)
        return context

    def __enter__(self):
        return self

    def __exit__(self, exc_type, *exc):
        self.close(check=exc_type is None)

    def close(self, check=True):
        """End all connections and the thread; raises the first exception of a script."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set_result, None)
            self._thread.join()
        self.listener.close()
        if self.place:
            self.place.close()
        if check and self.errors:
            raise self.errors[0]

    # For the test's own thread.

    def on(self, path, script, *, method=None, watch=None, times=None):
        """Answer requests for a path (a regular expression of all of it) with a script.

        watch=True or False takes only watches or all but them; times limits how often. What was
        said last comes first.
        """
        rule = Rule(path, script, method, watch, -1 if times is None else times)
        with self.changed:
            self.rules.insert(0, rule)

    def seen(self, path=None, *, method=None, watch=None):
        """The requests so far that on() with the same words would take, in their order."""
        rule = Rule(path or ".*", None, method, watch, -1)
        with self.changed:
            return [request for request in self.requests if rule.takes(request)]

    def wait_for(self, path=None, *, count=1, outcome=None, timeout=PATIENCE, **words):
        """Wait for the count-th request of seen(path, …), and return it.

        With an outcome (or a tuple of them) wait until it has ended in that way.
        """
        outcomes = (outcome,) if isinstance(outcome, str) else outcome

        def there():
            found = self.seen(path, **words)[count - 1 : count]
            return found if not outcomes or (found and found[0].outcome in outcomes) else None

        return self.wait_until(there, timeout)[0]

    def wait_until(self, true, timeout=PATIENCE):
        """Wait until true() is, looked at whenever a request comes, ends or sends more."""
        with self.changed:
            if not self.changed.wait_for(true, timeout):
                raise TimeoutError(f"not so after {timeout} s; asked so far: {self.requests}")
            return true()

    def go_away(self):
        """Reset every connection and refuse new ones, as a server that was killed."""
        self._call(self._stop_listening)

    def come_back(self):
        """Listen again, on the same port."""
        self.listener = self.listen(self.host, self.port)
        self._call(self._start_listening)

    def drop_connections(self):
        """Reset every connection; new ones are taken."""
        self._call(self._drop)

    def kubeconfig(self, path, authority=None, user=None, **options):
        """Write a kubeconfig for this server; the authority is that of its certificate."""
        ca = authority.text if authority else None
        return write_kubeconfig(path, self.url, user, ca=ca, **options)

    # For a connection, in the server's thread.

    def serve(self, request):
        """The steps of the first rule that takes the request."""
        with self.changed:
            rule = next((rule for rule in self.rules if rule.takes(request)), None)
            if rule:
                rule.left -= 1
        script = rule.script if rule else empty_cluster
        return script(request) if callable(script) else script

    def record(self, request):
        with self.changed:
            self.requests.append(request)
            request.number = len(self.requests)
            self.changed.notify_all()

    def progress(self, request, count):
        with self.changed:
            request.sent += count
            self.changed.notify_all()

    def finish(self, request, outcome):
        with self.changed:
            request.outcome = request.outcome or outcome
            self.changed.notify_all()

    def fail(self, error):
        self.errors.append(error)

    # The server's thread.

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._main())
        self._loop.close()

    async def _main(self):
        await self._start_listening()
        await self._stopped
        await self._stop_listening()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _call(self, function):
        asyncio.run_coroutine_threadsafe(function(), self._loop).result(PATIENCE)

    async def _start_listening(self):
        self.listener.setblocking(False)
        self._accepting = asyncio.ensure_future(self._accept())

    async def _stop_listening(self):
        self._accepting.cancel()
        await asyncio.gather(self._accepting, return_exceptions=True)
        self.listener.close()
        await self._drop()

    async def _drop(self):
        tasks = list(self._open.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self):
        while True:
            connection, _ = await self._loop.sock_accept(self.listener)
            with self.changed:
                self.connections += 1
                number = self.connections
                self.changed.notify_all()
            self._open[number] = asyncio.ensure_future(self._take(number, connection))

    async def _take(self, number, connection):
        """One connection from beginning to end."""
        writer = None
        try:
            if self.mute:
                await self._loop.create_future()
            reader = asyncio.StreamReader()
            protocol = asyncio.StreamReaderProtocol(reader)
            transport, _ = await self._loop.connect_accepted_socket(
                lambda: protocol, connection, ssl=self.tls
            )
            writer = asyncio.StreamWriter(transport, protocol, reader, self._loop)
            tls = writer.get_extra_info("ssl_object")
            kind = Http2 if tls and tls.selected_alpn_protocol() == "h2" else Http1
            await kind(self, number, reader, writer).run()
            writer.close()
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError, Over):
            # Half of the tests are about clients that leave.
            if writer:
                writer.close()
        except asyncio.CancelledError:
            linger_not(connection)
            if writer:
                writer.transport.abort()
            raise
        except Exception as error:
            self.errors.append(error)
            raise
        finally:
            del self._open[number]
            if not writer:
                connection.close()


COLLECTION = re.compile(r"/(?:api/(v1)|apis/([^/]+/[^/]+))(?:/namespaces/[^/]+)?/([^/]+)")
KINDS = {(version, plural): kind for kind, (version, plural, _) in RESOURCES.items()}


def empty_cluster(request):
    """A real server's answers without objects and without custom kinds."""
    if request.path == "/version":
        yield json.dumps({"major": "1", "minor": "35", "gitVersion": "v1.35.0"}).encode()
        return
    match = COLLECTION.fullmatch(request.path)
    version, plural = (match[1] or match[2], match[3]) if match else (None, None)
    kind = KINDS.get((version, plural))
    if kind is None or kind == "CustomResourceDefinition" or request.method != "GET":
        yield from refusal(404, "NotFound", "the server could not find the requested resource")
        return
    content_type = encoding(request)
    yield Head(content_type=content_type)
    if not request.watch:
        yield list_body(content_type, version, kind)
        return
    if request.query.get("sendInitialEvents") == "true":
        yield bookmark(content_type, version, kind, "1", end=True)
    yield Gate()
