"""The two protocols that fake_api.py serves, down to where one can do them wrong.

A connection reads requests and gives each to `serve(request)`, an iterator of steps that are done
one after the other; which steps there are says fake_api.py. All of this runs in one event loop.
"""

import asyncio
import dataclasses
import socket
import struct
import threading
import time
import urllib.parse

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import hyperframe.frame

HEAD_LIMIT = 65536


class Gate:
    """Holds a script where it yields the gate, until a thread of the test lets it go on."""

    def __init__(self):
        self._lock = threading.Lock()
        self._permits = 0
        self._open = False
        self._waiting = []

    def open(self):
        """Hold nothing from now on."""
        with self._lock:
            self._open = True
            waiting, self._waiting = self._waiting, []
        for loop, future in waiting:
            loop.call_soon_threadsafe(wake, future)

    def step(self, count=1):
        """Let `count` waits pass, future ones included."""
        with self._lock:
            self._permits += count
            now = min(self._permits, len(self._waiting))
            self._permits -= now
            waiting, self._waiting = self._waiting[:now], self._waiting[now:]
        for loop, future in waiting:
            loop.call_soon_threadsafe(wake, future)

    async def passed(self):
        with self._lock:
            if self._open or self._permits:
                self._permits -= not self._open
                return
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            self._waiting.append((loop, future))
        await future


def wake(future):
    if not future.done():
        future.set_result(None)


@dataclasses.dataclass
class Head:
    """Status and headers of the answer; without it a script begins with a 200 of JSON.

    With a length HTTP/1.1 has a Content-Length, true or not, and otherwise chunks. headers are
    (name, value), in lower case.
    """

    status: int = 200
    content_type: str = "application/json"
    headers: tuple = ()
    length: int | None = None


@dataclasses.dataclass
class Raw:
    """Bytes to the connection as they are: no chunk, no frame."""

    data: bytes


@dataclasses.dataclass
class Pieces:
    """A body in pieces of `size` bytes, each a chunk (or frame) and a TLS record of its own; with
    a gate, each waits for a step of that: a slow loris.
    """

    data: bytes
    size: int = 1
    gate: Gate | None = None


class Cut:
    """End the connection here, in good order but with no end of the body."""


class ResetConnection:
    """End the connection with a TCP reset."""


@dataclasses.dataclass
class ResetStream:
    """End this answer alone: HTTP/2's RST_STREAM. HTTP/1.1 can only cut."""

    code: int = h2.errors.ErrorCodes.INTERNAL_ERROR


@dataclasses.dataclass
class GoAway:
    """HTTP/2's GOAWAY: present streams go on, the client opens another connection for more.
    HTTP/1.1 has nothing similar, and cuts."""

    code: int = h2.errors.ErrorCodes.NO_ERROR


class Freeze:
    """The whole connection falls silent: nothing is read, answered or closed any more."""


class Over(Exception):
    """The script has ended its answer, and with `connection` all others on that too."""

    def __init__(self, outcome, connection=True):
        super().__init__(outcome)
        self.outcome = outcome
        self.connection = connection


class Request:
    """What a client asked, and how far it was answered.

    `method`, `path` (without the query), `query` (of the last value of each), `headers` (lower-case
    names), `body`; `connection` and `number` count from 1; `came` is a time of the monotonic clock,
    before any of the answer; `user` is the common name of the client's
    certificate. `sent` counts bytes of the answer's body. `outcome` is None while it is served, then
    "complete", "cut", "reset", "frozen", "gone" where the client left first, or "error" where the
    script itself failed.
    """

    def __init__(self, method, target, headers, connection):
        parts = urllib.parse.urlsplit(target)
        self.method = method
        self.target = target
        self.path = urllib.parse.unquote(parts.path)
        self.query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        self.headers = headers
        self.connection = connection.number
        self.came = time.monotonic()
        self.protocol = connection.protocol
        self.user = connection.user
        self.body = b""
        self.number = None
        self.sent = 0
        self.outcome = None

    @property
    def watch(self):
        return self.query.get("watch") in ("true", "1")

    def __repr__(self):
        return f"<{self.number}: {self.method} {self.target}, {self.protocol}: {self.outcome}>"


