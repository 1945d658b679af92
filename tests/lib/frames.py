"""The link protocol (docs/understand/ipc-protocol.md) in Python, written independently of the C
code: a test can play any stage, read a link as a reader, or send frames that no stage would send.

Nothing here runs by itself: a wait function handles frames until its condition is true or the time
is up.
"""

import functools
import os
import select
import socket
import struct
import subprocess
import time
from typing import NamedTuple

import xxhash
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from events import PATIENCE
from programs import TOP

MAGIC = 0x4E4C5450
HEADER = struct.Struct("<IIHBBIQ")
MAJOR, MINOR = 1, 0
BATCH = 256 * 1024

HELLO, SNAPSHOT_BEGIN, SNAPSHOT_ITEMS, SNAPSHOT_END, DELTA, ACK, RESYNC, BYE = range(1, 9)
NAMES = ("", "Hello", "SnapshotBegin", "SnapshotItems", "SnapshotEnd", "Delta", "Ack", "Resync", "Bye")

PART = 32  # resource kind of a part: that of its resource and this
QUARANTINE = 31  # changes that the translator holds back: not a resource
RESOURCE_KINDS = {
    1: "cluster", 2: "endpoint", 3: "secret", 4: "listener", 5: "scoped-route", 6: "route",
    7: "virtual-host", 8: "runtime", 9: "extension-config", 16: "newer-listener",
}
REPORT_ENVOY, REPORT_REJECT = 1, 2


@functools.cache
def schema():
    """Classes of proto/ipc.proto by name."""
    proto = TOP / "proto"
    run = [os.environ.get("PROTOC") or "protoc", f"-I{proto}", "--descriptor_set_out=/dev/stdout",
           "ipc.proto"]
    done = subprocess.run(run, check=True, stdout=subprocess.PIPE)
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(done.stdout).file:
        pool.Add(file)
    file = pool.FindFileByName("ipc.proto")
    return {n: message_factory.GetMessageClass(d) for n, d in file.message_types_by_name.items()}


def message(name, /, **fields):
    return schema()[name](**fields)


class Item(NamedTuple):
    kind: int
    key: bytes
    meta: bytes
    value: bytes

    def hash(self):
        seed = (self.kind << 56) ^ (len(self.key) << 28) ^ len(self.meta)
        data = b"\0".join((self.key, self.meta, self.value, b""))
        return xxhash.xxh3_64_intdigest(data, seed & (1 << 64) - 1)


class State(dict):
    """(kind, key): Item, with the counters of the C one."""

    def __init__(self):
        super().__init__()
        self.generation = 0
        self.source = 0
        self.complete = False

    def put(self, kind, key, value=b"", meta=b""):
        item = Item(kind, _bytes(key), _bytes(meta), _bytes(value))
        self[item.kind, item.key] = item

    def remove(self, kind, key):
        self.pop((kind, _bytes(key)), None)

    def digest(self):
        return sum(i.hash() for i in self.values()) & (1 << 64) - 1


def _bytes(value):
    return value.encode() if isinstance(value, str) else bytes(value)


class Frame(NamedTuple):
    type: int
    generation: int
    payload: bytes

    @property
    def name(self):
        return NAMES[self.type] if 0 < self.type < len(NAMES) else f"type {self.type}"

    def message(self):
        return schema()[self.name].FromString(self.payload)


def encode(type, generation=0, body=b"", *, length=None, major=MAJOR, minor=MINOR, magic=MAGIC):
    """A frame's bytes; the keywords are for telling lies."""
    payload = body if isinstance(body, bytes) else body.SerializeToString()
    length = len(payload) if length is None else length
    return HEADER.pack(magic, length, type, major, minor, 0, generation) + payload


class Input:
    """Bytes in, frames out."""

    def __init__(self):
        self.data = bytearray()

    def add(self, data):
        self.data += data

    def __iter__(self):
        while len(self.data) >= HEADER.size:
            magic, length, type, major, _, reserved, generation = HEADER.unpack_from(self.data)
            assert magic == MAGIC and reserved == 0 and major == MAJOR, bytes(self.data[:24])
            if len(self.data) < HEADER.size + length:
                return
            payload = bytes(self.data[HEADER.size : HEADER.size + length])
            del self.data[: HEADER.size + length]
            yield Frame(type, generation, payload)