class Connection:
    """Common to both protocols: the stream, and running a script."""

    protocol = None

    def __init__(self, api, number, reader, writer):
        self.api = api
        self.number = number
        self.reader = reader
        self.writer = writer
        self.user = common_name(writer.get_extra_info("peercert"))
        self.frozen = False
        # So that drain() waits until the kernel has all bytes: separate writes of a script stay
        # separate. (With 0, asyncio's TLS would pause for ever.)
        writer.transport.set_write_buffer_limits(high=1)

    async def run_script(self, request, answer):
        """Do the steps of one request. Raises Over where that was the end of the connection."""
        try:
            steps = iter(self.api.serve(request))
            try:
                for step in steps:
                    await self.do(step, answer)
            finally:
                if hasattr(steps, "close"):
                    steps.close()
            await answer.begin()
            await answer.end()
            self.api.finish(request, "complete")
        except Over as over:
            self.api.finish(request, over.outcome)
            if over.connection:
                raise
        except (ConnectionError, h2.exceptions.ProtocolError):
            self.api.finish(request, "gone")
            raise Over("gone", connection=self.protocol != Http2.protocol) from None
        except asyncio.CancelledError:
            self.api.finish(request, "gone")
            raise
        except Exception as error:
            self.api.fail(error)
            self.api.finish(request, "error")
            raise Over("error") from error

    async def do(self, step, answer):
        await self.thaw()
        if isinstance(step, Gate):
            await step.passed()
        elif isinstance(step, Head):
            await answer.begin(step)
        elif isinstance(step, bytes):
            await answer.begin()
            await answer.body(step)
        elif isinstance(step, Pieces):
            await answer.begin()
            for at in range(0, len(step.data), step.size):
                if step.gate:
                    await step.gate.passed()
                await answer.body(step.data[at : at + step.size])
        elif isinstance(step, Raw):
            await self.send(step.data)
        elif isinstance(step, ResetStream):
            await answer.reset(step.code)
        elif isinstance(step, GoAway):
            await self.go_away(step.code)
        elif isinstance(step, Cut):
            self.writer.close()
            raise Over("cut")
        elif isinstance(step, ResetConnection):
            linger_not(self.writer.get_extra_info("socket"))
            self.writer.transport.abort()
            raise Over("reset")
        elif isinstance(step, Freeze):
            self.frozen = True
            self.writer.transport.pause_reading()
            self.api.finish(answer.request, "frozen")
            await self.thaw()
        else:
            raise TypeError(f"no step of a script: {step!r}")

    async def thaw(self):
        """Stays here on a frozen connection."""
        if self.frozen:
            await asyncio.get_running_loop().create_future()

    async def send(self, data):
        await self.thaw()
        if self.writer.transport.is_closing():
            raise ConnectionResetError
        self.writer.write(data)
        await self.writer.drain()
        # drain() alone would let a script without end keep the loop for itself.
        await asyncio.sleep(0)


def common_name(certificate):
    for part in (certificate or {}).get("subject", ()):
        for name, value in part:
            if name == "commonName":
                return value
    return None