class Mirror:
    """Follows a state by its frames; asserts that they are right."""

    def __init__(self):
        self.state = State()
        self.aside = None
        self.snapshots = self.deltas = 0
        self.log = []  # of deltas that ended: (source, keys put, keys removed)
        self._touched = (set(), set())

    def take(self, frame):
        """The generation to acknowledge, or None."""
        body = frame.message()
        if frame.type == SNAPSHOT_BEGIN:
            self.aside = State()
            self.aside.source = body.source
        elif frame.type == SNAPSHOT_ITEMS:
            self._put(self.aside, body.items)
        elif frame.type == SNAPSHOT_END:
            return self._swap(frame.generation, body)
        elif frame.type == DELTA:
            return self._delta(frame.generation, body)
        return None

    @staticmethod
    def _put(state, items):
        for i in items:
            state.put(i.kind, i.key, i.value, i.meta)

    def _check(self, state, body):
        assert len(state) == body.count
        assert state.digest() == body.digest

    def _swap(self, generation, body):
        self._check(self.aside, body)
        self.state, self.aside = self.aside, None
        self.state.generation = generation
        self.state.complete = True
        self.snapshots += 1
        return generation

    def _delta(self, generation, body):
        if self.aside is None:
            assert body.since == self.state.generation
            self.aside = State()
            self.aside.update(self.state)
            self._touched = (set(), set())
        self._put(self.aside, body.puts)
        for k in body.removes:
            self.aside.remove(k.kind, k.key)
        self._touched[0].update((i.kind, i.key) for i in body.puts)
        self._touched[1].update((k.kind, k.key) for k in body.removes)
        if body.more:
            return None
        self._check(self.aside, body)
        self.state, self.aside = self.aside, None
        self.state.generation = generation
        self.state.source = body.source
        self.state.complete = True
        self.deltas += 1
        self.log.append((body.source, *self._touched))
        return generation


class Closed(Exception):
    """The other side has gone; the text is its BYE, if it said one."""


class Connection:
    """A connected socket with HELLO said and frames handled on demand."""

    def __init__(self, sock, role, send=None, product="portolan", hello=True):
        self.sock = sock
        self.role = role
        self.send = send
        self.mirror = Mirror()
        self.input = Input()
        self.hello = None
        self.bye = None
        self.resyncs = []
        self.sent = {}
        self.acked = 0
        self.waiting_for = None
        if hello:
            self.write(encode(HELLO, 0, message("Hello", product=product, role=role, major=MAJOR,
                                                minor=MINOR, pid=os.getpid(), boot="test")))

    def write(self, data):
        self.sock.sendall(data)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- our state ----

    def push(self):
        """Sends our state if the peer does not have it: a snapshot first, then deltas."""
        s = self.send
        if s is None or not s.complete or self.hello is None or self.waiting_for is not None:
            return
        if self.acked == s.generation:
            return
        if not self.acked:
            self.write(snapshot(s))
        else:
            puts = [i for k, i in s.items() if self.sent.get(k) != i]
            removes = [k for k in self.sent if k not in s]
            self.write(delta(s, self.acked, puts, removes))
        self.waiting_for = s.generation
        self.sent = dict(s)

    @property
    def in_sync(self):
        return self.send is None or (self.waiting_for is None and self.acked == self.send.generation)

    # ---- the peer's ----

    def handle(self, frame):
        if frame.type == HELLO:
            self.hello = frame.message()
        elif frame.type == ACK:
            assert frame.generation == self.waiting_for
            self.acked, self.waiting_for = frame.generation, None
        elif frame.type == RESYNC:
            self.resyncs.append(frame.message().reason)
            self.acked, self.waiting_for = 0, None
        elif frame.type == BYE:
            self.bye = frame.message().reason
        else:
            generation = self.mirror.take(frame)
            if generation is not None:
                self.write(encode(ACK, generation))
        self.push()

    def turn(self):
        """Handles what can be read now."""
        try:
            data = self.sock.recv(1 << 20)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed(self.bye or "")
        self.input.add(data)
        for frame in self.input:
            try:
                self.handle(frame)
            except BrokenPipeError:
                pass  # it has gone: its earlier frames still count

    def wait(self, done, timeout=PATIENCE):
        """Handles frames until done(self) is true."""
        end = time.monotonic() + timeout
        self.push()
        while not done(self):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                raise TimeoutError(f"{self.role}: not in {timeout} s; state at source "
                                   f"{self.mirror.state.source}")
            self.turn()
        return self.mirror.state

    def wait_closed(self, timeout=PATIENCE):
        """Until the peer hangs up; returns its BYE or ""."""
        try:
            self.wait(lambda _: False, timeout)
        except Closed as closed:
            return str(closed)

    def wait_source(self, source, timeout=PATIENCE):
        return self.wait(lambda c: c.mirror.state.complete and c.mirror.state.source >= source, timeout)

    def wait_in_sync(self, timeout=PATIENCE):
        self.wait(lambda c: c.in_sync, timeout)


def snapshot(state):
    parts = [encode(SNAPSHOT_BEGIN, state.generation,
                    message("SnapshotBegin", source=state.source, count=len(state)))]
    items, size = [], 0
    for i in [*state.values(), None]:
        if i is not None:
            items.append(message("Item", **i._asdict()))
            size += len(i.key) + len(i.meta) + len(i.value) + 32
        if items and (i is None or size >= BATCH):
            parts.append(encode(SNAPSHOT_ITEMS, state.generation,
                                message("SnapshotItems", items=items)))
            items, size = [], 0
    parts.append(encode(SNAPSHOT_END, state.generation,
                        message("SnapshotEnd", count=len(state), digest=state.digest())))
    return b"".join(parts)


def delta(state, since, puts, removes):
    return encode(DELTA, state.generation, message(
        "Delta", since=since, source=state.source, count=len(state), digest=state.digest(),
        puts=[message("Item", **i._asdict()) for i in puts],
        removes=[message("ItemKey", kind=kind, key=key) for kind, key in removes]))


def connect(path, role, send=None, **hello):
    """As a consumer, or with the role "reader" as an observer."""
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(os.fspath(path))
    return Connection(sock, role, send, **hello)


class Producer:
    """Stands in for the stage that listens at a link: accepts one peer after the other."""

    def __init__(self, path, role):
        self.path = os.fspath(path)
        self.role = role
        self.state = State()
        self.peer = None
        self.connections = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path + ".new")
        os.chmod(self.path + ".new", 0o600)
        self.listener.listen()
        os.rename(self.path + ".new", self.path)

    def close(self):
        if self.peer:
            self.peer.close()
        self.listener.close()
        os.unlink(self.path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def mirror(self):
        return self.peer.mirror.state if self.peer else State()

    def commit(self, source):
        self.state.generation += 1
        self.state.source = source
        self.state.complete = True
        try:
            if self.peer:
                self.peer.push()
        except BrokenPipeError:
            self.peer.close()
            self.peer = None

    def wait(self, done, timeout=PATIENCE):
        """Accepts and handles frames until done(self) is true."""
        end = time.monotonic() + timeout
        while not done(self):
            left = end - time.monotonic()
            watched = [self.listener] + ([self.peer.sock] if self.peer else [])
            readable = select.select(watched, [], [], max(0, left))[0] if left > 0 else []
            if not readable:
                raise TimeoutError(f"{self.role}: not in {timeout} s")
            if self.peer and self.peer.sock in readable:
                try:
                    self.peer.turn()
                except Closed:
                    self.peer.close()
                    self.peer = None
            if self.listener in readable:
                if self.peer:
                    self.peer.close()
                self.peer = Connection(self.listener.accept()[0], self.role, self.state)
                self.connections += 1

    def wait_in_sync(self, timeout=PATIENCE):
        self.wait(lambda p: p.peer and p.peer.hello and p.peer.in_sync, timeout)


def resources(state):
    """{(kind name, resource name): (version, encoded resource)} of a resources link's state."""
    parts = {}
    for item in state.values():
        if item.kind > PART:
            name, part = item.key.split(b"\0", 1)
            parts.setdefault((item.kind - PART, name), []).append((part, item.value))
    whole = {}
    for item in state.values():
        if item.kind in RESOURCE_KINDS:
            more = b"".join(v for _, v in sorted(parts.get((item.kind, item.key), [])))
            name = RESOURCE_KINDS[item.kind], item.key.decode()
            whole[name] = item.meta.decode(), item.value + more
    return whole


def read_stream(data):
    """The frames of a stream that a program wrote into a file or pipe."""
    source = Input()
    source.add(data)
    frames = list(source)
    assert not source.data, f"{len(source.data)} bytes after the last frame"
    return frames