def linger_not(connection):
    """Make the socket's close a TCP reset, whatever remains to be sent."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Http1(Connection):
    """HTTP/1.1: one request after the other."""

    protocol = "http/1.1"
    early = b""

    async def run(self):
        while (head := await self.read_head()) is not None:
            method, target, headers = head
            request = Request(method, target, headers, self)
            await self.read_body(request)
            self.api.record(request)
            script = asyncio.ensure_future(self.run_script(request, Http1Answer(self, request)))
            await self.watch_client(script)
            await script

    async def watch_client(self, script):
        """Wait for the end of the script, and cancel it if the client hangs up before.

        Early bytes of the client's next request are kept.
        """
        peek = asyncio.ensure_future(self.reader.read(1))
        try:
            await asyncio.wait({script, peek}, return_when=asyncio.FIRST_COMPLETED)
            if peek.done():
                self.early = b"" if peek.exception() else peek.result()
                if self.early or self.frozen:
                    await asyncio.wait({script})
        finally:
            script.cancel()
            peek.cancel()
            await asyncio.gather(peek, return_exceptions=True)

    async def go_away(self, code):
        self.writer.close()
        raise Over("cut")

    async def read_head(self):
        head = self.early
        self.early = b""
        while b"\r\n\r\n" not in head:
            more = await self.reader.readline()
            if not more or len(head) > HEAD_LIMIT:
                return None
            head += more
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        pairs = (line.partition(":") for line in lines[1:] if line)
        return method, target, {name.lower(): value.strip() for name, _, value in pairs}

    async def read_body(self, request):
        if request.headers.get("expect") == "100-continue":
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if request.headers.get("transfer-encoding") == "chunked":
            while size := int(await self.reader.readline(), 16):
                request.body += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readline()
        elif length := int(request.headers.get("content-length", 0)):
            request.body = await self.reader.readexactly(length)


class Http1Answer:
    """One answer on an HTTP/1.1 connection."""

    def __init__(self, connection, request):
        self.connection = connection
        self.request = request
        self.head = None

    async def begin(self, head=None):
        if self.head:
            return
        self.head = head = head or Head()
        lines = [f"HTTP/1.1 {head.status} Scripted", f"content-type: {head.content_type}"]
        lines += [f"{name}: {value}" for name, value in head.headers]
        if head.length is None:
            lines.append("transfer-encoding: chunked")
        else:
            lines.append(f"content-length: {head.length}")
        await self.connection.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    async def body(self, data):
        if self.head.length is None:
            await self.connection.send(b"%x\r\n%b\r\n" % (len(data), data))
        else:
            await self.connection.send(data)
        self.connection.api.progress(self.request, len(data))

    async def end(self):
        if self.head.length is None:
            await self.connection.send(b"0\r\n\r\n")

    async def reset(self, code):
        await self.connection.go_away(code)


class Http2(Connection):
    """HTTP/2: many requests at once, each with a task that goes through its script."""

    protocol = "h2"

    def __init__(self, api, number, reader, writer):
        super().__init__(api, number, reader, writer)
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self.h2 = h2.connection.H2Connection(config)
        self.last_stream = 0
        self.requests = {}
        self.tasks = {}
        self.window = asyncio.Condition()
        self.over = asyncio.get_running_loop().create_future()

    async def run(self):
        streams = h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS
        self.h2.update_settings({streams: self.api.streams})
        self.h2.initiate_connection()
        reading = asyncio.ensure_future(self.read())
        try:
            await asyncio.wait({reading, self.over}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
        finally:
            tasks = [reading, *self.tasks.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def flush(self):
        await self.send(self.h2.data_to_send())

    async def read(self):
        await self.flush()
        while data := await self.reader.read(65536):
            for event in self.h2.receive_data(data):
                self.take(event)
            await self.flush()
            async with self.window:
                self.window.notify_all()

    def take(self, event):
        stream = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.RequestReceived):
            headers = dict(event.headers)
            request = Request(headers.pop(":method"), headers.pop(":path"), headers, self)
            self.requests[stream] = request
            self.last_stream = stream
        elif isinstance(event, h2.events.DataReceived):
            self.requests[stream].body += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
        elif isinstance(event, h2.events.StreamReset):
            if task := self.tasks.get(stream):
                task.cancel()
        elif isinstance(event, h2.events.StreamEnded):
            request = self.requests.pop(stream)
            self.api.record(request)
            answer = Http2Answer(self, request, stream)
            self.tasks[stream] = asyncio.ensure_future(self.run_stream(request, answer))
            self.tasks[stream].add_done_callback(lambda _: self.tasks.pop(stream, None))

    async def run_stream(self, request, answer):
        try:
            await self.run_script(request, answer)
        except Over as over:
            if over.connection:
                wake(self.over)

    async def go_away(self, code):
        # By hand: h2 takes the connection for closed after it, and ours still has answers to send.
        frame = hyperframe.frame.GoAwayFrame(last_stream_id=self.last_stream, error_code=code)
        await self.send(frame.serialize())


class Http2Answer:
    """One answer on an HTTP/2 connection: a stream."""

    def __init__(self, connection, request, stream):
        self.connection = connection
        self.request = request
        self.stream = stream
        self.head = None

    async def begin(self, head=None):
        if self.head:
            return
        self.head = head = head or Head()
        headers = [(":status", str(head.status)), ("content-type", head.content_type)]
        if head.length is not None:
            headers.append(("content-length", str(head.length)))
        self.connection.h2.send_headers(self.stream, [*headers, *head.headers])
        await self.connection.flush()

    async def body(self, data):
        peer = self.connection.h2
        while data:
            async with self.connection.window:
                await self.connection.window.wait_for(
                    lambda: peer.local_flow_control_window(self.stream) > 0
                )
            size = min(peer.local_flow_control_window(self.stream), peer.max_outbound_frame_size)
            peer.send_data(self.stream, data[:size])
            await self.connection.flush()
            self.connection.api.progress(self.request, len(data[:size]))
            data = data[size:]

    async def end(self):
        self.connection.h2.end_stream(self.stream)
        await self.connection.flush()

    async def reset(self, code):
        self.connection.h2.reset_stream(self.stream, code)
        await self.connection.flush()
        raise Over("reset", connection=False)
